"""Memories of the memory server's outside clients, one document a memory, apart by tenant."""

from __future__ import annotations

from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from adapters.store.calls import Documents, repeated
from adapters.store.codec import decode, encode
from schemas.memory import MemoryRecord

INDEXES = [IndexModel([("tenant", 1)], name="tenant")]


class MongoMemoryStore:
    """`interfaces.store.MemoryStore` on one collection."""

    def __init__(self, memories: Documents) -> None:
        self._memories = memories

    def put(self, tenant: str, record: MemoryRecord) -> None:
        """Store the memory; the same id again changes nothing."""
        document = {
            "_id": f"{record.memory_id}:{tenant}",
            "tenant": tenant,
            "memory": encode(record),
        }

        def write() -> None:
            try:
                self._memories.insert_one(document)
            except DuplicateKeyError:
                return

        repeated(write)

    def all(self, tenant: str) -> tuple[MemoryRecord, ...]:
        """Return the tenant's memories, oldest first."""
        found = repeated(lambda: list(self._memories.find({"tenant": tenant})))
        records = [decode(MemoryRecord, document["memory"]) for document in found]
        return tuple(sorted(records, key=lambda record: (record.known_time, record.memory_id)))
