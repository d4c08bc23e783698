"""Holding a job or a download: a thread that keeps the lease alive and says when to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

from interfaces.clock import WallClock
from interfaces.store import JobStore
from schemas.errors import AlphaShieldError, Conflict
from schemas.jobs import Job


class Lease:
    """Extends a lease until it is left; thread-safe.

    `beat` extends it in the store, tells whether a user asked for a stop, and raises `Conflict`
    when another worker holds what was leased. `lost` is set once that is so, or once the lease
    could not be extended in time (judged by the monotonic clock, so that a jump of the wall clock
    changes nothing); `cancelled` once a user asked for a stop.
    """

    def __init__(
        self,
        beat: Callable[[], bool],
        wall: WallClock,
        *,
        length: timedelta,
        cancelled: bool = False,
    ) -> None:
        self._extend = beat
        self._wall = wall
        self._length = length
        self._deadline = wall.monotonic() + length.total_seconds()
        self._left = threading.Event()
        self._lost = threading.Event()
        self._cancelled = threading.Event()
        if cancelled:
            self._cancelled.set()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        self._thread.join()

    @property
    def lost(self) -> bool:
        """Whether what was leased may no longer be written."""
        return self._lost.is_set() or self._wall.monotonic() > self._deadline

    @property
    def cancelled(self) -> bool:
        """Whether a user asked for a stop."""
        return self._cancelled.is_set()

    def renew(self) -> None:
        """Extend the lease now; `Conflict` when another worker holds it."""
        begun = self._wall.monotonic()
        stop = self._extend()
        self._deadline = begun + self._length.total_seconds()
        if stop:
            self._cancelled.set()

    def is_gone(self) -> bool:
        """Ask now whether another worker holds what was leased."""
        try:
            self.renew()
        except Conflict:
            return True
        return self.lost

    def _beat(self) -> None:
        pause = self._length.total_seconds() / 4
        while not self._left.wait(min(pause, 1.0)):
            try:
                self.renew()
            except Conflict:
                self._lost.set()
                return
            except AlphaShieldError:  # the store is away: the deadline decides
                continue


def job_lease(job: Job, jobs: JobStore, wall: WallClock, *, length: timedelta) -> Lease:
    """Return the lease of a claimed job, to be entered."""

    def beat() -> bool:
        return jobs.heartbeat(job.job_id, job.fence, now=wall.now(), lease=length).cancel_requested

    return Lease(beat, wall, length=length, cancelled=job.cancel_requested)


@dataclass(frozen=True, slots=True)
class Stops:
    """Why a run may have to stop between two ticks."""

    lease: Lease
    drain: threading.Event

    def now(self) -> bool:
        """Say whether it has to."""
        return self.lease.lost or self.lease.cancelled or self.drain.is_set()
