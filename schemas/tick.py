"""A tick: everything one session did, and the unit of durability."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from schemas.account import AccountMark
from schemas.agents import AgentDecision
from schemas.base import Instant, Message, Money, Sha256
from schemas.ledger import Transaction
from schemas.loan import InstalmentSplit
from schemas.memory import MemoryRecord
from schemas.orders import Fill, Order
from schemas.risk import BreakerEvent

Event = Literal["application", "instalment_due", "year_end", "month_end", "trading_day", "chat"]
"""Events of a session, in the order the graph takes them."""

LoanStatus = Literal["applied", "refused", "referred", "active", "paid_off"]


class InstalmentPaid(Message):
    """One instalment as it was settled."""

    number: int = Field(ge=1)
    due_on: date
    split: InstalmentSplit
    interest: Money
    principal: Money


class LoanState(Message):
    """The loan after a session."""

    status: LoanStatus
    balance: Money = Field(description="principal still owed")
    fund_invested: Money = Field(description="principal still in the fund, at what was put in")
    instalments_paid: int = Field(ge=0)
    arrears: Money = Field(description="instalment money due and not paid")
    paid_by_fund: Money
    paid_by_borrower: Money
    payment: InstalmentPaid | None = Field(
        default=None, description="the instalment of this session"
    )


class Tick(Message):
    """One session of one run, committed as a whole or not at all."""

    n: int = Field(ge=0)
    session: date
    as_of: Instant = Field(description="the moment the decisions were taken at")
    events: tuple[Event, ...]
    decisions: tuple[AgentDecision, ...] = ()
    orders: tuple[Order, ...] = Field(
        default=(), description="placed in the session, or placed before and changed in it"
    )
    fills: tuple[Fill, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    memories: tuple[MemoryRecord, ...] = ()
    mark: AccountMark
    breakers: tuple[BreakerEvent, ...] = Field(
        default=(), description="circuit breakers that tripped at the mark"
    )
    loan: LoanState | None = None
    ledger_hash: Sha256 = Field(description="hash of the newest ledger entry")
