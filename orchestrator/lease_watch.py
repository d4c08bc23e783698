"""Whether the holder of a lease is silent, judged by this process's own steady clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from interfaces.clock import WallClock
from interfaces.store import CLOCKS_APART


class LeaseWatch:
    """Watches the leases of others; one thread at a time.

    A living holder extends its lease several times within its length, which changes the end that is
    stored, whatever the clocks say. So a lease has ended when its stored end was seen unchanged for
    a whole length on the monotonic clock; a wall clock that jumps, here or there, moves nothing.
    """

    def __init__(self, wall: WallClock, *, length: timedelta) -> None:
        self._wall = wall
        self._length = length.total_seconds()
        self._seen: dict[str, tuple[datetime, float]] = {}

    def silent(self, job_id: str, until: datetime) -> bool:
        """Tell whether the holder has died, by the end of its lease as it is stored now."""
        if self._wall.now() - until > CLOCKS_APART:
            return True
        now = self._wall.monotonic()
        seen, since = self._seen.get(job_id, (None, now))
        if seen != until:
            self._seen[job_id] = (until, now)
            return False
        return now - since >= self._length
