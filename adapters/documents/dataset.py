"""Dated texts of a data set, as they were known at a moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa

from adapters.documents.ranking import Passage, best_passage, bm25, words
from schemas.documents import DocumentKind, FoundDocument

_EXCERPT = 600
_MISSING = np.iinfo(np.int64).max
About = Callable[[tuple[str, ...], datetime], bool]
"""Tells of the tickers a text names, and the moment it was published, whether it is meant."""


class DatasetDocuments:
    """Implement `DocumentSource` over a table of the schema `DOCUMENTS`.

    A text is shown when it was both published and known strictly before the moment, in its newest
    version by then. One without a full date of publication is never shown.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._passages: dict[int, Passage] = {}

    def search(
        self,
        query: str,
        *,
        as_of: datetime,
        kind: DocumentKind | None = None,
        symbol: str | None = None,
        limit: int = 10,
    ) -> tuple[FoundDocument, ...]:
        """Return what was published strictly before `as_of` and matches, best first.

        Word weights come from what was known at `as_of` alone, so later texts change no rank.
        """
        about = None if symbol is None else lambda named, _published: symbol in named
        return self.find(query, as_of=as_of, kind=kind, about=about, limit=limit)

    def find(
        self,
        query: str,
        *,
        as_of: datetime,
        kind: DocumentKind | None = None,
        about: About | None = None,
        limit: int = 10,
    ) -> tuple[FoundDocument, ...]:
        """Search as `search` does, among the texts that `about` accepts."""
        rows = [row for row in self._known(as_of) if self._matches(row, kind, about)]
        asked = words(query)
        scores = bm25(asked, [self._passage(row) for row in rows])
        hits = [pair for pair in zip(scores, rows, strict=True) if pair[0] > 0 or not asked]
        published, names = self._published, self._names
        hits.sort(key=lambda hit: (-hit[0], -published[hit[1]], names[hit[1]]))
        return tuple(self._found(row, asked, score) for score, row in hits[:limit])

    def _known(self, as_of: datetime) -> list[int]:
        if not len(self._table):
            return []
        now = np.datetime64(as_of.astimezone(UTC).replace(tzinfo=None), "us").astype(np.int64)
        rows = np.flatnonzero((self._published < now) & (self._since < now))
        newest: dict[str, int] = {}
        for row in rows[np.argsort(self._since[rows], kind="stable")].tolist():
            newest[self._names[row]] = row
        return sorted(newest.values())

    def _matches(self, row: int, kind: DocumentKind | None, about: About | None) -> bool:
        if kind is not None and self._kinds[row] != kind:
            return False
        return about is None or about(self._symbols[row], self._moment(row))

    def _passage(self, row: int) -> Passage:
        passage = self._passages.get(row)
        if passage is None:
            title, text = self._cell("title", row), self._cell("text", row)
            passage = self._passages[row] = Passage.of(f"{title} {text}")
        return passage

    def _found(self, row: int, asked: tuple[str, ...], score: float) -> FoundDocument:
        return FoundDocument(
            document_id=self._names[row],
            kind=self._kinds[row],
            title=self._cell("title", row),
            published_at=self._moment(row),
            symbols=self._symbols[row],
            source=self._cell("source", row),
            excerpt=best_passage(self._cell("text", row), asked, _EXCERPT),
            score=round(score, 6),
        )

    def _cell(self, column: str, row: int) -> Any:
        return self._table.column(column)[row].as_py()

    def _moment(self, row: int) -> datetime:
        return self._table.column("published_at")[row].as_py()

    @cached_property
    def _names(self) -> list[str]:
        return self._table.column("document_id").to_pylist()

    @cached_property
    def _kinds(self) -> list[Any]:
        return self._table.column("kind").to_pylist()

    @cached_property
    def _symbols(self) -> list[tuple[str, ...]]:
        return [tuple(named or ()) for named in self._table.column("symbols").to_pylist()]

    @cached_property
    def _published(self) -> np.ndarray:
        return self._micros("published_at")

    @cached_property
    def _since(self) -> np.ndarray:
        return self._micros("known_time")

    def _micros(self, column: str) -> np.ndarray:
        values = self._table.column(column).cast(pa.int64()).fill_null(_MISSING)
        return np.asarray(values.combine_chunks())
