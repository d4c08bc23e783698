"""No limit is passed by what waits: a bracket's child, or a buy that leans on sells before it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from schemas.risk import BreakerLimits, RiskLimits
from tests.trading.gate_books import SESSION, opened, past, refused, wish, working
from trading.breakers.marks import Mark
from trading.breakers.watch import Watch
from trading.gate import Book, Moment, check, examine
from trading.gate.measures import free_cash
from trading.orders import OrderIntent

pytestmark = pytest.mark.promise("risk-limits")

HALF = {"max_position_share": "0.5"}
SHORT = {"allow_short": True, "max_gross_share": 2}


def limits(**values: object) -> RiskLimits:
    return RiskLimits.model_validate(values)


def sold(asked: RiskLimits, units: str = "100", **terms: object) -> Book:
    """1000 in cash and 100 AAA at 10, of which so many are being sold as the entry of a bracket."""
    return opened(asked, {"AAA": "100"}).with_order(wish("sell", units, **terms), order_id="entry")


def back(units: str = "100", price: str = "9") -> OrderIntent:
    """Buy back what the entry sold."""
    return wish("buy", units, parent_id="entry", order_type="limit", limit_price=price)


# --- a bracket's child ---------------------------------------------------------------------------


def test_a_child_that_buys_back_what_was_held_takes_its_room() -> None:
    book = sold(limits(**HALF))
    assert check(wish("buy", "100"), book) is None
    assert check(back(), book) is None
    both = book.with_order(back())
    assert both.reach("AAA") == (0, 100)
    assert refused(wish("buy", "1"), both).limit == "max_position_share"
    # The other way round the child is one too many.
    assert refused(back("1"), book.with_order(wish("buy", "100"))).limit == "max_position_share"


def test_a_child_that_buys_back_takes_its_cash() -> None:
    book = sold(limits())
    both = book.with_order(back())
    assert (both.cash, both.committed) == (Decimal("1100.00"), Decimal("900.00"))
    assert refused(wish("buy", "23", "BBB"), both).limit == "allow_leverage"
    poor = book.with_order(wish("buy", "30", "BBB"))
    assert refused(back(), poor).limit == "allow_leverage"


def test_of_children_that_cancel_one_another_the_dearest_takes_its_cash_once() -> None:
    exits = (("limit", {"limit_price": "9"}), ("stop", {"stop_price": "11"}))
    book = sold(limits())
    for kind, price in exits:
        child = wish("buy", "50", parent_id="entry", oco_group="g", order_type=kind, **price)
        assert check(child, book) is None
        book = book.with_order(child)
    assert book.committed == Decimal("550.00")
    assert book.reach("AAA") == (0, 50)


@pytest.mark.parametrize("kind", ["restricted", "breaker"])
def test_a_child_that_buys_back_what_was_held_is_no_reduction(kind: str) -> None:
    watch = Watch(BreakerLimits(mode="enforce"))
    for mark in (Mark(SESSION, Decimal(100), paid_in=Decimal(100)),):
        watch, _ = watch.fed(mark)
    watch, _ = watch.fed(Mark(SESSION.replace(day=3), Decimal(50)))
    asked = limits(restricted=["AAA"]) if kind == "restricted" else limits()
    book = sold(asked)
    if kind == "breaker":
        book = replace(book, moment=Moment(breakers=watch))
    for plain in (wish("buy", "100"), back(), back("0.000001")):
        assert refused(plain, book).limit == kind


def test_a_child_that_closes_what_its_parent_opened_is_a_reduction() -> None:
    book = opened(limits()).with_order(wish("buy", "10"), order_id="entry")
    watched = replace(book, rules=replace(book.rules, limits=limits(restricted=["AAA"])))
    assert check(wish("sell", "10", parent_id="entry"), watched) is None


def test_of_a_sale_that_turns_the_position_only_what_is_short_is_closed_by_a_child() -> None:
    book = sold(limits(**SHORT), "150")  # 100 of it are held, 50 opened short
    watched = replace(book, rules=replace(book.rules, limits=limits(**SHORT, restricted=["AAA"])))
    assert check(back("50"), watched) is None
    assert refused(back("51"), watched).limit == "restricted"
    after = watched.with_order(back("50"))
    assert refused(back("1"), after).limit == "restricted"


def test_a_child_may_not_sell_short_again_what_its_parent_covers() -> None:
    short = {"AAA": "-10"}
    book = opened(limits(), short).with_order(wish("buy", "10"), order_id="entry")
    assert refused(wish("sell", "10", parent_id="entry"), book).limit == "allow_short"
    asked = limits(**SHORT, max_position_share="0.1")
    book = opened(asked, short).with_order(wish("buy", "10"), order_id="entry")
    book = book.with_order(wish("sell", "9", parent_id="entry"))
    assert refused(wish("sell", "1", parent_id="entry"), book) is not None


def test_what_waits_for_a_sale_that_may_not_fill_adds_nothing_to_what_is_held() -> None:
    asked = limits(**HALF)
    book = sold(asked, order_type="limit", limit_price="11")
    after = book.with_order(back())
    assert after.reach("AAA") == book.reach("AAA") == (0, 100)


def test_a_closing_child_keeps_what_the_short_sale_brought() -> None:
    book = opened(limits(**SHORT)).with_order(wish("sell", "50"), order_id="entry")
    after = book.with_order(back("50", "12"))
    assert free_cash(book) == free_cash(after) == 1000


def test_a_child_counts_in_the_volume_of_its_side() -> None:
    risk = past({"AAA": [0.0] * 30}, {"AAA": 1000.0})
    book = opened(limits(max_volume_share="0.1"), {"AAA": "100"}, risk=risk)
    book = book.with_order(wish("sell", "60"), order_id="entry").with_order(back("60"))
    assert check(wish("buy", "40"), book) is None
    assert refused(wish("buy", "41"), book).limit == "max_volume_share"


def test_children_of_a_sale_filled_in_part_are_counted_in_full_from_the_broker_s_orders() -> None:
    orders = [
        working("sell", "100", name="entry", status="partially_filled", filled="40"),
        working(
            "buy",
            "100",
            name="child",
            status="intent",
            parent_id="entry",
            order_type="limit",
            limit_price="9",
        ),
    ]
    book = opened(limits(), {"AAA": "60"}, orders, cash="1400.00")
    assert book.reach("AAA") == (0, 100)
    assert book.cash == 1400 + 600 - 900


# --- a buy that leans on sells -------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        {"max_gross_share": "0.5"},
        {"max_positions": 1},
        {"min_cash_share": "0.5"},
        {"max_net_share": "0.5"},
        {"max_sector_share": "0.5", "sectors": {"AAA": "Energy", "BBB": "Energy"}},
        {"allow_leverage": True, "max_gross_share": "0.5"},
        {"rules": [{"id": "g", "measure": "gross_share", "max": "0.5"}]},
        {"rules": [{"id": "c", "measure": "cash_share", "min": "0.5"}]},
    ],
    ids=str,
)
def test_a_buy_within_a_limit_only_through_sells_waits_for_them(asked: dict[str, object]) -> None:
    book = opened(limits(**asked), {"AAA": "100"})
    buy = wish("buy", "20", "BBB")
    assert refused(buy, book)
    selling = book.with_order(wish("sell", "100"))
    verdict = examine(buy, selling)
    assert verdict.denial is None
    assert verdict.intent == replace(buy, terms=buy.terms.model_copy(update={"after_sells": True}))
    assert "only once the sells before it have filled" in verdict.remark
    # Asked again it is the same, and what fits without the sells waits for nothing.
    assert examine(verdict.intent, selling).intent == verdict.intent
    roomy = opened(limits(**asked), {"AAA": "50"}, cash="1500.00")
    if "max_positions" not in asked:
        after = roomy.with_order(wish("sell", "50"))
        assert not examine(wish("buy", "10", "BBB"), after).intent.terms.after_sells


def test_correlations_and_tails_wait_for_sells_too() -> None:
    rises = [0.02 * (-1) ** n for n in range(130)]
    risk = past({"AAA": rises, "BBB": rises})
    for asked in (
        {"correlation": {"above": "0.5", "max_share": "0.5"}},
        {"tail": [{"confidence": "0.99", "max_var": "0.011"}]},
    ):
        book = opened(limits(**asked), {"AAA": "100"}, risk=risk).with_order(wish("sell", "100"))
        assert examine(wish("buy", "20", "BBB"), book).intent.terms.after_sells


def test_the_same_name_is_not_sold_and_bought_beyond_its_limit() -> None:
    book = opened(limits(**HALF), {"AAA": "100"}).with_order(wish("sell", "100"))
    assert examine(wish("buy", "100"), book).intent.terms.after_sells
    # In another name there is room of its own.
    assert not examine(wish("buy", "20", "BBB"), book).intent.terms.after_sells


def test_a_plain_rebalance_with_the_default_limits_waits_for_nothing() -> None:
    book = opened(None, {"AAA": "100"}, cash="0.00").with_order(wish("sell", "100"))
    verdict = examine(wish("buy", "20", "BBB"), book)
    assert verdict.denial is None
    assert verdict.intent == wish("buy", "20", "BBB")


def test_what_is_left_of_an_older_session_s_sale_frees_nothing() -> None:
    old = working("sell", "100", session=SESSION.replace(day=1), time_in_force="gtc")
    asked = limits(max_gross_share="0.5")
    book = opened(asked, {"AAA": "100"}, [old])
    assert book.cash == 1000
    assert refused(wish("buy", "1", "BBB"), book).limit == "max_gross_share"


def test_a_short_sale_may_not_lean_on_sells_nor_on_covers() -> None:
    asked = limits(allow_short=True, max_gross_share="0.5")
    book = opened(asked, {"AAA": "100"}).with_order(wish("sell", "100"))
    denial = refused(wish("sell", "20", "BBB"), book)
    assert denial.limit == "max_gross_share"
    assert denial.message.endswith("unless the sells before it fill")
    assert examine(wish("sell", "20", "BBB"), book).denial == denial
    covering = opened(asked, {"AAA": "-50"}, cash="1500.00").with_order(wish("buy", "50"))
    assert refused(wish("sell", "10", "BBB"), covering).limit == "max_gross_share"
    assert refused(wish("buy", "10", "BBB"), covering).limit == "max_gross_share"


def test_the_cash_of_short_sales_is_not_spent_where_a_sale_fails() -> None:
    asked = limits(allow_short=True, max_gross_share=2, initial_margin_share="0.1")
    book = opened(asked, {"AAA": "100", "BBB": "-20"}, cash="1000.00")  # equity 1000
    assert refused(wish("buy", "40", "CCC"), book).limit == "allow_leverage"
    selling = book.with_order(wish("sell", "100"))
    assert examine(wish("buy", "40", "CCC"), selling).intent.terms.after_sells


def test_of_buys_that_cancel_one_another_each_waits_for_the_sells_it_leans_on() -> None:
    asked = limits(max_position_share="0.45")
    book = opened(asked, {"AAA": "100"}).with_order(wish("sell", "100"))
    for units in ("50", "40"):
        buy = wish("buy", units, order_type="limit", limit_price="9", oco_group="entry")
        verdict = examine(buy, book)
        assert verdict.intent.terms.after_sells
        book = book.with_order(verdict.intent)


def test_a_sale_waits_for_no_sells() -> None:
    book = opened(None, {"AAA": "100"})
    assert refused(wish("sell", "1", after_sells=True), book).limit == "terms"
