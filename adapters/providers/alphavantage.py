"""Alpha Vantage: daily bars, dividends, splits and news.

Every question goes to `/query?function=...`; refusals come with status 200, as a sentence under
`Note`, `Information` or `Error Message`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters.providers.dating import EASTERN, action_id, announced, newest_final
from adapters.providers.http import Access, Complaint, JsonClient
from adapters.providers.offers import not_offered
from adapters.providers.pace import Pace
from interfaces.providers import Quota, RawBars
from schemas.base import Symbol, to_micro
from schemas.downloads import FactKind
from schemas.errors import BadConfiguration, NotFound, Unavailable
from schemas.facts import CorporateAction, MacroValue, StoredDocument

_COMPACT = 100  # bars in a compact answer, the newest
_COMPACT_DAYS = 130  # calendar days that 100 sessions cover in any year
_NEWS = 1000  # items in one answer, at most
_LONGEST_TITLE = 500
_AN_HOUR = 3600.0
_MOST_DENOMINATOR = 1000
_BARS = {
    "open": "1. open",
    "high": "2. high",
    "low": "3. low",
    "close": "4. close",
    "volume": "5. volume",
}
_ADJUSTED_BARS = {
    **_BARS,
    "volume": "6. volume",
    "dividend": "7. dividend amount",
    "split": "8. split coefficient",
}
_STATED = ("dividend", "split")
_SYMBOL: TypeAdapter[str] = TypeAdapter(Symbol)


class AlphaVantage:
    """Implement `DataProvider`. `adjusted` asks the premium endpoint, whose bars state actions."""

    name = "alphavantage"
    offers: frozenset[FactKind] = frozenset({"bars", "actions", "news"})

    def __init__(self, access: Access, pace: Pace, *, adjusted: bool = False) -> None:
        self._client = JsonClient(access, pace, complain=_complain)
        self._setting = access.setting
        self._adjusted = adjusted

    def bars(self, symbol: str, start: date, end: date) -> Iterator[RawBars]:
        """Yield the daily bars as traded; that of a session still running is left out."""
        now = self._client.now()
        end = min(end, newest_final(now))
        if end < start:
            return
        compact = start >= now.astimezone(EASTERN).date() - timedelta(days=_COMPACT_DAYS)
        rows = self._daily(symbol, "compact" if compact else "full")
        if compact and len(rows) >= _COMPACT and min(rows) > start:
            rows = self._daily(symbol, "full")
        wanted = {day: rows[day] for day in sorted(rows) if start <= day <= end}
        if wanted:
            yield RawBars(self.name, symbol, self._columns(wanted))

    def actions(self, symbol: str, start: date, end: date) -> Iterator[CorporateAction]:
        """Yield dividends and splits with an ex-date in `start..end`.

        The vendor says of dividends when they were declared, of splits it does not.
        """
        stored = self._client.now()
        counts: dict[date, int] = {}
        for row in self._rows("DIVIDENDS", symbol):
            ex_date = self._day(row.get("ex_dividend_date"))
            cash = self._number(row.get("amount"), "dividend")
            if start <= ex_date <= end and cash > 0:
                counts[ex_date] = counts.get(ex_date, 0) + 1
                yield CorporateAction(
                    known_time=announced(ex_date, _perhaps_day(row.get("declaration_date"))),
                    stored_time=stored,
                    provider=self.name,
                    action_id=action_id(symbol, "cash_dividend", ex_date, counts[ex_date]),
                    instrument=symbol,
                    kind="cash_dividend",
                    ex_date=ex_date,
                    cash=to_micro(cash),
                    pay_date=_perhaps_day(row.get("payment_date")),
                )
        for row in self._rows("SPLITS", symbol):
            ex_date = self._day(row.get("effective_date"))
            factor = self._number(row.get("split_factor"), "split")
            if start <= ex_date <= end and factor != 1:
                new, old = units(factor)
                yield CorporateAction(
                    known_time=announced(ex_date, None),
                    stored_time=stored,
                    provider=self.name,
                    action_id=action_id(symbol, "split", ex_date),
                    instrument=symbol,
                    kind="split",
                    ex_date=ex_date,
                    cash=None,
                    new_units=Decimal(new),
                    old_units=Decimal(old),
                )

    def macro(self, series: str, start: date, end: date) -> Iterator[MacroValue]:  # noqa: ARG002 - the port's signature
        """Refuse: its economic series come without vintages."""
        raise not_offered(self.name, "macro")

    def news(self, symbol: str, start: date, end: date) -> Iterator[StoredDocument]:
        """Yield news about the symbol, oldest first, page by page.

        The vendor names no zone for `time_published`. It is read as UTC for `published_at`, and
        counts as known from the same hour in New York, the later of the two readings.
        """
        first = datetime.combine(start, time())
        last = datetime.combine(end + timedelta(days=1), time()) - timedelta(minutes=1)
        seen: set[str] = set()
        while True:
            feed = self._feed(symbol, first, last)
            newest = first
            for item in feed:
                document, written = self._document(item)
                newest = max(newest, written or first)
                if document.document_id not in seen:
                    seen.add(document.document_id)
                    yield document
            if len(feed) < _NEWS:
                return
            # To the minute, as the vendor reads it; the minute itself again, less what was seen.
            step = newest.replace(second=0, microsecond=0)
            if step <= first:
                raise self._client.distrust(f"has more than {_NEWS} news within one minute")
            first = step

    def quota(self) -> Quota:
        """Tell the vendor's limits and what is left of today's."""
        return self._client.pace.quota()

    def _ask(self, function: str, **params: str) -> dict[str, Any]:
        return self._client.get("query", {"function": function, **params})

    def _daily(self, symbol: str, size: str) -> dict[date, Mapping[str, Any]]:
        function = "TIME_SERIES_DAILY_ADJUSTED" if self._adjusted else "TIME_SERIES_DAILY"
        answer = self._ask(function, symbol=symbol, outputsize=size)
        meta, series = answer.get("Meta Data"), answer.get("Time Series (Daily)")
        if not answer:
            raise NotFound(f"{self.name} knows nothing of {symbol}")
        if not isinstance(meta, dict) or not isinstance(series, dict):
            raise self._client.distrust("sends no daily series")
        self._same(meta.get("2. Symbol"), symbol)
        zone = next((meta[key] for key in meta if key.endswith("Time Zone")), None)
        if zone not in {"US/Eastern", EASTERN.key}:
            raise self._client.distrust(f"dates its bars in the zone {zone}, not US/Eastern")
        if not all(isinstance(row, dict) for row in series.values()):
            raise self._client.distrust("sends a day that is no table of prices")
        return {self._day(day): row for day, row in series.items()}

    def _columns(self, rows: Mapping[date, Mapping[str, Any]]) -> dict[str, list[str]]:
        fields = _ADJUSTED_BARS if self._adjusted else _BARS
        columns = {"date": [day.isoformat() for day in rows]}
        for name, key in fields.items():
            # Half a statement is none: the screen then looks at the moves themselves.
            if name not in _STATED or all(key in row for row in rows.values()):
                columns[name] = [_cell(row.get(key)) for row in rows.values()]
        return columns

    def _rows(self, function: str, symbol: str) -> list[Mapping[str, Any]]:
        answer = self._ask(function, symbol=symbol)
        if not answer:
            raise NotFound(f"{self.name} knows nothing of {symbol}")
        self._same(answer.get("symbol"), symbol)
        rows = answer.get("data")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._client.distrust(f"sends no list of {function.lower()}")
        return rows

    def _feed(self, symbol: str, first: datetime, last: datetime) -> list[Mapping[str, Any]]:
        answer = self._ask(
            "NEWS_SENTIMENT",
            tickers=symbol,
            time_from=first.strftime("%Y%m%dT%H%M"),
            time_to=last.strftime("%Y%m%dT%H%M"),
            sort="EARLIEST",
            limit=str(_NEWS),
        )
        feed = answer.get("feed")
        if not isinstance(feed, list) or not all(isinstance(item, dict) for item in feed):
            raise self._client.distrust("sends no list of news")
        return feed

    def _document(self, item: Mapping[str, Any]) -> tuple[StoredDocument, datetime | None]:
        """Return an item and its time as written; undated ones are kept and never shown."""
        stored = self._client.now()
        written = _moment(item.get("time_published"))
        title, url = str(item.get("title") or ""), str(item.get("url") or "")
        name = hashlib.sha256(f"{url}\n{title}\n{written}".encode()).hexdigest()[:32]
        tickers = item.get("ticker_sentiment")
        listed = tickers if isinstance(tickers, list) else []
        document = StoredDocument(
            known_time=written.replace(tzinfo=EASTERN).astimezone(UTC) if written else stored,
            stored_time=stored,
            provider=self.name,
            document_id=f"{self.name}:{name}",
            title=(title or url or "untitled")[:_LONGEST_TITLE],
            text=str(item.get("summary") or ""),
            published_at=written.replace(tzinfo=UTC) if written else None,
            symbols=tuple(dict.fromkeys(s for entry in listed if (s := _ticker(entry)))),
            source=str(item.get("source") or "")[:200] or None,
        )
        return document, written

    def _same(self, answered: object, asked: str) -> None:
        plain = str(answered).upper().replace("-", ".")
        if plain != asked.upper().replace("-", "."):
            raise self._client.distrust(f"answers about {answered} when asked about {asked}")

    def _day(self, text: object) -> date:
        day = _perhaps_day(text)
        if day is None:
            raise self._client.distrust(f"sends a date that is none: {text}")
        return day

    def _number(self, text: object, what: str) -> Decimal:
        number = None
        with suppress(InvalidOperation):
            number = Decimal(str(text))
        # Up to a million: what lies beyond is an error of units, and would not fit a column.
        if number is None or not number.is_finite() or not 0 <= number < 1_000_000:
            raise self._client.distrust(f"sends a {what} that cannot be: {text}")
        if what == "split" and number == 0:
            raise self._client.distrust("sends a split into nothing")
        return number


def units(factor: Decimal) -> tuple[int, int]:
    """Return the simplest ratio (new, old) that prints as the factor: 0.0667 is 1 for 15."""
    exponent = factor.as_tuple().exponent
    half = Fraction(1, 2 * 10 ** max(-exponent, 4)) if isinstance(exponent, int) else Fraction(0)
    exact = Fraction(factor)
    for old in range(1, _MOST_DENOMINATOR + 1):
        new = round(exact * old)
        if new and abs(Fraction(new, old) - exact) <= half:
            return new, old
    nearest = exact.limit_denominator(1_000_000)
    return nearest.numerator or 1, nearest.denominator


def _complain(status: int, document: Mapping[str, Any]) -> Complaint | None:
    for key in ("Error Message", "Note", "Information"):
        text = document.get(key)
        if status == 200 and isinstance(text, str):
            return _read_complaint(key, text)
    return None


def _read_complaint(key: str, text: str) -> Complaint:
    said, lower = f"says: {text}", text.lower()
    # The shortest wait first: the note about a minute names the day's limit as well.
    for words, wait in (("per second", 1.0), ("per minute", 60.0), ("per day", _AN_HOUR)):
        if words in lower:
            return Complaint(Unavailable, said, again=True, after=wait)
    if any(words in lower for words in ("premium", "apikey", "api key")):
        return Complaint(BadConfiguration, f"wants another key in ALPHAVANTAGE_API_KEY; it {said}")
    if key == "Error Message" or "invalid inputs" in lower:
        return Complaint(NotFound, said)
    return Complaint(Unavailable, said)


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _perhaps_day(text: object) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None


def _moment(text: object) -> datetime | None:
    """Read `20240110T153000`; None for anything that is no full date and time."""
    for form in ("%Y%m%dT%H%M%S", "%Y%m%dT%H%M"):
        try:
            return datetime.strptime(str(text), form)  # noqa: DTZ007 - it is written without a zone
        except ValueError:
            continue
    return None


def _ticker(entry: object) -> str | None:
    """Return the ticker of a sentiment entry; none for `CRYPTO:BTC` and its like."""
    try:
        return _SYMBOL.validate_python(entry.get("ticker") if isinstance(entry, dict) else None)
    except ValidationError:
        return None
