"""What corporate actions do to orders that rest: they go on meaning the same."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from schemas.base import MILLIONTH, to_micro
from schemas.facts import CorporateAction
from schemas.orders import Order
from trading.execution.costs import cut


def restate(order: Order, action: CorporateAction, *, step: Decimal) -> Order | str | None:
    """Return the order after an action of its instrument; a reason to cancel it; None: untouched.

    A split gives the units not filled yet in new units, and prices for one of them; what was
    filled stays as it was. Money to be traded is no units, and a dividend moves no price of an
    order. A new ticker is the order's from then on.
    """
    if action.kind in ("delisting", "cash_merger"):
        done = "bought out" if action.kind == "cash_merger" else "delisted"
        return f"{order.symbol} was {done} on {action.ex_date.isoformat()}"
    if action.kind == "ticker_change":
        return order.model_copy(update={"symbol": action.new_symbol})
    if action.new_units is None or action.old_units is None:
        return None
    return _split(order, Fraction(action.new_units) / Fraction(action.old_units), step)


def _split(order: Order, ratio: Fraction, step: Decimal) -> Order | str:
    # Money may have bought more units already than were thought of when it was placed.
    left = cut(_micro(Fraction(max(order.remaining, Decimal())) * ratio), step)
    if not left and (order.terms.notional is None or not order.filled_quantity):
        return "the split left no unit of it"
    terms = order.terms
    prices = {
        name: max(_micro(Fraction(price) / ratio), MILLIONTH)
        for name in ("limit_price", "stop_price", "trail_amount")
        if (price := getattr(terms, name)) is not None
    }
    changed: dict[str, object] = {"quantity": order.filled_quantity + left}
    if prices:
        changed["terms"] = terms.model_copy(update=prices)
    return order.model_copy(update=changed)


def _micro(exact: Fraction) -> Decimal:
    """Round half-even to 1e-6."""
    return to_micro(Decimal(round(exact * 1_000_000)).scaleb(-6))
