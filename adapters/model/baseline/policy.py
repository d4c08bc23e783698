"""How a deterministic policy speaks as a chat model.

A policy is a function of the conversation so far. It reads the task, asks for tool results by
name, and returns an output. Asking for a result that is not in the conversation yet ends the
function with a tool call as this turn's answer; the next turn runs it again from its top with the
result at hand. A policy therefore keeps no state, makes real tool calls, and takes facts only from
their results.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pydantic import JsonValue

from interfaces.model import ModelRequest, Said, ToolCall, ToolResult, Turn
from schemas.agents import AgentOutput
from schemas.errors import BadModelOutput


class _NeedTools(Exception):  # control flow inside this module, not an error
    """A policy asked for results it does not have yet."""

    def __init__(self, calls: tuple[ToolCall, ...]) -> None:
        super().__init__()
        self.calls = calls


class Refused(Exception):  # the policy's own "no", turned into an abstention
    """A tool that the policy depends on answered with an error."""


class Ask:
    """The conversation as a policy sees it."""

    def __init__(self, request: ModelRequest) -> None:
        self._results = [m for m in request.messages if isinstance(m, ToolResult)]
        self._next = 0
        self.task: dict[str, Any] = _task_of(request)
        self.seed = request.seed
        self.used: list[str] = []

    def tool(self, name: str, **arguments: JsonValue) -> dict[str, Any]:
        """Return a tool's structured result; the policy abstains when the tool refuses."""
        result = self.attempt(name, **arguments)
        if result.is_error or result.structured is None:
            raise Refused(f"{name} answered: {result.text}")
        return result.structured

    def attempt(self, name: str, **arguments: JsonValue) -> ToolResult:
        """Return a tool's result, errors included."""
        if self._next == len(self._results):
            call = ToolCall(call_id=f"call-{self._next}", tool=name, arguments=arguments)
            raise _NeedTools((call,))
        result = self._results[self._next]
        self._next += 1
        self.used.append(name)
        return result


Policy = Callable[[Ask], AgentOutput]


def answer(policy: Policy, request: ModelRequest) -> Turn:
    """Run the policy on the conversation and return its turn."""
    ask = Ask(request)
    try:
        output = policy(ask)
    except _NeedTools as need:
        return Turn.model_construct(calls=need.calls)
    except Refused as error:
        raise BadModelOutput(str(error)) from error
    named = output.model_copy(update={"evidence": tuple(dict.fromkeys(ask.used))})
    return Turn(answer=named.model_dump_json())


def _task_of(request: ModelRequest) -> dict[str, Any]:
    for message in request.messages:
        if isinstance(message, Said) and message.role == "user":
            return json.loads(message.text)
    raise BadModelOutput("the conversation holds no task")
