"""Daily prices and what is known beside them, in memory: seen only as known at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from adapters.market.arrays import Days, Floats, PriceArrays
from adapters.market.facts import NEVER, Facts
from adapters.market.moments import EVER, day_of, micros
from adapters.market.names import Rename
from adapters.market.parts import Parts
from adapters.market.view import TableView
from interfaces.calendar import TradingCalendar
from interfaces.market import AS_TRADED, Bearer
from schemas.errors import InvalidRequest
from schemas.facts import UniverseStay
from schemas.market import DatasetInfo

__all__ = ["Days", "Floats", "PriceArrays", "PriceTable", "TableView"]

_DAY = timedelta(days=1)


class PriceTable:
    """Implement `MarketData` over arrays and facts; a bar is known at its session's close.

    Every session of the arrays must be one of the calendar's. Nothing is read at the start: an
    instrument's bars are looked for at their first use, so arrays may be memory-mapped.
    """

    def __init__(
        self,
        info: DatasetInfo,
        arrays: PriceArrays,
        calendar: TradingCalendar,
        facts: Facts | None = None,
    ) -> None:
        self._info = info
        self._calendar = calendar
        ours = replace(arrays, sessions=arrays.sessions.astype("datetime64[D]", copy=False))
        self._parts = Parts(info, ours.by_column(), calendar, facts or Facts())

    def info(self) -> DatasetInfo:
        """Describe the data set."""
        return self._info

    def view(self, as_of: datetime) -> TableView:
        """Return the market as known strictly before `as_of`; `InvalidRequest` without a zone."""
        if as_of.tzinfo is None:
            raise InvalidRequest("a moment must have a time zone")
        return TableView(self._parts, as_of)

    def covers(self, start: date, end: date) -> bool:
        """Tell whether prices exist for the whole range; false when it holds no session."""
        dates = self._parts.dates
        try:
            days = self._calendar.sessions(start, end)
        except InvalidRequest:
            return False
        return bool(days and dates) and dates[0] <= days[0] and days[-1] <= dates[-1]

    def coverage(self) -> tuple[tuple[str, date, date, int], ...]:
        """Return (newest ticker, first session, last session, bars) of every instrument with bars.

        By all that was ever known; for people and admission.
        """
        parts = self._parts
        found: list[tuple[str, date, date, int]] = []
        for instrument in parts.instruments:
            days = parts.series[instrument].columns(NEVER, AS_TRADED).days
            if len(days):
                ticker = parts.names.ticker(instrument, NEVER)
                found.append((ticker, days[0].item(), days[-1].item(), len(days)))
        return tuple(sorted(found))

    def universes(self) -> Mapping[str, tuple[UniverseStay, ...]]:
        """Return every universe with all its stays, later ones included; never for a model."""
        parts = self._parts
        found: dict[str, list[UniverseStay]] = {}
        for universe, instrument, enters, leaves in parts.members.stays():
            # A listing that becomes known just as its first session opens counts right after.
            opened = min(parts.opens.at(enters), NEVER - 1) + 1
            stay = UniverseStay(
                symbol=parts.names.ticker(instrument, opened),
                enters=day_of(enters),
                leaves=None if leaves == NEVER else day_of(leaves),
            )
            found.setdefault(universe, []).append(stay)
        return {name: tuple(stays) for name, stays in found.items()}

    def reach(self) -> Mapping[str, tuple[Bearer, ...]]:
        """Return the instruments that ever bear each ticker, in the order in which they do."""
        parts = self._parts
        renames: dict[str, list[Rename]] = {}
        for rename in parts.names.changed(EVER, NEVER - 1):
            renames.setdefault(rename.instrument, []).append(rename)
        found: dict[str, list[Bearer]] = {}
        for instrument in parts.instruments:
            days = parts.series[instrument].columns(NEVER, AS_TRADED).days
            if not len(days):
                continue
            first, last = days[0].item(), days[-1].item()
            changes = renames.get(instrument, [])
            borne = changes[0].old if changes else parts.names.ticker(instrument, NEVER - 1)
            since = first
            for change in changes:
                until = date.min if change.day <= EVER else day_of(change.day)
                found.setdefault(borne, []).append(Bearer(instrument, since, until, first, last))
                borne, since = change.new, until
            found.setdefault(borne, []).append(Bearer(instrument, since, None, first, last))
        return {
            ticker: tuple(sorted(each, key=lambda one: one.since)) for ticker, each in found.items()
        }

    def tickers(self) -> tuple[str, ...]:
        """Return every ticker that a tradable instrument ever bears, sorted; for `info`."""
        return tuple(sorted(self._parts.names.all_of(self._parts.tradable)))

    def tickers_of(
        self, instruments: Iterable[str], start: date | None = None, end: date | None = None
    ) -> frozenset[str]:
        """Return every ticker these instruments bear from the first to the last of the days."""
        return frozenset(self._parts.names.all_of(instruments, *_span(start, end)))

    def bearers(
        self, symbols: Iterable[str], start: date | None = None, end: date | None = None
    ) -> frozenset[str]:
        """Return the instruments that bear one of the tickers between the days, both included.

        At any time where a day is left out. For setting up a run, never for a model.
        """
        return frozenset(self._parts.names.bearers(symbols, *_span(start, end)))


def _span(start: date | None, end: date | None) -> tuple[int, int]:
    first = EVER if start is None else micros(datetime.combine(start, time(), UTC))
    last = NEVER if end is None else micros(datetime.combine(end + _DAY, time(), UTC))
    return first, last
