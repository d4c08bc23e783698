"""The portfolio that is expected to move least, whatever it earns."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats
from quant.portfolio.covariance import shrunk_covariance
from quant.portfolio.equal_weight import equal_weight
from quant.portfolio.program import long_only, solve
from quant.portfolio.weights import check_cap


def min_variance(returns: ArrayLike, *, cap: float = 1.0) -> Floats:
    """Return the long-only (N,) weights of least variance, none above `cap`.

    Parameters
    ----------
    returns : (T, N) simple returns, T ≥ 2, oldest first; all of them are used.
    cap : largest weight, in (0, 1]; `cap` times N must be at least 1.

    Returns
    -------
    (N,) weights that sum to 1 ± 1e-9; never of more variance, by the same estimate, than equal
    weights, which are the answer when no asset moves at all.

    Raises
    ------
    InvalidRequest : NaN, one row, a cap that cannot be met, no convergence.

    Source: Markowitz (1952); covariance by Ledoit & Wolf (2004).
    """
    covariance = shrunk_covariance(returns)
    count = len(covariance)
    check_cap(cap, count)
    fallback = equal_weight(count)
    size = float(np.trace(covariance)) / count
    if size == 0.0:
        return fallback
    # Imported here: cvxpy takes two seconds, and most commands optimise nothing.
    import cvxpy as cp

    scaled = covariance / size  # the solver's tolerances are absolute
    weights, limits = long_only(count, cap)
    objective = cp.Minimize(cp.quad_form(weights, cp.psd_wrap(scaled)))
    solved = solve(cp.Problem(objective, limits), weights, cap=cap)
    return min((solved, fallback), key=lambda held: float(held @ scaled @ held))
