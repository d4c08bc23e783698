"""From rows with the time each became known to aligned arrays, and to tables of facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from adapters.market.cache import no_prices
from adapters.market.facts import SCHEMAS, Facts
from adapters.market.segments import FIELDS
from adapters.market.table import Days, Floats, PriceArrays
from interfaces.calendar import TradingCalendar

pc: Any = compute  # its functions are made at run time, unknown to type checkers

_ORDER = {
    "bars": ("instrument", "session", "known_time"),
    "actions": ("instrument", "ex_date", "action_id", "known_time"),
    "listings": ("instrument", "first_session", "known_time"),
    "members": ("universe", "instrument", "enters", "known_time"),
    "macro": ("series", "period", "known_time"),
    "fundamentals": ("instrument", "field", "period_end", "known_time"),
    "documents": ("document_id", "known_time"),
}
Rows = Callable[[str], Iterable[pa.Table]]
"""Yields the rows of a kind, block by block, oldest segment first; asked for more than once."""


def compile_set(rows: Rows, calendar: TradingCalendar) -> tuple[PriceArrays, Facts]:
    """Return the prices known at each session's close, and everything that became known otherwise.

    A bar that first became known later is NaN in the arrays. Of two that were known by the close
    the newer one counts. Days that are no sessions are left out.
    """
    arrays, late = _compile_bars(rows, calendar)
    tables = {kind: ordered(kind, rows(kind)) for kind in SCHEMAS if kind != "bars"}
    return arrays, Facts(tables | {"bars": late})


def ordered(kind: str, tables: Iterable[pa.Table]) -> pa.Table:
    """Return rows of one kind as one table in the order of their keys, without repetitions."""
    whole = pa.concat_tables([SCHEMAS[kind].empty_table(), *tables]).unify_dictionaries()
    return whole.take(news_of(kind, whole)).combine_chunks()


def news_of(kind: str, table: pa.Table) -> pa.Array:
    """Return, in the order of their keys, the indices of the rows that say something new.

    A row that says what was said of the same thing before, by whomever, is no news. Of rows that
    differ in nothing but `stored_time` the first counts.
    """
    bare = plain(table)
    said = [name for name in bare.column_names if name != "stored_time"]
    bare = bare.append_column("row", pa.array(np.arange(len(bare))))
    once = bare.group_by(said).aggregate([("row", "min")])
    once = once.sort_by([(key, "ascending") for key in (*_ORDER[kind], "row_min")])
    repeated = np.arange(len(once)) > 0
    for name in said:
        if name not in ("known_time", "provider"):
            code = np.asarray(_codes(once.column(name)))
            repeated[1:] &= code[1:] == code[:-1]
    return once.column("row_min").combine_chunks().filter(pa.array(~repeated))


def _codes(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks().dictionary_encode(null_encoding="encode").indices


def plain(table: pa.Table) -> pa.Table:
    """Return the table with words, exact numbers and lists as text: all that can be compared."""

    def text(column: pa.ChunkedArray) -> pa.ChunkedArray:
        if pa.types.is_list(column.type):
            return pc.binary_join(column, "\n")
        if pa.types.is_dictionary(column.type) or pa.types.is_decimal(column.type):
            return column.cast(pa.string())
        return column

    return pa.table({name: text(table.column(name)) for name in table.column_names})


def _compile_bars(rows: Rows, calendar: TradingCalendar) -> tuple[PriceArrays, pa.Table]:
    names: set[str] = set()
    seen: Days = np.empty(0, "datetime64[D]")
    for table in rows("bars"):
        names.update(pc.unique(table.column("instrument")).cast(pa.string()).to_pylist())
        seen = np.union1d(seen, table.column("session").to_numpy())
    symbols, sessions = tuple(sorted(names)), _sessions(seen, calendar)
    if not symbols or not len(sessions):
        return no_prices(), SCHEMAS["bars"].empty_table()
    grids = [np.full((len(sessions), len(symbols)), np.nan, order="F") for _ in FIELDS]
    arrays = PriceArrays(symbols, sessions, *grids)
    dated: list[pa.Table] = []
    for table in rows("bars"):
        known = pc.is_valid(table.column("known_time"))
        if not pc.any(known).as_py():
            _place(table, arrays, fresh_only=True)
        else:
            dated.append(table.filter(known))
            _place(table.filter(pc.invert(known)), arrays, fresh_only=True)
    return arrays, _settle(dated, arrays, calendar)


def _sessions(days: Days, calendar: TradingCalendar) -> Days:
    if not len(days):
        return days
    held = calendar.sessions(days[0].item(), days[-1].item())
    return days[np.isin(days, np.array(held, "datetime64[D]"))]


def _settle(dated: list[pa.Table], arrays: PriceArrays, calendar: TradingCalendar) -> pa.Table:
    """Put rows known by their session's close into the arrays, and return those known later."""
    table = ordered("bars", dated)
    row, _, held = cells(table, arrays)
    closes = closing_times(arrays.sessions, calendar)
    known = table.column("known_time").to_numpy().astype("datetime64[us]")
    late = known > closes[row]
    timely = table.filter(pa.array(held & ~late)).sort_by("known_time")
    _place(timely, arrays, fresh_only=False)
    return table.filter(pa.array(held & late))


def closing_times(sessions: Days, calendar: TradingCalendar) -> NDArray[np.datetime64]:
    """Return the instants at which those sessions close, datetime64[us] in UTC."""
    closes = [calendar.closes_at(day).replace(tzinfo=None) for day in sessions.tolist()]
    return np.array(closes, "datetime64[us]")


def cells(table: pa.Table, arrays: PriceArrays) -> tuple[Any, Any, NDArray[np.bool_]]:
    """Return row and column in the arrays of each bar, and whether it has a place there."""
    coded = table.unify_dictionaries().column("instrument").combine_chunks()
    words = coded.dictionary.to_pylist()
    index_of = {symbol: index for index, symbol in enumerate(arrays.symbols)}
    place = np.array([index_of.get(word, -1) for word in words] or [-1], dtype=np.int64)
    column = place[np.asarray(coded.indices)]
    days = table.column("session").to_numpy().astype("datetime64[D]")
    row = np.minimum(arrays.sessions.searchsorted(days), max(0, len(arrays.sessions) - 1))
    held = (column >= 0) & bool(len(arrays.sessions))
    if len(arrays.sessions):
        held &= arrays.sessions[row] == days
    return row, column, held


def _place(table: pa.Table, arrays: PriceArrays, *, fresh_only: bool) -> None:
    row, column, held = cells(table, arrays)
    if fresh_only:  # what was stored first stays
        held &= np.isnan(arrays.close[row, column])
    at = (row[held], column[held])
    for name in FIELDS:
        grid: Floats = getattr(arrays, name)
        grid[at] = table.column(name).to_numpy()[held]
