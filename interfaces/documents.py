"""Dated texts: news and documents."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Protocol

from schemas.documents import DocumentKind, FoundDocument

NO_DOCUMENTS = sha256().hexdigest()
"""The digest of a source that has nothing to show."""


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

        A text matches when it has one of the query's words and every phrase in double quotes, word
        for word. No query is malformed; one without words lists the newest. Ranks and scores depend
        on nothing published later. Empty is a truthful answer; trouble with the source raises
        `Unavailable`.
        """
        ...

    def digest(self, before: datetime) -> str:
        """Return the SHA-256 over everything that could be shown before a moment.

        `NO_DOCUMENTS` when there is nothing. Later texts don't change it; `Unavailable`.
        """
        ...
