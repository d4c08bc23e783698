"""A tiny made-up market whose future can be exchanged for poison: for canaries only.

Before the session under decision both futures are the same market, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import numpy as np

from adapters.market.table import PriceArrays, PriceTable, TableView
from interfaces.calendar import TradingCalendar
from interfaces.canaries import LATER_PRICE, LATER_VOLUME, TODAY_CLOSE, TODAY_OPEN, Future
from schemas.errors import InvalidRequest
from schemas.facts import UniverseStay
from schemas.market import DatasetInfo

LISTED, RECENT, UNLISTED, UNKNOWN = "ZZLIST", "ZZRECT", "ZZSOON", "ZZNONE"
RECENT_BARS = 10
_BEFORE, _AFTER = 60, 5
_SYMBOLS = (LISTED, RECENT, UNLISTED)
_BASES = np.array([100.0, 40.0, 250.0])
_APART = np.array([0.25, 0.5, 0.75])  # poisoned prices differ by symbol and are never whole


class PoisonedMarket:
    """Implement `MarketData` over one of two tables; the poisoned one is laid at first.

    `near` is the session wanted under decision; `session` is it, or the nearest one with enough
    sessions on both sides where the calendar begins or ends. `like` gives the conventions.
    """

    def __init__(self, like: DatasetInfo, calendar: TradingCalendar, near: date) -> None:
        self.sessions = _around(calendar, near)
        self.session = self.sessions[_BEFORE]
        self._info = like.model_copy(
            update={
                "name": "canaries",
                "description": "a made-up market",
                "data_hash": "0" * 64,
                "symbols": _SYMBOLS,
                "benchmarks": (),
                "caveats": (),
            }
        )
        poisoned = _arrays(self.sessions, "poisoned")
        self._tables: dict[Future, PriceTable] = {
            "poisoned": PriceTable(self._info, poisoned, calendar),
            "harmless": PriceTable(self._info, _arrays(self.sessions, "harmless"), calendar),
        }
        self._laid = self._tables["poisoned"]
        self.last_close = float(poisoned.close[_BEFORE - 1, 0])
        filled = poisoned.close if like.close_only else poisoned.open
        self.fill_price = float(filled[_BEFORE, 0])

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
        """Return the universes: it has none."""
        return {}

    def covers(self, start: date, end: date) -> bool:
        """Tell whether prices exist for the whole range."""
        return self._laid.covers(start, end)


def _around(calendar: TradingCalendar, near: date) -> tuple[date, ...]:
    """Return consecutive sessions, `_BEFORE` of them before the wanted one where there are."""
    days = [calendar.on_or_after(near)]
    try:
        while len(days) <= _AFTER:
            days.append(calendar.on_or_after(days[-1] + timedelta(days=1)))
    except InvalidRequest:  # the calendar ends here: take more of the time before
        pass
    try:
        while len(days) <= _BEFORE + _AFTER:
            days.insert(0, calendar.previous(days[0]))
    except InvalidRequest:  # the calendar begins here
        while len(days) <= _BEFORE + _AFTER:
            days.append(calendar.on_or_after(days[-1] + timedelta(days=1)))
    return tuple(days)


def _arrays(sessions: tuple[date, ...], future: Future) -> PriceArrays:
    shape = (len(sessions), len(_SYMBOLS))
    row, column = np.indices(shape)
    wave, gap = (row * (column + 3)) % 7 - 3, (row + column) % 3 - 1
    close = np.round(_BASES * (1 + 0.004 * wave), 2).astype(np.float64)
    start = np.round(close * (1 + 0.002 * gap), 2).astype(np.float64)
    volume = (1000 + row % 13).astype(np.float64)
    if future == "poisoned":
        start[_BEFORE] = float(TODAY_OPEN) + _APART
        close[_BEFORE] = float(TODAY_CLOSE) + _APART
        start[_BEFORE + 1 :] = float(LATER_PRICE) + _APART
        close[_BEFORE + 1 :] = float(LATER_PRICE) + _APART[::-1]
        volume[_BEFORE:] = float(LATER_VOLUME) + 0.5
        missing = (row < _BEFORE) & (column == 2)
    else:  # one is not listed later either, the other trades no more: counts differ too
        missing = (column == 2) & (row < _BEFORE + 2) | (column == 1) & (row >= _BEFORE)
    missing |= (row < _BEFORE - RECENT_BARS) & (column == 1)
    for values in (start, close, volume):
        values[missing] = np.nan
    return PriceArrays(
        symbols=_SYMBOLS,
        sessions=np.array(sessions, "datetime64[D]"),
        open=start,
        high=np.fmax(start, close),
        low=np.fmin(start, close),
        close=close,
        volume=volume,
    )
