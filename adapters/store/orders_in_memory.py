"""The order store in a process's own memory: for tests, and to try an order path on its own.

It keeps the contract of the stored one, compare-and-set included, for any number of threads; it
does not survive the process.
"""

from __future__ import annotations

import threading
from datetime import date, datetime

from schemas.account import AccountMark
from schemas.errors import Conflict, NotFound
from schemas.orders import Fill, Order
from trading.order_states import content, is_settled, version


class InMemoryOrderStore:
    """`interfaces.order_store.OrderStore` without a database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._openings: dict[str, AccountMark] = {}
        self._orders: dict[tuple[str, str], Order] = {}
        self._fills: dict[tuple[str, str], tuple[datetime, int, Fill]] = {}

    def begin(self, account: str, mark: AccountMark) -> AccountMark:
        """Keep what the account held before our first order; the first one stays."""
        with self._lock:
            return self._openings.setdefault(account, mark)

    def opening(self, account: str) -> AccountMark | None:
        """Return what the account held before our first order, or None."""
        with self._lock:
            return self._openings.get(account)

    def create(self, account: str, order: Order) -> Order:
        """Keep a new order; the same content again returns what is kept, other is `Conflict`."""
        with self._lock:
            kept = self._orders.setdefault((account, order.client_order_id), order)
        if content(kept) != content(order):
            raise Conflict(f"order {order.client_order_id} exists with other content")
        return kept

    def move(self, account: str, order: Order, *, seen: int) -> None:
        """Replace the order if it still is at the version `seen`; `Conflict`, `NotFound`."""
        with self._lock:
            kept = self._get(account, order.client_order_id)
            if version(kept) != seen:
                raise Conflict(
                    f"order {order.client_order_id} has moved on: it is {kept.status} at version "
                    f"{version(kept)}, not {seen}"
                )
            self._orders[account, order.client_order_id] = order

    def get(self, account: str, client_order_id: str) -> Order:
        """Return the order; `NotFound`."""
        with self._lock:
            return self._get(account, client_order_id)

    def orders(self, account: str, *, session: date | None = None) -> tuple[Order, ...]:
        """Return the orders of the account, or of one session, as they were placed."""
        with self._lock:
            mine = [order for (whose, _), order in self._orders.items() if whose == account]
        mine = [order for order in mine if session is None or order.session == session]
        return tuple(sorted(mine, key=_place))

    def unsettled(self, account: str) -> tuple[Order, ...]:
        """Return those that have not ended, or only by our presumption."""
        return tuple(order for order in self.orders(account) if not is_settled(order))

    def add_fill(self, account: str, fill: Fill, *, at: datetime) -> bool:
        """Keep a fill; False when it was kept before, `Conflict` when with other content."""
        with self._lock:
            new = (at, len(self._fills), fill)
            kept = self._fills.setdefault((account, fill.fill_id), new)
        if kept[2] != fill:
            raise Conflict(f"fill {fill.fill_id} exists with other content")
        return kept is new

    def fills(self, account: str, *, since: date | None = None) -> tuple[Fill, ...]:
        """Return the fills, or those from a session on, as they became known."""
        with self._lock:
            mine = [kept for (whose, _), kept in self._fills.items() if whose == account]
        mine.sort(key=lambda kept: (kept[2].session, kept[0], kept[1]))
        return tuple(fill for _, _, fill in mine if since is None or fill.session >= since)

    def fills_of(self, account: str, client_order_id: str) -> tuple[Fill, ...]:
        """Return the fills of one order, as they became known."""
        found = self.fills(account)
        return tuple(fill for fill in found if fill.client_order_id == client_order_id)

    def _get(self, account: str, client_order_id: str) -> Order:
        kept = self._orders.get((account, client_order_id))
        if kept is None:
            raise NotFound(f"the account has no order {client_order_id!r}")
        return kept


def _place(order: Order) -> tuple[date, datetime, str, int, str]:
    return order.session, order.placed_as_of, order.agent, order.sequence, order.symbol
