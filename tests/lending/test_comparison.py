"""The fair comparison: identities that must hold, and the sample's figures."""

from decimal import Decimal

import numpy_financial as npf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lending.comparison import compare_with_plain_loan, expected_course
from lending.coverage import FundPlan
from lending.schedule import annuity_payment, build_schedule
from schemas.errors import InvalidRequest
from tests.lending.loan_samples import terms

SCHEDULE = build_schedule(terms())


def sample(return_annual: str):
    fund = FundPlan(Decimal(6000), Decimal(return_annual))
    return compare_with_plain_loan(SCHEDULE, fund, paid_out=Decimal(4000))


def test_the_sample_loan_is_told_plainly():
    result = sample("0.10")
    assert result.same_rate.instalment == Decimal("125.35")
    assert result.same_rate.total_cost == Decimal("512.44")
    assert result.expected_total_cost == SCHEDULE.total_interest - 1800
    assert result.expected_fund_at_maturity == Decimal(6000)
    assert round(result.self_funding_return_income_annual, 4) == Decimal("0.6267")
    assert result.sensitivities[-1].rate_annual == Decimal("0.24")
    assert not result.funds_itself
    assert "does not fund itself" in result.statement


def test_at_a_fund_return_equal_to_the_loans_rate_nothing_is_gained_by_borrowing_to_invest():
    result = sample("0.08")
    # The difference in outlay, saved at the same rate, grows to the fund, but for cents.
    assert abs(result.savings_at_maturity - result.expected_fund_at_maturity) < Decimal("0.50")


def test_the_return_that_pays_every_instalment_agrees_with_numpy_financial():
    flows = [-6000.0, *(float(row.payment) for row in SCHEDULE.instalments)]
    assert float(sample("0.10").self_funding_return_drawdown_annual) == pytest.approx(
        12 * npf.irr(flows), abs=1e-6
    )


@given(st.decimals("-0.5", "0.5", places=3))
def test_at_the_break_even_rates_the_costs_are_equal(return_annual):
    result = sample(str(return_annual))
    rate = result.break_even_plain_rate_annual
    cost = (
        annuity_payment(Decimal(4000), Decimal("-0.99") if rate is None else rate, 36) * 36 - 4000
    )
    if rate is None:  # so cheap that no plain loan could be
        assert cost > result.expected_total_cost
    else:
        assert abs(cost - result.expected_total_cost) < Decimal("0.02")
    fund_return = result.break_even_fund_return_annual
    assert fund_return is not None
    course = expected_course(SCHEDULE, FundPlan(Decimal(6000), fund_return))
    ours = sum(course.outlays) - 4000 - course.fund_at_maturity
    assert abs(ours - result.same_rate.total_cost) < Decimal("0.40")


@given(st.decimals("-0.5", "0.5", places=3), st.decimals("-0.5", "0.5", places=3))
def test_a_higher_fund_return_never_costs_more(first, second):
    low, high = sorted((first, second))
    assert sample(str(high)).expected_total_cost <= sample(str(low)).expected_total_cost


def test_a_loan_with_nothing_invested_or_paid_out_is_not_compared():
    for invested, paid_out in ((0, 10000), (10000, 0)):
        with pytest.raises(InvalidRequest, match="needs something"):
            compare_with_plain_loan(
                SCHEDULE, FundPlan(Decimal(invested), Decimal("0.1")), paid_out=Decimal(paid_out)
            )
