"""No order passes a limit: each denial names the limit and by how much."""

from __future__ import annotations

from decimal import Decimal

import pytest

from schemas.account import AccountMark, PositionMark
from schemas.execution import ExecutionModel, PerShareCommission
from schemas.orders import Side
from schemas.risk import RiskLimits
from tests.trading.gate_books import FREE
from trading.gate import CASH_ALLOWANCE, Book, Denial, Rules, check, open_book
from trading.orders import OrderIntent

PRICES = {"AAA": Decimal(10), "BBB": Decimal(50)}


def book(
    limits: RiskLimits | None = None,
    execution: ExecutionModel = FREE,
    *,
    cash: str = "1000.00",
    held: str = "20",
) -> Book:
    value = Decimal(held) * 10
    positions = ()
    if Decimal(held):
        mark = PositionMark(
            symbol="AAA", quantity=Decimal(held), cost=value, price=Decimal(10), market_value=value
        )
        positions = (mark,)
    account = AccountMark(
        session=None,
        currency="USD",
        cash=Decimal(cash),
        market_value=value,
        equity=Decimal(cash) + value,
        positions=positions,
    )
    rules = Rules(limits or RiskLimits(), execution, frozenset({"AAA", "BBB", "LATE"}))
    return open_book(account, (), prices=PRICES, rules=rules)


def intent(side: Side, quantity: str, symbol: str = "AAA") -> OrderIntent:
    return OrderIntent(symbol, side, Decimal(quantity))


def denied(wish: OrderIntent, where: Book) -> Denial:
    denial = check(wish, where)
    assert denial is not None
    return denial


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_nothing_passes_while_trading_is_halted(side: Side) -> None:
    assert denied(intent(side, "1"), book(RiskLimits(halted=True))).limit == "halted"


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize(
    "quantity", ["NaN", "sNaN", "Infinity", "-Infinity", "0", "-0", "-1", "1E+308", "1000000000.1"]
)
def test_a_quantity_that_is_none_is_denied(side: Side, quantity: str) -> None:
    assert denied(intent(side, quantity), book()).limit == "quantity"


def test_unknown_and_not_yet_listed_symbols_are_denied_in_the_same_words() -> None:
    said = [denied(intent("buy", "1", name), book()).message for name in ("ZZZ", "LATE")]
    assert said[0].replace("ZZZ", "LATE") == said[1]


def test_a_sell_beyond_the_holding_is_denied_counting_working_sells() -> None:
    assert check(intent("sell", "20"), book()) is None
    denial = denied(intent("sell", "20.5"), book())
    assert (denial.limit, denial.excess) == ("allow_short", Decimal("0.5"))
    after = book().with_order(intent("sell", "15"))
    denial = denied(intent("sell", "6"), after)
    assert (denial.limit, denial.excess) == ("allow_short", Decimal(1))
    # Units that are only being bought cannot be sold yet: sells fill first.
    bought = book(held="0").with_order(intent("buy", "5"))
    assert denied(intent("sell", "1"), bought).limit == "allow_short"


def test_a_buy_beyond_cash_is_denied_but_for_the_allowance() -> None:
    most = Decimal(20) * (1 + CASH_ALLOWANCE)
    assert check(intent("buy", str(most), "BBB"), book()) is None
    denial = denied(intent("buy", str(most + Decimal("0.01")), "BBB"), book())
    assert (denial.limit, denial.excess) == ("allow_leverage", Decimal("10.50"))


def test_costs_count_against_the_cash() -> None:
    dear = ExecutionModel(commission=PerShareCommission(per_share=Decimal(5)))
    assert denied(intent("buy", "20", "BBB"), book(execution=dear)).limit == "allow_leverage"


def test_cash_from_a_working_sell_can_be_spent_and_a_working_buy_has_spent_it() -> None:
    wish = intent("buy", "23", "BBB")
    assert denied(wish, book()).limit == "allow_leverage"
    richer = book().with_order(intent("sell", "20"))
    assert check(wish, richer) is None
    assert denied(intent("buy", "2", "BBB"), richer.with_order(wish)).limit == "allow_leverage"


def test_the_position_limit_counts_what_is_held_and_working() -> None:
    limits = RiskLimits(max_position_share=Decimal("0.25"))
    assert check(intent("buy", "10"), book(limits)) is None
    denial = denied(intent("buy", "11"), book(limits))
    assert (denial.limit, denial.excess) == ("max_position_share", Decimal("10.00"))
    assert "0.25 allows 300" in denial.message
    after = book(limits).with_order(intent("buy", "10"))
    assert denied(intent("buy", "0.1"), after).limit == "max_position_share"


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_order_limit_holds_both_ways(side: Side) -> None:
    limits = RiskLimits(max_order_share=Decimal("0.1"))
    assert check(intent(side, "12"), book(limits)) is None
    denial = denied(intent(side, "13"), book(limits))
    assert (denial.limit, denial.excess) == ("max_order_share", Decimal("10.00"))


def test_orders_of_a_session_are_counted() -> None:
    where = book(RiskLimits(max_orders_per_session=2))
    for _ in range(2):
        assert check(intent("buy", "1"), where) is None
        where = where.with_order(intent("buy", "1"))
    denial = denied(intent("buy", "1"), where)
    assert (denial.limit, denial.excess) == ("max_orders_per_session", Decimal(1))


def test_whole_units_only_where_fractions_are_not_traded() -> None:
    execution = FREE.model_copy(update={"fractional": False})
    assert denied(intent("buy", "1.5"), book(execution=execution)).limit == "quantity"
    assert check(intent("buy", "2"), book(execution=execution)) is None
    # What a split left may be sold whole.
    assert check(intent("sell", "19.5"), book(execution=execution, held="19.5")) is None


def test_an_empty_account_can_buy_nothing() -> None:
    assert denied(intent("buy", "0.01"), book(cash="0.00", held="0")).limit == "allow_leverage"
    assert denied(intent("buy", "0.0001"), book(cash="0.00", held="0")).limit == "quantity"
