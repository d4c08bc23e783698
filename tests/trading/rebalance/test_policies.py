"""Policies trade what drifted far enough, when it is due, and no further than they say."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from adapters.calendar import ExchangeCalendar
from trading.rebalance import (
    TO_TARGET,
    AllOf,
    Calendar,
    Drift,
    Leave,
    NoTradeRegion,
    Threshold,
    due_sessions,
    no_trade_half_width,
)
from trading.rebalance.policies import Every

NYSE = ExchangeCalendar("XNYS").sessions(date(2019, 11, 1), date(2021, 3, 31))
WEIGHTS = st.decimals("0", "1", places=4)


def drift(weight: str, target: str, round_trip: str = "0.001") -> Drift:
    return Drift("AAA", Decimal(weight), Decimal(target), Decimal(round_trip))


@pytest.mark.parametrize(
    ("weight", "aim"), [("0.20", None), ("0.30", None), ("0.1999", "0.25"), ("0.3001", "0.25")]
)
def test_an_absolute_band_of_five_per_cent_is_five_points(weight: str, aim: str | None) -> None:
    found = Threshold().aim(drift(weight, "0.25"))
    assert found == Decimal(aim) if aim else isinstance(found, Leave)


@pytest.mark.parametrize(
    ("weight", "aim"),
    [("0.2375", None), ("0.2625", None), ("0.2374", "0.2375"), ("0.2626", "0.2625")],
)
def test_a_relative_band_is_a_part_of_the_target(weight: str, aim: str | None) -> None:
    found = Threshold(relative=True, to="edge").aim(drift(weight, "0.25"))
    assert found == Decimal(aim) if aim else isinstance(found, Leave)


@pytest.mark.parametrize("policy", [Threshold(), Threshold(to="edge"), NoTradeRegion()])
def test_entering_and_leaving_a_name_waits_for_no_band(policy: Threshold | NoTradeRegion) -> None:
    assert policy.aim(drift("0", "0.01", "0.5")) == Decimal("0.01")
    assert policy.aim(drift("0.01", "0", "0.5")) == 0


@given(weight=WEIGHTS, target=WEIGHTS, cost=st.decimals("0", "0.1", places=4))
def test_no_policy_trades_away_from_the_target_or_beyond_it(
    weight: Decimal, target: Decimal, cost: Decimal
) -> None:
    seen = Drift("AAA", weight, target, cost)
    policies = (Threshold(), Threshold(to="edge"), Threshold(relative=True), NoTradeRegion())
    low, high = sorted((weight, target))
    for policy in (*policies, AllOf(policies), TO_TARGET):
        aim = policy.aim(seen)
        assert isinstance(aim, Leave) or low <= aim <= high


def test_of_several_policies_one_that_leaves_decides_and_otherwise_the_smallest_trade() -> None:
    both = AllOf((Threshold(band=Decimal("0.1")), Threshold(band=Decimal("0.05"), to="edge")))
    left = both.aim(drift("0.17", "0.25"))
    assert isinstance(left, Leave)
    assert "the band of 0.10" in left.reason
    assert both.aim(drift("0.10", "0.25")) == Decimal("0.20")


def exact_half_width(merton: float, aversion: float, spread: float) -> float:
    """Solve the free boundary problem of Gerhold et al. (2014), theorem 2.2.

    With drift m, volatility s = 16 %, aversion g: the gap λ is such that the solution of
    w' = −(1−g)w² − (2m/s²−1)w + g·low·high that begins at low = (m−λ)/(g·s²) reaches
    high = (m+λ)/(g·s²) after the length that the spread allows. These are the boundaries.
    """
    variance = 0.16**2
    drift = merton * aversion * variance
    unit = aversion * variance

    def miss(gap: float) -> float:
        low, high = (drift - gap) / unit, (drift + gap) / unit
        ratio = (drift + gap) * (drift - gap - unit) / ((drift - gap) * (drift + gap - unit))

        def slope(_: float, w: Any) -> Any:
            bend = (1 - aversion) * w**2 + (2 * drift / variance - 1) * w
            return -bend + aversion * low * high

        length = np.log(ratio / (1 - spread))
        ends = solve_ivp(slope, (0, length), [low], rtol=1e-10, atol=1e-12).y[0]
        return float(ends[-1] - high)

    guess = float(no_trade_half_width(
        Decimal(str(merton)), round_trip=Decimal(str(spread)), risk_aversion=Decimal(str(aversion))
    )) * unit  # fmt: skip
    return float(brentq(miss, 0.7 * guess, 1.3 * guess)) / unit


@pytest.mark.parametrize(("merton", "aversion"), [(0.625, 5), (0.3125, 10), (0.3125, 5)])
@pytest.mark.parametrize("spread", [0.0001, 0.001, 0.01])
def test_the_region_is_that_of_the_exact_solution_up_to_the_order_of_the_spread(
    merton: float, aversion: int, spread: float
) -> None:
    close = no_trade_half_width(
        Decimal(str(merton)), round_trip=Decimal(str(spread)), risk_aversion=Decimal(aversion)
    )
    exact = exact_half_width(merton, float(aversion), spread)
    assert abs(float(close) - exact) < 0.06 * spread + 1e-6
    assert float(close) == pytest.approx(exact, rel=0.015)


def test_the_region_is_that_of_the_formula_by_hand() -> None:
    # A drift of 8 %, a volatility of 16 % and an aversion of 5 hold 62.5 %; a spread of 1 %:
    # (3/20 · (0.625 · 0.375)² · 0.01)^(1/3) = (8.2397e-5)^(1/3) = 0.043515.
    width = no_trade_half_width(
        Decimal("0.625"), round_trip=Decimal("0.01"), risk_aversion=Decimal(5)
    )
    assert width == Decimal("0.043515")
    aim = NoTradeRegion().aim(drift("0.70", "0.625", "0.01"))
    assert aim == Decimal("0.668515")
    assert isinstance(NoTradeRegion().aim(drift("0.66", "0.625", "0.01")), Leave)


def test_nothing_holds_up_a_trade_that_costs_nothing() -> None:
    assert NoTradeRegion().aim(drift("0.2501", "0.25", "0")) == Decimal("0.25")


@pytest.mark.parametrize(
    ("every", "rule"), [("weekly", "W"), ("monthly", "M"), ("quarterly", "Q"), ("daily", "D")]
)
def test_the_first_session_of_each_period_is_due_as_another_library_counts(
    every: Every, rule: str
) -> None:
    days = pd.Series(pd.DatetimeIndex(NYSE))
    firsts = days.groupby(days.dt.to_period(rule)).first()
    assert due_sessions(every, NYSE) == tuple(day.date() for day in firsts)


def test_a_rebalance_that_was_missed_is_due_later_in_its_period() -> None:
    last = date(2019, 12, 2)
    assert Calendar("monthly", date(2020, 1, 17), last).is_due
    assert not Calendar("monthly", date(2020, 1, 17), date(2020, 1, 2)).is_due
    assert Calendar("monthly", date(2020, 1, 17)).is_due
    # 30 December 2019 and 3 January 2020 are in one week.
    assert not Calendar("weekly", date(2020, 1, 3), date(2019, 12, 30)).is_due
