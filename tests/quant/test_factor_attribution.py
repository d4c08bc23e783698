"""Loadings and their Newey-West errors equal statsmodels'; contributions sum to the return."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from quant.attribution.factors import factor_attribution, newey_west
from quant.figures import Conventions
from quant.metrics import performance
from schemas.errors import InvalidRequest


def market(seed: int, count: int, factors: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    columns = generator.normal(0.0002, 0.01, (count, factors))
    noise = np.convolve(generator.normal(0, 0.004, count + 2), [1, 0.5, 0.3], "valid")
    return columns @ generator.uniform(-1, 1.5, factors) + noise + 0.0001, columns


def labels(columns: np.ndarray) -> tuple[str, ...]:
    return tuple(f"factor {number}" for number in range(columns.shape[1]))


@pytest.mark.parametrize("lags", [0, 1, 6, None])
@pytest.mark.parametrize("factors", [1, 4])
def test_every_coefficient_equals_statsmodels(lags, factors):
    returns, columns = market(factors, 260, factors)
    terms = Conventions(252.0, 0.03)
    found = factor_attribution(
        returns, columns, names=labels(columns), lags=lags, conventions=terms
    )
    reach = math.floor(4 * (260 / 100) ** (2 / 9)) if lags is None else lags
    fit = sm.OLS(returns - terms.risk_free, sm.add_constant(columns)).fit(
        cov_type="HAC", cov_kwds={"maxlags": reach}
    )
    assert found.lags == reach
    coefficients = (found.alpha, *found.loadings)
    for name, theirs in {
        "value": fit.params,
        "standard_error": fit.bse,
        "t_statistic": fit.tvalues,
        "p_value": fit.pvalues,
    }.items():
        ours = [getattr(one, name) for one in coefficients]
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12, err_msg=name)
    assert found.r_squared == pytest.approx(fit.rsquared, rel=1e-9)
    assert found.adjusted_r_squared == pytest.approx(fit.rsquared_adj, rel=1e-9)
    assert found.residual_volatility == pytest.approx(math.sqrt(fit.mse_resid * 252), rel=1e-9)


def test_the_errors_equal_the_formula_written_out():
    returns, columns = market(5, 60, 2)
    x = np.column_stack([np.ones(60), columns])
    fit = newey_west(returns, x, lags=3)
    bread = np.linalg.inv(x.T @ x)
    middle = np.zeros((3, 3))
    for t in range(60):
        for s in range(60):
            weight = max(0.0, 1 - abs(t - s) / 4)
            middle += weight * fit.residuals[t] * fit.residuals[s] * np.outer(x[t], x[s])
    np.testing.assert_allclose(fit.covariance, bread @ middle @ bread, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(8, 80), st.floats(0, 0.1))
def test_contributions_sum_to_the_total_return(seed, factors, count, risk_free):
    returns, columns = market(seed, count, factors)
    found = factor_attribution(
        returns, columns, names=labels(columns), conventions=Conventions(252.0, risk_free)
    )
    parts = [found.alpha_contribution, found.risk_free_contribution, found.residual_contribution]
    parts += [loading.contribution for loading in found.loadings]
    assert math.fsum(parts) == pytest.approx(float(np.prod(1 + returns) - 1), abs=1e-12)
    assert found.total_return == pytest.approx(float(np.prod(1 + returns) - 1), abs=1e-12)


def test_with_the_benchmark_as_the_only_factor_alpha_and_beta_are_those_of_the_metrics():
    returns, columns = market(3, 300, 1)
    terms = Conventions(252.0, 0.0)
    found = factor_attribution(returns, columns, names=["market"], conventions=terms)
    curves = (np.concatenate([[1.0], np.cumprod(1 + r)]) for r in (returns, columns[:, 0]))
    scored = performance(next(curves), benchmark=next(curves))
    assert found.loadings[0].value == pytest.approx(scored.beta, rel=1e-9)
    assert found.alpha_annual == pytest.approx(scored.alpha_annual, rel=1e-9)


@given(st.floats(1e-3, 1e3))
def test_a_factor_in_other_units_has_the_inverse_loading_and_the_same_contribution(unit):
    returns, columns = market(8, 120, 2)
    plain = factor_attribution(returns, columns, names=labels(columns))
    scaled = factor_attribution(returns, columns * [unit, 1.0], names=labels(columns))
    assert scaled.loadings[0].value == pytest.approx(plain.loadings[0].value / unit, rel=1e-9)
    assert scaled.loadings[0].t_statistic == pytest.approx(plain.loadings[0].t_statistic, rel=1e-7)
    for one, other in zip(plain.loadings, scaled.loadings, strict=True):
        assert other.contribution == pytest.approx(one.contribution, rel=1e-9, abs=1e-15)


def test_a_return_that_is_its_factor_leaves_nothing():
    _, columns = market(1, 50, 1)
    found = factor_attribution(1.5 * columns[:, 0], columns, names=["market"])
    assert found.loadings[0].value == pytest.approx(1.5)
    assert (found.loadings[0].t_statistic, found.alpha.p_value) == (None, None)
    assert found.r_squared == pytest.approx(1.0)
    assert found.loadings[0].contribution == pytest.approx(found.total_return)


def test_a_return_that_never_moves_has_no_share_explained():
    _, columns = market(1, 50, 1)
    found = factor_attribution(np.full(50, 0.01), columns, names=["market"])
    assert (found.r_squared, found.adjusted_r_squared) == (None, None)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda r, f: factor_attribution(r[:-1], f, names=("a", "b")), "same number of rows"),
        (lambda r, f: factor_attribution(r, f, names=("a",)), "name each factor once"),
        (lambda r, f: factor_attribution(r, f, names=("a", "a")), "name each factor once"),
        (lambda r, f: factor_attribution(r, f, names=("a", "b"), lags=30), "lags"),
        (lambda r, f: factor_attribution(r, f, names=("a", "b"), lags=-1), "lags"),
        (lambda r, f: factor_attribution(r[:4], f[:4], names=("a", "b")), "at least 5 returns"),
        (lambda r, f: factor_attribution(r, f[:, [0, 0]], names=("a", "b")), "combinations"),
        (lambda r, f: factor_attribution(r, f * [1, 0], names=("a", "b")), "combinations"),
        (lambda r, f: factor_attribution(r, f * 0 + 0.01, names=("a", "b")), "combinations"),
        (lambda r, f: factor_attribution(r - 2, f, names=("a", "b")), "above -1"),
        (lambda r, f: factor_attribution(r * np.nan, f, names=("a", "b")), "returns must not hold"),
    ],
)
def test_what_cannot_be_regressed_is_refused_in_one_sentence(make, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        make(*market(2, 30, 2))
