"""Memories with their vectors, searched exactly by cosine."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from interfaces.embedder import Embedder
from schemas.memory import MemoryRecord, RecalledMemory


class MemoryIndex:
    """The memories of one agent, in the order they became known.

    Recall is exact: one product of the query with every vector. Vectors live in an array that
    doubles when it is full.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._records: list[MemoryRecord] = []
        self._ids: set[str] = set()
        self._vectors: NDArray[np.float32] = np.zeros((16, embedder.dimension), dtype=np.float32)

    def add(self, record: MemoryRecord) -> None:
        """Take a memory; the same id again changes nothing."""
        if record.memory_id in self._ids:
            return
        at = len(self._records)
        if at == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
        self._vectors[at] = self._embedder.embed([_text(record)])[0]
        self._records.append(record)
        self._ids.add(record.memory_id)

    def nearest(self, query: str, *, limit: int, as_of: datetime) -> tuple[RecalledMemory, ...]:
        """Return the memories known strictly before `as_of`, nearest first, then newest."""
        vector = self._embedder.embed([query])[0].astype(np.float64)
        times = np.array([record.known_time.timestamp() for record in self._records])
        known = np.array([record.known_time < as_of for record in self._records], dtype=np.bool_)
        # Summed in numpy's own order and rounded: no BLAS may decide between equals.
        scores = np.round((self._vectors[: len(known)] * vector).sum(axis=1), 6)
        order = np.lexsort((-times, -scores))
        return tuple(
            RecalledMemory(memory=self._records[at], similarity=float(scores[at]))
            for at in order[known[order]][:limit].tolist()
        )


def _text(record: MemoryRecord) -> str:
    return " ".join((record.text, *record.tags, *record.symbols))
