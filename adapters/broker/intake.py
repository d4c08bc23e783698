"""Taking what a broker tells into our store: fills once, states forward, nothing guessed.

Fills come first and are kept by their id; an order's filled units are never anything but the sum of
its fills that are kept. A crash between the two writes leaves a fill that the next taking-in finds
and counts. Every move is a compare-and-set: who comes second reads again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from interfaces.clock import Clock
from interfaces.order_store import OrderStore
from schemas.errors import Conflict, NotFound
from schemas.orders import Cause, Fill, Order, OrderStatus, Transition
from trading.order_states import MOST_REASON, follow, is_presumed, may_become, move, version
from trading.statements import belongs


class Intake:
    """Moves the orders of one account; any number of them side by side."""

    def __init__(self, store: OrderStore, *, account: str, clock: Clock) -> None:
        self._store = store
        self._account = account
        self._clock = clock
        self._seen: dict[str, Fill] = {}

    def fills(self, told: Iterable[Fill]) -> frozenset[str]:
        """Keep the fills of our orders and return the ids of orders that have new ones.

        What belongs to no order of ours, cannot be of the order it names, or was told otherwise
        before is left out: reconciliation lists it.
        """
        touched: set[str] = set()
        for fill in told:
            if self._seen.get(fill.fill_id) == fill:
                continue
            try:
                order = self._store.get(self._account, fill.client_order_id)
                if not belongs(fill, order):
                    continue
                if self._store.add_fill(self._account, fill, at=self._clock.now()):
                    touched.add(fill.client_order_id)
            except (NotFound, Conflict):
                continue
            self._seen[fill.fill_id] = fill
        return frozenset(touched)

    def follow(self, ours: Order, told: Order | None) -> Order:
        """Bring our order forward by what was told and by its fills, and return it."""
        while True:
            filled = self._filled(ours)
            after = follow(ours, told, filled=filled, at=self._moment(ours))
            if after is ours:
                return ours
            if self._moved(ours, after):
                return after
            ours = self._store.get(self._account, ours.client_order_id)

    def absent(self, ours: Order, *, settling: timedelta) -> Order:
        """Take in that the broker does not know the order, and return it.

        What was sent is unresolved; once it has been that for as long as things take to settle, it
        is presumed rejected. An order that the broker had acknowledged stays what it is: the
        answer is old, or a contradiction.
        """
        if ours.status == "submitted":
            return self.step(ours, "unresolved", "recovery", "the broker does not know it so far")
        if ours.status == "unresolved" and self._clock.now() - ours.history[-1].at >= settling:
            reason = f"the broker did not know it after {settling.total_seconds():.0f} s"
            return self.step(ours, "rejected", "recovery", reason)
        return ours

    def doubt(self, ours: Order, cause: Cause, reason: str) -> Order:
        """Note that nobody knows what became of an order being sent."""
        return self.step(ours, "unresolved", cause, reason) if ours.status == "submitted" else ours

    def claim(self, ours: Order) -> Order | None:
        """Move an intent to `submitted`; None when another worker was quicker: it alone sends."""
        to = self._transition(ours, "submitted", "gate", ours.gate)
        after = move(ours, to)
        return after if self._moved(ours, after) else None

    def step(self, ours: Order, status: OrderStatus, cause: Cause, reason: str | None) -> Order:
        """Move the order if it still is as we saw it; return it as it is by now, in any case."""
        if not may_become(ours, status):
            return ours
        after = move(ours, self._transition(ours, status, cause, reason))
        if self._moved(ours, after):
            return after
        return self._store.get(self._account, ours.client_order_id)

    def refuse(self, sent: Order, reason: str) -> Order:
        """Take in that the broker refused what was sent, whoever doubted it meanwhile."""
        ours = sent
        while ours.status in ("submitted", "unresolved") or is_presumed(ours):
            after = move(ours, self._transition(ours, "rejected", "venue", reason))
            if self._moved(ours, after):
                return after
            ours = self._store.get(self._account, ours.client_order_id)
        return ours

    def _transition(
        self, ours: Order, status: OrderStatus, cause: Cause, reason: str | None
    ) -> Transition:
        cut = None if reason is None else reason[:MOST_REASON]
        return Transition(at=self._moment(ours), status=status, cause=cause, reason=cut)

    def remember(self, kept: Iterable[Fill]) -> None:
        """Know these fills of the store, so that they are not asked for one by one."""
        self._seen.update((fill.fill_id, fill) for fill in kept)

    def catch_up(self, orders: Iterable[Order], kept: Iterable[Fill]) -> None:
        """Count the kept fills of orders whose units were not counted when a process died."""
        units: dict[str, Decimal] = {}
        for fill in kept:
            units[fill.client_order_id] = units.get(fill.client_order_id, Decimal()) + fill.quantity
        for order in orders:
            if units.get(order.client_order_id, order.filled_quantity) != order.filled_quantity:
                self.follow(order, None)

    def _filled(self, ours: Order) -> Decimal:
        kept = self._store.fills_of(self._account, ours.client_order_id)
        return max(sum((fill.quantity for fill in kept), Decimal()), ours.filled_quantity)

    def _moved(self, before: Order, after: Order) -> bool:
        try:
            self._store.move(self._account, after, seen=version(before))
        except Conflict:
            return False
        return True

    def _moment(self, ours: Order) -> datetime:
        # Another worker's clock may be ahead of ours; an order's history never runs back.
        now = self._clock.now()
        return max(now, ours.history[-1].at) if ours.history else now
