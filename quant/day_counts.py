"""How many days, and what part of a year, lie between two dates when interest is counted.

Dates are calendar dates, the first counted and the last not. A part of a coupon period is the
period's share; only `actual/actual` of a whole regular period is always 1 ÷ frequency.

Source: SIFMA, Standard Securities Calculation Methods (Mayle 1993) for 30/360; ICMA Rule 251 for
actual/actual.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from typing import Literal

from schemas.errors import InvalidRequest

DayCount = Literal["30/360", "actual/actual", "actual/365", "actual/360"]


def days_30_360(start: date, end: date, *, end_of_month: bool = False) -> int:
    """Count days as if every month had 30 (US, bond basis).

    `end_of_month` says that the bond pays on the last days of months: the last day of February
    then counts as a 30th.
    """
    first, last = start.day, end.day
    if end_of_month and _is_last_of_february(start):
        if _is_last_of_february(end):
            last = 30
        first = 30
    if last == 31 and first >= 30:
        last = 30
    first = min(first, 30)
    return 360 * (end.year - start.year) + 30 * (end.month - start.month) + last - first


def actual_days(start: date, end: date) -> int:
    """Count calendar days."""
    return (end - start).days


def add_months(day: date, months: int, *, end_of_month: bool) -> date:
    """Return the day so many months away, cut to the end of a shorter month.

    With `end_of_month` the last day of every month, however long.
    """
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    if not date.min.year <= year <= date.max.year:
        raise InvalidRequest("the schedule leaves the calendar.")
    length = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, length if end_of_month else min(day.day, length))


def is_end_of_month(day: date) -> bool:
    """Tell whether it is the last day of its month."""
    return day.day == calendar.monthrange(day.year, day.month)[1]


def _is_last_of_february(day: date) -> bool:
    return day.month == 2 and (day + timedelta(days=1)).month == 3
