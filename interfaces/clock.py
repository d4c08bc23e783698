"""What time it is: for data (simulated or system) and, separately, for the machine."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The moment at which data may be seen.

    A simulation's clock stands at the simulated moment and is moved by the simulation alone; the
    system clock moves by itself. Whoever reads data asks this clock, never a model.
    """

    def now(self) -> datetime:
        """Return the moment, aware and in UTC."""
        ...


class MovableClock(Clock, Protocol):
    """A simulation's clock: it stands until the simulation moves it, and only forward."""

    def move_to(self, instant: datetime) -> None:
        """Set the moment; `InvalidRequest` when it lies before the present one."""
        ...


class WallClock(Protocol):
    """The machine's own time: leases, heartbeats, log lines. Never a source of data."""

    def now(self) -> datetime:
        """Return the wall time, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds from a clock that never jumps; only differences mean anything."""
        ...
