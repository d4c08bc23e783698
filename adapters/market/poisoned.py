"""A tiny made-up market whose future can be exchanged for poison: for canaries only.

Before the session under decision both futures are the same market, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from adapters.market import poisoned_facts as cast
from adapters.market.poisoned_facts import BEFORE, Timetable, facts_of
from adapters.market.table import Floats, PriceArrays, PriceTable, TableView
from interfaces.calendar import TradingCalendar
from interfaces.canaries import (
    FORMER,
    LATER_PRICE,
    LATER_VOLUME,
    NEWCOMER,
    TODAY_CLOSE,
    TODAY_OPEN,
    Future,
)
from interfaces.market import Bearer
from schemas.errors import InvalidRequest
from schemas.facts import UniverseStay
from schemas.market import DatasetInfo

RECENT_BARS = 10
_AFTER = 5
_BASES = {
    cast.CONTESTED: 60.0,
    cast.RIVAL: 60.0,
    cast.LISTED: 100.0,
    cast.RECENT: 40.0,
    cast.UNLISTED: 250.0,
    cast.TAKEN: float(FORMER) + 0.5,
    cast.TAKER: float(NEWCOMER) + 0.5,
}
_IDS = tuple(sorted(_BASES))
_EMPTY = {"suspected_splits": (), "actions": 0, "universes": (), "macro": (), "documents": 0}


class PoisonedMarket:
    """Implement `MarketData` over one of two tables; the poisoned one is laid at first.

    `near` is the session wanted under decision; `session` is it, or the nearest one with enough
    sessions on both sides where the calendar begins or ends. `like` gives the conventions.
    """

    def __init__(self, like: DatasetInfo, calendar: TradingCalendar, near: date) -> None:
        self.sessions = _around(calendar, near)
        self.session = self.sessions[BEFORE]
        times = Timetable(calendar, self.sessions)
        info = like.model_copy(
            update={
                "name": "canaries",
                "description": "a made-up market",
                "data_hash": "0" * 64,
                "symbols": _IDS,
                "benchmarks": (),
                "caveats": (),
                **_EMPTY,
            }
        )

        def laid(future: Future) -> PriceTable:
            return PriceTable(
                info, _arrays(self.sessions, future), calendar, facts_of(times, future)
            )

        self._tables: dict[Future, PriceTable] = {
            "poisoned": laid("poisoned"),
            "harmless": laid("harmless"),
        }
        self._laid = self._tables["poisoned"]
        self._info = info.model_copy(update={"symbols": self._laid.tickers()})
        poisoned = _arrays(self.sessions, "poisoned")
        column = _IDS.index(cast.LISTED)
        self.last_close = float(poisoned.close[BEFORE - 1, column])
        filled = poisoned.close if like.close_only else poisoned.open
        self.fill_price = float(filled[BEFORE, column])

    def lay(self, future: Future) -> None:
        """Exchange everything from the session on."""
        self._laid = self._tables[future]

    def info(self) -> DatasetInfo:
        """Describe the data set; the same in both futures."""
        return self._info

    def view(self, as_of: datetime) -> TableView:
        """Return the market as known strictly before `as_of`."""
        return self._laid.view(as_of)

    def universes(self) -> Mapping[str, tuple[UniverseStay, ...]]:
        """Return the universes with all their stays."""
        return self._laid.universes()

    def covers(self, start: date, end: date) -> bool:
        """Tell whether prices exist for the whole range."""
        return self._laid.covers(start, end)

    def reach(self) -> Mapping[str, tuple[Bearer, ...]]:
        """Return the instruments that ever bear each ticker, in the order in which they do."""
        return self._laid.reach()

    def bearers(
        self, symbols: Iterable[str], start: date | None = None, end: date | None = None
    ) -> frozenset[str]:
        """Return the instruments that bear one of the tickers between the days."""
        return self._laid.bearers(symbols, start, end)

    def tickers_of(
        self, instruments: Iterable[str], start: date | None = None, end: date | None = None
    ) -> frozenset[str]:
        """Return every ticker these instruments bear between the days."""
        return self._laid.tickers_of(instruments, start, end)


def _around(calendar: TradingCalendar, near: date) -> tuple[date, ...]:
    """Return consecutive sessions, `BEFORE` of them before the wanted one where there are."""
    days = [calendar.on_or_after(near)]
    try:
        while len(days) <= _AFTER:
            days.append(calendar.on_or_after(days[-1] + timedelta(days=1)))
    except InvalidRequest:  # the calendar ends here: take more of the time before
        pass
    try:
        while len(days) <= BEFORE + _AFTER:
            days.insert(0, calendar.previous(days[0]))
    except InvalidRequest:  # the calendar begins here
        while len(days) <= BEFORE + _AFTER:
            days.append(calendar.on_or_after(days[-1] + timedelta(days=1)))
    return tuple(days)


def _arrays(sessions: tuple[date, ...], future: Future) -> PriceArrays:
    row, column = np.indices((len(sessions), len(_IDS)))
    wave, gap = (row * (column + 3)) % 7 - 3, (row + column) % 3 - 1
    bases = np.array([_BASES[one] for one in _IDS])
    moves = np.where(bases < float(FORMER), bases * 0.004, 0.05)  # digits of a marker stay
    close = np.round(bases + moves * wave, 2).astype(np.float64)
    start = np.round(close + moves * gap / 2, 2).astype(np.float64)
    volume = (1000 + row % 13).astype(np.float64)
    units = (row < cast.SPLIT_ON) & (column == _IDS.index(cast.LISTED))
    for prices in (start, close):
        prices[units] *= cast.FORMER_UNITS
    if future == "poisoned":
        _poison(start, close, volume)
    missing = _missing(row, column, future)
    for values in (start, close, volume):
        values[missing] = np.nan
    return PriceArrays(
        symbols=_IDS,
        sessions=np.array(sessions, "datetime64[D]"),
        open=start,
        high=np.fmax(start, close),
        low=np.fmin(start, close),
        close=close,
        volume=volume,
    )


def _poison(start: Floats, close: Floats, volume: Floats) -> None:
    """Write the poison over all prices of the session and after it."""
    # They differ by symbol and are never whole.
    apart = np.round((np.arange(len(_IDS)) + 1) / (len(_IDS) + 1), 2)
    start[BEFORE] = float(TODAY_OPEN) + apart
    close[BEFORE] = float(TODAY_CLOSE) + apart
    start[BEFORE + 1 :] = float(LATER_PRICE) + apart
    close[BEFORE + 1 :] = float(LATER_PRICE) + apart[::-1]
    volume[BEFORE:] = float(LATER_VOLUME) + 0.5


def _missing(
    row: NDArray[np.int64], column: NDArray[np.int64], future: Future
) -> NDArray[np.bool_]:
    """Tell which bars there are not; some symbols end or begin with the session, by the future."""
    poisoned = future == "poisoned"
    end = len(row)
    spans = {
        cast.LISTED: (0, end),
        cast.CONTESTED: (0, BEFORE + 2 if poisoned else end),
        cast.RIVAL: (BEFORE + 2 if poisoned else BEFORE + 4, end),
        cast.RECENT: (BEFORE - RECENT_BARS, end if poisoned else BEFORE),
        cast.UNLISTED: (BEFORE if poisoned else BEFORE + 2, end),
        cast.TAKEN: (0, cast.FORMER_ENDS),
        cast.TAKER: (cast.TAKEN_ON, end),
    }
    first = np.array([spans[one][0] for one in _IDS])[column]
    last = np.array([spans[one][1] for one in _IDS])[column]
    late = (row == cast.MISSING) & (column == _IDS.index(cast.CONTESTED))
    return (row < first) | (row >= last) | late
