"""What every message is made of: the frozen base, exact decimals, canonical JSON, hashes.

Money is a `Decimal` with two places (minor units), prices, quantities and weights have six
(millionths). In JSON all of them are decimal strings. Stores keep them as `int64` by the markers
`MINOR` and `MICRO` that these annotations carry.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

CENT = Decimal("0.01")
MILLIONTH = Decimal("0.000001")
ZERO = Decimal("0.00")
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Scale:
    """How a decimal is kept in a store: as an `int64` count of 10^-places."""

    places: int
    suffix: str


MINOR = Scale(2, "_minor")
MICRO = Scale(6, "_micro")


class Message(BaseModel):
    """Frozen and exact: no unknown field, no NaN, no infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _exact(step: Decimal, places: int) -> AfterValidator:
    limit = Decimal(_INT64_MAX).scaleb(-places)

    def check(value: Decimal) -> Decimal:
        if not value.is_finite():
            raise ValueError("must be a finite number")
        if abs(value) > limit:
            raise ValueError(f"must lie within ±{limit}")
        exact = value.quantize(step)
        if exact != value:
            raise ValueError(f"has more than {places} decimal places")
        return exact

    return AfterValidator(check)


def plain(value: Decimal) -> str:
    """Write a decimal without exponent and without trailing zeros beyond the cents."""
    text = format(value, "f")
    if "." not in text:
        return text
    whole, fraction = text.split(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}" if fraction.rstrip("0") else whole


def _decimal_schema(title: str, places: int) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": rf"^-?\d+(\.\d{{1,{places}}})?$"},
                {"type": "number"},
            ],
            "title": title,
        },
        mode="validation",
    )


def _string_schema(title: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "title": title}, mode="serialization")


Money = Annotated[
    Decimal,
    _exact(CENT, 2),
    PlainSerializer(lambda value: format(value, "f"), return_type=str, when_used="json"),
    _decimal_schema("Money", 2),
    _string_schema("Money"),
    MINOR,
]
"""An amount in the account's currency with exactly two places, half-even where it was rounded."""

_MICRO_PARTS = (
    _exact(MILLIONTH, 6),
    PlainSerializer(plain, return_type=str, when_used="json"),
    MICRO,
)
Price = Annotated[
    Decimal, *_MICRO_PARTS, _decimal_schema("Price", 6), _string_schema("Price"), Field(gt=0)
]
"""Money per unit, six places, above zero."""

Quantity = Annotated[
    Decimal, *_MICRO_PARTS, _decimal_schema("Quantity", 6), _string_schema("Quantity")
]
"""Units of an instrument, six places; signed where a direction is meant."""

Weight = Annotated[Decimal, *_MICRO_PARTS, _decimal_schema("Weight", 6), _string_schema("Weight")]
"""A share of equity: 0.25 is a quarter; six places."""

Rate = Annotated[
    Decimal,
    Field(ge=-1, le=100),
    PlainSerializer(float, return_type=float, when_used="json"),
]
"""A rate or ratio as a decimal (0.08 is eight per cent); a number in JSON."""

Instant = AwareDatetime
"""An aware moment; UTC by convention."""

Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9.\-^=]{0,15}$", examples=["AAPL"])]
"""A ticker in capitals."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def to_cents(value: Decimal) -> Decimal:
    """Round an amount once, half-even, to the minor unit."""
    return value.quantize(CENT, rounding=ROUND_HALF_EVEN)


def to_micro(value: Decimal | float) -> Decimal:
    """Quantise a price, quantity or weight to 1e-6, half-even; floats by their shortest form."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    return exact.quantize(MILLIONTH, rounding=ROUND_HALF_EVEN)


def _jsonable(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical JSON form")


def canonical_json(value: object) -> bytes:
    """Encode to the one JSON form that is hashed: sorted keys, no blanks, no NaN, UTF-8."""
    return json.dumps(
        value,
        default=_jsonable,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    ).encode()


def sha256_of(value: object) -> str:
    """Return the SHA-256, in hex, of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
