"""Terms that make no sense are denied; orders that wait, cancel one another or may not fill count
the worse way, and once.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from schemas.errors import InvalidRequest
from schemas.execution import ExecutionModel
from schemas.orders import Terms
from schemas.risk import RiskLimits
from tests.trading.gate_books import PRICES, opened, refused, wish, working
from trading.gate import MAX_QUANTITY, check
from trading.gate.measures import free_cash
from trading.orders import OrderIntent

pytestmark = pytest.mark.promise("risk-limits")

STOP = {"order_type": "stop"}
LIMIT = {"order_type": "limit"}


@pytest.mark.parametrize(
    "intent",
    [
        wish("sell", "1", **STOP, stop_price="10.5"),
        wish("buy", "1", **STOP, stop_price="9.5"),
        wish("buy", "1", order_type="stop_limit", stop_price="9.5", limit_price="10"),
        wish("sell", "1", order_type="trailing_stop", trail_amount="10"),
        wish("sell", "1", parent_id="nobody"),
        OrderIntent("AAA", "hold", Decimal(1)),
    ],
)
def test_terms_that_make_no_sense_are_denied(intent: OrderIntent) -> None:
    asked = RiskLimits(price_collar=None)
    assert refused(intent, opened(asked, {"AAA": "20"})).limit == "terms"


@pytest.mark.parametrize(
    "intent",
    [
        wish("sell", "1", **STOP, stop_price="10"),
        wish("sell", "1", **STOP, stop_price="9"),
        wish("buy", "1", **STOP, stop_price="11"),
        wish("sell", "1", **LIMIT, limit_price="9"),
        wish("sell", "1", order_type="trailing_stop", trail_share="0.2"),
        wish("buy", "1", time_in_force="fok"),
        wish("buy", "1", time_in_force="at_close"),
    ],
)
def test_terms_that_make_sense_pass(intent: OrderIntent) -> None:
    assert check(intent, opened(None, {"AAA": "20"})) is None


@pytest.mark.parametrize("units", ["0.0000001", "1.0000000000000000000000001"])
def test_a_quantity_finer_than_a_millionth_is_denied(units: str) -> None:
    assert refused(wish("buy", units), opened()).limit == "quantity"


def test_an_order_is_as_large_as_the_money_it_names() -> None:
    book = opened(RiskLimits(max_order_share=Decimal("0.1")))
    assert check(wish("buy", "10", notional="100.00"), book) is None
    # Whatever units stand beside it.
    assert refused(wish("buy", "0.000001", notional="100.01"), book).limit == "max_order_share"
    assert refused(wish("buy", "11", notional="1.00"), book).limit == "max_order_share"
    most = MAX_QUANTITY * PRICES["AAA"]
    assert refused(wish("buy", "1", notional=str(most + 10)), opened()).limit == "quantity"
    after = opened().with_order(wish("buy", "1", notional="300.00"))
    assert (after.cash, after.projected["AAA"]) == (Decimal("700.00"), Decimal(30))


def test_of_whole_units_a_notional_buys_at_least_one() -> None:
    whole = ExecutionModel(fractional=False)
    book = opened(execution=whole)
    assert check(wish("buy", "1.5", "DDD", notional="150.00"), book) is None
    assert refused(wish("buy", "0.5", "DDD", notional="50.00"), book).limit == "quantity"


def test_a_buy_is_taken_at_the_price_it_may_have_to_pay() -> None:
    book = opened()
    for terms, spent in (
        ({**LIMIT, "limit_price": "12"}, "120.00"),
        ({**LIMIT, "limit_price": "8"}, "80.00"),
        ({**STOP, "stop_price": "11"}, "110.00"),
        ({"order_type": "stop_limit", "stop_price": "11", "limit_price": "13"}, "130.00"),
        ({"order_type": "trailing_stop", "trail_amount": "2"}, "120.00"),
        ({"order_type": "trailing_stop", "trail_share": "0.1"}, "110.00"),
    ):
        after = book.with_order(wish("buy", "10", **terms))
        assert (after.committed, after.cash) == (Decimal(spent), 1000 - Decimal(spent))
    assert refused(wish("buy", "90", **LIMIT, limit_price="12"), book).limit == "allow_leverage"


# --- orders that may not fill --------------------------------------------------------------------


def test_the_cash_of_a_resting_sale_is_not_there_yet_and_its_units_are_gone() -> None:
    book = opened(None, {"AAA": "20"})
    resting = book.with_order(wish("sell", "20", **LIMIT, limit_price="11"))
    assert resting.cash == 1000
    assert refused(wish("sell", "1"), resting).limit == "allow_short"
    assert refused(wish("buy", "21", "BBB"), resting).limit == "allow_leverage"
    assert check(wish("buy", "21", "BBB"), book.with_order(wish("sell", "20"))) is None


def test_a_resting_sale_frees_no_room_and_a_resting_buy_takes_it() -> None:
    asked = RiskLimits(max_position_share=Decimal("0.25"), max_positions=1)
    book = opened(asked, {"AAA": "20"})  # 10 more are the limit
    sale = book.with_order(wish("sell", "20", **LIMIT, limit_price="11"))
    assert refused(wish("buy", "1", "BBB"), sale).limit == "max_positions"
    assert refused(wish("buy", "11"), sale).limit == "max_position_share"
    buy = book.with_order(wish("buy", "10", **LIMIT, limit_price="9", time_in_force="gtc"))
    assert refused(wish("buy", "1"), buy).limit == "max_position_share"
    # A short one is as large as it gets when the resting buys do not fill.
    short = RiskLimits(allow_short=True, max_position_share=Decimal("0.25"))
    book = opened(short).with_order(wish("buy", "20", **LIMIT, limit_price="9"))
    assert check(wish("sell", "25"), book) is None
    assert refused(wish("sell", "26"), book).limit == "max_position_share"


@pytest.mark.parametrize(
    ("status", "filled", "cash", "sellable"),
    [
        ("accepted", "0", "1100.00", "10"),
        ("partially_filled", "4", "1060.00", "14"),
        ("submitted", "0", "1000.00", "10"),
        ("unresolved", "0", "1000.00", "10"),
        ("intent", "0", "1000.00", "10"),
        ("filled", "10", "1000.00", "20"),
        ("cancelled", "4", "1000.00", "20"),
        ("denied", "0", "1000.00", "20"),
    ],
)
def test_an_order_counts_by_what_may_still_become_of_it(
    status: str, filled: str, cash: str, sellable: str
) -> None:
    order = working("sell", "10", status=status, filled=filled)
    book = opened(None, {"AAA": "20"}, [order])
    assert (book.cash, book.sellable["AAA"]) == (Decimal(cash), Decimal(sellable))
    assert book.orders == 1


def test_a_working_order_without_a_known_price_is_an_error_and_no_guess() -> None:
    with pytest.raises(InvalidRequest, match="no last close of ZZZ"):
        opened(None, None, [working("buy", "1", "ZZZ")])


# --- orders that belong together -----------------------------------------------------------------


def test_of_orders_that_cancel_one_another_the_largest_counts_once() -> None:
    book = opened(None, {"AAA": "20"})
    target = wish("sell", "20", **LIMIT, limit_price="12", oco_group="exit")
    stop = wish("sell", "20", **STOP, stop_price="9", oco_group="exit")
    assert check(stop, book.with_order(target)) is None
    both = book.with_order(target).with_order(stop)
    assert (both.sellable["AAA"], both.orders) == (0, 2)
    assert refused(wish("sell", "1"), both).limit == "allow_short"
    larger = wish("sell", "21", **STOP, stop_price="9", oco_group="exit")
    assert refused(larger, book.with_order(target)).excess == Decimal(1)
    other = wish("sell", "20", **STOP, stop_price="9", oco_group="another")
    assert refused(other, book.with_order(target)).limit == "allow_short"


def test_buys_that_cancel_one_another_take_the_cash_of_the_dearest() -> None:
    book = opened()
    low = wish("buy", "50", **LIMIT, limit_price="9", oco_group="entry")
    high = wish("buy", "60", **STOP, stop_price="11", oco_group="entry")
    both = book.with_order(low).with_order(high)
    assert (both.cash, both.committed) == (Decimal("340.00"), Decimal("660.00"))
    assert both.projected["AAA"] == 60
    assert both.with_order(low).cash == both.cash


def test_the_exits_of_a_bracket_wait_for_its_entry_and_count_with_it() -> None:
    book = opened().with_order(wish("buy", "10"), order_id="entry")
    target = wish("sell", "10", **LIMIT, limit_price="12", parent_id="entry", oco_group="g")
    stop = wish("sell", "10", **STOP, stop_price="9", parent_id="entry", oco_group="g")
    for exit_order in (target, stop):
        assert check(exit_order, book) is None
        book = book.with_order(exit_order)
    assert (book.cash, book.projected["AAA"], book.orders) == (Decimal("900.00"), 10, 3)
    # Its units are bought, not held: nobody else may sell them.
    assert refused(wish("sell", "1"), book).limit == "allow_short"
    third = wish("sell", "1", **STOP, stop_price="9", parent_id="entry")
    denial = refused(third, book)
    assert denial.limit == "terms"
    assert "by 10.00 %" in denial.message


def test_a_child_closes_what_its_parent_opens() -> None:
    book = opened(None, {"BBB": "1"}).with_order(wish("buy", "10"), order_id="entry")
    for wrong in (
        wish("buy", "10", parent_id="entry"),
        wish("sell", "1", "BBB", parent_id="entry"),
        wish("sell", "11", parent_id="entry"),
    ):
        assert refused(wrong, book).limit == "terms"


def test_a_child_s_stop_is_held_against_the_price_of_its_entry() -> None:
    entry = wish("buy", "10", **LIMIT, limit_price="8")
    book = opened().with_order(entry, order_id="entry")
    assert check(wish("sell", "10", **STOP, stop_price="7.5", parent_id="entry"), book) is None
    late = wish("sell", "10", **STOP, stop_price="8.5", parent_id="entry")
    assert refused(late, book).limit == "terms"


def test_working_brackets_are_known_from_the_broker_s_orders() -> None:
    exits = [
        working("sell", "10", name=name, status="intent", parent_id="entry", oco_group="g", **terms)
        for name, terms in (
            ("target", {**LIMIT, "limit_price": "12"}),
            ("stop", {**STOP, "stop_price": "9"}),
        )
    ]
    waiting = opened(None, None, [working("buy", "10", name="entry"), *exits])
    assert (waiting.cash, waiting.sellable.get("AAA", 0)) == (Decimal("900.00"), 0)
    # The entry has filled: the exits work, and take the units once.
    live = [order.model_copy(update={"status": "accepted"}) for order in exits]
    entry = working("buy", "10", name="entry", status="filled", filled="10")
    filled = opened(None, {"AAA": "10"}, [entry, *live], cash="900.00")
    assert (filled.cash, filled.sellable["AAA"]) == (Decimal("900.00"), 0)
    more = wish("sell", "10", **STOP, stop_price="8", parent_id="entry", oco_group="g")
    assert check(more, filled) is None
    assert refused(wish("sell", "1", parent_id="entry"), filled).limit == "allow_short"


def test_the_exit_of_a_short_entry_buys_it_back() -> None:
    asked = RiskLimits(allow_short=True)
    book = opened(asked).with_order(wish("sell", "10"), order_id="entry")
    stop = wish("buy", "10", **STOP, stop_price="11", parent_id="entry")
    assert check(stop, book) is None
    # What the sale brought is kept for buying it back, before and after.
    assert free_cash(book.with_order(stop)) == free_cash(book) == 1000


def test_plain_terms_are_the_market_for_the_day() -> None:
    assert OrderIntent("AAA", "buy", Decimal(1)).terms == Terms()
