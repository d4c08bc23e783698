"""The order path: sent once, asked about, found again, and refused where nothing explains."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from adapters.store.connect import Store, open_store
from adapters.store.orders_in_memory import InMemoryOrderStore
from schemas.account import AccountMark
from schemas.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    Unavailable,
    Unresolved,
    UntrustworthyData,
)
from schemas.ledger import Entry, Transaction
from schemas.orders import Fill, Order, Terms, Transition
from tests.adapters.routes import DAY, SETTLING, Fault, Route, after
from trading.order_states import is_presumed, is_settled, move, version
from trading.statements import Booked

pytestmark = pytest.mark.promise("no-duplicate-order")
LOST = Unresolved("no answer came")
AWAY = Unavailable("the broker does not answer")
FAR = Terms(order_type="limit", limit_price=Decimal(1), time_in_force="gtc")


@pytest.fixture
def route() -> Route:
    return Route()


def states(order: Order) -> list[tuple[str, str]]:
    return [(step.status, step.cause) for step in order.history]


def test_the_intent_and_its_sending_are_written_before_the_venue_hears_of_it(route: Route) -> None:
    seen: list[str] = []
    route.line.watch = lambda method: (
        seen.append(route.kept().status) if method == "submit" else None
    )
    order = route.broker.submit(route.intent())
    assert seen == ["submitted"]
    assert states(order) == [
        ("intent", "agent"),
        ("submitted", "gate"),
        ("accepted", "venue"),
    ]
    assert order.history[1].reason == "nearest limit: none"
    assert route.kept() == order


def test_what_is_known_not_to_have_happened_is_tried_again_a_bounded_number_of_times(
    route: Route,
) -> None:
    route.line.queue("submit", AWAY, AWAY)
    assert route.broker.submit(route.intent()).status == "accepted"
    assert route.line.calls.count("submit") == 3
    assert route.pauses == [1, 2]


def test_an_order_that_never_got_through_is_an_intent_again_and_goes_under_its_id_later(
    route: Route,
) -> None:
    route.line.queue("submit", AWAY, AWAY, AWAY)
    with pytest.raises(Unavailable, match="order one was not sent"):
        route.broker.submit(route.intent())
    assert route.line.calls.count("submit") == 3
    assert route.kept().status == "intent"
    assert "not sent" in (route.kept().status_reason or "")
    route.broker.start()
    assert route.kept().status == "intent"  # only who submits it sends it, through the gate
    assert route.broker.submit(route.intent()).status == "accepted"
    assert route.venue.arrivals["one"] == 1


def test_a_broker_that_said_unavailable_and_took_it_all_the_same_is_asked_before_a_retry(
    route: Route,
) -> None:
    route.line.queue("submit", after(AWAY))
    assert route.broker.submit(route.intent()).status == "accepted"
    assert route.venue.arrivals["one"] == 1


def test_a_lost_answer_is_asked_about_and_found(route: Route) -> None:
    route.line.queue("submit", after(LOST))
    order = route.broker.submit(route.intent())
    assert states(order)[2:] == [("unresolved", "broker"), ("accepted", "recovery")]
    assert route.venue.arrivals["one"] == 1


def test_what_may_have_happened_is_never_sent_again_and_presumed_rejected_once_settled(
    route: Route,
) -> None:
    route.line.queue("submit", LOST)
    assert route.broker.submit(route.intent()).status == "unresolved"
    for broker in (route.broker, route.process(), route.broker):
        assert broker.submit(route.intent()).status == "unresolved"
    route.wait(SETTLING.total_seconds() - 1)
    assert route.broker.order("one").status == "unresolved"
    route.wait(1)
    gone = route.broker.order("one")
    assert states(gone)[-1] == ("rejected", "recovery")
    assert "did not know it after 60 s" in (gone.status_reason or "")
    assert route.broker.submit(route.intent()).status == "rejected"
    assert route.venue.arrivals["one"] == 0


def test_while_nobody_answers_a_doubt_stays_a_doubt_however_long(route: Route) -> None:
    route.line.queue("submit", LOST)
    route.line.queue("order", *[AWAY] * 9)
    assert route.broker.submit(route.intent()).status == "unresolved"
    route.wait(3600)
    assert route.broker.order("one").status == "unresolved"
    assert route.broker.order("one").status == "unresolved"


@pytest.mark.parametrize("filled", [None, "4", "10"])
def test_a_late_arrival_is_found_its_fills_kept_and_its_rest_cancelled(
    route: Route, filled: str | None
) -> None:
    route.line.queue("submit", LOST)
    route.broker.submit(route.intent())
    route.wait(60)
    assert is_presumed(route.broker.order("one"))
    route.venue.submit(route.intent())  # it was under way all the time
    if filled:
        route.venue.fill("one", Decimal(filled))
    found = route.process().start()
    assert ("order", "late_arrival") in {(d.subject, d.cause) for d in found.taken_in}
    order = route.kept()
    assert order.status == ("filled" if filled == "10" else "cancelled")
    assert order.filled_quantity == Decimal(filled or 0)
    assert route.venue.order("one").status == order.status
    assert route.venue.arrivals["one"] == 1


def test_a_late_arrival_that_was_filled_in_a_session_gone_by_is_found_by_its_fills(
    route: Route,
) -> None:
    route.line.queue("submit", LOST)
    route.broker.submit(route.intent())
    route.wait(60)
    route.broker.order("one")
    route.venue.submit(route.intent())
    route.venue.trade()
    for days in range(1, 20):
        route.venue.next_session(DAY + timedelta(days=days))
    assert route.venue.orders() == ()
    found = route.process().start()
    assert {d.cause for d in found.taken_in} >= {"missing_fill"}
    assert (route.kept().status, route.kept().filled_quantity) == ("filled", 10)


def test_a_crash_between_the_sending_and_its_answer_is_recovered_by_asking(route: Route) -> None:
    intent = route.store.create("acc", route.intent())
    for arrived in (True, False):
        name = f"order-{arrived}"
        intent = route.store.create("acc", route.intent(name))
        to = Transition(at=route.clock.now(), status="submitted", cause="gate")
        route.store.move("acc", move(intent, to), seen=1)
        if arrived:
            route.venue.submit(route.intent(name))
    found = route.process().start()
    assert route.kept("order-True").status == "accepted"
    assert route.kept("order-False").status == "unresolved"
    assert route.kept("one").status == "intent"
    assert {d.cause for d in (*found.taken_in, *found.differences)} == {"unconfirmed"}
    assert found.is_sound


def spoilt(change: Mapping[str, object]) -> Fault:
    return lambda told: told.model_copy(update=change)


def test_an_answer_that_is_nonsense_is_no_answer(route: Route) -> None:
    nonsense = (
        {"quantity": Decimal("NaN")},
        {"symbol": "BBB"},
        {"client_order_id": "two"},
        {"filled_quantity": Decimal(-3)},
        {"status": "somewhere"},
    )
    for n, change in enumerate(nonsense):
        route.line.queue("submit", spoilt(change), lambda _: None)
        for name in (f"a{n}", f"b{n}"):
            order = route.broker.submit(route.intent(name, "1"))
            assert ("unresolved", "broker") in states(order)
            assert order.status == "accepted"
            assert route.venue.arrivals[name] == 1


def test_a_store_that_fails_after_the_call_leaves_a_doubt_and_no_second_order(
    route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    route.broker.start()
    true_move = route.store.move

    def failing(account: str, order: Order, *, seen: int) -> None:
        if order.status == "accepted":
            raise Unavailable("the database does not answer")
        true_move(account, order, seen=seen)

    monkeypatch.setattr(route.store, "move", failing)
    with pytest.raises(Unresolved, match="what came of it is not written down"):
        route.broker.submit(route.intent())
    monkeypatch.undo()
    assert route.broker.submit(route.intent()).status == "accepted"
    assert route.venue.arrivals["one"] == 1


def test_terms_the_venue_does_not_know_end_the_order_and_are_told(route: Route) -> None:
    wish = route.intent(terms=Terms(order_type="trailing_stop", trail_share=Decimal("0.1")))
    with pytest.raises(InvalidRequest, match="trailing_stop"):
        route.broker.submit(wish)
    assert states(route.kept())[-1] == ("rejected", "venue")
    assert is_settled(route.kept())
    assert route.broker.submit(wish).status == "rejected"
    assert route.venue.arrivals["one"] == 1


def test_an_order_of_somebody_else_under_our_id_is_not_taken_for_ours(route: Route) -> None:
    route.broker.start()
    route.venue.submit(route.intent(quantity="3"))
    with pytest.raises(Conflict, match="other content"):
        route.broker.submit(route.intent())
    assert is_settled(route.kept())
    assert route.kept().status == "rejected"
    with pytest.raises(UntrustworthyData, match=r"is buy 3 AAA \(market\) at the broker"):
        route.process().start()


def test_a_denied_order_is_kept_and_never_leaves_us(route: Route) -> None:
    to = Transition(at=route.clock.now(), status="denied", cause="gate", reason="a limit")
    denied = move(route.intent(), to)
    assert route.broker.submit(denied) == denied == route.broker.submit(denied)
    assert route.broker.submit(route.intent()) == denied
    assert route.venue.arrivals["one"] == 0


def test_the_same_order_again_is_told_and_not_sent(route: Route) -> None:
    for _ in range(3):
        route.broker.submit(route.intent())
        route.process().submit(route.intent())
    route.venue.trade()
    assert route.broker.submit(route.intent()).status == "filled"
    with pytest.raises(Conflict, match="other content"):
        route.broker.submit(route.intent(quantity="11"))
    assert route.venue.arrivals == {"one": 1}


def test_fills_told_twice_late_and_out_of_order_are_kept_once_each(route: Route) -> None:
    route.broker.submit(route.intent())
    for units in ("3", "3", "4"):
        route.venue.fill("one", Decimal(units))
    route.line.queue("fills", lambda told: told[2:] * 2, lambda told: told[::-1] + told[:1])
    assert route.broker.fills() == route.venue.fills()[2:]
    assert (route.kept().status, route.kept().filled_quantity) == ("partially_filled", 4)
    assert set(route.broker.fills()) == set(route.venue.fills())
    assert (route.kept().status, route.kept().filled_quantity) == ("filled", 10)
    assert len(route.store.fills("acc")) == 3


def test_a_fill_the_store_failed_to_keep_is_taken_when_it_is_told_again(
    route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    route.broker.submit(route.intent())
    route.venue.trade()

    def failing(account: str, fill: Fill, *, at: datetime) -> bool:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr(route.store, "add_fill", failing)
    with pytest.raises(Unavailable):
        route.broker.fills()
    monkeypatch.undo()
    assert route.broker.fills() == route.venue.fills()
    assert route.kept().status == "filled"


def test_an_end_is_taken_once_all_its_fills_are_here(route: Route) -> None:
    route.broker.submit(route.intent())
    route.venue.fill("one", Decimal(6))
    route.venue.cancel("one")
    route.line.queue("fills", lambda told: (), lambda told: ())
    assert route.broker.order("one").status == "accepted"
    (order,) = route.broker.orders()
    assert (order.status, order.filled_quantity) == ("accepted", 0)
    (order,) = route.broker.orders()
    assert (order.status, order.filled_quantity) == ("cancelled", 6)


def test_an_old_answer_moves_nothing_back(route: Route) -> None:
    route.broker.submit(route.intent())
    old = route.venue.order("one")
    route.venue.fill("one", Decimal(6))
    assert route.broker.order("one").status == "partially_filled"
    kept = route.kept()
    route.line.queue("order", lambda _: old, NotFound("never heard of it"))
    route.line.queue("orders", lambda _: (old,), lambda _: ())
    assert route.broker.order("one") == kept
    assert route.broker.orders() == (kept,)
    assert route.broker.orders() == (kept,)


def test_a_cancel_whose_answer_is_lost_is_asked_about(route: Route) -> None:
    route.broker.submit(route.intent(terms=FAR))
    route.line.queue("cancel", after(LOST))
    assert route.broker.cancel("one").status == "cancelled"
    route.broker.submit(route.intent("two", terms=FAR))
    route.line.queue("cancel", LOST)
    with pytest.raises(Unresolved, match="order two is accepted; its cancel may have arrived"):
        route.broker.cancel("two")
    assert route.broker.cancel("two").status == "cancelled"


def test_a_cancel_is_tried_again_only_where_nothing_happened(route: Route) -> None:
    route.broker.submit(route.intent(terms=FAR))
    route.line.queue("cancel", AWAY, AWAY)
    assert route.broker.cancel("one").status == "cancelled"
    route.broker.submit(route.intent("two", terms=FAR))
    route.line.queue("cancel", AWAY, AWAY, AWAY)
    with pytest.raises(Unavailable, match="order two is not cancelled"):
        route.broker.cancel("two")
    assert route.kept("two").is_working


def test_a_cancel_that_meets_a_fill_tells_of_the_fill(route: Route) -> None:
    route.broker.submit(route.intent())
    route.venue.trade()
    with pytest.raises(Conflict, match="order one has ended: filled"):
        route.broker.cancel("one")
    assert route.kept().filled_quantity == 10


def test_what_was_not_sent_is_cancelled_without_the_venue_and_what_is_in_doubt_is_not(
    route: Route,
) -> None:
    route.store.create("acc", route.intent())
    assert route.broker.cancel("one").status == "cancelled"
    assert "cancel" not in route.line.calls
    route.line.queue("submit", LOST)
    route.broker.submit(route.intent("two"))
    with pytest.raises(Unresolved, match="order two is unresolved"):
        route.broker.cancel("two")
    with pytest.raises(NotFound):
        route.broker.cancel("three")


def test_an_intent_that_outlived_its_session_expires_and_is_never_sent(route: Route) -> None:
    route.store.create("acc", route.intent())
    route.venue.next_session(DAY + timedelta(days=1))
    route.broker.start()
    assert states(route.kept())[-1] == ("expired", "recovery")
    assert route.broker.submit(route.intent()).status == "expired"
    assert route.venue.arrivals["one"] == 0


def lie(units: int) -> Fault:
    def told(mark: AccountMark) -> AccountMark:
        (position,) = mark.positions
        changed = position.model_copy(update={"quantity": position.quantity + units})
        return mark.model_copy(update={"positions": (changed,)})

    return told


def test_a_lie_about_positions_stops_the_start_and_orders_but_no_cancel(route: Route) -> None:
    route.broker.submit(route.intent())
    route.venue.trade()
    route.broker.submit(route.intent("far", terms=FAR))
    route.line.queue("account", *[lie(7)] * 6)
    fresh = route.process()
    with pytest.raises(UntrustworthyData, match="we hold 10 AAA and the broker says 17"):
        fresh.start()
    with pytest.raises(UntrustworthyData):
        fresh.submit(route.intent("two"))
    assert fresh.cancel("far").status == "cancelled"
    with pytest.raises(NotFound):
        route.kept("two")
    assert fresh.start().is_sound  # the lie has ended
    assert fresh.submit(route.intent("two")).status == "accepted"


def test_an_account_is_told_only_when_its_units_agree_with_the_fills(route: Route) -> None:
    route.broker.submit(route.intent())
    route.venue.trade()
    route.line.queue("account", lie(7))
    assert route.broker.account() == route.venue.account()  # another look was enough
    route.line.queue("account", *[lie(7)] * 3)
    with pytest.raises(UntrustworthyData, match="the broker says 17"):
        route.broker.account()


def test_a_trade_by_hand_before_the_first_start_is_held_and_one_after_it_stops_the_start(
    route: Route,
) -> None:
    route.venue.trade_by_hand("h1", "BBB", "buy", quantity=Decimal(5), price=Decimal(20))
    assert route.broker.start().is_sound
    route.venue.trade_by_hand("h2", "BBB", "sell", quantity=Decimal(2), price=Decimal(20))
    with pytest.raises(UntrustworthyData, match="belongs to no order of ours"):
        route.broker.reconnect()


def test_a_dividend_stops_the_start_until_the_ledger_has_it(route: Route) -> None:
    route.broker.submit(route.intent())
    route.venue.trade()
    route.venue.pay(Decimal("3.20"))
    with pytest.raises(UntrustworthyData, match="looks like a dividend"):
        route.broker.reconnect()
    entries = tuple(
        Entry(
            account=name, amount=Decimal(amount), currency="USD", previous="a" * 64, hash="b" * 64
        )
        for name, amount in (("assets:cash", "3.20"), ("income:dividends", "-3.20"))
    )
    paid = Transaction(
        transaction_id="d",
        sequence=0,
        kind="dividend",
        session=DAY,
        description="dividend",
        entries=entries,
    )
    route.booked = lambda: Booked(ledger=(paid,))
    assert route.broker.reconnect().is_sound


def test_after_an_answer_was_lost_the_next_order_goes_by_way_of_reconciliation(
    route: Route,
) -> None:
    route.broker.submit(route.intent())
    starts = route.line.calls.count("account")
    route.broker.submit(route.intent("two", "1"))
    assert route.line.calls.count("account") == starts
    route.line.queue("submit", after(LOST))
    route.broker.submit(route.intent("three", "1"))
    route.broker.submit(route.intent("four", "1"))
    assert route.line.calls.count("account") > starts


def test_no_order_is_taken_while_the_broker_cannot_be_asked(route: Route) -> None:
    route.line.queue("session", *[AWAY] * 3)
    with pytest.raises(Unavailable):
        route.broker.submit(route.intent())
    with pytest.raises(NotFound):
        route.kept()
    assert route.venue.arrivals["one"] == 0


def test_a_fill_whose_counting_a_crash_cut_off_is_counted_at_the_next_start(route: Route) -> None:
    route.broker.submit(route.intent())
    route.venue.fill("one", Decimal(6))
    route.venue.cancel("one")
    (first,) = route.venue.fills()
    order = route.kept()
    ended = move(order, Transition(at=route.clock.now(), status="cancelled", cause="venue"))
    route.store.move("acc", ended, seen=version(order))
    route.store.add_fill("acc", first, at=route.clock.now())  # and then the process died
    assert route.process().start().is_sound
    assert (route.kept().status, route.kept().filled_quantity) == ("cancelled", 6)
    assert route.store.fills("acc") == (first,)


def test_a_fill_told_otherwise_than_before_is_not_taken_and_stops_the_start(route: Route) -> None:
    route.broker.submit(route.intent())
    route.venue.fill("one", Decimal(6))
    route.broker.fills()

    def other(told: tuple[Fill, ...]) -> tuple[Fill, ...]:
        return tuple(fill.model_copy(update={"quantity": Decimal(5)}) for fill in told)

    route.line.queue("fills", *[other] * 12)
    with pytest.raises(UntrustworthyData, match="is not what the broker told before"):
        route.process().start()
    assert route.store.fills("acc") == route.venue.fills()


def test_a_worker_taken_for_dead_learns_that_nothing_was_sent(route: Route) -> None:
    route.line.queue("submit", AWAY, AWAY, AWAY)
    other = route.process(route.venue)
    other.start()

    def meanwhile(method: str) -> None:
        if method == "submit":
            route.line.watch = lambda _: None
            assert other.order("one").status == "unresolved"

    route.line.watch = meanwhile
    with pytest.raises(Unavailable):
        route.broker.submit(route.intent())
    assert states(route.kept())[-1] == ("cancelled", "broker")
    assert route.venue.arrivals["one"] == 0


@pytest.mark.parametrize("kind", ["memory", "stored"])
def test_threads_that_submit_the_same_orders_at_once_send_each_once(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    opened: Store | None = None
    if kind == "stored":
        opened = open_store(None, tmp_path_factory.mktemp("home"))
    route = Route(InMemoryOrderStore() if opened is None else opened.orders)
    intents = [route.intent(f"o{n}", "1") for n in range(6)]
    workers = [route.process(route.venue) for _ in range(4)]

    def work(n: int) -> list[str]:
        return [workers[n].submit(each).status for each in intents]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    route.venue.trade()
    assert len(workers[0].fills()) == 6
    assert all(route.kept(f"o{n}").status == "filled" for n in range(6))
    assert set(route.venue.arrivals.values()) == {1}
    if opened is not None:
        opened.close()
