"""Reading a file that says how orders fill, or what the gate enforces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 1_000_000


def read_policy(path: Path) -> dict[str, Any]:
    """Return a YAML or JSON file's mapping; `InvalidRequest` says what is wrong with the file."""
    import yaml

    from schemas.errors import InvalidRequest

    try:
        if path.stat().st_size > MOST_BYTES:
            raise InvalidRequest(f"{path} is too large to be a policy")
        content: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"{path} is neither YAML nor JSON") from error
    if not isinstance(content, dict):
        raise InvalidRequest(f"{path} holds no settings by name: see config/ for examples")
    return {str(name): value for name, value in cast("dict[object, Any]", content).items()}
