"""What a run's model was sent: repeated from the start, and searched for real names and dates.

Nothing that was sent is stored. A run repeats to the byte, so it is run again on a store that holds
each tick against the one that was committed: what is heard then is what was said.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Any, Literal, Protocol, cast

from interfaces.model import (
    ChatMessage,
    ChatModel,
    ModelRequest,
    Said,
    ToolCalls,
    ToolSpec,
    Turn,
)
from interfaces.store import JobStore, TickStore
from orchestrator.simulation import Simulation
from schemas.base import Message, canonical_json
from schemas.errors import NotFound, UntrustworthyData
from schemas.jobs import Job, RunProgress
from schemas.tick import Tick

Search = Callable[[str], Iterable[tuple[str, str]]]
"""Finds (kind, what) in a text: names, tickers and dates of the run's data set."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class Assemble(Protocol):
    """Builds a run to be repeated on this store, overheard."""

    def __call__(
        self, job: Job, run: RunProgress, replay: Replay
    ) -> AbstractAsyncContextManager[Simulation]:
        """Open the run for the length of a `with` block."""
        ...


class Finding(Message):
    """Something real that a model could read, and where first."""

    kind: Literal["name", "ticker", "date"]
    what: str
    where: str
    session: date
    times: int


class PromptAudit(Message):
    """What one run's model was sent."""

    run_id: str
    model: str
    masked: bool
    sessions: int
    requests: int
    messages: int
    findings: tuple[Finding, ...]


def listen_again(
    name: str, jobs: JobStore, ticks: TickStore, *, assemble: Assemble
) -> tuple[PromptAudit, ...]:
    """Repeat the runs of a job, or the run, of that id, and return what their models were sent.

    `NotFound`; `UntrustworthyData` when a run comes out otherwise than it is stored.
    """
    job, runs = _runs_named(name, jobs)

    async def repeat(run: RunProgress) -> PromptAudit:
        replay = Replay(tuple(ticks.ticks(run.run_id)))
        async with assemble(job, run, replay) as simulation:
            await simulation.run(on_tick=lambda _, __: None, should_stop=replay.is_over)
        return replay.audit(job, run)

    return tuple(asyncio.run(repeat(run)) for run in runs)


def _runs_named(name: str, jobs: JobStore) -> tuple[Job, tuple[RunProgress, ...]]:
    try:
        job = jobs.get(name)
    except NotFound:
        job = jobs.get(name.rpartition("-")[0])
        runs = tuple(run for run in job.runs if run.run_id == name)
        if not runs:
            raise NotFound(f"there is no run '{name}'") from None
        return job, runs
    return job, job.runs


class Replay:
    """Implement `TickStore` for a run that is repeated, and take down what its model is sent."""

    def __init__(self, ticks: Sequence[Tick]) -> None:
        self._stored = ticks
        self._done = 0
        self._requests = self._messages = 0
        self._found: dict[tuple[str, str, str], tuple[date, int]] = {}

    def open(self, run_id: str, run_key: str, fence: int) -> int:  # noqa: ARG002  # the port's
        """Begin at the beginning."""
        return 0

    def commit(self, run_id: str, fence: int, tick: Tick) -> None:  # noqa: ARG002  # the port's
        """Hold a tick against the stored one; `UntrustworthyData` where they differ."""
        if canonical_json(tick) != canonical_json(self._stored[tick.n]):
            raise UntrustworthyData(
                f"run {run_id} does not repeat: its session {tick.session} came out otherwise, so "
                "what its model was sent then cannot be told"
            )
        self._done = tick.n + 1

    def ticks(self, run_id: str, *, start: int = 0) -> Iterator[Tick]:  # noqa: ARG002  # the port's
        """Yield nothing: the run starts anew."""
        return iter(())

    def raw_entries(self, run_id: str) -> Iterator[tuple[int, str]]:  # noqa: ARG002  # the port's
        """Yield nothing: the run starts anew."""
        return iter(())

    def is_over(self) -> bool:
        """Tell whether all that was committed has been repeated."""
        return self._done == len(self._stored)

    def overhear(self, model: ChatModel, search: Search) -> ChatModel:
        """Return the model, listened to."""
        return _Overheard(model, self, search)

    def hear(self, where: str, found: Iterable[tuple[str, str]]) -> None:
        """Take down what was found in one place."""
        session = self._stored[self._done].session
        for kind, what in found:
            first, times = self._found.get((kind, what, where), (session, 0))
            self._found[kind, what, where] = (first, times + 1)

    def count(self, messages: int) -> None:
        """Take down that a request brought so many new messages."""
        self._requests += 1
        self._messages += messages

    def audit(self, job: Job, run: RunProgress) -> PromptAudit:
        """Return what was taken down, most frequent first."""
        findings = [
            Finding.model_validate(
                {"kind": kind, "what": what, "where": where, "session": first, "times": times}
            )
            for (kind, what, where), (first, times) in self._found.items()
        ]
        return PromptAudit(
            run_id=run.run_id,
            model=run.model,
            masked=job.request.mask,
            sessions=self._done,
            requests=self._requests,
            messages=self._messages,
            findings=tuple(sorted(findings, key=lambda one: -one.times)),
        )


class _Overheard:
    """Implement `ChatModel` over another one; what it is sent is searched and taken down."""

    def __init__(self, model: ChatModel, replay: Replay, search: Search) -> None:
        self.name = model.name
        self._model = model
        self._replay = replay
        self._search = search
        self._before: tuple[ChatMessage, ...] = ()
        self._known: dict[str, tuple[tuple[str, str], ...]] = {}

    async def complete(self, request: ModelRequest) -> Turn:
        """Listen to the request and return the model's turn."""
        messages = request.messages
        new = 0
        while new < min(len(messages), len(self._before)) and messages[new] is self._before[new]:
            new += 1
        self._before = messages
        self._replay.count(len(messages) - new)
        for message in messages[new:]:
            for where, text in _spoken(message):
                self._replay.hear(where, self._search(text))
        for where, content in (*map(_spec, request.tools), _answer(request)):
            if content not in self._known:  # the same each time: searched once, counted each time
                texts = _texts(json.loads(content))
                self._known[content] = tuple(hit for text in texts for hit in self._search(text))
            self._replay.hear(where, self._known[content])
        return await self._model.complete(request)


def _spoken(message: ChatMessage) -> Iterator[tuple[str, str]]:
    """Yield (where, text) for every text of a message that could name something."""
    if isinstance(message, Said):
        where = {"system": "prompt", "user": "task", "assistant": "answer"}[message.role]
        yield from ((where, text) for text in _within(message.text))
    elif isinstance(message, ToolCalls):
        for call in message.calls:
            yield from ((f"call of {call.tool}", text) for text in _texts(call.arguments))
    else:
        where = f"{'error' if message.is_error else 'answer'} of {message.tool}"
        yield from ((where, text) for text in _texts(message.structured))
        if message.structured is None or _json(message.text) != message.structured:
            yield from ((where, text) for text in _within(message.text))


def _within(text: str) -> Iterator[str]:
    """Yield the texts within a JSON text, or the text itself."""
    content = _json(text)
    yield from [text] if content is None else _texts(content)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value; amounts are none."""
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            yield value
    elif isinstance(value, list):
        for each in cast("list[Any]", value):
            yield from _texts(each)
    elif isinstance(value, dict):
        for key, each in cast("dict[str, Any]", value).items():
            yield key
            if key != "pattern":  # of a schema: no prose
                yield from _texts(each)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _spec(spec: ToolSpec) -> tuple[str, str]:
    return f"description of {spec.name}", spec.model_dump_json()


def _answer(request: ModelRequest) -> tuple[str, str]:
    return "form of the answer", json.dumps(request.output_type.model_json_schema())
