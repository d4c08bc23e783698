"""An order path over the in-memory venue, with a line whose faults a test chooses call by call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from adapters.broker.in_memory import InMemoryBroker
from adapters.broker.reading import RoutePolicy
from adapters.broker.routed import RoutedBroker
from adapters.clock import SimulatedClock
from adapters.store.orders_in_memory import InMemoryOrderStore
from interfaces.broker import Broker
from interfaces.order_store import OrderStore
from schemas.account import AccountMark, LotMark
from schemas.errors import AlphaShieldError
from schemas.orders import MARKET_DAY, Fill, Order, Side, Terms
from trading.order_states import intend
from trading.statements import Booked

T = TypeVar("T")
Fault = AlphaShieldError | Callable[[Any], Any]
"""An error to raise before a call, or what becomes of its true answer."""
DAY = date(2026, 3, 2)
START = datetime(2026, 3, 2, 14, 29, tzinfo=UTC)
SETTLING = timedelta(seconds=60)


class Line:
    """Hands calls on to a broker, unless a fault was queued for the method."""

    def __init__(self, inner: Broker) -> None:
        self._inner = inner
        self.calls: list[str] = []
        self.faults: dict[str, list[Fault]] = {}
        self.watch: Callable[[str], None] = lambda _: None

    def queue(self, method: str, *faults: Fault) -> None:
        self.faults.setdefault(method, []).extend(faults)

    def submit(self, order: Order) -> Order:
        return self._call("submit", lambda: self._inner.submit(order))

    def cancel(self, client_order_id: str) -> Order:
        return self._call("cancel", lambda: self._inner.cancel(client_order_id))

    def order(self, client_order_id: str) -> Order:
        return self._call("order", lambda: self._inner.order(client_order_id))

    def orders(self) -> tuple[Order, ...]:
        return self._call("orders", self._inner.orders)

    def fills(self, *, since: date | None = None) -> tuple[Fill, ...]:
        return self._call("fills", lambda: self._inner.fills(since=since))

    def session(self) -> date:
        return self._call("session", self._inner.session)

    def account(self) -> AccountMark:
        return self._call("account", self._inner.account)

    def lots(self, symbol: str) -> tuple[LotMark, ...]:
        return self._call("lots", lambda: self._inner.lots(symbol))

    def _call(self, method: str, action: Callable[[], T]) -> T:
        self.calls.append(method)
        self.watch(method)
        queued = self.faults.get(method)
        fault = queued.pop(0) if queued else None
        if isinstance(fault, AlphaShieldError):
            raise fault
        answer = action()
        return answer if fault is None else fault(answer)


def after(error: AlphaShieldError) -> Fault:
    """Return a fault that lets the call happen and loses its answer."""

    def lose(_: object) -> Any:
        raise error

    return lose


class Route:
    """A venue, a line to it, a store, and order paths that may be replaced by new ones."""

    def __init__(
        self, store: OrderStore | None = None, booked: Callable[[], Booked] = Booked
    ) -> None:
        self.clock = SimulatedClock(START)
        self.venue = InMemoryBroker(
            clock=self.clock,
            session=DAY,
            cash=Decimal(10_000),
            prices={"AAA": Decimal(10), "BBB": Decimal(20)},
            commission=Decimal("0.35"),
        )
        self.line = Line(self.venue)
        self.store = store or InMemoryOrderStore()
        self.pauses: list[int] = []
        self.booked = booked
        self.broker = self.process()

    def process(self, inner: Broker | None = None) -> RoutedBroker:
        """Return the order path as a new process has it."""
        return RoutedBroker(
            inner or self.line,
            store=self.store,
            account="acc",
            clock=self.clock,
            policy=RoutePolicy(settling=SETTLING),
            booked=lambda: self.booked(),  # noqa: PLW0108 - a test may change it later
            pause=self.pauses.append,
        )

    def wait(self, seconds: float) -> None:
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))

    def intent(
        self,
        name: str = "one",
        quantity: str = "10",
        *,
        side: Side = "buy",
        terms: Terms = MARKET_DAY,
        session: date = DAY,
    ) -> Order:
        return intend(
            Order(
                client_order_id=name,
                agent="tester",
                sequence=0,
                session=session,
                symbol="AAA",
                side=side,
                quantity=Decimal(quantity),
                terms=terms,
                reason="because",
                placed_as_of=self.clock.now(),
                gate="nearest limit: none",
            )
        )

    def kept(self, name: str = "one") -> Order:
        return self.store.get("acc", name)
