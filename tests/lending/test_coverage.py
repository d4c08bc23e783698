"""Coverage: the ratios, the waterfall, and the vectorised waterfall against the Decimal one."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lending.coverage import (
    FundPlan,
    fund_plan,
    months_fund_alone,
    pay_along_paths,
    simulate_coverage,
    summarise_coverage,
)
from lending.schedule import build_schedule, disposable_income, terms_of
from lending.servicing import fund_parts, split_instalment
from schemas.base import ZERO, to_cents
from schemas.errors import InvalidRequest
from tests.lending.loan_samples import application, terms

SCHEDULE = build_schedule(terms())
SAMPLE_FUND = FundPlan(Decimal(6000), Decimal("0.10"))
amounts = st.decimals("0", "20000", places=2)


@given(
    due=amounts,
    gain=st.decimals("-5000", "20000", places=2),
    available=st.decimals("-5000", "20000", places=2),
    principal=amounts,
    floor=amounts,
)
def test_an_instalment_is_paid_in_order_and_to_the_cent(due, gain, available, principal, floor):
    split = split_instalment(
        due=due, fund_gain=gain, borrower_available=available, fund_principal=principal, floor=floor
    )
    parts = (split.from_income, split.from_borrower, split.from_principal, split.shortfall)
    assert sum(parts) == due
    assert min(parts) >= 0
    assert split.from_income == min(due, max(gain, ZERO))
    if split.from_principal > 0:
        assert split.from_borrower == max(available, ZERO)
        assert principal - split.from_principal >= floor
    if split.shortfall > 0:
        assert split.from_principal == max(principal - floor, ZERO)


def test_a_fund_below_what_was_invested_has_no_income():
    assert fund_parts(Decimal(6100), Decimal(6000)) == (100, 6000)
    assert fund_parts(Decimal(5900), Decimal(6000)) == (0, 5900)


def test_the_sample_fund_covers_0_16_of_its_instalment_and_does_not_fund_itself():
    summary = summarise_coverage(
        SCHEDULE, SAMPLE_FUND, disposable_income=disposable_income(application())
    )
    assert summary.fund_income_monthly == Decimal("50.00")
    assert round(summary.fund_coverage, 2) == Decimal("0.16")
    assert summary.payment_coverage == round((930 + 50) / Decimal("313.36"), 6)
    assert summary.standing == "on_target"
    assert summary.months_fund_alone == 20
    assert not summary.funds_itself
    assert "does not fund itself" in summary.statement
    assert fund_plan(application()) == SAMPLE_FUND
    assert terms_of(application()) == terms()


@pytest.mark.parametrize(
    ("disposable", "standing"),
    [("357.37", "on_target"), ("357.36", "below_target"), ("326.04", "below_target"),
     ("326.03", "emergency"), ("-100", "emergency")],
)  # fmt: skip
def test_the_targets_apply_to_payment_coverage(disposable, standing):
    summary = summarise_coverage(SCHEDULE, SAMPLE_FUND, disposable_income=Decimal(disposable))
    assert summary.standing == standing


def test_a_rich_enough_fund_pays_every_instalment():
    assert months_fund_alone(SCHEDULE, FundPlan(Decimal(6000), Decimal("0.4692"))) == 36
    assert months_fund_alone(SCHEDULE, FundPlan(Decimal(6000), Decimal("0.4690"))) == 35
    assert (
        months_fund_alone(SCHEDULE, FundPlan(Decimal(6000), Decimal("0.4692"), Decimal(99))) == 35
    )


@given(
    returns=arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.just(12)),
        elements=st.floats(-0.6, 0.6, allow_nan=False),
    ),
    invested=st.decimals("0", "6000", places=2),
    available=st.decimals("-50", "400", places=2),
    floor=st.decimals("0", "3000", places=2),
)
def test_the_vectorised_waterfall_equals_the_decimal_one_path_by_path(
    returns, invested, available, floor
):
    schedule = build_schedule(terms("3000", "0.08", 12))
    paid = pay_along_paths(
        schedule=schedule,
        invested=invested,
        monthly_returns=returns,
        disposable_income=available,
        floor=floor,
    )
    for path, row in enumerate(returns):
        value, basis, ruined = invested, invested, False
        for month, instalment in enumerate(schedule.instalments):
            # The documented rounding: float64 growth, half-even to the cent.
            value = Decimal(int(np.rint(float(value.scaleb(2)) * (1.0 + row[month])))).scaleb(-2)
            gain, principal = fund_parts(value, basis)
            split = split_instalment(
                due=instalment.payment,
                fund_gain=gain,
                borrower_available=available,
                fund_principal=principal,
                floor=floor,
            )
            value -= split.from_income + split.from_principal
            basis -= split.from_principal
            ours = [
                Decimal(int(column[path, month])).scaleb(-2)
                for column in (
                    paid.from_income, paid.from_borrower, paid.from_principal, paid.shortfall,
                )
            ]  # fmt: skip
            assert ours == [
                split.from_income, split.from_borrower, split.from_principal, split.shortfall,
            ]  # fmt: skip
            ruined |= month < 11 and value <= floor and value < invested
        assert Decimal(int(paid.residual[path])).scaleb(-2) == value
        assert bool(paid.ruined[path]) == ruined


def test_without_risk_the_simulation_agrees_with_the_expected_course():
    returns = np.full((10, 36), 0.10 / 12)
    result = simulate_coverage(
        schedule=SCHEDULE,
        invested=Decimal(6000),
        monthly_returns=returns,
        disposable_income=Decimal(400),
    )
    assert result.probability_any_shortfall == 0
    assert result.residual_at_maturity.p5 == result.residual_at_maturity.p95 == Decimal(6000)
    assert result.expected_funded_share == round(Decimal(1800) / SCHEDULE.total_paid, 6)
    assert result.months_fund_alone == (20, 20, 20)


def test_a_crash_with_a_poor_borrower_ends_in_ruin_and_shortfall():
    returns = np.zeros((2, 36))
    returns[1, 0] = -0.9
    result = simulate_coverage(
        schedule=SCHEDULE,
        invested=Decimal(6000),
        monthly_returns=returns,
        disposable_income=Decimal(200),
    )
    assert result.probability_any_shortfall == Decimal("0.5")
    assert result.probability_ruin == Decimal("0.5")
    # 600 are left; 113.36 a month are missing, 36 times, less the 600.
    missing = SCHEDULE.total_paid - 36 * 200 - 600
    assert result.expected_shortfall_worst_5pc == missing
    assert result.expected_total_shortfall == to_cents(missing / 2)


@pytest.mark.parametrize("bad", [np.zeros((3, 35)), np.zeros(36), np.full((1, 36), np.nan),
                                 np.full((1, 36), -1.5)])  # fmt: skip
def test_paths_of_the_wrong_shape_or_value_are_refused(bad):
    with pytest.raises(InvalidRequest, match="monthly_returns"):
        simulate_coverage(
            schedule=SCHEDULE,
            invested=Decimal(6000),
            monthly_returns=bad,
            disposable_income=Decimal(100),
        )


def test_negative_amounts_make_no_instalment():
    with pytest.raises(InvalidRequest, match="negative"):
        split_instalment(
            due=Decimal(-1), fund_gain=ZERO, borrower_available=ZERO, fund_principal=ZERO
        )
