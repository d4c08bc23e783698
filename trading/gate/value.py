"""What an order comes to before its price is known."""

from __future__ import annotations

from decimal import Decimal

from schemas.base import to_cents
from schemas.execution import ExecutionModel
from schemas.orders import Terms
from trading.execution.costs import Charge, charge, fill_price
from trading.orders import OrderIntent


def order_units(intent: OrderIntent, close: Decimal) -> Decimal:
    """Return the units an order may come to at the last close: its quantity, or its notional's.

    The larger of both: an order that names money is not made smaller by the units beside it.
    """
    notional = intent.terms.notional
    return intent.quantity if notional is None else max(intent.quantity, notional / close)


def order_charge(intent: OrderIntent, close: Decimal, execution: ExecutionModel) -> Charge:
    """Return amount and commission of an order at the last close, moved by spread and slippage.

    A buy with a limit is taken at that limit, for it may have to pay it; one with a stop at the
    stop, moved. Money that an order names is its amount.
    """
    notional = intent.terms.notional
    if notional is not None:
        at_close = charge(order_units(intent, close), close, execution)
        return Charge(max(to_cents(notional), at_close.amount), at_close.commission)
    price = _limit(intent.terms) if intent.side == "buy" else None
    if price is None:
        reference = close if intent.side == "sell" else max(close, _stop(intent.terms, close))
        price = fill_price(reference, intent.side, execution)
    return charge(intent.quantity, price, execution)


def _limit(terms: Terms) -> Decimal | None:
    return terms.limit_price


def _stop(terms: Terms, close: Decimal) -> Decimal:
    if terms.stop_price is not None:
        return terms.stop_price
    if terms.trail_amount is not None:
        return close + terms.trail_amount
    return close if terms.trail_share is None else close * (1 + terms.trail_share)
