"""Each broker passes the conformance suite; the order path hides a mildly hostile venue in full."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from adapters.broker.hostile import MILD, Faults, HostileBroker
from adapters.broker.in_memory import InMemoryBroker
from adapters.broker.routed import RoutedBroker
from adapters.clock import SimulatedClock
from adapters.store.orders_in_memory import InMemoryOrderStore
from tests.contracts.broker_conformance import BrokerConformance, Desk
from tests.trading.samples import Run

DAY = date(2026, 3, 2)


class SimulatedDesk(Desk):
    """A run; the market trades when a session passes."""

    cheap = Decimal("1.00")
    dear = Decimal("1000.00")

    def __init__(self) -> None:
        super().__init__()
        self.run = Run()
        self.run.begin()
        self.run.deposit("10000.00")
        self.broker = self.run.exchange

    def now(self) -> datetime:
        return self.run.clock.now()

    def let_trade(self) -> None:
        self.next_session()

    def next_session(self) -> None:
        self.run.end()
        self.run.begin()

    def restart(self) -> None:
        self.run.exchange = self.run.new_exchange()
        self.run.exchange.restore(self.run.ticks)
        self.run.begin()
        self.broker = self.run.exchange


class VenueDesk(Desk):
    """The in-memory venue, behind a line that can be cut."""

    cheap = Decimal(50)
    dear = Decimal(200)
    faults = Faults()

    def __init__(self) -> None:
        super().__init__()
        self.clock = SimulatedClock(datetime(2026, 3, 2, 14, 29, tzinfo=UTC))
        self.venue = InMemoryBroker(
            clock=self.clock,
            session=DAY,
            cash=Decimal(10_000),
            prices={"AAA": Decimal(100)},
            commission=Decimal("0.35"),
        )
        self.line = HostileBroker(self.venue, seed=5, faults=self.faults)
        self.broker = self.line

    def now(self) -> datetime:
        return self.clock.now()

    def let_trade(self) -> None:
        self.clock.move_to(self.clock.now() + timedelta(seconds=10))
        self.venue.trade(most=Decimal(6))
        self.venue.trade()

    def next_session(self) -> None:
        self.clock.move_to(self.clock.now() + timedelta(days=1))
        self.venue.next_session(self.venue.session() + timedelta(days=1))

    def restart(self) -> None:
        pass

    def outage(self) -> AbstractContextManager[None]:
        return self._cut()

    @contextmanager
    def _cut(self) -> Generator[None]:
        self.line.turn(Faults(refuses=1))
        yield
        self.line.turn(self.faults)


class RoutedDesk(VenueDesk):
    """The order path over that venue."""

    def __init__(self) -> None:
        super().__init__()
        self.store = InMemoryOrderStore()
        self.restart()

    def restart(self) -> None:
        self.broker = RoutedBroker(self.line, store=self.store, account="acc", clock=self.clock)


class MildlyHostileDesk(RoutedDesk):
    """The same, over a venue that loses answers, repeats itself and is now and then away."""

    faults = MILD


class TestSimulated(BrokerConformance):
    @pytest.fixture
    def desk(self) -> SimulatedDesk:
        return SimulatedDesk()


class TestInMemory(BrokerConformance):
    @pytest.fixture
    def desk(self) -> VenueDesk:
        return VenueDesk()


class TestRouted(BrokerConformance):
    @pytest.fixture
    def desk(self) -> RoutedDesk:
        return RoutedDesk()


class TestRoutedOverAMildlyHostileVenue(BrokerConformance):
    @pytest.fixture
    def desk(self) -> MildlyHostileDesk:
        return MildlyHostileDesk()
