"""What a loaded data set is made of; every part is built at first use and never written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from adapters.documents.dataset import DatasetDocuments
from adapters.market.adjust import ORDER, ActionBook
from adapters.market.arrays import Floats, PriceArrays, frozen
from adapters.market.facts import Facts, codes, instants
from adapters.market.known import FundamentalBook, ListingBook, MacroBook, MemberBook
from adapters.market.moments import Opens, micros
from adapters.market.names import Claim, Names
from adapters.market.series import SeriesBook
from interfaces.calendar import TradingCalendar
from interfaces.market import AS_KNOWN, STALE_AFTER, Closes
from schemas.errors import NotFound
from schemas.market import DatasetInfo


class Parts:
    """The parts of a data set, and what they say together. Moments are in microseconds."""

    def __init__(
        self, info: DatasetInfo, arrays: PriceArrays, calendar: TradingCalendar, facts: Facts
    ) -> None:
        self.info = info
        self.calendar = calendar
        self.days = frozen(arrays.sessions)
        self.dates: list[date] = arrays.sessions.tolist()
        self.known = np.array(
            [micros(calendar.closes_at(day)) for day in self.dates], dtype=np.int64
        )
        self.opens = Opens(calendar, self.dates[0] if self.dates else None)
        self.actions = ActionBook(facts["actions"], self.opens)
        self.series = SeriesBook(
            arrays,
            self.known,
            facts["bars"],
            actions=self.actions.of,
            closes_at=lambda day: micros(calendar.closes_at(day)),
            close_only=info.close_only,
        )
        self.listings = ListingBook(facts["listings"], self.opens)
        self.members = MemberBook(facts["members"], self.opens)
        self.macro = MacroBook(facts["macro"])
        self.fundamentals = FundamentalBook(facts["fundamentals"])
        self.documents = DatasetDocuments(facts["documents"])
        self._facts = facts
        self._close = arrays.close
        self._column = {symbol: index for index, symbol in enumerate(arrays.symbols)}
        benchmarks = frozenset(info.benchmarks)
        self.instruments = arrays.symbols
        self.tradable = tuple(one for one in arrays.symbols if one not in benchmarks)
        self._traded: tuple[tuple[int, int, int], tuple[str, ...]] | None = None

    @cached_property
    def names(self) -> Names:
        """Return who bears which ticker when."""
        return Names(
            [*self.listings.claims(), *self._ticker_changes()],
            self._column,
            lambda instrument: self.series[instrument].first_known(),
        )

    def instrument(self, symbol: str, as_of: int) -> str | None:
        """Return the instrument with prices that bears the ticker now; None while none does.

        `NotFound` for what is never a ticker in this data set.
        """
        found = self.names.bearer(symbol, as_of)
        if found is None and not self.names.ever(symbol):
            raise NotFound(f"the data set {self.info.name!r} has no symbol {symbol!r}")
        return found if found in self._column else None

    def traded(self, as_of: int) -> tuple[str, ...]:
        """Return the tickers of the tradable instruments that are traded by now, sorted."""
        rows = int(self.known.searchsorted(as_of))
        state = (rows, self.names.epoch(as_of), self._publications(as_of))
        if self._traded is None or self._traded[0] != state:
            self._traded = (state, self._alive(rows, as_of))
        return self._traded[1]

    def closes(
        self, symbols: Sequence[str], found: Sequence[str], *, as_of: int, lookback: int
    ) -> Closes:
        """Return the last closes that all these instruments share, of arrays as they are.

        For instruments of which neither action nor revision is known.
        """
        # Sums over them differ in their last digit with the order in memory, which is therefore
        # the same here and in `closes_of`: whether there are revisions to come is not to be told.
        rows = int(self.known.searchsorted(as_of))
        columns = [self._column[instrument] for instrument in found]
        values = self._close[max(0, rows - lookback) : rows, columns]
        days = self.days[max(0, rows - lookback) : rows]
        if np.isnan(values).any():
            shared = np.flatnonzero(~np.isnan(self._close[:rows, columns]).any(axis=1))[-lookback:]
            values, days = self._close[shared][:, columns], self.days[shared]
        return Closes(tuple(symbols), days, np.ascontiguousarray(values))

    def first_unseen(self, as_of: datetime) -> date:
        """Return the exchange's first session that has not closed before `as_of`."""
        day = self.calendar.on_or_after(as_of.astimezone(UTC).date() - timedelta(days=1))
        while self.calendar.closes_at(day) < as_of:
            day = self.calendar.on_or_after(day + timedelta(days=1))
        return day

    def _alive(self, rows: int, as_of: int) -> tuple[str, ...]:
        first = max(0, rows - 1 - STALE_AFTER)
        columns = [self._column[one] for one in self.tradable]
        newest = self._close[first:rows, columns]
        alive = np.asarray(~np.isnan(newest).all(axis=0))
        for index in np.flatnonzero(~alive).tolist():
            if self.tradable[index] in self.series.revised:
                alive[index] = self._bar_since(self.tradable[index], as_of, first=first)
        names = self.names
        return tuple(
            sorted(names.ticker(self.tradable[one], as_of) for one in np.flatnonzero(alive))
        )

    def _bar_since(self, instrument: str, as_of: int, *, first: int) -> bool:
        columns = self.series[instrument].columns(as_of, AS_KNOWN)
        count = int(columns.known.searchsorted(as_of))
        return bool(count and self.dates and columns.days[count - 1] >= self.days[first])

    def _publications(self, as_of: int) -> int:
        late = self._late_moments
        return int(late.searchsorted(as_of)) if len(late) else 0

    @cached_property
    def _late_moments(self) -> NDArray[np.int64]:
        return np.sort(instants(self._facts["bars"], "known_time"))

    def _ticker_changes(self) -> Iterator[Claim]:
        if not len(self.actions):
            return
        found = self.actions.versions
        changes = (found.kind == ORDER.index("ticker_change")) & ~found.called_off
        rows = np.flatnonzero(changes).tolist()
        symbol, symbols = codes(self._facts["actions"], "new_symbol")
        for row in rows:
            yield Claim(
                instrument=found.instruments[found.instrument[row]],
                symbol=symbols[symbol[row]],
                day=int(found.day[row]),
                opens=self.opens.at(int(found.day[row])),
                known=int(found.known[row]),
                until=int(found.until[row]),
                action=row,
            )


def closes_of(
    columns: Sequence[tuple[NDArray[np.datetime64], Floats]], lookback: int
) -> tuple[NDArray[np.datetime64], Floats]:
    """Return the last `lookback` days that all (days, closes) share, and the closes (T, N)."""
    days, values = _shared(columns, lookback)
    return days, np.ascontiguousarray(values)


def _shared(
    columns: Sequence[tuple[NDArray[np.datetime64], Floats]], lookback: int
) -> tuple[NDArray[np.datetime64], Floats]:
    days = columns[0][0][-lookback:]
    if all(np.array_equal(each[-lookback:], days) for each, _ in columns[1:]):
        return days, np.column_stack([close[-lookback:] for _, close in columns])
    shared = columns[0][0]
    for each, _ in columns[1:]:
        shared = np.intersect1d(shared, each, assume_unique=True)
    shared = shared[-lookback:]
    return shared, np.column_stack([close[each.searchsorted(shared)] for each, close in columns])
