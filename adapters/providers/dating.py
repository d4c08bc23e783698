"""When a vendor's fact, which has a date and no time of day, counts as known.

Always the latest moment it may have been: late is a missed chance, early is look-ahead.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
"""The zone of US exchanges and of the agencies whose figures FRED carries."""
_BARS_ARE_FINAL = time(18)
"""In New York: auction prints and corrections of the day have arrived."""


def end_of_day(day: date) -> datetime:
    """Return when the day ends in New York, in UTC.

    A release has a date and no time of day; whatever the hour, it is known by then. A figure out
    at 08:30 is therefore seen a day late by a decision at that day's open, and never early.
    """
    midnight = datetime.combine(day + timedelta(days=1), time(), EASTERN)
    return midnight.astimezone(UTC)


def announced(ex_date: date, declared: date | None) -> datetime:
    """Return when a corporate action counts as known.

    From the end of the day it was declared; without that date, or with one that makes no sense,
    from the last moment before the ex-date begins: on that day the exchange has acted on it.
    """
    eve = end_of_day(ex_date - timedelta(days=1))
    return eve if declared is None else min(end_of_day(declared), eve)


def newest_final(now: datetime) -> date:
    """Return the newest date whose daily bar is final; that of a running session is half a day."""
    local = now.astimezone(EASTERN)
    return local.date() if local.time() >= _BARS_ARE_FINAL else local.date() - timedelta(days=1)


def action_id(symbol: str, kind: str, ex_date: date, number: int = 1) -> str:
    """Name a corporate action alike whoever reports it, so that two reports are one action.

    `number` tells apart what falls on one ex-date, e.g. a regular and a special dividend.
    """
    return f"{symbol}:{kind}:{ex_date.isoformat()}" + (f":{number}" if number > 1 else "")
