"""Every estimator answers feasible weights, agrees with an outside solver, or says why not."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from skfolio.datasets import load_sp500_dataset
from sklearn.covariance import LedoitWolf

from quant.portfolio.covariance import sample_covariance, shrunk_covariance
from quant.portfolio.equal_weight import equal_weight
from quant.portfolio.inverse_volatility import inverse_volatility
from quant.portfolio.mean_variance import mean_variance
from quant.portfolio.minimum_variance import min_variance
from quant.portfolio.risk_parity import risk_contributions, risk_parity
from quant.portfolio.weights import nearest_feasible, quantise_weights
from schemas.errors import InvalidRequest

ESTIMATORS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "equal_weight": lambda returns: equal_weight(returns.shape[1]),
    "inverse_volatility": inverse_volatility,
    "min_variance": min_variance,
    "mean_variance": lambda returns: mean_variance(returns, risk_aversion=5.0),
    "risk_parity": risk_parity,
}


def market(rows: int, count: int, seed: int) -> np.ndarray:
    """Returns with one common factor and volatilities that differ tenfold."""
    generator = np.random.default_rng(seed)
    factor = generator.normal(0.0003, 0.01, (rows, 1))
    own = generator.normal(0.0002, 1.0, (rows, count)) * generator.uniform(0.003, 0.03, count)
    return factor * generator.uniform(0.2, 1.5, count) + own


@pytest.mark.promise("optimiser-honest")
@settings(max_examples=25, deadline=None)
@given(
    st.integers(3, 80),
    st.integers(1, 12),
    st.integers(0, 10**6),
    st.sampled_from(sorted(ESTIMATORS)),
)
def test_weights_are_long_only_and_sum_to_one(rows, count, seed, name):
    weights = ESTIMATORS[name](market(rows, count, seed))
    assert weights.shape == (count,)
    assert weights.min() >= 0.0
    assert abs(weights.sum() - 1.0) <= 1e-9
    exact = quantise_weights(weights)
    assert sum(exact) == 1
    assert max(abs(float(q) - w) for q, w in zip(exact, weights, strict=True)) < 1e-6 + 1e-9


@pytest.mark.promise("optimiser-honest")
@settings(max_examples=25, deadline=None)
@given(st.integers(5, 80), st.integers(2, 10), st.integers(0, 10**6), st.floats(1.0, 3.0))
def test_least_variance_keeps_the_cap_and_never_loses_to_equal_weights(rows, count, seed, slack):
    returns, cap = market(rows, count, seed), min(1.0, slack / count)
    weights, covariance = min_variance(returns, cap=cap), shrunk_covariance(returns)
    equal = equal_weight(count)
    assert weights.max() <= cap + 1e-12
    assert weights @ covariance @ weights <= equal @ covariance @ equal * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_least_variance_equals_scipy(seed):
    returns = market(120, 6, seed)
    covariance = shrunk_covariance(returns) * 1e4
    answer = minimize(
        lambda w: w @ covariance @ w,
        np.full(6, 1 / 6),
        jac=lambda w: 2 * covariance @ w,
        bounds=[(0, 0.4)] * 6,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    np.testing.assert_allclose(min_variance(returns, cap=0.4), answer.x, atol=2e-6)


def test_least_variance_of_two_assets_has_its_closed_form():
    returns = market(250, 2, seed=9)
    (a, c), (_, b) = shrunk_covariance(returns)
    first = min(1.0, max(0.0, (b - c) / (a + b - 2 * c)))
    np.testing.assert_allclose(min_variance(returns), [first, 1 - first], atol=1e-8)


def test_mean_variance_equals_another_formulation_with_buys_and_sells():
    returns = market(250, 8, seed=3)
    previous, cost, aversion = np.full(8, 0.125), 0.002, 4.0
    mean, covariance = returns.mean(axis=0), shrunk_covariance(returns)
    weights, buys, sells = cp.Variable(8), cp.Variable(8, nonneg=True), cp.Variable(8, nonneg=True)
    root = np.linalg.cholesky(covariance)
    gain = mean @ weights - aversion / 2 * cp.sum_squares(root.T @ weights)
    limits = [
        cp.sum(weights) == 1,
        weights >= 0,
        weights <= 0.5,
        weights == previous + buys - sells,
    ]
    problem = cp.Problem(cp.Maximize(1e3 * (gain - cost * cp.sum(buys + sells))), limits)
    problem.solve(solver=cp.SCS, eps_abs=1e-11, eps_rel=1e-11, max_iters=200_000)
    ours = mean_variance(
        returns, risk_aversion=aversion, cap=0.5, previous=previous, turnover_cost=cost
    )
    np.testing.assert_allclose(ours, weights.value, atol=1e-5)


def test_a_dear_enough_turnover_keeps_what_is_held():
    returns, held = market(100, 5, seed=1), np.array([0.1, 0.2, 0.3, 0.4, 0.0])
    kept = mean_variance(returns, risk_aversion=3.0, previous=held, turnover_cost=1.0)
    np.testing.assert_allclose(kept, held, atol=1e-8)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.0, 20.0), st.floats(0.0, 0.01))
def test_mean_variance_never_loses_to_equal_weights_or_to_staying(seed, aversion, cost):
    returns = market(60, 5, seed)
    held = np.random.default_rng(seed).dirichlet(np.ones(5))
    held /= held.sum()
    mean, covariance = returns.mean(axis=0), shrunk_covariance(returns)

    def utility(w: np.ndarray) -> float:
        risk = aversion / 2 * (w @ covariance @ w)
        return float(mean @ w - risk - cost * np.abs(w - held).sum())

    ours = mean_variance(returns, risk_aversion=aversion, previous=held, turnover_cost=cost)
    assert utility(ours) >= max(utility(equal_weight(5)), utility(held)) - 1e-12


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 80), st.integers(1, 12), st.integers(0, 10**6))
def test_risk_parity_shares_the_risk_equally(rows, count, seed):
    returns = market(rows, count, seed)
    shares = risk_contributions(risk_parity(returns), shrunk_covariance(returns))
    np.testing.assert_allclose(shares, 1 / count, atol=1e-10)


def test_inverse_volatility_equals_its_formula():
    returns = market(90, 4, seed=8)
    inverse = 1 / returns.std(axis=0, ddof=1)
    np.testing.assert_allclose(inverse_volatility(returns), inverse / inverse.sum(), rtol=1e-12)


@pytest.mark.parametrize("shape", [(252, 20), (10, 20), (40, 2), (30, 1)])
def test_covariances_equal_sklearn_and_numpy(shape):
    returns = market(*shape, seed=4)
    np.testing.assert_allclose(
        shrunk_covariance(returns), LedoitWolf().fit(returns).covariance_, rtol=1e-9, atol=1e-18
    )
    np.testing.assert_allclose(
        sample_covariance(returns), np.atleast_2d(np.cov(returns.T)), rtol=1e-12
    )


@pytest.mark.promise("optimiser-honest")
def test_singular_covariance_still_gives_the_least_variance():
    base = market(60, 3, seed=2)
    doubled = np.hstack([base, base])  # every asset twice
    weights = min_variance(doubled)
    covariance = shrunk_covariance(doubled)
    assert abs(weights.sum() - 1) <= 1e-9
    gradient = covariance @ weights
    assert (gradient >= weights @ gradient - 1e-9 * gradient.max()).all()  # Kuhn-Tucker


def test_assets_that_never_move_are_held_equally_or_refused():
    still = np.zeros((10, 4))
    np.testing.assert_allclose(min_variance(still, cap=0.25), 0.25)
    np.testing.assert_allclose(mean_variance(still, risk_aversion=2.0), 0.25)
    for refuse in (inverse_volatility, risk_parity):
        with pytest.raises(InvalidRequest, match="never move"):
            refuse(still)


def test_two_assets_that_offset_each_other_exactly_have_no_risk_to_share():
    returns = np.array([[0.01, -0.03], [-0.01, 0.03]])
    with pytest.raises(InvalidRequest, match="almost no risk"):
        risk_parity(returns)
    np.testing.assert_allclose(min_variance(returns), [0.75, 0.25], atol=1e-6)


def test_the_order_of_the_assets_does_not_matter():
    returns, order = market(252, 10, seed=6), np.random.default_rng(0).permutation(10)
    for estimate in (min_variance, risk_parity, inverse_volatility):
        straight = quantise_weights(estimate(returns))
        shuffled = quantise_weights(estimate(returns[:, order]))
        assert [float(w) for w in shuffled] == pytest.approx(
            [float(straight[i]) for i in order], abs=1.1e-6
        )


@pytest.mark.parametrize(
    "name", ["inverse_volatility", "min_variance", "mean_variance", "risk_parity"]
)
@pytest.mark.parametrize(
    ("returns", "sentence"),
    [
        ([[0.1, 0.2]], "at least 2 row"),
        ([[0.1, float("nan")], [0.0, 0.1]], "NaN"),
        ([[0.1, float("inf")], [0.0, 0.1]], "infinity"),
        ([0.1, 0.2], "dimension"),
        ([[], []], "at least one column"),
        ([[1e200, 0.1], [-1e200, 0.2]], "too large"),
    ],
)
def test_returns_that_cannot_be_used_are_refused_in_one_sentence(name, returns, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        ESTIMATORS[name](np.array(returns))


@pytest.mark.promise("optimiser-honest")
@pytest.mark.parametrize("cap", [0.19, 0.0, -1.0, 1.5, float("nan")])
def test_a_cap_that_cannot_be_met_is_refused(cap):
    for estimate in (
        lambda: min_variance(market(30, 5, 0), cap=cap),
        lambda: mean_variance(market(30, 5, 0), risk_aversion=1.0, cap=cap),
    ):
        with pytest.raises(InvalidRequest, match="cap"):
            estimate()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"risk_aversion": -1.0}, "risk_aversion"),
        ({"turnover_cost": float("nan")}, "turnover_cost"),
        ({"previous": [0.5]}, "previous must have 3"),
        ({"previous": [0.5, 0.6, 0.1]}, "at most 1"),
        ({"previous": [-0.1, 0.6, 0.1]}, "from 0"),
    ],
)
def test_preferences_that_make_no_sense_are_refused(change, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        mean_variance(market(20, 3, 0), **({"risk_aversion": 1.0} | change))


def test_an_infeasible_answer_of_a_solver_is_not_passed_on():
    with pytest.raises(InvalidRequest, match="no feasible portfolio"):
        nearest_feasible(np.array([0.7, 0.7]), cap=1.0)
    with pytest.raises(InvalidRequest, match="no feasible portfolio"):
        nearest_feasible(np.array([np.nan, 0.5]), cap=1.0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30).filter(lambda w: sum(w) > 1e-3))
def test_quantised_weights_keep_the_sum_and_stay_within_a_millionth(raw):
    weights = np.array(raw) / sum(raw)
    exact = quantise_weights(weights)
    assert sum(exact) == 1
    assert all(weight == weight.quantize(Decimal("0.000001")) >= 0 for weight in exact)
    assert max(abs(float(q) - w) for q, w in zip(exact, weights, strict=True)) < 1e-6 + 1e-9


@given(st.integers(1, 60), st.integers(0, 10**6))
def test_rounding_noise_of_the_last_bits_flips_no_millionth(count, seed):
    weights = equal_weight(count)
    noise = np.random.default_rng(seed).uniform(-1e-13, 1e-13, count)
    assert quantise_weights(weights + noise) == quantise_weights(weights)


def test_thirds_are_quantised_to_a_whole_and_a_part_stays_a_part():
    assert quantise_weights([1 / 3] * 3) == [
        Decimal("0.333334"),
        Decimal("0.333333"),
        Decimal("0.333333"),
    ]
    assert sum(quantise_weights([0.25, 0.3])) == Decimal("0.55")
    assert quantise_weights([0.0, 0.0]) == [0, 0]


@pytest.mark.parametrize("weights", [[0.6, 0.6], [-0.1, 0.5], [float("nan")], []])
def test_weights_that_are_none_are_not_quantised(weights):
    with pytest.raises(InvalidRequest):
        quantise_weights(weights)


def optimality_gap(returns: np.ndarray, cap: float) -> float:
    """How much variance any feasible portfolio could save at most, as a share (Frank & Wolfe)."""
    weights, covariance = min_variance(returns, cap=cap), shrunk_covariance(returns)
    gradient = covariance @ weights
    best, left = np.zeros(len(weights)), 1.0
    for index in gradient.argsort():  # the cheapest direction fills the least gradients to the cap
        best[index] = min(cap, left)
        left -= best[index]
    return float(2 * gradient @ (weights - best) / (weights @ gradient))


@pytest.mark.promise("optimiser-honest")
@pytest.mark.parametrize(
    "every", [pytest.param(700, id="sample"), pytest.param(5, id="sweep", marks=pytest.mark.long)]
)
def test_least_variance_is_optimal_on_real_prices(every):
    closes = load_sp500_dataset().to_numpy()
    returns = closes[1:] / closes[:-1] - 1
    gaps = [
        optimality_gap(returns[end - 252 : end], cap)
        for end in range(252, len(returns), every)
        for cap in (0.05, 0.1, 0.3, 1.0)
    ]
    assert max(gaps) < 1e-8
