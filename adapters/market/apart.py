"""Which fetched bars are another company's than those before them: told by how they follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from adapters.market.arrays import PriceArrays
from adapters.market.days import eve_of
from adapters.market.fetched import FetchedBars
from adapters.market.instruments import another_company
from interfaces.calendar import TradingCalendar
from schemas.facts import Listing

INFERRED = "inferred"
"""The provider of what was derived here and nobody stated."""

_OPEN, _CLOSE = 0, 3
_JUST_BEFORE = np.timedelta64(7, "D")  # a bar on hand that near to the span is followed by it
_LEAST = np.timedelta64(20, "D")  # in which 20 sessions cannot be missed
_Days = NDArray[np.datetime64]


@dataclass(slots=True)
class Companies:
    """Tells companies apart in what one download fetched; gaps outside `span` say nothing.

    There nobody asked for bars. `listed` are the tickers of which listings tell already.
    """

    arrays: PriceArrays
    listed: frozenset[str]
    calendar: TradingCalendar
    span: tuple[date, date]
    now: datetime
    notes: list[str] = field(default_factory=list[str])

    def tell_apart(self, bars: FetchedBars) -> list[Listing]:
        """Give bars of a second company under one ticker another instrument, and list both."""
        found: list[Listing] = []
        plain = {page.symbol for page in bars.pages} - self.listed
        for symbol in sorted(plain & bars.names.keys()):
            found += self._of(symbol, bars)
        return found

    def _of(self, symbol: str, bars: FetchedBars) -> list[Listing]:
        mine = np.flatnonzero(bars.instrument == bars.names[symbol])
        days, opens, closes = self._held(symbol)
        held = days
        days = np.r_[days, bars.day[mine]]
        opens = np.r_[opens, bars.values[mine, _OPEN]]
        closes = np.r_[closes, bars.values[mine, _CLOSE]]
        days, first = np.unique(days, return_index=True)
        cuts = self._cuts(days, opens[first], closes[first])
        if not len(cuts):
            return []
        starts, gaps = [int(days[0].astype(np.int64)), *cuts], list(cuts.values())
        number = np.searchsorted(starts[1:], days.astype(np.int64), side="right")
        on_hand = np.unique(number[np.isin(days, held)]).tolist()
        first_new = np.datetime64(starts[1], "D").item()
        if len(on_hand) > 1:
            self.notes.append(
                f"{symbol}: {gaps[0]} sessions without a bar before {first_new}, on hand as one "
                "company's; if they are two, download them into a data set of their own"
            )
            return []
        names = self._names(symbol, len(starts), on_hand[0] if on_hand else 0, bars)
        of_row = np.searchsorted(starts[1:], bars.day[mine].astype(np.int64), side="right")
        codes = np.array([bars.code(name) for name in names], np.int32)
        bars.instrument[mine] = codes[of_row]
        for name, gap, start in zip(names[1:], gaps, starts[1:], strict=True):
            self.notes.append(
                f"{symbol}: {gap} sessions without a bar before {np.datetime64(start, 'D')}, so "
                f"the bars from then on are taken for another company's ({name})"
            )
        ends = [days[number == each].max().item() for each in range(len(starts))]
        begins = [np.datetime64(start, "D").item() for start in starts]
        return self._listings(symbol, names, begins, ends)

    def _held(self, symbol: str) -> tuple[_Days, NDArray[np.float64], NDArray[np.float64]]:
        if symbol not in self.arrays.symbols:
            return np.empty(0, "datetime64[D]"), np.empty(0), np.empty(0)
        column = self.arrays.symbols.index(symbol)
        close = self.arrays.close[:, column]
        rows = np.flatnonzero(~np.isnan(close))
        days = self.arrays.sessions[rows].astype("datetime64[D]")
        return days, self.arrays.open[rows, column], close[rows]

    def _cuts(
        self, days: _Days, opens: NDArray[np.float64], closes: NDArray[np.float64]
    ) -> dict[int, int]:
        """Return the days on which another company begins, with the sessions missed before."""
        asked = [np.datetime64(day, "D") for day in self.span]
        within = (days[:-1] >= asked[0] - _JUST_BEFORE) & (days[1:] <= asked[1])
        if not (within & (np.diff(days) > _LEAST)).any():
            return {}
        sessions = self.calendar.sessions(days[0].item(), days[-1].item())
        position = np.array(sessions, "datetime64[D]").searchsorted(days)
        moves = opens[1:] / closes[:-1] - 1
        rows = np.flatnonzero(another_company(np.diff(position), moves) & within)
        starts = days[rows + 1].astype(np.int64).tolist()
        return dict(zip(starts, (np.diff(position)[rows] - 1).tolist(), strict=True))

    def _names(self, symbol: str, count: int, owner: int, bars: FetchedBars) -> list[str]:
        """Return the id of each company in turn: the ticker itself for the one on hand."""
        taken = {*self.arrays.symbols, *bars.names}
        names: list[str] = []
        number = 1
        for each in range(count):
            name = symbol
            while each != owner and (name == symbol or name in taken):
                number += 1
                name = f"{symbol}.{number}"
            taken.add(name)
            names.append(name)
        return names

    def _listings(
        self, symbol: str, names: Sequence[str], begins: Sequence[date], ends: Sequence[date]
    ) -> list[Listing]:
        """Say who bore the ticker when; an end is known once the next company is listed."""
        found: list[Listing] = []
        for at, name in enumerate(names):
            listing = Listing(
                instrument=name,
                symbol=symbol,
                first_session=begins[at],
                known_time=eve_of(begins[at], self.calendar),
                stored_time=self.now,
                provider=INFERRED,
            )
            found.append(listing)
            if at + 1 < len(names):
                end = eve_of(begins[at + 1], self.calendar)
                update = {"last_session": ends[at], "known_time": end}
                found.append(listing.model_copy(update=update))
        return found
