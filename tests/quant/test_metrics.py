"""An equity curve is scored as empyrical and scipy score it, and undefined figures are None."""

from __future__ import annotations

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

from quant.drawdowns import drawdown, drawdown_curve
from quant.metrics import curve_returns, performance, turnover
from quant.rolling_metrics import rolling_volatility
from schemas.errors import InvalidRequest
from schemas.metrics import PerformanceMetrics

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


def agrees(ours: float | None, other: float | None) -> bool:
    if ours is None or other is None:
        return ours is other
    return ours == pytest.approx(other, rel=1e-9, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(curves(), st.sampled_from([0.0, 0.03, -0.01]))
def test_every_figure_of_one_curve_equals_empyrical(curve: list[np.ndarray], risk_free: float):
    returns = curve_returns(curve[0])
    scored = performance(curve[0], risk_free_annual=risk_free)
    daily = (1 + risk_free) ** (1 / 252) - 1
    expected = {
        "total_return": theirs(empyrical.cum_returns_final, returns),
        "annual_return": theirs(empyrical.annual_return, returns),
        "annual_volatility": theirs(empyrical.annual_volatility, returns),
        "sharpe": theirs(empyrical.sharpe_ratio, returns, risk_free=daily),
        "sortino": theirs(empyrical.sortino_ratio, returns, required_return=daily),
        "calmar": theirs(empyrical.calmar_ratio, returns),
        "max_drawdown": theirs(empyrical.max_drawdown, returns),
        "var_95": theirs(empyrical.value_at_risk, returns),
        "cvar_95": theirs(empyrical.conditional_value_at_risk, returns),
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
    ratio = theirs(empyrical.excess_sharpe, ours, market)
    beta = theirs(empyrical.beta, ours, market) if np.ptp(market) else None
    dates = pd.RangeIndex(len(ours))
    series, index = pd.Series(ours, dates), pd.Series(market, dates)
    expected = {
        "beta": beta,
        "alpha_annual": None if beta is None else theirs(empyrical.alpha, ours, market),
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


@given(curves())
def test_the_drawdown_names_its_peak_trough_and_recovery(curve: list[np.ndarray]):
    levels = curve[0]
    fall = drawdown(levels)
    assert levels[fall.trough_index] / levels[fall.peak_index] - 1 == pytest.approx(fall.depth)
    assert fall.depth == pytest.approx(drawdown_curve(levels).min())
    assert levels[fall.peak_index] == levels[: fall.trough_index + 1].max()
    after = levels[fall.trough_index :]
    if fall.recovery_index is None:
        assert after.max() < levels[fall.peak_index]
    else:
        assert levels[fall.recovery_index] >= levels[fall.peak_index]
        assert (levels[fall.trough_index : fall.recovery_index] < levels[fall.peak_index]).all()


def test_a_hand_drawn_drawdown_is_found():
    fall = drawdown([100, 110, 110, 88, 99, 112, 105])
    assert (fall.peak_index, fall.trough_index, fall.recovery_index) == (2, 3, 5)
    assert fall.depth == pytest.approx(-0.2)


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


def test_rolling_volatility_sees_no_later_return():
    curve = 100 * np.cumprod(1 + np.random.default_rng(2).normal(0, 0.01, 60))
    changed = curve.copy()
    changed[40:] *= 3.0
    first, second = (rolling_volatility(levels, window=20) for levels in (curve, changed))
    np.testing.assert_array_equal(first[:40], second[:40])
    assert np.isnan(first[:20]).all()
    frame = pd.Series(curve).pct_change().rolling(20).std() * np.sqrt(252)
    np.testing.assert_allclose(first[20:], frame.to_numpy()[20:], rtol=1e-9)


@pytest.mark.parametrize(
    ("equity", "options", "sentence"),
    [
        ([100.0], {}, "equity needs at least 2"),
        ([], {}, "equity needs at least 2"),
        ([100.0, float("nan")], {}, "NaN"),
        ([100.0, 0.0], {}, "above zero"),
        ([100.0, -5.0], {}, "above zero"),
        ([[100.0], [101.0]], {}, "dimension"),
        ([100.0, 101.0], {"benchmark": [1.0, 2.0, 3.0]}, "same number of points"),
        ([100.0, 101.0], {"benchmark": [1.0, 0.0]}, "benchmark must be above zero"),
        ([100.0, 101.0], {"periods_per_year": 0.0}, "periods_per_year"),
        ([100.0, 101.0], {"risk_free_annual": -1.0}, "risk_free_annual"),
    ],
)
def test_a_curve_that_cannot_be_scored_is_refused_in_one_sentence(equity, options, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        performance(equity, **options)
