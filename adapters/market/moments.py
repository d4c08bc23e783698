"""Moments as microseconds since 1970 in UTC, and from which of them on a day's fact counts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from adapters.market.facts import NEVER
from interfaces.calendar import TradingCalendar
from schemas.errors import InvalidRequest

EVER = -NEVER
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_DAY = date(1970, 1, 1).toordinal()


def micros(instant: datetime) -> int:
    """Return the instant (aware) in microseconds since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


def instant_of(microseconds: int) -> datetime:
    """Return the instant in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def day_of(number: int) -> date:
    """Return the date that lies that many days after the first of 1970."""
    return date.fromordinal(_FIRST_DAY + number)


class Opens:
    """When what is dated to a day takes effect: at the open of that session, or of the next one.

    A day before the calendar begins counts as long ago, one after its end as never to come.
    """

    def __init__(self, calendar: TradingCalendar, inside: date | None) -> None:
        self._calendar = calendar
        self._inside = inside  # a day of the calendar, to tell before from after
        self._opens: dict[int, int] = {NEVER: NEVER}

    def at(self, day: int) -> int:
        """Return the instant; `day` in days since 1970."""
        found = self._opens.get(day)
        if found is None:
            found = self._opens[day] = self._look_up(day_of(day))
        return found

    def _look_up(self, day: date) -> int:
        try:
            return micros(self._calendar.opens_at(self._calendar.on_or_after(day)))
        except InvalidRequest:
            return EVER if self._inside is not None and day < self._inside else NEVER
