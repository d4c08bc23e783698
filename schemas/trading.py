"""What the trading server's tools answer. Rows are given in columns of equal length.

No answer holds a price of the session that orders are for: values are at the last known closes.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from schemas.base import Instant, Message, Money, Price, Quantity, Symbol, Weight
from schemas.orders import CostModel, OrderStatus, RiskLimits, Side

TradingMode = Literal["simulated", "shadow", "paper", "live"]


class ModeAnswer(Message):
    """Which account this is, and the rules orders are under."""

    mode: TradingMode
    as_of: Instant
    session: date = Field(description="the session orders are placed for")
    currency: str
    halted: bool = Field(description="true: the kill switch is on, no order is accepted")
    limits: RiskLimits
    costs: CostModel
    rules: tuple[str, ...] = Field(description="how orders are filled, in sentences")


class PositionColumns(Message):
    """Holdings valued at the last known closes, sorted by symbol."""

    symbols: tuple[Symbol, ...]
    quantities: tuple[Quantity, ...]
    prices: tuple[Price, ...] = Field(description="the last known closes")
    market_values: tuple[Money, ...]
    weights: tuple[Weight, ...] = Field(description="market value ÷ equity, cut to six places")


class AccountAnswer(Message):
    """The account; equity = cash + market value."""

    session: date = Field(description="the session orders are placed for")
    marked_at: date | None = Field(description="the session of the closes; None before the first")
    currency: str
    cash: Money
    market_value: Money
    equity: Money
    working_orders: int = Field(ge=0)
    positions: PositionColumns


class PositionsAnswer(Message):
    """The holdings with what they cost."""

    marked_at: date | None
    currency: str
    positions: PositionColumns
    costs: tuple[Money, ...] = Field(description="average cost, commissions excluded")
    unrealised_gains: tuple[Money, ...] = Field(description="market value − cost")


class LimitBroken(Message):
    """Why the gate denies an order."""

    limit: str = Field(description="name of the limit")
    message: str
    excess: str | None = Field(
        default=None, description="by how much: units, orders or money, as the message says"
    )


class PreviewAnswer(Message):
    """What an order would be, at the last known close plus costs; nothing is placed."""

    accepted: bool
    denied: LimitBroken | None = None
    symbol: Symbol
    side: Side
    quantity: Quantity
    last_close: Price | None = None
    amount: Money | None = Field(default=None, description="quantity × last close, spread included")
    commission: Money | None = None
    cash_after: Money | None = Field(default=None, description="working orders counted")


class PlacedOrder(Message):
    """An order as it was recorded; how it fills is known once the session is over."""

    client_order_id: str
    status: OrderStatus
    symbol: Symbol
    side: Side
    quantity: Quantity
    status_reason: str | None = None
    denied: LimitBroken | None = None


class OrderColumns(Message):
    """Orders of the current session, in placing order."""

    session: date
    client_order_ids: tuple[str, ...]
    agents: tuple[str, ...]
    symbols: tuple[Symbol, ...]
    sides: tuple[Side, ...]
    quantities: tuple[Quantity, ...]
    statuses: tuple[OrderStatus, ...]
    status_reasons: tuple[str | None, ...]
    reasons: tuple[str, ...]


class SkippedSymbol(Message):
    """A symbol that got no order."""

    symbol: Symbol
    reason: str


class RebalanceAnswer(Message):
    """The orders a rebalance placed, sells first; columns of equal length."""

    order_ids: tuple[str, ...]
    symbols: tuple[Symbol, ...]
    sides: tuple[Side, ...]
    quantities: tuple[Quantity, ...]
    statuses: tuple[OrderStatus, ...]
    denied: tuple[LimitBroken, ...] = Field(description="one for each order with status denied")
    skipped: tuple[SkippedSymbol, ...]
