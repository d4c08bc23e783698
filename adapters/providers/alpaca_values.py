"""Single values of Alpaca's answers, read strictly: moments, quotes, articles.

`ValueError` says in a clause what is wrong; nothing is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters.providers.dating import EASTERN
from interfaces.providers import Quote
from schemas.base import Symbol
from schemas.facts import StoredDocument

_SYMBOL: TypeAdapter[str] = TypeAdapter(Symbol)
_BLOCKS = frozenset({"p", "br", "div", "li", "ul", "ol", "tr", "h1", "h2", "h3", "h4", "table"})
_UNREAD = frozenset({"script", "style"})
_LONGEST_TITLE = 500


def moment(value: object) -> datetime:
    """Read a time with its zone, to the microsecond, in UTC."""
    try:
        read = datetime.fromisoformat(value if isinstance(value, str) else "")
        if read.tzinfo is not None and "T" in str(value):
            return read.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"a time that is none: {value}")


def session(value: object) -> date:
    """Read the time of a daily bar: the midnight in New York that begins the session's day."""
    local = moment(value).astimezone(EASTERN)
    if local.time() != time():
        raise ValueError(f"a daily bar that begins at {value}, which is no midnight in New York")
    return local.date()


def cell(value: object) -> str:
    """Write a number as text, to the digit as it came; nothing for what is not there."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{value} where a number was promised")  # noqa: TRY004 - a value of a vendor
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def quote(symbol: str, row: Mapping[str, Any]) -> Quote | None:
    """Read a quote; None where a side has no price, which the vendor writes as 0."""
    at = moment(row.get("t"))
    bid, ask, bid_size, ask_size = (_amount(row.get(name)) for name in ("bp", "ap", "bs", "as"))
    if bid == 0 or ask == 0:
        return None
    return Quote(symbol, at, bid, ask, bid_size, ask_size)


def article(item: Mapping[str, Any], stored: datetime) -> StoredDocument:
    """Read an article. The text is the one of its last update, and known from then on.

    Without both times, each with a zone, it has no date and is never shown in the past.
    """
    published, known = None, stored
    try:
        published = moment(item.get("created_at"))
        known = max(published, moment(item.get("updated_at")))
    except ValueError:
        published, known = None, stored
    number = item.get("id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise ValueError("an article without a number")  # noqa: TRY004 - a value of a vendor
    text = plain(item.get("content")) or plain(item.get("summary"))
    return StoredDocument(
        known_time=known,
        stored_time=stored,
        provider="alpaca",
        document_id=f"alpaca:{number}",
        title=(plain(item.get("headline")) or "untitled")[:_LONGEST_TITLE],
        text=text,
        published_at=published,
        symbols=tuple(dict.fromkeys(filter(None, map(_ticker, tickers(item))))),
        source=plain(item.get("source"))[:200] or None,
    )


def tickers(item: Mapping[str, Any]) -> list[str]:
    """Return the symbols of an article as they are written."""
    listed = item.get("symbols")
    return [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []


def plain(value: object) -> str:
    """Take the markup out of a text; a paragraph or line of it stays one."""
    reader = _Plain()
    reader.feed(value if isinstance(value, str) else "")
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).splitlines())
    return "\n".join(line for line in lines if line)


class _Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's signature
        self._unread += tag in _UNREAD
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unread = max(self._unread - (tag in _UNREAD), 0)
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.parts.append(data.replace("\n", " "))


def _amount(value: object) -> float:
    sound = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    number = float(value) if sound else -1.0  # pyright: ignore[reportArgumentType] - `sound` says so
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{value} where a price or a size was promised")
    return number


def _ticker(text: str) -> str | None:
    """Return a ticker; none for `BTC/USD` and its like."""
    try:
        return _SYMBOL.validate_python(text)
    except ValidationError:
        return None
