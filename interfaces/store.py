"""What we need from a database: jobs, ticks, artefacts, keys.

Implementations build on single-document compare-and-set, unique indexes and idempotent upserts;
there are no multi-document transactions. A method that returns has been acknowledged: what it
wrote survives a crash. Trouble with the database raises `Unavailable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from schemas.downloads import ChunkProgress, Download, DownloadState
from schemas.jobs import Job, JobState, RunProgress
from schemas.keys import ApiKey
from schemas.market import ImportReport
from schemas.memory import MemoryRecord
from schemas.tick import Tick

Silent = Callable[[str, datetime], bool]
"""Tells of a job or download, by its id and the end of its lease, whether its worker has died."""

CLOCKS_APART = timedelta(minutes=30)
"""No two clocks are believed to be further apart: a lease that ended longer ago has ended."""


class JobStore(Protocol):
    """Jobs and who works on them. `fence` is the job's fencing token."""

    def create(self, job: Job, *, idempotency_key: str | None = None) -> Job:
        """Store a queued job and return it.

        The same idempotency key with an equal request returns the first job; with another request
        it raises `Conflict`.
        """
        ...

    def get(self, job_id: str) -> Job:
        """Return the job; `NotFound`."""
        ...

    def list(
        self, *, state: JobState | None = None, limit: int = 50, before: str | None = None
    ) -> tuple[Job, ...]:
        """Return jobs, newest first; `before` is the last job id of the page before."""
        ...

    def claim(
        self, worker: str, *, now: datetime, lease: timedelta, silent: Silent | None = None
    ) -> Job | None:
        """Take the oldest queued job, or a running one whose lease ended, and raise its fence.

        Atomic: two claimers never get the same job. None when there is nothing to do. `silent`
        judges whether a lease has ended; without it `now` does.
        """
        ...

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
        ...

    def heartbeat(self, job_id: str, fence: int, *, now: datetime, lease: timedelta) -> Job:
        """Extend the lease and return the job as stored; `Conflict` when the fence is stale."""
        ...

    def progress(self, job_id: str, fence: int, run: RunProgress, *, now: datetime) -> None:
        """Store where a run stands; `Conflict` when the fence is stale."""
        ...

    def finish(
        self, job_id: str, fence: int, state: JobState, *, now: datetime, error: str | None = None
    ) -> Job:
        """Set the state, give the lease back and clear the worker; `Conflict` when stale.

        `queued` hands the job back for somebody else (a drain).
        """
        ...

    def request_cancel(self, job_id: str, *, now: datetime) -> Job:
        """Cancel a job nobody works on at once, ask a running one to stop.

        A running job is nobody's when its lease ended longer ago than `CLOCKS_APART`; until then
        whoever has it, or takes it over from the dead, cancels it. `Conflict` when it has ended.
        """
        ...

    def resume(self, job_id: str, *, now: datetime) -> Job:
        """Queue a paused, failed, partial or cancelled job again; `Conflict` otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker leaves a download."""

    state: DownloadState
    error: str | None = None
    report: ImportReport | None = None


class DownloadStore(Protocol):
    """Downloads and who works on them; `fence` as with jobs."""

    def create(self, download: Download) -> Download:
        """Store a queued download and return it; `Conflict` when the id exists."""
        ...

    def get(self, download_id: str) -> Download:
        """Return the download; `NotFound`."""
        ...

    def list(
        self, *, state: DownloadState | None = None, limit: int = 50, before: str | None = None
    ) -> tuple[Download, ...]:
        """Return downloads, newest first; `before` is the last id of the page before."""
        ...

    def claim(
        self, worker: str, *, now: datetime, lease: timedelta, silent: Silent | None = None
    ) -> Download | None:
        """Take the oldest queued download, or a running one whose worker has died; as with jobs."""
        ...

    def claim_one(
        self,
        download_id: str,
        worker: str,
        *,
        now: datetime,
        lease: timedelta,
        silent: Silent | None = None,
    ) -> Download | None:
        """Take this download on the same terms, or None; `NotFound`."""
        ...

    def heartbeat(self, download_id: str, fence: int, *, now: datetime, lease: timedelta) -> bool:
        """Extend the lease and tell whether the download is to stop; `Conflict` when stale."""
        ...

    def progress(
        self, download_id: str, fence: int, chunk: ChunkProgress, *, now: datetime
    ) -> None:
        """Store where a chunk stands; `Conflict` when the fence is stale, `NotFound`."""
        ...

    def finish(self, download_id: str, fence: int, end: Ending, *, now: datetime) -> Download:
        """Set the state, give the lease back and clear the worker; `Conflict` when stale.

        `queued` hands the download back for somebody else (a drain). With a report all chunks
        that are done count as published; it stays until another one replaces it.
        """
        ...

    def request_cancel(self, download_id: str, *, now: datetime) -> Download:
        """Cancel a download nobody works on at once, ask a running one to stop; as with jobs."""
        ...

    def resume(self, download_id: str, *, now: datetime) -> Download:
        """Queue a paused, failed or partial download again; chunks that failed wait again.

        `Conflict` otherwise: what was cancelled has given up its rows.
        """
        ...


class TickStore(Protocol):
    """The ticks of runs: one compare-and-set a tick is the commit and the fence."""

    def open(self, run_id: str, run_key: str, fence: int) -> int:
        """Take the run over with this fence and return its head: how many ticks are committed.

        Start is recovery: a pending tick that was not copied yet is copied first. `Conflict` when
        a higher fence has taken the run.
        """
        ...

    def commit(self, run_id: str, fence: int, tick: Tick) -> None:
        """Commit tick `tick.n` on a head of n ticks, then copy it to the ticks.

        Committing the same tick again after a lost acknowledgement succeeds; a stale fence or
        another head raises `Conflict` and writes nothing.
        """
        ...

    def ticks(self, run_id: str, *, start: int = 0) -> Iterator[Tick]:
        """Yield the committed ticks from number `start` on, in order."""
        ...

    def raw_entries(self, run_id: str) -> Iterator[tuple[int, str]]:
        """Yield (tick number, canonical JSON of the stored tick).

        A tick that no longer validates is not hidden: its JSON is then as the database has it.
        """
        ...


class ArtifactStore(Protocol):
    """Finished files of a job: results, report, tables. Written whole or not at all."""

    def put(self, job_id: str, name: str, content: bytes, *, fence: int = 0) -> None:
        """Store or replace a file; `Conflict`, and nothing, when a higher fence has written it."""
        ...

    def get(self, job_id: str, name: str) -> bytes:
        """Return the file; `NotFound`."""
        ...

    def names(self, job_id: str) -> tuple[str, ...]:
        """Return the names of the job's files, sorted."""
        ...


class KeyStore(Protocol):
    """API keys: only a keyed hash is stored."""

    def add(self, key: ApiKey) -> None:
        """Store a new key; `Conflict` when the id exists."""
        ...

    def find(self, digest: str) -> ApiKey | None:
        """Return the key with this digest, revoked or not, or None."""
        ...

    def list(self) -> tuple[ApiKey, ...]:
        """Return all keys, oldest first."""
        ...

    def revoke(self, key_id: str, *, now: datetime) -> ApiKey:
        """Revoke the key; `NotFound`; revoking twice changes nothing."""
        ...


class MemoryStore(Protocol):
    """Memories of outside clients of the memory server (a run keeps its own in its ticks)."""

    def put(self, tenant: str, record: MemoryRecord) -> None:
        """Store the memory; the same id again changes nothing."""
        ...

    def all(self, tenant: str) -> tuple[MemoryRecord, ...]:
        """Return the tenant's memories, oldest first."""
        ...
