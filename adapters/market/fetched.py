"""Bars and statements as they were fetched: every row screened, each bar once."""

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

from adapters.market.bearers import Bearers
from adapters.market.blocks import Told
from adapters.market.compiled import closing_times
from adapters.market.quarantine import Quarantine
from adapters.market.rows import RawRows
from adapters.market.screen import RowScreen
from adapters.market.segments import FIELDS
from adapters.market.staging import Chunk
from interfaces.calendar import TradingCalendar
from interfaces.providers import RawBars

SETTLED = timedelta(minutes=15)
"""A session's bar is final that long after its close: the tape is late, and clocks differ."""

_CELLS = {"date", "open", "high", "low", "close", "volume", "split", "dividend"}
_PROVIDER = re.compile(r"[a-z][a-z0-9-]{0,39}")
_HALF = "session had not closed when it was fetched"
_AGAIN = "row duplicates an earlier one of the same symbol and session"
_OTHER = "row contradicts an earlier one of the same symbol and session"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of bars: who answered it, under which ticker, when, and whether it tells splits."""

    source: str
    symbol: str
    fetched_at: datetime
    tells_splits: bool = False

    @property
    def provider(self) -> str:
        """The provider's name; a source may say more behind it."""
        found = _PROVIDER.match(self.source)
        return found[0] if found else "unknown"


@dataclass(slots=True)
class FetchedBars:
    """Sound bars in the order they were read; arrays of equal length, `values` (rows, 5).

    `instrument` and `page` are indices into `names` and `pages`; `told` has what the rows of a
    page say of corporate actions.
    """

    names: dict[str, int] = field(default_factory=dict[str, int])
    pages: list[Page] = field(default_factory=list[Page])
    instrument: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    day: NDArray[np.datetime64] = field(default_factory=lambda: np.empty(0, "datetime64[D]"))
    values: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, len(FIELDS))))
    page: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    line: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    told: list[tuple[int, Told]] = field(default_factory=list[tuple[int, Told]])

    def code(self, name: str) -> int:
        """Return the index of an instrument, which is given one."""
        return self.names.setdefault(name, len(self.names))

    def keep(self, wanted: NDArray[np.bool_]) -> None:
        """Drop the other rows."""
        for name in ("instrument", "day", "values", "page", "line"):
            setattr(self, name, getattr(self, name)[wanted])

    def refuse(self, bad: NDArray[np.bool_], reason: str, quarantine: Quarantine) -> None:
        """Quarantine those rows; they are dropped by `keep`."""
        for row in np.flatnonzero(bad).tolist():
            page = self.pages[self.page[row]]
            cells = (page.symbol, str(self.day[row]))
            quarantine.add(page.source, int(self.line[row]), cells, reason)


def screened(chunks: Sequence[Chunk], bearers: Bearers, screen: RowScreen) -> FetchedBars:
    """Return the sound bars of all chunks, each session of a symbol once."""
    bars = FetchedBars()
    parts: list[tuple[Any, ...]] = []
    for chunk in chunks:
        for raw in chunk.rows.bars:
            _read(raw, chunk.fetched_at, screen, bars)
            for block in screen.blocks:
                days = np.asarray(block.day).astype("datetime64[D]")
                who = bearers.rename(raw.symbol.upper(), days)
                codes = [bars.code(name) for name in who]
                page = np.full(len(days), len(bars.pages) - 1, np.int32)
                values = np.column_stack(block.values)
                parts.append((np.array(codes, np.int32), days, values, page, block.line))
            screen.blocks.clear()
    if parts:
        bars.instrument, bars.day, bars.values, bars.page, bars.line = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
    _refuse_half_days(bars, screen.calendar, screen.quarantine)
    _refuse_repetitions(bars, screen.quarantine)
    return bars


def _read(raw: RawBars, fetched_at: datetime, screen: RowScreen, bars: FetchedBars) -> None:
    cells = {name: pa.array(raw.columns[name], pa.string()) for name in _CELLS & set(raw.columns)}
    screen.start_file(raw.source)
    lines = np.arange(2, len(raw.columns["date"]) + 2)
    screen.add(RawRows(raw.source, lines, cells), file_symbol=raw.symbol)
    page = Page(raw.source, raw.symbol.upper(), fetched_at, "split" in cells)
    bars.pages.append(page)
    bars.told += [(len(bars.pages) - 1, block.told) for block in screen.blocks if block.told]


def _refuse_half_days(bars: FetchedBars, calendar: TradingCalendar, quarantine: Quarantine) -> None:
    days, at = np.unique(bars.day, return_inverse=True)
    closes = closing_times(days, calendar)[at]
    fetched = np.array([page.fetched_at.replace(tzinfo=None) for page in bars.pages], closes.dtype)
    half = closes + np.timedelta64(SETTLED) > fetched[bars.page]
    bars.refuse(half, _HALF, quarantine)
    bars.keep(~half)


def _refuse_repetitions(bars: FetchedBars, quarantine: Quarantine) -> None:
    key = keys(bars.instrument, bars.day)
    _, index, inverse = np.unique(key, return_index=True, return_inverse=True)
    first = index[inverse]
    again = first != np.arange(len(key))
    other = again & (bars.values[:, :4] != bars.values[first, :4]).any(axis=1)
    bars.refuse(other, _OTHER, quarantine)
    bars.refuse(again & ~other, _AGAIN, quarantine)
    bars.keep(~again)


def keys(instrument: NDArray[Any], day: NDArray[Any]) -> NDArray[np.int64]:
    """Return one number for each instrument and session, in their order."""
    return instrument.astype(np.int64) << 32 | day.astype("datetime64[D]").astype(np.int64)
