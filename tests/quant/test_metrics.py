"""An equity curve is scored as empyrical and scipy score it, and undefined figures are None."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from quant.metrics import curve_returns, performance, turnover
from quant.tail_risk import tail_loss
from schemas.errors import InvalidRequest
from schemas.metrics import PerformanceMetrics

ROUNDING = 1e-14
DAILY_RETURNS = st.floats(-0.2, 0.2).map(lambda value: round(value, 6))


@st.composite
def curves(draw: st.DrawFn, *, count: int = 1) -> list[np.ndarray]:
    length = draw(st.integers(2, 120))
    made = hnp.arrays(np.float64, length, elements=DAILY_RETURNS)
    return [np.concatenate([[1e4], 1e4 * np.cumprod(1.0 + draw(made))]) for _ in range(count)]


def theirs(function: Any, *arguments: Any, **options: Any) -> float | None:
    """What empyrical says, None where it says NaN or infinity."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        value = float(function(*arguments, **options))
    return value if np.isfinite(value) else None


def difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def agrees(ours: float | None, other: float | None) -> bool:
    if not isinstance(ours, float) or not isinstance(other, float):
        return ours == other
    return ours == pytest.approx(other, rel=1e-9, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(curves(), st.sampled_from([0.0, 0.03, -0.01]))
def test_every_figure_of_one_curve_equals_empyrical(curve: list[np.ndarray], risk_free: float):
    returns = curve_returns(curve[0])
    scored = performance(curve[0], risk_free_annual=risk_free)
    daily = (1 + risk_free) ** (1 / 252) - 1
    varied = np.ptp(returns) > ROUNDING  # of a steady curve empyrical divides by rounding
    expected = {
        "total_return": theirs(empyrical.cum_returns_final, returns),
        "annual_return": theirs(empyrical.annual_return, returns),
        "annual_volatility": theirs(empyrical.annual_volatility, returns),
        "downside_deviation": theirs(empyrical.downside_risk, returns, required_return=daily),
        "sharpe": theirs(empyrical.sharpe_ratio, returns, risk_free=daily) if varied else None,
        "sortino": theirs(empyrical.sortino_ratio, returns, required_return=daily),
        "omega": theirs(empyrical.omega_ratio, returns, risk_free=daily),
        "calmar": theirs(empyrical.calmar_ratio, returns),
        "max_drawdown": theirs(empyrical.max_drawdown, returns),
        "var_95": theirs(empyrical.value_at_risk, returns),
        "cvar_95": theirs(empyrical.conditional_value_at_risk, returns),
        "var_99": theirs(empyrical.value_at_risk, returns, cutoff=0.01),
        "cvar_99": theirs(empyrical.conditional_value_at_risk, returns, cutoff=0.01),
        "tail_ratio": theirs(empyrical.tail_ratio, returns),
    }
    wrong = {
        name: (getattr(scored, name), value)
        for name, value in expected.items()
        if not agrees(getattr(scored, name), value)
    }
    assert wrong == {}


@settings(max_examples=150, deadline=None)
@given(curves(count=2))
def test_every_figure_beside_a_benchmark_equals_empyrical(pair: list[np.ndarray]):
    ours, market = (curve_returns(curve) for curve in pair)
    scored = performance(pair[0], benchmark=pair[1])
    error = theirs(empyrical.annual_volatility, ours - market)
    apart = np.ptp(ours - market) > ROUNDING
    ratio = theirs(empyrical.excess_sharpe, ours, market) if apart else None
    beta = theirs(empyrical.beta, ours, market) if np.ptp(market) > ROUNDING else None
    alpha = None if beta is None else theirs(empyrical.alpha, ours, market)
    if beta is not None and np.mean(ours - beta * market) < -1:
        alpha = None  # below -100 % a session nothing compounds; empyrical takes an even power
    dates = pd.RangeIndex(len(ours))
    series, index = pd.Series(ours, dates), pd.Series(market, dates)
    expected = {
        "excess_return_annual": difference(
            theirs(empyrical.annual_return, ours), theirs(empyrical.annual_return, market)
        ),
        "beta": beta,
        "alpha_annual": alpha,
        "tracking_error": error,
        "information_ratio": None if ratio is None else ratio * np.sqrt(252),
        "up_capture": theirs(empyrical.up_capture, series, index),
        "down_capture": theirs(empyrical.down_capture, series, index),
    }
    wrong = {
        name: (getattr(scored, name), value)
        for name, value in expected.items()
        if not agrees(getattr(scored, name), value)
    }
    assert wrong == {}


def test_moments_and_correlation_equal_scipy():
    generator = np.random.default_rng(5)
    curve, market = (100 * np.cumprod(1 + generator.standard_t(4, 500) / 100) for _ in range(2))
    scored = performance(curve, benchmark=market)
    returns, other = curve_returns(curve), curve_returns(market)
    assert scored.skewness == pytest.approx(stats.skew(returns), rel=1e-9)
    assert scored.excess_kurtosis == pytest.approx(stats.kurtosis(returns), rel=1e-9)
    assert scored.correlation == pytest.approx(stats.pearsonr(returns, other).statistic, rel=1e-9)


def test_a_curve_that_never_falls_has_no_drawdown_and_no_calmar():
    scored = performance([100, 101, 103, 103, 107])
    assert (scored.max_drawdown, scored.calmar) == (0.0, None)


def test_a_flat_curve_has_no_ratios_and_no_nan():
    scored = performance([100.0] * 30, benchmark=[50.0] * 30)
    undefined = ("sharpe", "sortino", "calmar", "skewness", "excess_kurtosis", "tail_ratio", "beta")
    assert [getattr(scored, name) for name in undefined] == [None] * len(undefined)
    assert (scored.total_return, scored.annual_volatility, scored.tracking_error) == (0, 0, 0)


def test_one_return_is_scored_without_deviations():
    scored = performance([100, 101])
    assert scored.total_return == pytest.approx(0.01)
    assert (scored.annual_volatility, scored.sharpe, scored.sortino) == (None, None, None)


def test_a_curve_that_doubles_every_day_overflows_to_none():
    assert performance([2.0**day for day in range(9)], periods_per_year=1e5).annual_return is None


def test_no_figure_depends_on_the_currency_of_the_curve():
    curve = 100 * np.cumprod(1 + np.random.default_rng(1).normal(0, 0.01, 300))
    one, thousand = (performance(curve * unit).model_dump() for unit in (1.0, 1024.0))
    assert one == thousand


def test_metrics_survive_json():
    scored = performance([100, 99, 103, 101], benchmark=[1, 2, 1, 2])
    assert PerformanceMetrics.model_validate_json(scored.model_dump_json()) == scored


def test_turnover_of_one_full_replacement_a_year_is_one():
    traded = np.zeros(252)
    traded[100] = 2 * 5_000.0  # everything sold, everything bought
    assert turnover(traded, np.full(252, 5_000.0)) == pytest.approx(1.0)


def test_omega_is_the_area_above_over_the_area_below_the_threshold():
    """Keating & Shadwick (2002): both areas are between the distribution and the threshold."""
    returns = np.random.default_rng(8).standard_t(3, 400) / 100
    scored = performance(np.concatenate([[1.0], np.cumprod(1 + returns)]), risk_free_annual=0.05)
    threshold = 1.05 ** (1 / 252) - 1
    points = np.sort(np.append(returns, threshold))
    below = np.searchsorted(np.sort(returns), points[:-1], side="right") / len(returns)
    widths, lies_above = np.diff(points), points[:-1] >= threshold
    area_above = float((widths * (1 - below))[lies_above].sum())
    area_below = float((widths * below)[~lies_above].sum())
    assert scored.omega == pytest.approx(area_above / area_below, rel=1e-9)


def test_omega_sortino_and_downside_of_a_hand_made_month():
    curve = 100 * np.cumprod([1, 1.10, 0.95, 1.20, 0.90, 1.05])
    scored = performance(curve, periods_per_year=12)
    assert scored.omega == pytest.approx((0.10 + 0.20 + 0.05) / (0.05 + 0.10))
    downside = np.sqrt((0.05**2 + 0.10**2) / 5 * 12)
    assert scored.downside_deviation == pytest.approx(downside)
    assert scored.sortino == pytest.approx(0.04 * 12 / downside)


@given(curves())
def test_streaks_are_the_longest_runs_of_rises_and_falls(curve: list[np.ndarray]):
    steps = np.sign(curve_returns(curve[0])).tolist()
    runs = [(sign, len(list(group))) for sign, group in itertools.groupby(steps)]
    scored = performance(curve[0])
    assert scored.longest_gain_streak == max([n for sign, n in runs if sign > 0], default=0)
    assert scored.longest_loss_streak == max([n for sign, n in runs if sign < 0], default=0)


def test_the_order_of_sessions_matters_to_drawdowns_and_streaks_alone():
    generator = np.random.default_rng(12)
    returns = generator.normal(0.0003, 0.01, (400, 2))

    def scored(rows: np.ndarray) -> dict[str, Any]:
        curve, market = np.vstack([np.ones(2), np.cumprod(1 + rows, axis=0)]).T
        return performance(curve, benchmark=market, risk_free_annual=0.02).model_dump()

    before, after = scored(returns), scored(generator.permutation(returns))
    path = {"max_drawdown", "calmar", "drawdown", "time_under_water"}
    path |= {"longest_gain_streak", "longest_loss_streak"}
    tails = [[(row["var"], row["cvar"]) for row in one.pop("tail_risk")] for one in (before, after)]
    np.testing.assert_allclose(*tails, rtol=1e-9)
    changed = {name for name, value in before.items() if not agrees(value, after[name])}
    assert changed <= path
    assert {"max_drawdown", "calmar"} <= changed


def test_tails_are_told_by_the_gates_methods_with_losses_positive():
    returns = np.random.default_rng(4).normal(0.0005, 0.01, 1_000)
    rows = performance(np.concatenate([[1.0], np.cumprod(1 + returns)])).tail_risk
    assert [(row.confidence, row.method) for row in rows] == [
        (confidence, method)
        for confidence in (0.95, 0.99)
        for method in ("historical", "gaussian", "cornish_fisher")
    ]
    for row in rows:
        loss = tail_loss(returns, confidence=row.confidence, method=row.method)
        assert (row.used, row.var, row.cvar) == (
            loss.method,
            pytest.approx(loss.var),
            pytest.approx(loss.expected_shortfall),
        )
        normal = -stats.norm.ppf(1 - row.confidence, returns.mean(), returns.std(ddof=1))
        assert row.var == pytest.approx(normal, rel=0.15)


def test_a_steady_curve_has_no_ratio_out_of_rounding():
    curve = 1_000 * 1.01 ** np.arange(50)
    scored = performance(curve, benchmark=2 * curve)
    assert (scored.annual_volatility, scored.sharpe, scored.skewness) == (0.0, None, None)
    assert (scored.beta, scored.correlation, scored.information_ratio) == (None, None, None)
    assert scored.annual_return == pytest.approx(1.01**252 - 1)


@pytest.mark.parametrize(
    ("equity", "options", "sentence"),
    [
        ([100.0], {}, "equity needs at least 2"),
        ([], {}, "equity needs at least 2"),
        ([100.0, float("nan")], {}, "NaN"),
        ([100.0, 0.0], {}, "above zero"),
        ([100.0, -5.0], {}, "above zero"),
        ([[100.0], [101.0]], {}, "dimension"),
        ([1e-300, 1.0, 1e300], {}, "spans more than 1e\\+60 times"),
        ([1e-308, 1e308], {}, "spans more than 1e\\+60 times"),
        ([100.0, 101.0], {"benchmark": [1.0, 2.0, 3.0]}, "same number of points"),
        ([100.0, 101.0], {"benchmark": [1.0, 0.0]}, "benchmark must be above zero"),
        ([100.0, 101.0], {"periods_per_year": 0.0}, "periods_per_year"),
        ([100.0, 101.0], {"risk_free_annual": -1.0}, "risk_free_annual"),
    ],
)
def test_a_curve_that_cannot_be_scored_is_refused_in_one_sentence(equity, options, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        performance(equity, **options)
