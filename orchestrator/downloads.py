"""Downloads: one chunk after the other is fetched and kept, then all are published at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta

from interfaces.clock import WallClock
from interfaces.market import DataLibrary
from interfaces.sources import Sources
from interfaces.store import DownloadStore, Ending, JobStore
from orchestrator.chunks import Answer, ChunkFetcher, Unanswered
from orchestrator.datasets import job_using
from orchestrator.lease import Lease
from orchestrator.lease_watch import LeaseWatch
from schemas.downloads import ChunkProgress, Download, DownloadRequest, DownloadState
from schemas.errors import (
    AlphaShieldError,
    Conflict,
    InvalidRequest,
    Unavailable,
    UntrustworthyData,
)
from schemas.market import ImportReport

log = logging.getLogger(__name__)

IDLE_POLL_S = 1.0
OUTAGES = 3
"""After so many chunks in a row that nobody was there to answer, the download pauses."""
CORRECTED = timedelta(days=400)
"""Actions of a set on hand are asked for from so long before the bars: corrections come late."""
ANNOUNCED = timedelta(days=90)
"""A download up to these days also asks for actions that have been announced for so far ahead."""
_THESE_DAYS = timedelta(days=7)
_BUSY_S, _BUSY_POLL_S = 600.0, 0.5

Watch = Callable[[Download], None]


@dataclass(frozen=True, slots=True)
class DownloadPorts:
    """What downloads act through; without `jobs` nobody uses the data sets."""

    downloads: DownloadStore
    library: DataLibrary
    sources: Sources
    wall: WallClock
    jobs: JobStore | None = None


class Downloader:
    """Runs downloads one at a time; several may share a store and a home."""

    def __init__(
        self,
        ports: DownloadPorts,
        *,
        name: str,
        lease: timedelta,
        drain: threading.Event | None = None,
    ) -> None:
        self._ports = ports
        self._name = name
        self._lease = lease
        self._drain = drain or threading.Event()
        self._watch = LeaseWatch(ports.wall, length=lease)

    def run_forever(self) -> None:
        """Claim and run downloads until drained; a chunk under way is given up then."""
        downloads, wall = self._ports.downloads, self._ports.wall
        while not self._drain.is_set():
            try:
                download = downloads.claim(
                    self._name, now=wall.now(), lease=self._lease, silent=self._watch.silent
                )
                if download is not None:
                    self._work(download, lambda _: None)
                    continue
            except Unavailable as error:  # the store is away: ask again after the pause
                log.warning("the store does not answer: %s", error)
            self._drain.wait(IDLE_POLL_S)

    @contextmanager
    def beside(self) -> Generator[None]:
        """Run downloads on a thread of their own: a vendor's limits hold no other work up."""
        thread = threading.Thread(target=self.run_forever, name="downloads", daemon=True)
        thread.start()
        yield
        if self._drain.is_set():  # otherwise the process is ending by an error
            thread.join()

    def see_through(self, download_id: str, watch: Watch) -> Download:
        """Run a stored download here, or follow the worker that has it, until it rests.

        One that its worker leaves, or dies with, is taken over. Returns early when drained.
        """
        downloads, wall = self._ports.downloads, self._ports.wall
        while True:
            claimed = downloads.claim_one(
                download_id,
                self._name,
                now=wall.now(),
                lease=self._lease,
                silent=self._watch.silent,
            )
            if claimed is not None:
                self._work(claimed, watch)
            download = downloads.get(download_id)
            watch(download)
            if download.state not in {"queued", "running"} or self._drain.is_set():
                return download
            self._drain.wait(_BUSY_POLL_S)

    def _work(self, download: Download, watch: Watch) -> None:
        downloads, wall = self._ports.downloads, self._ports.wall
        named = {"download_id": download.download_id}

        def beat() -> bool:
            return downloads.heartbeat(
                download.download_id, download.fence, now=wall.now(), lease=self._lease
            )

        with Lease(beat, wall, length=self._lease, cancelled=download.cancel_requested) as lease:
            work = _Work(self._ports, download, lease, drain=self._drain, watch=watch)
            try:
                end = work.carry_out()
            except Unavailable as missing:  # if this cannot be stored either, the lease runs out
                log.warning("download paused: %s", missing, extra=named)
                end = Ending("paused", str(missing))
            except AlphaShieldError as refusal:
                if lease.is_gone():  # another worker has it; it is not ours to write
                    return
                end = Ending("failed", str(refusal))
            except Exception as bug:  # the top of the worker: one bad download must not end it
                log.exception("download failed", extra=named)
                end = Ending("failed", f"internal error ({type(bug).__name__}); see the log")
        if lease.lost:
            return
        with suppress(Conflict):  # taken over in this very moment: the other one finishes it
            downloads.finish(download.download_id, download.fence, end, now=wall.now())


class _Work:
    """One claimed download, from where it stands to where it rests."""

    def __init__(
        self,
        ports: DownloadPorts,
        download: Download,
        lease: Lease,
        *,
        drain: threading.Event,
        watch: Watch,
    ) -> None:
        self._ports = ports
        self._download = download
        self._lease = lease
        self._drain = drain
        self._watch = watch
        self._chunks = {chunk.key: chunk for chunk in download.chunks}
        request, today = download.request, ports.wall.now().date()
        extends = request.data in ports.library.names()
        self._fetcher = ChunkFetcher(ports.sources, request, ports.wall, stop=self._stopped)
        self._actions = ChunkFetcher(
            ports.sources,
            _for_actions(request, today, extends=extends),
            ports.wall,
            stop=self._stopped,
        )

    def carry_out(self) -> Ending:
        """Fetch what is missing, publish what was fetched, and say how it ended."""
        self._take_stock()
        self._watch(self._download)
        outages: list[ChunkProgress] = []
        for chunk in [each for each in self._chunks.values() if each.state == "waiting"]:
            done, outage = (None, False) if self._stopped() else self._fetch(chunk)
            if done is None:
                return self._stop()
            self._note(done)
            outages = [*outages, chunk] if outage else []
            if len(outages) == OUTAGES:
                for unasked in outages:
                    self._note(unasked)
                raise Unavailable(f"no provider answers any more; the last said: {done.error}")
        return self._end()

    def _stopped(self) -> bool:
        return self._lease.lost or self._lease.cancelled or self._drain.is_set()

    def _stop(self) -> Ending:
        if self._lease.lost:
            raise Conflict("another worker has taken the download")
        if not self._lease.cancelled:
            return Ending("queued")
        self._ports.library.discard(self._download.download_id)
        return Ending("cancelled")

    def _take_stock(self) -> None:
        """Take what is kept for fetched, and what was fetched and then lost for missing."""
        kept = self._ports.library.staged(self._download.download_id)
        for chunk in tuple(self._chunks.values()):
            if chunk.state == "waiting" and chunk.key in kept:
                self._note(chunk.model_copy(update={"state": "done", "rows": kept[chunk.key]}))
            elif chunk.state == "done" and not chunk.published and chunk.key not in kept:
                self._note(ChunkProgress(kind=chunk.kind, item=chunk.item))

    def _fetch(self, chunk: ChunkProgress) -> tuple[ChunkProgress | None, bool]:
        """Return how the chunk ended, None when stopped; and whether somebody was not there."""
        found = (self._actions if chunk.kind == "actions" else self._fetcher).fetch(chunk)
        if isinstance(found, Answer):
            try:
                self._ports.library.stage(self._download.download_id, chunk.key, found.rows)
            except (InvalidRequest, UntrustworthyData) as error:
                found = Unanswered(f"{found.provider}: {error}", outage=False)
        if found is None:
            return None, False
        if isinstance(found, Unanswered):
            failed = {"state": "failed", "error": found.why}
            return chunk.model_copy(update=failed), found.outage
        done = {"state": "done", "provider": found.provider, "rows": found.count}
        return chunk.model_copy(update=done), False

    def _note(self, chunk: ChunkProgress) -> None:
        self._ports.downloads.progress(
            self._download.download_id, self._download.fence, chunk, now=self._ports.wall.now()
        )
        self._chunks[chunk.key] = chunk
        self._download = self._download.model_copy(
            update={"chunks": tuple(self._chunks.values()), "state": "running"}
        )
        self._watch(self._download)

    def _end(self) -> Ending:
        download_id = self._download.download_id
        failed = [chunk for chunk in self._chunks.values() if chunk.state == "failed"]
        error = _said(failed)
        if len(failed) == len(self._chunks):
            self._ports.library.discard(download_id)
            return Ending("failed", error)
        state: DownloadState = "partial" if failed else "completed"
        if not any(self._ports.library.staged(download_id).values()):
            self._ports.library.discard(download_id)
            return Ending(state, error)
        report = self._publish()
        return Ending(state, error, report) if report else self._stop()

    def _publish(self) -> ImportReport | None:
        """Publish once nobody else writes data sets; None when stopped while waiting for that.

        Rows of which none can be used are given up. Whatever else is in the way is somebody's to
        mend, a job that still needs the set as it is among them: the rows are kept until then.
        """
        self._spare_jobs()
        patience = self._ports.wall.monotonic() + _BUSY_S
        while True:
            self._lease.renew()
            try:
                return self._ports.library.publish(
                    self._download.download_id, self._download.request
                )
            except Conflict as busy:
                if self._ports.wall.monotonic() > patience:
                    raise Unavailable(str(busy)) from busy
            except InvalidRequest:
                self._ports.library.discard(self._download.download_id)
                raise
            except AlphaShieldError as refusal:
                raise Unavailable(f"the rows cannot be published: {refusal}") from refusal
            self._drain.wait(_BUSY_POLL_S)
            if self._stopped():
                return None

    def _spare_jobs(self) -> None:
        """Raise `Unavailable` while a job uses the set: it would be refused on other data."""
        name, jobs = self._download.request.data, self._ports.jobs
        job = job_using(name, jobs) if jobs is not None else None
        if job is not None:
            raise Unavailable(
                f"everything is fetched and kept, but job {job.job_id} ({job.state}) uses the data "
                f"set '{name}': resume the download once the job has ended or was cancelled"
            )


def _for_actions(request: DownloadRequest, today: date, *, extends: bool) -> DownloadRequest:
    """Return the request over the days of which actions are asked for."""
    start, end = request.start_date, request.end_date
    return request.model_copy(
        update={
            "start_date": start - CORRECTED if extends else start,
            "end_date": today + ANNOUNCED if end >= today - _THESE_DAYS else end,
        }
    )


def _said(failed: list[ChunkProgress]) -> str | None:
    if not failed:
        return None
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return f"{failed[0].kind} of {failed[0].item}{more}: {failed[0].error}"
