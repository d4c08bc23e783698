"""How a trade came about, put together from a run's committed ticks.

Nothing is repeated and no model is asked. Of tool results a tick keeps hash and size: they say that
an answer was this one, not what it said. A search of memories is done again on the memories of the
ticks before, and the hash tells whether that gave the same answer. What cannot be found is named in
`missing`, never guessed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC

from interfaces.memory import MemoryJournal
from interfaces.store import TickStore
from orchestrator.audit import audit_run
from schemas.agents import AgentDecision, ToolCallRecord, TradingDecision
from schemas.audit import (
    FillSeen,
    GateFound,
    LedgerSeen,
    ModelAsked,
    Recalled,
    Seen,
    TradeChain,
)
from schemas.base import ZERO, plain
from schemas.errors import NotFound
from schemas.jobs import Job, RunProgress
from schemas.ledger import Transaction, Verification
from schemas.memory import MemoryRecord, RecallAnswer
from schemas.orders import Fill, Order
from schemas.tick import Tick
from trading.ledger import POSITIONS

_PLACE = "trading_place_order"
_REBALANCE = "trading_rebalance_to_weights"
_RECALL = "memory_recall"
RECALL_LIMIT = 5
"""How many memories the tool returns when it is not told."""


def explain_trade(
    job: Job,
    run: RunProgress,
    order_id: str,
    ticks: TickStore,
    *,
    journal: MemoryJournal | None = None,
) -> TradeChain:
    """Return the chain behind one order of a run; `NotFound` when the run never placed it.

    `journal` is an empty one, for searching memories again; without it only the searches are told.
    `UntrustworthyData` when a stored tick cannot be read: then `alphashield ledger verify` names
    what was altered.
    """
    gathered = _gather(order_id, ticks.ticks(run.run_id))
    if gathered.order is None or gathered.placed is None:
        raise NotFound(
            f"run {run.run_id} has no order {order_id[:40]!r}; "
            f"`alphashield audit trades {job.job_id}` lists the orders of its job"
        )
    tick, order = gathered.placed, gathered.order
    origin = _origin(gathered.parent or order, tick)
    searches, data_seen = _before(origin)
    if journal is not None:
        journal.commit(gathered.memories)
    verification = audit_run(run.run_id, ticks)
    ledger = tuple(_ledger(gathered.fills, verification))
    turn = origin.turn
    return TradeChain(
        job_id=job.job_id,
        run_id=run.run_id,
        run_key=run.run_key,
        order_id=order_id,
        tick=tick.n,
        session=tick.session,
        as_of=tick.as_of,
        events=tick.events,
        data_seen=data_seen,
        recalls=tuple(_recalled(each, journal, order.agent, tick) for each in searches),
        memories_known=sum(each.agent == order.agent for each in gathered.memories),
        model=_asked(turn),
        proposal=turn.output if turn else None,
        abstention=turn.abstention if turn else None,
        placed_by=origin.call,
        gate=_gate(order),
        order=order,
        fills=tuple(FillSeen(tick=each.tick, fill=each.fill) for each in gathered.fills),
        ledger=ledger,
        verification=verification,
        missing=(*origin.doubts, *_missing(order, gathered.fills, ledger)),
    )


@dataclass(frozen=True, slots=True)
class _Filled:
    """A fill, its tick, and the transaction it was booked by, if there is one."""

    tick: int
    fill: Fill
    transaction: Transaction | None


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where an order came from, as far as its tick tells, and what is doubtful about it."""

    turn: AgentDecision | None
    call: Seen | None
    doubts: tuple[str, ...]


@dataclass(slots=True)
class _Gathered:
    """What a run's ticks say of one order."""

    order: Order | None = None
    placed: Tick | None = None
    parent: Order | None = None
    """Of a bracket's exit: the entry that it was placed with."""
    fills: list[_Filled] = field(default_factory=list[_Filled])
    memories: list[MemoryRecord] = field(default_factory=list[MemoryRecord])
    """Committed before the tick it was placed in, oldest first."""


def _gather(order_id: str, ticks: Iterable[Tick]) -> _Gathered:
    gathered = _Gathered()
    for tick in ticks:
        for order in tick.orders:
            if order.client_order_id == order_id:
                gathered.order = order
                gathered.placed = gathered.placed or tick
        if gathered.placed is tick and gathered.order is not None:
            parent = gathered.order.terms.parent_id
            gathered.parent = next((o for o in tick.orders if o.client_order_id == parent), None)
        if gathered.placed is None:
            gathered.memories.extend(tick.memories)
        gathered.fills.extend(_fills_of(order_id, tick))
    return gathered


def _fills_of(order_id: str, tick: Tick) -> Iterator[_Filled]:
    trades = [each for each in tick.transactions if each.kind == "trade"]
    matching = len(trades) == len(tick.fills)
    for n, fill in enumerate(tick.fills):
        if fill.client_order_id != order_id:
            continue
        booked = trades[n] if matching and _books(trades[n], fill) else None
        yield _Filled(tick.n, fill, booked)


def _books(transaction: Transaction, fill: Fill) -> bool:
    """Tell whether a transaction moves the units of a fill."""
    moved = sum(
        (
            entry.quantity
            for entry in transaction.entries
            if entry.account == POSITIONS + fill.symbol and entry.quantity is not None
        ),
        ZERO,
    )
    return moved == (fill.quantity if fill.side == "buy" else -fill.quantity)


def _origin(order: Order, tick: Tick) -> _Origin:
    """Find the turn an order came from, and the call in it that placed the order.

    A call placed it when it names symbol, side and reason; a rebalance gives all its orders one
    reason. Of several alike the order's own place among its likes decides, which is said.
    """
    turns = [each for each in tick.decisions if each.agent == order.agent]
    calls = [
        (turn, Seen(position=n, call=call))
        for turn in turns
        for n, call in enumerate(turn.tool_calls)
        if not call.is_error and _may_place(call, order)
    ]
    alike = _alike(order, tick)
    if calls:
        turn, call = calls[min(alike.index(order.client_order_id), len(calls) - 1)]
        doubt = f"{len(calls)} tool calls of the session may have placed the order; one is shown"
        return _Origin(turn, call, () if len(calls) == len(alike) else (doubt,))
    for turn in turns:
        named = turn.output.order_ids if isinstance(turn.output, TradingDecision) else ()
        if order.client_order_id in named or len(turns) == 1:
            doubt = "no tool call of the turn can be told to have placed the order"
            return _Origin(turn, None, (doubt,))
    doubt = "no agent's turn of that session names the order; it was placed otherwise"
    return _Origin(None, None, (doubt,))


def _alike(order: Order, tick: Tick) -> list[str]:
    """Return the orders of the session with the same agent, symbol, side and reason, as placed."""
    likes = [
        (each.sequence, each.client_order_id)
        for each in tick.orders
        if (each.agent, each.session, each.symbol, each.side, each.reason)
        == (order.agent, order.session, order.symbol, order.side, order.reason)
        and each.terms.parent_id == order.terms.parent_id
    ]
    return [name for _, name in sorted(likes)]


def _before(origin: _Origin) -> tuple[tuple[Seen, ...], tuple[Seen, ...]]:
    """Return the searches of memory, and the other calls, that came before the order."""
    calls = origin.turn.tool_calls if origin.turn else ()
    end = len(calls) if origin.call is None else origin.call.position
    seen = [Seen(position=n, call=call) for n, call in enumerate(calls[:end])]
    searches = tuple(each for each in seen if each.call.tool == _RECALL)
    return searches, tuple(each for each in seen if each.call.tool != _RECALL)


def _recalled(search: Seen, journal: MemoryJournal | None, agent: str, tick: Tick) -> Recalled:
    """Search again; proven is what gives the very bytes that the agent was answered."""
    call = search.call
    query, limit = call.arguments.get("query"), call.arguments.get("limit", RECALL_LIMIT)
    told = Recalled(position=search.position, query=str(query), call=call)
    if journal is None or call.is_error or not isinstance(query, str):
        return told
    if not isinstance(limit, int):
        return told
    as_of = tick.as_of.astimezone(UTC)
    found = journal.recall(query, agent=agent, limit=limit, as_of=as_of)
    answer = RecallAnswer(as_of=as_of, query=query, memories=found).model_dump_json(indent=2)
    proven = hashlib.sha256(answer.encode()).hexdigest() == call.result_sha256
    return told.model_copy(update={"memories": found, "proven": proven})


def _may_place(call: ToolCallRecord, order: Order) -> bool:
    if str(call.arguments.get("reason", "")).strip() != order.reason:
        return False
    if call.tool == _REBALANCE:
        return True
    named = (call.arguments.get("symbol"), call.arguments.get("side"))
    return call.tool == _PLACE and named == (order.symbol, order.side)


def _asked(decision: AgentDecision | None) -> ModelAsked | None:
    if decision is None:
        return None
    return ModelAsked(
        agent=decision.agent,
        model=decision.model,
        steps=decision.steps,
        usage=decision.usage,
        propensity=decision.propensity,
    )


def _gate(order: Order) -> GateFound:
    """Read the gate's answer from the order: a denial is its own move, a pass is what follows."""
    for move in order.history:
        if move.cause == "gate" or move.status == "denied":
            passed = move.status != "denied"
            return GateFound(passed=passed, at=move.at, remark=move.reason or order.gate)
        if move.status == "submitted":
            return GateFound(passed=True, at=move.at, remark=order.gate)
    if order.status == "denied":
        return GateFound(passed=False, at=order.placed_as_of, remark=order.status_reason)
    passed = None if order.status == "intent" else True
    return GateFound(passed=passed, at=None, remark=order.gate)


def _ledger(fills: Sequence[_Filled], verification: Verification) -> Iterator[LedgerSeen]:
    fault = verification.fault
    for each in fills:
        if each.transaction is not None:
            sound = fault is None or each.transaction.sequence < fault.transaction
            yield LedgerSeen(
                tick=each.tick,
                fill_id=each.fill.fill_id,
                transaction=each.transaction,
                verified=sound,
            )


def _missing(order: Order, fills: Sequence[_Filled], ledger: Sequence[LedgerSeen]) -> Iterator[str]:
    if not order.history:
        yield "the order keeps no transitions"
    filled = sum((each.fill.quantity for each in fills), ZERO)
    if filled != order.filled_quantity:
        told = plain(order.filled_quantity)
        yield f"the order says that {told} units filled, its fills say {plain(filled)}"
    booked = {each.fill_id for each in ledger}
    for each in fills:
        if each.fill.fill_id not in booked:
            yield f"fill {each.fill.fill_id} has no transaction in the ledger of tick {each.tick}"
