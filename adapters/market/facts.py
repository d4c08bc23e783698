"""The facts of a data set as Arrow tables: everything but the compiled price arrays.

One table a kind, rows in the order of the schema's sort keys. Times are microseconds in UTC. A fact
that is revised is another row with a later `known_time`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa

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


def table_of(kind: str, rows: Iterable[Message]) -> pa.Table:
    """Return messages of `schemas.facts` as a table of that kind's schema."""
    return pa.Table.from_pylist([row.model_dump() for row in rows], schema=SCHEMAS[kind])
