"""What an agent chose to remember."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Instant, Message, Sha256, Symbol


class MemoryRecord(Message):
    """One memory, visible from `known_time` on."""

    memory_id: Sha256 = Field(description="SHA-256 of agent, known_time and text")
    agent: str = Field(max_length=40)
    text: str = Field(min_length=1, max_length=4000)
    tags: tuple[str, ...] = Field(default=(), max_length=16)
    symbols: tuple[Symbol, ...] = Field(default=(), max_length=64)
    event_time: Instant = Field(description="when what is remembered happened")
    known_time: Instant = Field(description="when it was remembered")


class RecalledMemory(Message):
    """A memory and how near it is to what was asked."""

    memory: MemoryRecord
    similarity: float = Field(description="cosine, −1 to 1")


class RememberAnswer(Message):
    """What was taken."""

    memory_id: Sha256
    known_time: Instant
    note: str


class RecallAnswer(Message):
    """What is remembered; empty when nothing is."""

    as_of: Instant
    query: str
    memories: tuple[RecalledMemory, ...]
