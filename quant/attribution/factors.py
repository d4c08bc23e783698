"""A return explained by factors: loadings with errors that allow for autocorrelation.

Timing: row t of the factors is of the same period as return t. This explains the past; it is no
forecast.

Source: Newey & West (1987), with Bartlett weights and no small-sample correction; the default
number of lags is floor(4 (T/100)^(2/9)) (Newey & West, 1994). Cariño (1999) for the linking.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from quant.arrays import Floats, finite_matrix, finite_vector
from quant.attribution.linking import carino
from quant.figures import Conventions
from schemas.attribution import Coefficient, FactorAttribution, FactorLoading
from schemas.errors import InvalidRequest

_NOTHING = 1e-14  # a residual this small beside the returns is rounding


class Regression(NamedTuple):
    """Ordinary least squares of y on X: coefficients (K,), their covariance, residuals (T,)."""

    coefficients: Floats
    covariance: Floats
    residuals: Floats


def newey_west(y: Floats, x: Floats, *, lags: int) -> Regression:
    """Regress y (T,) on the columns of x (T, K) with Newey-West errors.

    Raises InvalidRequest where the columns do not determine the coefficients: too few rows, or
    columns that are (nearly) combinations of each other.
    """
    count, width = x.shape
    if count < width + 2:
        raise InvalidRequest(f"{width} coefficients need at least {width + 2} returns.")
    scale = np.sqrt((x**2).sum(axis=0))
    if not scale.all() or np.linalg.cond(x / scale) > 1e10:
        raise InvalidRequest("the factors must not be combinations of each other or constant.")
    q, r = np.linalg.qr(x / scale)
    inverse = np.linalg.inv(r)
    coefficients = inverse @ (q.T @ y) / scale
    residuals = y - x @ coefficients
    scores = q * residuals[:, None]
    middle = scores.T @ scores
    for lag in range(1, lags + 1):
        lagged = scores[lag:].T @ scores[:-lag]
        middle += (1.0 - lag / (lags + 1.0)) * (lagged + lagged.T)
    covariance = inverse @ middle @ inverse.T / np.outer(scale, scale)
    return Regression(coefficients, covariance, residuals)


def factor_attribution(
    returns: ArrayLike,
    factors: ArrayLike,
    *,
    names: Sequence[str],
    lags: int | None = None,
    conventions: Conventions | None = None,
) -> FactorAttribution:
    """Split the total return of T periods over K factors, alpha and what is left.

    Excess returns are regressed on the factors and a constant. Each period's return is then
    risk-free + alpha + Σ loading · factor + residual, and the periods are linked.

    Parameters
    ----------
    returns : (T,) simple returns above -1, T ≥ K + 3.
    factors : (T, K) factor returns of the same periods: excess returns, or long-short spreads.
    names : K names, no two alike.
    lags : autocovariances in the errors, 0..T-1; 0 allows for unequal variances only.

    Raises
    ------
    InvalidRequest : shapes or names that do not fit, NaN, too few periods, factors that are
        constant or combinations of each other.
    """
    own = finite_vector(returns, "returns")
    columns = finite_matrix(factors, "factors")
    terms = conventions or Conventions()
    count = len(own)
    if len(columns) != count:
        raise InvalidRequest("returns and factors must have the same number of rows.")
    if len(names) != columns.shape[1] or len(set(names)) != len(names):
        raise InvalidRequest("names must name each factor once.")
    reach = math.floor(4.0 * (count / 100.0) ** (2.0 / 9.0)) if lags is None else lags
    if not 0 <= reach < count:
        raise InvalidRequest("lags must be at least 0 and below the number of returns.")
    excess = own - terms.risk_free
    fit = newey_west(excess, np.column_stack([np.ones(count), columns]), lags=reach)
    return _attributed(own, columns, fit, terms=terms, names=names, lags=reach)


def _attributed(  # noqa: PLR0913 - the parts of one answer, put together here alone
    own: Floats,
    columns: Floats,
    fit: Regression,
    *,
    terms: Conventions,
    names: Sequence[str],
    lags: int,
) -> FactorAttribution:
    count = len(own)
    link = carino(own, np.zeros(count))
    residuals = fit.residuals
    excess = own - terms.risk_free
    exact = float(residuals @ residuals) <= _NOTHING**2 * float(excess @ excess)
    coefficients = [
        _coefficient(float(value), float(variance), exact=exact)
        for value, variance in zip(fit.coefficients, np.diag(fit.covariance), strict=True)
    ]
    alpha = coefficients[0].value
    freedom = count - len(coefficients)
    unexplained = _unexplained(excess, residuals)
    return FactorAttribution(
        observations=count,
        lags=lags,
        periods_per_year=terms.periods_per_year,
        alpha=coefficients[0],
        alpha_annual=_compounded(alpha, terms.periods_per_year),
        loadings=tuple(
            FactorLoading(
                factor=name,
                contribution=float(link.weights @ columns[:, k]) * coefficient.value,
                **coefficient.model_dump(),
            )
            for k, (name, coefficient) in enumerate(zip(names, coefficients[1:], strict=True))
        ),
        r_squared=None if unexplained is None else 1.0 - unexplained,
        adjusted_r_squared=(
            None if unexplained is None else 1.0 - unexplained * (count - 1) / freedom
        ),
        residual_volatility=math.sqrt(
            float(residuals @ residuals) / freedom * terms.periods_per_year
        ),
        total_return=link.one,
        alpha_contribution=alpha * float(link.weights.sum()),
        risk_free_contribution=terms.risk_free * float(link.weights.sum()),
        residual_contribution=float(link.weights @ residuals),
    )


def _coefficient(value: float, variance: float, *, exact: bool) -> Coefficient:
    error = math.sqrt(max(0.0, variance))
    t = None if exact or error == 0.0 else value / error
    return Coefficient(
        value=value,
        standard_error=error,
        t_statistic=t,
        p_value=None if t is None else 2.0 * float(ndtr(-abs(t))),
    )


def _unexplained(excess: Floats, residuals: Floats) -> float | None:
    """Return the share of the variance that is left; None where there is none."""
    centred = excess - excess.mean()
    scatter = float(centred @ centred)
    if scatter <= len(excess) * (_NOTHING * (1.0 + float(np.abs(excess).max()))) ** 2:
        return None
    return float(residuals @ residuals) / scatter


def _compounded(rate: float, periods: float) -> float | None:
    if rate <= -1.0:
        return None
    exponent = periods * math.log1p(rate)
    return math.expm1(exponent) if exponent < 700.0 else None
