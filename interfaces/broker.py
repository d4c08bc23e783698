"""A broker, and the simulated exchange that also settles.

Of an error at `submit` or `cancel` three things can be meant, and an adapter says which:
`Unavailable`, it is known not to have happened and may be tried again; `Unresolved`, it may have
happened: ask by the order's id, never repeat it; `Conflict` or `InvalidRequest`, it was refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from schemas.account import AccountMark, LotMark
from schemas.ledger import Transaction, TransactionKind
from schemas.orders import Fill, Order
from schemas.tick import Tick


class Broker(Protocol):
    """Takes orders that passed the gate, and tells orders, fills and the account.

    Submitting the same `client_order_id` twice is one order. No answer ever holds a price of the
    session the order is for before that session is over.
    """

    def submit(self, order: Order) -> Order:
        """Hand over an `intent` that passed the gate, or a `denied` order; return it as recorded.

        The intent comes back `accepted` (or already filled, or `rejected`), with `submitted` and
        what followed in its history. A denied order is recorded, never worked. `Conflict` when the
        id exists with other content; `InvalidRequest` for terms the venue does not know. A venue
        that says no is no error: the order comes back `rejected` with the reason.
        """
        ...

    def cancel(self, client_order_id: str) -> Order:
        """Cancel a working order and return it; `NotFound`; `Conflict` when it has ended.

        What was filled of it stays filled.
        """
        ...

    def order(self, client_order_id: str) -> Order:
        """Return the order as it stands; `NotFound` when the venue has never had it."""
        ...

    def orders(self) -> tuple[Order, ...]:
        """Return the orders of the current session and all older ones that still work or wait.

        Oldest session first, in placing order.
        """
        ...

    def fills(self, *, since: date | None = None) -> tuple[Fill, ...]:
        """Return the fills from that session on, in the order they were made.

        Without `since`, those of the current session. A fill once told is told again, unchanged,
        under the same `fill_id`.
        """
        ...

    def session(self) -> date:
        """Return the session orders are placed for."""
        ...

    def account(self) -> AccountMark:
        """Return the account valued at the last known closes."""
        ...

    def lots(self, symbol: str) -> tuple[LotMark, ...]:
        """Return the lots of a holding, oldest first; none when nothing is held of it.

        Their units sum to the position that `account` tells, and their values to its value.
        """
        ...


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of a transaction to be posted: an account and a signed amount."""

    account: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Settled:
    """Everything a session left behind, in the order it happened."""

    orders: tuple[Order, ...]
    """Placed in the session, or placed before and changed in it."""
    fills: tuple[Fill, ...]
    transactions: tuple[Transaction, ...]
    mark: AccountMark
    ledger_hash: str


class SimulatedExchange(Broker, Protocol):
    """A broker in our own process that fills from bars.

    The orchestrator alone begins, posts, settles and ends a session, in that order. All state is
    rebuilt from committed ticks; what happened since the last commit is dropped when the process
    dies, and happens again, to the byte.
    """

    def restore(self, ticks: Iterable[Tick]) -> None:
        """Rebuild account and working orders from the run's ticks, from the first on."""
        ...

    def begin(self, tick: int, session: date) -> None:
        """Start a session: older working orders go on, marks are at the last known closes."""
        ...

    def post(
        self, kind: TransactionKind, description: str, postings: Sequence[Posting]
    ) -> Transaction:
        """Post a transaction now; `InvalidRequest` when it does not sum to zero.

        Cash is the account `assets:cash`; it may not fall below zero, or below what leverage
        allows: `LimitBreached`.
        """
        ...

    def settle(self) -> None:
        """Fill the session's orders; the clock must stand past its close."""
        ...

    def end(self) -> Settled:
        """Mark at the session's closes and hand over everything it did."""
        ...
