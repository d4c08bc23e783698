"""Orders and what becomes of them: terms, states, transitions, fills.

An order moves along

    intent ─┬─ denied                                  by our own gate; it never left us
            └─ submitted ─┬─ accepted ─ partially_filled ─ filled
                          ├─ rejected                  by the venue
                          └─ unresolved                may have happened: asked about, never resent

and may end as `cancelled` or `expired` wherever it still works. `trading/order_states.py` has the
table of moves; each one is kept in `history` with its moment, its cause and its reason.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import ZERO, Instant, Message, Money, Price, Quantity, Symbol, Weight
from schemas.execution import FillConvention

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit", "stop", "stop_limit", "trailing_stop"]
TimeInForce = Literal["day", "gtc", "ioc", "fok", "at_open", "at_close"]
OrderStatus = Literal[
    "intent",
    "denied",
    "submitted",
    "accepted",
    "partially_filled",
    "filled",
    "cancelled",
    "rejected",
    "expired",
    "unresolved",
]
WORKING: frozenset[OrderStatus] = frozenset({"accepted", "partially_filled"})
"""Orders that can still fill, for all that is known."""
ENDED: frozenset[OrderStatus] = frozenset({"denied", "filled", "cancelled", "rejected", "expired"})
"""Orders that will not change any more."""

Cause = Literal["agent", "gate", "venue", "broker", "breaker", "operator", "recovery"]
"""Who moved an order: the agent that placed it, our gate, the venue, our side of the order path, a
circuit breaker, a person, or the taking up of what a crash left."""


class Transition(Message):
    """One move of an order."""

    at: Instant
    status: OrderStatus
    cause: Cause
    reason: str | None = Field(default=None, max_length=500)


class Terms(Message):
    """What an order asks for beside symbol, side and quantity."""

    order_type: OrderType = "market"
    time_in_force: TimeInForce = "day"
    notional: Money | None = Field(
        default=None, gt=0, description="money to be traded instead of a quantity"
    )
    limit_price: Price | None = None
    stop_price: Price | None = Field(default=None, description="of stop and stop-limit orders")
    trail_amount: Price | None = Field(
        default=None, description="trailing stop: money from the best price"
    )
    trail_share: Weight | None = Field(
        default=None, gt=0, lt=1, description="trailing stop: part of the best price"
    )
    parent_id: str | None = Field(
        default=None, max_length=36, description="works once that order has filled (bracket)"
    )
    oco_group: str | None = Field(
        default=None, max_length=36, description="one of the group fills, the others are cancelled"
    )
    after_sells: bool = Field(
        default=False,
        description="set by the gate: a buy that is within the limits only once the sells placed "
        "before it have filled; it is cancelled when they do not",
    )
    lots: tuple[str, ...] = Field(
        default=(), max_length=100, description="specific lots to close, in this order"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        kind = self.order_type
        wants = {
            "limit_price": kind in ("limit", "stop_limit"),
            "stop_price": kind in ("stop", "stop_limit"),
        }
        for name, wanted in wants.items():
            if wanted != (getattr(self, name) is not None):
                raise ValueError(f"a {kind} order {'needs a' if wanted else 'takes no'} {name}")
        trails = (self.trail_amount is not None) + (self.trail_share is not None)
        if trails != (kind == "trailing_stop"):
            raise ValueError(
                "a trailing stop takes one of trail_amount and trail_share"
                if kind == "trailing_stop"
                else f"a {kind} order does not trail"
            )
        if kind not in ("market", "limit") and self.time_in_force not in ("day", "gtc"):
            raise ValueError(f"a {kind} order is good for the day or until cancelled")
        return self


MARKET_DAY = Terms()
"""A plain market order for the session."""


class Order(Message):
    """One order, from the wish to its end."""

    client_order_id: str = Field(max_length=36)
    agent: str
    sequence: int = Field(ge=0, description="order of placing within the agent's tick")
    session: date = Field(description="the session it was placed for")
    symbol: Symbol
    side: Side
    quantity: Annotated[Quantity, Field(gt=0)] = Field(
        description="units; with a notional, what that bought at the last known close"
    )
    terms: Terms = MARKET_DAY
    reason: str = Field(max_length=500)
    status: OrderStatus = "intent"
    status_reason: str | None = Field(
        default=None, description="why it was cut, denied, rejected, cancelled or not filled"
    )
    filled_quantity: Annotated[Quantity, Field(ge=0)] = ZERO
    placed_as_of: Instant
    gate: str | None = Field(
        default=None, max_length=300, description="what our gate found: the nearest limit, a trim"
    )
    history: tuple[Transition, ...] = ()

    @property
    def is_working(self) -> bool:
        """Whether it can still fill, for all that is known."""
        return self.status in WORKING

    @property
    def remaining(self) -> Quantity:
        """Units not filled yet."""
        return self.quantity - self.filled_quantity


class Fill(Message):
    """A part of an order executed: one amount and one fee, each rounded once, half-even."""

    fill_id: str = Field(max_length=80, description="unique: the order's id and a number")
    client_order_id: str
    agent: str
    session: date
    symbol: Symbol
    side: Side
    quantity: Annotated[Quantity, Field(gt=0)]
    reference_price: Price = Field(description="the market's price before spread and slippage")
    price: Price = Field(description="the price paid or received per unit")
    amount: Annotated[Money, Field(ge=0)] = Field(description="quantity × price")
    commission: Annotated[Money, Field(ge=0)]
    spread_cost: Money = Field(description="part of the amount lost to the half-spread")
    slippage_cost: Money = Field(description="part of the amount lost to slippage")
    impact_cost: Money = Field(default=ZERO, description="part of the amount lost to market impact")
    convention: FillConvention = Field(description="which price of the session was used")
    realised_gain: Money | None = Field(
        default=None,
        description="where it closed lots: what they brought less the commission and their cost",
    )
