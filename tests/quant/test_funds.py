"""An expense ratio costs what a prospectus says it does, and nothing twice."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant.funds import cost_of_holding, daily_accrual, drag, gross_returns, net_returns
from schemas.errors import InvalidRequest

ratios = st.floats(0, 0.03)


@pytest.mark.parametrize(("years", "dollars"), [(1, 102), (3, 318), (5, 552), (10, 1225)])
def test_one_per_cent_costs_what_every_prospectus_prints(years: int, dollars: int) -> None:
    # Form N-1A, Item 3: 10 000 dollars growing by 5 % a year before a ratio of 1.00 %.
    grown = 10_000 * 1.04 ** (np.arange(365 * years) / 365)
    cost = cost_of_holding(grown, np.ones(365 * years), expense_ratio=0.01)
    # The form averages the ends of each year instead of its days.
    assert cost == pytest.approx(dollars, abs=1.0)


def test_a_day_takes_a_365th_of_the_ratio() -> None:
    assert daily_accrual([1_000_000.0, 2_000_000.0], 0.0365).tolist() == pytest.approx([100, 200])


def test_a_year_takes_the_ratio_less_its_own_interest() -> None:
    assert drag(0.01, 365) == pytest.approx(1 - (1 - 0.01 / 365) ** 365, rel=1e-12)
    assert drag(0.01, 0) == 0


@given(
    gross=st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=20),
    ratio=ratios,
    data=st.data(),
)
def test_what_a_fund_earned_before_costs_comes_back_from_what_it_kept(
    gross: list[float], ratio: float, data: st.DataObject
) -> None:
    days = data.draw(st.lists(st.integers(1, 5), min_size=len(gross), max_size=len(gross)))
    net = net_returns(gross, days, expense_ratio=ratio)
    assert gross_returns(net, days, expense_ratio=ratio) == pytest.approx(gross, abs=1e-12)
    together = float(np.prod(1 + net) / np.prod(1 + np.array(gross)))
    assert 1 - together == pytest.approx(drag(ratio, sum(days)), abs=1e-12)


@given(ratio=ratios, days=st.integers(0, 3650), more=st.integers(0, 3650))
def test_the_drag_grows_with_time_and_stays_below_one(ratio: float, days: int, more: int) -> None:
    assert 0 <= drag(ratio, days) <= drag(ratio, days + more) < 1


@pytest.mark.parametrize("ratio", [-0.01, 1.0, math.nan, math.inf])
def test_what_is_no_ratio_is_refused(ratio: float) -> None:
    with pytest.raises(InvalidRequest, match="expense_ratio"):
        drag(ratio, 1)


def test_lengths_and_days_must_fit() -> None:
    with pytest.raises(InvalidRequest, match="as many"):
        net_returns([0.1, 0.2], [1], expense_ratio=0.01)
    with pytest.raises(InvalidRequest, match="negative"):
        cost_of_holding([1.0], [-1], expense_ratio=0.01)
    with pytest.raises(InvalidRequest, match="NaN"):
        net_returns([math.nan], [1], expense_ratio=0.01)
