"""The account is its ledger: balanced at every step, and the same when rebuilt."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from schemas.errors import InvalidRequest, LimitBreached, UntrustworthyData
from schemas.execution import flat_costs
from schemas.ledger import Transaction
from schemas.orders import Side
from tests.trading.test_fills import order
from trading.account import (
    CAPITAL,
    CASH,
    COMMISSION,
    POSITIONS,
    REALISED,
    AccountState,
    movements_of,
)
from trading.fills import Reference, fill_order
from trading.ledger import Heading, Movement, Tip, append, verify

DAY = date(2020, 1, 2)
PRICES = st.decimals("0.01", "900", places=6)
AMOUNTS = st.decimals("0.01", "9000", places=2)


def entered(
    state: AccountState, tip: Tip, movements: tuple[Movement, ...]
) -> tuple[AccountState, Tip, Transaction]:
    heading = Heading(f"t{tip.sequence}", "trade", DAY, "test", state.currency)
    made = append(tip, heading, movements=movements)
    return state.apply(made), tip.after(made), made


class Bookkeeping(RuleBasedStateMachine):
    """Deposits, trades cut and uncut, splits, dividends, draws and repayments in any order."""

    @initialize(bps=st.sampled_from(["0", "2.5", "100"]))
    def start(self, bps: str) -> None:
        self.execution = flat_costs(commission=bps)
        self.state = AccountState("USD")
        self.tip = Tip()
        self.made: list[Transaction] = []
        self.price = Decimal("10.000000")
        self.paid_in = self.gains = self.fees = Fraction(0)
        self.post(CAPITAL, Decimal("5000.00"))

    def post(self, other: str, amount: Decimal) -> None:
        """Bring cash in from another account, or out to it when negative."""
        self.enter((Movement(CASH, amount), Movement(other, -amount)))
        self.paid_in += Fraction(amount)

    def enter(self, movements: tuple[Movement, ...]) -> None:
        self.state, self.tip, made = entered(self.state, self.tip, movements)
        self.made.append(made)

    @rule(amount=AMOUNTS)
    def deposit(self, amount: Decimal) -> None:
        self.post(CAPITAL, amount)

    @rule(amount=AMOUNTS)
    def draw_on_the_loan(self, amount: Decimal) -> None:
        # 60 % into the fund, 40 % to the borrower, one transaction.
        paid_out = (amount * 2 / 5).quantize(Decimal("0.01"))
        self.enter(
            (
                Movement("loan:principal", amount),
                Movement("lender:funding", -amount),
                Movement(CASH, amount - paid_out),
                Movement("borrower:paid_out", paid_out - amount),
            )
        )
        self.paid_in += Fraction(amount - paid_out)

    @rule(share=st.decimals("0", "1.2", places=2))
    def pay_an_instalment_from_the_fund(self, share: Decimal) -> None:
        amount = (self.state.cash * share).quantize(Decimal("0.01"))
        if amount <= self.state.cash:
            self.post("loan:principal", -amount)
            return
        before = self.state
        with pytest.raises(LimitBreached, match="would take the cash"):
            self.post("loan:principal", -amount)
        assert self.state is before

    @rule(amount=AMOUNTS)
    def dividend(self, amount: Decimal) -> None:
        self.post("income:dividends", amount)

    @rule(
        side=st.sampled_from(["buy", "sell"]),
        quantity=st.decimals("0.000001", "3000", places=6),
        price=PRICES,
    )
    def trade(self, side: Side, quantity: Decimal, price: Decimal) -> None:
        self.price = price
        placed = order(side, str(quantity))
        reference = Reference(DAY, price, "open")
        done, fill = fill_order(placed, self.state, reference=reference, execution=self.execution)
        assert (fill is None) == (done.status in {"rejected", "cancelled"})
        assert done.status != "partially_filled" or done.status_reason
        if fill is None:
            return
        self.fees += Fraction(fill.commission)
        if fill.realised_gain is not None:
            self.gains += Fraction(fill.realised_gain) + Fraction(fill.commission)
        self.enter(movements_of(fill, self.state))

    @rule(times=st.sampled_from(["2", "0.1", "1.5"]))
    def split(self, times: str) -> None:
        held = self.state.held("AAA")
        more = (held * Decimal(times)).quantize(Decimal("0.000001"))
        if not held or not more:
            return
        cost = self.state.holdings["AAA"].cost
        place = POSITIONS + "AAA"
        self.enter((Movement(place, -cost, "AAA", -held), Movement(place, cost, "AAA", more)))
        assert self.state.holdings["AAA"].cost == cost

    @invariant()
    def everything_balances(self) -> None:
        state = self.state
        assert sum(state.balances.values()) == 0
        assert state.cash >= 0
        assert all(holding.quantity > 0 for holding in state.holdings.values())
        at_cost = sum((holding.cost for holding in state.holdings.values()), Decimal())
        carried = [v for name, v in state.balances.items() if name.startswith(POSITIONS)]
        assert sum(carried, Decimal()) == at_cost
        # Cash by a second way: what came in, less what the positions cost, plus gains, less fees.
        assert Fraction(state.cash) == (self.paid_in - Fraction(at_cost) + self.gains - self.fees)
        assert Fraction(-state.balances.get(REALISED, Decimal())) == self.gains
        assert Fraction(state.balances.get(COMMISSION, Decimal())) == self.fees
        mark = state.mark(DAY, {"AAA": self.price})
        assert mark.equity == mark.cash + sum(p.market_value for p in mark.positions)

    @invariant()
    def the_ledger_holds_it_all(self) -> None:
        for made in self.made[-2:]:
            assert sum(entry.amount for entry in made.entries) == 0

    def teardown(self) -> None:
        if not hasattr(self, "made"):
            return
        assert verify(self.made, tip=self.tip.hash).fault is None
        assert AccountState("USD").apply_all(self.made) == self.state


@pytest.mark.promise("ledger-balances")
class TestBookkeeping(Bookkeeping.TestCase):
    settings = settings(max_examples=60, stateful_step_count=25)


@pytest.mark.long
@pytest.mark.promise("ledger-balances")
class TestBookkeepingAtLength(Bookkeeping.TestCase):
    settings = settings(max_examples=1000, stateful_step_count=100)


def test_selling_a_part_takes_the_average_cost_and_the_rest_takes_the_rest() -> None:
    state, tip, _ = entered(
        AccountState("USD"), Tip(), (Movement(CASH, Decimal(30)), Movement(CAPITAL, Decimal(-30)))
    )
    execution = flat_costs(commission="0", half_spread="0", slippage="0")
    for side, quantity, price, cash, cost in (
        ("buy", "1", "10", "20.00", "10.00"),
        ("buy", "2", "10", "0.00", "30.00"),
        ("sell", "1", "13", "13.00", "20.00"),
        ("sell", "2", "5", "23.00", None),
    ):
        reference = Reference(DAY, Decimal(price), "open")
        _, fill = fill_order(order(side, quantity), state, reference=reference, execution=execution)
        assert fill is not None
        state, tip, _ = entered(state, tip, movements_of(fill, state))
        assert state.cash == Decimal(cash)
        held = state.holdings.get("AAA")
        assert (held and held.cost) == (cost and Decimal(cost))
    assert state.balances[REALISED] == Decimal("7.00")  # 3 gained, 10 lost
    assert state.holdings == {}


def test_another_currency_is_never_mixed_in() -> None:
    movements = (Movement(CASH, Decimal(1)), Movement(CAPITAL, Decimal(-1)))
    made = append(Tip(), Heading("t", "deposit", DAY, "euros", "EUR"), movements=movements)
    with pytest.raises(InvalidRequest, match="kept in USD"):
        AccountState("USD").apply(made)


def test_units_that_are_not_held_cannot_leave() -> None:
    movements = (
        Movement(POSITIONS + "AAA", Decimal(-1), "AAA", Decimal(-1)),
        Movement(CASH, Decimal(1)),
    )
    made = append(Tip(), Heading("t", "trade", DAY, "short", "USD"), movements=movements)
    with pytest.raises(LimitBreached, match="more AAA than is held"):
        AccountState("USD").apply(made)


def test_a_holding_without_a_price_is_not_valued_at_a_guess() -> None:
    movements = (
        Movement(POSITIONS + "AAA", Decimal(1), "AAA", Decimal(1)),
        Movement(CAPITAL, Decimal(-1)),
    )
    state, _, _ = entered(AccountState("USD"), Tip(), movements)
    with pytest.raises(UntrustworthyData, match="AAA is held but has no price"):
        state.mark(DAY, {})
