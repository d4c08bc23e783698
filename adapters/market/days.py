"""From what a source writes as a date to a session of the exchange."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

_DAY = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})")
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


def read_day(text: str, exchange: ZoneInfo) -> Day:
    """Read `2020-01-02`, `20200102`, `2020/01/02`, each with or without a time and an offset.

    A time that is midnight as written belongs to the day written; any other is moved into the
    exchange's zone first (05:00 UTC is midnight in New York).
    """
    text = text.strip()
    if not text:
        return Day(None, Zone.NONE, "date is missing")
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
