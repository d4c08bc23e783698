"""Questions to a broker that may not answer, or answer nonsense.

A question changes nothing, so it is asked again while the broker does not answer; an answer is
believed once it is a message at all, and the one that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from pydantic import ValidationError

from interfaces.broker import Broker
from schemas.account import AccountMark
from schemas.base import Message
from schemas.errors import AlphaShieldError, Unavailable, Unresolved, UntrustworthyData
from schemas.orders import Fill, Order
from trading.order_states import content

T = TypeVar("T")
M = TypeVar("M", bound=Message)
Pause = Callable[[int], None]
"""Waits before the attempt of that number, counted from 1."""


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """How patient the order path is."""

    attempts: int = 3
    """Calls in all, where it is known that nothing happened."""
    looks: int = 3
    """Comparisons of the books before a difference counts: the first may meet an old answer."""
    settling: timedelta = timedelta(seconds=60)
    """An order not known for so long is presumed rejected."""
    watch: timedelta = timedelta(days=30)
    """How long after its session a presumed rejection may still turn up unasked."""


def no_pause(attempt: int) -> None:
    """Try again at once."""
    del attempt


class BrokerReader:
    """Asks a broker; every answer is sound by itself, or an error is raised.

    `Unavailable` when it does not answer in so many attempts, `UntrustworthyData` when the last
    answer was nonsense.
    """

    def __init__(self, inner: Broker, *, attempts: int, pause: Pause) -> None:
        self._inner = inner
        self._attempts = attempts
        self._pause = pause

    def order(self, ours: Order) -> Order:
        """Return what the broker has under our order's id; `NotFound`."""
        return self._ask(lambda: order_like(self._inner.order(ours.client_order_id), ours))

    def orders(self) -> tuple[Order, ...]:
        """Return its orders, each once: the newest telling of each."""

        def ask() -> tuple[Order, ...]:
            told: dict[str, Order] = {}
            for order in _sound_list(Order, self._inner.orders()):
                known = told.get(order.client_order_id)
                if known is None or len(known.history) <= len(order.history):
                    told[order.client_order_id] = order
            return tuple(told.values())

        return self._ask(ask)

    def fills(self, *, since: date) -> tuple[Fill, ...]:
        """Return its fills from a session on, as told: a fill may come twice."""
        return self._ask(lambda: _sound_list(Fill, self._inner.fills(since=since)))

    def session(self) -> date:
        """Return the session it takes orders for."""
        return self._ask(self._inner.session)

    def account(self) -> AccountMark:
        """Return the account as it tells it."""
        return self._ask(lambda: sound(AccountMark, self._inner.account()))

    def _ask(self, question: Callable[[], T]) -> T:
        why: AlphaShieldError = Unavailable("the broker was not asked")
        for attempt in range(self._attempts):
            if attempt:
                self._pause(attempt)
            try:
                return question()
            except (Unavailable, UntrustworthyData) as error:
                why = error
            except Unresolved as error:  # of a question: it did not answer
                why = Unavailable(str(error))
        raise why


def sound(kind: type[M], told: object) -> M:
    """Return the message, checked field by field; `UntrustworthyData` when it is none."""
    if not isinstance(told, kind):
        raise UntrustworthyData(f"the broker told of a {kind.__name__} that is none")
    try:
        return kind.model_validate(dict(told.__dict__))
    except ValidationError as error:
        fields = ", ".join(sorted({str(each["loc"][0]) for each in error.errors() if each["loc"]}))
        raise UntrustworthyData(
            f"the broker told of a {kind.__name__} that cannot be: {fields or 'as a whole'}"
        ) from error


def order_like(told: object, ours: Order) -> Order:
    """Return what was told of our order; `UntrustworthyData` when it is no order or another one."""
    order = sound(Order, told)
    name = ours.client_order_id
    # The broker need not know which of our agents it was.
    if order.client_order_id != name or content(order)[1:] != content(ours)[1:]:
        raise UntrustworthyData(f"the broker told of another order when asked about {name}")
    return order


def _sound_list(kind: type[M], told: Sequence[object]) -> tuple[M, ...]:
    return tuple(sound(kind, each) for each in told)
