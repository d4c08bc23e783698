"""Sessions of an exchange, from exchange-calendars, kept as plain dates and seconds."""

from __future__ import annotations

import warnings
from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from interfaces.calendar import ScheduledSession
from schemas.errors import InvalidRequest

# Fixed, so that a run does not depend on the day it is made; an exchange's own limits are kept.
_FIRST = "1970-01-01"
_LAST = "2049-12-31"
_NANOS = 1_000_000_000
_AD_HOC = ("adhoc_holidays", "special_opens_adhoc", "special_closes_adhoc")


class ExchangeCalendar:
    """One exchange's sessions, 1970 to 2049 or what the exchange has published.

    Built once (about half a second); every later call is a dictionary look-up or a bisection.
    """

    name: str
    zone: ZoneInfo

    def __init__(self, name: str = "XNYS") -> None:
        source = _load(name)
        self.name = source.name
        self.zone = ZoneInfo(str(source.tz))
        days: list[date] = source.sessions.to_numpy().astype("datetime64[D]").tolist()
        self._days = days
        self._first = date(days[0].year, 1, 1)
        self._last = date(days[-1].year, 12, 31)
        self._index = {day: position for position, day in enumerate(days)}
        self._opens: list[int] = (np.asarray(source.opens_nanos) // _NANOS).tolist()
        self._closes: list[int] = (np.asarray(source.closes_nanos) // _NANOS).tolist()

    def sessions(self, start: date, end: date) -> tuple[date, ...]:
        """Return all sessions in `start..end`, both included, in order; empty when none."""
        if end < start:
            return ()
        self._inside(start)
        self._inside(end)
        return tuple(self._days[bisect_left(self._days, start) : bisect_right(self._days, end)])

    def scheduled(self, start: date, end: date) -> tuple[ScheduledSession, ...]:
        """Return the sessions in `start..end` by the regular rules alone; see the interface."""
        if end < start:
            return ()
        self._inside(start)
        self._inside(end)
        source = _load(self.name, regular=True)  # only now: few who hold a calendar look ahead
        days = source.sessions.to_numpy().astype("datetime64[D]")
        rows = slice(*np.searchsorted(days, np.array([start, end + timedelta(days=1)], days.dtype)))
        opens, closes = (
            (np.asarray(nanos)[rows] // _NANOS).tolist()
            for nanos in (source.opens_nanos, source.closes_nanos)
        )
        return tuple(
            ScheduledSession(
                day, datetime.fromtimestamp(opened, UTC), datetime.fromtimestamp(closed, UTC)
            )
            for day, opened, closed in zip(days[rows].tolist(), opens, closes, strict=True)
        )

    def is_session(self, day: date) -> bool:
        """Tell whether the exchange trades on that day."""
        self._inside(day)
        return day in self._index

    def on_or_after(self, day: date) -> date:
        """Return that day when it is a session, else the next session."""
        if day in self._index:
            return day
        self._inside(day)
        position = bisect_left(self._days, day)
        if position == len(self._days):
            raise self._outside(day)
        return self._days[position]

    def previous(self, session: date) -> date:
        """Return the last session before that day."""
        self._inside(session)
        position = bisect_left(self._days, session)
        if position == 0:
            raise self._outside(session)
        return self._days[position - 1]

    def opens_at(self, session: date) -> datetime:
        """Return the instant the session opens, in UTC; `InvalidRequest` when it is none."""
        return datetime.fromtimestamp(self._opens[self._position(session)], UTC)

    def closes_at(self, session: date) -> datetime:
        """Return the instant the session closes, in UTC; half days close early."""
        return datetime.fromtimestamp(self._closes[self._position(session)], UTC)

    def _position(self, session: date) -> int:
        position = self._index.get(session)
        if position is None:
            self._inside(session)
            raise InvalidRequest(f"{session.isoformat()} is no trading session of {self.name}")
        return position

    def _inside(self, day: date) -> None:
        if not self._first <= day <= self._last:
            raise self._outside(day)

    def _outside(self, day: date) -> InvalidRequest:
        return InvalidRequest(f"{day.isoformat()} lies outside the calendar of {self.name}")


@lru_cache(maxsize=16)  # a calendar is a constant that takes half a second to compute
def _load(name: str, *, regular: bool = False) -> Any:
    # Imported here: it brings pandas, which `alphashield --help` does not wait for.
    import pandas as pd
    from exchange_calendars import calendar_utils, errors

    names = calendar_utils.global_calendar_dispatcher
    try:
        proper = names.resolve_alias(name)
    except errors.CalendarError as error:
        raise InvalidRequest(
            f"no exchange calendar is called {name!r}; use its market identifier, e.g. XNYS"
        ) from error
    # The bounds of a calendar not yet built have no public door.
    factories: Any = vars(names)["_calendar_factories"]
    factory = factories[proper]
    if regular:
        factory = type(f"Regular{factory.__name__}", (factory,), {name: [] for name in _AD_HOC})
    first = max(filter(None, (pd.Timestamp(_FIRST), factory.bound_min())))
    last = min(filter(None, (pd.Timestamp(_LAST), factory.bound_max())))
    try:
        with warnings.catch_warnings():
            # exchange-calendars 4.13 reads zoned columns in a way pandas 3.1 has deprecated.
            warnings.simplefilter("ignore")
            return factory(start=first, end=last)
    except (ValueError, NotImplementedError) as error:  # some calendars cannot reach so far
        raise InvalidRequest(
            f"the installed exchange-calendars cannot build the calendar of {proper}"
        ) from error
