"""How an order may move from state to state, each move kept with its moment, cause and reason.

An order is a value: a move returns another one. Whoever stores orders moves them by
compare-and-set on `version`, so of two movers that saw the same order one wins and the other reads
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from schemas.errors import Conflict
from schemas.orders import ENDED, WORKING, Order, OrderStatus, Transition

_ENDINGS: frozenset[OrderStatus] = ENDED - {"denied"}
_SENT_BACK: frozenset[OrderStatus] = frozenset({"intent", "unresolved"})
_RESENT: frozenset[OrderStatus] = frozenset({"submitted"})

MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    "intent": frozenset({"denied", "submitted", "cancelled", "expired"}),
    "denied": frozenset(),
    "submitted": WORKING.union(_ENDINGS, _SENT_BACK),
    "accepted": frozenset({"partially_filled", "filled", "cancelled", "expired", "rejected"}),
    "partially_filled": frozenset({"partially_filled", "filled", "cancelled", "expired"}),
    "unresolved": WORKING.union(_ENDINGS, _RESENT),
    "filled": frozenset(),
    "cancelled": frozenset(),
    "rejected": frozenset(),
    "expired": frozenset(),
}
"""Where an order may go. `submitted` goes back to `intent` only when it is known that nothing was
sent; what was unresolved is found out, never guessed."""


def version(order: Order) -> int:
    """Return what a compare-and-set compares: how often the order has moved."""
    return len(order.history)


def intend(order: Order) -> Order:
    """Return the order as a wish, before any gate; the first entry of its history."""
    first = Transition(at=order.placed_as_of, status="intent", cause="agent", reason=None)
    return order.model_copy(update={"status": "intent", "status_reason": None, "history": (first,)})


def move(order: Order, to: Transition, *, filled: Decimal | None = None) -> Order:
    """Return the order in its next state; `Conflict` when it cannot go there.

    `filled` are the units filled in all by now; they never become fewer.
    """
    name = order.client_order_id
    if to.status not in MOVES[order.status]:
        raise Conflict(f"order {name} is {order.status} and cannot become {to.status}")
    units = order.filled_quantity if filled is None else filled
    if units < order.filled_quantity:
        raise Conflict(f"order {name} has {order.filled_quantity} units filled, not {units}")
    return order.model_copy(
        update={
            "status": to.status,
            "status_reason": order.status_reason if to.reason is None else to.reason,
            "filled_quantity": units,
            "history": (*order.history, to),
        }
    )
