"""What the trading server's tools answer. Rows are given in columns of equal length.

No answer holds a price of the session that orders are for: values are at the last known closes.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, WithJsonSchema

from schemas.base import Instant, Message, Money, Price, Quantity, Symbol, Weight, plain
from schemas.execution import ExecutionModel, FillConvention, LotMethod
from schemas.orders import Cause, OrderStatus, OrderType, Side, TimeInForce
from schemas.risk import RiskLimits

TradingMode = Literal["simulation", "shadow", "paper", "live"]

# A client checks every value of a column against its schema: a bare string is the cheapest.
_TEXT = WithJsonSchema({"type": "string"})
Amounts = tuple[
    Annotated[
        Decimal,
        PlainSerializer(lambda value: format(value, "f"), return_type=str, when_used="json"),
        _TEXT,
    ],
    ...,
]
"""A column of money."""
Numbers = tuple[
    Annotated[Decimal, PlainSerializer(plain, return_type=str, when_used="json"), _TEXT], ...
]
"""A column of quantities, prices or weights."""
OptionalNumbers = tuple[
    Annotated[
        Decimal | None,
        PlainSerializer(
            lambda value: None if value is None else plain(value),
            return_type=str | None,
            when_used="json",
        ),
        WithJsonSchema({"type": ["string", "null"]}),
    ],
    ...,
]
"""A column of numbers, some of which are not there."""
Texts = tuple[str, ...]


class ModeAnswer(Message):
    """Which account this is, and the rules orders are under."""

    mode: TradingMode
    as_of: Instant
    session: date = Field(description="the session orders are placed for")
    currency: str
    halted: bool = Field(description="true: the kill switch is on, no order is accepted")
    limits: RiskLimits
    execution: ExecutionModel
    rules: tuple[str, ...] = Field(description="how orders are filled, in sentences")


class Holdings(Message):
    """What is held, sorted by symbol, at the last known closes."""

    symbols: Texts
    quantities: Numbers
    market_values: Amounts


class AccountAnswer(Message):
    """The account; equity = cash + market value + accrued."""

    session: date = Field(description="the session orders are placed for")
    marked_at: date | None = Field(description="the session of the closes; None before the first")
    currency: str
    cash: Money
    market_value: Money
    accrued: Money = Field(description="dividends due and not paid yet, less what is owed")
    equity: Money
    working_orders: int = Field(ge=0)
    positions: Holdings


class PositionsAnswer(Message):
    """The holdings with prices, weights and what they cost; columns sorted by symbol."""

    marked_at: date | None
    currency: str
    symbols: Texts
    quantities: Numbers
    prices: Numbers = Field(description="the last known closes")
    market_values: Amounts
    weights: Numbers = Field(description="market value ÷ equity, cut to six places")
    costs: Amounts = Field(description="average cost, commissions excluded")
    unrealised_gains: Amounts = Field(description="market value − cost")


class LotsAnswer(Message):
    """The lots of a holding, oldest first; a sale closes them in the order of `method`."""

    symbol: Symbol
    method: LotMethod
    marked_at: date | None
    currency: str
    lots: Texts
    opened: tuple[date, ...] = Field(description="the session that opened each")
    quantities: Numbers = Field(description="negative: short")
    costs: Amounts = Field(description="commissions excluded; short: negative")
    unrealised_gains: Amounts = Field(description="at the last known close")


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
    quantity: Quantity = Field(description="what a rule trims it to; denied: as it was asked for")
    last_close: Price | None = None
    amount: Money | None = Field(default=None, description="quantity × last close, spread included")
    commission: Money | None = None
    cash_after: Money | None = Field(
        default=None, description="working orders counted; denied: without this one"
    )


class PlacedOrder(Message):
    """An order as it was recorded; how it fills is known once the session is over."""

    client_order_id: str
    status: OrderStatus
    symbol: Symbol
    side: Side
    quantity: Quantity
    filled_quantity: Quantity = Decimal("0.000000")
    status_reason: str | None = None
    denied: LimitBroken | None = None
    exit_ids: Texts = Field(default=(), description="of a bracket: its take-profit and stop-loss")


class OrderColumns(Message):
    """Orders of the current session and older ones that still work, in placing order."""

    session: date
    client_order_ids: Texts
    agents: Texts
    symbols: Texts
    sides: tuple[Side, ...]
    order_types: tuple[OrderType, ...]
    times_in_force: tuple[TimeInForce, ...]
    quantities: Numbers
    filled_quantities: Numbers
    limit_prices: OptionalNumbers
    stop_prices: OptionalNumbers = Field(
        description="of a trailing stop: none is shown, it trails at the venue"
    )
    placed_for: tuple[date, ...] = Field(description="the session each was placed for")
    statuses: tuple[OrderStatus, ...]
    status_reasons: tuple[str | None, ...]
    reasons: Texts


class ExplainedMoves(Message):
    """Every move of an order, in order; columns of equal length."""

    at: tuple[Instant, ...]
    statuses: tuple[OrderStatus, ...]
    causes: tuple[Cause, ...]
    reasons: tuple[str | None, ...]


class ExplainedFills(Message):
    """The fills of an order, in order; columns of equal length."""

    sessions: tuple[date, ...]
    quantities: Numbers
    conventions: tuple[FillConvention, ...] = Field(description="which price it was filled at")
    reference_prices: Numbers = Field(description="the market's, before spread and slippage")
    prices: Numbers
    amounts: Amounts
    commissions: Amounts
    spread_costs: Amounts = Field(description="these three are parts of the amount")
    slippage_costs: Amounts
    impact_costs: Amounts
    realised_gains: OptionalNumbers = Field(description="where it closed lots, commission taken")


class ExplainedTrade(Message):
    """All that the account's broker tells of one order: terms, gate, moves, fills with costs."""

    client_order_id: str
    agent: str
    session: date = Field(description="the session it was placed for")
    symbol: Symbol
    side: Side
    quantity: Quantity
    filled_quantity: Quantity
    order_type: OrderType
    time_in_force: TimeInForce
    notional: Money | None
    limit_price: Price | None
    stop_price: Price | None
    trail_amount: Price | None
    trail_share: Weight | None
    parent_id: str | None = Field(description="of a bracket's exit: the entry")
    oco_group: str | None
    lots: Texts
    reason: str
    gate: str | None = Field(description="what the gate found: the nearest limit, a trim")
    status: OrderStatus
    status_reason: str | None
    moves: ExplainedMoves
    fills: ExplainedFills


class SkippedSymbol(Message):
    """A symbol that got no order, and why."""

    symbol: Symbol
    reason: str


class RebalanceAnswer(Message):
    """The orders a rebalance placed, sells first; columns of equal length."""

    order_ids: Texts
    symbols: Texts
    sides: tuple[Side, ...]
    quantities: Numbers
    statuses: tuple[OrderStatus, ...]
    denied: tuple[LimitBroken, ...] = Field(description="one for each order with status denied")
    skipped: tuple[SkippedSymbol, ...] = Field(description="wanted, but it could not be")
    left_alone: tuple[SkippedSymbol, ...] = Field(
        description="at its target, or near enough to it that no trade is worth it"
    )
