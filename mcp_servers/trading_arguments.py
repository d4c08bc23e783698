"""What the trading tools take: numbers, symbols and reasons, read strictly.

Whatever a model sends becomes an exact decimal within bounds, or one sentence that says what is
wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Annotated

from pydantic import Field, WithJsonSchema

from schemas.base import MILLIONTH, plain
from schemas.errors import InvalidRequest
from schemas.orders import Side
from trading.gate import MAX_QUANTITY
from trading.orders import OrderIntent

_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,3})?", re.ASCII)
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.\-^=]{0,15}", re.ASCII)
_WEIGHT_SLACK = Decimal("0.0001")  # what two hundred weights can gain by rounding to six places

Number = Annotated[
    object,
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}]}),
]
"""A decimal string or a number; anything may come, `read_number` refuses the rest in a sentence."""

SymbolArgument = Annotated[str, Field(description="ticker in capitals, e.g. AAPL")]
QuantityArgument = Annotated[
    Number, Field(description='units above zero, e.g. "12.5"; digits after the sixth are cut off')
]
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
WeightsArgument = Annotated[
    dict[str, Number],
    Field(description='target share of equity by symbol, e.g. {"AAPL": "0.25"}; the rest is cash'),
]


def read_intent(symbol: str, side: Side, quantity: object) -> OrderIntent:
    """Return the intent these arguments describe; the quantity lies within bounds."""
    units = read_number(quantity, "quantity")
    if not 0 < units <= MAX_QUANTITY:
        raise InvalidRequest(f"quantity must be above 0 and at most {MAX_QUANTITY}")
    return OrderIntent(read_symbol(symbol), side, units)


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


def read_number(given: object, name: str) -> Decimal:
    """Return a finite number cut to six places; `name` is what a refusal calls it."""
    text = given.strip() if isinstance(given, str) else repr(given)
    if not _NUMBER.fullmatch(text):
        raise InvalidRequest(f"{name} must be a finite number, such as 12.5")
    value = Decimal(text)
    if abs(value) > MAX_QUANTITY:
        raise InvalidRequest(f"{name} must lie within ±{MAX_QUANTITY}")
    return value.quantize(MILLIONTH, rounding=ROUND_DOWN)


def read_reason(reason: str) -> str:
    """Return the reason, which may not be blank."""
    if not reason.strip():
        raise InvalidRequest("give the reason for the order in a sentence")
    return reason.strip()
