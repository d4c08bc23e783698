"""Dated texts of a data set, as they were known at a moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa

from adapters.documents.corpus import (
    NEVER,
    Body,
    Corpus,
    Label,
    Narrowing,
    Question,
    instant_of,
    micros_of,
    naming,
    search_all,
)
from adapters.documents.ranking import Query
from schemas.documents import DocumentKind, FoundDocument

About = Callable[[tuple[str, ...], datetime], bool]
"""Tells of the tickers a text names, and the moment it was published, whether it is meant."""


class DatasetDocuments:
    """Implement `DocumentSource` over a table of the schema `DOCUMENTS`.

    A text is shown when it was both published and known strictly before the moment, in its newest
    version by then. One without a full date of publication is never shown.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._lock = Lock()

    def search(
        self,
        query: str,
        *,
        as_of: datetime,
        kind: DocumentKind | None = None,
        symbol: str | None = None,
        limit: int = 10,
    ) -> tuple[FoundDocument, ...]:
        """Return what was published strictly before `as_of` and matches, best first."""
        about = None if symbol is None else naming(symbol)
        asked = Question(Query.of(query), micros_of(as_of), limit, kind, about)
        return search_all([self.corpus()], asked)

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
        asked, now, corpus = Query.of(query), micros_of(as_of), self.corpus()

        def accepts(label: Label) -> bool:
            return about is None or about(label.symbols, instant_of(label.published))

        within = Narrowing(kind, accepts=accepts if about else None)
        tally = corpus.tally(asked, now)
        hits = corpus.hits(asked, now, tally=tally, within=within, limit=limit)
        return tuple(corpus.show(hit.row, asked, hit.score) for hit in hits)

    def digest(self, before: datetime) -> str:
        """Return the SHA-256 over all that could be shown before a moment."""
        return self.corpus().digest(micros_of(before))

    def corpus(self) -> Corpus:
        """Return the texts that are ever shown."""
        with self._lock:
            return self._corpus

    @cached_property
    def _corpus(self) -> Corpus:
        published, known = self._micros("published_at"), self._micros("known_time")
        shown = np.flatnonzero((published < NEVER) & (known < NEVER))
        since = np.maximum(published, known)
        names: list[str] = self._table.column("document_id").to_pylist()
        until = _replaced(shown[np.argsort(known[shown], kind="stable")], since, names)
        kinds = self._table.column("kind").to_pylist()
        symbols = self._table.column("symbols").to_pylist()
        rows: list[int] = shown.tolist()
        labels = [
            Label(
                name=names[row],
                kind=kinds[row],
                published=int(published[row]),
                since=int(since[row]),
                symbols=tuple(symbols[row] or ()),
                until=until[row],
            )
            for row in rows
        ]
        return Corpus(labels, lambda place: self._body(rows[place]))

    def _body(self, row: int) -> Body:
        return Body(self._cell("title", row), self._cell("text", row), self._cell("source", row))

    def _cell(self, column: str, row: int) -> Any:
        return self._table.column(column)[row].as_py()

    def _micros(self, column: str) -> np.ndarray:
        values = self._table.column(column).cast(pa.int64()).fill_null(NEVER)
        return np.asarray(values.combine_chunks())


def _replaced(rows: np.ndarray, since: np.ndarray, names: list[str]) -> dict[int, int]:
    """Return until when each version is shown: until a newer one of the same text is.

    `rows` stand in the order in which they became known.
    """
    until: dict[int, int] = {}
    newer: dict[str, int] = {}
    for row in reversed(rows.tolist()):
        name: str = names[row]
        until[row] = newer.get(name, NEVER)
        newer[name] = min(int(since[row]), until[row])
    return until
