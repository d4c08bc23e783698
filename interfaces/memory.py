"""What agents remember, and how they find it again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from schemas.memory import MemoryRecord, RecalledMemory


class MemoryBook(Protocol):
    """The memories of one run, or of one tenant. Nobody reads another book.

    Inside a simulation what is remembered is buffered into the tick and can be recalled once the
    tick is committed; elsewhere at once.
    """

    def remember(self, record: MemoryRecord) -> None:
        """Take the memory; the same id again changes nothing."""
        ...

    def recall(
        self, query: str, *, agent: str, limit: int, as_of: datetime
    ) -> tuple[RecalledMemory, ...]:
        """Return the agent's memories known strictly before `as_of`, nearest to the query first.

        At most `limit`; equally near ones newest first; empty is a truthful answer.
        """
        ...


class MemoryJournal(MemoryBook, Protocol):
    """The book of one run: what is remembered waits for its tick to be committed."""

    def take_pending(self) -> tuple[MemoryRecord, ...]:
        """Hand over what was remembered since the last tick."""
        ...

    def commit(self, records: Iterable[MemoryRecord]) -> None:
        """Make the memories of a committed tick recallable."""
        ...
