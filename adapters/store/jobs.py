"""Jobs: one document a job, changed by compare-and-set on its fence and state.

Beside the message's own fields a document has the store's, which begin with `_`: `_order` (moment
of creation and id, sortable as text), `_lease` (end of the lease in microseconds) and
`_idempotency`. What the embedded server does otherwise than MongoDB is kept clear of:
`find_one_and_update` answers "nothing matched" when it fails for another reason, text that looks
like a date lies in no range, a path with an array index sets nothing, and only `_id` and indexes
of a single field are looked up, compound ones are scanned.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import IndexModel

from adapters.store.calls import Documents, compare_and_set, insert, repeated
from adapters.store.codec import decode, encode
from interfaces.store import Silent
from schemas.errors import Conflict, NotFound, UntrustworthyData
from schemas.jobs import Job, JobState, RunProgress

INDEXES = [
    IndexModel([("_order", 1)], name="order"),
    IndexModel([("state", 1)], name="state"),
    IndexModel([("_idempotency", 1)], name="idempotency", unique=True, sparse=True),
]

_RESUMABLE: tuple[JobState, ...] = ("paused", "failed", "partial", "cancelled")
_CANDIDATES = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MongoJobStore:
    """`interfaces.store.JobStore` on one collection."""

    def __init__(self, jobs: Documents) -> None:
        self._jobs = jobs

    def create(self, job: Job, *, idempotency_key: str | None = None) -> Job:
        """Store a queued job and return it; an idempotency key returns the first job."""
        document = {"_id": job.job_id, "_order": _order(job), **encode(job)}
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
        return decode(Job, self._document(job_id))

    def list(
        self, *, state: JobState | None = None, limit: int = 50, before: str | None = None
    ) -> tuple[Job, ...]:
        """Return jobs, newest first; `before` is the last job id of the page before."""
        wanted: dict[str, Any] = {} if state is None else {"state": state}
        if before is not None:
            wanted["_order"] = {"$lt": self._document(before)["_order"]}
        found = repeated(lambda: [*self._jobs.find(wanted).sort("_order", -1).limit(limit)])
        return tuple(decode(Job, document) for document in found)

    def claim(
        self, worker: str, *, now: datetime, lease: timedelta, silent: Silent | None = None
    ) -> Job | None:
        """Take the oldest queued job, or a running one whose lease ended, and raise its fence."""
        while candidates := self._claimable(_judge(now, silent)):
            for document in candidates:
                claimed = self._take(document, worker, now, lease)
                if claimed is not None:
                    return claimed
        return None

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
        document = self._document(job_id)
        free = document["state"] == "queued" or (
            document["state"] == "running" and _ended(document, _judge(now, silent))
        )
        return self._take(document, worker, now, lease) if free else None

    def heartbeat(self, job_id: str, fence: int, *, now: datetime, lease: timedelta) -> Job:
        """Extend the lease and return the job as stored; `Conflict` when the fence is stale."""
        until = now + lease
        self._change_mine(
            job_id,
            fence,
            {"lease_until": until.isoformat(), "_lease": _micros(until), "updated_at": _iso(now)},
        )
        return self.get(job_id)

    def progress(self, job_id: str, fence: int, run: RunProgress, *, now: datetime) -> None:
        """Store where a run stands; `Conflict` when the fence is stale."""
        change = {"runs.$": encode(run), "updated_at": _iso(now)}  # runs report side by side
        if not self._change_mine(job_id, fence, change, {"runs.run_id": run.run_id}):
            raise NotFound("there is no such run")

    def finish(
        self, job_id: str, fence: int, state: JobState, *, now: datetime, error: str | None = None
    ) -> Job:
        """Set the state, give the lease back and clear the worker; `Conflict` when stale."""
        self._change_mine(
            job_id,
            fence,
            {"state": state, "error": error, "updated_at": _iso(now), **_NOBODY},
        )
        return self.get(job_id)

    def request_cancel(self, job_id: str, *, now: datetime) -> Job:
        """Cancel a job nobody works on at once, ask a running one to stop."""
        while True:
            document = self._document(job_id)
            state = document["state"]
            if state == "running" and document["_lease"] > _micros(now):
                change: dict[str, Any] = {"cancel_requested": True}
            elif state == "running":  # nobody's: whoever had it and comes back must not write
                gone = {"state": "cancelled", "fence": document["fence"] + 1, **_NOBODY}
                change = {"cancel_requested": True, **gone}
            elif state in ("queued", "paused"):
                change = {"cancel_requested": True, "state": "cancelled"}
            else:
                raise Conflict(f"the job has ended: {state}")
            if self._change(document, {**change, "updated_at": _iso(now)}):
                return self.get(job_id)

    def resume(self, job_id: str, *, now: datetime) -> Job:
        """Queue a paused, failed, partial or cancelled job again; `Conflict` otherwise."""
        while True:
            document = self._document(job_id)
            if document["state"] not in _RESUMABLE:
                raise Conflict(f"a job that is {document['state']} cannot be resumed")
            change = {"state": "queued", "cancel_requested": False, "error": None}
            if self._change(document, {**change, "updated_at": _iso(now), **_NOBODY}):
                return self.get(job_id)

    def _document(self, job_id: str) -> dict[str, Any]:
        found = repeated(lambda: self._jobs.find_one({"_id": job_id}))
        if found is None:
            raise NotFound("there is no such job")
        return found

    def _claimable(self, silent: Silent) -> tuple[dict[str, Any], ...]:
        """Return the oldest jobs that are free, queued ones and abandoned ones together."""

        def read() -> tuple[dict[str, Any], ...]:
            queued = self._jobs.find({"state": "queued"}).sort("_order", 1).limit(_CANDIDATES)
            running = self._jobs.find({"state": "running"}).sort("_order", 1)
            found = [*queued, *(document for document in running if _ended(document, silent))]
            return tuple(sorted(found, key=lambda document: document["_order"])[:_CANDIDATES])

        return repeated(read)

    def _take(
        self, document: dict[str, Any], worker: str, now: datetime, lease: timedelta
    ) -> Job | None:
        until = now + lease
        claim = {
            "state": "running",
            "worker": worker,
            "fence": document["fence"] + 1,
            "lease_until": until.isoformat(),
            "_lease": _micros(until),
            "updated_at": _iso(now),
        }
        try:
            job = decode(Job, {**document, **claim})
        except UntrustworthyData as error:  # no worker can run it, and none may end on it
            self._change(document, {"state": "failed", "error": f"unreadable: {error}", **_NOBODY})
            return None
        lease_seen = {"_lease": document["_lease"]} if document["state"] == "running" else {}
        if self._change(document, claim, lease_seen):
            return job
        return None

    def _change(
        self,
        seen: Mapping[str, Any],
        change: Mapping[str, Any],
        condition: Mapping[str, Any] | None = None,
    ) -> bool:
        """Change the job if its state and fence still are what was seen."""
        expected = {field: seen[field] for field in ("_id", "state", "fence")}
        return compare_and_set(self._jobs, {**expected, **(condition or {})}, change)

    def _change_mine(
        self,
        job_id: str,
        fence: int,
        change: Mapping[str, Any],
        condition: Mapping[str, Any] | None = None,
    ) -> bool:
        """Change a job that is running under this fence, if the condition holds as well."""
        mine = {"_id": job_id, "state": "running", "fence": fence}
        if compare_and_set(self._jobs, {**mine, **(condition or {})}, change):
            return True
        now = self._document(job_id)
        if now["state"] != "running" or now["fence"] != fence:
            raise Conflict("another worker has taken the job, or it is not running")
        return False


_NOBODY: Mapping[str, Any] = {"worker": None, "lease_until": None, "_lease": None}


def _judge(now: datetime, silent: Silent | None) -> Silent:
    return silent or (lambda _, until: until <= now)


def _ended(document: Mapping[str, Any], silent: Silent) -> bool:
    return silent(document["_id"], _EPOCH + timedelta(microseconds=document["_lease"]))


def _iso(moment: datetime) -> str:
    return moment.isoformat()


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _order(job: Job) -> str:
    return f"t{_micros(job.created_at):018d} {job.job_id}"
