"""A data set on disk: segments of facts, the compiled cache, and the manifest that vouches for it.

The manifest is replaced as a whole, after all that it names is safe; a reader therefore sees the
old set or the new one. Whoever writes holds the home's one lock.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import chain
from pathlib import Path

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa
from pydantic import ValidationError

from adapters.clock import SystemClock
from adapters.market.blocks import give_back
from adapters.market.cache import FORMAT, write_cache
from adapters.market.compiled import ordered
from adapters.market.facts import SCHEMAS, Facts
from adapters.market.identity import described
from adapters.market.segments import FIELDS, Segment, bar_tables, sync, write_segment
from adapters.market.table import Floats, PriceArrays
from schemas.base import Message, Sha256, sha256_of
from schemas.errors import Conflict, NotFound, Unavailable, UntrustworthyData
from schemas.market import DatasetInfo, ImportReport

MANIFEST = "manifest.json"
_DRAFT = ".import-"


class Manifest(Message):
    """What is on disk; `file` is the folder of the cache that is made of exactly these segments."""

    info: DatasetInfo
    file: str
    sha256: Sha256
    report: ImportReport
    segments: tuple[Segment, ...] = ()


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest; `NotFound` without one, `UntrustworthyData` when it is damaged."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"there is no data set called {folder.name!r}") from error
    except ValidationError as error:
        raise UntrustworthyData(
            f"the manifest of the data set {folder.name!r} is damaged: import it again"
        ) from error
    except OSError as error:
        raise Unavailable(f"the data set {folder.name!r} cannot be read") from error


def write(
    folder: Path,
    manifest: Manifest,
    arrays: PriceArrays,
    facts: Facts | None = None,
    *,
    provider: str = "files",
    stored_time: datetime | None = None,
) -> Manifest:
    """Write a whole set or nothing; what was there before stays until the new one is safe.

    The arrays are bars known at their sessions' close, from `provider`, stored now unless told
    otherwise; `facts["bars"]` are those that became known later. Returns the manifest with all
    that follows from the content filled in. `Unavailable` on a full, read-only or forbidden disk,
    which is left as it was. The caller holds the lock.
    """
    facts = facts or Facts()
    facts = Facts({kind: ordered(kind, [facts[kind]]) for kind in SCHEMAS})
    arrays = _holding(arrays, facts)
    stored_time = stored_time or SystemClock().now()
    rows: dict[str, Iterable[pa.Table]] = {kind: [facts[kind]] for kind in SCHEMAS}
    first = bar_tables(arrays, provider=provider, stored_time=stored_time)
    rows["bars"] = chain(first, rows["bars"])
    with disk_errors(), draft_in(folder.parent) as draft:
        give_back()  # what was read, before as much is written
        segments = write_segments(draft, rows)
        give_back()
        named = vouching(manifest, segments, arrays, facts)
        return publish(draft, folder, named, content=(arrays, facts))


def write_segments(draft: Path, rows: Mapping[str, Iterable[pa.Table]]) -> tuple[Segment, ...]:
    """Write the rows of each kind into the draft."""
    written = (write_segment(draft, kind, tables) for kind, tables in rows.items())
    return tuple(segment for segment in written if segment)


def vouching(
    manifest: Manifest, segments: tuple[Segment, ...], arrays: PriceArrays, facts: Facts
) -> Manifest:
    """Return the manifest of exactly these segments, whose content is these arrays and facts."""
    info = described(manifest.info, arrays, facts, segments)
    # The prices of one set of segments may be compiled differently by another version.
    digest = sha256_of([FORMAT, info.calendar, [segment.sha256 for segment in segments]])
    return Manifest(
        info=info,
        file=f"cache-{digest[:16]}",
        sha256=digest,
        report=manifest.report.model_copy(update={"data_hash": info.data_hash}),
        segments=segments,
    )


def publish(
    draft: Path, folder: Path, manifest: Manifest, *, content: tuple[PriceArrays, Facts]
) -> Manifest:
    """Make the draft, and what of the old set the manifest still names, the data set."""
    write_cache(draft / manifest.file, *content)
    (draft / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    sync(draft / MANIFEST)
    sync(draft)
    if folder.exists():
        _move_into(folder, draft)
        _sweep(folder, manifest)
    else:
        draft.rename(folder)
        sync(folder.parent)
    return manifest


def reword(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest by one that says the same data set's content in other words."""
    with disk_errors("changed"), draft_in(folder.parent) as draft:
        (draft / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
        sync(draft / MANIFEST)
        (draft / MANIFEST).replace(folder / MANIFEST)
        sync(folder)


def mend_cache(folder: Path, manifest: Manifest, arrays: PriceArrays, facts: Facts) -> None:
    """Put a new cache where it is missing or damaged."""
    with draft_in(folder.parent) as draft:
        write_cache(draft / manifest.file, arrays, facts)
        _take_place(draft / manifest.file, folder / manifest.file, draft)
        sync(folder)


def remove(folder: Path) -> None:
    """Remove a whole data set: at once for readers, then from the disk."""
    with disk_errors("deleted"), draft_in(folder.parent) as draft:
        folder.rename(draft / folder.name)
        sync(folder.parent)


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Hold the only right to write data sets below that folder; `Conflict` when another does.

    Sweeps away what killed writers left.
    """
    with disk_errors():
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("another import is running; try again when it has ended") from error
        for stale in folder.glob(f"{_DRAFT}*"):
            shutil.rmtree(stale, ignore_errors=True)
        yield


@contextmanager
def draft_in(parent: Path) -> Generator[Path]:
    """Give a new hidden folder, which is gone afterwards unless it was renamed."""
    draft = parent / f"{_DRAFT}{uuid.uuid4().hex}"
    draft.mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def disk_errors(done: str = "imported") -> Generator[None]:
    """Translate what the disk says; `done` is what has not been done."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"{_sentence(error)}: nothing was {done}") from error


def _holding(arrays: PriceArrays, facts: Facts) -> PriceArrays:
    """Return the arrays with a place for every bar that became known later, and for no other."""
    late = facts["bars"]
    bars = ~np.isnan(arrays.close)
    sessions = np.union1d(
        arrays.sessions.astype("datetime64[D]")[bars.any(axis=1)], late.column("session").to_numpy()
    )
    names = {*late.column("instrument").cast(pa.string()).to_pylist()}
    names.update(np.array(arrays.symbols, dtype=object)[bars.any(axis=0)].tolist())
    symbols = tuple(sorted(names))
    if symbols == arrays.symbols and np.array_equal(sessions, arrays.sessions):
        return arrays
    kept = np.flatnonzero([symbol in names for symbol in arrays.symbols])
    from_row = np.flatnonzero(np.isin(arrays.sessions, sessions))
    to_row = sessions.searchsorted(arrays.sessions[from_row])
    to_column = np.searchsorted(symbols, np.array(arrays.symbols)[kept])
    grids: list[Floats] = []
    for name in FIELDS:
        grid = np.full((len(sessions), len(symbols)), np.nan, order="F")
        grid[np.ix_(to_row, to_column)] = getattr(arrays, name)[np.ix_(from_row, kept)]
        grids.append(grid)
    return PriceArrays(symbols, sessions, *grids)


def _move_into(folder: Path, draft: Path) -> None:
    fresh: list[Path] = []
    try:
        for path in sorted(draft.iterdir()):
            if path.name != MANIFEST:
                if not (folder / path.name).exists():
                    fresh.append(folder / path.name)
                _take_place(path, folder / path.name, draft)
        sync(folder)
        (draft / MANIFEST).replace(folder / MANIFEST)
    except OSError:
        for path in fresh:
            _drop(path)
        raise
    try:
        sync(folder)
    except OSError as error:
        raise Unavailable(
            "the new data are in place, but the disk did not confirm that they will stay"
        ) from error


def _take_place(path: Path, target: Path, draft: Path) -> None:
    """Put a file or a folder where its like may be; what was there goes with the draft."""
    if target.is_dir():
        target.rename(draft / f"old-{target.name}")
    path.replace(target)


def _sweep(folder: Path, manifest: Manifest) -> None:
    named = {MANIFEST, manifest.file, *(segment.file for segment in manifest.segments)}
    for path in folder.iterdir():
        if path.name not in named:
            _drop(path)


def _drop(path: Path) -> None:
    """Remove a file or folder that nobody needs; the next writer tries again."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _sentence(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "the data folder cannot be written"
    return f"the data folder cannot be used ({os.strerror(error.errno or 0)})"
