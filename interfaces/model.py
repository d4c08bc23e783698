"""A chat model: outside vendors and deterministic baselines behind one method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from pydantic import Field, JsonValue

from schemas.agents import AgentName, AgentOutput, Usage
from schemas.base import Message


class ToolSpec(Message):
    """A tool as a model is told of it."""

    name: str
    description: str
    input_schema: dict[str, JsonValue]


class Said(Message):
    """Text spoken to the model, or by it."""

    role: Literal["system", "user", "assistant"]
    text: str


class ToolCall(Message):
    """The model asks for a tool. `call_id` is its place in the conversation, never random."""

    call_id: str
    tool: str
    arguments: dict[str, JsonValue]


class ToolCalls(Message):
    """The model's turn when it asks for tools."""

    calls: tuple[ToolCall, ...] = Field(min_length=1)


class ToolResult(Message):
    """A tool's answer: structured content for policies, text for language models."""

    call_id: str
    tool: str
    structured: dict[str, JsonValue] | None
    text: str
    is_error: bool = False


ChatMessage = Said | ToolCalls | ToolResult


class ModelRequest(Message):
    """Everything a model may see for its next turn; nothing random, no wall time."""

    agent: AgentName
    messages: tuple[ChatMessage, ...]
    tools: tuple[ToolSpec, ...]
    output_type: type[AgentOutput]
    seed: int


class Turn(Message):
    """One answer: tool calls, or a final answer as raw JSON text to be validated."""

    calls: tuple[ToolCall, ...] = ()
    answer: str | None = None
    usage: Usage = Usage()


class ChatModel(Protocol):
    """Answers one request with one turn.

    Either `calls` is not empty or `answer` is set. Refusals, rate limits and outages raise:
    `Unavailable` after the adapter's own bounded retries, `BadModelOutput` for an answer that is
    no turn at all, `BadConfiguration` when a key is missing. Text in an answer is untrusted until
    it validates into `output_type`.
    """

    name: str

    async def complete(self, request: ModelRequest) -> Turn:
        """Return the model's next turn."""
        ...


class ToolSession(Protocol):
    """The tools an agent may call, already bound to a run, its clock and its account."""

    def specs(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        """Return the specifications of these tools, in that order; unknown: `BadConfiguration`."""
        ...

    async def call(self, call: ToolCall) -> ToolResult:
        """Call the tool. A tool's own error is a result with `is_error`, not an exception.

        A server that does not answer raises `Unavailable`.
        """
        ...
