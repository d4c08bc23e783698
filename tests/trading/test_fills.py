"""A session's orders fill in one known order, and never beyond cash or holding."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from schemas.execution import PerShareCommission, flat_costs
from schemas.orders import Order, Side
from tests.trading.samples import FREE
from trading.account import CASH, AccountState, Holding
from trading.fills import Reference, fill_order, settle_order

DAY = date(2020, 1, 2)
AT_TEN = Reference(DAY, Decimal("10.000000"), "open")
WHOLE = FREE.model_copy(update={"fractional": False})


def order(side: Side, quantity: str, *, agent: str = "a", sequence: int = 0) -> Order:
    return Order(
        client_order_id=f"{agent}{sequence}",
        agent=agent,
        sequence=sequence,
        session=DAY,
        symbol="AAA",
        side=side,
        quantity=Decimal(quantity),
        reason="because",
        placed_as_of=datetime(2020, 1, 2, 14, 30, tzinfo=UTC),
    )


def state(cash: str, held: str = "0", cost: str = "0") -> AccountState:
    holdings = {"AAA": Holding(Decimal(held), Decimal(cost))} if Decimal(held) else {}
    return AccountState("USD", {CASH: Decimal(cash)}, holdings)


def test_sells_go_before_buys_then_by_agent_and_sequence() -> None:
    placed = [
        order("buy", "1", agent="b", sequence=0),
        order("buy", "1", agent="a", sequence=1),
        order("sell", "1", agent="b", sequence=1),
        order("buy", "1", agent="a", sequence=0),
        order("sell", "1", agent="a", sequence=2),
    ]
    denied = order("sell", "1", sequence=9).model_copy(update={"status": "denied"})
    found = [each.client_order_id for each in settle_order([denied, *placed])]
    assert found == ["a2", "b1", "a0", "a1", "b0"]


def test_a_covered_order_fills_whole_with_its_costs() -> None:
    paid = flat_costs(commission="20", half_spread="20", slippage="30")
    done, fill = fill_order(order("buy", "100"), state("2000"), reference=AT_TEN, execution=paid)
    assert fill is not None
    assert (done.status, done.status_reason) == ("filled", None)
    assert (fill.reference_price, fill.price) == (Decimal(10), Decimal("10.05"))
    assert (fill.amount, fill.commission) == (Decimal("1005.00"), Decimal("2.00"))
    # 100 × 10.05 × 10 bps is 1.005, and with 100 × 0.01 the fee is 2.005: half-even gives 2.00.
    assert (fill.spread_cost, fill.slippage_cost) == (Decimal("2.00"), Decimal("3.00"))
    assert (fill.convention, fill.realised_gain) == ("open", None)


def test_a_buy_beyond_cash_is_cut_to_what_cash_buys_and_says_so() -> None:
    done, fill = fill_order(order("buy", "100"), state("333.33"), reference=AT_TEN, execution=FREE)
    assert fill is not None
    assert fill.amount == Decimal("333.33")
    assert done.status == "partially_filled"
    assert done.status_reason is not None
    assert "cut from 100 to 33.333499: 333.33 USD of cash at 10 plus costs" in done.status_reason


def test_whole_units_are_cut_to_whole_units() -> None:
    done, fill = fill_order(order("buy", "100"), state("333.33"), reference=AT_TEN, execution=WHOLE)
    assert fill is not None
    assert (fill.quantity, done.status) == (Decimal(33), "partially_filled")
    done, fill = fill_order(order("buy", "2.5"), state("333.33"), reference=AT_TEN, execution=WHOLE)
    assert fill is not None
    assert fill.quantity == 2
    assert done.status_reason == "cut from 2.50 to 2: whole units only"


def test_a_buy_without_cash_is_rejected() -> None:
    for cash in ("0", "0.001"):
        done, fill = fill_order(order("buy", "1"), state(cash), reference=AT_TEN, execution=FREE)
        assert fill is None
        assert done.status == "rejected"
        assert done.status_reason


def test_nothing_is_bought_for_less_than_a_cent() -> None:
    done, fill = fill_order(order("buy", "0.0004"), state("100"), reference=AT_TEN, execution=FREE)
    assert fill is None
    assert done.status_reason == "what can be bought is worth less than a cent"


def test_a_sell_beyond_the_holding_is_cut_and_gains_are_against_average_cost() -> None:
    execution = FREE.model_copy(
        update={"commission": PerShareCommission(per_share=Decimal("0.10"))}
    )
    held = state("0", held="4", cost="30.00")
    done, fill = fill_order(order("sell", "9"), held, reference=AT_TEN, execution=execution)
    assert fill is not None
    assert (fill.quantity, done.status) == (Decimal(4), "partially_filled")
    assert fill.realised_gain == Decimal("40.00") - Decimal("0.40") - Decimal("30.00")
    done, fill = fill_order(order("sell", "1"), state("5"), reference=AT_TEN, execution=execution)
    assert (fill, done.status) == (None, "rejected")


def test_a_fraction_left_by_a_split_can_be_sold_where_only_whole_units_trade() -> None:
    held = state("0", held="4.5", cost="30.00")
    _, fill = fill_order(order("sell", "4.5"), held, reference=AT_TEN, execution=WHOLE)
    assert fill is not None
    assert fill.quantity == Decimal("4.5")


def test_without_a_bar_the_order_is_cancelled_with_the_reason() -> None:
    done, fill = fill_order(order("buy", "1"), state("100"), reference=None, execution=FREE)
    assert fill is None
    assert done.status == "cancelled"
    assert done.status_reason == "AAA has no price in the session of 2020-01-02"


def test_a_sell_whose_costs_nobody_can_pay_is_rejected_not_owed() -> None:
    execution = FREE.model_copy(update={"commission": PerShareCommission(per_share=Decimal(50))})
    held = state("9.99", held="1", cost="10.00")
    done, fill = fill_order(order("sell", "1"), held, reference=AT_TEN, execution=execution)
    assert (fill, done.status) == (None, "rejected")
    assert "exceed its proceeds" in str(done.status_reason)
