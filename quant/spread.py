"""The bid–ask spread, estimated from daily bars alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_vector, require_positive
from schemas.errors import InvalidRequest

_K = 3.0 - 2.0 * np.sqrt(2.0)


def corwin_schultz(high: ArrayLike, low: ArrayLike, close: ArrayLike) -> Floats:
    """Return (T,) estimates of the whole spread as a share of the price; the first is NaN.

    (T,) prices of one name, T ≥ 1, in one unit (no split between them). Timing: the estimate at t
    uses the bars of t − 1 and t, so it is known once t has closed. A high is taken for a buy at the
    ask, a low for a sale at the bid; a range over two sessions has twice the variance, but the
    spread only once. Where a session lies wholly above or below the close before it, it is moved
    back by that gap. What comes out negative is zero.

    Raises InvalidRequest for prices that are not above zero, and for a high below its low.

    Source: Corwin & Schultz (2012), A simple way to estimate bid-ask spreads from daily high and
    low prices, Journal of Finance 67(2), equations 14 and 18 and section II.C.
    """
    tops, bottoms, closes = _bars(high, low, close)
    gap = np.maximum(bottoms[1:] - closes[:-1], 0.0) - np.maximum(closes[:-1] - tops[1:], 0.0)
    top, bottom = tops[1:] - gap, bottoms[1:] - gap
    before = np.log(tops[:-1] / bottoms[:-1])
    today = np.log(top / bottom)
    both = np.log(np.maximum(tops[:-1], top) / np.minimum(bottoms[:-1], bottom))
    beta = before**2 + today**2
    alpha = (np.sqrt(2.0 * beta) - np.sqrt(beta)) / _K - both / np.sqrt(_K)
    # The paper's 2(exp(alpha) − 1)/(1 + exp(alpha)), in a form that cannot overflow.
    estimate = 2.0 * np.tanh(np.maximum(alpha, 0.0) / 2.0)
    return np.concatenate(([np.nan], estimate))


def _bars(high: ArrayLike, low: ArrayLike, close: ArrayLike) -> tuple[Floats, Floats, Floats]:
    bars = finite_vector(high, "high"), finite_vector(low, "low"), finite_vector(close, "close")
    if len({len(each) for each in bars}) != 1:
        raise InvalidRequest("high, low and close must be equally long.")
    for each, name in zip(bars, ("high", "low", "close"), strict=True):
        require_positive(each, name)
    if (bars[0] < bars[1]).any():
        raise InvalidRequest("a high must not be below its low.")
    return bars
