"""What there is to hide of a data set: every ticker, name and year, those to come as well.

Read before a run begins and never shown: aliases must be fixed from the first session to the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from adapters.masking.codebook import REUSED, Known
from adapters.masking.well_known import well_known
from interfaces.market import MarketData, MarketView
from schemas.errors import NotFound
from schemas.facts import Listing

_BEGINNING = datetime(1800, 1, 1, tzinfo=UTC)
_END = datetime(2999, 12, 31, tzinfo=UTC)


def known_of(market: MarketData, years: tuple[int, int]) -> Known:
    """Return what can be recognised of a data set whose prices lie within these years.

    Names come from its listings and from the list that comes with the program.
    """
    info, view = market.info(), market.view(_END)
    same = _Same()
    names: dict[str, tuple[str, ...]] = {}
    listings = _listings(view, (*info.symbols, *info.benchmarks))
    for listing in listings:
        same.join(listing.symbol, listing.instrument)
        if listing.name is not None:
            names[listing.symbol] = (*names.get(listing.symbol, ()), listing.name)
    for before, action in view.applied(_BEGINNING):
        same.join(before, action.new_symbol or before)
    for symbol in (*info.symbols, *info.benchmarks):
        same.join(symbol, symbol)
    general = well_known()
    written = {
        ticker: tuple(dict.fromkeys((*general.names.get(ticker, ()), *names.get(ticker, ()))))
        for ticker in general.names.keys() | names.keys()
    }
    return Known(instruments=same.stands_for(), names=written, words=general.words, years=years)


def _listings(view: MarketView, symbols: Iterable[str]) -> list[Listing]:
    found: list[Listing] = []
    for symbol in symbols:
        for name in (symbol, *(symbol + end for end in REUSED)):
            try:
                found.extend(view.listings(name))
            except NotFound:  # nobody bears it in the end
                continue
    return found


class _Same:
    """Tickers that may stand for one instrument at different times: groups that grow together."""

    def __init__(self) -> None:
        self._leader: dict[str, str] = {}

    def join(self, one: str, other: str) -> None:
        first, last = sorted((self._lead(one), self._lead(other)))
        self._leader[last] = first

    def stands_for(self) -> dict[str, str]:
        return {name: self._lead(name) for name in self._leader}

    def _lead(self, name: str) -> str:
        at = self._leader.setdefault(name, name)
        while at != self._leader[at]:
            at = self._leader[at]
        return at
