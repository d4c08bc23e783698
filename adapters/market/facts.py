"""The facts of a data set as Arrow tables: everything but the compiled price arrays.

One table a kind, rows in the order of the schema's sort keys. Times are microseconds in UTC. A fact
that is revised is another row with a later `known_time`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa
from numpy.typing import NDArray

from schemas.base import Message

_STAMP = pa.timestamp("us", tz="UTC")
_WORD = pa.dictionary(pa.int32(), pa.string())
_PROVENANCE = [
    pa.field("known_time", _STAMP),
    pa.field("stored_time", _STAMP),
    pa.field("provider", _WORD),
]

BARS = pa.schema(
    [
        pa.field("instrument", _WORD),
        pa.field("session", pa.date32()),
        *(pa.field(name, pa.float64()) for name in ("open", "high", "low", "close", "volume")),
        *_PROVENANCE,
    ]
)
"""Bars as traded, never adjusted. A null `known_time` means: at the session's close."""

ACTIONS = pa.schema(
    [
        pa.field("action_id", pa.string()),
        pa.field("instrument", _WORD),
        pa.field("kind", _WORD),
        pa.field("ex_date", pa.date32()),
        pa.field("new_units", pa.decimal128(19, 6)),
        pa.field("old_units", pa.decimal128(19, 6)),
        pa.field("cash", pa.decimal128(19, 6)),
        pa.field("pay_date", pa.date32()),
        pa.field("new_symbol", pa.string()),
        pa.field("withdrawn", pa.bool_()),
        pa.field("inferred", pa.bool_()),
        *_PROVENANCE,
    ]
)
LISTINGS = pa.schema(
    [
        pa.field("instrument", _WORD),
        pa.field("symbol", _WORD),
        pa.field("name", pa.string()),
        pa.field("first_session", pa.date32()),
        pa.field("last_session", pa.date32()),
        *_PROVENANCE,
    ]
)
MEMBERS = pa.schema(
    [
        pa.field("universe", _WORD),
        pa.field("instrument", _WORD),
        pa.field("enters", pa.date32()),
        pa.field("leaves", pa.date32()),
        *_PROVENANCE,
    ]
)
MACRO = pa.schema(
    [
        pa.field("series", _WORD),
        pa.field("period", pa.date32()),
        pa.field("value", pa.float64()),
        *_PROVENANCE,
    ]
)
FUNDAMENTALS = pa.schema(
    [
        pa.field("instrument", _WORD),
        pa.field("field", _WORD),
        pa.field("period_end", pa.date32()),
        pa.field("value", pa.float64()),
        pa.field("unit", _WORD),
        *_PROVENANCE,
    ]
)
DOCUMENTS = pa.schema(
    [
        pa.field("document_id", pa.string()),
        pa.field("kind", _WORD),
        pa.field("title", pa.string()),
        pa.field("text", pa.string()),
        pa.field("published_at", _STAMP),
        pa.field("symbols", pa.list_(pa.string())),
        pa.field("source", pa.string()),
        *_PROVENANCE,
    ]
)
SCHEMAS: dict[str, pa.Schema] = {
    "bars": BARS,
    "actions": ACTIONS,
    "listings": LISTINGS,
    "members": MEMBERS,
    "macro": MACRO,
    "fundamentals": FUNDAMENTALS,
    "documents": DOCUMENTS,
}

LATER_COLUMNS: dict[str, frozenset[str]] = {"actions": frozenset({"pay_date"})}
"""Columns that tables stored by earlier versions lack: null there, and no part of a data set's
hash where nothing is in them."""

NEVER = 2**62
"""A moment, in microseconds, that does not come."""


class Facts:
    """All facts of a data set but its first-published bars, which are the price arrays.

    `facts["bars"]` has only what was published after its session's close: late bars and restated
    ones. A kind that is left out is empty.
    """

    def __init__(self, tables: Mapping[str, pa.Table] | None = None) -> None:
        self._tables = {kind: schema.empty_table() for kind, schema in SCHEMAS.items()}
        self._tables.update(tables or {})

    def __getitem__(self, kind: str) -> pa.Table:
        return self._tables[kind]


def in_schema(kind: str, table: pa.Table) -> pa.Table:
    """Return a stored table in the schema of its kind; columns it was stored without are null."""
    schema = SCHEMAS[kind]
    for name in LATER_COLUMNS.get(kind, frozenset()) - set(table.column_names):
        place = schema.get_field_index(name)
        nothing = pa.nulls(table.num_rows, schema.field(name).type)
        table = table.add_column(place, schema.field(name), nothing)
    return table.cast(schema)


def table_of(kind: str, rows: Iterable[Message]) -> pa.Table:
    """Return messages of `schemas.facts` as a table of that kind's schema."""
    return pa.Table.from_pylist([row.model_dump() for row in rows], schema=SCHEMAS[kind])


def instants(table: pa.Table, column: str) -> NDArray[np.int64]:
    """Return a column of times as microseconds since 1970 in UTC; `NEVER` where it is null."""
    return _plain(table.column(column).cast(pa.int64()).fill_null(NEVER))


def days_of(table: pa.Table, column: str) -> NDArray[np.int64]:
    """Return a column of dates as days since 1970; `NEVER` where it is null."""
    return _plain(table.column(column).cast(pa.int32()).cast(pa.int64()).fill_null(NEVER))


def floats(table: pa.Table, column: str) -> NDArray[np.float64]:
    """Return a column of numbers; NaN where it is null."""
    return _plain(table.column(column).cast(pa.float64()).fill_null(float("nan")))


def flags(table: pa.Table, column: str) -> NDArray[np.bool_]:
    """Return a column of truths; false where it is null."""
    return _plain(table.column(column).fill_null(pa.scalar(False)))  # noqa: FBT003 - the value itself


def codes(table: pa.Table, column: str) -> tuple[NDArray[np.int64], list[str]]:
    """Return a column of words as positions in a sorted list, -1 where it is null, and the list.

    Sorted, so that no word that comes later changes the order of the others.
    """
    words = table.column(column)
    if not pa.types.is_dictionary(words.type):
        words = words.dictionary_encode()
    coded: Any = words.unify_dictionaries().combine_chunks()
    found: list[str] = coded.dictionary.to_pylist()
    order = sorted(range(len(found)), key=found.__getitem__)
    place = np.full(len(found) + 1, -1)  # its last place is that of the null
    place[order] = np.arange(len(found))
    indices = _plain(coded.indices.cast(pa.int64()).fill_null(len(found)))
    return place[indices], [found[one] for one in order]


def superseded(known: NDArray[np.int64], *keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return when a newer record of the same thing became known; `NEVER` for the newest.

    Records are of the same thing when they agree in all keys. Of two that became known at the
    same moment the later row counts: the earlier one was never the newest.
    """
    until = np.full(len(known), NEVER)
    order = np.lexsort((known, *keys))
    same = np.ones(max(0, len(order) - 1), dtype=np.bool_)
    for key in keys:
        same &= key[order[1:]] == key[order[:-1]]
    until[order[:-1][same]] = known[order[1:][same]]
    return until


def grouped(keys: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    """Return the rows of each key, in their order."""
    order = np.argsort(keys, kind="stable")
    found, starts = np.unique(keys[order], return_index=True)
    return dict(zip(found.tolist(), np.split(order, starts[1:]), strict=True)) if len(keys) else {}


def _plain(values: Any) -> Any:
    return np.asarray(values.combine_chunks() if hasattr(values, "combine_chunks") else values)
