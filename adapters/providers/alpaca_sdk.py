"""Alpaca's own library (the extra `alpaca`), with our transport under it.

alpaca-py knows the questions: addresses, versions, parameters, how pages follow one another. It
would send them without any time limit, read answers of any size, and sleep and retry by itself;
so its one public way out, `RESTClient.get`, leads to `ask`. It answers raw, without pandas and
without turning decimals into floats, and never holds a key.

This module is imported when the first question is asked: the library takes half a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.historical.news import NewsClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.data.requests import (
    CorporateActionsRequest,
    NewsRequest,
    StockBarsRequest,
    StockLatestQuoteRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

Ask = Callable[[str, Mapping[str, str]], dict[str, Any]]
"""Given the path with its version and the parameters, return the JSON object that is there."""
_NOT_HELD = "the transport signs"


def daily_bars(
    ask: Ask, symbol: str, between: tuple[datetime, datetime], *, feed: str, asof: date
) -> dict[str, list[dict[str, Any]]]:
    """Return raw daily bars by symbol; `asof` says on which day the symbol's bearer is meant."""
    request = StockBarsRequest(
        symbol_or_symbols=symbol,
        timeframe=TimeFrame(1, TimeFrameUnit("Day")),
        start=between[0].astimezone(UTC),
        end=between[1].astimezone(UTC),
        adjustment=Adjustment.RAW,
        feed=DataFeed(feed),
        asof=asof.isoformat(),
    )
    return dict(_Stocks(ask).get_stock_bars(request))


def latest_quotes(ask: Ask, symbols: list[str], *, feed: str) -> dict[str, dict[str, Any]]:
    """Return the newest quote by symbol."""
    request = StockLatestQuoteRequest(symbol_or_symbols=symbols, feed=DataFeed(feed))
    answer: dict[str, Any] = dict(_Stocks(ask).get_stock_latest_quote(request))
    return answer


def corporate_actions(
    ask: Ask, symbol: str, start: date, end: date
) -> dict[str, list[dict[str, Any]]]:
    """Return the actions processed in `start..end` by type."""
    # With any limit the library stops there and forgets that there was a next page.
    request = CorporateActionsRequest(symbols=[symbol], start=start, end=end, limit=None)
    return dict(_Actions(ask).get_corporate_actions(request))


def news(ask: Ask, symbol: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """Return the articles that were last updated in `start..end`, oldest first."""
    request = NewsRequest(symbols=symbol, start=start, end=end, sort="asc", include_content=True)
    return list(dict(_News(ask).get_news(request))["news"])


class _Stocks(StockHistoricalDataClient):
    def __init__(self, ask: Ask) -> None:
        super().__init__(api_key=_NOT_HELD, secret_key=_NOT_HELD, raw_data=True)
        self._ask = ask

    def get(self, path: str, data: dict[str, Any] | str | None = None, **_: Any) -> dict[str, Any]:
        """Ask through our transport."""
        return self._ask(f"v2{path}", _texts(data))


class _Actions(CorporateActionsClient):
    def __init__(self, ask: Ask) -> None:
        super().__init__(api_key=_NOT_HELD, secret_key=_NOT_HELD, raw_data=True)
        self._ask = ask

    def get(self, path: str, data: dict[str, Any] | str | None = None, **_: Any) -> dict[str, Any]:
        """Ask through our transport."""
        return self._ask(f"v1{path}", _texts(data))


class _News(NewsClient):
    def __init__(self, ask: Ask) -> None:
        super().__init__(api_key=_NOT_HELD, secret_key=_NOT_HELD, raw_data=True)
        self._ask = ask

    def get(self, path: str, data: dict[str, Any] | str | None = None, **_: Any) -> dict[str, Any]:
        """Ask through our transport."""
        return self._ask(f"v1beta1{path}", _texts(data))


def _texts(data: dict[str, Any] | str | None) -> dict[str, str]:
    """Write parameters as they go into an address; what is None is not sent."""
    if not isinstance(data, dict):
        return {}
    return {name: _text(value) for name, value in data.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    return str(value).lower() if isinstance(value, bool) else str(value)
