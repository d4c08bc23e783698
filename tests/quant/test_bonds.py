"""Bonds cost and yield what regulations, textbooks and other software print."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant.bonds import Bond, accrued_interest, valuation, yield_to_maturity
from quant.day_counts import DayCount, days_30_360
from schemas.errors import InvalidRequest

TODAY = date(2000, 1, 1)

# 31 CFR 356 Appendix B, section II, examples A to G: the bond, settlement, yield, price, accrued.
TREASURY = {
    "A, regular": (
        Bond(0.0875, date(2020, 5, 15), dated=date(1990, 5, 15)),
        (date(1990, 5, 15), 0.0884, 99.057893, 0.0),
    ),
    "B, short first coupon": (
        Bond(0.085, date(1992, 3, 31), dated=date(1990, 4, 2)),
        (date(1990, 4, 2), 0.0859, 99.838183, 0.0),
    ),
    "C, long first coupon": (
        Bond(0.085, date(1995, 5, 15), dated=date(1990, 3, 1), first_coupon=date(1990, 11, 15)),
        (date(1990, 3, 1), 0.0853, 99.805118, 0.0),
    ),
    "D, reopened": (
        Bond(0.095, date(1995, 11, 15), dated=date(1985, 11, 15)),
        (date(1985, 11, 29), 0.0954, 99.730918, 0.367403),
    ),
    "E, reopened in the regular part of a long first period": (
        Bond(0.1075, date(2005, 8, 15), dated=date(1985, 7, 2), first_coupon=date(1986, 2, 15)),
        (date(1985, 11, 4), 0.1047, 102.214586, 3.672798),
    ),
    "F, reopened in a short first period": (
        Bond(0.105, date(1991, 5, 15), dated=date(1983, 5, 16)),
        (date(1983, 8, 15), 0.1053, 99.777074, 2.596467),
    ),
    "G, reopened in the odd part of a long first period": (
        Bond(0.0975, date(1994, 12, 15), dated=date(1988, 10, 15), first_coupon=date(1989, 6, 15)),
        (date(1988, 11, 15), 0.0979, 99.738045, 0.825820),
    ),
}


@pytest.mark.parametrize("example", TREASURY)
def test_a_treasury_bond_costs_what_the_regulation_says(example: str) -> None:
    bond, (settlement, rate, price, accrued) = TREASURY[example]
    found = valuation(replace(bond, first_period="simple"), settlement, rate)
    # The regulation rounds its factors to ten places and the accrued interest to six.
    assert found.clean == pytest.approx(price, abs=1.1e-6)
    assert found.accrued == pytest.approx(accrued, abs=5.1e-7)


@pytest.mark.parametrize(
    ("coupon", "years", "price", "macaulay", "modified", "convexity"),
    [
        (0.09, 5, 100.0, 4.13, 3.96, 19.45),
        (0.09, 25, 100.0, 10.33, 9.88, 160.72),
        (0.06, 5, 88.1309, 4.35, 4.16, 20.85),
        (0.06, 25, 70.3570, 11.10, 10.62, 182.92),
        (0.0, 5, 64.3928, 5.00, 4.78, 25.18),
        (0.0, 25, 11.0710, 25.00, 23.92, 583.78),
    ],
)
def test_durations_and_convexities_are_those_of_fabozzi(
    coupon: float, years: int, price: float, macaulay: float, modified: float, convexity: float
) -> None:
    found = valuation(Bond(coupon, date(2000 + years, 1, 1)), TODAY, 0.09)
    assert found.clean == pytest.approx(price, abs=5e-5)
    assert found.macaulay_years == pytest.approx(macaulay, abs=5e-3)
    assert found.modified_years == pytest.approx(modified, abs=5e-3)
    assert found.convexity == pytest.approx(convexity, abs=1.1e-2)


@pytest.mark.parametrize(("rate", "price"), [(0.11, 919.77), (0.10, 1000.0), (0.068, 1347.04)])
def test_a_twenty_year_bond_costs_what_fabozzi_says(rate: float, price: float) -> None:
    found = valuation(Bond(0.10, date(2020, 1, 1)), TODAY, rate)
    assert 10 * found.clean == pytest.approx(price, abs=5e-3)


def test_hulls_three_year_bond_has_his_price_and_durations() -> None:
    # A 10 % bond at 12 % compounded continuously, 12.3673 % compounded twice a year.
    rate = 2 * math.expm1(0.06)
    found = valuation(Bond(0.10, date(2003, 1, 1)), TODAY, rate)
    assert rate == pytest.approx(0.123673, abs=5e-7)
    assert found.clean == pytest.approx(94.213, abs=5e-4)
    assert found.macaulay_years == pytest.approx(2.653, abs=5e-4)
    assert found.modified_years == pytest.approx(2.653 / (1 + 0.123673 / 2), abs=5e-4)


def test_accrued_interest_is_that_of_hulls_examples() -> None:
    paying = date(2030, 9, 1)
    asked = date(2019, 7, 3)
    assert accrued_interest(Bond(0.08, paying), asked) == pytest.approx(2.6957, abs=5e-5)
    bond = Bond(0.08, paying, day_count="30/360")
    assert accrued_interest(bond, asked) == pytest.approx(2.7111, abs=5e-5)
    assert days_30_360(date(2018, 2, 28), date(2018, 3, 1)) == 3
    treasury = accrued_interest(Bond(0.11, date(2038, 7, 10)), date(2018, 3, 5))
    assert 95.5 + treasury == pytest.approx(97.14, abs=5e-3)


def test_the_money_market_day_counts_accrue_by_days() -> None:
    asked = date(2019, 7, 3)  # 124 days after the first of March
    for day_count, year in (("actual/365", 365), ("actual/360", 360)):
        bond = Bond(0.08, date(2030, 9, 1), day_count=day_count)
        assert accrued_interest(bond, asked) == pytest.approx(8 * 124 / year, abs=1e-12)


def test_prices_and_yields_are_those_of_a_spreadsheet() -> None:
    # The documented examples of Excel's PRICE, YIELD, ODDFPRICE, DURATION and MDURATION.
    thirty = Bond(0.0575, date(2017, 11, 15), day_count="30/360")
    assert valuation(thirty, date(2008, 2, 15), 0.065).clean == pytest.approx(94.63436162)
    earlier = replace(thirty, maturity=date(2016, 11, 15))
    assert yield_to_maturity(earlier, date(2008, 2, 15), 95.04287) == pytest.approx(0.065, abs=1e-8)
    odd = Bond(0.0785, date(2021, 3, 1), dated=date(2008, 10, 15), first_coupon=date(2009, 3, 1))
    assert valuation(odd, date(2008, 11, 11), 0.0625).clean == pytest.approx(113.597717474)
    long = Bond(0.08, date(2048, 1, 1))
    assert valuation(long, date(2018, 7, 1), 0.09).macaulay_years == pytest.approx(10.9191452816)
    short = Bond(0.08, date(2016, 1, 1))
    assert valuation(short, date(2008, 1, 1), 0.09).modified_years == pytest.approx(5.73566981392)


@pytest.mark.parametrize(
    ("start", "end", "month_end", "days"),
    [
        (date(2007, 1, 15), date(2007, 2, 15), False, 30),
        (date(2007, 2, 28), date(2007, 8, 31), False, 183),
        (date(2007, 2, 28), date(2007, 8, 31), True, 180),
        (date(2007, 8, 31), date(2008, 2, 29), True, 179),
        (date(2008, 2, 29), date(2009, 2, 28), True, 360),
        (date(2007, 1, 31), date(2007, 3, 31), False, 60),
        (date(2007, 1, 30), date(2007, 3, 31), False, 60),
        (date(2007, 1, 29), date(2007, 3, 31), False, 62),
    ],
)
def test_months_of_thirty_days_count_as_the_bond_basis_has_them(
    start: date, end: date, month_end: bool, days: int
) -> None:
    assert days_30_360(start, end, end_of_month=month_end) == days


def test_a_bond_of_month_ends_pays_on_month_ends_through_a_leap_year() -> None:
    bond = Bond(0.04, date(2028, 8, 31))
    assert accrued_interest(bond, date(2028, 2, 29)) == 0
    # From 31 August 2027 to 29 February 2028 are 182 days.
    assert accrued_interest(bond, date(2028, 2, 28)) == pytest.approx(2 * 181 / 182)


def test_a_coupon_day_that_february_cuts_short_earns_no_day_twice() -> None:
    bond = Bond(0.08, date(2030, 5, 30), frequency=4, day_count="30/360")
    # From 28 February to 29 May are 91 days of 30-day months, in a period of 90.
    assert days_30_360(date(2029, 2, 28), date(2029, 5, 29)) == 91
    assert accrued_interest(bond, date(2029, 5, 29)) == pytest.approx(2.0)
    assert valuation(bond, date(2029, 5, 29), 0.08).dirty == pytest.approx(102.0)


bonds = st.builds(
    Bond,
    coupon_annual=st.floats(0, 0.2),
    maturity=st.dates(date(2001, 1, 1), date(2040, 12, 31)),
    frequency=st.sampled_from([1, 2, 4, 12]),
    day_count=st.sampled_from(["30/360", "actual/actual", "actual/365", "actual/360"]),
    first_period=st.sampled_from(["compound", "simple"]),
)
settlements = st.dates(date(1995, 1, 1), date(2000, 12, 31))


@given(bond=bonds, years=st.integers(1, 30))
def test_on_a_coupon_date_a_yield_at_the_coupon_is_par(bond: Bond, years: int) -> None:
    settlement = date(bond.maturity.year - years, bond.maturity.month, min(bond.maturity.day, 28))
    if bond.maturity.day > 28:
        bond = replace(bond, maturity=bond.maturity.replace(day=28))
        settlement = settlement.replace(day=28)
    if bond.maturity.month == 2:
        return  # a 28th of February may end its month: then coupons move to the 29th
    found = valuation(bond, settlement, bond.coupon_annual)
    assert found.accrued == 0
    assert found.clean == pytest.approx(100, abs=1e-9)


@given(bond=bonds, settlement=settlements, rate=st.floats(-0.02, 0.3))
def test_the_yield_of_a_price_is_the_yield_it_was_made_from(
    bond: Bond, settlement: date, rate: float
) -> None:
    price = valuation(bond, settlement, rate).clean
    again = yield_to_maturity(bond, settlement, price)
    assert valuation(bond, settlement, again).clean == pytest.approx(price, abs=1e-8)
    if bond.maturity - settlement > timedelta(days=300):
        assert again == pytest.approx(rate, abs=1e-8)


@given(bond=bonds, settlement=settlements, rate=st.floats(0.001, 0.3))
def test_duration_and_convexity_are_the_slope_and_bend_of_the_price(
    bond: Bond, settlement: date, rate: float
) -> None:
    step = 1e-4
    low, mid, high = (valuation(bond, settlement, rate + move) for move in (-step, 0.0, step))
    slope = (high.dirty - low.dirty) / (2 * step)
    bend = (high.dirty - 2 * mid.dirty + low.dirty) / step**2
    assert mid.modified_years == pytest.approx(-slope / mid.dirty, rel=1e-4)
    assert mid.convexity == pytest.approx(bend / mid.dirty, rel=1e-3, abs=1e-3)
    assert mid.dv01 == pytest.approx((low.dirty - high.dirty) / 2, rel=1e-4)
    if bond.first_period == "compound" and bond.maturity - settlement > timedelta(days=400):
        ratio = 1 + rate / bond.frequency
        assert mid.macaulay_years == pytest.approx(mid.modified_years * ratio, rel=1e-12)


@given(
    bond=bonds,
    day_count=st.sampled_from(["30/360", "actual/actual"]),
    settlement=settlements,
)
def test_interest_grows_by_the_day_and_never_beyond_the_coupon(
    bond: Bond, day_count: DayCount, settlement: date
) -> None:
    bond = replace(bond, day_count=day_count)
    today = accrued_interest(bond, settlement)
    tomorrow = accrued_interest(bond, settlement + timedelta(days=1))
    assert 0 <= today <= 100 * bond.coupon_annual / bond.frequency + 1e-9
    assert tomorrow >= today - 1e-12 or tomorrow == 0 or day_count == "30/360"


def test_what_is_no_bond_or_no_price_is_refused() -> None:
    bond = Bond(0.05, date(2010, 1, 1), dated=date(2000, 1, 1))
    with pytest.raises(InvalidRequest, match="matures on 2010-01-01"):
        accrued_interest(bond, date(2010, 1, 1))
    with pytest.raises(InvalidRequest, match="begins on 2000-01-01"):
        accrued_interest(bond, date(1999, 12, 31))
    with pytest.raises(InvalidRequest, match="yield_annual"):
        valuation(bond, TODAY, -2.0)
    with pytest.raises(InvalidRequest, match="yield_annual"):
        valuation(bond, TODAY, math.nan)
    with pytest.raises(InvalidRequest, match="above zero"):
        yield_to_maturity(bond, TODAY, -1.0)
    with pytest.raises(InvalidRequest, match="coupon date counted back"):
        Bond(0.05, date(2010, 1, 1), dated=date(2000, 1, 5), first_coupon=date(2000, 8, 1))
    with pytest.raises(InvalidRequest, match="after dated"):
        Bond(0.05, date(2010, 1, 1), first_coupon=date(2000, 7, 1))
    with pytest.raises(InvalidRequest, match="coupon_annual"):
        Bond(math.inf, date(2010, 1, 1))
