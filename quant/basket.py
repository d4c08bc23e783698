"""An equal-weight basket month by month: what a simple fund would have earned.

Timing: uses the rows it is given and nothing else; the last month counts only when it is complete,
that is when a row of a later month follows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quant.arrays import Floats, finite_matrix, require_positive
from schemas.errors import InvalidRequest


def monthly_basket_returns(
    sessions: NDArray[np.datetime64], closes: ArrayLike
) -> tuple[NDArray[np.datetime64], Floats]:
    """Return (months, returns) of a basket rebalanced to equal weights at each month's end.

    Parameters
    ----------
    sessions : (T,) datetime64[D], ascending, one per row of `closes`.
    closes : (T, N) closes above zero.

    Returns
    -------
    (M,) datetime64[M] and (M,) simple returns from month end to month end; the first complete
    month with a month before it comes first.

    Raises
    ------
    InvalidRequest : fewer than three months in sight, NaN, or prices that are not positive.
    """
    prices = finite_matrix(closes, "closes", at_least=0)
    require_positive(prices, "closes")
    months = sessions.astype("datetime64[M]")
    last_rows = np.flatnonzero(months[1:] != months[:-1])
    if len(last_rows) < 2:
        raise InvalidRequest("monthly returns need at least two complete months of prices.")
    ends = prices[last_rows]
    return months[last_rows[1:]], (ends[1:] / ends[:-1] - 1.0).mean(axis=1)
