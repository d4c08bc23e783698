"""The APR against the printed examples of 12 CFR 1026 Appendix J (c), and against discounting."""

from datetime import date
from decimal import Decimal

import numpy_financial as npf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lending.apr import (
    Flow,
    UnitPeriod,
    annual_percentage_rate,
    dated_flows,
    loan_apr,
    unit_period_rate,
    unit_periods_between,
)
from lending.schedule import build_schedule
from schemas.errors import InvalidRequest
from tests.lending.loan_samples import terms

MONTH, WEEK = UnitPeriod("month"), UnitPeriod("week")


def payments(count: int, regular: str, first: str | None = None, last: str | None = None):
    amounts = [Decimal(regular)] * count
    if first:
        amounts[0] = Decimal(first)
    if last:
        amounts[-1] = Decimal(last)
    return amounts


# (paragraph, advance, payments, advanced on, first payment on, unit-period, (t, f), printed APR)
APPENDIX_J = [
    (
        "c1i",
        5000,
        payments(24, "230"),
        (1978, 1, 10),
        (1978, 2, 10),
        MONTH,
        (1, Decimal(0)),
        "9.69",
    ),
    (
        "c1ii",
        6000,
        payments(36, "200"),
        (1978, 2, 10),
        (1978, 4, 1),
        MONTH,
        (1, Decimal(19) / 30),
        "11.82",
    ),
    (
        "c1iii",
        5000,
        payments(24, "219.17"),
        (1978, 2, 23),
        (1978, 3, 1),
        UnitPeriod("semimonth"),
        (0, Decimal(6) / 15),
        "10.34",
    ),
    (
        "c1iv",
        10000,
        payments(40, "385"),
        (1978, 5, 23),
        (1978, 10, 1),
        UnitPeriod("month", 3),
        (1, Decimal(39) / 90),
        "8.97",
    ),
    (
        "c1v",
        500,
        payments(30, "17.60"),
        (1978, 3, 20),
        (1978, 4, 21),
        WEEK,
        (4, Decimal(4) / 7),
        "14.96",
    ),
    (
        "c2i",
        5000,
        payments(24, "230", "250"),
        (1978, 1, 10),
        (1978, 2, 10),
        MONTH,
        (1, Decimal(0)),
        "10.08",
    ),
    (
        "c2ii",
        400,
        payments(12, "38.31", "39.50"),
        (1978, 3, 18),
        (1978, 4, 20),
        UnitPeriod("week", 4),
        (1, Decimal(5) / 28),
        "28.50",
    ),
    (
        "c3i",
        5000,
        payments(24, "230", None, "280"),
        (1978, 1, 10),
        (1978, 2, 10),
        MONTH,
        (1, Decimal(0)),
        "10.50",
    ),
    (
        "c3ii",
        200,
        payments(20, "9.50", None, "30"),
        (1978, 4, 3),
        (1978, 4, 11),
        UnitPeriod("week", 2),
        (0, Decimal(8) / 14),
        "12.22",
    ),
    (
        "c4i",
        5000,
        payments(24, "230", "250", "280"),
        (1978, 1, 10),
        (1978, 2, 10),
        MONTH,
        (1, Decimal(0)),
        "10.90",
    ),
    (
        "c4ii",
        8000,
        payments(20, "465", "449.36", "200"),
        (1978, 1, 10),
        (1978, 3, 1),
        UnitPeriod("month", 2),
        (0, Decimal(52) / 60),
        "7.30",
    ),
    (
        "c5i",
        1000,
        payments(1, "1080"),
        (1978, 1, 3),
        (1978, 9, 15),
        UnitPeriod("day", 255),
        (1, Decimal(0)),
        "11.45",
    ),
]


@pytest.mark.promise("loan-maths")
@pytest.mark.parametrize("example", APPENDIX_J, ids=lambda example: example[0])
def test_the_printed_examples_of_appendix_j_are_met(example):
    _, advance, amounts, advanced_on, first_on, unit, place, printed = example
    full, fraction = unit_periods_between(date(*advanced_on), date(*first_on), unit)
    assert (full, fraction) == place
    flows = [Flow(amount, full + number, fraction) for number, amount in enumerate(amounts)]
    apr = annual_percentage_rate(advances=[Flow(Decimal(advance), 0)], payments=flows, unit=unit)
    assert round(apr * 100, 2) == Decimal(printed)
    assert present_value(flows, float(apr / unit.per_year)) == pytest.approx(advance, abs=1e-8)


def present_value(flows: list[Flow], rate: float) -> float:
    return sum(
        float(flow.amount) / (1 + float(flow.fraction) * rate) / (1 + rate) ** flow.full
        for flow in flows
    )


@pytest.mark.promise("loan-maths")
@pytest.mark.parametrize(("fee", "apr"), [("0", "8.00"), ("300", "10.08")])
def test_the_sample_loan_has_the_apr_its_fee_gives_it(fee, apr):
    loan = terms(origination_fee=Decimal(fee))
    result = loan_apr(loan, build_schedule(loan))
    assert round(result.apr_annual * 100, 2) == Decimal(apr)
    assert result.amount_financed == Decimal(10000) - Decimal(fee)
    assert result.finance_charge == result.total_of_payments - result.amount_financed
    assert (result.first_full_periods, result.first_odd_fraction) == (1, 0)


def test_an_odd_first_period_lowers_the_apr_of_the_same_payments():
    late = terms(disbursed_on=date(2019, 11, 20), first_due_on=date(2020, 1, 2))
    result = loan_apr(late, build_schedule(late))
    assert result.first_full_periods == 1
    assert result.first_odd_fraction == Decimal("0.4")  # 20 November to 2 December: 12 days of 30
    assert result.apr_annual < Decimal("0.08")


def test_several_advances_are_discounted_each_from_its_own_date():
    began = date(2020, 1, 1)
    advances = dated_flows(began, [(began, Decimal(1000)), (date(2020, 3, 16), Decimal(500))])
    assert advances[1] == Flow(Decimal(500), 2, Decimal(15) / 30)
    paid = dated_flows(began, [(date(2021, 1, 1), Decimal(1650))])
    rate = unit_period_rate(advances, paid)
    assert present_value(list(paid), float(rate)) == pytest.approx(
        present_value(list(advances), float(rate)), abs=1e-9
    )


def test_a_year_counts_odd_days_over_365_and_whole_odd_months_over_12():
    year = UnitPeriod("year")
    assert unit_periods_between(date(2020, 1, 10), date(2022, 4, 10), year) == (2, Decimal(3) / 12)
    assert unit_periods_between(date(2020, 1, 10), date(2021, 1, 20), year) == (
        1,
        Decimal(10) / 365,
    )


@pytest.mark.parametrize(
    ("advances", "paid", "words"),
    [
        ([], [Flow(Decimal(1), 1)], "Nothing is advanced"),
        ([Flow(Decimal(10), 0)], [Flow(Decimal(9), 1)], "less than"),
    ],
)
def test_flows_without_a_rate_are_refused(advances, paid, words):
    with pytest.raises(InvalidRequest, match=words):
        unit_period_rate(advances, paid)
    with pytest.raises(InvalidRequest, match="backwards"):
        unit_periods_between(date(2020, 2, 1), date(2020, 1, 1))


fees = st.decimals("0", "900", places=2)


@given(low=fees, high=fees, rate=st.decimals("0.01", "0.5", places=3), months=st.integers(2, 84))
def test_a_higher_fee_never_lowers_the_apr(low, high, rate, months):
    low, high = sorted((low, high))
    aprs = [
        loan_apr(loan, build_schedule(loan)).apr_annual
        for loan in (terms("10000", rate, months, origination_fee=fee) for fee in (low, high))
    ]
    assert aprs[0] <= aprs[1]
    if high > low:
        assert aprs[0] < aprs[1]


@given(rate=st.decimals("0.005", "0.5", places=3), months=st.integers(2, 84), fee=fees)
def test_the_apr_agrees_with_an_independent_solver(rate, months, fee):
    loan = terms("10000", rate, months, origination_fee=fee)
    schedule = build_schedule(loan)
    flows = [-float(loan.principal - fee), *(float(row.payment) for row in schedule.instalments)]
    apr = float(loan_apr(loan, schedule).apr_annual)
    # Discount with numpy-financial at our rate: nothing may be left over.
    assert npf.npv(apr / 12, flows) == pytest.approx(0, abs=1e-6)
