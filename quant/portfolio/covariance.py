"""How returns move together, estimated per period.

Timing: an estimate uses exactly the rows it is given and speaks of the period after them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_matrix
from schemas.errors import InvalidRequest


def sample_covariance(returns: ArrayLike) -> Floats:
    """Estimate the (N, N) covariance per period from (T, N) returns, T ≥ 2, with ddof 1.

    Singular when T ≤ N: use `shrunk_covariance` before inverting it.
    """
    matrix = finite_matrix(returns, "returns", at_least=2)
    with np.errstate(over="ignore", invalid="ignore"):
        estimate = np.atleast_2d(np.cov(matrix, rowvar=False, ddof=1))
    return _trusted(estimate)


def shrunk_covariance(returns: ArrayLike) -> Floats:
    """Estimate the (N, N) covariance per period, shrunk towards a multiple of the identity.

    (T, N) returns, T ≥ 2. The intensity minimises the expected squared error; the estimate is
    positive definite unless every return is constant. Source: Ledoit & Wolf (2004), A
    well-conditioned estimator for large-dimensional covariance matrices; scikit-learn's code.
    """
    # Imported here: scikit-learn takes two seconds, and most commands need no estimate.
    from sklearn.covariance import ledoit_wolf

    matrix = finite_matrix(returns, "returns", at_least=2)
    if matrix.shape[1] == 1:
        return sample_covariance(matrix) * (len(matrix) - 1) / len(matrix)
    with np.errstate(over="ignore", invalid="ignore"):
        scale = np.abs(matrix - matrix.mean(axis=0)).max()
        if scale == 0.0:
            return np.zeros((matrix.shape[1], matrix.shape[1]))
        # The estimator is homogeneous; unit scale keeps its fourth moments inside float64.
        estimate, _ = ledoit_wolf(matrix / scale)
        return _trusted(np.asarray(estimate, dtype=np.float64) * scale**2)


def _trusted(estimate: Floats) -> Floats:
    if not np.isfinite(estimate).all():
        raise InvalidRequest("returns are too large to estimate a covariance from.")
    return (estimate + estimate.T) / 2.0
