"""What time it is: the machine's clock, and a clock that only a simulation moves."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from schemas.errors import InvalidRequest


class SystemClock:
    """The machine's time, aware and in UTC; the one place that reads it."""

    def now(self) -> datetime:
        """Return the wall time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds from a clock that never jumps; only differences mean anything."""
        return time.monotonic()


class SimulatedClock:
    """Stands at the simulated moment until the simulation moves it; never goes back."""

    def __init__(self, at: datetime) -> None:
        self._now = _utc(at)

    def now(self) -> datetime:
        """Return the simulated moment, in UTC."""
        return self._now

    def move_to(self, instant: datetime) -> None:
        """Move on to that moment; `InvalidRequest` when it lies in the past or has no zone."""
        target = _utc(instant)
        if target < self._now:
            raise InvalidRequest(
                f"the simulated clock stands at {self._now.isoformat()} and never goes back"
            )
        self._now = target


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise InvalidRequest("a moment must have a time zone")
    return instant.astimezone(UTC)
