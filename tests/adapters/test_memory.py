"""Books of memories: of a run, whose memories wait for their tick, and of an outside client."""

from __future__ import annotations

from collections import defaultdict

import pytest

from adapters.embedder.hashing import HashingEmbedder
from adapters.memory.run_memory import RunMemoryBook
from adapters.memory.stored_memory import StoredMemoryBook
from interfaces.memory import MemoryBook
from schemas.memory import MemoryRecord
from tests.contracts.memory import HOUR, NOON, MemoryBookContract, memory


class DictStore:
    """A `MemoryStore` in a dictionary."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, MemoryRecord]] = defaultdict(dict)

    def put(self, tenant: str, record: MemoryRecord) -> None:
        self.records[tenant].setdefault(record.memory_id, record)

    def all(self, tenant: str) -> tuple[MemoryRecord, ...]:
        return tuple(sorted(self.records[tenant].values(), key=lambda r: (r.known_time, r.text)))


class TestRunMemory(MemoryBookContract):
    def new_book(self) -> RunMemoryBook:
        return RunMemoryBook(HashingEmbedder())

    def settle(self, book: MemoryBook) -> None:
        assert isinstance(book, RunMemoryBook)
        book.commit(book.take_pending())


class TestStoredMemory(MemoryBookContract):
    def new_book(self) -> StoredMemoryBook:
        return StoredMemoryBook(DictStore(), HashingEmbedder(), tenant="one")

    def settle(self, book: MemoryBook) -> None:
        """What is stored is recallable at once."""


def test_what_is_not_committed_is_not_recalled() -> None:
    book = RunMemoryBook(HashingEmbedder())
    book.remember(memory("oil fell"))
    asked = {"agent": "alpha_trading", "limit": 5, "as_of": NOON + HOUR}
    assert book.recall("oil", **asked) == ()
    pending = book.take_pending()
    assert book.take_pending() == ()
    assert book.recall("oil", **asked) == ()
    book.commit(pending)
    assert [hit.memory for hit in book.recall("oil", **asked)] == [memory("oil fell")]


def test_a_tick_that_is_run_again_hands_over_the_same_memories() -> None:
    first, again = RunMemoryBook(HashingEmbedder()), RunMemoryBook(HashingEmbedder())
    records = [memory("b", agent="tax"), memory("a", agent="tax"), memory("c", agent="budget")]
    for book in (first, again):
        for record in records:
            book.remember(record)
    assert first.take_pending() == again.take_pending() == (records[2], records[0], records[1])


@pytest.mark.promise("memory-isolation")
def test_no_tenant_reads_anothers_memory() -> None:
    store = DictStore()
    one, two = (StoredMemoryBook(store, HashingEmbedder(), tenant=name) for name in ("1", "2"))
    one.remember(memory("mine"))
    asked = {"agent": "alpha_trading", "limit": 5, "as_of": NOON + HOUR}
    assert len(one.recall("mine", **asked)) == 1
    assert two.recall("mine", **asked) == ()


def test_a_memory_survives_its_process() -> None:
    store = DictStore()
    StoredMemoryBook(store, HashingEmbedder(), tenant="1").remember(memory("mine"))
    later = StoredMemoryBook(store, HashingEmbedder(), tenant="1")
    found = later.recall("mine", agent="alpha_trading", limit=5, as_of=NOON + HOUR)
    assert [hit.memory.text for hit in found] == ["mine"]
