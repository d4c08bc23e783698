"""Downloads: one document a download, held and handed on as `claims.py` says.

Each chunk has its key beside its own fields, as `_key`: a path cannot name two fields at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from adapters.store import claims
from adapters.store.calls import Documents, insert, repeated
from adapters.store.claims import Claims, MakeRoom, no_room, order_of
from adapters.store.codec import encode
from interfaces.store import Ending, Silent
from schemas.downloads import ChunkProgress, Download, DownloadState
from schemas.errors import Conflict, NotFound

INDEXES = claims.INDEXES

_RESUMABLE: tuple[DownloadState, ...] = ("paused", "failed", "partial")


class MongoDownloadStore:
    """`interfaces.store.DownloadStore` on one collection."""

    def __init__(self, downloads: Documents, *, make_room: MakeRoom = no_room) -> None:
        self._downloads = downloads
        self._claims = Claims(
            downloads,
            Download,
            noun="download",
            resumable=_RESUMABLE,
            large=("chunks", "report"),
            make_room=make_room,
        )

    def create(self, download: Download) -> Download:
        """Store a queued download and return it; `Conflict` when the id exists."""
        document = {
            **encode(download),
            "_id": download.download_id,
            "_order": order_of(download.created_at, download.download_id),
            "chunks": [_chunk(chunk) for chunk in download.chunks],
        }
        if not insert(self._downloads, document):
            raise Conflict("a download with this id exists already")
        return download

    def get(self, download_id: str) -> Download:
        """Return the download; `NotFound`."""
        return self._claims.get(download_id)

    def list(
        self, *, state: DownloadState | None = None, limit: int = 50, before: str | None = None
    ) -> tuple[Download, ...]:
        """Return downloads, newest first; `before` is the last id of the page before."""
        return self._claims.list(state=state, limit=limit, before=before)

    def claim(
        self, worker: str, *, now: datetime, lease: timedelta, silent: Silent | None = None
    ) -> Download | None:
        """Take the oldest queued download, or a running one whose worker has died."""
        return self._claims.claim(worker, now=now, lease=lease, silent=silent)

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
        return self._claims.claim_one(download_id, worker, now=now, lease=lease, silent=silent)

    def heartbeat(self, download_id: str, fence: int, *, now: datetime, lease: timedelta) -> bool:
        """Extend the lease and tell whether the download is to stop; `Conflict` when stale."""
        self._claims.extend(download_id, fence, now=now, lease=lease)
        wish = {"cancel_requested": 1}  # the chunks may be many
        found = repeated(lambda: self._downloads.find_one({"_id": download_id}, wish))
        return found is not None and bool(found["cancel_requested"])

    def progress(
        self, download_id: str, fence: int, chunk: ChunkProgress, *, now: datetime
    ) -> None:
        """Store where a chunk stands; `Conflict` when the fence is stale, `NotFound`."""
        change, having = {"chunks.$": _chunk(chunk)}, {"chunks._key": chunk.key}
        if not self._claims.write(download_id, fence, change, now=now, having=having):
            raise NotFound("the download has no such chunk")

    def finish(self, download_id: str, fence: int, end: Ending, *, now: datetime) -> Download:
        """Set the state, give the lease back and clear the worker; `Conflict` when stale."""
        change: dict[str, Any] = {"state": end.state, "error": end.error}
        if end.report is not None:
            change["report"] = encode(end.report)
            change["chunks"] = [_published(chunk) for chunk in self.get(download_id).chunks]
        return self._claims.finish(download_id, fence, change, now=now)

    def request_cancel(self, download_id: str, *, now: datetime) -> Download:
        """Cancel a download nobody works on at once, ask a running one to stop."""
        return self._claims.request_cancel(download_id, now=now)

    def resume(self, download_id: str, *, now: datetime) -> Download:
        """Queue a paused, failed or partial download again; chunks that failed wait again."""
        return self._claims.resume(download_id, now=now, changing=_waiting_again)


def _waiting_again(download: Download) -> dict[str, Any]:
    again = [
        ChunkProgress(kind=chunk.kind, item=chunk.item) if chunk.state == "failed" else chunk
        for chunk in download.chunks
    ]
    return {"chunks": [_chunk(chunk) for chunk in again]}


def _chunk(chunk: ChunkProgress) -> dict[str, Any]:
    return {"_key": chunk.key, **encode(chunk)}


def _published(chunk: ChunkProgress) -> dict[str, Any]:
    return _chunk(chunk.model_copy(update={"published": chunk.state == "done"}))
