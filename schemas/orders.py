"""Orders and what becomes of them: intents, denials, fills, costs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer

from schemas.base import Instant, Message, Money, Price, Quantity, Symbol

Side = Literal["buy", "sell"]
OrderStatus = Literal["accepted", "filled", "partially_filled", "cancelled", "rejected", "denied"]
FillConvention = Literal["open", "close"]

Bps = Annotated[
    Decimal, Field(ge=0, le=10_000), PlainSerializer(float, return_type=float, when_used="json")
]
"""Basis points: 1 is 0.0001; a number in JSON."""

PerShare = Annotated[Quantity, Field(ge=0)]
"""Money per unit, six places, zero allowed."""


class CostModel(Message):
    """What a fill costs. Spread and slippage move the price; the commission is a fee."""

    commission_per_share: PerShare = Decimal("0.000000")
    commission_bps: Bps = Decimal(1)
    half_spread_bps: Bps = Decimal(2)
    slippage_bps: Bps = Decimal(2)
    fractional: bool = Field(default=True, description="false: quantities are cut to whole units")


class RiskLimits(Message):
    """What the gate enforces before every order; shares of equity are decimals."""

    max_position_share: Annotated[Decimal, Field(gt=0, le=1)] = Decimal(1)
    max_orders_per_session: Annotated[int, Field(gt=0)] = 200
    max_order_share: Annotated[Decimal, Field(gt=0)] = Decimal("1.05")
    allow_short: Literal[False] = False
    allow_leverage: Literal[False] = False
    halted: bool = Field(
        default=False, description="the kill switch: nothing is accepted while true"
    )


class Order(Message):
    """One order, from acceptance (or denial) to its end."""

    client_order_id: str = Field(max_length=36)
    agent: str
    sequence: int = Field(ge=0, description="order of placing within the agent's tick")
    session: date = Field(description="the session it was placed for")
    symbol: Symbol
    side: Side
    quantity: Annotated[Quantity, Field(gt=0)]
    reason: str = Field(max_length=500)
    status: OrderStatus = "accepted"
    status_reason: str | None = Field(
        default=None, description="why it was cut, denied or rejected"
    )
    placed_as_of: Instant


class Fill(Message):
    """An executed order: one amount and one fee, each rounded once, half-even, to the cent."""

    client_order_id: str
    agent: str
    session: date
    symbol: Symbol
    side: Side
    quantity: Annotated[Quantity, Field(gt=0)]
    reference_price: Price = Field(description="the bar's price before spread and slippage")
    price: Price = Field(description="the price paid or received per unit")
    amount: Annotated[Money, Field(ge=0)] = Field(description="quantity × price")
    commission: Annotated[Money, Field(ge=0)]
    spread_cost: Money = Field(description="part of the amount lost to the half-spread")
    slippage_cost: Money = Field(description="part of the amount lost to slippage")
    convention: FillConvention = Field(description="which price of the session was used")
    realised_gain: Money | None = Field(
        default=None, description="sells: proceeds less commission and average cost"
    )
