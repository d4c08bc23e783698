"""A broker that misbehaves by a seed, around an honest one: the double to test an order path with.

What it does is what venues and networks do. One rule it keeps, since nothing could be built without
it: `Unavailable` is said only when nothing happened. After `calm` it is honest again.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from interfaces.broker import Broker
from schemas.account import AccountMark, LotMark
from schemas.errors import AlphaShieldError, NotFound, Unavailable, Unresolved
from schemas.orders import Fill, Order, Transition
from trading.order_states import move

T = TypeVar("T")

_MEMORY = 6
"""A stale answer is at most so many questions old."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each thing happens, from 0 (never) to 1."""

    refuses: float = 0.0
    """`Unavailable`: nothing happened."""
    loses_before: float = 0.0
    """`Unresolved`, and nothing happened."""
    loses_after: float = 0.0
    """`Unresolved`, and it happened."""
    delays: float = 0.0
    """`Unresolved`; the order arrives some calls later, and is not known until then."""
    rejects: float = 0.0
    """The venue says no."""
    drops: float = 0.0
    """Each entry of a list may be left out."""
    duplicates: float = 0.0
    """Each entry of a list may come twice."""
    reorders: float = 0.0
    """A list comes in any order."""
    stale: float = 0.0
    """An answer that was true some questions ago."""
    lies: float = 0.0
    """Positions and cash that are not so."""
    garbage: float = 0.0
    """An entry that cannot be: no number, or another order's symbol."""


MILD = Faults(refuses=0.1, loses_after=0.15, duplicates=0.3, reorders=0.5)
"""What a good order path hides from its caller altogether."""
WILD = Faults(
    refuses=0.08,
    loses_before=0.08,
    loses_after=0.12,
    delays=0.1,
    rejects=0.04,
    drops=0.06,
    duplicates=0.15,
    reorders=0.4,
    stale=0.08,
    lies=0.04,
    garbage=0.03,
)
"""Everything at once."""


class HostileBroker:
    """Implement `Broker` badly; one thread at a time.

    `happened` counts the faults by name, so that a test can tell that it tested something.
    """

    def __init__(self, inner: Broker, *, seed: int, faults: Faults = WILD) -> None:
        self.happened: dict[str, int] = {}
        self._inner = inner
        self._faults = faults
        self._random = random.Random(seed)  # noqa: S311 - mischief, not secrets
        self._under_way: list[tuple[int, Order]] = []
        self._rejected: dict[str, Order] = {}
        self._orders_told: deque[tuple[Order, ...]] = deque(maxlen=_MEMORY)
        self._accounts_told: deque[AccountMark] = deque(maxlen=_MEMORY)

    def turn(self, faults: Faults) -> None:
        """Misbehave in this way from now on; `Faults(refuses=1)` is an outage."""
        self._faults = faults

    def calm(self) -> None:
        """Be honest from now on; what is under way arrives."""
        self.turn(Faults())
        for _, order in self._under_way:
            self._arrive(order)
        self._under_way.clear()

    def submit(self, order: Order) -> Order:
        """Hand the order on, or not, or later, and say so, or not."""
        self._pass_time()
        self._refuse()
        if order.client_order_id in self._rejected:
            return self._rejected[order.client_order_id]
        if self._now("loses_before"):
            raise Unresolved("no answer came")
        if self._now("delays"):
            self._under_way.append((self._random.randint(1, 12), order))
            raise Unresolved("no answer came")
        answer = self._reject(order) if self._now("rejects") else self._inner.submit(order)
        if self._now("loses_after"):
            raise Unresolved("no answer came")
        return self._spoil_order(answer)

    def cancel(self, client_order_id: str) -> Order:
        """Cancel, or not, and say so, or not."""
        self._pass_time()
        self._refuse()
        if self._now("loses_before"):
            raise Unresolved("no answer came")
        answer = self._inner.cancel(client_order_id)
        if self._now("loses_after"):
            raise Unresolved("no answer came")
        return self._spoil_order(answer)

    def order(self, client_order_id: str) -> Order:
        """Return the order, perhaps as it was, perhaps as if it were not known."""
        self._pass_time()
        self._refuse()
        if client_order_id in self._rejected:
            return self._rejected[client_order_id]
        if self._orders_told and self._now("stale"):
            for order in self._orders_told[0]:
                if order.client_order_id == client_order_id:
                    return order
            raise NotFound(f"the venue has no order {client_order_id!r}")
        return self._spoil_order(self._inner.order(client_order_id))

    def orders(self) -> tuple[Order, ...]:
        """Return the orders, some left out, twice, out of order, old or spoiled."""
        self._pass_time()
        self._refuse()
        session = self._inner.session()
        mine = [order for order in self._rejected.values() if order.session == session]
        told = self._remembered(self._orders_told, (*self._inner.orders(), *mine))
        return tuple(self._spoil_order(order) for order in self._shuffled(told))

    def fills(self, *, since: date | None = None) -> tuple[Fill, ...]:
        """Return the fills, some left out, twice, out of order or spoiled."""
        self._pass_time()
        self._refuse()
        told = self._inner.fills(since=since)
        if len(told) > 1 and self._now("stale"):
            told = told[: self._random.randrange(len(told))]
        return tuple(self._spoil_fill(fill) for fill in self._shuffled(told))

    def session(self) -> date:
        """Return the session orders are placed for."""
        self._refuse()
        return self._inner.session()

    def account(self) -> AccountMark:
        """Return the account, perhaps as it was, perhaps a lie."""
        self._pass_time()
        self._refuse()
        told = self._remembered(self._accounts_told, self._inner.account())
        if not self._now("lies"):
            return told
        if not told.positions:
            return told.model_copy(update={"cash": told.cash + 7, "equity": told.equity + 7})
        first, *rest = told.positions
        lie = first.model_copy(update={"quantity": first.quantity + 7})
        return told.model_copy(update={"positions": (lie, *rest)})

    def lots(self, symbol: str) -> tuple[LotMark, ...]:
        """Return the lots, some left out, twice or out of order."""
        self._pass_time()
        self._refuse()
        return tuple(self._shuffled(self._inner.lots(symbol)))

    def _now(self, fault: str) -> bool:
        rate: float = getattr(self._faults, fault)
        if rate <= 0 or self._random.random() >= rate:
            return False
        self.happened[fault] = self.happened.get(fault, 0) + 1
        return True

    def _refuse(self) -> None:
        if self._now("refuses"):
            raise Unavailable("the broker does not answer")

    def _pass_time(self) -> None:
        """Let what is under way come nearer, and arrive."""
        waiting: list[tuple[int, Order]] = []
        for calls, order in self._under_way:
            if calls > 1:
                waiting.append((calls - 1, order))
            else:
                self._arrive(order)
        self._under_way = waiting

    def _arrive(self, order: Order) -> None:
        try:
            self._inner.submit(order)
        except AlphaShieldError:  # refused, and nobody is there to hear it
            self._reject(order)

    def _reject(self, order: Order) -> Order:
        refused = order
        for status in ("submitted", "rejected"):
            to = Transition(
                at=order.placed_as_of, status=status, cause="venue", reason="the venue says no"
            )
            refused = move(refused, to)
        self._rejected[order.client_order_id] = refused
        return refused

    def _remembered(self, memory: deque[T], truth: T) -> T:
        memory.append(truth)
        return memory[0] if self._now("stale") else truth

    def _shuffled(self, entries: Sequence[T]) -> list[T]:
        told: list[T] = []
        for entry in entries:
            if not self._now("drops"):
                told += [entry] * (2 if self._now("duplicates") else 1)
        if self._now("reorders"):
            self._random.shuffle(told)
        return told

    def _spoil_order(self, order: Order) -> Order:
        if not self._now("garbage"):
            return order
        name, nonsense = self._random.choice(_NO_ORDER)
        return order.model_copy(update={name: nonsense})

    def _spoil_fill(self, fill: Fill) -> Fill:
        if not self._now("garbage"):
            return fill
        name, nonsense = self._random.choice(_NO_FILL)
        return fill.model_copy(update={name: nonsense})


_NO_ORDER: tuple[tuple[str, object], ...] = (
    ("quantity", Decimal("NaN")),
    ("symbol", "WRONG"),
    ("filled_quantity", Decimal(-1)),
    ("status", "nonsense"),
)
_NO_FILL: tuple[tuple[str, object], ...] = (
    ("quantity", Decimal("NaN")),
    ("symbol", "WRONG"),
    ("price", Decimal(0)),
    ("amount", Decimal("Infinity")),
)
