"""How a trade came about: the chain from what an agent saw to what the ledger says."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from schemas.agents import AgentName, AnyOutput, ToolCallRecord, Usage
from schemas.base import Instant, Message, Money, Quantity, Sha256, Symbol
from schemas.ledger import Transaction, Verification
from schemas.memory import RecalledMemory
from schemas.orders import Fill, Order, OrderStatus, Side
from schemas.tick import Event


class TradeRow(Message):
    """One order of a job, as a list shows it."""

    order_id: str
    run_id: str
    model: str
    session: date = Field(description="the session it was placed for")
    agent: str
    symbol: Symbol
    side: Side
    quantity: Quantity
    filled_quantity: Quantity
    status: OrderStatus
    amount: Money = Field(description="money of all its fills")
    costs: Money = Field(description="commission, spread, slippage and impact of all its fills")
    realised_gain: Money | None = Field(description="None where it closed nothing")


class Seen(Message):
    """A tool call before the order: what was asked, and which answer came, by hash and size."""

    position: int = Field(ge=0, description="among the calls of the agent's turn, from 0")
    call: ToolCallRecord


class Recalled(Message):
    """A search of the agent's memories, done again on what it had remembered until then."""

    position: int = Field(ge=0)
    query: str
    call: ToolCallRecord
    memories: tuple[RecalledMemory, ...] = Field(default=(), description="nearest first")
    proven: bool = Field(
        default=False,
        description="the search, done again, gives the very bytes that the agent was answered; "
        "false where a mask or another way of searching lay between",
    )


class ModelAsked(Message):
    """The model's turn: one conversation, with as many steps as it took."""

    agent: AgentName
    model: str
    steps: int = Field(ge=0)
    usage: Usage
    propensity: float


class GateFound(Message):
    """What the risk gate said."""

    passed: bool | None = Field(description="None: the order has not come before it yet")
    at: Instant | None = None
    remark: str | None = Field(
        default=None, description="the limit that denied it, or the nearest one and what was cut"
    )


class FillSeen(Message):
    """A fill, and the tick it was made in."""

    tick: int = Field(ge=0)
    fill: Fill


class LedgerSeen(Message):
    """A fill's transaction, and whether the books are sound up to and with it."""

    tick: int = Field(ge=0)
    fill_id: str
    transaction: Transaction
    verified: bool = Field(description="every hash from the first entry to its last one holds")


class TradeChain(Message):
    """Data seen → memories recalled → model → proposal → gate → order → fills → ledger."""

    job_id: str
    run_id: str
    run_key: Sha256
    order_id: str
    tick: int = Field(ge=0, description="in which it was placed")
    session: date
    as_of: Instant = Field(description="the moment the agent decided at; nothing later was seen")
    events: tuple[Event, ...]
    data_seen: tuple[Seen, ...]
    recalls: tuple[Recalled, ...]
    memories_known: int = Field(ge=0, description="how many the agent had before the session")
    model: ModelAsked | None
    proposal: AnyOutput | None = Field(description="the decision with its reasons and confidence")
    abstention: str | None
    placed_by: Seen | None = Field(description="the tool call that placed the order")
    gate: GateFound
    order: Order = Field(description="as it stands now; `history` has all its transitions")
    fills: tuple[FillSeen, ...]
    ledger: tuple[LedgerSeen, ...]
    verification: Verification = Field(description="of the run's whole ledger")
    missing: tuple[str, ...] = Field(description="links that are not there, one sentence each")
