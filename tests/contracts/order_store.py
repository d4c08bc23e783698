"""What every order store must do; a test module subclasses it and gives `order_store`."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from interfaces.order_store import OrderStore
from schemas.account import AccountMark
from schemas.errors import AlphaShieldError, Conflict, InvalidRequest, NotFound
from schemas.orders import Fill, Order, OrderStatus, Terms, Transition
from tests.contracts.store_messages import fills, orders
from trading.order_states import intend, move, version

AT = datetime(2026, 3, 2, 14, 29, tzinfo=UTC)
DAY = date(2026, 3, 2)
DRAWN = settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking against a database takes minutes
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.differing_executors,
    ],
)


def an_order(name: str = "one", *, session: date = DAY, sequence: int = 0) -> Order:
    """Return an intent to buy ten."""
    return intend(
        Order(
            client_order_id=name,
            agent="tester",
            sequence=sequence,
            session=session,
            symbol="AAA",
            side="buy",
            quantity=Decimal(10),
            reason="because",
            placed_as_of=AT,
        )
    )


def a_fill(name: str, order: str = "one", *, session: date = DAY, units: str = "1") -> Fill:
    """Return a fill at 5."""
    quantity = Decimal(units)
    return Fill(
        fill_id=name,
        client_order_id=order,
        agent="tester",
        session=session,
        symbol="AAA",
        side="buy",
        quantity=quantity,
        reference_price=Decimal(5),
        price=Decimal(5),
        amount=quantity * 5,
        commission=Decimal("0.01"),
        spread_cost=Decimal(0),
        slippage_cost=Decimal(0),
        convention="open",
    )


def moved(order: Order, status: OrderStatus, filled: str | None = None) -> Order:
    """Return the order one state on."""
    to = Transition(at=AT + timedelta(seconds=1), status=status, cause="venue", reason=None)
    return move(order, to, filled=None if filled is None else Decimal(filled))


def a_mark(cash: str = "1000.00") -> AccountMark:
    """Return an account of cash alone."""
    return AccountMark(
        session=None,
        currency="USD",
        cash=Decimal(cash),
        market_value=Decimal(0),
        equity=Decimal(cash),
    )


def in_threads(count: int, action: Callable[[int], object]) -> list[object]:
    """Run the action in that many threads at once and return what each returned or raised."""

    def guarded(number: int) -> object:
        try:
            return action(number)
        except AlphaShieldError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(guarded, range(count)))


class OrderStoreContract:
    """`interfaces.order_store.OrderStore`."""

    def test_an_intent_is_kept_once_and_the_same_again_returns_what_it_became(
        self, order_store: OrderStore
    ) -> None:
        order = an_order()
        assert order_store.create("acc", order) == order
        sent = moved(order, "submitted")
        order_store.move("acc", sent, seen=version(order))
        assert order_store.create("acc", order) == sent
        later = order.model_copy(update={"placed_as_of": AT + timedelta(hours=1), "reason": "x"})
        assert order_store.create("acc", later) == sent
        assert order_store.orders("acc") == (sent,)

    def test_the_same_id_with_other_content_is_a_conflict_and_changes_nothing(
        self, order_store: OrderStore
    ) -> None:
        order = order_store.create("acc", an_order())
        for change in (
            {"quantity": Decimal(11)},
            {"side": "sell"},
            {"symbol": "BBB"},
            {"session": DAY + timedelta(days=1)},
            {"terms": Terms(order_type="limit", limit_price=Decimal(4))},
        ):
            with pytest.raises(Conflict, match="other content"):
                order_store.create("acc", order.model_copy(update=change))
        assert order_store.orders("acc") == (order,)

    @pytest.mark.promise("no-duplicate-order")
    def test_of_all_who_move_one_version_one_alone_succeeds(self, order_store: OrderStore) -> None:
        order = order_store.create("acc", an_order())
        sent = moved(order, "submitted")  # the very same move by all of them
        outcomes = in_threads(8, lambda _: order_store.move("acc", sent, seen=1))
        assert sum(outcome is None for outcome in outcomes) == 1
        assert all(outcome is None or isinstance(outcome, Conflict) for outcome in outcomes)
        assert order_store.get("acc", "one") == sent

    @pytest.mark.promise("no-duplicate-order")
    def test_of_all_who_create_one_order_all_get_the_same(self, order_store: OrderStore) -> None:
        order = an_order()
        assert in_threads(8, lambda _: order_store.create("acc", order)) == [order] * 8
        assert order_store.orders("acc") == (order,)

    def test_a_stale_version_moves_nothing_and_is_told_where_the_order_stands(
        self, order_store: OrderStore
    ) -> None:
        order = order_store.create("acc", an_order())
        sent = moved(order, "submitted")
        order_store.move("acc", sent, seen=1)
        for seen in (0, 1, 3):
            with pytest.raises(Conflict, match="it is submitted at version 2"):
                order_store.move("acc", moved(sent, "accepted"), seen=seen)
        assert order_store.get("acc", "one") == sent

    def test_what_was_never_kept_is_not_found(self, order_store: OrderStore) -> None:
        with pytest.raises(NotFound, match="'one'"):
            order_store.get("acc", "one")
        with pytest.raises(NotFound):
            order_store.move("acc", moved(an_order(), "submitted"), seen=1)
        assert order_store.orders("acc") == order_store.unsettled("acc") == ()
        assert order_store.fills("acc") == order_store.fills_of("acc", "one") == ()
        assert order_store.opening("acc") is None

    def test_an_order_is_unsettled_until_it_ends_by_the_word_of_who_can_tell(
        self, order_store: OrderStore
    ) -> None:
        order = order_store.create("acc", an_order())
        for status in ("submitted", "unresolved"):
            after = moved(order, status)
            order_store.move("acc", after, seen=version(order))
            order = after
            assert order_store.unsettled("acc") == (order,)
        gone = Transition(at=AT, status="rejected", cause="recovery", reason="not known")
        presumed = move(order, gone)
        order_store.move("acc", presumed, seen=version(order))
        assert order_store.unsettled("acc") == (presumed,)
        back = moved(presumed, "filled", "10")
        order_store.move("acc", back, seen=version(presumed))
        assert order_store.unsettled("acc") == ()
        assert order_store.orders("acc") == (back,)

    def test_orders_come_oldest_session_first_and_then_as_placed(
        self, order_store: OrderStore
    ) -> None:
        made = [
            an_order(f"{day}-{n}", session=DAY + timedelta(days=day), sequence=n)
            for day in range(3)
            for n in range(12)
        ]
        shuffled = random.Random(1).sample(made, len(made))
        for order in shuffled:
            order_store.create("acc", order)
        assert order_store.orders("acc") == order_store.unsettled("acc") == tuple(made)
        assert order_store.orders("acc", session=DAY + timedelta(days=1)) == tuple(made[12:24])

    @pytest.mark.promise("no-duplicate-order")
    def test_a_fill_is_kept_once_however_often_and_by_whomever_it_is_told(
        self, order_store: OrderStore
    ) -> None:
        fill = a_fill("f1")
        outcomes = in_threads(8, lambda n: order_store.add_fill("acc", fill, at=AT))
        assert sorted(map(str, outcomes)) == ["False"] * 7 + ["True"]
        assert order_store.fills("acc") == order_store.fills_of("acc", "one") == (fill,)

    def test_a_fill_told_again_with_other_content_is_a_conflict_and_the_first_stays(
        self, order_store: OrderStore
    ) -> None:
        fill = a_fill("f1")
        order_store.add_fill("acc", fill, at=AT)
        for change in ({"quantity": Decimal(2)}, {"amount": Decimal("5.01")}, {"side": "sell"}):
            with pytest.raises(Conflict, match="fill f1 exists with other content"):
                order_store.add_fill("acc", fill.model_copy(update=change), at=AT)
        assert order_store.fills("acc") == (fill,)

    def test_fills_come_by_session_and_then_as_they_became_known(
        self, order_store: OrderStore
    ) -> None:
        days = [DAY + timedelta(days=n) for n in (1, 0, 2, 1, 0)]
        made = [a_fill(f"f{9 - n}", f"o{n % 2}", session=day) for n, day in enumerate(days)]
        for n, fill in enumerate(made):
            order_store.add_fill("acc", fill, at=AT + timedelta(seconds=n))
        expected = tuple(made[n] for n in (1, 4, 0, 3, 2))
        assert order_store.fills("acc") == expected
        assert order_store.fills("acc", since=days[0]) == expected[2:]
        assert order_store.fills("acc", since=DAY + timedelta(days=3)) == ()
        assert order_store.fills_of("acc", "o0") == (made[4], made[0], made[2])

    def test_fills_of_one_moment_keep_the_order_they_were_added_in(
        self, order_store: OrderStore
    ) -> None:
        made = [a_fill(f"f{9 - n}") for n in range(6)]
        for fill in made:
            order_store.add_fill("acc", fill, at=AT)
        assert order_store.fills("acc") == tuple(made)

    def test_accounts_are_apart_even_when_one_name_begins_like_another(
        self, order_store: OrderStore
    ) -> None:
        names = ("acc", "acc-2", "ac", "2026-03-02")
        for n, name in enumerate(names):
            order = an_order().model_copy(update={"quantity": Decimal(n + 1)})
            order_store.create(name, order)
            order_store.add_fill(name, a_fill("f1", units=str(n + 1)), at=AT)
            order_store.begin(name, a_mark(f"{n + 1}.00"))
        for n, name in enumerate(names):
            opening = order_store.opening(name)
            assert opening is not None
            assert opening.cash == n + 1
            assert [each.quantity for each in order_store.orders(name)] == [n + 1]
            assert [each.quantity for each in order_store.unsettled(name)] == [n + 1]
            assert [each.quantity for each in order_store.orders(name, session=DAY)] == [n + 1]
            assert [each.quantity for each in order_store.fills(name)] == [n + 1]
            assert [each.quantity for each in order_store.fills_of(name, "one")] == [n + 1]

    def test_what_an_account_held_at_first_stays(self, order_store: OrderStore) -> None:
        assert order_store.begin("acc", a_mark("1.00")) == a_mark("1.00")
        assert order_store.begin("acc", a_mark("2.00")) == a_mark("1.00")
        assert order_store.opening("acc") == a_mark("1.00")

    @DRAWN
    @given(order=orders, fill=fills)
    def test_any_order_and_fill_survive_to_the_byte(
        self, order_store: OrderStore, order: Order, fill: Fill
    ) -> None:
        account = uuid.uuid4().hex
        order_store.create(account, order)
        assert order_store.get(account, order.client_order_id).model_dump_json() == (
            order.model_dump_json()
        )
        order_store.add_fill(account, fill, at=AT)
        (back,) = order_store.fills_of(account, fill.client_order_id)
        assert back.model_dump_json() == fill.model_dump_json()
        assert order_store.fills(account) == (back,)


class NamedAccountsContract:
    """What a store that makes names of accounts adds."""

    @pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "x" * 65, "a\x00"])
    def test_an_account_without_a_plain_name_is_refused(
        self, order_store: OrderStore, name: str
    ) -> None:
        with pytest.raises(InvalidRequest, match="an account is named"):
            order_store.create(name, an_order())
        with pytest.raises(InvalidRequest):
            order_store.fills(name)
