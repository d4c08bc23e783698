"""An imported data set on disk: one parquet file and the manifest that names and vouches for it.

The manifest is replaced as a whole, after the file it names is safe; a reader therefore sees the
old set or the new one.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from adapters.market.table import PriceArrays
from schemas.base import Message, Sha256
from schemas.errors import NotFound, Unavailable, UntrustworthyData
from schemas.market import DatasetInfo, ImportReport

MANIFEST = "manifest.json"
_FIELDS = ("open", "high", "low", "close", "volume")


class Manifest(Message):
    """What is on disk, and the checksum it must have."""

    info: DatasetInfo
    file: str
    sha256: Sha256
    report: ImportReport


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


def read_prices(folder: Path, manifest: Manifest) -> PriceArrays:
    """Return the prices that the manifest vouches for; `UntrustworthyData` when they differ.

    `FileNotFoundError` when another import has just replaced the file: read the manifest again.
    """
    # pyarrow is slow to import; nothing but imported data needs it.
    import pyarrow as pa
    from pyarrow import parquet

    content = (folder / manifest.file).read_bytes()
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise UntrustworthyData(
            f"the file of the data set {folder.name!r} does not match its checksum: import it again"
        )
    table = parquet.read_table(pa.BufferReader(content))
    coded = table.column("symbol").combine_chunks()
    symbols = tuple(coded.dictionary.to_pylist())
    days = table.column("session").to_numpy().astype("datetime64[D]")
    sessions = np.unique(days)
    at = (sessions.searchsorted(days), coded.indices.to_numpy())
    grids = [np.full((len(sessions), len(symbols)), np.nan, order="F") for _ in _FIELDS]
    for name, grid in zip(_FIELDS, grids, strict=True):
        grid[at] = table.column(name).to_numpy()
    return PriceArrays(symbols, sessions, *grids)


def write(folder: Path, manifest: Manifest, arrays: PriceArrays) -> None:
    """Write the set whole or not at all; what was there before stays until the new one is safe.

    `manifest.file` and `manifest.sha256` are filled in here. `Unavailable` on a full, read-only or
    forbidden disk, which is left as it was.
    """
    try:
        with _draft(folder.parent) as draft:
            data = draft / "prices.parquet"
            _write_parquet(data, arrays)
            digest = _digest(data)
            # Named by content: a reader of the old manifest never opens the new file by mistake.
            named = manifest.model_copy(
                update={"file": f"prices-{digest[:16]}.parquet", "sha256": digest}
            )
            (draft / MANIFEST).write_text(named.model_dump_json(indent=1), encoding="utf-8")
            for path in (data, draft / MANIFEST):
                _sync(path)
            data.rename(draft / named.file)
            _publish(draft, folder, named.file)
    except OSError as error:
        raise Unavailable(_sentence(error)) from error


@contextmanager
def _draft(parent: Path) -> Generator[Path]:
    draft = parent / f".import-{uuid.uuid4().hex}"
    draft.mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _publish(draft: Path, folder: Path, data: str) -> None:
    _sync(draft)
    if not folder.exists():
        draft.rename(folder)
        _sync(folder.parent)
        return
    (draft / data).replace(folder / data)
    (draft / MANIFEST).replace(folder / MANIFEST)
    _sync(folder)
    for old in folder.glob("prices-*.parquet"):
        if old.name != data:
            old.unlink(missing_ok=True)


def _write_parquet(path: Path, arrays: PriceArrays) -> None:
    # pyarrow is slow to import; nothing but imported data needs it.
    import pyarrow as pa
    from pyarrow import parquet

    columns, rows = np.nonzero(~np.isnan(arrays.close.T))
    symbol = pa.DictionaryArray.from_arrays(
        pa.array(columns.astype(np.int32)), pa.array(arrays.symbols, pa.string())
    )
    table = pa.table(
        {"symbol": symbol, "session": pa.array(arrays.sessions[rows].astype("datetime64[D]"))}
        | {name: pa.array(getattr(arrays, name)[rows, columns]) for name in _FIELDS}
    )
    parquet.write_table(table, path, compression="zstd")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sentence(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full: nothing was imported"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "the data folder cannot be written: nothing was imported"
    return f"the data folder cannot be used ({os.strerror(error.errno or 0)}): nothing was imported"
