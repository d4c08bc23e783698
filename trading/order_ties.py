"""What orders are to one another: exits to an entry, and sells to a buy that needs them."""

from __future__ import annotations

from decimal import Decimal

from schemas.orders import Order


def makes_room(sell: Order, buy: Order) -> bool:
    """Return whether a buy is within the limits only once that sell has filled.

    Stops and the exits of brackets and groups protect what is held: nobody counts on them. Nothing
    that is kept tells which of two agents' orders of one session came first: all of them count.
    """
    if not (buy.terms.after_sells and buy.side == "buy" and sell.side == "sell"):
        return False
    terms = sell.terms
    if terms.order_type not in ("market", "limit") or terms.parent_id or terms.oco_group:
        return False
    if sell.session != buy.session:
        return sell.session < buy.session
    return sell.agent != buy.agent or sell.sequence < buy.sequence


def why_unsold(sell: Order) -> str:
    """Return why a buy ends that needed a sell which did not fill."""
    told = "it was within the limits only with the sells before it"
    return f"{told}, and {sell.symbol}'s did not fill"


def exits(child: Order, parent: Order) -> bool:
    """Return whether a child turns back what its parent does."""
    return child.symbol == parent.symbol and child.side != parent.side


def exit_units(child: Order, parent: Order, *, is_whole: bool) -> Decimal:
    """Return how many units an exit trades once its parent has filled as far as it ever will.

    One that was to exit all that its parent ordered (`is_whole`) exits all that it filled: also
    when that is more, as money may buy more units than it would have at the last close. Any other
    exits no more than that.
    """
    filled = parent.filled_quantity
    if is_whole and (parent.terms.notional is not None or is_resized(parent)):
        return filled
    # Units filled before a split are old ones; those that were not filled are told in new ones.
    left = child.quantity - parent.remaining
    return left if is_whole and left > 0 else min(child.quantity, filled)


def is_resized(order: Order) -> bool:
    """Return whether a child works for other units than it asked for: its acceptance says why."""
    accepted = (each for each in order.history if each.status == "accepted")
    return order.terms.parent_id is not None and any(each.reason for each in accepted)
