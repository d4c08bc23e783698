"""A borrower's JSON file, read and checked before anything is done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from pathlib import Path

    from schemas.loan import BorrowerFile

_LARGEST = 8 * 1024 * 1024


def read_borrower(path: Path) -> BorrowerFile:
    """Read the file; `InvalidRequest` says in one sentence why it is none."""
    from pydantic import ValidationError

    from schemas.errors import InvalidRequest
    from schemas.loan import BorrowerFile
    from schemas.validation import sentence_of

    try:
        if path.stat().st_size > _LARGEST:
            raise InvalidRequest(f"{path.name} is too large to be a borrower's file")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error
    try:
        return BorrowerFile.model_validate_json(content)
    except ValidationError as error:
        raise InvalidRequest(f"{path.name}: {sentence_of(error)}") from error
