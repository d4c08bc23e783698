"""The memories of one run: buffered until their tick is committed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from adapters.memory.nearest import MemoryIndex
from interfaces.embedder import Embedder
from schemas.memory import MemoryRecord, RecalledMemory


class RunMemoryBook:
    """Implement `MemoryBook` for a run; the simulation moves what is pending into its ticks.

    A tick that is run again after a crash remembers the same ids, so nothing is there twice.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._pending: dict[str, MemoryRecord] = {}
        self._indexes: dict[str, MemoryIndex] = {}

    def remember(self, record: MemoryRecord) -> None:
        """Take the memory for the current tick; the same id again changes nothing."""
        self._pending.setdefault(record.memory_id, record)

    def take_pending(self) -> tuple[MemoryRecord, ...]:
        """Hand over what was remembered since the last call, by agent and then as remembered."""
        pending = sorted(self._pending.values(), key=lambda record: record.agent)
        self._pending.clear()
        return tuple(pending)

    def commit(self, records: Iterable[MemoryRecord]) -> None:
        """Make committed memories recallable."""
        for record in records:
            if record.agent not in self._indexes:
                self._indexes[record.agent] = MemoryIndex(self._embedder)
            self._indexes[record.agent].add(record)

    def recall(
        self, query: str, *, agent: str, limit: int, as_of: datetime
    ) -> tuple[RecalledMemory, ...]:
        """Return the agent's committed memories known strictly before `as_of`, nearest first."""
        index = self._indexes.get(agent)
        return () if index is None else index.nearest(query, limit=limit, as_of=as_of)
