"""The sessions of an exchange."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

PUBLISHED_AHEAD = timedelta(days=366)
"""How far past a simulated day the regular sessions count as published."""


@dataclass(frozen=True, slots=True)
class ScheduledSession:
    """A session as it is published ahead, with the instants it is to open and close, in UTC."""

    day: date
    opens_at: datetime
    closes_at: datetime


class TradingCalendar(Protocol):
    """Sessions of one exchange, with the instants they open and close.

    It knows the closures that were announced only later, so whoever looks ahead of a simulated
    day on an agent's behalf asks for what was `scheduled`. A calendar never tells how far a data
    set reaches. Dates outside its own range raise `InvalidRequest`.
    """

    name: str

    def sessions(self, start: date, end: date) -> tuple[date, ...]:
        """Return all sessions in `start..end`, both included, in order; empty when none."""
        ...

    def scheduled(self, start: date, end: date) -> tuple[ScheduledSession, ...]:
        """Return the sessions in `start..end` by the exchange's regular rules alone.

        Closures and half days declared ad hoc (a storm, a day of mourning) are not applied. The
        rules are those of today: a regular holiday shows in years before it was announced, so no
        one may ask more than `PUBLISHED_AHEAD` past a simulated day. By that, Juneteenth 2022 is
        first seen on 2021-06-19, two days after it was announced. An exchange whose regular
        holidays are declared year by year has more sessions here than it will hold.
        """
        ...

    def is_session(self, day: date) -> bool:
        """Tell whether the exchange trades on that day."""
        ...

    def on_or_after(self, day: date) -> date:
        """Return that day when it is a session, else the next session."""
        ...

    def previous(self, session: date) -> date:
        """Return the last session before that day."""
        ...

    def opens_at(self, session: date) -> datetime:
        """Return the instant the session opens, in UTC; `InvalidRequest` when it is none."""
        ...

    def closes_at(self, session: date) -> datetime:
        """Return the instant the session closes, in UTC; half days close early."""
        ...
