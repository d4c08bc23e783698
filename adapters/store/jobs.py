"""Jobs: one document a job, held and handed on as `claims.py` says.

A job that was created with an idempotency key has it as `_idempotency`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pymongo import IndexModel

from adapters.store import claims
from adapters.store.calls import Documents, insert, repeated
from adapters.store.claims import Claims, MakeRoom, no_room, order_of
from adapters.store.codec import decode, encode
from interfaces.store import Silent
from schemas.errors import Conflict, NotFound
from schemas.jobs import Job, JobState, RunProgress

INDEXES = [
    *claims.INDEXES,
    IndexModel([("_idempotency", 1)], name="idempotency", unique=True, sparse=True),
]

_RESUMABLE: tuple[JobState, ...] = ("paused", "failed", "partial", "cancelled")


class MongoJobStore:
    """`interfaces.store.JobStore` on one collection."""

    def __init__(self, jobs: Documents, *, make_room: MakeRoom = no_room) -> None:
        self._jobs = jobs
        self._claims = Claims(jobs, Job, noun="job", resumable=_RESUMABLE, make_room=make_room)

    def create(self, job: Job, *, idempotency_key: str | None = None) -> Job:
        """Store a queued job and return it; an idempotency key returns the first job."""
        order = order_of(job.created_at, job.job_id)
        document = {"_id": job.job_id, "_order": order, **encode(job)}
        if idempotency_key is not None:
            document["_idempotency"] = idempotency_key
        if insert(self._jobs, document):
            return job
        if idempotency_key is not None:
            found = repeated(lambda: self._jobs.find_one({"_idempotency": idempotency_key}))
            if found is not None:
                first = decode(Job, found)
                if first.request == job.request:
                    return first
                raise Conflict("this idempotency key was used for another request")
        raise Conflict("a job with this id exists already")

    def get(self, job_id: str) -> Job:
        """Return the job; `NotFound`."""
        return self._claims.get(job_id)

    def list(
        self, *, state: JobState | None = None, limit: int = 50, before: str | None = None
    ) -> tuple[Job, ...]:
        """Return jobs, newest first; `before` is the last job id of the page before."""
        return self._claims.list(state=state, limit=limit, before=before)

    def claim(
        self, worker: str, *, now: datetime, lease: timedelta, silent: Silent | None = None
    ) -> Job | None:
        """Take the oldest queued job, or a running one whose lease ended, and raise its fence."""
        return self._claims.claim(worker, now=now, lease=lease, silent=silent)

    def claim_one(
        self,
        job_id: str,
        worker: str,
        *,
        now: datetime,
        lease: timedelta,
        silent: Silent | None = None,
    ) -> Job | None:
        """Take this job on the same terms, or None; `NotFound`."""
        return self._claims.claim_one(job_id, worker, now=now, lease=lease, silent=silent)

    def heartbeat(self, job_id: str, fence: int, *, now: datetime, lease: timedelta) -> Job:
        """Extend the lease and return the job as stored; `Conflict` when the fence is stale."""
        self._claims.extend(job_id, fence, now=now, lease=lease)
        return self.get(job_id)

    def progress(self, job_id: str, fence: int, run: RunProgress, *, now: datetime) -> None:
        """Store where a run stands; `Conflict` when the fence is stale."""
        change = {"runs.$": encode(run)}  # runs report side by side
        having = {"runs.run_id": run.run_id}
        if not self._claims.write(job_id, fence, change, now=now, having=having):
            raise NotFound("there is no such run")

    def finish(
        self, job_id: str, fence: int, state: JobState, *, now: datetime, error: str | None = None
    ) -> Job:
        """Set the state, give the lease back and clear the worker; `Conflict` when stale."""
        return self._claims.finish(job_id, fence, {"state": state, "error": error}, now=now)

    def request_cancel(self, job_id: str, *, now: datetime) -> Job:
        """Cancel a job nobody works on at once, ask a running one to stop."""
        return self._claims.request_cancel(job_id, now=now)

    def resume(self, job_id: str, *, now: datetime) -> Job:
        """Queue a paused, failed, partial or cancelled job again; `Conflict` otherwise."""
        return self._claims.resume(job_id, now=now)
