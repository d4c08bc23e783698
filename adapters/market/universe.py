"""A data set narrowed to the symbols of a run: the others do not exist for its agents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, runtime_checkable

from interfaces.calendar import TradingCalendar
from interfaces.market import (
    AS_KNOWN,
    Bars,
    Bearer,
    Closes,
    LastPrice,
    MacroSeries,
    MarketData,
    MarketView,
    Reading,
    Vintage,
    bearer_of,
)
from schemas.documents import DocumentKind, FoundDocument
from schemas.errors import InvalidRequest, NotFound
from schemas.facts import CorporateAction, Fundamental, Listing, MacroSeriesInfo, UniverseStay
from schemas.jobs import SimulationRequest
from schemas.market import DatasetInfo


@runtime_checkable
class KnowsInstruments(Protocol):
    """A market that can tell which instruments bear a ticker over time."""

    def bearers(
        self, symbols: Iterable[str], start: date | None = None, end: date | None = None
    ) -> frozenset[str]:
        """Return the instruments that bear one of the tickers between the days."""
        ...

    def tickers_of(
        self, instruments: Iterable[str], start: date | None = None, end: date | None = None
    ) -> frozenset[str]:
        """Return every ticker these instruments bear between the days."""
        ...


@runtime_checkable
class NamesInstruments(Protocol):
    """A view that can tell which instrument bears a ticker at its moment."""

    def instrument(self, symbol: str) -> str | None:
        """Return the instrument; None while none does; `NotFound`."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """A stay of an instrument in a universe, between two moments; None: without that end."""

    instrument: str
    enters: datetime | None
    leaves: datetime | None


@dataclass(frozen=True, slots=True)
class NamedUniverse:
    """A universe whose members come and go."""

    name: str
    spans: tuple[Span, ...]


def spans_of(
    market: MarketData, stays: Sequence[UniverseStay], calendar: TradingCalendar, *, start: date
) -> tuple[Span, ...]:
    """Return the stays of the instruments behind the tickers, from open to open.

    A stay belongs to the one instrument that its ticker means as it begins, or at `start` where
    it has no beginning: who takes the ticker over later is another company.
    """

    def opening(day: date | None) -> datetime | None:
        try:
            return None if day is None else calendar.opens_at(calendar.on_or_after(day))
        except InvalidRequest:  # outside the calendar
            return None

    reach = market.reach()
    found: list[Span] = []
    for stay in stays:
        if stay.leaves is not None and stay.leaves <= start:
            continue
        meant = bearer_of(reach.get(stay.symbol, ()), stay.enters or start, stay.leaves)
        if meant is not None:
            found.append(Span(meant.instrument, opening(stay.enters), opening(stay.leaves)))
    return tuple(found)


def _bearers(
    market: MarketData, symbols: Sequence[str], start: date | None, end: date | None
) -> frozenset[str]:
    if isinstance(market, KnowsInstruments):
        return market.bearers(symbols, start, end)
    return frozenset(symbols)


class UniverseMarket:
    """Implement `MarketData` over another one, for some of its tradable instruments.

    Of tickers every instrument is covered that bears one of them between `start` and `end`, both
    included, or at any time without them. It is shown under its ticker of the moment. In a market
    that does not tell instruments apart a ticker is one.

    Of a named universe only those exist that have been members by now, and only members of the
    moment are listed: one that left keeps its prices, so that what is held of it can be valued and
    sold. Under its name the universe has these members, whatever the data set calls so.
    """

    def __init__(
        self,
        market: MarketData,
        universe: Sequence[str] | NamedUniverse,
        *,
        start: date | None = None,
        end: date | None = None,
    ) -> None:
        self._market = market
        self._named = universe if isinstance(universe, NamedUniverse) else None
        info = market.info()
        if isinstance(universe, NamedUniverse):
            borne = frozenset(span.instrument for span in universe.spans)
        else:
            borne = _bearers(market, universe, start, end)
        self._covered = borne
        if isinstance(market, KnowsInstruments):
            borne = market.tickers_of(self._covered, start, end)
        self._borne = borne
        kept = tuple(symbol for symbol in info.symbols if symbol in borne)
        self._info = info.model_copy(update={"symbols": kept})

    def info(self) -> DatasetInfo:
        """Describe the data set; its symbols are those that the universe's instruments bear."""
        return self._info

    def view(self, as_of: datetime) -> MarketView:
        """Return the market as known strictly before `as_of`, for the universe."""
        narrowed = _Narrowed(self._covered, self._covered, self._borne)
        if self._named is not None:
            begun = [one for one in self._named.spans if one.enters is None or one.enters <= as_of]
            narrowed = _Narrowed(
                frozenset(one.instrument for one in begun),
                frozenset(
                    one.instrument for one in begun if one.leaves is None or as_of < one.leaves
                ),
                self._borne,
                self._named.name,
            )
        return _UniverseView(self._market.view(as_of), narrowed)

    def universes(self) -> Mapping[str, tuple[UniverseStay, ...]]:
        """Return the universes of the data set; never for a model."""
        return self._market.universes()

    def reach(self) -> Mapping[str, tuple[Bearer, ...]]:
        """Return who ever bears each of the universe's tickers; never for a model."""
        borne = frozenset(self._info.symbols)
        return {name: each for name, each in self._market.reach().items() if name in borne}

    def covers(self, start: date, end: date) -> bool:
        """Tell whether prices exist for the whole range."""
        return self._market.covers(start, end)


def universe_of(
    market: MarketData, request: SimulationRequest, calendar: TradingCalendar
) -> UniverseMarket:
    """Narrow a data set to what a request trades, with its comings and goings if it has any."""
    start, end = request.start_date, request.end_date
    if request.stays is None or request.universe_name is None:
        symbols = request.universe or market.info().symbols
        return UniverseMarket(market, symbols, start=start, end=end)
    stays = [
        stay
        for stay in request.stays
        if (stay.enters is None or stay.enters <= end)
        and (stay.leaves is None or stay.leaves > start)
    ]
    named = NamedUniverse(request.universe_name, spans_of(market, stays, calendar, start=start))
    return UniverseMarket(market, named, start=start, end=end)


@dataclass(frozen=True, slots=True)
class _Narrowed:
    """The instruments that may be seen, those that are members, and tickers of the whole run."""

    covered: frozenset[str]
    members: frozenset[str]
    borne: frozenset[str]
    name: str | None = None
    """What the universe is called, if anything."""


class _UniverseView:
    """Implement `MarketView` for the universe."""

    def __init__(self, view: MarketView, narrowed: _Narrowed) -> None:
        self._view = view
        self._covered = narrowed.covered
        self._members = narrowed.members
        self._name = narrowed.name
        self._borne = narrowed.borne
        self._instrument = view.instrument if isinstance(view, NamesInstruments) else _itself
        self.as_of = view.as_of

    def symbols(self) -> tuple[str, ...]:
        return tuple(one for one in self._view.symbols() if self._bearer(one) in self._members)

    def bars(
        self,
        symbol: str,
        *,
        lookback: int | None = None,
        start: date | None = None,
        end: date | None = None,
        how: Reading = AS_KNOWN,
    ) -> Bars:
        known = self._known(symbol)
        return self._view.bars(known, lookback=lookback, start=start, end=end, how=how)

    def closes(self, symbols: Sequence[str], lookback: int, *, how: Reading = AS_KNOWN) -> Closes:
        return self._view.closes([self._listed(symbol) for symbol in symbols], lookback, how=how)

    def last_close(self, symbol: str) -> tuple[date, float] | None:
        return self._view.last_close(self._known(symbol))

    def quote(self, symbol: str) -> LastPrice | None:
        return self._view.quote(self._known(symbol))

    def actions(
        self, symbol: str | None = None, *, start: date | None = None, end: date | None = None
    ) -> tuple[CorporateAction, ...]:
        if symbol is not None:
            return self._view.actions(self._known(symbol), start=start, end=end)
        found = self._view.actions(start=start, end=end)
        return tuple(action for action in found if action.instrument in self._covered)

    def applied(self, since: datetime) -> tuple[tuple[str, CorporateAction], ...]:
        found = self._view.applied(since)
        return tuple(one for one in found if one[1].instrument in self._covered)

    def listings(self, symbol: str) -> tuple[Listing, ...]:
        return self._view.listings(self._known(symbol))

    def ticker(self, instrument: str) -> str | None:
        return self._view.ticker(instrument) if instrument in self._covered else None

    def members(self, universe: str) -> tuple[str, ...]:
        if universe == self._name:
            tickers = map(self._view.ticker, self._members)
            return tuple(sorted(ticker for ticker in tickers if ticker is not None))
        return tuple(one for one in self._view.members(universe) if self._covers(one))

    def macro_series(self) -> tuple[MacroSeriesInfo, ...]:
        return self._view.macro_series()

    def macro(
        self,
        series: str,
        *,
        start: date | None = None,
        end: date | None = None,
        vintage: Vintage = "latest",
    ) -> MacroSeries:
        return self._view.macro(series, start=start, end=end, vintage=vintage)

    def fundamentals(
        self, symbol: str, *, field: str | None = None, vintage: Vintage = "latest"
    ) -> tuple[Fundamental, ...]:
        return self._view.fundamentals(self._known(symbol), field=field, vintage=vintage)

    def documents(
        self,
        query: str,
        *,
        kind: DocumentKind | None = None,
        symbol: str | None = None,
        limit: int = 10,
    ) -> tuple[FoundDocument, ...]:
        asked = None if symbol is None else self._known(symbol)
        return self._view.documents(query, kind=kind, symbol=asked, limit=limit)

    def _covers(self, symbol: str) -> bool:
        try:
            instrument = self._instrument(symbol)
        except NotFound:
            return False
        return symbol in self._borne if instrument is None else instrument in self._covered

    def _bearer(self, symbol: str) -> str | None:
        try:
            return self._instrument(symbol)
        except NotFound:
            return None

    def _known(self, symbol: str) -> str:
        if not self._covers(symbol):
            raise self._unknown(symbol)
        return symbol

    def _listed(self, symbol: str) -> str:
        """Refuse a symbol whose first bar is yet to come in the words for one that never was."""
        if self._view.last_close(self._known(symbol)) is None:
            raise self._unknown(symbol)
        return symbol

    def _unknown(self, symbol: str) -> NotFound:
        return NotFound(
            f"'{symbol}' is not in the universe of this run: prices_list_symbols shows what is"
        )


def _itself(symbol: str) -> str:
    return symbol
