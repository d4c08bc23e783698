"""An agent remembers through the server, and recalls what was committed, never more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import mcp
import pytest

from adapters.clock import SimulatedClock
from adapters.embedder.hashing import HashingEmbedder
from adapters.memory.run_memory import RunMemoryBook
from mcp_servers.memory import build_memory_server

MONDAY = datetime(2020, 7, 6, 13, 30, tzinfo=UTC)
DAY = timedelta(days=1)


class Desk:
    """A book, a clock, and a client of the server over both."""

    def __init__(self, agent: str = "alpha_trading", book: RunMemoryBook | None = None) -> None:
        self.clock = SimulatedClock(MONDAY)
        self.book = book or RunMemoryBook(HashingEmbedder())
        self.agent = agent

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            server = build_memory_server(clock=self.clock, memories=self.book, agent=self.agent)
            async with mcp.Client(server) as client:
                answer = await client.call_tool(tool, arguments)
                text = "".join(getattr(part, "text", "") for part in answer.content)
                return {"error": text} if answer.is_error else answer.structured_content

        return anyio.run(ask)

    def commit(self) -> None:
        self.book.commit(self.book.take_pending())


def test_what_was_remembered_is_recalled_on_the_next_day() -> None:
    desk = Desk()
    desk.call("memory_remember", text="Sell less in a panic", tags=["lesson"], symbols=["ko"])
    assert desk.call("memory_recall", query="panic")["memories"] == []
    desk.commit()
    assert desk.call("memory_recall", query="panic")["memories"] == []
    desk.clock.move_to(MONDAY + DAY)
    (found,) = desk.call("memory_recall", query="panic")["memories"]
    assert found["memory"]["text"] == "Sell less in a panic"
    assert found["memory"]["symbols"] == ["KO"]
    assert found["memory"]["known_time"] == "2020-07-06T13:30:00Z"
    assert found["similarity"] > 0


def test_the_same_thought_at_the_same_moment_is_one_memory() -> None:
    one, two = Desk(), Desk()
    first = one.call("memory_remember", text="oil fell")
    again = one.call("memory_remember", text="oil fell")
    elsewhere = two.call("memory_remember", text="oil fell")
    assert first["memory_id"] == again["memory_id"] == elsewhere["memory_id"]
    assert len(one.book.take_pending()) == 1


@pytest.mark.promise("memory-isolation")
def test_an_agent_recalls_its_own_memories_only() -> None:
    desk = Desk()
    desk.call("memory_remember", text="oil fell")
    desk.commit()
    other = Desk(agent="lender", book=desk.book)
    for one in (desk, other):
        one.clock.move_to(MONDAY + DAY)
    assert len(desk.call("memory_recall", query="oil")["memories"]) == 1
    assert other.call("memory_recall", query="oil")["memories"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"text": "  "}, "nothing to remember"),
        ({"text": "x" * 4001}, "at most 4000 characters"),
        ({"text": "x", "symbols": ["not a ticker"]}, "'NOT A TICKER' is no ticker"),
        ({"text": "x", "event_time": "2020-07-06T12:00:00"}, "needs a time zone"),
        ({"text": "x", "event_time": "2020-07-07T12:00:00Z"}, "look-ahead: it is 2020-07-06"),
    ],
)
def test_what_cannot_be_remembered_is_refused_in_a_sentence(
    arguments: dict[str, Any], said: str
) -> None:
    desk = Desk()
    assert said in desk.call("memory_remember", **arguments)["error"]
    assert desk.book.take_pending() == ()
