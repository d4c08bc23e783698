"""What the order path to an outside broker costs, over a venue in memory.

`python -m benchmarks.order_path` prints orders sent a second and the milliseconds of one order,
filled orders taken in a second, and a start after all of them, on the store in memory and on the
embedded one.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from adapters.broker.in_memory import InMemoryBroker
from adapters.broker.routed import RoutedBroker
from adapters.clock import SimulatedClock
from adapters.store.connect import open_store
from adapters.store.orders_in_memory import InMemoryOrderStore
from interfaces.order_store import OrderStore
from schemas.orders import Order
from trading.order_states import intend

_ORDERS = 500
_AT = datetime(2026, 3, 2, 14, 29, tzinfo=UTC)
_DAY = date(2026, 3, 2)


def _intent(n: int) -> Order:
    return intend(
        Order(
            client_order_id=f"order-{n:06d}",
            agent="bench",
            sequence=n,
            session=_DAY,
            symbol="AAA",
            side="buy",
            quantity=Decimal(1),
            reason="because",
            placed_as_of=_AT,
        )
    )


def _measure(name: str, store: OrderStore) -> None:
    clock = SimulatedClock(_AT)
    venue = InMemoryBroker(
        clock=clock, session=_DAY, cash=Decimal(1_000_000), prices={"AAA": Decimal(10)}
    )
    broker = RoutedBroker(venue, store=store, account="bench", clock=clock)
    broker.start()
    taken: list[float] = []
    for n in range(_ORDERS):
        begun = time.perf_counter()
        broker.submit(_intent(n))
        taken.append(time.perf_counter() - begun)
    venue.trade()
    begun = time.perf_counter()
    filled = broker.fills()
    taking = time.perf_counter() - begun
    fresh = RoutedBroker(venue, store=store, account="bench", clock=clock)
    begun = time.perf_counter()
    fresh.start()
    starting = time.perf_counter() - begun
    middle, slow = statistics.median(taken), statistics.quantiles(taken, n=10)[-1]
    print(
        f"{name:10s} {_ORDERS / sum(taken):8.0f} orders/s  order {middle * 1e3:5.2f} ms "
        f"(p90 {slow * 1e3:5.2f})  {len(filled) / taking:6.0f} fills/s  "
        f"start with {len(filled)} orders and fills {starting * 1e3:6.0f} ms"
    )


def main() -> None:
    """Measure both stores."""
    _measure("in memory", InMemoryOrderStore())
    with tempfile.TemporaryDirectory() as home:
        store = open_store(None, Path(home))
        _measure("embedded", store.orders)
        store.close()


if __name__ == "__main__":
    main()
