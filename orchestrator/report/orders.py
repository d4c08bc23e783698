"""What became of a run's orders, in words: how many were refused, and most often why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.report.words import count, day
from schemas.orders import Order
from schemas.results import RunResult

MANY = 0.25
"""A run with a larger share of its orders refused or cancelled is said to be hindered."""
_FIGURES = re.compile(r"\d[\d.,]*")


@dataclass(frozen=True)
class Fate:
    """The orders of one run: filled at least in part, or ended without a fill."""

    filled: int
    failed: tuple[Order, ...]
    asked: int
    abstentions: int

    @property
    def placed(self) -> int:
        """How many orders were placed and came to an end."""
        return self.filled + len(self.failed)

    @property
    def many(self) -> bool:
        """Whether more than a quarter of the orders came to nothing."""
        return len(self.failed) > MANY * self.placed


def fate_of(run: RunResult) -> Fate:
    """Count what became of a run's orders."""
    return Fate(
        filled=len({trade.fill.client_order_id for trade in run.trades}),
        failed=run.refused_orders,
        asked=len(run.decisions),
        abstentions=run.abstentions,
    )


def untraded(fate: Fate) -> str:
    """Say why a run never traded, beginning in small letters and without a full stop."""
    if fate.failed:
        n = len(fate.failed)
        every = "its only order was" if n == 1 else f"all {n:,} orders were"
        return f"{every} {ended(fate.failed)}, {leading_reason(fate.failed)}"
    if fate.asked and fate.abstentions == fate.asked:
        return "it abstained every time it was asked"
    return "it placed no order"


def hindered(fate: Fate) -> str:
    """Say how many orders came to nothing and why; empty where they were few."""
    if not fate.filled or not fate.many:
        return ""
    n = len(fate.failed)
    return (
        f"{n:,} of {count(fate.placed, 'order')} {'was' if n == 1 else 'were'} "
        f"{ended(fate.failed)}, {leading_reason(fate.failed)}"
    )


def ended(orders: Sequence[Order]) -> str:
    """Name how orders without a fill ended: refused, cancelled, or either."""
    states = {order.status == "cancelled" for order in orders}
    return (
        "refused or cancelled" if len(states) > 1 else "cancelled" if True in states else "refused"
    )


def leading_reason(orders: Sequence[Order]) -> str:
    """Give the commonest reason; reasons that differ in symbol and figures alone are one."""
    kinds = Counter(_kind(order) for order in orders)
    kind, times = kinds.most_common(1)[0]
    alike = [order for order in orders if _kind(order) == kind]
    first = alike[0]
    often = "because" if len(orders) == 1 else "each time because"
    if times < len(orders):
        often = f"most often ({times:,} times) because" if times > 1 else "for one because"
    if not first.status_reason:
        return often.removesuffix("because") + "for no stated reason"
    same = len({order.status_reason for order in alike}) == 1
    when = "" if same else f" (as on {day(first.session)})"
    return f"{often}{when} {first.status_reason.strip().rstrip('.')}"


def _kind(order: Order) -> str:
    said = (order.status_reason or "").replace(order.symbol, "#")
    return _FIGURES.sub("#", said)
