"""Runs made up tick by tick for what explains them: turns, orders, fills and a real ledger."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from adapters.clock import SimulatedClock
from adapters.embedder.hashing import HashingEmbedder
from adapters.mcp_client import open_tools
from adapters.memory.run_memory import RunMemoryBook
from adapters.store.connect import Store
from adapters.store.ticks import MongoTickStore
from interfaces.model import ToolCall
from mcp_servers.memory import build_memory_server
from schemas.agents import AgentDecision, ToolCallRecord, TradingDecision, Usage
from schemas.base import sha256_of
from schemas.jobs import Job, RunProgress, SimulationRequest
from schemas.memory import MemoryRecord
from schemas.orders import Order, Transition
from schemas.tick import Tick
from tests.trading.trip_days import Days
from trading.order_states import intend, move

MON, TUE, WED = date(2020, 1, 6), date(2020, 1, 7), date(2020, 1, 8)
OPEN = datetime(2020, 1, 7, 14, 30, tzinfo=UTC)
RUN_KEY = "c" * 64


def call(tool: str, **arguments: Any) -> ToolCallRecord:
    answer = repr((tool, arguments))
    return ToolCallRecord(
        tool=tool, arguments=arguments, result_sha256=sha256_of(answer), result_bytes=len(answer)
    )


def place(side: str = "buy", reason: str = "it fell", *, error: bool = False) -> ToolCallRecord:
    made = call("trading_place_order", symbol="AAA", side=side, quantity="15", reason=f" {reason} ")
    return made.model_copy(update={"is_error": error})


def turn(*calls: ToolCallRecord, order_ids: Sequence[str] = ()) -> AgentDecision:
    return AgentDecision(
        agent="alpha_trading",
        model="some:model",
        output=TradingDecision(
            action="invest",
            rationale="AAA is cheap.",
            confidence=0.7,
            features={"momentum": -0.1},
            order_ids=tuple(order_ids),
        ),
        tool_calls=calls,
        steps=4,
        usage=Usage(input_tokens=900, output_tokens=80, cost_usd_micro=1234),
    )


def order(name: str, sequence: int = 0, **changes: Any) -> Order:
    wanted = {
        "client_order_id": name,
        "agent": "alpha_trading",
        "sequence": sequence,
        "session": TUE,
        "symbol": "AAA",
        "side": "buy",
        "quantity": Decimal(15),
        "reason": "it fell",
        "placed_as_of": OPEN,
    }
    return intend(Order.model_validate({**wanted, **changes}))


def moved(order: Order, *states: str, filled: str = "0", reason: str | None = None) -> Order:
    for n, status in enumerate(states):
        cause = "gate" if status == "denied" else "venue"
        to = Transition.model_validate(
            {"at": OPEN + timedelta(minutes=n), "status": status, "cause": cause, "reason": reason}
        )
        order = move(order, to, filled=Decimal(filled) if n == len(states) - 1 else None)
    return order


def remembered(text: str, agent: str = "alpha_trading") -> MemoryRecord:
    at = OPEN - timedelta(days=1)
    return MemoryRecord(
        memory_id=sha256_of([agent, text]), agent=agent, text=text, event_time=at, known_time=at
    )


SEEN = call("prices_get_bars", symbols=["AAA"], lookback=20)
MEMORIES = (remembered("AAA fell in March."), remembered("not mine", "budget"))
LATER = call("trading_get_account")


class Lived:
    """A run of three sessions: a memory, an order filled in two parts, and one that was denied."""

    def __init__(self, ticks: MongoTickStore, name: str) -> None:
        self.store = ticks
        self.run = RunProgress(run_id=f"{name}-0", run_key=RUN_KEY, model="some:model")
        request = SimulationRequest(models=("some:model",), start_date=MON, end_date=WED)
        self.job = Job(
            job_id=name, request=request, runs=(self.run,), created_at=OPEN, updated_at=OPEN
        )
        self.days = Days()
        self.store.open(self.run.run_id, RUN_KEY, 1)

    def commit(self, day: date, **changes: Any) -> Tick:
        tick = self.days.end(day).model_copy(update=changes)
        self.store.commit(self.run.run_id, 1, tick)
        return tick

    def fill(self, day: date, name: str, units: int) -> None:
        self.days.trade(day, "AAA", "buy", units, "100", commission="1.00", spread="0.30")
        for kept in (self.days.fills, self.days._today):
            kept[-1] = kept[-1].model_copy(update={"client_order_id": name})


FIRST, DENIED = "aaaaaa" + "1" * 26, "aaaaaa" + "2" * 26


def journal() -> RunMemoryBook:
    return RunMemoryBook(HashingEmbedder())


def searched(query: str) -> ToolCallRecord:
    """Search `MEMORIES` as the agent does, and record the call as its turn does."""
    book = journal()
    book.commit(MEMORIES)
    arguments: dict[str, Any] = {"query": query}

    async def ask() -> str:
        server = build_memory_server(clock=SimulatedClock(OPEN), memories=book)
        async with open_tools({"memory": server}) as tools:
            asked = ToolCall(call_id="1", tool="memory_recall", arguments=arguments)
            return (await tools.call(asked)).text

    answer = asyncio.run(ask()).encode()
    return ToolCallRecord(
        tool="memory_recall",
        arguments=arguments,
        result_sha256=hashlib.sha256(answer).hexdigest(),
        result_bytes=len(answer),
    )


def lived(store: Store, name: str) -> Lived:
    run = Lived(store.ticks, name)
    asked = searched("what about AAA?")
    calls = (SEEN, asked, place(error=True), place(), LATER, place("sell", "too much"))
    run.commit(MON, memories=MEMORIES)
    first, denied = order(FIRST), order(DENIED, 1, side="sell", reason="too much")
    run.fill(TUE, FIRST, 10)
    run.commit(
        TUE,
        as_of=OPEN,
        decisions=(turn(*calls),),
        orders=(
            moved(first, "submitted", "accepted", "partially_filled", filled="10"),
            moved(denied, "denied", reason="selling 15 AAA exceeds what is held"),
        ),
        memories=(remembered("bought AAA"),),
    )
    run.fill(WED, FIRST, 5)
    run.commit(
        WED,
        orders=(
            moved(
                moved(first, "submitted", "accepted", "partially_filled", filled="10"),
                "filled",
                filled="15",
            ),
        ),
    )
    return run
