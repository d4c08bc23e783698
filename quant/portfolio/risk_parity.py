"""Every asset carries the same share of the portfolio's risk."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats
from quant.portfolio.covariance import shrunk_covariance
from schemas.errors import InvalidRequest

_SWEEPS = 2_000
_CONVERGED = 1e-13


def risk_parity(returns: ArrayLike) -> Floats:
    """Return the long-only (N,) weights whose risk contributions w_i (S w)_i are all equal.

    (T, N) simple returns, T ≥ 2; S is the shrunk covariance. The answer is unique. Raises
    InvalidRequest for returns that never move, or that offset each other without any risk left (two
    rows do): then there is nothing to share.

    Source: Maillard, Roncalli & Teïletche (2010); cyclical coordinate descent by Griveau-Billion,
    Richard & Roncalli (2013): each step solves x_i (S x)_i = 1/N for x_i.
    """
    covariance = shrunk_covariance(returns)
    count = len(covariance)
    variances = np.diag(covariance)
    if float(variances.min()) <= 0.0:
        raise InvalidRequest("returns never move; there is no risk to share.")
    scaled = covariance / float(variances.mean())
    exposure = 1.0 / np.sqrt(np.diag(scaled) * count)
    for _ in range(_SWEEPS):
        before = exposure.copy()
        for i in range(count):
            variance = scaled[i, i]
            others = scaled[i] @ exposure - variance * exposure[i]
            root = np.sqrt(others**2 + 4.0 * variance / count)
            exposure[i] = (root - others) / (2.0 * variance)
        if float(np.abs(exposure / before - 1.0).max()) < _CONVERGED:
            return exposure / exposure.sum()
    raise InvalidRequest(
        "risk parity did not converge: these returns leave almost no risk to share; add rows."
    )


def risk_contributions(weights: ArrayLike, covariance: ArrayLike) -> Floats:
    """Return each asset's (N,) share of the portfolio's variance; the shares sum to 1."""
    held, matrix = np.asarray(weights, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    marginal = held * (matrix @ held)
    total = float(marginal.sum())
    if total <= 0.0:
        raise InvalidRequest("a portfolio without variance has no risk to share out.")
    return marginal / total
