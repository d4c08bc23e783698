"""The sessions of an exchange."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol


class TradingCalendar(Protocol):
    """Sessions of one exchange, with the instants they open and close.

    Knowing the calendar ahead is not look-ahead: it is published. A calendar never tells how far
    a data set reaches. Dates outside its own range raise `InvalidRequest`.
    """

    name: str

    def sessions(self, start: date, end: date) -> tuple[date, ...]:
        """Return all sessions in `start..end`, both included, in order; empty when none."""
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
