"""What freshly fetched rows add to a data set: new bars, new vintages of bars, new facts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa
from numpy.typing import NDArray

from adapters.calendar import ExchangeCalendar
from adapters.market.bearers import Bearers
from adapters.market.compiled import cells, closing_times, news_of
from adapters.market.facts import SCHEMAS, Facts, table_of
from adapters.market.quarantine import Quarantine
from adapters.market.rows import RawRows
from adapters.market.screen import RowScreen
from adapters.market.segments import FIELDS
from adapters.market.staging import Chunk
from adapters.market.table import PriceArrays
from interfaces.providers import RawBars
from schemas.facts import CorporateAction, Listing, MacroValue, StoredDocument

SETTLED = timedelta(minutes=15)
"""A session's bar is final that long after its close: the tape is late, and clocks differ."""

_KINDS = {
    CorporateAction: "actions",
    Listing: "listings",
    MacroValue: "macro",
    StoredDocument: "documents",
}
_CELLS = {"date", "open", "high", "low", "close", "volume"}
_PROVIDER = re.compile(r"[a-z][a-z0-9-]{0,39}")
_HALF = "session had not closed when it was fetched"
_AGAIN = "row duplicates an earlier one of the same symbol and session"
_OTHER = "row contradicts an earlier one of the same symbol and session"


@dataclass(slots=True)
class Additions:
    """Rows to be stored beside those on hand, by kind, and what there is to say about them."""

    screen: RowScreen
    rows: dict[str, pa.Table] = field(default_factory=dict[str, pa.Table])
    fresh: int = 0
    restated: int = 0
    unchanged: int = 0

    def notes(self) -> tuple[str, ...]:
        """Say what is new and what is not."""
        facts = sum(table.num_rows for kind, table in self.rows.items() if kind != "bars")
        said = (
            f"{self.fresh} bars are new, {self.restated} restated, {self.unchanged} as before; "
            f"{facts} other facts are new"
        )
        return (*self.screen.quarantine.notes, said)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of bars: who answered it, under which ticker, when."""

    source: str
    symbol: str
    fetched_at: datetime


@dataclass(slots=True)
class _Bars:
    """Sound bars in the order they were read; arrays of equal length, `values` (rows, 5).

    `instrument` and `page` are indices into `names` and `pages`.
    """

    names: dict[str, int] = field(default_factory=dict[str, int])
    pages: list[_Page] = field(default_factory=list[_Page])
    instrument: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    day: NDArray[np.datetime64] = field(default_factory=lambda: np.empty(0, "datetime64[D]"))
    values: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, len(FIELDS))))
    page: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    line: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))

    def keep(self, wanted: NDArray[np.bool_]) -> None:
        for name in ("instrument", "day", "values", "page", "line"):
            setattr(self, name, getattr(self, name)[wanted])

    def refuse(self, bad: NDArray[np.bool_], reason: str, quarantine: Quarantine) -> None:
        """Quarantine those rows; they are dropped by `keep`."""
        for row in np.flatnonzero(bad).tolist():
            page = self.pages[self.page[row]]
            cells = (page.symbol, str(self.day[row]))
            quarantine.add(page.source, int(self.line[row]), cells, reason)


def additions(
    chunks: Sequence[Chunk],
    on_hand: tuple[PriceArrays, Facts],
    calendar: ExchangeCalendar,
    *,
    now: datetime,
) -> Additions:
    """Screen what was fetched and hold it against what is on hand.

    A bar that is new is known from its session's close on. One whose values differ from the newest
    vintage on hand is a new vintage, known from `now` on. Facts that say nothing new are left out.
    """
    facts = on_hand[1]
    told = {kind: _facts_of(chunks, kind) for kind in _KINDS.values()}
    bearers = Bearers([facts, Facts(told)])
    told["actions"] = _of_instruments(told["actions"], bearers)
    found = Additions(RowScreen(calendar, Quarantine()))
    for kind, table in told.items():
        found.rows[kind] = _news(kind, facts[kind], table)
    bars = _screened(chunks, bearers, found.screen)
    found.rows["bars"] = _vintages(bars, on_hand, found, now)
    return found


def _facts_of(chunks: Sequence[Chunk], kind: str) -> pa.Table:
    return table_of(
        kind, [fact for chunk in chunks for fact in chunk.rows.facts if _KINDS[type(fact)] == kind]
    )


def _of_instruments(actions: pa.Table, bearers: Bearers) -> pa.Table:
    """Return the actions under the ids of the instruments that their tickers meant."""
    rows = actions.to_pylist()
    for row in rows:
        if row["kind"] != "ticker_change":
            row["instrument"] = bearers.at(row["instrument"], row["ex_date"])
    return pa.Table.from_pylist(rows, schema=SCHEMAS["actions"])


def _news(kind: str, known: pa.Table, told: pa.Table) -> pa.Table:
    whole = pa.concat_tables([known, told]).unify_dictionaries()
    rows = np.sort(np.asarray(news_of(kind, whole)))
    return whole.take(pa.array(rows[rows >= known.num_rows]))


def _screened(chunks: Sequence[Chunk], bearers: Bearers, screen: RowScreen) -> _Bars:
    bars = _Bars()
    parts: list[tuple[Any, ...]] = []
    for chunk in chunks:
        for raw in chunk.rows.bars:
            done = len(screen.blocks)
            screen.start_file(raw.source)
            screen.add(_raw_rows(raw), file_symbol=raw.symbol)
            bars.pages.append(_Page(raw.source, raw.symbol.upper(), chunk.fetched_at))
            for block in screen.blocks[done:]:
                days = np.asarray(block.day).astype("datetime64[D]")
                who = bearers.rename(raw.symbol.upper(), days)
                codes = [bars.names.setdefault(name, len(bars.names)) for name in who]
                page = np.full(len(days), len(bars.pages) - 1, np.int32)
                parts.append((np.array(codes, np.int32), days, block.values, page, block.line))
            screen.blocks.clear()
    if parts:
        bars.instrument, bars.day, bars.values, bars.page, bars.line = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
    return bars


def _raw_rows(raw: RawBars) -> RawRows:
    cells = {name: pa.array(raw.columns[name], pa.string()) for name in _CELLS & set(raw.columns)}
    return RawRows(raw.source, np.arange(2, len(raw.columns["date"]) + 2), cells)


def _vintages(
    bars: _Bars, on_hand: tuple[PriceArrays, Facts], found: Additions, now: datetime
) -> pa.Table:
    """Return the rows of bars that are new or have other values than the newest on hand."""
    quarantine, calendar = found.screen.quarantine, found.screen.calendar
    _refuse_half_days(bars, calendar, quarantine)
    _refuse_repetitions(bars, quarantine)
    held, newest = _newest(bars, *on_hand)
    same = ((bars.values == newest) | (np.isnan(bars.values) & np.isnan(newest))).all(axis=1)
    found.fresh, found.restated = int((~held).sum()), int((held & ~same).sum())
    found.unchanged = int((held & same).sum())
    bars.keep(~same)
    held = held[~same]
    moment = np.datetime64(now.replace(tzinfo=None), "us")
    if held.any():
        # A clock that was set back must not put a vintage before the one that it replaces.
        closes = closing_times(np.unique(bars.day[held]), calendar)
        dated = on_hand[1]["bars"].column("known_time").to_numpy().astype(closes.dtype)
        moment = max([moment, *(np.concatenate([closes, dated]) + np.timedelta64(1, "us"))])
    return _table(bars, np.where(held, moment, np.datetime64("NaT", "us")), now)


def _refuse_half_days(bars: _Bars, calendar: ExchangeCalendar, quarantine: Quarantine) -> None:
    days, at = np.unique(bars.day, return_inverse=True)
    closes = closing_times(days, calendar)[at]
    fetched = np.array([page.fetched_at.replace(tzinfo=None) for page in bars.pages], closes.dtype)
    half = closes + np.timedelta64(SETTLED) > fetched[bars.page]
    bars.refuse(half, _HALF, quarantine)
    bars.keep(~half)


def _refuse_repetitions(bars: _Bars, quarantine: Quarantine) -> None:
    key = _keys(bars.instrument, bars.day)
    _, index, inverse = np.unique(key, return_index=True, return_inverse=True)
    first = index[inverse]
    again = first != np.arange(len(key))
    other = again & (bars.values[:, :4] != bars.values[first, :4]).any(axis=1)
    bars.refuse(other, _OTHER, quarantine)
    bars.refuse(again & ~other, _AGAIN, quarantine)
    bars.keep(~again)


def _newest(
    bars: _Bars, arrays: PriceArrays, facts: Facts
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return whether there is a bar on hand, and the values of its newest vintage."""
    instrument = _coded(bars.instrument, list(bars.names))
    row, column, placed = cells(pa.table({"instrument": instrument, "session": bars.day}), arrays)
    newest = np.full(bars.values.shape, np.nan)
    for index, name in enumerate(FIELDS):
        newest[placed, index] = getattr(arrays, name)[row[placed], column[placed]]
    late = facts["bars"].sort_by("known_time")
    if late.num_rows and len(bars.day):
        words = late.column("instrument").to_pylist()
        asked = _keys(
            np.array([bars.names.get(word, -1) for word in words]),
            late.column("session").to_numpy(),
        )
        key = _keys(bars.instrument, bars.day)
        order = np.argsort(key)
        at = order[np.minimum(key[order].searchsorted(asked), len(key) - 1)]
        met = key[at] == asked
        values = np.column_stack([late.column(name).to_numpy() for name in FIELDS])
        newest[at[met]] = values[met]  # in order of time: the last one stays
    return ~np.isnan(newest[:, 3]), newest


def _keys(instrument: NDArray[Any], day: NDArray[Any]) -> NDArray[np.int64]:
    return instrument.astype(np.int64) << 32 | day.astype("datetime64[D]").astype(np.int64)


def _table(bars: _Bars, known_time: NDArray[np.datetime64], now: datetime) -> pa.Table:
    schema = SCHEMAS["bars"]
    stamp = schema.field("stored_time").type
    providers = [_provider(page.source) for page in bars.pages]
    columns = [
        _coded(bars.instrument, list(bars.names)),
        pa.array(bars.day),
        *(pa.array(bars.values[:, index].copy()) for index in range(len(FIELDS))),
        pa.array(known_time).cast(pa.timestamp("us")).cast(stamp),
        pa.repeat(pa.scalar(now, stamp), len(bars.day)),
        pa.array([providers[page] for page in bars.page.tolist()], pa.string()).dictionary_encode(),
    ]
    order = np.argsort(_keys(bars.instrument, bars.day), kind="stable")
    return pa.table(columns, schema=schema).take(pa.array(order))


def _provider(source: str) -> str:
    """Return the provider's name; a source may say more behind it."""
    found = _PROVIDER.match(source)
    return found[0] if found else "unknown"


def _coded(codes: NDArray[np.int32], words: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words, pa.string()))
