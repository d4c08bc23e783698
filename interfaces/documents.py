"""Dated texts: news and documents."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from schemas.documents import DocumentKind, FoundDocument


class DocumentSource(Protocol):
    """Texts that were published at a known moment; undated ones are never shown."""

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

        Ranks and scores depend on nothing published later. An empty query lists the newest. Empty
        is a truthful answer; trouble with the source raises `Unavailable`.
        """
        ...
