"""The canary suite: before a job runs, its own tools are asked for the future and must not tell.

A run is assembled from the very servers, clock, exchange and memory book of the job, but over a
made-up market, and stepped to the open of one session. There everything later is exchanged and
the same tick is run again: an answer that changes, or holds anything of the later time, has seen
it. A canary is silent only where the past was answered: what says nothing at all proves nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from interfaces.broker import Posting, Settled, SimulatedExchange
from interfaces.calendar import TradingCalendar
from interfaces.canaries import (
    LATER_PRICE,
    LATER_VOLUME,
    LATER_WORD,
    RESTATED,
    TODAY_CLOSE,
    TODAY_OPEN,
    Bait,
    Future,
)
from interfaces.clock import MovableClock
from interfaces.memory import MemoryJournal
from interfaces.model import ToolCall, ToolResult, ToolSession
from orchestrator.canary_horizon import twins
from orchestrator.canary_probes import EVE_KEY, borrower, probes
from orchestrator.probe import Probe
from orchestrator.simulation import PAST_CLOSE
from schemas.canaries import Canary, CanaryName, CanaryReport
from schemas.errors import LookAhead
from schemas.loan import BorrowerFile
from schemas.tick import Tick

_CHANGED, _MUTE = "on was exchanged", "so silence proves nothing"
_CAPITAL = Decimal("1000000.00")
_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_ID = re.compile(r"\b(?:[0-9a-f]{32}|[0-9a-f]{64})\b")
"""Of an order or a memory: made from the call's arguments, so twins have different ones."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a run acts on and with, before its first session."""

    clock: MovableClock
    calendar: TradingCalendar
    exchange: SimulatedExchange
    memories: MemoryJournal
    tools: ToolSession


Assemble = Callable[[Bait, BorrowerFile], AbstractAsyncContextManager[Stage]]
"""Assembles a run on a bait and a borrower's file just as the job's own runs are."""

Fault = tuple[CanaryName, str]


def _prefix(*digits: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.])(?:{'|'.join(digits)})\.\d")


_POISON: tuple[tuple[re.Pattern[str], CanaryName | None, str], ...] = (
    (
        _prefix(TODAY_OPEN, TODAY_CLOSE),
        None,
        "{tool} showed a price of {day} before it was made",
    ),
    (
        _prefix(LATER_PRICE, LATER_VOLUME),
        None,
        "{tool} showed a price or volume from after {day}",
    ),
    (
        _prefix(RESTATED),
        "restated-values",
        "{tool} showed a value that was published only on {day} or later",
    ),
    (re.compile(LATER_WORD), None, "{tool} showed a text that is undated or dated later"),
)
"""How poison is recognised, and which canary it belongs to where that is not the probe's own."""

_TITLES: dict[CanaryName, str] = {
    "future-prices": "Prices after the moment",
    "current-session": "The session's own prices",
    "restated-values": "Values restated later",
    "later-facts": "Actions, members and releases to come",
    "ticker-reuse": "Tickers of two companies",
    "documents": "Undated and later documents",
    "error-horizon": "What refusals give away",
    "memory": "Memories of later",
    "settlement": "Fills before the close",
}
_SILENT: dict[CanaryName, str] = {
    "future-prices": (
        "Before the open of {day}, {calls} calls of the prices, quantum and lending tools answered "
        "alike with two futures, and no later price, date or symbol occurred."
    ),
    "current-session": (
        "Neither open nor close of {day} was seen before its open, not by asking, by previewing "
        "or placing orders, or in the account: {calls} calls."
    ),
    "restated-values": (
        "Bars and macro values of days before {day} were shown as last published before its open, "
        "not as restated or added on it or later: {calls} calls."
    ),
    "later-facts": (
        "Splits, dividends, members and macro values were shown when announced before the open of "
        "{day}, none that became known later, and none had an effect before its day: {calls} calls."
    ),
    "ticker-reuse": (
        "A ticker that another company took over showed the later one's prices alone, the earlier "
        "one kept its own, and one that changes hands later was still the earlier's: {calls} calls."
    ),
    "documents": (
        "Documents and bookings without a full date, with a relative one, or of {day} and later "
        "were not shown, and changed no rank of those that were: {calls} calls."
    ),
    "error-horizon": (
        "{calls} questions for far dates, days without a session and symbols without a price were "
        "answered without a later date; a symbol not yet listed reads like one that is none."
    ),
    "memory": (
        "What was remembered in the same session or later was not recalled; what was remembered "
        "in the session before was."
    ),
    "settlement": (
        "Orders could not be settled before the close of {day} had passed, and then filled at that "
        "session's own price."
    ),
}


async def run_canaries(bait: Bait, assemble: Assemble) -> CanaryReport:
    """Try every canary and report on each; the same code gives the same report."""
    async with assemble(bait, borrower(bait)) as stage:
        faults: list[Fault] = []
        eve = await _eve(stage, bait)
        stage.clock.move_to(stage.calendar.opens_at(bait.session))
        asked = probes(bait)
        poisoned = await _ask(stage, bait, asked, eve)
        harmless = await _ask(stage, bait, asked, eve, future="harmless")
        for probe, answer, other in zip(asked, poisoned, harmless, strict=True):
            faults.extend(_leaks(bait, probe, answer))
            if _shown(answer) != _shown(other):
                faults.append((probe.canary, _changed(bait, probe)))
        faults += _unlike(bait, asked, poisoned)
        if stage.clock.now() != stage.calendar.opens_at(bait.session):
            faults.append(("future-prices", "the clock moved while the tools were called"))
        faults += await _memory(stage, bait, eve)
        faults += _settlement(stage, bait)
    return _report(bait, asked, faults)


def _report(bait: Bait, asked: Sequence[Probe], faults: Sequence[Fault]) -> CanaryReport:
    canaries: list[Canary] = []
    for name, title in _TITLES.items():
        found = list(dict.fromkeys(says for canary, says in faults if canary == name))
        found.sort(key=_vagueness)  # what leaked is said first
        calls = sum(probe.canary == name for probe in asked)
        says = _SILENT[name].format(day=bait.session, calls=calls)
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            says = f"{found[0]}{more}."
        canaries.append(Canary(name=name, title=title, passed=not found, says=says))
    return CanaryReport(session=bait.session, canaries=tuple(canaries))


def _vagueness(says: str) -> int:
    if says.endswith(_MUTE):
        return 3
    return 2 if says.endswith(_CHANGED) else int(" showed " not in says)


async def _eve(stage: Stage, bait: Bait) -> Tick:
    """Live the session before: capital, a holding, a memory; return it as a committed tick."""
    eve = bait.calendar.previous(bait.session)
    stage.clock.move_to(stage.calendar.opens_at(eve))
    as_of = stage.clock.now()
    stage.exchange.begin(0, eve)
    stage.exchange.post(
        "deposit",
        "Starting capital",
        (Posting("assets:cash", _CAPITAL), Posting("equity:capital", -_CAPITAL)),
    )
    order = {"symbol": bait.listed, "side": "buy", "quantity": "10", "reason": "canary"}
    await _call(stage, "trading_place_order", {**order, "client_key": EVE_KEY})
    await _call(stage, "memory_remember", {"text": "noted the session before"})
    pending = stage.memories.take_pending()
    stage.clock.move_to(stage.calendar.closes_at(eve) + PAST_CLOSE)
    stage.exchange.settle()
    done = stage.exchange.end()
    stage.memories.commit(pending)
    return Tick(
        n=0,
        session=eve,
        as_of=as_of,
        events=("trading_day",),
        orders=done.orders,
        fills=done.fills,
        transactions=done.transactions,
        memories=pending,
        mark=done.mark,
        ledger_hash=done.ledger_hash,
    )


async def _ask(
    stage: Stage, bait: Bait, asked: Sequence[Probe], eve: Tick, *, future: Future = "poisoned"
) -> list[ToolResult]:
    """Begin the session afresh, as after a crash, with that future, and make every call."""
    bait.lay(future)
    stage.exchange.restore([eve])
    stage.exchange.begin(1, bait.session)
    return [await _call(stage, probe.tool, probe.arguments) for probe in asked]


async def _call(stage: Stage, tool: str, arguments: dict[str, Any]) -> ToolResult:
    return await stage.tools.call(ToolCall(call_id="canary", tool=tool, arguments=arguments))


def _shown(answer: ToolResult) -> tuple[bool, str]:
    """Return everything a model or a policy could see of an answer."""
    return answer.is_error, f"{answer.text}\n{json.dumps(answer.structured, sort_keys=True)}"


def _leaks(bait: Bait, probe: Probe, answer: ToolResult) -> Iterator[Fault]:
    """Yield what an answer shows of the future, and whether it said what proves it alive."""
    (is_error, shown), asked = _shown(answer), json.dumps(probe.arguments)
    for poison, canary, says in _POISON:
        if poison.search(shown):
            yield canary or probe.canary, says.format(tool=probe.tool, day=bait.session)
    if probe.hides is not None and probe.hides in shown:
        yield probe.canary, f"{probe.tool} showed what does not belong to the name asked for"
    for name in bait.coming:
        if name in shown.upper() and name not in asked.upper():
            yield probe.canary, f"{probe.tool} named a symbol that is not listed yet"
    if not probe.plans:
        dates = {day for day in _DATE.findall(shown) if day > bait.session.isoformat()}
        for day in sorted(dates - set(_DATE.findall(asked))):
            yield probe.canary, f"{probe.tool} named the later date {day}"
    if probe.shows is not None and (is_error is not probe.refused or probe.shows not in shown):
        yield probe.canary, f"{probe.tool} did not answer what was known, {_MUTE}"


def _changed(bait: Bait, probe: Probe) -> str:
    return f"{probe.tool} answered otherwise once everything from {bait.session} {_CHANGED}"


def _unlike(bait: Bait, asked: Sequence[Probe], answers: Sequence[ToolResult]) -> Iterator[Fault]:
    """Yield the tools that tell a name that is to come from one that is none."""
    never = [_without(bait.unknown, answers[asked.index(one)]) for one in twins(bait, bait.unknown)]
    for name in bait.coming:
        for probe, other in zip(twins(bait, name), never, strict=True):
            if _without(name, answers[asked.index(probe)]) != other:
                says = f"{probe.tool} tells a symbol not yet listed from an unknown one"
                yield "error-horizon", says


def _without(name: str, answer: ToolResult) -> tuple[bool, str]:
    """Return an answer as it would be for any name, in either case."""
    is_error, shown = _shown(answer)
    return is_error, _ID.sub("", shown.replace(name, "?").replace(name.lower(), "?"))


async def _memory(stage: Stage, bait: Bait, eve: Tick) -> Iterator[Fault]:
    """Remember now and recall; then slip in a memory of the close and recall again."""
    await _call(stage, "memory_remember", {"text": "noted in this session"})
    now, later = await _recalled(stage), stage.calendar.closes_at(bait.session)
    stage.memories.commit(
        record.model_copy(
            update={"memory_id": "0" * 64, "text": "noted later", "known_time": later}
        )
        for record in eve.memories
    )
    then = await _recalled(stage)
    faults: list[str] = []
    if "noted in this session" in now:
        faults.append("what was remembered in a session was recalled in it")
    if "noted later" in then:
        faults.append("a memory of a later moment was recalled")
    if not eve.memories or "noted the session before" not in now:
        faults.append(f"an earlier memory was not recalled, {_MUTE}")
    return (("memory", says) for says in faults)


async def _recalled(stage: Stage) -> str:
    return _shown(await _call(stage, "memory_recall", {"query": "noted", "limit": 50}))[1]


def _settlement(stage: Stage, bait: Bait) -> list[Fault]:
    """Try to settle at the open and at the close, then settle once the close has passed."""
    bait.lay("poisoned")
    close = stage.calendar.closes_at(bait.session)
    for moment in (stage.clock.now(), close):
        stage.clock.move_to(moment)
        if not _refuses_to_settle(stage):
            return [("settlement", f"orders of {bait.session} were settled before its close")]
    stage.clock.move_to(close + PAST_CLOSE)
    stage.exchange.settle()
    odd = _odd_fills(stage.exchange.end(), bait)
    return [("settlement", says) for says in odd]


def _refuses_to_settle(stage: Stage) -> bool:
    try:
        stage.exchange.settle()
    except LookAhead:
        return True
    return False


def _odd_fills(done: Settled, bait: Bait) -> Iterator[str]:
    if not done.fills:
        yield f"no order was filled, {_MUTE}"
    for fill in done.fills:
        if fill.session != bait.session or fill.reference_price != bait.fill_price:
            yield f"an order of {bait.session} was filled at another session's price"
