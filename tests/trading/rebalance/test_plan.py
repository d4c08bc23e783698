"""Target weights become orders that pass the gate, fit the cash, and come in one order."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from schemas.execution import ExecutionModel
from schemas.orders import Terms
from schemas.risk import RiskLimits
from tests.trading.rebalance.desk import FREE, book
from trading.account import Holding
from trading.gate import check
from trading.lots import new_lot
from trading.orders import OrderIntent
from trading.rebalance import (
    PRICE_ALLOWANCE,
    Calendar,
    NoTradeRegion,
    Skipped,
    TaxLots,
    TaxRates,
    Threshold,
    rebalance,
)


def test_what_is_not_named_is_sold_and_sells_come_first() -> None:
    plan = rebalance({"BBB": Decimal("0.5")}, book())
    assert plan.intents == (
        OrderIntent("AAA", "sell", Decimal(20)),
        OrderIntent("BBB", "buy", Decimal(12)),
    )


def test_a_fully_invested_target_leaves_room_for_costs_and_a_rise() -> None:
    execution = ExecutionModel()
    plan = rebalance(
        {"AAA": Decimal("0.5"), "BBB": Decimal("0.5")}, book(execution=execution, held="0")
    )
    where = book(execution=execution, held="0")
    spent = sum(where.estimate(intent).outlay for intent in plan.intents)
    assert [intent.symbol for intent in plan.intents] == ["AAA", "BBB"]
    assert spent * (1 + PRICE_ALLOWANCE) <= Decimal(1000)
    assert spent > Decimal(980)
    halves = [intent.quantity * where.prices[intent.symbol] for intent in plan.intents]
    assert abs(halves[0] - halves[1]) < Decimal("0.01")


def test_small_changes_are_left_alone_but_a_position_is_closed_whole() -> None:
    tiny = book(held="0.05")
    left = rebalance({"AAA": Decimal("0.001")}, tiny)
    assert left.intents == ()
    assert left.left_alone == (Skipped("AAA", "a change of 0.50 is below the smallest, 1.00"),)
    assert rebalance({}, tiny).intents == (OrderIntent("AAA", "sell", Decimal("0.05")),)


def test_at_the_target_nothing_is_done() -> None:
    at = {"AAA": Decimal(200) / Decimal(1200)}
    plan = rebalance(at, book())
    assert plan.intents == ()
    assert plan.left_alone == (Skipped("AAA", "it is at its target"),)


def test_working_orders_count_as_done() -> None:
    for target in ({"BBB": Decimal("0.5")}, {"AAA": Decimal("0.4"), "BBB": Decimal("0.6")}):
        where = book(execution=ExecutionModel())
        for intent in rebalance(target, where).intents:
            where = where.with_order(intent)
        assert rebalance(target, where).intents == ()


def test_a_symbol_without_a_price_is_skipped_and_named() -> None:
    plan = rebalance({"LATE": Decimal("0.5"), "AAA": Decimal("0.5")}, book())
    assert [(each.symbol, each.reason) for each in plan.skipped] == [("LATE", "no price yet")]
    assert [intent.symbol for intent in plan.intents] == ["AAA"]


def test_whole_units_are_planned_where_only_those_trade() -> None:
    execution = FREE.model_copy(update={"fractional": False})
    plan = rebalance({"AAA": Decimal("0.1"), "BBB": Decimal("0.3")}, book(execution=execution))
    assert plan.intents == (
        OrderIntent("AAA", "sell", Decimal(8)),
        OrderIntent("BBB", "buy", Decimal(7)),
    )


def test_within_the_band_a_name_is_left_alone_with_the_reason() -> None:
    # AAA is a sixth of the account; BBB is not held, and entering it waits for no band.
    targets = {"AAA": Decimal("0.2"), "BBB": Decimal("0.01")}
    plan = rebalance(targets, book(), policy=Threshold())
    assert [intent.symbol for intent in plan.intents] == ["BBB"]
    assert plan.left_alone == (
        Skipped("AAA", "0.033333 from its target of 0.20, within the band of 0.05"),
    )


def test_beyond_the_band_a_name_goes_to_its_target_or_to_the_edge() -> None:
    targets = {"AAA": Decimal("0.25")}
    (whole,) = rebalance(targets, book(), policy=Threshold()).intents
    (edge,) = rebalance(targets, book(), policy=Threshold(to="edge")).intents
    assert (whole.side, whole.quantity) == ("buy", Decimal(10))  # 0.25 of 1 200 are 300
    assert edge.quantity == Decimal(4)  # 0.20 are 240


def test_what_trading_costs_widens_the_region_in_which_nothing_is_done() -> None:
    targets = {"AAA": Decimal("0.18")}
    cheap = rebalance(targets, book(), policy=NoTradeRegion())
    dear = rebalance(targets, book(execution=ExecutionModel()), policy=NoTradeRegion())
    assert [intent.side for intent in cheap.intents] == ["buy"]
    assert dear.intents == ()
    assert "within the no-trade region at a round trip of 0.001" in dear.left_alone[0].reason


def test_before_the_calendar_says_so_nothing_is_traded() -> None:
    waiting = Calendar("monthly", session=date(2020, 1, 31), last=date(2020, 1, 2))
    plan = rebalance({"BBB": Decimal("0.5")}, book(), policy=waiting)
    assert plan.intents == ()
    assert [each.symbol for each in plan.left_alone] == ["AAA", "BBB"]
    assert plan.left_alone[0].reason == "rebalanced monthly, last on 2020-01-02: not due yet"
    due = Calendar("monthly", session=date(2020, 2, 3), last=date(2020, 1, 2))
    assert len(rebalance({"BBB": Decimal("0.5")}, book(), policy=due).intents) == 2


def test_sales_name_the_lots_they_close() -> None:
    lots = (
        new_lot("20190102-1", Decimal(10), Decimal("50.00")),
        new_lot("20190601-2", Decimal(10), Decimal("150.00")),
    )
    taxes = TaxLots(
        TaxRates(Decimal("0.35"), Decimal("0.15")), {"AAA": Holding(lots)}, date(2020, 3, 2)
    )
    targets = {"AAA": Decimal(100) / Decimal(1200)}
    (some,) = rebalance(targets, book(), tax_lots=taxes).intents
    assert some == OrderIntent("AAA", "sell", Decimal(10), Terms(lots=("20190601-2",)))
    (everything,) = rebalance({}, book(), tax_lots=taxes).intents
    assert everything.terms.lots == ()  # all of them go


def test_a_short_position_that_is_not_named_is_bought_back_whole() -> None:
    limits = RiskLimits(allow_short=True, max_gross_share=Decimal(2))
    short = book(limits, held="-0.05")
    assert rebalance({}, short).intents == (OrderIntent("AAA", "buy", Decimal("0.05")),)
    deeper = rebalance({"AAA": Decimal("-0.5")}, short).intents
    assert deeper == (OrderIntent("AAA", "sell", Decimal("49.925")),)


def test_the_cash_reserve_is_left_alone() -> None:
    limits = RiskLimits(min_cash_share=Decimal("0.3"))
    where = book(limits, held="0")
    (intent,) = rebalance({"BBB": Decimal(1)}, where).intents
    assert check(intent, where) is None
    assert Decimal(680) < intent.quantity * 50 <= Decimal(700)


@given(
    first=st.decimals("0", "1", places=6),
    second=st.decimals("0", "1", places=6),
    held=st.sampled_from(["0", "0.05", "20", "3000"]),
    cash=st.sampled_from(["0.00", "0.99", "1000.00", "123456.78"]),
    fractional=st.booleans(),
)
def test_every_planned_order_passes_the_gate_in_turn(
    first: Decimal, second: Decimal, held: str, cash: str, fractional: bool
) -> None:
    total = max(first + second, Decimal(1))
    targets = {"AAA": first / total, "BBB": second / total}
    where = book(execution=ExecutionModel(fractional=fractional), cash=cash, held=held)
    for intent in rebalance(targets, where).intents:
        assert check(intent, where) is None
        where = where.with_order(intent)
    assert where.cash >= min(Decimal(cash), Decimal(0))
