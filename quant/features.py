"""What can be said about assets from their past prices.

Timing: every function reads the rows it is given, the oldest first, and speaks of the moment after
the last row's close. Pass only closes known at the simulated moment, and the feature knows
nothing later. Dividend-adjusted closes make total returns; their level carries the future.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_matrix, require_positive
from quant.portfolio.covariance import sample_covariance
from schemas.errors import InvalidRequest


def simple_returns(closes: ArrayLike) -> Floats:
    """Return the (T-1, N) simple returns of (T, N) closes above zero; T ≥ 2.

    Row t is earned from the close of session t to the close of session t+1 of `closes`.
    """
    prices = _prices(closes, 2)
    return prices[1:] / prices[:-1] - 1.0


def momentum(closes: ArrayLike, *, lookback: int = 252, skip: int = 21) -> Floats:
    """Return the (N,) return from `lookback` sessions ago to `skip` sessions ago.

    (T, N) closes, T > lookback > skip ≥ 0. The defaults are the classical twelve months less the
    last one, which tends to reverse. Source: Jegadeesh & Titman (1993); Asness (1994).
    """
    if not 0 <= skip < lookback:
        raise InvalidRequest("momentum needs 0 <= skip < lookback.")
    prices = _prices(closes, lookback + 1)
    return prices[-1 - skip] / prices[-1 - lookback] - 1.0


def realised_volatility(
    closes: ArrayLike, *, window: int = 21, periods_per_year: float = 252.0
) -> Floats:
    """Return the (N,) annualised sample deviation of the last `window` simple returns.

    (T, N) closes, T > window ≥ 2.
    """
    if window < 2:
        raise InvalidRequest("window must be at least 2 returns.")
    recent = simple_returns(_prices(closes, window + 1)[-window - 1 :])
    return recent.std(axis=0, ddof=1) * math.sqrt(periods_per_year)


def trend(closes: ArrayLike, *, window: int = 200) -> Floats:
    """Return the (N,) last close over its mean of the last `window` closes, minus one.

    (T, N) closes, T ≥ window ≥ 1; above zero means above the moving average. Source: Faber (2007).
    """
    if window < 1:
        raise InvalidRequest("window must be at least 1 close.")
    prices = _prices(closes, window)
    return prices[-1] / prices[-window:].mean(axis=0) - 1.0


def correlation(returns: ArrayLike) -> Floats:
    """Return the (N, N) Pearson correlations of (T, N) returns, T ≥ 2, with a unit diagonal.

    An asset that never moved is uncorrelated with the others: 0, not NaN.
    """
    covariance = sample_covariance(returns)
    deviations = np.sqrt(np.diag(covariance))
    moving = deviations > 0.0
    inverse = np.divide(1.0, deviations, out=np.zeros_like(deviations), where=moving)
    matrix = np.clip(covariance * np.outer(inverse, inverse), -1.0, 1.0)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _prices(closes: ArrayLike, rows: int) -> Floats:
    prices = finite_matrix(closes, "closes", at_least=rows)
    require_positive(prices, "closes")
    return prices
