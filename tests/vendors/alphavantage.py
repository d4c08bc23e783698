"""Alpha Vantage's protocol as documented, over a few made-up symbols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.vendors.stub import Answer, Asked

INVALID_CALL = (
    "Invalid API call. Please retry or visit the documentation "
    "(https://www.alphavantage.co/documentation/) for TIME_SERIES_DAILY."
)
DAILY_LIMIT = (
    "We have detected your API key as {key} and our standard API rate limit is 25 requests per "
    "day. Please subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to "
    "instantly remove all daily rate limits."
)
MINUTE_LIMIT = (
    "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per minute and "
    "500 calls per day. Please visit https://www.alphavantage.co/premium/ if you would like to "
    "target a higher API call frequency."
)
SPREAD_OUT = (
    "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more "
    "sparingly (1 request per second)."
)
PREMIUM = (
    "Thank you for using Alpha Vantage! This is a premium endpoint. You may subscribe to any of "
    "the premium plans at https://www.alphavantage.co/premium/ to instantly unlock all premium "
    "endpoints"
)
BAD_KEY = (
    "the parameter apikey is invalid or missing. Please claim your free API key on "
    "(https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds."
)


class AlphaVantageData:
    """What the stub knows. `days` maps symbol → ISO date → (o, h, l, c, v, dividend, split)."""

    def __init__(self) -> None:
        self.days: dict[str, dict[str, tuple[str, ...]]] = {}
        self.dividends: dict[str, list[dict[str, str]]] = {}
        self.splits: dict[str, list[dict[str, str]]] = {}
        self.news: list[dict[str, Any]] = []
        self.zone = "US/Eastern"

    def answers(self) -> dict[str, Answer]:
        return {"/query": self.answer}

    def answer(self, asked: Asked) -> object:
        query = asked.query
        if not query.get("apikey"):
            return {"Error Message": BAD_KEY}
        functions = {
            "TIME_SERIES_DAILY": lambda: self._daily(query, adjusted=False),
            "TIME_SERIES_DAILY_ADJUSTED": lambda: self._daily(query, adjusted=True),
            "DIVIDENDS": lambda: self._listed(query["symbol"], self.dividends),
            "SPLITS": lambda: self._listed(query["symbol"], self.splits),
            "NEWS_SENTIMENT": lambda: self._feed(query),
        }
        asked_for = functions.get(query.get("function", ""))
        if asked_for is None:
            return {"Error Message": "This API function does not exist."}
        return asked_for()

    def _daily(self, query: Mapping[str, str], *, adjusted: bool) -> object:
        symbol = query["symbol"]
        if symbol not in self.days:
            return {"Error Message": INVALID_CALL}
        days = sorted(self.days[symbol], reverse=True)
        size = query.get("outputsize", "compact")
        shown = days[:100] if size == "compact" else days
        meta = {
            "1. Information": "Daily Prices (open, high, low, close) and Volumes",
            "2. Symbol": symbol,
            "3. Last Refreshed": days[0],
            "4. Output Size": "Compact" if size == "compact" else "Full size",
            "5. Time Zone": self.zone,
        }
        return {
            "Meta Data": meta,
            "Time Series (Daily)": {
                day: _row(self.days[symbol][day], adjusted=adjusted) for day in shown
            },
        }

    def _listed(self, symbol: str, rows: Mapping[str, list[dict[str, str]]]) -> object:
        if symbol not in self.days:
            return {}
        return {"symbol": symbol, "data": rows.get(symbol, [])}

    def _feed(self, query: Mapping[str, str]) -> object:
        symbol = query["tickers"]
        if symbol not in self.days:
            return {"Information": "Invalid inputs. Please refer to the API documentation"}
        first, last = query["time_from"] + "00", query["time_to"] + "59"
        items = [
            item
            for item in sorted(self.news, key=lambda item: str(item["time_published"]))
            if first <= str(item["time_published"]) <= last
            and symbol in {entry["ticker"] for entry in item["ticker_sentiment"]}
        ]
        page = items[: int(query["limit"])]
        return {"items": str(len(page)), "feed": page}


def _row(day: tuple[str, ...], *, adjusted: bool) -> dict[str, str]:
    opened, high, low, close, volume, dividend, split = day
    prices = {"1. open": opened, "2. high": high, "3. low": low, "4. close": close}
    if not adjusted:
        return {**prices, "5. volume": volume}
    return {
        **prices,
        "5. adjusted close": "0.5",  # never to be used
        "6. volume": volume,
        "7. dividend amount": dividend,
        "8. split coefficient": split,
    }


def bar(close: float, *, dividend: str = "0.0000", split: str = "1.0") -> tuple[str, ...]:
    """Make a plausible day around a close."""
    low, high = f"{close * 0.99:.4f}", f"{close * 1.01:.4f}"
    return f"{close:.4f}", high, low, f"{close:.4f}", "1000", dividend, split


def item(at: str, title: str, *tickers: str) -> dict[str, Any]:
    """Make a news item published at `20240110T153000`."""
    return {
        "title": title,
        "url": f"https://news.example/{title}",
        "time_published": at,
        "authors": [],
        "summary": f"All about {title}.",
        "source": "Example Wire",
        "overall_sentiment_score": 0.1,
        "ticker_sentiment": [
            {"ticker": ticker, "relevance_score": "0.5", "ticker_sentiment_score": "0.1"}
            for ticker in tickers
        ],
    }
