"""Fact segments: Parquet files written once, named by their content and vouched for by a manifest.

A data set's facts are the rows of all its segments. Nothing is ever changed in a segment.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa
from pyarrow import compute, parquet

from adapters.market.facts import SCHEMAS, in_schema
from adapters.market.table import PriceArrays
from schemas.base import Instant, Message, Sha256
from schemas.errors import UntrustworthyData

pc: Any = compute  # its functions are made at run time, unknown to type checkers

FIELDS = ("open", "high", "low", "close", "volume")
_BLOCK = 1 << 15  # rows written at once


class Source(Message):
    """Who gave the rows of a segment, how many, and when they were stored."""

    provider: str
    rows: int
    first_stored: Instant
    last_stored: Instant


class Segment(Message):
    """One file of rows of one kind, and the checksum it must have."""

    kind: str
    file: str
    sha256: Sha256
    rows: int
    sources: tuple[Source, ...]


def write_segment(folder: Path, kind: str, tables: Iterable[pa.Table]) -> Segment | None:
    """Write rows of one kind, each table in turn, and make them durable; None without a row."""
    draft = folder / f"{kind}.parquet"
    schema, sources, rows = SCHEMAS[kind], dict[str, Source](), 0
    words = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    options: dict[str, Any] = {"compression": "zstd", "use_dictionary": [*words, "session"]}
    with (
        pa.OSFile(str(draft), "wb") as sink,
        parquet.ParquetWriter(sink, schema, **options) as writer,
    ):
        for table in tables:
            writer.write_table(table)
            rows += table.num_rows
            _count(sources, table)
    if not rows:
        draft.unlink()
        return None
    digest = digest_of(draft)
    sync(draft)
    file = f"{kind}-{digest[:16]}.parquet"
    draft.rename(folder / file)
    ordered = tuple(sources[provider] for provider in sorted(sources))
    return Segment(kind=kind, file=file, sha256=digest, rows=rows, sources=ordered)


def read_segment(folder: Path, segment: Segment) -> Iterator[pa.Table]:
    """Yield a segment's rows block by block, once its checksum has been found right.

    `UntrustworthyData` when it is wrong; `FileNotFoundError` without the file.
    """
    check_segment(folder, segment)
    with pa.memory_map(str(folder / segment.file)) as source:
        reader = parquet.ParquetFile(source)
        for group in range(reader.num_row_groups):
            yield in_schema(segment.kind, reader.read_row_group(group))


def check_segment(folder: Path, segment: Segment) -> None:
    """Raise `UntrustworthyData` unless the file is what was written."""
    if digest_of(folder / segment.file) != segment.sha256:
        raise UntrustworthyData(
            f"the file {segment.file} of the data set {folder.name!r} does not match its "
            "checksum: restore it from a backup, or import the data set again"
        )


def bar_tables(
    arrays: PriceArrays, *, provider: str | Sequence[str], stored_time: datetime
) -> Iterator[pa.Table]:
    """Yield the bars of the arrays as rows known at their sessions' close, block by block.

    `provider` is one for all, or one for each instrument.
    """
    each = [provider] * len(arrays.symbols) if isinstance(provider, str) else list(provider)
    providers = sorted(set(each))
    code_of = np.array([providers.index(name) for name in each], dtype=np.int32)
    step = max(1, _BLOCK // max(1, len(arrays.sessions)))
    days = arrays.sessions.astype("datetime64[D]")
    for first in range(0, len(arrays.symbols), step):
        some = slice(first, first + step)
        columns, rows = np.nonzero(~np.isnan(arrays.close[:, some].T))
        columns += first
        many = len(rows)
        stamp = pa.scalar(stored_time, SCHEMAS["bars"].field("stored_time").type)
        yield pa.table(
            [
                _coded(columns, arrays.symbols),
                pa.array(days[rows]),
                *(pa.array(getattr(arrays, name)[rows, columns]) for name in FIELDS),
                pa.nulls(many, stamp.type),
                pa.repeat(stamp, many),
                _coded(code_of[columns], providers),
            ],
            schema=SCHEMAS["bars"],
        )


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Make a file or a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _coded(codes: Any, words: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), pa.array(words, pa.string())
    )


def _count(sources: dict[str, Source], table: pa.Table) -> None:
    grouped = (
        table.select(["stored_time", "provider"])
        .set_column(1, "provider", table.column("provider").cast(pa.string()))
        .group_by("provider")
        .aggregate([("stored_time", "count"), ("stored_time", "min"), ("stored_time", "max")])
    )
    for row in grouped.to_pylist():
        found = Source(
            provider=row["provider"],
            rows=row["stored_time_count"],
            first_stored=row["stored_time_min"],
            last_stored=row["stored_time_max"],
        )
        before = sources.get(found.provider)
        sources[found.provider] = found if before is None else merged(before, found)


def merged(one: Source, other: Source) -> Source:
    """Return what both gave, as one source."""
    return Source(
        provider=one.provider,
        rows=one.rows + other.rows,
        first_stored=min(one.first_stored, other.first_stored),
        last_stored=max(one.last_stored, other.last_stored),
    )
