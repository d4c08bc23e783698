"""How long an order is under way, and what of a session's bar it is there for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

Presence = Literal["whole", "rest", "after", "none"]
"""Of a session an order sees the whole bar; the rest of it, from some moment after the open; what
came after another order's fill inside the bar; nothing."""

HEAD_START = timedelta(seconds=60)
"""Orders for a session are handed in that long before its open."""


class Latency:
    """A fixed time from placing to the venue."""

    def __init__(self, seconds: int) -> None:
        self._under_way = timedelta(seconds=seconds)
        self.is_felt = self._under_way > HEAD_START

    def arrival(self, placed: datetime) -> datetime:
        """Return when an order placed at an open reaches the venue."""
        return placed - HEAD_START + self._under_way

    def presence(self, placed: datetime, *, opened: datetime, closed: datetime) -> Presence:
        """Return what an order placed at a moment is there for, of the session of these two."""
        arrival = self.arrival(placed)
        if arrival <= opened:
            return "whole"
        return "rest" if arrival < closed else "none"
