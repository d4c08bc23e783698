"""What we need to remember of an account at a broker outside our process: its orders and fills.

Each method that returns has been acknowledged: what it wrote survives a crash. Each write touches
one document, so a crash lies between any two of them. Trouble with the database raises
`Unavailable`; such a write may have arrived, and asking again tells. Accounts are apart: an order's
id is unique within its account, for good.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

from schemas.account import AccountMark
from schemas.orders import Fill, Order


class OrderStore(Protocol):
    """Orders moved by compare-and-set, fills kept once; any number of workers side by side."""

    def begin(self, account: str, mark: AccountMark) -> AccountMark:
        """Keep what the account held before our first order, and return it: the first one kept."""
        ...

    def opening(self, account: str) -> AccountMark | None:
        """Return what the account held before our first order; None when nothing was kept."""
        ...

    def create(self, account: str, order: Order) -> Order:
        """Keep a new order and return it; the same content again returns what is kept by now.

        `Conflict` when the id exists with other content (`trading.order_states.content`).
        """
        ...

    def move(self, account: str, order: Order, *, seen: int) -> None:
        """Replace an order that still is at the version `seen` by this later one.

        `Conflict` when it has moved on, whoever moved it and wherever to: of two movers of the same
        version one alone returns. `NotFound` when it was never kept.
        """
        ...

    def get(self, account: str, client_order_id: str) -> Order:
        """Return the order; `NotFound`."""
        ...

    def orders(self, account: str, *, session: date | None = None) -> tuple[Order, ...]:
        """Return the orders, or those placed for one session: oldest session first, as placed."""
        ...

    def unsettled(self, account: str) -> tuple[Order, ...]:
        """Return those that have not ended, or only by our presumption; in the same order."""
        ...

    def add_fill(self, account: str, fill: Fill, *, at: datetime) -> bool:
        """Keep a fill that became known at that moment; False when it was kept before.

        `Conflict` when its id was kept with other content: the first one stays.
        """
        ...

    def fills(self, account: str, *, since: date | None = None) -> tuple[Fill, ...]:
        """Return the fills, or those from a session on: by session, then as they became known."""
        ...

    def fills_of(self, account: str, client_order_id: str) -> tuple[Fill, ...]:
        """Return the fills of one order, in the same order."""
        ...
