"""Downloads: one document a download, changed by compare-and-set on its fence and state.

Beside the message's own fields a document has the store's, which begin with `_`, as those of jobs
do (see `jobs.py`, also for what the embedded server does otherwise): `_order`, `_lease` and, with
each chunk, its `_key`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import IndexModel

from adapters.store.calls import Documents, compare_and_set, insert, repeated
from adapters.store.codec import decode, encode
from interfaces.store import Ending, Silent
from schemas.downloads import ChunkProgress, Download, DownloadState
from schemas.errors import Conflict, NotFound, UntrustworthyData

INDEXES = [
    IndexModel([("_order", 1)], name="order"),
    IndexModel([("state", 1)], name="state"),
]

_RESUMABLE: tuple[DownloadState, ...] = ("paused", "failed", "partial")
_CANDIDATES = 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY: Mapping[str, Any] = {"worker": None, "lease_until": None, "_lease": None}


class MongoDownloadStore:
    """`interfaces.store.DownloadStore` on one collection."""

    def __init__(self, downloads: Documents) -> None:
        self._downloads = downloads

    def create(self, download: Download) -> Download:
        """Store a queued download and return it; `Conflict` when the id exists."""
        document = {
            **encode(download),
            "_id": download.download_id,
            "_order": f"t{_micros(download.created_at):018d} {download.download_id}",
            "chunks": [_chunk(chunk) for chunk in download.chunks],
        }
        if not insert(self._downloads, document):
            raise Conflict("a download with this id exists already")
        return download

    def get(self, download_id: str) -> Download:
        """Return the download; `NotFound`."""
        return decode(Download, self._document(download_id))

    def list(
        self, *, state: DownloadState | None = None, limit: int = 50, before: str | None = None
    ) -> tuple[Download, ...]:
        """Return downloads, newest first; `before` is the last id of the page before."""
        wanted: dict[str, Any] = {} if state is None else {"state": state}
        if before is not None:
            wanted["_order"] = {"$lt": self._document(before)["_order"]}
        found = repeated(lambda: [*self._downloads.find(wanted).sort("_order", -1).limit(limit)])
        return tuple(decode(Download, document) for document in found)

    def claim(
        self, worker: str, *, now: datetime, lease: timedelta, silent: Silent | None = None
    ) -> Download | None:
        """Take the oldest queued download, or a running one whose worker has died."""
        while candidates := self._claimable(_judge(now, silent)):
            for document in candidates:
                claimed = self._take(document, worker, now, lease)
                if claimed is not None:
                    return claimed
        return None

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
        document = self._document(download_id)
        free = document["state"] == "queued" or (
            document["state"] == "running" and _ended(document, _judge(now, silent))
        )
        return self._take(document, worker, now, lease) if free else None

    def heartbeat(self, download_id: str, fence: int, *, now: datetime, lease: timedelta) -> bool:
        """Extend the lease and tell whether the download is to stop; `Conflict` when stale."""
        until = now + lease
        self._change_mine(
            download_id,
            fence,
            {"lease_until": until.isoformat(), "_lease": _micros(until), "updated_at": _iso(now)},
        )
        wish = {"cancel_requested": 1}  # the chunks may be many
        found = repeated(lambda: self._downloads.find_one({"_id": download_id}, wish))
        return found is not None and bool(found["cancel_requested"])

    def progress(
        self, download_id: str, fence: int, chunk: ChunkProgress, *, now: datetime
    ) -> None:
        """Store where a chunk stands; `Conflict` when the fence is stale, `NotFound`."""
        change = {"chunks.$": _chunk(chunk), "updated_at": _iso(now)}
        if not self._change_mine(download_id, fence, change, {"chunks._key": chunk.key}):
            raise NotFound("the download has no such chunk")

    def finish(self, download_id: str, fence: int, end: Ending, *, now: datetime) -> Download:
        """Set the state, give the lease back and clear the worker; `Conflict` when stale."""
        change: dict[str, Any] = {"state": end.state, "error": end.error, "updated_at": _iso(now)}
        if end.report is not None:
            change["report"] = encode(end.report)
            change["chunks"] = [_published(chunk) for chunk in self.get(download_id).chunks]
        self._change_mine(download_id, fence, {**change, **_NOBODY})
        return self.get(download_id)

    def request_cancel(self, download_id: str, *, now: datetime) -> Download:
        """Cancel a download nobody works on at once, ask a running one to stop."""
        while True:
            document = self._document(download_id)
            state = document["state"]
            if state == "running" and document["_lease"] > _micros(now):
                change: dict[str, Any] = {"cancel_requested": True}
            elif state == "running":  # nobody's: whoever had it and comes back must not write
                gone = {"state": "cancelled", "fence": document["fence"] + 1, **_NOBODY}
                change = {"cancel_requested": True, **gone}
            elif state in ("queued", "paused"):
                change = {"cancel_requested": True, "state": "cancelled"}
            else:
                raise Conflict(f"the download has ended: {state}")
            if self._change(document, {**change, "updated_at": _iso(now)}):
                return self.get(download_id)

    def resume(self, download_id: str, *, now: datetime) -> Download:
        """Queue a paused, failed or partial download again; chunks that failed wait again."""
        while True:
            document = self._document(download_id)
            if document["state"] not in _RESUMABLE:
                raise Conflict(f"a download that is {document['state']} cannot be resumed")
            again = [
                _chunk(ChunkProgress(kind=chunk.kind, item=chunk.item))
                if chunk.state == "failed"
                else _chunk(chunk)
                for chunk in decode(Download, document).chunks
            ]
            change = {
                "state": "queued",
                "chunks": again,
                "cancel_requested": False,
                "error": None,
                "updated_at": _iso(now),
            }
            if self._change(document, {**change, **_NOBODY}):
                return self.get(download_id)

    def _document(self, download_id: str) -> dict[str, Any]:
        found = repeated(lambda: self._downloads.find_one({"_id": download_id}))
        if found is None:
            raise NotFound("there is no such download")
        return found

    def _claimable(self, silent: Silent) -> tuple[dict[str, Any], ...]:
        """Return the oldest downloads that are free, queued and abandoned ones, without chunks."""

        def read() -> tuple[dict[str, Any], ...]:
            found = [
                document
                for state in ("queued", "running")
                for document in self._downloads.find({"state": state}, {"chunks": 0, "report": 0})
                if state == "queued" or _ended(document, silent)
            ]
            return tuple(sorted(found, key=lambda document: document["_order"])[:_CANDIDATES])

        return repeated(read)

    def _take(
        self, seen: Mapping[str, Any], worker: str, now: datetime, lease: timedelta
    ) -> Download | None:
        until = now + lease
        try:
            decode(Download, self._document(seen["_id"]))
        except UntrustworthyData as error:  # no worker can run it, and none may end on it
            self._change(seen, {"state": "failed", "error": f"unreadable: {error}", **_NOBODY})
            return None
        claim = {
            "state": "running",
            "worker": worker,
            "fence": seen["fence"] + 1,
            "lease_until": until.isoformat(),
            "_lease": _micros(until),
            "updated_at": _iso(now),
        }
        lease_seen = {"_lease": seen["_lease"]} if seen["state"] == "running" else {}
        return self.get(seen["_id"]) if self._change(seen, claim, lease_seen) else None

    def _change(
        self,
        seen: Mapping[str, Any],
        change: Mapping[str, Any],
        condition: Mapping[str, Any] | None = None,
    ) -> bool:
        """Change the download if its state and fence still are what was seen."""
        expected = {field: seen[field] for field in ("_id", "state", "fence")}
        return compare_and_set(self._downloads, {**expected, **(condition or {})}, change)

    def _change_mine(
        self,
        download_id: str,
        fence: int,
        change: Mapping[str, Any],
        condition: Mapping[str, Any] | None = None,
    ) -> bool:
        """Change a download that is running under this fence, if the condition holds as well."""
        mine = {"_id": download_id, "state": "running", "fence": fence}
        if compare_and_set(self._downloads, {**mine, **(condition or {})}, change):
            return True
        now = self._document(download_id)
        if now["state"] != "running" or now["fence"] != fence:
            raise Conflict("another worker has taken the download, or it is not running")
        return False


def _chunk(chunk: ChunkProgress) -> dict[str, Any]:
    return {"_key": chunk.key, **encode(chunk)}


def _published(chunk: ChunkProgress) -> dict[str, Any]:
    return _chunk(chunk.model_copy(update={"published": chunk.state == "done"}))


def _judge(now: datetime, silent: Silent | None) -> Silent:
    return silent or (lambda _, until: until <= now)


def _ended(document: Mapping[str, Any], silent: Silent) -> bool:
    return silent(document["_id"], _EPOCH + timedelta(microseconds=document["_lease"]))


def _iso(moment: datetime) -> str:
    return moment.isoformat()


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
