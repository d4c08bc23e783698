"""The memories of an outside client, kept in the store."""

from __future__ import annotations

from datetime import datetime
from threading import Lock

from adapters.memory.nearest import MemoryIndex
from interfaces.embedder import Embedder
from interfaces.store import MemoryStore
from schemas.memory import MemoryRecord, RecalledMemory


class StoredMemoryBook:
    """Implement `MemoryBook` for one tenant; what was remembered survives the process."""

    def __init__(self, store: MemoryStore, embedder: Embedder, *, tenant: str) -> None:
        self._store = store
        self._tenant = tenant
        self._embedder = embedder
        self._lock = Lock()
        self._indexes: dict[str, MemoryIndex] = {}

    def remember(self, record: MemoryRecord) -> None:
        """Store the memory; the same id again changes nothing."""
        self._store.put(self._tenant, record)

    def recall(
        self, query: str, *, agent: str, limit: int, as_of: datetime
    ) -> tuple[RecalledMemory, ...]:
        """Return the agent's memories known strictly before `as_of`, nearest first.

        Reads the store each time, as another process may have remembered; texts already seen are
        not embedded again.
        """
        records = self._store.all(self._tenant)
        with self._lock:
            for record in records:
                if record.agent not in self._indexes:
                    self._indexes[record.agent] = MemoryIndex(self._embedder)
                self._indexes[record.agent].add(record)
            index = self._indexes.get(agent)
            return () if index is None else index.nearest(query, limit=limit, as_of=as_of)
