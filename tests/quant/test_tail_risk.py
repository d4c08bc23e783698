"""Value at risk and shortfall equal the textbooks' figures and scipy's, and keep their order."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate, optimize, stats

from quant.tail_risk import (
    Method,
    cornish_fisher_is_valid,
    cornish_fisher_quantile,
    expected_shortfall,
    pairwise_correlations,
    portfolio_tail_loss,
    tail_loss,
    value_at_risk,
)
from schemas.errors import InvalidRequest

METHODS: tuple[Method, ...] = ("historical", "gaussian", "cornish_fisher")
samples = arrays(
    np.float64, st.integers(20, 120), elements=st.floats(-0.5, 0.5, allow_subnormal=False)
)


def test_hull_takes_the_fifth_worst_of_500_scenarios_at_99_per_cent() -> None:
    # Hull, Options, Futures, and Other Derivatives: the four-index portfolio of 25 September 2008.
    worst = [477_841, 345_435, 282_204, 277_041, 253_385, 217_974, 205_256, 201_389]
    outcomes = -np.array([*worst, *[0.0] * 492])
    assert value_at_risk(outcomes, confidence=0.99) == 253_385
    assert expected_shortfall(outcomes, confidence=0.99) == pytest.approx(sum(worst[:5]) / 5)


def test_an_examiner_s_shortfall_is_the_mean_of_the_ten_worst_of_1000() -> None:
    # FRM practice question: the 99 % value at risk is USD 1,484, the shortfall USD 1,945.
    worst = [2833, 2333, 2228, 2084, 1960, 1751, 1679, 1558, 1542, 1484, 1450, 1428]
    loss = tail_loss(-np.array([*worst, *[0.0] * 988], dtype=float), confidence=0.99)
    assert loss.var == 1484
    assert round(loss.expected_shortfall) == 1945


def test_a_part_of_a_loss_counts_in_part() -> None:
    # Five returns, a tail of 30 %: one whole loss and half of the second.
    loss = tail_loss([-0.10, -0.04, 0.0, 0.01, 0.02], confidence=0.7)
    assert loss.var == pytest.approx(0.04)
    assert loss.expected_shortfall == pytest.approx((0.10 + 0.5 * 0.04) / 1.5)


@pytest.mark.parametrize(
    ("confidence", "z", "tail"), [(0.95, 1.6449, 2.0627), (0.99, 2.3263, 2.6652)]
)
def test_gaussian_factors_are_those_of_the_tables(confidence: float, z: float, tail: float) -> None:
    # Mean 0 and sample deviation 1 by construction.
    returns = np.array([-1.0, 1.0]) / math.sqrt(2.0)
    loss = tail_loss(returns, confidence=confidence, method="gaussian")
    assert loss.var == pytest.approx(z, abs=5e-5)
    assert loss.expected_shortfall == pytest.approx(tail, abs=5e-5)


@given(samples, st.sampled_from([0.9, 0.95, 0.99]))
def test_gaussian_figures_are_scipy_s(returns: np.ndarray, confidence: float) -> None:
    normal = stats.norm(returns.mean(), returns.std(ddof=1) or 1e-300)
    loss = tail_loss(returns, confidence=confidence, method="gaussian")
    assert loss.var == pytest.approx(-normal.ppf(1 - confidence), abs=1e-12)


@pytest.mark.parametrize(("skewness", "kurtosis"), [(-0.5, 2.0), (0.3, 1.0), (-1.0, 3.0), (0, 0)])
@pytest.mark.parametrize("tail", [0.05, 0.01])
def test_cornish_fisher_shortfall_is_the_integral_of_its_quantiles(
    skewness: float, kurtosis: float, tail: float
) -> None:
    returns = _with_shape(skewness, kurtosis)
    loss = tail_loss(returns, confidence=1 - tail, method="cornish_fisher")
    assert (loss.method, loss.note) == ("cornish_fisher", None)

    def quantile(p: float) -> float:
        return cornish_fisher_quantile(p, skewness=skewness, excess_kurtosis=kurtosis)

    mean, deviation = returns.mean(), returns.std(ddof=1)
    assert loss.var == pytest.approx(-(mean + deviation * quantile(tail)), rel=1e-6)
    integral = integrate.quad(quantile, 0, tail)[0] / tail
    assert loss.expected_shortfall == pytest.approx(-(mean + deviation * integral), rel=1e-6)


def test_a_cornish_fisher_quantile_worked_by_hand() -> None:
    # z = -2.326348, S = -0.5, K = 2: z + (z²-1)S/6 + (z³-3z)K/24 - (2z³-5z)S²/36.
    z = -2.326347874
    by_hand = z + 4.411894 * -0.5 / 6 + (-12.589909 + 6.979044) / 12 - (-13.548079) * 0.25 / 36
    found = cornish_fisher_quantile(0.01, skewness=-0.5, excess_kurtosis=2.0)
    assert found == pytest.approx(by_hand, abs=1e-5)


def test_the_domain_is_maillard_s() -> None:
    # Without skewness an excess kurtosis from 0 to 8; no |skewness| above 6(√2 - 1) whatever it is.
    assert [cornish_fisher_is_valid(0, k) for k in (-0.01, 0, 8, 8.01)] == [
        False,
        True,
        True,
        False,
    ]
    edge = 6 * (math.sqrt(2) - 1)
    kurtoses = np.linspace(0, 15, 1501)
    assert any(cornish_fisher_is_valid(edge - 0.005, k) for k in kurtoses)
    assert not any(cornish_fisher_is_valid(edge + 0.001, k) for k in kurtoses)


@given(st.floats(-3, 3), st.floats(-1, 10))
def test_inside_the_domain_quantiles_rise_and_outside_they_fall_somewhere(
    skewness: float, kurtosis: float
) -> None:
    z = np.linspace(-60, 60, 24_001)
    slope = np.polyval(
        [
            kurtosis / 8 - skewness**2 / 6,
            skewness / 3,
            1 - kurtosis / 8 + 5 * skewness**2 / 36,
        ],
        z,
    )
    if cornish_fisher_is_valid(skewness, kurtosis):
        assert slope.min() > -1e-9
    elif abs(kurtosis / 8 - skewness**2 / 6) > 0.01:
        assert slope.min() < 1e-3


def test_outside_of_the_domain_the_historical_figures_are_given_and_said() -> None:
    returns = np.array([-0.5, *[0.001] * 99])
    loss = tail_loss(returns, confidence=0.95, method="cornish_fisher")
    assert loss.method == "historical"
    assert loss.note is not None
    assert "skewness of -9." in loss.note
    plain = tail_loss(returns, confidence=0.95)
    assert (loss.var, loss.expected_shortfall) == (plain.var, plain.expected_shortfall)


@pytest.mark.parametrize("method", METHODS)
@given(returns=samples)
def test_shortfall_is_no_less_than_value_at_risk_and_both_grow_with_confidence(
    method: Method, returns: np.ndarray
) -> None:
    losses = [tail_loss(returns, confidence=c, method=method) for c in (0.9, 0.95, 0.975, 0.99)]
    for loss in losses:
        assert loss.expected_shortfall >= loss.var - 1e-12
    for low, high in itertools.pairwise(losses):
        assert high.var >= low.var - 1e-12
        assert high.expected_shortfall >= low.expected_shortfall - 1e-12


@pytest.mark.parametrize("method", METHODS)
@given(returns=samples, scale=st.floats(0.1, 10), shift=st.floats(-0.1, 0.1))
def test_a_tail_scales_with_the_position_and_moves_with_cash(
    method: Method, returns: np.ndarray, scale: float, shift: float
) -> None:
    plain = tail_loss(returns, method=method)
    moved = tail_loss(returns * scale + shift, method=method)
    if plain.method == moved.method:  # at the domain's edge rounding decides
        assert moved.var == pytest.approx(scale * plain.var - shift, abs=1e-6)
        expected = scale * plain.expected_shortfall - shift
        assert moved.expected_shortfall == pytest.approx(expected, abs=1e-6)


@given(st.data())
def test_the_historical_shortfall_of_two_books_is_no_more_than_their_sum(
    data: st.DataObject,
) -> None:
    length = data.draw(st.integers(20, 80))
    one, other = (
        data.draw(arrays(np.float64, length, elements=st.floats(-0.5, 0.5))) for _ in range(2)
    )
    whole = expected_shortfall(one + other)
    assert whole <= expected_shortfall(one) + expected_shortfall(other) + 1e-12


def test_a_portfolio_s_tail_is_that_of_its_weighted_returns() -> None:
    generator = np.random.default_rng(3)
    returns = generator.normal(0, 0.02, (250, 3))
    weights = [0.5, 0.3, -0.2]
    found = portfolio_tail_loss(returns, weights, confidence=0.99, method="gaussian")
    assert found == tail_loss(returns @ weights, confidence=0.99, method="gaussian")
    with pytest.raises(InvalidRequest, match="one element for each column"):
        portfolio_tail_loss(returns, [1.0])


@pytest.mark.parametrize("bad", [[0.1], [0.1, math.nan], [0.1, math.inf]])
def test_what_has_no_tail_is_refused(bad: list[float]) -> None:
    with pytest.raises(InvalidRequest):
        tail_loss(bad)


@pytest.mark.parametrize("confidence", [0.0, 0.49, 1.0, math.nan])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(InvalidRequest, match="confidence"):
        tail_loss([0.1, 0.2], confidence=confidence)


def test_constant_returns_lose_what_they_lose() -> None:
    for method in METHODS:
        loss = tail_loss([-0.01] * 50, method=method)
        assert loss.var == pytest.approx(0.01)
        assert loss.expected_shortfall == pytest.approx(0.01)


def test_correlations_over_common_rows_are_those_of_pandas() -> None:
    returns = np.random.default_rng(0).normal(0, 0.02, (200, 6)) + 0.01
    returns[:50, 2] = np.nan
    returns[::3, 4] = np.nan
    returns[:, 5] = np.nan
    returns[:10, 5] = 0.1
    expected = pd.DataFrame(returns).corr(min_periods=20).to_numpy()
    found = pairwise_correlations(returns)
    np.testing.assert_allclose(found[:5, :5], expected[:5, :5], atol=1e-12)
    assert np.isnan(found[5, :5]).all()
    assert found[5, 5] == 1.0


def test_what_never_moved_is_correlated_with_nothing() -> None:
    returns = np.column_stack([np.full(30, 0.01), np.linspace(-1, 1, 30)])
    np.testing.assert_array_equal(pairwise_correlations(returns), np.eye(2))


def _with_shape(skewness: float, kurtosis: float) -> np.ndarray:
    """Bend normal quantiles until they have exactly these moments."""
    count = 400
    points = stats.norm.ppf((np.arange(count) + 0.5) / count)

    def bent(parameters: np.ndarray) -> np.ndarray:
        s, k = parameters
        return points + s * (points**2 - 1) + k * points**3

    def miss(parameters: np.ndarray) -> list[float]:
        values = bent(parameters)
        return [stats.skew(values) - skewness, stats.kurtosis(values) - kurtosis]

    found = optimize.root(miss, [skewness / 6, kurtosis / 40], tol=1e-13)
    assert found.success
    return bent(found.x) * 0.01
