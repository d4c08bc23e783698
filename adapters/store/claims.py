"""Documents that one worker at a time holds: changed by compare-and-set on fence and state.

Beside the message's own fields a document has the store's, which begin with `_`: `_order` (moment
of creation and id, sortable as text) and `_lease` (end of the lease in microseconds). What the
embedded server does otherwise than MongoDB is kept clear of: `find_one_and_update` answers "nothing
matched" when it fails for another reason, text that looks like a date lies in no range, a path with
an array index sets nothing, and only `_id` and indexes of a single field are looked up, compound
ones are scanned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from pymongo import IndexModel

from adapters.store.calls import DiskFull, Documents, compare_and_set, repeated
from adapters.store.codec import decode
from interfaces.store import CLOCKS_APART, Silent
from schemas.base import Message
from schemas.errors import Conflict, NotFound, UntrustworthyData

INDEXES = [IndexModel([("_order", 1)], name="order"), IndexModel([("state", 1)], name="state")]

_CANDIDATES = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY: Mapping[str, Any] = {"worker": None, "lease_until": None, "_lease": None}

Kind = TypeVar("Kind", bound=Message)
MakeRoom = Callable[[], bool]


def no_room() -> bool:
    """Make none: the disk of a database elsewhere is not ours."""
    return False


@dataclass(frozen=True, slots=True)
class Claims(Generic[Kind]):
    """What jobs and downloads have in common: who works on which, and how it changes hands.

    `noun` names one of them to a user; `large` are the fields that are not read to find a free one;
    `make_room` makes some on a full disk, for last words, and tells whether it could.
    """

    documents: Documents
    kind: type[Kind]
    noun: str
    resumable: tuple[str, ...]
    large: tuple[str, ...] = ()
    make_room: MakeRoom = no_room

    def get(self, name: str) -> Kind:
        """Return the message; `NotFound`."""
        return decode(self.kind, self.document(name))

    def document(self, name: str) -> dict[str, Any]:
        """Return the document as it is stored; `NotFound`."""
        found = repeated(lambda: self.documents.find_one({"_id": name}))
        if found is None:
            raise NotFound(f"there is no such {self.noun}")
        return found

    def list(self, *, state: str | None, limit: int, before: str | None) -> tuple[Kind, ...]:
        """Return messages, newest first; `before` is the last id of the page before."""
        wanted: dict[str, Any] = {} if state is None else {"state": state}
        if before is not None:
            wanted["_order"] = {"$lt": self.document(before)["_order"]}
        found = repeated(lambda: [*self.documents.find(wanted).sort("_order", -1).limit(limit)])
        return tuple(decode(self.kind, document) for document in found)

    def claim(
        self, worker: str, *, now: datetime, lease: timedelta, silent: Silent | None
    ) -> Kind | None:
        """Take the oldest that is queued, or that a dead worker had, and raise its fence."""
        while candidates := self._free(_judge(now, silent)):
            for document in candidates:
                claimed = self._take(document, worker, now, lease)
                if claimed is not None:
                    return claimed
        return None

    def claim_one(
        self, name: str, worker: str, *, now: datetime, lease: timedelta, silent: Silent | None
    ) -> Kind | None:
        """Take this one on the same terms, or None; `NotFound`."""
        document = self.document(name)
        if not _is_free(document, _judge(now, silent)):
            return None
        return self._take(document, worker, now, lease)

    def extend(self, name: str, fence: int, *, now: datetime, lease: timedelta) -> None:
        """Extend the lease; `Conflict` when the fence is stale."""
        self.write(name, fence, _lease_until(now + lease), now=now)

    def write(
        self,
        name: str,
        fence: int,
        change: Mapping[str, Any],
        *,
        now: datetime,
        having: Mapping[str, Any] | None = None,
    ) -> bool:
        """Change what runs under this fence, if the document is such as well; `Conflict`."""
        mine = {"_id": name, "state": "running", "fence": fence, **(having or {})}
        if compare_and_set(self.documents, mine, {**change, "updated_at": now.isoformat()}):
            return True
        found = self.document(name)
        if found["state"] != "running" or found["fence"] != fence:
            raise Conflict(f"another worker has taken the {self.noun}, or it is not running")
        return False

    def finish(self, name: str, fence: int, change: Mapping[str, Any], *, now: datetime) -> Kind:
        """Write the last words, and give the lease back; `Conflict` when the fence is stale."""
        last = {**change, **_NOBODY}
        try:
            self.write(name, fence, last, now=now)
        except DiskFull:
            if not self.make_room():
                raise
            self.write(name, fence, last, now=now)
        return self.get(name)

    def request_cancel(self, name: str, *, now: datetime) -> Kind:
        """Cancel what nobody works on at once, ask a worker to stop.

        A lease that has ended by this clock may live by its holder's: only when it ended longer
        ago than clocks are apart is it nobody's, and whoever had it must not write any more.
        """
        while True:
            document = self.document(name)
            state, change = document["state"], {"cancel_requested": True}
            if state in ("queued", "paused"):
                change |= {"state": "cancelled"}
            elif state != "running":
                raise Conflict(f"the {self.noun} has ended: {state}")
            elif now - _end_of_lease(document) > CLOCKS_APART:
                change |= {"state": "cancelled", "fence": document["fence"] + 1, **_NOBODY}
            if self._change(document, {**change, "updated_at": now.isoformat()}):
                return self.get(name)

    def resume(
        self,
        name: str,
        *,
        now: datetime,
        changing: Callable[[Kind], Mapping[str, Any]] = lambda _: {},
    ) -> Kind:
        """Queue again what stopped early, with further changes; `Conflict` otherwise."""
        while True:
            document = self.document(name)
            if document["state"] not in self.resumable:
                raise Conflict(f"a {self.noun} that is {document['state']} cannot be resumed")
            change = {"state": "queued", "cancel_requested": False, "error": None, **_NOBODY}
            further = changing(decode(self.kind, document))
            if self._change(document, {**change, **further, "updated_at": now.isoformat()}):
                return self.get(name)

    def _free(self, silent: Silent) -> tuple[dict[str, Any], ...]:
        """Return the oldest that are free, queued ones and abandoned ones together."""
        shown = dict.fromkeys(self.large, 0) or None

        def read() -> tuple[dict[str, Any], ...]:
            queued = self.documents.find({"state": "queued"}, shown).sort("_order", 1)
            running = self.documents.find({"state": "running"}, shown).sort("_order", 1)
            found = [
                *queued.limit(_CANDIDATES),
                *(document for document in running if _is_free(document, silent)),
            ]
            return tuple(sorted(found, key=lambda document: document["_order"])[:_CANDIDATES])

        return repeated(read)

    def _take(
        self, seen: Mapping[str, Any], worker: str, now: datetime, lease: timedelta
    ) -> Kind | None:
        claim = {
            "state": "running",
            "worker": worker,
            "fence": seen["fence"] + 1,
            "updated_at": now.isoformat(),
            **_lease_until(now + lease),
        }
        try:
            claimed = decode(self.kind, {**self.document(seen["_id"]), **claim})
        except UntrustworthyData as error:  # no worker can run it, and none may end on it
            self._change(seen, {"state": "failed", "error": f"unreadable: {error}", **_NOBODY})
            return None
        return claimed if self._change(seen, claim) else None

    def _change(self, seen: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
        """Change the document if nobody else took, gave back or extended it since it was seen."""
        expected = {field: seen[field] for field in ("_id", "state", "fence")}
        if seen["state"] == "running":
            expected["_lease"] = seen["_lease"]
        return compare_and_set(self.documents, expected, change)


def order_of(created_at: datetime, name: str) -> str:
    """Return text that sorts by age."""
    return f"t{_micros(created_at):018d} {name}"


def _judge(now: datetime, silent: Silent | None) -> Silent:
    return silent or (lambda _, until: until <= now)


def _is_free(document: Mapping[str, Any], silent: Silent) -> bool:
    state = document["state"]
    return state == "queued" or (
        state == "running" and silent(document["_id"], _end_of_lease(document))
    )


def _end_of_lease(document: Mapping[str, Any]) -> datetime:
    return _EPOCH + timedelta(microseconds=document["_lease"])


def _lease_until(until: datetime) -> dict[str, Any]:
    return {"lease_until": until.isoformat(), "_lease": _micros(until)}


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
