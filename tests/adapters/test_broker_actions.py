"""Corporate actions on what the simulated exchange holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from interfaces.broker import Posting, Settled
from schemas.errors import InvalidRequest
from schemas.execution import ExecutionModel
from schemas.facts import CorporateAction
from schemas.ledger import Transaction
from tests.adapters.acted import action, made, market, smooth, split, traded
from tests.contracts.broker import replace_exchange
from tests.trading.samples import DAYS, FREE, NYSE, Run
from trading.ledger import verify

WHOLE = ExecutionModel(fractional=False)
CENT = Decimal("0.01")


def holding(
    actions: Sequence[CorporateAction],
    *,
    until: int = 5,
    execution: ExecutionModel = WHOLE,
    **units: str,
) -> Run:
    """Return a run that bought those units on the second session, at the close before `until`."""
    run = Run(made(actions), execution)
    run.begin()
    run.deposit("100000.00")
    for symbol, quantity in (units or {"AAA": "101"}).items():
        run.submit(symbol, "buy", quantity)
    run.end()
    while run.row < until:
        step(run)
    return run


def step(run: Run) -> Settled:
    run.begin()
    return run.end()


def units_of(run: Run) -> dict[str, Decimal]:
    return {each.symbol: each.quantity for each in run.exchange.account().positions}


def booked(run: Run) -> list[Transaction]:
    return [
        each
        for tick in run.ticks
        for each in tick.transactions
        if each.kind not in ("trade", "deposit")
    ]


@pytest.mark.promise("corporate-actions")
@pytest.mark.parametrize("fractional", [True, False], ids=["fractional", "whole"])
@pytest.mark.parametrize(
    ("ratio", "units", "whole"),
    [
        ("2:1", "202", "202"),
        ("1:10", "10.1", "10"),
        ("3:2", "151.5", "151"),
        ("15:1", "1515", "1515"),
    ],
)
def test_a_split_changes_the_units_and_not_the_value(
    ratio: str, units: str, whole: str, *, fractional: bool
) -> None:
    run = holding([split("AAA", DAYS[5], ratio)], execution=ExecutionModel(fractional=fractional))
    before = run.exchange.account()
    run.begin()
    after = run.exchange.account()
    assert units_of(run) == {"AAA": Decimal(units if fractional else whole)}
    assert abs(after.equity - before.equity) <= CENT
    (posted,) = run.end().transactions
    assert posted.kind == "split"
    assert (after.cash > before.cash) is (not fractional and units != whole)


@pytest.mark.promise("corporate-actions")
def test_a_dividend_leaves_the_value_as_it_was_and_is_cash_at_the_open() -> None:
    dividend = action("cash_dividend", "AAA", DAYS[5], cash="0.37")
    run = holding([dividend])
    before = run.exchange.account()
    run.begin()
    after = run.exchange.account()
    assert after.cash - before.cash == Decimal("37.37")
    assert abs(after.equity - before.equity) <= CENT
    run.end()
    step(run)
    (posted,) = booked(run)
    assert posted.kind == "dividend"
    assert [(entry.account, entry.symbol) for entry in posted.entries] == [
        ("assets:cash", None),
        ("income:dividends", "AAA"),
    ]


@pytest.mark.promise("corporate-actions")
@pytest.mark.parametrize("terms", [{"cash": "0.40"}, {"new_units": "3", "old_units": "2"}])
def test_an_ex_date_on_a_holiday_counts_from_the_next_session(terms: dict[str, Any]) -> None:
    holiday = date(2020, 1, 20)
    assert not NYSE.is_session(holiday)
    row = DAYS.index(date(2020, 1, 21))
    kind = "cash_dividend" if "cash" in terms else "split"
    symbols = ("AAA", "BBB", "CCC")
    known = [action(kind, "AAA", holiday, **terms)]
    start, close = (np.round(traded(each, symbols, known), 2) for each in smooth(symbols))
    assert (close[row, 0] < close[row - 1, 0] - 5) == (kind == "split")
    run = Run(market(start, close, symbols, actions=known), FREE)
    run.begin()
    run.deposit("100000.00")
    run.submit("AAA", "buy", "101")
    run.end()
    while run.row < row:
        step(run)
    assert booked(run) == []
    before = run.exchange.account().equity
    run.begin()
    assert abs(run.exchange.account().equity - before) <= CENT
    run.end()
    assert [each.session for each in booked(run)] == [DAYS[row]]


@pytest.mark.promise("corporate-actions")
def test_two_actions_of_one_day_are_booked_once_each_the_split_first() -> None:
    actions = [
        action("cash_dividend", "AAA", DAYS[5], cash="0.37"),
        split("AAA", DAYS[5], "3:2"),
        action("ticker_change", "AAA", DAYS[5], new_symbol="NEW"),
    ]
    run = holding(actions)
    before = run.exchange.account()
    run.begin()
    assert abs(run.exchange.account().equity - before.equity) <= 2 * CENT
    run.end()
    step(run)
    kinds = [each.kind for each in booked(run)]
    assert kinds == ["split", "dividend", "symbol_change"]
    dividend = booked(run)[1]
    assert dividend.entries[0].amount == Decimal("55.87")  # on 151 new units
    assert units_of(run) == {"NEW": Decimal(151)}


@pytest.mark.promise("corporate-actions")
@pytest.mark.parametrize("killed_at", [4, 5, 6])
def test_a_process_that_dies_books_each_action_once_and_to_the_byte(killed_at: int) -> None:
    actions = [
        action("cash_dividend", "AAA", DAYS[5], cash="0.37"),
        split("AAA", DAYS[5], "3:2"),
        action("cash_dividend", "BBB", DAYS[6], cash="0.10"),
    ]
    whole = holding(actions, until=9, AAA="101", BBB="77")
    run = holding(actions, until=killed_at, AAA="101", BBB="77")
    run.begin()  # books, and dies before the tick is committed
    while run.row < 9:
        run = replace_exchange(run)
        run.exchange.restore(run.ticks)
        step(run)
    assert run.ticks == whole.ticks
    assert [each.kind for each in booked(run)] == ["split", "dividend", "dividend"]
    ids = [each.transaction_id for each in booked(run)]
    assert len(set(ids)) == 3


def test_a_new_ticker_is_followed_and_the_old_one_cannot_be_traded() -> None:
    run = holding([action("ticker_change", "AAA", DAYS[5], new_symbol="NEW")])
    before = run.exchange.account()
    run.begin()
    after = run.exchange.account()
    assert (units_of(run), after.equity) == ({"NEW": Decimal(101)}, before.equity)
    assert after.positions[0].cost == before.positions[0].cost
    run.submit("AAA", "sell", "1")
    run.submit("NEW", "sell", "1")
    settled = run.end()
    assert [order.status for order in settled.orders] == ["cancelled", "filled"]


def test_a_ticker_that_another_company_takes_over_leaves_the_holding_with_its_own() -> None:
    symbols = ("AAA", "BBB")
    actions = [action("ticker_change", "BBB", DAYS[5], new_symbol="AAA")]
    start, close = smooth(symbols)
    run = Run(market(np.round(start, 2), np.round(close, 2), symbols, actions=actions), FREE)
    run.begin()
    run.deposit("100000.00")
    run.submit("AAA", "buy", "100")
    run.submit("BBB", "buy", "7")
    run.end()
    while run.row < 5:
        step(run)
    before = run.exchange.account()
    run.begin()
    assert units_of(run) == {"AAA.1": Decimal(100), "AAA": Decimal(7)}
    assert run.exchange.account().equity == before.equity
    run.submit("AAA", "sell", "7")
    assert run.end().fills[0].price == Decimal(repr(round(float(start[5, 1]), 2)))


@pytest.mark.parametrize("kind", ["cash_merger", "delisting"])
def test_a_buy_out_turns_the_holding_to_cash_with_its_gain(kind: Any) -> None:
    run = holding([action(kind, "AAA", DAYS[5], cash="33.335")])
    before = run.exchange.account()
    run.begin()
    run.submit("AAA", "buy", "5")
    settled = run.end()
    after = settled.mark
    assert after.positions == ()
    assert after.cash - before.cash == Decimal("3366.84")  # 101 × 33.335 is 3366.835
    gain = before.positions[0].cost - Decimal("3366.84")
    assert settled.transactions[0].entries[-1].amount == gain
    assert [order.status for order in settled.orders] == ["cancelled"]


def test_a_delisting_without_a_word_of_cash_keeps_the_holding_at_its_last_close() -> None:
    run = holding([action("delisting", "AAA", DAYS[5])])
    before = run.exchange.account()
    run.begin()
    assert run.exchange.account().positions == before.positions
    run.submit("AAA", "sell", "101")
    settled = run.end()
    assert settled.mark.positions == before.positions
    assert (settled.transactions, settled.fills) == ((), ())
    assert [order.status for order in settled.orders] == ["cancelled"]


def test_an_order_of_the_morning_finds_the_new_units() -> None:
    run = holding([split("AAA", DAYS[5], "1:10")])
    run.begin()
    run.submit("AAA", "sell", "101")
    (order,) = run.end().orders
    assert str(order.status_reason).startswith("cut from 101 to 10: 10 held")


@pytest.mark.promise("corporate-actions")
def test_nothing_is_booked_before_its_ex_date_nor_for_what_was_bought_on_it() -> None:
    run = holding([action("cash_dividend", "AAA", DAYS[5], cash="1")], BBB="10")
    run.begin()
    run.submit("AAA", "buy", "10")
    run.end()
    step(run)
    assert booked(run) == []


def test_a_position_is_moved_by_no_posting() -> None:
    run = holding([])
    run.begin()
    mine = [Posting("assets:positions:AAA", Decimal(1)), Posting("assets:cash", Decimal(-1))]
    with pytest.raises(InvalidRequest, match="fills and corporate actions"):
        run.exchange.post("dividend", "mine", mine)


@pytest.mark.promise("corporate-actions")
@pytest.mark.parametrize("hours", [-1, 3], ids=["before the open", "in the session"])
def test_what_becomes_known_late_counts_for_what_was_held_and_only_once(hours: int) -> None:
    told = NYSE.opens_at(DAYS[8]) + timedelta(hours=hours)
    actions = [
        action("cash_dividend", "AAA", DAYS[5], cash="0.50", known=told),
        split("BBB", DAYS[5], "2:1", known=told),
    ]
    run = holding(actions, AAA="100", BBB="10")
    run.begin()
    run.submit("AAA", "sell", "100")
    run.end()
    run.begin()
    run.submit("BBB", "buy", "6")
    run.end()
    while run.row < 12:
        step(run)
    assert [each.session for each in booked(run)] == [DAYS[8], DAYS[8]]
    dividend = next(each for each in booked(run) if each.kind == "dividend")
    assert dividend.entries[0].amount == Decimal("50.00")  # sold since, held on the ex-date
    assert units_of(run) == {"BBB": Decimal(26)}  # ten became twenty; six were bought as new
    for row in (7, 8, 9):  # taken up again before, when and after it is told
        again = Run(run.market, run.execution, first=row)
        again.ticks = run.ticks[: row - 1]
        again.exchange.restore(again.ticks)
        while again.row < 12:
            step(again)
        assert again.ticks == run.ticks


# --- the same shares held over prices that no action cuts into ---


def test_held_through_splits_is_held_over_back_adjusted_prices() -> None:
    """Unrounded prices, so a unit's value is the same to a float; costs and fractions none.

    What may differ: the fraction below a millionth of a unit that each split drops, at most
    3e-6 units of under 500, and one rounding to the cent.
    """
    symbols = ("AAA", "BBB")
    actions = [
        split("AAA", DAYS[4], "15:1"),
        split("AAA", DAYS[15], "1:7"),
        split("BBB", DAYS[9], "3:2"),
        action("stock_dividend", "BBB", DAYS[20], new_units="21", old_units="20"),
    ]
    start, close = smooth(symbols)
    plain = Run(market(start, close, symbols), FREE)
    start, close = (traded(each, symbols, actions) for each in (start, close))
    acted = Run(market(start, close, symbols, actions=actions), FREE)
    for run in (plain, acted):
        run.begin()
        run.deposit("20000.00")
        run.submit("AAA", "buy", "210.5")
        run.submit("BBB", "buy", "33.25")
        run.end()
    while acted.row < len(DAYS) - 1:
        one, other = step(plain).mark, step(acted).mark
        assert abs(one.equity - other.equity) <= 3 * CENT
    assert len(booked(acted)) == 4
    made_by = [each for tick in acted.ticks for each in tick.transactions]
    assert verify(made_by, tip=acted.ticks[-1].ledger_hash).fault is None


def test_dividends_come_to_what_they_do_by_hand() -> None:
    cash = {5: "0.2350", 11: "0.24", 17: "1.005"}
    actions = [action("cash_dividend", "AAA", DAYS[row], cash=c) for row, c in cash.items()]
    run = holding([*actions, split("AAA", DAYS[8], "3:2")], until=25, AAA="101")
    expected = Fraction(0)
    units = Fraction(101)
    for row in range(2, 25):
        if row == 8:
            units = Fraction(151)
        if row in cash:
            expected += Fraction(round(units * Fraction(cash[row]) * 100), 100)
    income = -sum(
        entry.amount
        for each in booked(run)
        for entry in each.entries
        if entry.account == "income:dividends"
    )
    assert Fraction(income) == expected
    assert expected == Fraction("23.74") + Fraction("36.24") + Fraction("151.76")
