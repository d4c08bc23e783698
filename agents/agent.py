"""One agent's turn: ask the model, run the tools it asks for, validate what it answers.

The loop is bounded. An answer that does not validate is asked for once more with the error; a
second failure, a spent budget of steps or tool calls, or a model that refuses is an abstention
with its reason. An abstention is a decision: it is stored like any other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from pydantic import JsonValue, ValidationError

from agents.records import AgentRecord
from interfaces.model import (
    ChatMessage,
    ChatModel,
    ModelRequest,
    Said,
    ToolCall,
    ToolCalls,
    ToolResult,
    ToolSession,
    Turn,
)
from schemas.agents import AgentDecision, AnyOutput, ToolCallRecord, Usage
from schemas.base import canonical_json
from schemas.errors import BadModelOutput


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far one turn may go."""

    steps: int = 16
    tool_calls: int = 64


@dataclass(slots=True)
class _Conversation:
    """What one turn has accumulated."""

    messages: list[ChatMessage]
    records: list[ToolCallRecord] = field(default_factory=list[ToolCallRecord])
    usage: Usage = field(default_factory=Usage)
    steps: int = 0
    reasked: bool = False


class Agent:
    """Runs one record. Holds no state between turns and no tool of its own."""

    def __init__(self, record: AgentRecord, *, bounds: Bounds | None = None) -> None:
        self._record = record
        self._bounds = bounds or Bounds()
        self._system = Said(role="system", text=record.prompt())

    async def decide(
        self,
        task: dict[str, JsonValue],
        *,
        model: ChatModel,
        tools: ToolSession,
        seed: int,
    ) -> AgentDecision:
        """Return the agent's decision on a task, or its abstention with the reason.

        `task` is spoken to the model as JSON and holds nothing random and no wall time. Raises
        `Unavailable` when the model or a tool server is out of reach: nothing was decided then.
        """
        said = Said(role="user", text=canonical_json(task).decode())
        talk = _Conversation([self._system, said])
        specs = tools.specs(self._record.tools)
        while talk.steps < self._bounds.steps:
            talk.steps += 1
            request = ModelRequest(
                agent=self._record.name,
                messages=tuple(talk.messages),
                tools=specs,
                output_type=self._record.output_type,
                seed=seed,
            )
            try:
                turn = await model.complete(request)
            except BadModelOutput as error:
                return self._abstain(model, talk, str(error))
            talk.usage = _add(talk.usage, turn.usage)
            if turn.calls:
                if len(talk.records) + len(turn.calls) > self._bounds.tool_calls:
                    return self._abstain(
                        model, talk, f"asked for more than {self._bounds.tool_calls} tool calls"
                    )
                await self._run_tools(turn, talk, tools)
                continue
            decision = self._conclude(turn, model, talk)
            if decision is not None:
                return decision
        return self._abstain(model, talk, f"no answer within {self._bounds.steps} steps")

    async def _run_tools(self, turn: Turn, talk: _Conversation, tools: ToolSession) -> None:
        talk.messages.append(ToolCalls(calls=turn.calls))
        for call in turn.calls:
            result = await self._call(call, tools)
            talk.messages.append(result)
            content = result.text.encode()
            talk.records.append(
                ToolCallRecord(
                    tool=call.tool,
                    arguments=call.arguments,
                    result_sha256=hashlib.sha256(content).hexdigest(),
                    result_bytes=len(content),
                    is_error=result.is_error,
                )
            )

    async def _call(self, call: ToolCall, tools: ToolSession) -> ToolResult:
        if call.tool in self._record.tools:
            return await tools.call(call)
        return ToolResult(
            call_id=call.call_id,
            tool=call.tool,
            structured=None,
            text=f"not-allowed: {self._record.name} has no tool '{call.tool}'",
            is_error=True,
        )

    def _conclude(self, turn: Turn, model: ChatModel, talk: _Conversation) -> AgentDecision | None:
        try:
            output = self._record.output_type.model_validate_json(turn.answer or "")
        except ValidationError as error:
            problem = _first_problem(error)
            if talk.reasked:
                return self._abstain(
                    model, talk, f"answered twice without a valid output: {problem}"
                )
            talk.reasked = True
            talk.messages.append(Said(role="assistant", text=turn.answer or ""))
            talk.messages.append(
                Said(role="user", text=f"That is no valid answer: {problem}. Answer again.")
            )
            return None
        return self._decision(model, talk, output=output)  # type: ignore[arg-type]  # one of AnyOutput by the record

    def _abstain(self, model: ChatModel, talk: _Conversation, reason: str) -> AgentDecision:
        return self._decision(model, talk, abstention=reason)

    def _decision(
        self,
        model: ChatModel,
        talk: _Conversation,
        *,
        output: AnyOutput | None = None,
        abstention: str | None = None,
    ) -> AgentDecision:
        return AgentDecision(
            agent=self._record.name,
            model=model.name,
            output=output,
            abstention=abstention,
            tool_calls=tuple(talk.records),
            steps=talk.steps,
            usage=talk.usage,
        )


def _add(one: Usage, other: Usage) -> Usage:
    return Usage(
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost_usd_micro=one.cost_usd_micro + other.cost_usd_micro,
    )


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the answer"
    return f"{where}: {first['msg']}"
