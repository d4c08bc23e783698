"""What an order would cost, told before it is placed: estimates at a price, without a bar.

Spread and slippage move the price, the commission is a fee. Amount and commission are each rounded
once, half-even, to the cent, from the exact product. What depends on volume is not known here: a
volume-share slippage counts as at its volume limit, a spread estimated from prices as its floor,
market impact as nothing. What a fill really costs is in `pricing.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal

from schemas.base import CENT, MILLIONTH, ZERO, to_cents, to_micro
from schemas.execution import ExecutionModel
from schemas.orders import Side
from trading.execution.commissions import BPS, commission_policy, next_fee


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


def moved(reference: Decimal, side: Side, share: Decimal) -> Decimal:
    """Return a price moved against an order by a share of it; 1e-6 places, never below that."""
    return max(to_micro(reference * (1 + share if side == "buy" else 1 - share)), MILLIONTH)


def fill_price(reference: Decimal, side: Side, execution: ExecutionModel) -> Decimal:
    """Return the price expected to be paid or received, the market's being `reference`."""
    return moved(reference, side, sum(_shares(execution), Decimal()))


def charge(quantity: Decimal, price: Decimal, execution: ExecutionModel) -> Charge:
    """Return amount and commission of an order that fills whole at that fill price."""
    money = quantity * price
    return Charge(
        to_cents(money), next_fee(commission_policy(execution.commission), quantity, money)
    )


def estimate(
    quantity: Decimal, reference: Decimal, side: Side, execution: ExecutionModel
) -> Charge:
    """Return what an order for so many units comes to with the market at `reference`."""
    return charge(quantity, fill_price(reference, side, execution), execution)


def price_impact(
    quantity: Decimal, reference: Decimal, execution: ExecutionModel
) -> tuple[Decimal, Decimal]:
    """Return the money lost to the half-spread and to slippage, each rounded to the cent."""
    notional = quantity * reference
    half_spread, slippage = _shares(execution)
    return to_cents(notional * half_spread), to_cents(notional * slippage)


def _shares(execution: ExecutionModel) -> tuple[Decimal, Decimal]:
    spread, slippage = execution.spread, execution.slippage
    half = spread.half_bps if spread.kind == "fixed" else spread.floor_half_bps
    if slippage.kind == "bps":
        return half / BPS, slippage.bps / BPS
    return half / BPS, slippage.price_impact * slippage.volume_limit**2


def whole(quantity: Decimal, execution: ExecutionModel) -> Decimal:
    """Cut a quantity down to what can be traded: whole units, or millionths when fractional."""
    return cut(quantity, MILLIONTH if execution.fractional else Decimal(1))


def cut(quantity: Decimal, step: Decimal) -> Decimal:
    """Cut a quantity down to steps of 1 or 1e-6; it has six places."""
    return quantity.quantize(step, rounding=ROUND_DOWN).quantize(MILLIONTH)


def affordable(cash: Decimal, price: Decimal, execution: ExecutionModel) -> Decimal:
    """Return the largest tradable quantity whose amount and commission cash covers, exactly."""
    if cash <= 0:
        return to_micro(ZERO)
    step = MILLIONTH if execution.fractional else Decimal(1)
    # Half a cent is what the rounding of the amount can give.
    high = int(((cash + CENT) / price / step).to_integral_value(rounding=ROUND_CEILING))
    low = 0
    while low < high:
        middle = (low + high + 1) // 2
        if charge(middle * step, price, execution).outlay <= cash:
            low = middle
        else:
            high = middle - 1
    return to_micro(low * step)
