"""Return against risk and the cost of getting there."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_matrix, finite_vector
from quant.portfolio.covariance import shrunk_covariance
from quant.portfolio.equal_weight import equal_weight
from quant.portfolio.program import long_only, solve
from quant.portfolio.weights import check_cap
from schemas.errors import InvalidRequest


def mean_variance(
    returns: ArrayLike,
    *,
    risk_aversion: float,
    cap: float = 1.0,
    previous: ArrayLike | None = None,
    turnover_cost: float = 0.0,
) -> Floats:
    """Return the long-only (N,) weights w of highest utility.

    The utility per period is  m·w - risk_aversion/2 · w·S·w - turnover_cost · Σ|w - previous|
    with the sample mean m and the shrunk covariance S of the rows given.

    Parameters
    ----------
    returns : (T, N) simple returns, T ≥ 2, oldest first.
    risk_aversion : ≥ 0, dimensionless; about 2 to 10 for people. Annualising mean and covariance
        alike would not change the answer.
    cap : largest weight, in (0, 1]; `cap` times N must be at least 1.
    previous : (N,) weights held now, all ≥ 0, sum at most 1; nothing held if None.
    turnover_cost : cost of trading the whole portfolio once, as a return per period: a cost of
        10 bps with a holding time of 21 periods is 0.001/21.

    Returns
    -------
    (N,) weights that sum to 1 ± 1e-9; never of less utility than equal weights, nor than
    `previous` where that is feasible.

    Raises
    ------
    InvalidRequest : NaN, one row, a cap that cannot be met, a negative aversion or cost.

    Source: Markowitz (1952); turnover as in Boyd et al. (2017), Multi-period trading.
    """
    matrix = finite_matrix(returns, "returns", at_least=2)
    count = matrix.shape[1]
    check_cap(cap, count)
    for name, value in (("risk_aversion", risk_aversion), ("turnover_cost", turnover_cost)):
        if not (math.isfinite(value) and value >= 0.0):
            raise InvalidRequest(f"{name} must be a number not below zero.")
    held = _held(previous, count)
    mean, covariance = matrix.mean(axis=0), shrunk_covariance(matrix)

    def utility(weights: Floats) -> float:
        risk = float(weights @ covariance @ weights)
        traded = float(np.abs(weights - held).sum())
        return float(mean @ weights) - risk_aversion / 2.0 * risk - turnover_cost * traded

    size = float(np.abs(mean).max()) + risk_aversion * float(np.trace(covariance)) / count
    if size + turnover_cost == 0.0:
        return equal_weight(count)
    # Imported here: cvxpy takes two seconds, and most commands optimise nothing.
    import cvxpy as cp

    scale = 1.0 / (size + turnover_cost)  # the solver's tolerances are absolute
    weights, limits = long_only(count, cap)
    gain = (
        mean * scale @ weights
        - cp.quad_form(weights, cp.psd_wrap(covariance * (risk_aversion / 2.0 * scale)))
        - turnover_cost * scale * cp.norm1(weights - held)
    )
    solved = solve(cp.Problem(cp.Maximize(gain), limits), weights, cap=cap)
    choices = [solved, equal_weight(count)]
    if abs(float(held.sum()) - 1.0) <= 1e-12 and float(held.max()) <= cap:
        choices.append(held)
    return max(choices, key=utility)


def _held(previous: ArrayLike | None, count: int) -> Floats:
    if previous is None:
        return np.zeros(count)
    held = finite_vector(previous, "previous")
    if len(held) != count:
        raise InvalidRequest(f"previous must have {count} weights, got {len(held)}.")
    if float(held.min()) < 0.0 or float(held.sum()) > 1.0 + 1e-9:
        raise InvalidRequest("previous must hold weights from 0 that sum to at most 1.")
    return held
