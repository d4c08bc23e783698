"""Less of what moves more: weights by volatility alone, blind to correlation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats
from quant.portfolio.covariance import sample_covariance
from schemas.errors import InvalidRequest


def inverse_volatility(returns: ArrayLike) -> Floats:
    """Return (N,) weights in proportion to 1 over each asset's sample deviation.

    (T, N) returns, T ≥ 2. Equals risk parity when all correlations are the same. Raises
    InvalidRequest for an asset that never moved: its weight would be everything.
    """
    variances = np.diag(sample_covariance(returns))
    if float(variances.min()) <= 0.0:
        raise InvalidRequest(
            f"column {int(variances.argmin())} of returns never moves; leave that asset out."
        )
    inverse = 1.0 / np.sqrt(variances / variances.min())
    return inverse / inverse.sum()
