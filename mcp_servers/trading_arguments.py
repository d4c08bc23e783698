"""What the trading tools take: numbers, symbols and reasons, read strictly.

Whatever a model sends becomes an exact decimal within bounds, or one sentence that says what is
wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from schemas.base import CENT, MILLIONTH, plain
from schemas.errors import InvalidRequest
from schemas.orders import OrderType, Terms, TimeInForce
from trading.gate import MAX_QUANTITY

_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,3})?", re.ASCII)
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.\-^=]{0,15}", re.ASCII)
_WEIGHT_SLACK = Decimal("0.0001")  # what two hundred weights can gain by rounding to six places

Number = Annotated[
    object,
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}]}),
]
"""A decimal string or a number; anything may come, `read_number` refuses the rest in a sentence."""

SymbolArgument = Annotated[str, Field(description="ticker in capitals, e.g. AAPL")]
ReasonArgument = Annotated[
    str, Field(max_length=500, description="why, in a sentence; it is kept with the order")
]
KeyArgument = Annotated[
    str | None,
    Field(
        max_length=100,
        description="a key of your own: within a session, one key is one order",
    ),
]
OptionalQuantity = Annotated[
    Number | None,
    Field(
        description='units above zero, e.g. "12.5"; leave it out when you give `notional`, or '
        "where the account sizes positions itself"
    ),
]
PriceArgument = Annotated[Number | None, Field(description="money per unit, above zero")]
MoneyArgument = Annotated[
    Number | None,
    Field(description="money to trade instead of a quantity; the units are known at the fill"),
]
TrailArgument = Annotated[
    Number | None, Field(description="part of the best price, e.g. 0.05; the stop trails by it")
]
LotsArgument = Annotated[
    tuple[str, ...],
    Field(max_length=100, description="sales: lots to close first, as trading_get_lots names them"),
]
GroupArgument = Annotated[
    str | None,
    Field(
        max_length=36,
        description="a name of your own: of all orders with it, the first that fills cancels the "
        "others",
    ),
]


class OrderArguments(BaseModel):
    """What an order asks for beside symbol, side and quantity, as a tool was given it."""

    model_config = ConfigDict(frozen=True)

    order_type: OrderType = "market"
    time_in_force: TimeInForce = "day"
    notional: object = None
    limit_price: object = None
    stop_price: object = None
    trail_amount: object = None
    trail_share: object = None
    oco_group: str | None = None
    lots: tuple[str, ...] = ()


WeightsArgument = Annotated[
    dict[str, Number],
    Field(description='target share of equity by symbol, e.g. {"AAPL": "0.25"}; the rest is cash'),
]


def read_quantity(quantity: object) -> Decimal:
    """Return units within bounds."""
    units = read_number(quantity, "quantity")
    if not 0 < units <= MAX_QUANTITY:
        raise InvalidRequest(f"quantity must be above 0 and at most {MAX_QUANTITY}")
    return units


def read_terms(given: OrderArguments) -> Terms:
    """Return the terms, checked as a whole; prices are cut to six places, money to the cent."""
    return Terms(
        order_type=given.order_type,
        time_in_force=given.time_in_force,
        notional=_above_zero(given.notional, "notional", CENT),
        limit_price=_above_zero(given.limit_price, "limit_price"),
        stop_price=_above_zero(given.stop_price, "stop_price"),
        trail_amount=_above_zero(given.trail_amount, "trail_amount"),
        trail_share=_above_zero(given.trail_share, "trail_share"),
        oco_group=given.oco_group,
        lots=given.lots,
    )


def read_exits(take_profit: object, stop_loss: object) -> dict[str, Terms]:
    """Return the terms of a bracket's exits by argument, without the entry they will wait for."""
    limit, stop = _above_zero(take_profit, "take_profit"), _above_zero(stop_loss, "stop_loss")
    exits: dict[str, Terms] = {}
    if limit is not None:
        exits["take_profit"] = Terms(order_type="limit", limit_price=limit, time_in_force="gtc")
    if stop is not None:
        exits["stop_loss"] = Terms(order_type="stop", stop_price=stop, time_in_force="gtc")
    return exits


def _above_zero(given: object, name: str, step: Decimal = MILLIONTH) -> Decimal | None:
    if given is None:
        return None
    value = read_number(given, name).quantize(step, rounding=ROUND_DOWN)
    if value <= 0:
        raise InvalidRequest(f"{name} must be above 0")
    return value


def read_targets(weights: Mapping[str, object]) -> dict[str, Decimal]:
    """Return target weights between 0 and 1 that sum to 1 at most."""
    targets: dict[str, Decimal] = {}
    for symbol, given in weights.items():
        weight = read_number(given, f"the weight of {read_symbol(symbol)}")
        if not 0 <= weight <= 1:
            raise InvalidRequest(f"the weight of {symbol} is {plain(weight)}, not between 0 and 1")
        targets[symbol] = weight
    total = sum(targets.values(), Decimal())
    if total > 1 + _WEIGHT_SLACK:
        raise InvalidRequest(f"the weights sum to {plain(total)}; they must not exceed 1")
    return targets


def read_symbol(symbol: str) -> str:
    """Return the symbol when it can be one."""
    if not _SYMBOL.fullmatch(symbol):
        raise InvalidRequest(
            "a symbol is a ticker of up to 16 capitals and digits, such as AAPL or BRK.B"
        )
    return symbol


def read_number(given: object, name: str, *, example: str = "12.5") -> Decimal:
    """Return a finite number cut to six places; `name` is what a refusal calls it."""
    text = given.strip() if isinstance(given, str) else repr(given)
    if not _NUMBER.fullmatch(text):
        raise InvalidRequest(f"{name} must be a finite number, such as {example}")
    value = Decimal(text)
    if abs(value) > MAX_QUANTITY:
        raise InvalidRequest(f"{name} must lie within ±{MAX_QUANTITY}")
    return value.quantize(MILLIONTH, rounding=ROUND_DOWN)


def read_reason(reason: str) -> str:
    """Return the reason, which may not be blank."""
    if not reason.strip():
        raise InvalidRequest("give the reason for the order in a sentence")
    return reason.strip()
