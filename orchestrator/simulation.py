"""One run: steps the clock through its sessions and commits a tick for each.

A session goes: the clock stands at the open and nothing later can be seen; the graph decides and
orders are accepted; the clock moves past the close; orders are filled, the instalment is paid, the
account is marked; the tick is committed as a whole. Start is recovery: the same code rebuilds the
run from its committed ticks and goes on where they end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from langgraph.graph.state import CompiledStateGraph
from pydantic import JsonValue

from agents.agent import Agent
from interfaces.broker import Posting, SimulatedExchange
from interfaces.calendar import TradingCalendar
from interfaces.clock import MovableClock
from interfaces.memory import MemoryJournal
from interfaces.model import ChatModel, ToolSession
from interfaces.store import TickStore
from orchestrator.graph import TickContext, TickState, in_order
from orchestrator.guard import RunGuard
from orchestrator.loan_life import LoanLife
from orchestrator.model_spend import ModelSpend
from schemas.agents import AgentDecision, AgentName, LenderDecision
from schemas.jobs import Cadence
from schemas.tick import Event, Tick

Graph = CompiledStateGraph[TickState, TickContext, TickState, TickState]

PAST_CLOSE = timedelta(microseconds=1)
"""A bar is known strictly after its close."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What one run is: its identity, its sessions and its terms."""

    run_id: str
    run_key: str
    fence: int
    sessions: Sequence[date]
    cadence: Cadence
    cash: Decimal
    seed: int


@dataclass(frozen=True, slots=True)
class RunParts:
    """What a run is made of; assembled by the worker."""

    clock: MovableClock
    calendar: TradingCalendar
    exchange: SimulatedExchange
    memories: MemoryJournal
    tools: ToolSession
    model: ChatModel
    agents: dict[AgentName, Agent]
    graph: Graph
    ticks: TickStore
    loan: LoanLife | None
    guard: RunGuard
    spend: ModelSpend | None = None
    """None: what the model costs is not taken out of the account."""


class Simulation:
    """Steps one run from its last committed tick to its end."""

    def __init__(self, plan: RunPlan, parts: RunParts) -> None:
        self._plan = plan
        self._parts = parts
        self._head = 0

    async def run(
        self, *, on_tick: Callable[[int, date], None], should_stop: Callable[[], bool]
    ) -> bool:
        """Step until the end, or until `should_stop`; return whether the run is complete.

        Raises `Conflict` when another worker has taken the run: nothing was written then.
        """
        await asyncio.to_thread(self._recover)
        if self._head:
            on_tick(self._head, self._plan.sessions[self._head - 1])
        if self._head < len(self._plan.sessions):
            await asyncio.to_thread(self._parts.guard.halts.refuse_now)
        for n in range(self._head, len(self._plan.sessions)):
            if self._parts.loan is not None and self._parts.loan.over:
                return True
            if should_stop():
                return False
            tick = await self._step(n)
            await asyncio.to_thread(
                self._parts.ticks.commit, self._plan.run_id, self._plan.fence, tick
            )
            self._parts.memories.commit(tick.memories)
            on_tick(n + 1, tick.session)
        return True

    def _recover(self) -> None:
        plan, parts = self._plan, self._parts
        self._head = parts.ticks.open(plan.run_id, plan.run_key, plan.fence)
        newest: Tick | None = None

        def committed() -> Iterator[Tick]:
            nonlocal newest
            for newest in parts.ticks.ticks(plan.run_id):
                parts.memories.commit(newest.memories)
                parts.guard.restore(newest)
                if parts.spend is not None:
                    parts.spend.restore(newest)
                yield newest

        parts.exchange.restore(committed())
        if newest is not None and parts.loan is not None and newest.loan is not None:
            parts.loan.restore(newest.loan)

    async def _step(self, n: int) -> Tick:
        plan, parts = self._plan, self._parts
        session = plan.sessions[n]
        parts.guard.halts.begin()
        parts.clock.move_to(parts.calendar.opens_at(session))
        as_of = parts.clock.now()
        parts.exchange.begin(n, session)
        if parts.loan is not None:
            parts.loan.begin()
        elif n == 0:
            parts.exchange.post(
                "deposit",
                "Starting capital",
                (Posting("assets:cash", plan.cash), Posting("equity:capital", -plan.cash)),
            )
        events = self._events(n)
        decisions = await self._decide(n, events)
        parts.guard.halts.refuse()
        memories = parts.memories.take_pending()
        if parts.spend is not None:
            parts.spend.charge(decisions, parts.exchange)
        parts.clock.move_to(parts.calendar.closes_at(session) + PAST_CLOSE)
        parts.exchange.settle()
        if parts.loan is not None:
            self._service(session, parts.loan, events, decisions)
        done = parts.exchange.end()
        tick = Tick(
            n=n,
            session=session,
            as_of=as_of,
            events=events,
            decisions=decisions,
            orders=done.orders,
            fills=done.fills,
            transactions=done.transactions,
            memories=memories,
            mark=done.mark,
            loan=None if parts.loan is None else parts.loan.state,
            ledger_hash=done.ledger_hash,
        )
        return parts.guard.judge(tick)

    def _events(self, n: int) -> tuple[Event, ...]:
        """Return the session's events in their fixed order; the calendar alone decides them."""
        sessions, loan = self._plan.sessions, self._parts.loan
        today = sessions[n]
        after = self._next_session(today)
        events: list[Event] = list(loan.events(today)) if loan is not None else []
        if after.year != today.year:
            events.append("year_end")
        if after.month != today.month:
            events.append("month_end")
        if self._is_due(n):
            events.append("trading_day")
        return tuple(events)

    def _next_session(self, day: date) -> date:
        return self._parts.calendar.on_or_after(day + timedelta(days=1))

    def _is_due(self, n: int) -> bool:
        """Whether the cadence asks the trading agent: first session of the day, week or month."""
        if n == 0 or self._plan.cadence == "daily":
            return True
        today, before = self._plan.sessions[n], self._plan.sessions[n - 1]
        if self._plan.cadence == "weekly":
            return today.isocalendar()[:2] != before.isocalendar()[:2]
        return (today.year, today.month) != (before.year, before.month)

    async def _decide(self, n: int, events: tuple[Event, ...]) -> tuple[AgentDecision, ...]:
        plan, parts = self._plan, self._parts
        session = plan.sessions[n]
        if not events or (parts.loan is None and "trading_day" not in events):
            return ()

        async def ask(agent: AgentName, task: dict[str, JsonValue]) -> AgentDecision:
            return await parts.agents[agent].decide(
                task, model=parts.model, tools=parts.tools, seed=plan.seed
            )

        def approved(_: LenderDecision) -> None:
            if parts.loan is not None:
                parts.loan.disburse(parts.exchange)

        final = await parts.graph.ainvoke(  # pyright: ignore[reportUnknownMemberType]  # untyped default
            TickState(events=events, facts=self._facts(n), decisions=()),
            context=TickContext(
                session=session, as_of=parts.clock.now(), ask=ask, approved=approved
            ),
        )
        return in_order(final["decisions"])

    def _facts(self, n: int) -> dict[str, JsonValue]:
        """Return what every agent is told of the run; no horizon, nothing random."""
        asked = next((m for m in range(n - 1, -1, -1) if self._is_due(m)), None)
        facts: dict[str, JsonValue] = {
            "first_session": n == 0,
            "last_asked": None if asked is None else self._plan.sessions[asked].isoformat(),
        }
        if self._parts.loan is not None:
            facts["loan"] = self._parts.loan.facts(self._plan.sessions[n])
        return facts

    def _service(
        self,
        session: date,
        loan: LoanLife,
        events: tuple[Event, ...],
        decisions: tuple[AgentDecision, ...],
    ) -> None:
        lender = next((d.output for d in decisions if d.agent == "lender"), None)
        decision = lender if isinstance(lender, LenderDecision) else None
        if "application" in events and loan.state.status == "applied":
            loan.decline(decision)
        planned = decision.fund_payment if decision is not None else None
        loan.pay(
            session,
            self._parts.exchange,
            planned=planned,
            fund_value=self._parts.exchange.account().equity,
        )
