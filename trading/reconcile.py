"""Compare our books of an account with a broker's: orders, fills, positions, cash, ledger.

Ours are what the account held at first (`opening`), the fills since, and what the ledger booked
beside trades. A difference is explained when what both sides tell accounts for it to the last unit
and cent; what merely could be the reason is named and left unexplained. Nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from schemas.base import CENT, plain
from schemas.orders import Fill, Order
from schemas.reconciliation import Difference, DifferenceCause, Reconciliation
from trading.order_states import content, is_presumed, is_settled
from trading.reconcile_account import account_differences, contradictions_of_mark
from trading.statements import Ours, Theirs, belongs


def reconcile(account: str, ours: Ours, theirs: Theirs, *, at: datetime) -> Reconciliation:
    """List every difference, with its cause as far as it can be told."""
    account_found = [
        *contradictions_of_mark(theirs.mark),
        *account_differences(ours, theirs.mark, _told(ours, theirs)),
    ]
    found = [
        *_order_differences(ours, theirs),
        *_fill_differences(ours, theirs),
    ]
    settled = _booked_by_hand(theirs, account_found)
    found = [
        each.model_copy(update={"explained": True})
        if (each.subject, each.key) in settled and each.cause in _BY_HAND
        else each
        for each in found
    ]
    return Reconciliation(
        account=account,
        at=at,
        session=theirs.session,
        orders=len({order.client_order_id for order in (*ours.orders, *theirs.orders)}),
        fills=len({fill.fill_id for fill in (*ours.fills, *theirs.fills)}),
        differences=(*found, *account_found),
    )


_BY_HAND = frozenset({"unknown_order", "manual_trade"})


def sentence(differences: Sequence[Difference], *, most: int = 5) -> str:
    """Put a list of differences into one sentence."""
    named = "; ".join(each.what for each in differences[:most])
    more = len(differences) - most
    return f"{named}; and {more} more" if more > 0 else named


def _booked_by_hand(
    theirs: Theirs, account_found: Sequence[Difference]
) -> frozenset[tuple[str, str]]:
    """Name the strange fills and ended orders of symbols where positions and cash agree.

    Our books hold them already: they were made before the opening, or booked by a person.
    """
    apart = {each.key for each in account_found if each.subject == "position"}
    if any(each.subject in ("cash", "account") for each in account_found):
        return frozenset()
    fills = {("fill", fill.fill_id) for fill in theirs.fills if fill.symbol not in apart}
    ended = {
        ("order", order.client_order_id)
        for order in theirs.orders
        if is_settled(order) and order.symbol not in apart
    }
    return frozenset(fills | ended)


def _told(ours: Ours, theirs: Theirs) -> tuple[Fill, ...]:
    """Return the broker's fills, each once; where it differs from ours only in cents, ours."""
    told: dict[str, Fill] = {}
    mine = {fill.fill_id: fill for fill in ours.fills}
    for fill in theirs.fills:
        kept = mine.get(fill.fill_id)
        told.setdefault(fill.fill_id, kept if kept and _in_cents(kept, fill) else fill)
    return tuple(told.values())


def _order_differences(ours: Ours, theirs: Theirs) -> Iterator[Difference]:
    mine = {order.client_order_id: order for order in ours.orders}
    told = {order.client_order_id: order for order in theirs.orders}
    filled: dict[str, dict[str, Decimal]] = {}
    for fill in theirs.fills:
        filled.setdefault(fill.client_order_id, {})[fill.fill_id] = fill.quantity
    for name, order in told.items():
        known = mine.get(name)
        found = _unknown(order) if known is None else _told_otherwise(known, order)
        if found is not None:
            yield found
        units = sum(filled.get(name, {}).values(), Decimal())
        if order.session >= theirs.since and units != order.filled_quantity:
            yield _units_apart(order, units)
    for name, order in mine.items():
        if name not in told and not is_settled(order):
            found = _untold(order)
            if found is not None:
                yield found


def _unknown(order: Order) -> Difference:
    return Difference(
        subject="order",
        key=order.client_order_id,
        cause="unknown_order",
        explained=False,
        ours=None,
        theirs=order.status,
        what=f"the broker has an order {order.client_order_id} that we never placed: "
        f"{order.side} {plain(order.quantity)} {order.symbol}",
    )


def _told_otherwise(ours: Order, told: Order) -> Difference | None:
    name = ours.client_order_id
    there = f"is {ours.status} with us and {told.status} there"
    shown = (ours.status, told.status)
    cause: DifferenceCause | None = None
    if content(ours)[1:] != content(told)[1:]:  # the broker need not know our agents
        cause, shown = "contradiction", (_terms(ours), _terms(told))
        there = f"is {shown[1]} at the broker and {shown[0]} with us"
    elif is_presumed(ours):
        cause = "late_arrival" if told.status != "rejected" else None
        there = f"was taken for rejected and is {told.status} there"
    elif ours.status in ("intent", "submitted", "unresolved"):
        cause = None if shown in _WAITING else "unconfirmed"
    elif told.status != ours.status:
        ended = is_settled(ours) and (
            is_settled(told) or told.filled_quantity > ours.filled_quantity
        )
        cause = "contradiction" if ended else "late_update"
    if cause is None:
        return None
    return Difference(
        subject="order",
        key=name,
        cause=cause,
        explained=cause != "contradiction",
        ours=shown[0],
        theirs=shown[1],
        what=f"order {name} {there}",
    )


_WAITING = {("submitted", "submitted"), ("submitted", "intent")}


def _terms(order: Order) -> str:
    return f"{order.side} {plain(order.quantity)} {order.symbol} ({order.terms.order_type})"


def _units_apart(order: Order, units: Decimal) -> Difference:
    name = order.client_order_id
    return Difference(
        subject="order",
        key=name,
        cause="contradiction",
        explained=False,
        ours=None,
        theirs=plain(order.filled_quantity),
        what=f"the broker tells of {plain(order.filled_quantity)} units filled of order {name} "
        f"and of fills of {plain(units)}",
    )


def _untold(order: Order) -> Difference | None:
    """Return what to think of an unsettled order that the broker, asked for it, does not know."""
    name = order.client_order_id
    if order.status in ("submitted", "unresolved"):
        what = f"order {name} is {order.status} and the broker does not know it so far"
    elif order.is_working:
        what = f"order {name} is {order.status} with us and the broker says it never had it"
    else:
        return None
    return Difference(
        subject="order",
        key=name,
        cause="contradiction" if order.is_working else "unconfirmed",
        explained=not order.is_working,
        ours=order.status,
        theirs=None,
        what=what,
    )


def _fill_differences(ours: Ours, theirs: Theirs) -> Iterator[Difference]:
    orders = {order.client_order_id: order for order in ours.orders}
    mine = {fill.fill_id: fill for fill in ours.fills}
    told: dict[str, Fill] = {}
    for fill in theirs.fills:
        first = told.setdefault(fill.fill_id, fill)
        if first != fill:
            yield _fill(fill, "contradiction", "is told twice by the broker, not the same")
    for name, fill in told.items():
        kept = mine.get(name)
        if kept is None:
            yield _unheard(fill, orders.get(fill.client_order_id))
        elif kept != fill:
            cents = _in_cents(kept, fill)
            what = "differs by a cent" if cents else "is not what the broker told before"
            yield _fill(fill, "rounding" if cents else "contradiction", what, ours=kept)
    for name, fill in mine.items():
        if name not in told and fill.session >= theirs.since:
            yield _fill(None, "contradiction", "was told by the broker and is no more", ours=fill)
    yield from _overfilled(ours)


def _unheard(fill: Fill, order: Order | None) -> Difference:
    if order is None:
        return _fill(fill, "manual_trade", "belongs to no order of ours")
    if not belongs(fill, order):
        return _fill(fill, "contradiction", f"cannot be of order {order.client_order_id}")
    return _fill(fill, "missing_fill", "was not known to us")


def _overfilled(ours: Ours) -> Iterator[Difference]:
    filled: dict[str, Decimal] = {}
    for fill in ours.fills:
        filled[fill.client_order_id] = filled.get(fill.client_order_id, Decimal()) + fill.quantity
    for order in ours.orders:
        units, name = filled.get(order.client_order_id, Decimal()), order.client_order_id
        if order.terms.notional is None and units > order.quantity:
            yield Difference(
                subject="order",
                key=name,
                cause="contradiction",
                explained=False,
                ours=plain(order.quantity),
                theirs=plain(units),
                what=f"the broker filled {plain(units)} units of order {name}, which is for "
                f"{plain(order.quantity)}",
            )


_EXPLAINED_FILLS = frozenset({"missing_fill", "rounding"})


def _fill(
    fill: Fill | None, cause: DifferenceCause, what: str, *, ours: Fill | None = None
) -> Difference:
    shown = fill or ours
    assert shown is not None  # noqa: S101 - one of the two is always given
    return Difference(
        subject="fill",
        key=shown.fill_id,
        cause=cause,
        explained=cause in _EXPLAINED_FILLS,
        ours=None if ours is None else _trade(ours),
        theirs=None if fill is None else _trade(fill),
        what=f"fill {shown.fill_id} ({_trade(shown)}) {what}",
    )


def _trade(fill: Fill) -> str:
    return f"{fill.side} {plain(fill.quantity)} {fill.symbol} at {plain(fill.price)}"


def _in_cents(ours: Fill, theirs: Fill) -> bool:
    """Whether two tellings of one fill differ in amounts by rounding alone."""
    same = {"amount", "commission", "spread_cost", "slippage_cost", "impact_cost", "realised_gain"}
    if ours.model_copy(update={name: getattr(theirs, name) for name in same}) != theirs:
        return False
    return (
        abs(ours.amount - theirs.amount) <= CENT
        and abs(ours.commission - theirs.commission) <= CENT
    )
