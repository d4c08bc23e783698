"""Target weights become orders that pass the gate, fit the cash, and come in one order."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from schemas.execution import ExecutionModel
from tests.trading.samples import FREE
from tests.trading.test_gate import book
from trading.gate import check
from trading.orders import OrderIntent
from trading.rebalance import PRICE_ALLOWANCE, rebalance


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
    assert rebalance({"AAA": Decimal("0.001")}, tiny).intents == ()
    assert rebalance({}, tiny).intents == (OrderIntent("AAA", "sell", Decimal("0.05")),)


def test_at_the_target_nothing_is_done() -> None:
    at = {"AAA": Decimal(200) / Decimal(1200)}
    assert rebalance(at, book()).intents == ()


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
