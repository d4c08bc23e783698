"""A model and its tools behind a mask.

All that a model sees leaves by `MaskedModel.complete`, and all that it says comes back by it: the
agent, its tools, the records and the ledger know only what is real.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, cast

from pydantic import JsonValue
from pydantic_core import to_json

from adapters.masking.codebook import Codebook, Known
from adapters.masking.fields import DECISION, TASK, TOOLS, WITHHELD
from adapters.masking.prose import Prose
from adapters.masking.translation import Masking, UnknownAlias, Unmasking
from interfaces.model import (
    ChatMessage,
    ChatModel,
    ModelRequest,
    Said,
    ToolCall,
    ToolCalls,
    ToolResult,
    ToolSession,
    ToolSpec,
    Turn,
)
from schemas.agents import AgentOutput
from schemas.base import canonical_json
from schemas.errors import BadConfiguration, NotAllowed, NotFound

_UNREADABLE = "(unreadable)"
"""Stands in the place of arguments that cannot be put back, as no tool's argument can."""


class Mask:
    """What one run is masked by, for messages on their way out and turns on their way back."""

    def __init__(self, run_key: str, known: Known) -> None:
        self.book = Codebook(run_key, known)
        self.prose = Prose(self.book)
        self._out = Masking(self.book, self.prose)
        self._back = Unmasking(self.book, self.prose)
        self._answer = Unmasking(self.book, self.prose, lenient=True)
        self._texts: dict[str, str] = {}
        self._specs: dict[tuple[str, ...], tuple[ToolSpec, ...]] = {}
        self._outputs: dict[type[AgentOutput], type[AgentOutput]] = {}
        self._conversation: list[tuple[ChatMessage, ChatMessage]] = []

    def request(self, request: ModelRequest) -> ModelRequest:
        """Return the request as the model may see it; `BadConfiguration` for what is unknown."""
        if request.agent != "alpha_trading":
            raise BadConfiguration(f"nothing is known about masking what '{request.agent}' is told")
        names = tuple(spec.name for spec in request.tools)
        if names not in self._specs:
            self._specs[names] = tuple(map(self._spec, request.tools))
        output = request.output_type
        if output not in self._outputs:
            self._outputs[output] = self._schema_masked(output)
        return request.model_copy(
            update={
                "messages": self._messages(request.messages),
                "tools": self._specs[names],
                "output_type": self._outputs[output],
            }
        )

    def turn(self, turn: Turn) -> Turn:
        """Return the model's turn in real names and units."""
        return turn.model_copy(
            update={
                "calls": tuple(map(self._real_call, turn.calls)),
                "answer": None if turn.answer is None else self._real_answer(turn.answer),
            }
        )

    def around(
        self, model: ChatModel, tools: ToolSession, *, offered: Sequence[str]
    ) -> tuple[ChatModel, ToolSession]:
        """Return a model behind this mask and the tools it may be offered.

        `BadConfiguration` when one of those cannot be masked.
        """
        require_maskable(offered)
        return MaskedModel(model, self), MaskedTools(tools)

    def sightings(self, text: str) -> tuple[tuple[str, str], ...]:
        """Return (kind, what) for everything real that a text names."""
        return tuple((found.kind, found.what) for found in self.prose.sightings(text))

    def _messages(self, messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
        """Mask a conversation; what was masked for its last request is not masked again."""
        before = self._conversation
        known = 0
        while known < min(len(before), len(messages)) and before[known][0] is messages[known]:
            known += 1
        self._conversation = before[:known]
        calls: dict[str, ToolCall] = {}
        for at, message in enumerate(messages):
            if isinstance(message, ToolCalls):
                calls = {call.call_id: call for call in message.calls}
            if at >= known:
                self._conversation.append((message, self._message(message, calls)))
        return tuple(masked for _, masked in self._conversation)

    def _message(self, message: ChatMessage, calls: dict[str, ToolCall]) -> ChatMessage:
        if isinstance(message, Said):
            return Said(role=message.role, text=self._said(message))
        if isinstance(message, ToolCalls):
            return ToolCalls(calls=tuple(map(self._masked_call, message.calls)))
        return self._result(message, calls.get(message.call_id))

    def _said(self, message: Said) -> str:
        if message.role == "system":
            if message.text not in self._texts:
                self._texts[message.text] = self.prose.mask(message.text)
            return self._texts[message.text]
        content = _object(message.text)
        if content is None:
            return self._out.text(message.text)
        if message.role == "user":
            return canonical_json(self._out.fields(TASK, content)).decode()
        try:
            return json.dumps(self._out.fields(DECISION, content), ensure_ascii=False)
        except BadConfiguration:  # an answer of a shape of its own, about to be asked for again
            return self._out.text(message.text)

    def _spec(self, spec: ToolSpec) -> ToolSpec:
        return ToolSpec(
            name=spec.name,
            description=self._out.text(spec.description),
            input_schema=cast("dict[str, JsonValue]", self._worded(spec.input_schema)),
        )

    def _schema_masked(self, output: type[AgentOutput]) -> type[AgentOutput]:
        """Return the output type with a JSON schema whose examples name nothing real."""
        mask = self

        def model_json_schema(cls: type[AgentOutput], *args: Any, **options: Any) -> dict[str, Any]:
            schema = super(masked, cls).model_json_schema(*args, **options)
            return cast("dict[str, Any]", mask._worded(schema))

        masked = cast(
            "type[AgentOutput]",
            type(
                output.__name__,
                (output,),
                {
                    "__doc__": output.__doc__,
                    "__module__": output.__module__,
                    "model_json_schema": classmethod(model_json_schema),
                },
            ),
        )
        return masked

    def _worded(self, value: Any) -> Any:
        """Mask every text of a JSON schema but the patterns."""
        if isinstance(value, str):
            return self._out.text(value)
        if isinstance(value, list):
            return [self._worded(each) for each in cast("list[Any]", value)]
        if isinstance(value, dict):
            schema = cast("dict[str, Any]", value)
            return {k: v if k == "pattern" else self._worded(v) for k, v in schema.items()}
        return value

    def _masked_call(self, call: ToolCall) -> ToolCall:
        if _UNREADABLE in call.arguments:
            given = cast("dict[str, JsonValue]", call.arguments[_UNREADABLE])
            return call.model_copy(update={"arguments": given})
        tool = TOOLS.get(call.tool)
        known = {} if tool is None else tool.arguments
        # Arguments that no tool has were never put back: they are the model's own words.
        named = {k: v for k, v in call.arguments.items() if k in known}
        masked = {**call.arguments, **self._out.fields(known, named)}
        return call.model_copy(update={"arguments": masked})

    def _real_call(self, call: ToolCall) -> ToolCall:
        tool = TOOLS.get(call.tool)
        if tool is None:
            return call
        try:
            arguments = self._back.fields(tool.arguments, call.arguments)
        except UnknownAlias:
            arguments = {_UNREADABLE: call.arguments}
        return call.model_copy(update={"arguments": arguments})

    def _real_answer(self, answer: str) -> str:
        content = _object(answer)
        if content is None:
            return self._answer.text(answer)
        return json.dumps(self._answer.fields(DECISION, content), ensure_ascii=False)

    def _result(self, result: ToolResult, call: ToolCall | None) -> ToolResult:
        tool = TOOLS.get(result.tool)
        spoken: set[str] = set()
        if tool is not None and call is not None and _UNREADABLE not in call.arguments:
            known = {k: v for k, v in call.arguments.items() if k in tool.arguments}
            self._out.fields(tool.arguments, known, spoken=spoken)
        if result.is_error or tool is None or result.structured is None:
            if not result.is_error:
                raise BadConfiguration(f"the mask does not know what '{result.tool}' answers")
            with self._out.quoting(spoken):
                text = self._out.ours(result.text, next(iter(spoken), None))
            return result.model_copy(update={"structured": None, "text": text})
        try:
            structured = self._out.fields(tool.answer, result.structured, spoken=spoken)
        except BadConfiguration as error:
            raise BadConfiguration(f"{result.tool}: {error}") from error
        text = to_json(structured, indent=2).decode()
        return ToolResult.model_construct(  # its parts were checked where they were made
            call_id=result.call_id,
            tool=result.tool,
            structured=structured,
            text=text,
            is_error=False,
        )


class MaskedModel:
    """Implement `ChatModel` over another one that sees nothing but masked messages."""

    def __init__(self, model: ChatModel, mask: Mask) -> None:
        self.name = model.name
        self._model = model
        self._mask = mask

    async def complete(self, request: ModelRequest) -> Turn:
        """Return the model's next turn, put back."""
        return self._mask.turn(await self._model.complete(self._mask.request(request)))


class MaskedTools:
    """Implement `ToolSession` over the real tools for a model behind a mask."""

    def __init__(self, tools: ToolSession) -> None:
        self._tools = tools

    def specs(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        """Return the specifications of these tools; `BadConfiguration` for one not in the table."""
        require_maskable(names)
        return self._tools.specs(names)

    async def call(self, call: ToolCall) -> ToolResult:
        """Call the tool, or say that a symbol is unknown when the model named no alias."""
        if call.tool in WITHHELD:
            return _refusal(call, f"{NotAllowed.code}: {WITHHELD[call.tool]}")
        if _UNREADABLE in call.arguments:
            return _refusal(
                call, f"{NotFound.code}: no such symbol; prices_list_symbols names those there are"
            )
        return await self._tools.call(call)


def require_maskable(tools: Iterable[str]) -> None:
    """Refuse tools whose fields are not in the table: `BadConfiguration`."""
    for name in tools:
        if name not in TOOLS:
            why = WITHHELD.get(name, "the mask does not know its fields")
            raise BadConfiguration(f"'{name}' cannot be offered to a masked model: {why}")


def _refusal(call: ToolCall, text: str) -> ToolResult:
    return ToolResult(
        call_id=call.call_id, tool=call.tool, structured=None, text=text, is_error=True
    )


def _object(text: str) -> dict[str, Any] | None:
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return cast("dict[str, Any]", content) if isinstance(content, dict) else None
