"""What an outside client of the tool servers acts on: now, or a run as it stands.

Its account is for practice: orders pass the gate and are held for the next session, but no session
is ever settled and nothing of it is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from adapters.broker.simulated import SimulatedBroker
from adapters.clock import SimulatedClock
from adapters.documents.joined import JoinedDocuments, Shelf
from adapters.market.universe import universe_of
from adapters.memory.run_memory import RunMemoryBook
from adapters.memory.stored_memory import StoredMemoryBook
from interfaces.broker import Broker, Posting
from interfaces.calendar import TradingCalendar
from interfaces.clock import Clock
from interfaces.documents import DocumentSource
from interfaces.embedder import Embedder
from interfaces.market import DataCatalog, MarketData
from interfaces.memory import MemoryBook
from interfaces.store import JobStore, MemoryStore, TickStore
from schemas.errors import Conflict, NotFound
from schemas.execution import ExecutionModel
from schemas.loan import BorrowerFile
from schemas.risk import RiskLimits
from trading.breakers.marks import mark_of
from trading.breakers.watch import Watch, watch_of
from trading.gate import EquityHistory, equity_history

PRACTICE_CASH = Decimal("100000.00")
TENANT = "local"


@dataclass(frozen=True, slots=True)
class ClientPorts:
    """The clock, market, account, documents, memories and borrower that the tools look at."""

    clock: Clock
    calendar: TradingCalendar
    market: MarketData
    broker: Broker
    documents: DocumentSource
    memories: MemoryBook
    borrower: BorrowerFile | None
    execution: ExecutionModel
    limits: RiskLimits
    watch: Watch
    """The account's circuit breakers as they stand."""
    equity: EquityHistory
    """What losses and drawdowns are measured from."""
    scope: str


def ports_of_now(
    market: MarketData,
    calendar: TradingCalendar,
    *,
    clock: Clock,
    documents: Shelf,
    memories: MemoryStore,
    embedder: Embedder,
    execution: ExecutionModel,
    limits: RiskLimits,
) -> ClientPorts:
    """Look at the data set as of the system clock, with a fresh practice account."""
    broker = SimulatedBroker(
        clock=clock,
        market=market,
        run_key="practice",
        currency=market.info().currency,
        execution=execution,
        limits=limits,
    )
    broker.begin(0, calendar.on_or_after(clock.now().date() + timedelta(days=1)))
    broker.post(
        "deposit",
        "Practice capital",
        (Posting("assets:cash", PRACTICE_CASH), Posting("equity:capital", -PRACTICE_CASH)),
    )
    return ClientPorts(
        clock=clock,
        calendar=calendar,
        market=market,
        broker=broker,
        documents=JoinedDocuments(documents, market),
        memories=StoredMemoryBook(memories, embedder, tenant=TENANT),
        borrower=None,
        execution=execution,
        limits=limits,
        watch=Watch(limits.breakers),
        equity=EquityHistory(previous=PRACTICE_CASH, peak=PRACTICE_CASH),
        scope="practice",
    )


def ports_of_run(
    run_id: str,
    *,
    jobs: JobStore,
    ticks: TickStore,
    catalog: DataCatalog,
    calendar: Callable[[str], TradingCalendar],
    documents: Shelf,
    embedder: Embedder,
) -> ClientPorts:
    """Look at a run after its last committed session, before the next one opens.

    `NotFound` for an unknown run, `Conflict` for one that has not committed a session yet.
    """
    job = jobs.get(run_id.rpartition("-")[0])
    run = next((each for each in job.runs if each.run_id == run_id), None)
    if run is None:
        raise NotFound(f"there is no run '{run_id}'")
    committed = tuple(ticks.ticks(run_id))
    if not committed:
        raise Conflict(f"run '{run_id}' has not finished a session yet")
    request, market = job.request, catalog.open(job.request.data)
    limits, marks = request.limits_for(run.model), tuple(map(mark_of, committed))
    sessions = calendar(market.info().calendar)
    following = sessions.on_or_after(committed[-1].session + timedelta(days=1))
    clock = SimulatedClock(sessions.opens_at(following))
    broker = SimulatedBroker(
        clock=clock,
        market=market,
        run_key=run.run_key,
        currency=market.info().currency,
        execution=request.execution,
        limits=limits,
    )
    broker.restore(committed)
    broker.begin(committed[-1].n + 1, following)
    memories = RunMemoryBook(embedder)
    for tick in committed:
        memories.commit(tick.memories)
    return ClientPorts(
        clock=clock,
        calendar=sessions,
        market=universe_of(market, request, sessions),
        broker=broker,
        documents=JoinedDocuments(documents, market),
        memories=memories,
        borrower=request.application,
        execution=request.execution,
        limits=limits,
        watch=watch_of(limits.breakers, marks),
        equity=equity_history(marks),
        scope=run.run_key,
    )
