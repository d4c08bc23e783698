"""Random schedules for the order path: workers that crash and race, over a broker that misbehaves.

A schedule has two workers, each a thread that runs alone until it hands over; before and after
every write and every call it may hand over, crash (and come back as a new process that knows only
the store), or let the market move. All of it follows from the seed.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from adapters.broker.hostile import WILD, Faults, HostileBroker
from adapters.broker.in_memory import InMemoryBroker
from adapters.broker.reading import RoutePolicy
from adapters.broker.routed import RoutedBroker
from adapters.clock import SimulatedClock
from interfaces.broker import Broker
from interfaces.order_store import OrderStore
from schemas.errors import AlphaShieldError, NotFound, Unavailable
from schemas.orders import Order, Terms
from trading.order_states import came_late, intend, is_presumed, is_settled, may_become

START = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
DAY = date(2026, 3, 2)
SYMBOLS = ("AAA", "BBB")
POLICY = RoutePolicy(settling=timedelta(seconds=60))


_TURNING_POINTS = {"submit", "cancel", "create", "move", "add_fill"}
"""Writes and calls that change something: here a crash is likelier."""


class Crash(BaseException):
    """The process is gone: nothing but this may be caught on the way out."""


@dataclass
class World:
    """Everything of one schedule that outlives a worker's process."""

    seed: int
    store: OrderStore
    account: str = "acc"
    faults: Faults = WILD
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(START))
    happened: Counter[str] = field(default_factory=Counter[str])
    sent: Counter[str] = field(default_factory=Counter[str])
    returned: list[Order] = field(default_factory=list[Order])

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.venue = InMemoryBroker(
            clock=self.clock,
            session=DAY,
            cash=Decimal(100_000),
            prices={"AAA": Decimal(10), "BBB": Decimal(50)},
            commission=Decimal("0.35"),
        )
        self.venue.trade_by_hand("x", "AAA", "buy", quantity=Decimal(40), price=Decimal(10))
        self.hostile = HostileBroker(self.venue, seed=self.seed, faults=self.faults)
        self.intents = [self._intent(n) for n in range(4)]
        self.process(self.venue).start()

    def process(self, inner: Broker, store: OrderStore | None = None) -> RoutedBroker:
        return RoutedBroker(
            inner,
            store=store or self.store,
            account=self.account,
            clock=self.clock,
            policy=POLICY,
        )

    def pass_time(self, seconds: float) -> None:
        self.clock.move_to(self.clock.now() + timedelta(seconds=seconds))

    def let_the_market_move(self) -> None:
        """Trade a part, quote another price, let time pass; rarely, end the session."""
        self.pass_time(self.random.choice((0, 1, 20, 70)))
        draw = self.random.random()
        if draw < 0.7:
            self.venue.trade(most=Decimal(self.random.randint(1, 6)))
        elif draw < 0.99:
            self.venue.quote("BBB", Decimal(self.random.randint(45, 55)))
        else:
            self.venue.next_session(self.venue.session() + timedelta(days=1))

    def _intent(self, n: int) -> Order:
        limit = Terms(order_type="limit", limit_price=Decimal(50), time_in_force="gtc")
        symbol = SYMBOLS[n % 2]
        return intend(
            Order(
                client_order_id=f"order-{n}",
                agent="tester",
                sequence=n,
                session=DAY,
                symbol=symbol,
                side="sell" if n == 2 else "buy",
                quantity=Decimal(self.random.randint(1, 12)),
                terms=limit if symbol == "BBB" else Terms(),
                reason="because",
                placed_as_of=START,
            )
        )


class Schedule:
    """Two workers that hand a baton on; whoever has it runs alone."""

    def __init__(self, world: World, *, actions: int = 8, crashes: float = 0.01) -> None:
        self.outages = crashes / 2
        self.world = world
        self.actions = actions
        self.crashes = crashes
        self.over = threading.Event()
        self.batons = [threading.Semaphore(0), threading.Semaphore(0)]
        self.alive = [True, True]
        self.failed: list[BaseException] = []

    def run(self) -> None:
        threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in (0, 1)]
        for thread in threads:
            thread.start()
        self.batons[self.world.random.randrange(2)].release()
        self.over.wait()
        for thread in threads:
            thread.join()
        if self.failed:
            raise self.failed[0]

    def _work(self, me: int) -> None:
        self.batons[me].acquire()
        try:
            process = self._new_process(me)
            for _ in range(self.actions):
                try:
                    self._act(process)
                except AlphaShieldError as error:
                    self.world.happened[type(error).__name__] += 1
                except Crash:
                    self.world.happened["crash"] += 1
                    process = self._new_process(me)
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            self.failed.append(error)
        self.alive[me] = False
        if self.alive[1 - me]:
            self.batons[1 - me].release()
        else:
            self.over.set()

    def _new_process(self, me: int) -> RoutedBroker:
        inner = _Stepped(self.world.hostile, lambda where: self._turn(me, where), self._count)
        store = _Stepped(self.world.store, lambda where: self._store_turn(me, where), _nothing)
        return self.world.process(cast("Broker", inner), cast("OrderStore", store))

    def _act(self, process: RoutedBroker) -> None:
        world = self.world
        draw = world.random.random()
        intent = world.random.choice(world.intents)
        if draw < 0.6:
            world.returned.append(process.submit(intent))
        elif draw < 0.75:
            process.cancel(intent.client_order_id)
        elif draw < 0.85:
            process.orders()
        elif draw < 0.95:
            process.fills()
        else:
            process.account()

    def _turn(self, me: int, where: str) -> None:
        """Stand between two steps: anything may happen here."""
        world = self.world
        draw = world.random.random()
        if draw < 0.05:
            world.let_the_market_move()
        if draw < 0.3 and self.alive[1 - me]:
            self.batons[1 - me].release()
            self.batons[me].acquire()
        rate = self.crashes * (6 if where.partition(" ")[2] in _TURNING_POINTS else 1)
        if world.random.random() < rate:
            world.happened[f"crash {where}"] += 1
            raise Crash

    def _store_turn(self, me: int, where: str) -> None:
        """Stand beside the database, which may fail before a write, or after it and not say so."""
        self._turn(me, where)
        if self.world.random.random() < self.outages:
            self.world.happened[f"outage {where.partition(' ')[0]}"] += 1
            raise Unavailable("the database does not answer")

    def _count(self, name: str, arguments: tuple[Any, ...], error: Exception | None) -> None:
        """Count each sending that may have arrived."""
        if name == "submit" and not isinstance(error, Unavailable):
            self.world.sent[arguments[0].client_order_id] += 1


class _Stepped:
    """Lets a turn pass before and after every call of another object's methods."""

    def __init__(
        self,
        target: object,
        turn: Callable[[str], None],
        done: Callable[[str, tuple[Any, ...], Exception | None], None],
    ) -> None:
        self._target = target
        self._turn = turn
        self._done = done

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)

        def call(*args: Any, **named: Any) -> Any:
            self._turn(f"before {name}")
            try:
                result = method(*args, **named)
            except AlphaShieldError as error:
                self._done(name, args, error)
                self._turn(f"after {name}")
                raise
            self._done(name, args, None)
            self._turn(f"after {name}")
            return result

        return call


def _nothing(name: str, arguments: tuple[Any, ...], error: Exception | None) -> None:
    del name, arguments, error


def run(seed: int, store: OrderStore, *, account: str = "acc", crashes: float = 0.01) -> World:
    """Run one schedule, recover, and check everything that is promised."""
    world = World(seed, store, account)
    Schedule(world, crashes=crashes).run()
    world.hostile.calm()
    for _ in range(2):  # doubted, then presumed
        world.pass_time(POLICY.settling.total_seconds())
        world.process(world.hostile).start()
    before = store.orders(account)
    world.process(world.hostile).start()
    assert store.orders(account) == before, "a quiet start changed something"
    check(world)
    world.happened.update(world.hostile.happened)
    return world


def check(world: World) -> None:
    """Hold the store against the venue."""
    twice = {name: count for name, count in world.sent.items() if count > 1}
    assert not twice, f"sent more than once: {twice}"
    assert max(world.venue.arrivals.values(), default=0) <= 1
    names = {intent.client_order_id for intent in world.intents}
    at_venue = [f for f in world.venue.fills(since=DAY) if f.client_order_id in names]
    kept = world.store.fills(world.account)
    assert sorted(kept, key=lambda f: f.fill_id) == sorted(at_venue, key=lambda f: f.fill_id)
    ours = {order.client_order_id: order for order in world.store.orders(world.account)}
    for order in world.returned:
        assert order.client_order_id in ours, "an order that was answered is lost"
    assert set(world.sent) <= set(ours), "an order was sent that is not kept"
    for order in ours.values():
        _check_order(world, order, sum((f.quantity for f in kept if _is_of(f, order)), Decimal()))


def _is_of(fill: Any, order: Order) -> bool:
    return fill.client_order_id == order.client_order_id


def _check_order(world: World, order: Order, filled: Decimal) -> None:
    assert order.filled_quantity == filled
    steps = order.history
    assert steps[0].status == "intent"
    for n, step in enumerate(steps[1:], start=1):
        was = order.model_copy(update={"status": steps[n - 1].status, "history": steps[:n]})
        assert may_become(was, step.status) or is_settled(was), (was.status, step.status)
        assert step.at >= steps[n - 1].at
    try:
        there = world.hostile.order(order.client_order_id)
    except NotFound:
        assert not filled
        assert order.status in ("intent", "cancelled", "rejected", "expired")
        if order.status in ("cancelled", "expired"):
            assert "sent" in (order.status_reason or "")
        return
    assert order.filled_quantity == there.filled_quantity
    assert not is_presumed(order)
    assert order.status == there.status
    assert not (came_late(order) and order.is_working), "it was told to be rejected"
