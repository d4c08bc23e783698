"""The memory server: what an agent chooses to remember, and finds again."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from mcp.server.mcpserver import MCPServer
from pydantic import Field

from interfaces.clock import Clock
from interfaces.memory import MemoryBook
from mcp_servers.toolkit import WRITE, add_tool, new_server
from schemas.base import sha256_of
from schemas.errors import InvalidRequest, LookAhead
from schemas.memory import MemoryRecord, RecallAnswer, RememberAnswer

_INSTRUCTIONS = (
    "Your own notes. What you remember can be recalled later, never earlier; others cannot read it."
)
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.\-^=]{0,15}", re.ASCII)

TextArgument = Annotated[str, Field(max_length=4000, description="one thought, in plain words")]
TagsArgument = Annotated[
    list[Annotated[str, Field(max_length=40)]] | None,
    Field(max_length=16, description='e.g. ["lesson", "risk"]'),
]
SymbolsArgument = Annotated[
    list[str] | None, Field(max_length=64, description='what it is about, e.g. ["AAPL"]')
]
EventArgument = Annotated[
    datetime | None,
    Field(description="when it happened, with a time zone; now by default, never later"),
]


def build_memory_server(
    *, clock: Clock, memories: MemoryBook, agent: str = "alpha_trading"
) -> MCPServer:
    """Build the server of one agent's memories in one book (of a run, or of a tenant)."""
    desk = _Desk(clock, memories, agent)
    server = new_server("memory", _INSTRUCTIONS)
    add_tool(server, desk.remember, name="memory_remember", title="Remember", annotations=WRITE)
    add_tool(server, desk.recall, name="memory_recall", title="Recall")
    return server


@dataclass(frozen=True, slots=True)
class _Desk:
    """The tools; whose memories they are is not an argument."""

    clock: Clock
    memories: MemoryBook
    agent: str

    async def remember(
        self,
        text: TextArgument,
        tags: TagsArgument = None,
        symbols: SymbolsArgument = None,
        event_time: EventArgument = None,
    ) -> RememberAnswer:
        """Keep a thought, a lesson or a fact; it can be recalled from the next session on.

        Remembering the same text twice at the same moment keeps it once.
        """
        now = self.clock.now().astimezone(UTC)
        if not text.strip():
            raise InvalidRequest("there is nothing to remember in an empty text")
        happened = _happened(event_time, now)
        record = MemoryRecord(
            memory_id=sha256_of([self.agent, now, text]),
            agent=self.agent,
            text=text,
            tags=tuple(dict.fromkeys(tags or ())),
            symbols=_symbols(symbols or ()),
            event_time=happened,
            known_time=now,
        )
        await asyncio.to_thread(self.memories.remember, record)
        return RememberAnswer(
            memory_id=record.memory_id, known_time=now, note="it can be recalled later than now"
        )

    async def recall(
        self,
        query: Annotated[str, Field(max_length=1000, description="what to look for")],
        limit: Annotated[int, Field(ge=1, le=50)] = 5,
    ) -> RecallAnswer:
        """Find your own earlier memories, nearest to the query first; empty when there are none."""
        now = self.clock.now().astimezone(UTC)
        found = await asyncio.to_thread(
            self.memories.recall, query, agent=self.agent, limit=limit, as_of=now
        )
        return RecallAnswer(as_of=now, query=query, memories=found)


def _happened(event_time: datetime | None, now: datetime) -> datetime:
    if event_time is None:
        return now
    if event_time.tzinfo is None:
        raise InvalidRequest("event_time needs a time zone, e.g. 2020-01-02T15:00:00Z")
    if event_time > now:
        raise LookAhead(f"it is {now.date().isoformat()}: what happens later cannot be remembered")
    return event_time.astimezone(UTC)


def _symbols(names: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    symbols = tuple(dict.fromkeys(name.strip().upper() for name in names))
    for symbol in symbols:
        if not _SYMBOL.fullmatch(symbol):
            raise InvalidRequest(f"{symbol[:20]!r} is no ticker")
    return symbols
