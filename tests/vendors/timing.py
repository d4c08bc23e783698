"""A clock that only moves when somebody waits, and chance that is chosen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from adapters.providers.pace import Timing

NOON = datetime(2024, 6, 12, 12, tzinfo=UTC)
"""A Wednesday; 08:00 in New York."""


class StillClock:
    """Implement `WallClock`; `slept` lists every wait. `step` seconds pass at each look."""

    def __init__(self, at: datetime = NOON, *, step: float = 0.0) -> None:
        self.at = at
        self.step = step
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        self.seconds += self.step
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds
        self.at += timedelta(seconds=seconds)

    def timing(self, chance: float = 0.5) -> Timing:
        return Timing(clock=self, sleep=self.sleep, random=lambda: chance)
