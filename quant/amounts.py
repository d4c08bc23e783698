"""The border from float64 to money: a sum is rounded once, half-even, to the cent."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal

from schemas.base import to_cents
from schemas.errors import InvalidRequest

MOST = 9e16
"""What an account can hold: an int64 of cents."""


def as_money(amount: float) -> Decimal:
    """Round an amount to the cent; never a negative zero. Raises InvalidRequest beyond ±9e16."""
    if not abs(amount) <= MOST:
        raise InvalidRequest(f"an amount must lie within ±{MOST:g}.")
    return to_cents(Decimal(repr(float(amount)))) + 0


def exact_sum(amounts: Iterable[float]) -> float:
    """Add without rounding on the way, and without overflow: beyond ±1e300 it is ±infinity."""
    try:
        return math.fsum(amounts)
    except OverflowError:
        return math.inf
