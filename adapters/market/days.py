"""From what a source writes as a date or a moment to a day of the exchange, or an instant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

from interfaces.calendar import TradingCalendar
from schemas.errors import InvalidRequest

_DAY = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})")
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_LONGEST = 40


class Zone(IntEnum):
    """In which time zone a date was written."""

    NONE = 0
    UTC = 1
    EXCHANGE = 2
    EITHER = 3  # London in winter: nobody can tell, and it makes no difference


@dataclass(frozen=True, slots=True)
class Day:
    """A date as understood, or why it is none."""

    day: date | None
    zone: Zone
    reason: str = ""


def read_day(text: str, exchange: ZoneInfo, *, month_first: bool = False) -> Day:
    """Read `2020-01-02`, `20200102`, `2020/01/02`, each with or without a time and an offset.

    A time that is midnight as written belongs to the day written; any other is moved into the
    exchange's zone first (05:00 UTC is midnight in New York). With `month_first`, `1/2/2020` is
    the second of January.
    """
    text = text.strip()
    if not text:
        return Day(None, Zone.NONE, "date is missing")
    american = _AMERICAN.fullmatch(text) if month_first else None
    if american is not None:
        text = f"{american[3]}-{american[1]:0>2}-{american[2]:0>2}"
    match = _DAY.match(text) if len(text) <= _LONGEST else None
    if match is None:
        return Day(None, Zone.NONE, "date is not an ISO date")
    rest = text[match.end() :].strip().removeprefix("T")
    iso = f"{match[1]}-{match[3]}-{match[4]}"
    try:
        moment = datetime.fromisoformat(f"{iso}T{rest}" if rest else iso)
    except ValueError:
        return Day(None, Zone.NONE, "date is not an ISO date")
    return _placed(moment, exchange)


def slashed(text: str) -> bool:
    """Tell whether this is a date whose order of day and month only its column can tell."""
    return _AMERICAN.fullmatch(text.strip()) is not None


def why_not_month_first(texts: Iterable[str]) -> str | None:
    """Return why dates like `01/02/2020` cannot be read month first; None when they can.

    Some day above 12 in second place settles it, unless there is one in first place too.
    """
    firsts, seconds = False, False
    for text in texts:
        match = _AMERICAN.fullmatch(text.strip())
        if match is not None:
            one, two = int(match[1]), int(match[2])
            firsts |= 12 < one <= 31 and two <= 12
            seconds |= 12 < two <= 31 and one <= 12
    if seconds and not firsts:
        return None
    if firsts and not seconds:
        return "its dates begin with the day: write them as 2020-12-31"
    which = "both ways" if firsts else "with no day above 12"
    return f"its dates are written {which}, so that day and month cannot be told: use 2020-12-31"


def read_moment(text: str) -> datetime | str:
    """Read the instant something became known; why not, in a few words, when it is none.

    It needs a zone. A day without a time means the end of that day in UTC: never too early.
    """
    text = text.strip()
    match = _DAY.match(text) if 0 < len(text) <= _LONGEST else None
    if match is None:
        return "is missing" if not text else "is no ISO date and time"
    rest = text[match.end() :].strip().removeprefix("T")
    iso = f"{match[1]}-{match[3]}-{match[4]}"
    try:
        if not rest:
            return datetime.combine(date.fromisoformat(iso), time(0), UTC) + timedelta(days=1)
        moment = datetime.fromisoformat(f"{iso}T{rest}")
        return moment.astimezone(UTC) if moment.tzinfo is not None else "has no time zone"
    except (ValueError, OverflowError):
        return "is no ISO date and time"


def eve_of(day: date, calendar: TradingCalendar) -> datetime:
    """Return the close of the session before that day: by then what is dated to it was public.

    Where the calendar begins later, midnight in UTC.
    """
    try:
        return calendar.closes_at(calendar.previous(day))
    except InvalidRequest:
        return datetime.combine(day, time(0), UTC)


def _placed(moment: datetime, exchange: ZoneInfo) -> Day:
    offset = moment.utcoffset()
    if offset is None:
        return Day(moment.date(), Zone.NONE)
    local = exchange.utcoffset(moment.replace(tzinfo=None))
    if offset == local:
        return Day(moment.date(), Zone.EXCHANGE if offset else Zone.EITHER)
    if offset != timedelta(0):
        return Day(None, Zone.NONE, "date is written in a zone neither UTC nor the exchange's")
    if moment.time() == time(0):
        return Day(moment.date(), Zone.UTC)
    return Day(moment.astimezone(exchange).date(), Zone.UTC)
