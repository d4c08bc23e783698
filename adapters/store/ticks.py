"""The ticks of runs.

A run has one document in `run_heads`: `{_id: run, run_key, fence, head, pending}`. A tick commits
by one compare-and-set there, `{fence: mine, head: n}` to `{head: n + 1, pending: <tick n>}`, and is
copied to `ticks` (its `_id` is run and number) by the same call. A crash between the two leaves the
newest tick in `pending` alone, where readers find it and the next `open` copies it from; since a
commit copies before it returns, no older tick can be missing. `pending` is one BSON string: the
server need not look into it, which saves a third of its time.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import bson
from pymongo.errors import DuplicateKeyError

from adapters.store.calls import Documents, compare_and_set, insert, repeated, translated
from adapters.store.codec import decode, encode
from schemas.base import canonical_json
from schemas.errors import Conflict, InvalidRequest, UntrustworthyData
from schemas.tick import Tick

MAX_TICK_BYTES = 1_000_000
_PAGE = 64


class MongoTickStore:
    """`interfaces.store.TickStore` on two collections."""

    def __init__(self, heads: Documents, ticks: Documents) -> None:
        self._heads = heads
        self._ticks = ticks

    def open(self, run_id: str, run_key: str, fence: int) -> int:
        """Take the run over with this fence and return how many ticks are committed."""
        while True:
            head = self._head(run_id)
            if head is None:
                fresh = {"_id": run_id, "run_key": run_key, "fence": fence, "head": 0}
                if insert(self._heads, fresh):
                    return 0
                continue
            if head["run_key"] != run_key:
                raise Conflict("the run belongs to another request, data set or code version")
            if head["fence"] > fence:
                raise Conflict("another worker has taken the run")
            seen = {"_id": run_id, "fence": head["fence"], "head": head["head"]}
            if compare_and_set(self._heads, seen, {"fence": fence}):
                self._recover(head)
                return head["head"]

    def commit(self, run_id: str, fence: int, tick: Tick) -> None:
        """Commit tick `tick.n` on a head of n ticks, then copy it to the ticks."""
        document = encode(tick)
        with translated():
            pending = bson.encode(document)
        if len(pending) > MAX_TICK_BYTES:
            raise InvalidRequest(f"a tick of {len(pending)} bytes is over 1 MB")
        expected = {"_id": run_id, "fence": fence, "head": tick.n}
        committed = {"head": tick.n + 1, "pending": pending}
        if not compare_and_set(self._heads, expected, committed):
            self._explain(run_id, {"fence": fence, **committed})
        self._copy(run_id, tick.n, document)

    def ticks(self, run_id: str, *, start: int = 0) -> Iterator[Tick]:
        """Yield the committed ticks from number `start` on, in order."""
        for _, document in self._documents(run_id, start):
            yield decode(Tick, document)

    def raw_entries(self, run_id: str) -> Iterator[tuple[int, str]]:
        """Yield (tick number, canonical JSON); of a tick that cannot be read, as it is stored."""
        for n, document in self._documents(run_id, 0):
            try:
                yield n, canonical_json(decode(Tick, document)).decode()
            except UntrustworthyData:
                yield n, json.dumps(document, sort_keys=True, default=str)

    def _head(self, run_id: str) -> dict[str, Any] | None:
        return repeated(lambda: self._heads.find_one({"_id": run_id}))

    def _explain(self, run_id: str, mine: dict[str, Any]) -> None:
        """Return when this very tick was committed last; otherwise say what stands there."""
        head = self._head(run_id)
        if head is None:
            raise Conflict("the run was never opened")
        if all(head.get(field) == value for field, value in mine.items()):
            return
        if head["fence"] != mine["fence"]:
            raise Conflict("another worker has taken the run")
        raise Conflict(f"the run stands at {head['head']} ticks")

    def _recover(self, head: dict[str, Any]) -> None:
        if head["head"] > 0:
            self._copy(head["_id"], head["head"] - 1, bson.decode(head["pending"]))

    def _copy(self, run_id: str, n: int, document: dict[str, Any]) -> None:
        """Copy a committed tick; the same again changes nothing."""
        row = {"_id": _identity(run_id, n), "run_id": run_id, "n": n, "tick": document}

        def write() -> None:
            with contextlib.suppress(DuplicateKeyError):
                self._ticks.insert_one(row)

        repeated(write)

    def _documents(self, run_id: str, start: int) -> Iterator[tuple[int, dict[str, Any]]]:
        head = self._head(run_id)
        end = head["head"] if head else 0
        n = start
        while n < end:
            page = self._page(run_id, n, end)
            for number, document in page:
                if number != n:
                    raise UntrustworthyData(f"tick {n} of the run is missing")
                yield number, document
                n += 1
            if head and not page:
                if n != end - 1:
                    raise UntrustworthyData(f"tick {n} of the run is missing")
                yield n, bson.decode(head["pending"])
                n += 1

    def _page(self, run_id: str, start: int, end: int) -> list[tuple[int, dict[str, Any]]]:
        wanted = [_identity(run_id, n) for n in range(start, min(start + _PAGE, end))]

        def read() -> list[tuple[int, dict[str, Any]]]:
            found = self._ticks.find({"_id": {"$in": wanted}})
            return sorted(((row["n"], row["tick"]) for row in found), key=itemgetter(0))

        return repeated(read)


def _identity(run_id: str, n: int) -> str:
    """Name a tick: pages are read by `_id`, which every server looks up in an index."""
    return f"{run_id}:{n}"
