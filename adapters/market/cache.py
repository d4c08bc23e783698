"""The compiled form of a data set: Arrow IPC files, uncompressed, to be mapped into memory.

Processes share the mapped pages. In `prices.arrow` each row is an instrument and each field a list
of T values, one a session; laid one after another they are the column-major arrays of shape (T, N)
that a `PriceTable` reads. Each kind of facts is a file of its own. A cache can always be made anew
from the segments, so whatever is wrong with it is no more than a reason to do so.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa
from pyarrow import ipc

from adapters.market.facts import SCHEMAS, Facts
from adapters.market.segments import FIELDS, sync
from adapters.market.table import PriceArrays

FORMAT = 1
_INDEX = "index.json"
_PRICES = "prices"
_SESSIONS = b"sessions"
_PIECE = 1 << 22  # hashed at once by one thread; hashing lets other threads run


class BadCacheError(Exception):
    """The cache is missing, damaged or of another version: make it anew."""


def write_cache(folder: Path, arrays: PriceArrays, facts: Facts) -> None:
    """Write the cache into that new folder, durably."""
    folder.mkdir()
    if arrays.symbols:
        _write(folder / f"{_PRICES}.arrow", _prices_table(arrays))
    for kind in SCHEMAS:
        if facts[kind].num_rows:
            _write(folder / f"{kind}.arrow", facts[kind].unify_dictionaries().combine_chunks())
    sums = {path.stem: _sums(path) for path in sorted(folder.glob("*.arrow"))}
    index = folder / _INDEX
    index.write_text(json.dumps({"format": FORMAT, "sha256": sums}), encoding="ascii")
    for path in (*folder.iterdir(), folder):
        sync(path)


def open_cache(folder: Path) -> tuple[PriceArrays, Facts]:
    """Map the cache into memory; `BadCacheError` when any byte of it is not what was written.

    The arrays are column-major views into the mapped file.
    """
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="ascii"))
        if index["format"] != FORMAT:
            raise BadCacheError("it is of another version")
        mapped = {name: _mapped(folder / f"{name}.arrow") for name in index["sha256"]}
        _verify(mapped, index["sha256"])
        facts = Facts(
            {
                kind: ipc.open_file(mapped[kind]).read_all().cast(SCHEMAS[kind])
                for kind in SCHEMAS
                if kind in mapped
            }
        )
        arrays = _arrays(mapped[_PRICES]) if _PRICES in mapped else no_prices()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadCacheError("it is missing or damaged") from error
    return arrays, facts


def no_prices() -> PriceArrays:
    """Return the arrays of a data set without any bar."""
    return PriceArrays((), np.empty(0, "datetime64[D]"), *(np.empty((0, 0)) for _ in FIELDS))


def _prices_table(arrays: PriceArrays) -> pa.Table:
    days = arrays.sessions.astype("datetime64[D]").astype("<i4")
    columns: dict[str, Any] = {"instrument": pa.array(arrays.symbols, pa.string())}
    for name in FIELDS:
        values = np.asfortranarray(getattr(arrays, name), dtype="<f8").T.reshape(-1)
        columns[name] = pa.FixedSizeListArray.from_arrays(pa.array(values), len(days))
    return pa.table(columns).replace_schema_metadata({_SESSIONS: days.tobytes()})


def _arrays(mapped: pa.Buffer) -> PriceArrays:
    reader = ipc.open_file(mapped)
    batch = reader.get_batch(0)
    days = np.frombuffer(reader.schema.metadata[_SESSIONS], "<i4").astype("datetime64[D]")
    shape = (batch.num_rows, len(days))
    grids = [
        batch.column(name).values.to_numpy(zero_copy_only=True).reshape(shape).T for name in FIELDS
    ]
    return PriceArrays(tuple(batch.column("instrument").to_pylist()), days, *grids)


def _write(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as sink, ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _mapped(path: Path) -> pa.Buffer:
    source = pa.memory_map(str(path))
    return source.read_buffer(source.size())


def _pieces(mapped: pa.Buffer) -> Iterator[memoryview]:
    whole = memoryview(mapped)
    return (whole[first : first + _PIECE] for first in range(0, len(whole), _PIECE))


def _sums(path: Path) -> list[str]:
    """Return the sums of a file's pieces; read, not mapped, so that it takes no memory."""
    with path.open("rb") as file:
        return [_sum(piece) for piece in iter(lambda: file.read(_PIECE), b"")]


def _sum(piece: memoryview | bytes) -> str:
    return hashlib.sha256(piece).hexdigest()


def _verify(mapped: dict[str, pa.Buffer], sums: dict[str, list[str]]) -> None:
    pieces = [piece for name in sums for piece in _pieces(mapped[name])]
    wanted = [value for name in sums for value in sums[name]]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        if list(threads.map(_sum, pieces)) != wanted:
            raise BadCacheError("it does not match its checksums")
