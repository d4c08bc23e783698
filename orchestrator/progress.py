"""How far a run is: told to the store now and then, and to whoever watches at each tick."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from interfaces.clock import WallClock
from interfaces.store import JobStore
from schemas.jobs import Job, JobState, RunProgress

PROGRESS_EVERY_S = 0.5

Watch = Callable[[RunProgress], None]


class Reporter:
    """Tells the store (now and then) and the watcher (each tick) where a run stands."""

    def __init__(
        self, jobs: JobStore, wall: WallClock, *, job: Job, run: RunProgress, watch: Watch
    ) -> None:
        self._jobs = jobs
        self._wall = wall
        self._job = job
        self._run = run.model_copy(update={"state": "running", "error": None})
        self._watch = watch
        self._next = 0.0

    def tick(self, done: int, session: date) -> None:
        """Take note of a committed tick."""
        self._run = self._run.model_copy(update={"sessions_done": done, "last_session": session})
        self._watch(self._run)
        if self._wall.monotonic() >= self._next:
            self._store()

    def end(self, state: JobState, error: str | None = None) -> RunProgress:
        """Store and return the run's last word."""
        self._run = self._run.model_copy(update={"state": state, "error": error})
        self._store()
        self._watch(self._run)
        return self._run

    def _store(self) -> None:
        self._next = self._wall.monotonic() + PROGRESS_EVERY_S
        self._jobs.progress(self._job.job_id, self._job.fence, self._run, now=self._wall.now())
