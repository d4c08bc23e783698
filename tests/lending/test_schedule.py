"""Schedules: exact, level, closing to zero; against numpy-financial."""

import random
from datetime import date
from decimal import Decimal

import numpy_financial as npf
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lending.schedule import add_months, build_schedule, level_payment, split_principal
from schemas.errors import InvalidRequest
from schemas.loan import LoanTerms
from tests.lending.loan_samples import application, terms


def test_the_sample_loan_costs_313_36_a_month():
    schedule = build_schedule(terms())
    assert {row.payment for row in schedule.instalments[:-1]} == {Decimal("313.36")}
    assert schedule.instalments[-1].balance == 0
    assert schedule.instalments[-1].due_on == date(2022, 12, 2)
    assert schedule.total_paid == Decimal(10000) + schedule.total_interest


def test_a_loan_without_interest_is_repaid_in_equal_parts():
    schedule = build_schedule(terms(principal="1000", rate_annual="0", term_months=3))
    assert [row.payment for row in schedule.instalments] == [
        Decimal("333.33"),
        Decimal("333.33"),
        Decimal("333.34"),
    ]
    assert schedule.total_interest == 0


def test_due_dates_keep_the_day_and_clip_to_the_end_of_the_month():
    schedule = build_schedule(terms(first_due_on=date(2020, 1, 31), term_months=4))
    assert [row.due_on for row in schedule.instalments] == [
        date(2020, 1, 31),
        date(2020, 2, 29),
        date(2020, 3, 31),
        date(2020, 4, 30),
    ]
    assert add_months(date(2020, 3, 31), -1) == date(2020, 2, 29)
    assert add_months(date(2020, 2, 29), 1, anchor=31) == date(2020, 3, 31)


def test_a_loan_that_whole_cents_cannot_repay_levelly_is_refused():
    for bad in (terms("0.10", "0.08", 480), terms("10000", "1", 480)):
        with pytest.raises(InvalidRequest, match="whole cents"):
            build_schedule(bad)


def test_the_principal_splits_into_invested_fee_and_paid_out():
    split = split_principal(application(origination_fee="300"))
    assert (split.invested, split.fee, split.paid_out) == (
        Decimal(6000),
        Decimal(300),
        Decimal(3700),
    )


loans = st.builds(
    terms,
    principal=st.decimals("100", "500000", places=2),
    rate_annual=st.decimals("0", "0.6", places=4),
    term_months=st.integers(1, 120),
    first_due_on=st.dates(date(2019, 1, 1), date(2024, 1, 1)),
)


@given(loans)
def test_every_schedule_adds_up_and_closes_to_zero(loan: LoanTerms):
    try:
        schedule = build_schedule(loan)
    except InvalidRequest:
        assume(False)
    rows = schedule.instalments
    assert len(rows) == loan.term_months
    assert rows[-1].balance == 0
    assert sum(row.principal for row in rows) == loan.principal
    balance = loan.principal
    for row in rows:
        assert row.interest >= 0
        assert row.principal >= 0
        assert row.interest + row.principal == row.payment
        assert row.balance == balance - row.principal
        balance = row.balance


def check_against_numpy_financial(seed: int, loans: int) -> None:
    """Compare with npf.pmt and npf.fv: the payment to the cent, the balance to its rounding."""
    draw = random.Random(seed)
    for _ in range(loans):
        cents = draw.randrange(100_000, 10_000_000)
        rate = draw.randrange(1, 3600) / 10_000
        months = draw.randrange(1, 121)
        loan = terms(Decimal(cents) / 100, Decimal(str(rate)), months)
        schedule = build_schedule(loan)
        payment = -npf.pmt(rate / 12, months, cents / 100)
        assert abs(float(level_payment(loan.principal, loan.rate_annual, months)) - payment) <= 0.01
        # What is owed before the last instalment, if the rounded payment were paid in real
        # numbers; interest is rounded by at most half a cent a month, and that compounds.
        level = float(schedule.instalments[0].payment)
        oracle = -npf.fv(rate / 12, months - 1, -level, cents / 100) if months > 1 else cents / 100
        owed = float(schedule.instalments[-1].principal)
        drift = 0.005 * npf.fv(rate / 12, months, -1, 0) + 1e-4
        assert abs(owed - oracle) <= drift
        assert schedule.instalments[-1].balance == 0


@pytest.mark.promise("loan-maths")
def test_schedules_agree_with_numpy_financial():
    check_against_numpy_financial(seed=20191202, loans=150)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.promise("loan-maths")
def test_ten_thousand_schedules_agree_with_numpy_financial():
    check_against_numpy_financial(seed=7, loans=10_000)
