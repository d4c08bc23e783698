"""Alpaca: daily bars as traded, corporate actions, news, and quotes as they are made.

The vendor answers a symbol that it does not know like one that has nothing: with an empty table.
Whether it knows a symbol is asked only then, by its latest quote.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from types import ModuleType
from typing import Any, Literal, TypeVar

from adapters.providers import alpaca_values as values
from adapters.providers.alpaca_actions import Question, read_actions
from adapters.providers.alpaca_http import Keys, Pages, SignedClient
from adapters.providers.dating import EASTERN, newest_final
from adapters.providers.http import Access
from adapters.providers.offers import not_offered
from adapters.providers.pace import Pace
from interfaces.providers import Quota, Quote, RawBars
from schemas.downloads import FactKind
from schemas.errors import BadConfiguration, NotFound
from schemas.facts import CorporateAction, MacroValue, StoredDocument

Feed = Literal["iex", "sip"]
_BAR = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
_BOOKED_BEFORE, _BOOKED_AFTER = timedelta(days=30), timedelta(days=200)
"""How far the day an action is booked may lie from its ex-date: dividends are paid much later."""
_MOST_NAMES = 20
_MISSING = "alpaca needs its library, which is not installed: pip install 'alphashield[alpaca]'"

T = TypeVar("T")


class Alpaca:
    """Implement `DataProvider` and `QuoteSource`.

    `feed` is whose trades and quotes: `iex` is one exchange of few per cent of all trading, `sip`
    all of them, for which recent data need a paid plan. `stream_url` is derived from the address
    in `access` unless it is given.
    """

    name = "alpaca"
    offers: frozenset[FactKind] = frozenset({"bars", "actions", "news"})

    def __init__(
        self,
        access: Access,
        pace: Pace,
        *,
        secret: str | None,
        feed: Feed = "iex",
        stream_url: str | None = None,
    ) -> None:
        self._keys = Keys(access.key, secret)
        self._client = SignedClient(access, pace, self._keys)
        self._feed: Feed = feed
        self.stream_url = stream_url or _stream_url(access.base_url)

    def bars(self, symbol: str, start: date, end: date) -> Iterator[RawBars]:
        """Yield the daily bars as traded; that of a session still running is left out.

        The symbol means whoever bears it on the last day: the bars of that company from before it
        had the symbol come as well, those of an earlier bearer do not.
        """
        final = newest_final(self._client.now())
        end = min(end, final)
        if end < start:
            return
        sdk = self._sdk()
        between = (_midnight(start), _midnight(end))
        answer = sdk.daily_bars(self._pages("bars"), symbol, between, feed=self._feed, asof=end)
        rows = self._of(answer, symbol)
        columns: dict[str, list[str]] = {name: [] for name in ("date", *_BAR)}
        before = date.min
        for row in rows:
            day = self._trust(values.session, row.get("t"))
            if day > final:
                continue
            if not start <= day <= end or day <= before:
                raise self._client.distrust(f"sends a bar of {day} that has no place in its answer")
            before = day
            columns["date"].append(day.isoformat())
            for name, key in _BAR.items():
                columns[name].append(self._trust(values.cell, row.get(key)))
        if columns["date"]:
            yield RawBars(self.name, symbol, columns)
        else:
            self._known(symbol)

    def actions(self, symbol: str, start: date, end: date) -> Iterator[CorporateAction]:
        """Yield corporate actions with an ex-date in `start..end`, also under earlier names.

        `alpaca_actions.NOT_MODELLED` says what is left out. The vendor does not say when an action
        was announced: it counts as known from the eve of its ex-date, or the end of the day it was
        booked where that is earlier. A redemption or removal counts as known when its day is over.
        """
        found = self._actions(symbol, start, end)
        if not found:
            self._known(symbol)
        names, waiting = {symbol}, list(found)
        while waiting:
            action = waiting.pop(0)
            yield action
            former = action.instrument
            if former not in names and len(names) < _MOST_NAMES:
                names.add(former)
                until = action.ex_date - timedelta(days=1)
                waiting += self._actions(former, start, until) if until >= start else []

    def macro(self, series: str, start: date, end: date) -> Iterator[MacroValue]:  # noqa: ARG002 - the port's signature
        """Refuse: there is none."""
        raise not_offered(self.name, "macro")

    def news(self, symbol: str, start: date, end: date) -> Iterator[StoredDocument]:
        """Yield news about the symbol last updated in `start..end` (UTC), oldest update first.

        The vendor keeps only the last text of an article, so that text counts as known from its
        last update, however much earlier the article first appeared.
        """
        sdk = self._sdk()
        first = datetime.combine(start, time(), UTC)
        last = datetime.combine(end + timedelta(days=1), time(), UTC) - timedelta(seconds=1)
        items = sdk.news(self._pages("news"), symbol, first, last)
        if not items:
            self._known(symbol)
        stored = self._client.now()
        seen: set[str] = set()
        for item in items:
            if symbol not in {each.replace("/", ".") for each in values.tickers(item)}:
                raise self._client.distrust(f"sends news about others when asked about {symbol}")
            document = self._trust(lambda each: values.article(each, stored), item)
            if document.document_id not in seen:
                seen.add(document.document_id)
                yield document

    def latest(self, symbols: Sequence[str]) -> tuple[Quote, ...]:
        """Return the newest quote of each symbol that has one with two sides."""
        wanted = list(dict.fromkeys(symbols))
        if not wanted:
            return ()
        found = self._latest(wanted)
        read = (
            self._trust(lambda row, each=each: values.quote(each, row), found[each])
            for each in wanted
            if each in found
        )
        return tuple(each for each in read if each is not None)

    def stream(self, symbols: Sequence[str]) -> AsyncIterator[Quote]:
        """Yield quotes as they come, in order of time for each symbol; reconnects by itself.

        `BadConfiguration` when the keys are refused; `Unavailable` after eight connections in a
        row that came to nothing. Close it (or cancel who waits for it) to hang up.
        """
        self._keys.pair()
        try:
            from adapters.providers.alpaca_stream import Patience, QuoteStream
        except ImportError as error:
            raise BadConfiguration(_MISSING) from error
        timing = self._client.pace.timing
        patience = Patience(now=timing.clock, random=timing.random)
        return QuoteStream(self.stream_url, self._feed, self._keys, patience).quotes(symbols)

    def quota(self) -> Quota:
        """Tell the vendor's limits; a stream does not count."""
        return self._client.pace.quota()

    def _actions(self, symbol: str, start: date, end: date) -> list[CorporateAction]:
        sdk = self._sdk()
        answer = sdk.corporate_actions(
            self._pages("corporate_actions"), symbol, start - _BOOKED_BEFORE, end + _BOOKED_AFTER
        )
        stored, distrust = self._client.now(), self._client.distrust
        return read_actions(answer, Question(symbol, start, end, stored, distrust))

    def _latest(self, symbols: list[str]) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = self._sdk().latest_quotes(
            self._pages("quotes", single=True), symbols, feed=self._feed
        )
        if strange := sorted(set(found) - set(symbols)):
            raise self._client.distrust(f"answers about {strange[0]}, which was not asked for")
        return found

    def _known(self, symbol: str) -> None:
        """Raise `NotFound` unless the vendor has ever seen a quote of the symbol."""
        if not self._latest([symbol]):
            raise NotFound(f"{self.name} knows nothing of {symbol}")

    def _pages(self, part: str, *, single: bool = False) -> Pages:
        return Pages(self._client, part, single=single)

    def _of(self, answer: Mapping[str, list[Any]], symbol: str) -> list[Mapping[str, Any]]:
        if strange := sorted(set(answer) - {symbol}):
            raise self._client.distrust(f"answers about {strange[0]} when asked about {symbol}")
        return answer.get(symbol, [])

    def _trust(self, read: Callable[[Any], T], value: object) -> T:
        """Return what a reader makes of a value; what it refuses is not trusted."""
        try:
            return read(value)
        except ValueError as error:
            said = str(error)
        raise self._client.distrust(f"sends {said}")

    def _sdk(self) -> ModuleType:
        """Import what needs the extra, at the first use: core runs without it."""
        self._keys.pair()
        try:
            import adapters.providers.alpaca_sdk as sdk
        except ImportError as error:
            raise BadConfiguration(_MISSING) from error
        return sdk


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), EASTERN)


def _stream_url(base_url: str) -> str:
    """Return where quotes come from: `stream.` before the vendor's host; a stub has one host."""
    scheme, _, rest = base_url.rstrip("/").partition("://")
    secure = scheme == "https"
    return f"wss://stream.{rest}" if secure else f"ws://{rest}"
