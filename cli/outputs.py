"""A finished job's files on disk: each is written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def prepare(folder: Path) -> None:
    """Make sure files can be written there; `Unavailable` says why not, before any work is done."""
    from schemas.errors import InvalidRequest, Unavailable

    if folder.exists() and not folder.is_dir():
        raise InvalidRequest(f"{folder} is a file, not a folder: choose another with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise Unavailable(f"cannot write to {folder}: {error.strerror}") from error


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files; when one cannot be written, none of the new ones remains."""
    from schemas.errors import Unavailable

    drafts = {folder / f".{name}.{os.getpid()}": folder / name for name in files}
    try:
        for draft, path in drafts.items():
            draft.write_bytes(files[path.name])
        for draft, path in drafts.items():
            draft.replace(path)
    except OSError as error:
        raise Unavailable(f"cannot write to {folder}: {error.strerror}") from error
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
