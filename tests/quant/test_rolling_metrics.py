"""A rolling figure is the whole curve's on its window, and knows nothing of what comes later."""

from __future__ import annotations

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quant.figures import FIGURES, RELATIVE_FIGURES, Conventions
from quant.metrics import curve_returns, performance
from quant.rolling_metrics import rolling_metrics, rolling_series, rolling_volatility
from quant.stretches import Rows, Windows
from schemas.errors import InvalidRequest
from schemas.metrics import RollingSeries

RETURNS = st.floats(-0.2, 0.2).map(lambda value: round(value, 4))


def random_curve(seed: int, count: int = 120) -> np.ndarray:
    return 100 * np.cumprod(1 + np.random.default_rng(seed).normal(0.0003, 0.01, count))


@st.composite
def pairs_with_a_window(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    length = draw(st.integers(2, 50))
    one, other = (
        np.concatenate([[1e4], 1e4 * np.cumprod(1.0 + draw(made))])
        for made in [hnp.arrays(np.float64, length, elements=RETURNS)] * 2
    )
    return one, other, draw(st.integers(2, length))


@settings(max_examples=40, deadline=None)
@given(pairs_with_a_window(), st.sampled_from([0.0, 0.03]), st.data())
def test_every_rolling_figure_is_that_of_its_window(made, risk_free, data):
    curve, market, window = made
    rolled = rolling_metrics(
        curve, window=window, benchmark=market, conventions=Conventions(252.0, risk_free)
    )
    assert set(rolled) == {*FIGURES, *RELATIVE_FIGURES}
    point = data.draw(st.integers(window, len(curve) - 1))
    inside = slice(point - window, point + 1)
    scored = performance(curve[inside], benchmark=market[inside], risk_free_annual=risk_free)
    for name, values in rolled.items():
        assert len(values) == len(curve)
        assert np.isnan(values[:window]).all()
        expected = getattr(scored, name)
        if expected is None:
            assert np.isnan(values[point]), name
        else:
            assert values[point] == pytest.approx(expected, rel=1e-7, abs=1e-9), name


@pytest.mark.parametrize("name", [*FIGURES, *RELATIVE_FIGURES])
def test_no_rolling_figure_sees_a_later_point(name):
    curve, market = random_curve(2), random_curve(3)
    changed, other = curve.copy(), market.copy()
    changed[80:] = 3 * random_curve(14)[80:]
    other[80:] = random_curve(15)[80:]
    first, second = (
        rolling_metrics(levels, window=20, benchmark=index, figures=[name])[name]
        for levels, index in ((curve, market), (changed, other))
    )
    np.testing.assert_array_equal(first[:80], second[:80])
    assert not np.array_equal(first[80:], second[80:])


def test_rolling_figures_equal_empyricals():
    curve, market = random_curve(5), random_curve(6)
    ours, theirs = curve_returns(curve), curve_returns(market)
    rolled = rolling_metrics(curve, window=30, benchmark=market)
    alone = {
        "max_drawdown": empyrical.roll_max_drawdown,
        "annual_volatility": empyrical.roll_annual_volatility,
        "sharpe": empyrical.roll_sharpe_ratio,
        "sortino": empyrical.roll_sortino_ratio,
        "downside_deviation": empyrical.stats.roll_downside_risk,
    }
    for name, function in alone.items():
        np.testing.assert_allclose(rolled[name][30:], function(ours, 30), rtol=1e-9, err_msg=name)
    beside = {"beta": empyrical.roll_beta_aligned, "alpha_annual": empyrical.roll_alpha_aligned}
    for name, function in beside.items():
        np.testing.assert_allclose(
            rolled[name][30:], function(ours, theirs, 30), rtol=1e-9, err_msg=name
        )


def test_rolling_moments_and_quantiles_equal_pandas():
    curve = random_curve(7)
    windows = pd.Series(curve).pct_change().rolling(25)
    rolled = rolling_metrics(curve, window=25)
    volatility = rolling_volatility(curve, window=25)
    for name, expected in {
        "annual_volatility": windows.std() * np.sqrt(252),
        "var_95": windows.quantile(0.05),
        "var_99": windows.quantile(0.01),
        "best_day": windows.max(),
    }.items():
        np.testing.assert_allclose(rolled[name][25:], expected.to_numpy()[25:], rtol=1e-9)
    np.testing.assert_array_equal(volatility, rolled["annual_volatility"])


@settings(max_examples=150)
@given(st.data())
def test_windows_answer_what_rows_answer_on_the_matrix_of_windows(data):
    count = data.draw(st.integers(1, 60))
    terms = data.draw(hnp.arrays(np.float64, count, elements=st.integers(1, 9).map(float)))
    inside = data.draw(hnp.arrays(np.bool_, count))
    width = data.draw(st.integers(1, count))
    windows, rows = Windows(count - width + 1), Rows()
    matrix = np.lib.stride_tricks.sliding_window_view(terms, width)
    runs = np.lib.stride_tricks.sliding_window_view(inside, width)
    np.testing.assert_allclose(windows.product(terms), rows.product(matrix))
    np.testing.assert_array_equal(windows.deepest_fall(terms), rows.deepest_fall(matrix))
    np.testing.assert_array_equal(windows.longest_run(inside), rows.longest_run(runs))


def test_a_window_as_long_as_the_curve_gives_one_point():
    curve = random_curve(1, 40)
    sharpe = rolling_metrics(curve, window=39, figures=["sharpe"])["sharpe"]
    assert np.isnan(sharpe[:-1]).all()
    assert sharpe[-1] == pytest.approx(performance(curve).sharpe)


def test_the_message_keeps_the_newest_point_and_has_none_where_there_is_no_figure():
    rolled = rolling_metrics(random_curve(1, 50), window=20, figures=["sharpe"])
    series = rolling_series(rolled, window=20, every=7)
    assert series.indices == (0, 7, 14, 21, 28, 35, 42, 49)
    assert series.columns["sharpe"][:3] == (None, None, None)
    assert series.columns["sharpe"][3:] == tuple(rolled["sharpe"][[21, 28, 35, 42, 49]].tolist())
    assert RollingSeries.model_validate_json(series.model_dump_json()) == series


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"window": 1}, "window must be"),
        ({"window": 120}, "window must be"),
        ({"window": 20, "figures": ["sharp"]}, "there is no figure sharp; there are: total_return"),
        ({"window": 20, "figures": ["beta"]}, "beta needs a benchmark"),
        ({"window": 20, "benchmark": [1.0, 2.0]}, "same number of points"),
    ],
)
def test_what_cannot_roll_is_refused_in_one_sentence(options, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        rolling_metrics(random_curve(1), **options)


def test_a_message_of_unequal_columns_is_refused():
    with pytest.raises(InvalidRequest, match="same length"):
        rolling_series({"a": np.ones(3), "b": np.ones(4)}, window=2)
    with pytest.raises(InvalidRequest, match="every"):
        rolling_series({"a": np.ones(3)}, window=2, every=0)
