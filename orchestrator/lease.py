"""Holding a job: a thread that keeps the lease alive and says when to stop."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import TracebackType
from typing import Self

from interfaces.clock import WallClock
from interfaces.store import JobStore
from schemas.errors import AlphaShieldError, Conflict
from schemas.jobs import Job


class Lease:
    """Extends a claimed job's lease until it is left; thread-safe.

    `lost` is set once another worker holds the job, or once the lease could not be extended in
    time (judged by the monotonic clock, so that a jump of the wall clock changes nothing);
    `cancelled` once a user asked for the job to stop.
    """

    def __init__(self, job: Job, jobs: JobStore, wall: WallClock, *, length: timedelta) -> None:
        self._job = job
        self._jobs = jobs
        self._wall = wall
        self._length = length
        self._deadline = wall.monotonic() + length.total_seconds()
        self._left = threading.Event()
        self._lost = threading.Event()
        self._cancelled = threading.Event()
        if job.cancel_requested:
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
        """Whether the job may no longer be written."""
        return self._lost.is_set() or self._wall.monotonic() > self._deadline

    @property
    def cancelled(self) -> bool:
        """Whether a user asked the job to stop."""
        return self._cancelled.is_set()

    def renew(self) -> None:
        """Extend the lease now; `Conflict` when another worker holds the job."""
        begun = self._wall.monotonic()
        job = self._jobs.heartbeat(
            self._job.job_id, self._job.fence, now=self._wall.now(), lease=self._length
        )
        self._deadline = begun + self._length.total_seconds()
        if job.cancel_requested:
            self._cancelled.set()

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
