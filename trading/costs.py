"""What trading costs: spread and slippage move the price, the commission is a fee.

Amount and commission are each rounded once, half-even, to the cent, from the exact product.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal

from schemas.base import CENT, MILLIONTH, ZERO, to_cents, to_micro
from schemas.execution import ExecutionModel
from schemas.orders import Side

_BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Charge:
    """What a quantity comes to at a fill price."""

    amount: Decimal
    commission: Decimal

    @property
    def outlay(self) -> Decimal:
        """Cash a buy takes."""
        return self.amount + self.commission

    @property
    def proceeds(self) -> Decimal:
        """Cash a sell brings; a commission above the amount makes it negative."""
        return self.amount - self.commission


def fill_price(reference: Decimal, side: Side, execution: ExecutionModel) -> Decimal:
    """Return the price paid or received: the reference moved against the order.

    Quantised to 1e-6 and never below that.
    """
    share = sum(_flat(execution)) / _BPS
    moved = reference * (1 + share if side == "buy" else 1 - share)
    return max(to_micro(moved), MILLIONTH)


def charge(quantity: Decimal, price: Decimal, execution: ExecutionModel) -> Charge:
    """Return amount and commission of that many units at that fill price."""
    notional = quantity * price
    share, per_share = _rates(execution)
    return Charge(to_cents(notional), to_cents(notional * share + quantity * per_share))


def price_impact(
    quantity: Decimal, reference: Decimal, execution: ExecutionModel
) -> tuple[Decimal, Decimal]:
    """Return the money lost to the half-spread and to slippage, each rounded to the cent."""
    notional = quantity * reference
    half_spread, slippage = _flat(execution)
    return to_cents(notional * half_spread / _BPS), to_cents(notional * slippage / _BPS)


def _flat(execution: ExecutionModel) -> tuple[Decimal, Decimal]:
    spread, slippage = execution.spread, execution.slippage
    half = spread.half_bps if spread.kind == "fixed" else spread.floor_half_bps
    return half, slippage.bps if slippage.kind == "bps" else ZERO


def _rates(execution: ExecutionModel) -> tuple[Decimal, Decimal]:
    commission = execution.commission
    share = commission.bps / _BPS if commission.kind == "bps" else ZERO
    return share, commission.per_share if commission.kind == "per_share" else ZERO


def whole(quantity: Decimal, execution: ExecutionModel) -> Decimal:
    """Cut a quantity down to what can be traded: whole units, or millionths when fractional."""
    step = MILLIONTH if execution.fractional else Decimal(1)
    return quantity.quantize(step, rounding=ROUND_DOWN).quantize(MILLIONTH)


def affordable(cash: Decimal, price: Decimal, execution: ExecutionModel) -> Decimal:
    """Return the largest tradable quantity whose amount and commission cash covers, exactly."""
    if cash <= 0:
        return to_micro(ZERO)
    step = MILLIONTH if execution.fractional else Decimal(1)
    share, per_share = _rates(execution)
    unit = price * (1 + share) + per_share
    # Two roundings move the outlay by at most a cent, so the answer lies between these counts.
    low = int(max(cash - CENT, ZERO) / unit / step)
    high = int(((cash + CENT) / unit / step).to_integral_value(rounding=ROUND_CEILING))
    while low < high:
        middle = (low + high + 1) // 2
        if charge(middle * step, price, execution).outlay <= cash:
            low = middle
        else:
            high = middle - 1
    return to_micro(low * step)
