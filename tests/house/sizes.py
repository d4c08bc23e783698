"""A room this big is usually two."""

from pathlib import Path

from tests.house.rooms import modules

CEILING = 400
EXCEPTIONS: dict[str, str] = {}
"""Module path -> why it may be longer."""


def problems(root: Path) -> list[str]:
    found: list[str] = []
    for path in modules(root):
        name = path.relative_to(root).as_posix()
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > CEILING and name not in EXCEPTIONS:
            found.append(f"{name} has {lines} lines, more than {CEILING}: make it two modules")
        if name in EXCEPTIONS and lines <= CEILING:
            found.append(f"{name} needs no exception any more")
    found += [f"{name} is excepted but gone" for name in EXCEPTIONS if not (root / name).is_file()]
    return found
