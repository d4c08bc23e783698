"""What every `MemoryBook` must do; an adapter's test subclasses the suite."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces.memory import MemoryBook
from schemas.base import sha256_of
from schemas.memory import MemoryRecord

NOON = datetime(2020, 7, 6, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def memory(text: str, *, agent: str = "alpha_trading", known: datetime = NOON) -> MemoryRecord:
    return MemoryRecord(
        memory_id=sha256_of([agent, known, text]),
        agent=agent,
        text=text,
        event_time=known,
        known_time=known,
    )


class MemoryBookContract:
    """Subclasses give `new_book` and `settle`, which makes what is remembered recallable."""

    def new_book(self) -> MemoryBook:
        raise NotImplementedError

    def settle(self, book: MemoryBook) -> None:
        raise NotImplementedError

    def keep(self, book: MemoryBook, *records: MemoryRecord) -> None:
        for record in records:
            book.remember(record)
        self.settle(book)

    def texts(
        self,
        book: MemoryBook,
        query: str = "",
        *,
        agent: str = "alpha_trading",
        limit: int = 50,
        as_of: datetime = NOON + HOUR,
    ) -> list[str]:
        found = book.recall(query, agent=agent, limit=limit, as_of=as_of)
        return [hit.memory.text for hit in found]

    def test_the_nearest_memory_comes_first(self) -> None:
        book = self.new_book()
        self.keep(book, memory("oil fell"), memory("dividend of KO raised"), memory("rates rose"))
        assert self.texts(book, "KO dividend")[0] == "dividend of KO raised"
        assert self.texts(book, "KO dividend", limit=1) == ["dividend of KO raised"]

    def test_the_same_memory_is_kept_once(self) -> None:
        book = self.new_book()
        self.keep(book, memory("oil fell"), memory("oil fell"))
        self.keep(book, memory("oil fell"))
        assert self.texts(book) == ["oil fell"]

    def test_equally_near_memories_come_newest_first(self) -> None:
        book = self.new_book()
        for hours in (3, 1, 2):
            self.keep(book, memory("oil fell", known=NOON - hours * HOUR))
        found = book.recall("oil", agent="alpha_trading", limit=3, as_of=NOON)
        assert [hit.memory.known_time for hit in found] == [NOON - n * HOUR for n in (1, 2, 3)]

    def test_an_empty_book_answers_nothing(self) -> None:
        assert self.texts(self.new_book(), "anything") == []

    @pytest.mark.promise("memory-isolation")
    def test_a_memory_is_known_strictly_after_it_was_made(self) -> None:
        book = self.new_book()
        self.keep(book, memory("oil fell"))
        assert self.texts(book, as_of=NOON) == []
        assert self.texts(book, as_of=NOON + timedelta(microseconds=1)) == ["oil fell"]

    @pytest.mark.promise("memory-isolation")
    def test_no_agent_reads_anothers_memory(self) -> None:
        book = self.new_book()
        self.keep(book, memory("mine"), memory("theirs", agent="lender"))
        assert self.texts(book) == ["mine"]
        assert self.texts(book, agent="lender") == ["theirs"]
        assert self.texts(book, agent="tax") == []

    @pytest.mark.promise("no-look-ahead")
    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.differing_executors],  # every adapter runs the suite
    )
    @given(st.lists(st.tuples(st.text("abc ", min_size=1, max_size=9), st.integers(-9, 9))))
    def test_what_is_remembered_later_changes_no_earlier_answer(
        self, later: list[tuple[str, int]]
    ) -> None:
        calm, busy = self.new_book(), self.new_book()
        for book in (calm, busy):
            self.keep(book, memory("abc"), memory("b c"))
        after = [memory(f"{text}!", known=NOON + HOUR * (1 + abs(n))) for text, n in later]
        self.keep(busy, *sorted(after, key=lambda record: record.known_time))
        for query in ("a b", "c", ""):
            one, two = (
                book.recall(query, agent="alpha_trading", limit=9, as_of=NOON + HOUR)
                for book in (calm, busy)
            )
            assert one == two
            assert len(one) == 2
