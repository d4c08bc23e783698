"""The hostile double does what it says, by its seed, and `Unavailable` means nothing happened."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

import pytest

from adapters.broker.hostile import MILD, WILD, Faults, HostileBroker
from schemas.errors import AlphaShieldError, NotFound, Unavailable, Unresolved
from schemas.orders import Terms
from tests.adapters.routes import Route

FAR = Terms(order_type="limit", limit_price=Decimal(1), time_in_force="gtc")


def hostile(route: Route, **rates: float) -> HostileBroker:
    return HostileBroker(route.venue, seed=1, faults=Faults(**rates))


def test_without_faults_it_is_the_broker_within() -> None:
    route = Route()
    broker = hostile(route)
    assert broker.submit(route.intent()) == route.venue.order("one")
    route.venue.trade()
    assert broker.orders() == route.venue.orders()
    assert broker.fills() == route.venue.fills()
    assert broker.account() == route.venue.account()
    assert broker.happened == {}


def test_refused_and_lost_before_nothing_happened_and_lost_after_it_did() -> None:
    for rates, error, arrived in (
        ({"refuses": 1.0}, Unavailable, 0),
        ({"loses_before": 1.0}, Unresolved, 0),
        ({"loses_after": 1.0}, Unresolved, 1),
    ):
        route = Route()
        with pytest.raises(error):
            hostile(route, **rates).submit(route.intent())
        assert route.venue.arrivals["one"] == arrived
        if not arrived:
            route.venue.submit(route.intent(terms=FAR))
        with pytest.raises(error):
            hostile(route, **rates).cancel("one")
        assert (route.venue.order("one").status == "cancelled") == bool(arrived)


def test_what_is_delayed_is_not_known_and_then_it_is() -> None:
    route = Route()
    broker = hostile(route, delays=1)
    with pytest.raises(Unresolved):
        broker.submit(route.intent())
    with pytest.raises(NotFound):
        route.venue.order("one")
    for _ in range(12):
        broker.fills()
    assert route.venue.order("one").status == "accepted"
    with pytest.raises(Unresolved):
        broker.submit(route.intent("two"))
    broker.calm()
    assert broker.order("two").status == "accepted"


def test_a_rejection_stays_one() -> None:
    route = Route()
    broker = hostile(route, rejects=1)
    refused = broker.submit(route.intent())
    assert (refused.status, refused.status_reason) == ("rejected", "the venue says no")
    broker.calm()
    assert broker.order("one") == broker.submit(route.intent()) == refused
    assert broker.orders() == (refused,)
    assert route.venue.orders() == ()


def test_lists_lose_repeat_and_shuffle_their_entries() -> None:
    route = Route()
    for n in range(6):
        route.venue.submit(route.intent(f"o{n}", "1"))
    route.venue.trade()
    true = route.venue.fills()
    assert hostile(route, drops=1).fills() == ()
    assert hostile(route, duplicates=1).fills() == tuple(f for f in true for _ in range(2))
    shuffled = hostile(route, reorders=1).fills()
    assert shuffled != true
    assert set(shuffled) == set(true)
    assert set(hostile(route, stale=1).fills()) < set(true)


def test_lies_and_garbage_cannot_be_what_the_venue_told() -> None:
    route = Route()
    route.venue.submit(route.intent())
    route.venue.trade()
    assert hostile(route, lies=1).account() != route.venue.account()
    garbage = hostile(route, garbage=1)
    for _ in range(8):
        assert garbage.order("one") != route.venue.order("one")
        assert garbage.fills() != route.venue.fills()


def test_a_stale_answer_was_true_some_questions_ago() -> None:
    route = Route()
    broker = hostile(route, stale=1)
    before = broker.account()
    broker.orders()
    route.venue.submit(route.intent())
    route.venue.trade()
    assert broker.account() == before
    assert broker.orders() == ()
    with pytest.raises(NotFound):
        broker.order("one")


def test_the_seed_decides_everything_and_every_fault_of_the_wild_happens() -> None:
    def session(seed: int) -> tuple[list[str], dict[str, int]]:
        route = Route()
        broker = HostileBroker(route.venue, seed=seed, faults=WILD)
        told: list[str] = []
        for n in range(60):
            for action in (
                lambda n=n: broker.submit(route.intent(f"o{n}", "1")),
                broker.orders,
                broker.fills,
                broker.account,
            ):
                try:
                    told.append(repr(action()))
                except AlphaShieldError as error:
                    told.append(repr(error))
            if n % 10 == 0:
                route.venue.trade(most=Decimal(1))
        return told, broker.happened

    told, happened = session(3)
    assert (told, happened) == session(3)
    assert told != session(4)[0]
    assert set(happened) == {each.name for each in fields(Faults)}


def test_the_mild_one_leaves_nothing_undone_without_saying_so() -> None:
    assert MILD.loses_before == MILD.delays == MILD.drops == MILD.stale == MILD.lies == 0
