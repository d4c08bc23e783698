"""A data set narrowed to the symbols of a run: the others do not exist for its agents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from interfaces.market import Bars, Closes, MarketData, MarketView
from schemas.errors import NotFound
from schemas.market import DatasetInfo


class UniverseMarket:
    """Implement `MarketData` over another one, for some of its tradable symbols."""

    def __init__(self, market: MarketData, symbols: Sequence[str]) -> None:
        self._market = market
        self._symbols = frozenset(symbols)
        info = market.info()
        kept = tuple(symbol for symbol in info.symbols if symbol in self._symbols)
        self._info = info.model_copy(update={"symbols": kept})

    def info(self) -> DatasetInfo:
        """Describe the data set; its symbols are those of the universe."""
        return self._info

    def view(self, as_of: datetime) -> MarketView:
        """Return the market as known strictly before `as_of`, for the universe."""
        return _UniverseView(self._market.view(as_of), self._symbols)

    def covers(self, start: date, end: date) -> bool:
        """Tell whether prices exist for the whole range."""
        return self._market.covers(start, end)


class _UniverseView:
    """Implement `MarketView` for the universe."""

    def __init__(self, view: MarketView, symbols: frozenset[str]) -> None:
        self._view = view
        self._symbols = symbols
        self.as_of = view.as_of

    def symbols(self) -> tuple[str, ...]:
        return tuple(symbol for symbol in self._view.symbols() if symbol in self._symbols)

    def bars(
        self,
        symbol: str,
        *,
        lookback: int | None = None,
        start: date | None = None,
        end: date | None = None,
    ) -> Bars:
        return self._view.bars(self._known(symbol), lookback=lookback, start=start, end=end)

    def closes(self, symbols: Sequence[str], lookback: int) -> Closes:
        return self._view.closes([self._listed(symbol) for symbol in symbols], lookback)

    def last_close(self, symbol: str) -> tuple[date, float] | None:
        return self._view.last_close(self._known(symbol))

    def _known(self, symbol: str) -> str:
        if symbol not in self._symbols:
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
