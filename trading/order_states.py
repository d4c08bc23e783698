"""How an order may move from state to state, each move kept with its moment, cause and reason.

An order is a value: a move returns another one. Whoever stores orders moves them by
compare-and-set on `version`, so of two movers that saw the same order one wins and the other reads
again.

    from              to  int den sub unr acc par fil can rej exp
    intent                 ·   x   x   ·   ·   ·   ·   x   ·   x    not sent
    submitted              x   ·   ·   x   x   x   x   x   x   x    being sent, or answered "waits"
    unresolved             ·   ·   x   ·   x   x   x   x   x   x    may be there: asked about
    accepted               ·   ·   ·   ·   ·   x   x   x   x   x    the venue works it
    partially_filled       ·   ·   ·   ·   ·   x   x   x   ·   x
    presumed rejected      ·   ·   x   ·   x   x   x   x   x   x    a late arrival
    denied, filled, cancelled, rejected, expired: nowhere

`submitted` goes back to `intent` only when it is known that nothing was sent. `unresolved` becomes
`submitted` when the venue has it and has not taken it yet; it is never the beginning of sending it
again. An order that was unresolved and that the venue did not know once things had settled is
`rejected` with the cause `recovery`: that is our presumption, not the venue's word, so such an
order alone may come back when it turns up late. A fill that becomes known after an order's end
does not move it (`take_late_fill`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from schemas.base import plain
from schemas.errors import Conflict
from schemas.orders import ENDED, WORKING, Cause, Order, OrderStatus, Transition

_ENDINGS: frozenset[OrderStatus] = ENDED - {"denied"}
_SENT_BACK: frozenset[OrderStatus] = frozenset({"intent", "unresolved"})
_WAITING: frozenset[OrderStatus] = frozenset({"submitted"})

MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    "intent": frozenset({"denied", "submitted", "cancelled", "expired"}),
    "denied": frozenset(),
    "submitted": WORKING.union(_ENDINGS, _SENT_BACK),
    "accepted": frozenset({"partially_filled", "filled", "cancelled", "expired", "rejected"}),
    "partially_filled": frozenset({"partially_filled", "filled", "cancelled", "expired"}),
    "unresolved": WORKING.union(_ENDINGS, _WAITING),
    "filled": frozenset(),
    "cancelled": frozenset(),
    "rejected": frozenset(),
    "expired": frozenset(),
}
"""Where an order may go; `may_become` adds what a presumed rejection may."""


MOST_REASON = 500
"""No reason is longer."""


def version(order: Order) -> int:
    """Return what a compare-and-set compares: how often the order has moved."""
    return len(order.history)


def content(order: Order) -> tuple[object, ...]:
    """Return what was ordered: two orders of one id are the same when these are.

    What becomes of an order, when it was placed and why are no part of it.
    """
    return (
        order.agent,
        order.session,
        order.symbol,
        order.side,
        order.quantity,
        order.terms,
    )


def intend(order: Order) -> Order:
    """Return the order as a wish, before any gate; the first entry of its history."""
    first = Transition(at=order.placed_as_of, status="intent", cause="agent", reason=None)
    return order.model_copy(update={"status": "intent", "status_reason": None, "history": (first,)})


def is_presumed(order: Order) -> bool:
    """Whether it is rejected because the venue did not know it, not because the venue said so."""
    return (
        order.status == "rejected" and bool(order.history) and order.history[-1].cause == "recovery"
    )


def is_settled(order: Order) -> bool:
    """Whether it has ended by the word of whoever can tell."""
    return order.status in ENDED and not is_presumed(order)


def came_late(order: Order) -> bool:
    """Whether it was presumed rejected and then turned up."""
    return any(
        move.status == "rejected" and move.cause == "recovery" for move in order.history[:-1]
    )


def may_become(order: Order, status: OrderStatus) -> bool:
    """Tell whether the order may move there."""
    return status in MOVES["unresolved" if is_presumed(order) else order.status]


def move(order: Order, to: Transition, *, filled: Decimal | None = None) -> Order:
    """Return the order in its next state; `Conflict` when it cannot go there.

    `filled` are the units filled in all by now; they never become fewer.
    """
    if not may_become(order, to.status):
        raise Conflict(
            f"order {order.client_order_id} is {order.status} and cannot become {to.status}"
        )
    return _moved(order, to, order.filled_quantity if filled is None else filled)


def take_late_fill(order: Order, *, at: datetime, filled: Decimal) -> Order:
    """Return an order that has ended, with units filled that were not known at its end.

    It stays what it is; one that is filled whole by them is `filled`. `Conflict` when it has not
    ended or the units are no more than before.
    """
    name = order.client_order_id
    if not is_settled(order) or filled <= order.filled_quantity:
        raise Conflict(f"order {name} is {order.status}, with {order.filled_quantity} units filled")
    status = "filled" if _is_whole(order, filled) else order.status
    reason = f"{plain(filled - order.filled_quantity)} units filled became known after its end"
    return _moved(order, Transition(at=at, status=status, cause="venue", reason=reason), filled)


def follow(ours: Order, told: Order | None, *, filled: Decimal, at: datetime) -> Order:
    """Bring our order forward by what the venue tells of it and the fills of it that we hold.

    Returns `ours` itself when that says nothing new. States never go back, so an old answer
    changes nothing. `filled` are the units of the fills at hand, and the only ones that count: an
    end that the venue tells of is taken once the fills that it speaks of are all here.
    """
    if is_settled(ours):
        late = filled > ours.filled_quantity
        return take_late_fill(ours, at=at, filled=filled) if late else ours
    target = _target(ours, told, filled)
    if target is None:
        return ours
    order = ours
    for status in (*_steps(ours, target, told, filled), target):
        reason = _reason(order, told, last=status == target)
        # An end is always the venue's word; where else we find an order again, it is our doing.
        by: Cause = "recovery" if _is_lost(order) and status not in ENDED else "venue"
        to = Transition(at=at, status=status, cause=by, reason=reason)
        order = move(order, to, filled=filled if status in _WITH_FILLS else None)
    return order


def _is_lost(order: Order) -> bool:
    """Whether nothing is known of the order at the venue."""
    return order.status in ("intent", "unresolved") or is_presumed(order)


_WITH_FILLS: frozenset[OrderStatus] = WORKING.union(_ENDINGS) - {"accepted"}


def _moved(order: Order, to: Transition, filled: Decimal) -> Order:
    if filled < order.filled_quantity:
        raise Conflict(
            f"order {order.client_order_id} has {order.filled_quantity} units filled, not {filled}"
        )
    return order.model_copy(
        update={
            "status": to.status,
            "status_reason": to.reason,
            "filled_quantity": filled,
            "history": (*order.history, to),
        }
    )


def _is_whole(order: Order, filled: Decimal) -> bool:
    # An order for money has no number of units that makes it whole: the venue alone says so.
    return order.terms.notional is None and filled >= order.quantity


def _target(ours: Order, told: Order | None, filled: Decimal) -> OrderStatus | None:
    """Return where the order goes, or None when it stays where it is."""
    wanted = _shown(ours, told, filled)
    if wanted is None:
        return None
    if wanted == ours.status:
        more = wanted == "partially_filled" and filled > ours.filled_quantity
        return wanted if more or is_presumed(ours) else None
    if ours.status == "intent":
        return wanted
    return wanted if may_become(ours, wanted) else None


def _shown(ours: Order, told: Order | None, filled: Decimal) -> OrderStatus | None:
    """Return the state that fills and the venue's word show together."""
    if _is_whole(ours, filled):
        return "filled"
    if told is not None and told.status in _ENDINGS and _is_complete(ours, told, filled):
        return told.status
    if filled > 0:
        return "partially_filled"
    if told is None or told.status in ("denied", "unresolved"):
        return None
    return "submitted" if told.status in ("intent", "submitted") else "accepted"


def _is_complete(ours: Order, told: Order, filled: Decimal) -> bool:
    """Whether all fills are here that the end told of speaks of, and the two agree."""
    if filled < told.filled_quantity:
        return False
    if told.status == "filled":
        return ours.terms.notional is not None and filled > 0
    return told.status != "rejected" or not filled


def _steps(
    ours: Order, target: OrderStatus, told: Order | None, filled: Decimal
) -> tuple[OrderStatus, ...]:
    """Return the states on the way that the order passed while we did not look."""
    sent: tuple[OrderStatus, ...] = ("submitted",) if ours.status == "intent" else ()
    if target == "submitted":
        return ()
    known = told is not None and any(step.status == "accepted" for step in told.history)
    waits = ours.status in ("intent", "submitted", "unresolved") or is_presumed(ours)
    if waits and target not in ("accepted", "rejected") and (known or filled > 0):
        return (*sent, "accepted")
    return sent


def _reason(order: Order, told: Order | None, *, last: bool) -> str | None:
    if last and told is not None and told.status in ENDED and told.status_reason:
        return told.status_reason[:MOST_REASON]
    if is_presumed(order):
        return "it turned up at the venue after it was taken for rejected"
    if order.status == "unresolved":
        return "found at the venue by its id"
    if order.status == "intent":
        return "the venue has it though nothing is known of its sending"
    return None
