"""What a data set is by its content: the hash that names it, and the counts its readers see."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa
from pyarrow import compute

from adapters.market.compiled import plain
from adapters.market.facts import LATER_COLUMNS, SCHEMAS, Facts
from adapters.market.segments import Segment, Source, merged
from adapters.market.table import PriceArrays
from schemas.base import sha256_of
from schemas.market import DatasetInfo

pc: Any = compute  # its functions are made at run time, unknown to type checkers


def dataset_hash(arrays: PriceArrays, facts: Facts) -> str:
    """Return the SHA-256 over every symbol, session, value and fact, storing times left out.

    Without facts it is the hash of the prices alone. The order of the facts does not matter.
    """
    kinds = {kind: _facts_digest(kind, facts[kind]) for kind in SCHEMAS if facts[kind].num_rows}
    prices = arrays.digest()
    return sha256_of({"prices": prices, "facts": kinds}) if kinds else prices


def described(
    info: DatasetInfo, arrays: PriceArrays, facts: Facts, segments: Iterable[Segment]
) -> DatasetInfo:
    """Return the description with everything filled in that follows from the content."""
    providers = {source.provider for segment in segments for source in segment.sources}
    return info.model_copy(
        update={
            "data_hash": dataset_hash(arrays, facts),
            "actions": facts["actions"].num_rows,
            "universes": _words(facts["members"], "universe"),
            "macro": _words(facts["macro"], "series"),
            "documents": facts["documents"].num_rows,
            "providers": tuple(sorted(providers)),
        }
    )


def provenance(segments: Iterable[Segment]) -> dict[tuple[str, str], Source]:
    """Return for each provider and kind how many rows it gave, and when they were stored."""
    found: dict[tuple[str, str], Source] = {}
    for segment in segments:
        for source in segment.sources:
            key = (source.provider, segment.kind)
            found[key] = merged(found[key], source) if key in found else source
    return dict(sorted(found.items()))


def _words(table: pa.Table, name: str) -> tuple[str, ...]:
    return tuple(sorted(pc.unique(table.column(name)).cast(pa.string()).to_pylist()))


def _facts_digest(kind: str, table: pa.Table) -> str:
    later = LATER_COLUMNS.get(kind, frozenset())
    empty = [name for name in sorted(later) if table.column(name).null_count == table.num_rows]
    bare = plain(table).drop_columns(["stored_time", *empty])
    bare = bare.sort_by([(name, "ascending") for name in bare.column_names])
    digest = hashlib.sha256()
    for name, column in zip(bare.column_names, bare.columns, strict=True):
        digest.update(f"{name}:{len(column)};".encode())
        digest.update(np.asarray(column.is_valid()).tobytes())
        digest.update(_bytes(column))
    return digest.hexdigest()


def _bytes(column: pa.ChunkedArray) -> bytes:
    if pa.types.is_string(column.type):
        texts = [text.encode() for text in column.fill_null("").to_pylist()]
        lengths = np.array([len(text) for text in texts], dtype="<i8")
        return lengths.tobytes() + b"".join(texts)
    if pa.types.is_floating(column.type):
        values = column.fill_null(0.0).to_numpy()
        return np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes()
    whole = column.cast(pa.int32() if pa.types.is_date(column.type) else pa.int64())
    return whole.fill_null(0).to_numpy().astype("<i8").tobytes()
