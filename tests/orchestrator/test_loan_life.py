"""A loan's life: paid out, serviced by the waterfall, and closed with not a cent over or short."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.broker.simulated import SimulatedBroker
from adapters.clock import SimulatedClock
from interfaces.broker import Posting
from orchestrator.loan_life import LoanLife, loan_of
from schemas.agents import LenderDecision
from schemas.execution import ExecutionModel
from tests.orchestrator.markets import NYSE, market
from tests.orchestrator.runs import lending, small_loan, trading

MARKET = market()
FIRST = date(2019, 1, 2)
SAID = {"rationale": "because", "confidence": 1.0}


class Serviced:
    """A loan whose fund is all cash: what it earns or loses is posted, what it pays is planned."""

    def __init__(self, *, disposable: str = "930.00", **changes: Any) -> None:
        file = small_loan(
            **{
                "disbursed_on": FIRST,
                "first_due_on": date(2019, 2, 2),
                "income_monthly_net": Decimal(disposable),
                "expenses_monthly": Decimal("0.00"),
                "housing_monthly": Decimal("0.00"),
                "debt_payments_monthly": Decimal("0.00"),
                **changes,
            }
        )
        self.life = LoanLife(file, NYSE.on_or_after)
        self.clock = SimulatedClock(NYSE.opens_at(FIRST))
        self.exchange = SimulatedBroker(
            clock=self.clock,
            market=MARKET,
            run_key="a" * 64,
            currency="USD",
            execution=ExecutionModel(),
        )
        self.books: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.n = 0
        self.session(FIRST, disburse=True)

    def session(
        self,
        day: date,
        *,
        planned: str | None = "0.00",
        gain: str = "0.00",
        disburse: bool = False,
    ) -> None:
        self.clock.move_to(NYSE.opens_at(day))
        self.exchange.begin(self.n, day)
        self.n += 1
        self.life.begin()
        if disburse:
            self.life.disburse(self.exchange)
        if Decimal(gain):
            value = Decimal(gain)
            books = (Posting("assets:cash", value), Posting("income:interest", -value))
            self.exchange.post("interest", "What the fund earned", books)
        self.clock.move_to(NYSE.closes_at(day) + timedelta(microseconds=1))
        self.exchange.settle()
        value = self.exchange.account().equity
        plan = None if planned is None else Decimal(planned)
        self.life.pay(day, self.exchange, planned=plan, fund_value=value)
        for each in self.exchange.end().transactions:
            for entry in each.entries:
                self.books[entry.account] += entry.amount

    def due(self, number: int, **how: str | None) -> Any:
        """Service one instalment and return who paid it."""
        self.session(NYSE.on_or_after(self.life.schedule.instalments[number - 1].due_on), **how)
        assert self.life.state.payment is not None
        return self.life.state.payment.split

    @property
    def cash(self) -> Decimal:
        return self.exchange.account().cash


def test_the_principal_is_split_and_the_books_balance_when_it_is_paid_out() -> None:
    loan = Serviced(origination_fee=Decimal("25.00"))
    assert loan.life.state.status == "active"
    assert loan.cash == loan.life.state.fund_invested == 900
    assert loan.books["borrower:paid_out"] == 575
    assert loan.books["loan:fees"] == 25
    assert loan.books["loan:principal"] == -loan.books["borrower:owes"] == 1500
    assert sum(loan.books.values()) == 0


def test_the_funds_income_pays_first_then_the_borrower() -> None:
    loan = Serviced()
    split = loan.due(1, planned="120.00", gain="100.00")
    assert (split.from_income, split.from_principal) == (100, 0)
    assert split.from_borrower == split.due - 100
    assert split.shortfall == 0
    assert loan.life.state.fund_invested == 900


def test_principal_of_the_fund_pays_only_what_income_and_borrower_cannot() -> None:
    loan = Serviced(disposable="300.00")
    split = loan.due(1, planned="400.00", gain="50.00")
    assert (split.from_income, split.from_borrower) == (50, 300)
    assert split.from_principal == split.due - 350
    assert loan.life.state.fund_invested == 900 - split.from_principal


def test_the_fund_pays_no_more_than_the_lender_planned() -> None:
    loan = Serviced(disposable="0.00")
    split = loan.due(1, planned="10.00", gain="50.00")
    assert (split.from_income, split.from_principal) == (10, 0)
    assert split.shortfall == loan.life.state.arrears == split.due - 10


def test_a_silent_lender_leaves_the_contracts_waterfall_in_force() -> None:
    loan = Serviced()
    split = loan.due(1, planned=None, gain="100.00")
    assert (split.from_income, split.from_principal, split.shortfall) == (100, 0, 0)
    poor = Serviced(disposable="0.00", fund_floor=Decimal("800.00"))
    split = poor.due(1, planned=None, gain="10.00")
    assert (split.from_income, split.from_principal) == (10, 100)


def test_the_fund_is_never_drawn_below_its_floor_even_when_it_fell_after_the_decision() -> None:
    """The plan was made at 900; at the fills the fund is worth 860."""
    loan = Serviced(disposable="0.00", fund_floor=Decimal("800.00"))
    split = loan.due(1, planned="100.00", gain="-40.00")
    assert split.from_principal == 60
    assert loan.cash == 800


def test_arrears_are_due_with_the_next_instalment_without_penalty() -> None:
    loan = Serviced(disposable="400.00")
    first = loan.due(1)
    second = loan.due(2)
    assert second.due == loan.life.schedule.instalments[1].payment + first.shortfall


def test_interest_that_stayed_unpaid_is_paid_as_interest_later_and_the_loan_closes_at_zero() -> (
    None
):
    loan = Serviced(disposable="4.00", rate_annual=Decimal("0.24"))
    total = loan.life.schedule.total_interest
    for number in (1, 2):
        loan.due(number)
    loan.due(3, planned="2000.00", gain="2000.00")
    state = loan.life.state
    assert (state.status, state.arrears, state.balance) == ("paid_off", 0, 0)
    assert loan.books["borrower:interest_paid"] == total
    assert loan.books["loan:principal"] == 0


def test_a_loan_that_ends_in_arrears_stays_open() -> None:
    loan = Serviced(disposable="400.00")
    for number in (1, 2, 3):
        loan.due(number)
    assert loan.life.state.status == "active"
    assert loan.life.state.arrears > 0
    assert loan.life.state.balance > 0
    assert not loan.life.over


@settings(max_examples=60, deadline=None)
@given(
    disposable=st.sampled_from(["0.00", "3.33", "95.00", "250.00", "501.10"]),
    rate=st.sampled_from(["0.00", "0.08", "0.36"]),
    months=st.lists(
        st.tuples(st.integers(-20_000, 60_000), st.integers(0, 120_000)), min_size=6, max_size=6
    ),
)
def test_whatever_happens_every_cent_is_accounted_for(
    disposable: str, rate: str, months: list[tuple[int, int]]
) -> None:
    loan = Serviced(disposable=disposable, rate_annual=Decimal(rate), term_months=6)
    interest = Decimal(0)
    for number, (earned, planned) in enumerate(months, start=1):
        gain = max(Decimal(earned) / 100, -loan.cash)
        split = loan.due(number, gain=str(gain), planned=str(Decimal(planned) / 100))
        state, payment = loan.life.state, loan.life.state.payment
        assert payment is not None
        received = split.from_income + split.from_borrower + split.from_principal
        assert received + split.shortfall == split.due
        assert payment.interest + payment.principal == received
        assert loan.cash >= 0
        assert 0 <= state.balance == loan.books["loan:principal"]
        interest += payment.interest
        rows = loan.life.schedule.instalments
        assert state.balance + interest >= rows[number - 1].balance
        owed = sum(row.payment for row in rows[:number])
        assert state.paid_by_fund + state.paid_by_borrower + state.arrears == owed
    assert sum(loan.books.values()) == 0
    assert (loan.life.state.status == "paid_off") == (loan.life.state.arrears == 0)
    assert loan.life.state.arrears > 0 or loan.life.state.balance == 0


def test_nothing_is_paid_on_a_day_on_which_nothing_is_due() -> None:
    loan = Serviced()
    before = loan.life.state
    loan.session(date(2019, 1, 3), planned="100.00")
    assert loan.life.state == before


def test_events_follow_the_loans_state() -> None:
    fresh = LoanLife(small_loan(), NYSE.on_or_after)
    assert fresh.events(date(2019, 12, 30)) == ("application",)
    loan = Serviced()
    assert loan.life.events(date(2019, 2, 4)) == ("instalment_due",)  # the 2nd was a Saturday
    assert loan.life.events(date(2019, 2, 5)) == ()


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        (LenderDecision(action="refuse", **SAID), "refused"),
        (LenderDecision(action="refer", **SAID), "referred"),
        (None, "referred"),
    ],
)
def test_without_an_approval_the_loan_is_over(decision: LenderDecision | None, status: str) -> None:
    life = LoanLife(small_loan(), NYSE.on_or_after)
    life.decline(decision)
    assert life.state.status == status
    assert life.over


def test_a_state_is_taken_up_where_it_was_left() -> None:
    loan = Serviced()
    loan.due(1)
    other = LoanLife(small_loan(), NYSE.on_or_after)
    other.restore(loan.life.state)
    assert other.state == loan.life.state
    other.begin()
    assert other.state.payment is None


def test_agents_are_told_what_is_due_and_no_more() -> None:
    loan = Serviced()
    facts = loan.life.facts(date(2019, 2, 4))
    assert facts["instalment"] == {
        "number": 1,
        "due_on": "2019-02-02",
        "amount_due": str(loan.life.schedule.instalments[0].payment),
    }
    assert "instalment" not in loan.life.facts(date(2019, 2, 5))


def test_only_a_loan_request_has_a_loan() -> None:
    assert loan_of(trading(), NYSE.on_or_after) is None
    assert loan_of(lending(), NYSE.on_or_after) is not None
