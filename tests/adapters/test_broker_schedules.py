"""No order twice, no fill lost, in random schedules of crash, retry and two workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from adapters.store.connect import Store, open_store
from adapters.store.orders_in_memory import InMemoryOrderStore
from tests.adapters.broker_schedules import World, run
from trading.order_states import came_late

SAMPLE = 200
LONG = 10_000
STORED = 5
STORED_LONG = 300


def _many(seeds: range) -> Counter[str]:
    happened: Counter[str] = Counter()
    for seed in seeds:
        happened.update(_told(run(seed, InMemoryOrderStore())))
    return happened


def _told(world: World) -> Counter[str]:
    ends = world.store.orders(world.account)
    late = sum(came_late(order) for order in ends)
    return world.happened + Counter({"late": late, "orders": len(ends), "sent": len(world.sent)})


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = open_store(None, tmp_path_factory.mktemp("home"))
    yield store
    store.close()


@pytest.mark.promise("no-duplicate-order")
def test_no_order_is_sent_twice_and_no_fill_is_lost_in_any_schedule() -> None:
    happened = _many(range(SAMPLE))
    # What the schedules are to stand up to did come up in them.
    for what in ("crash after submit", "crash before submit", "crash after move", "late"):
        assert happened[what] > 0, what
    for what in ("loses_before", "loses_after", "delays", "drops", "garbage", "stale", "lies"):
        assert happened[what] > 0, what
    assert happened["sent"] > SAMPLE
    assert happened["outage before"] > 0 < happened["outage after"]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.promise("no-duplicate-order")
def test_no_order_is_sent_twice_and_no_fill_is_lost_in_ten_thousand_schedules() -> None:
    parts = [range(start, start + 500) for start in range(1000, 1000 + LONG, 500)]
    with ProcessPoolExecutor(2) as pool:
        happened = sum(pool.map(_many, parts), Counter[str]())
    assert happened["sent"] > LONG
    assert happened["late"] > 100


@pytest.mark.promise("no-duplicate-order")
def test_the_stored_orders_stand_up_to_the_same_schedules(stored: Store) -> None:
    for seed in range(STORED):
        run(seed, stored.orders, account=f"acc-{seed}")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.promise("no-duplicate-order")
def test_the_stored_orders_stand_up_to_hundreds_of_schedules(stored: Store) -> None:
    for seed in range(20_000, 20_000 + STORED_LONG):
        run(seed, stored.orders, account=f"acc-{seed}")


def test_a_schedule_follows_from_its_seed_alone() -> None:
    first, again = (run(77, InMemoryOrderStore()) for _ in range(2))
    assert first.store.orders("acc") == again.store.orders("acc")
    assert first.happened == again.happened
