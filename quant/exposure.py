"""How much of an account was in the market, and how much of it was turned over, window by window.

Timing: point t is the close of session t; a rolling figure uses sessions t-window+1..t.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_vector, require_positive
from quant.metrics import checked_trading
from quant.stretches import Windows
from schemas.errors import InvalidRequest
from schemas.metrics import Exposure


def exposure(long_value: ArrayLike, short_value: ArrayLike, equity: ArrayLike) -> Exposure:
    """Sum up how much of the equity was invested over T ≥ 1 sessions.

    Parameters
    ----------
    long_value, short_value : (T,) sizes of the positions at the close, both ≥ 0.
    equity : (T,) in the same money, above zero.

    Raises
    ------
    InvalidRequest : unequal lengths, NaN, a negative size, an equity that is not positive.
    """
    longs, shorts, levels = _book(long_value, short_value, equity)
    gross, net = (longs + shorts) / levels, (longs - shorts) / levels
    return Exposure(
        mean_gross=float(gross.mean()),
        mean_net=float(net.mean()),
        mean_long=float((longs / levels).mean()),
        mean_short=float((shorts / levels).mean()),
        highest_gross=float(gross.max()),
        highest_net=float(net.max()),
        lowest_net=float(net.min()),
        invested_share=float((gross > 0.0).mean()),
    )


def rolling_exposure(
    long_value: ArrayLike, short_value: ArrayLike, equity: ArrayLike, *, window: int
) -> dict[str, Floats]:
    """Return `mean_gross`, `mean_net` and `invested_share` of the last `window` sessions.

    Each (T,), NaN for the first window-1 sessions; 1 ≤ window ≤ T. Arguments as `exposure`.
    """
    longs, shorts, levels = _book(long_value, short_value, equity)
    windows = _windows(len(levels), window)
    gross = (longs + shorts) / levels
    before = np.full(window - 1, np.nan)
    rolled = {
        "mean_gross": windows.mean(gross),
        "mean_net": windows.mean((longs - shorts) / levels),
        "invested_share": windows.mean(gross > 0.0),
    }
    return {name: np.concatenate([before, values]) for name, values in rolled.items()}


def rolling_turnover(
    traded_value: ArrayLike, equity: ArrayLike, *, window: int, periods_per_year: float = 252.0
) -> Floats:
    """Return `quant.metrics.turnover` of the last `window` sessions at each of (T,) sessions.

    (T,), NaN for the first window-1 sessions; 1 ≤ window ≤ T.
    """
    traded, levels = checked_trading(traded_value, equity)
    windows = _windows(len(levels), window)
    turned = windows.mean(traded) / 2.0 / windows.mean(levels) * periods_per_year
    return np.concatenate([np.full(window - 1, np.nan), turned])


def _book(
    long_value: ArrayLike, short_value: ArrayLike, equity: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    longs = finite_vector(long_value, "long_value")
    shorts = finite_vector(short_value, "short_value")
    levels = finite_vector(equity, "equity")
    require_positive(levels, "equity")
    if not len(longs) == len(shorts) == len(levels):
        raise InvalidRequest("values and equity must have the same number of points.")
    if min(float(longs.min()), float(shorts.min())) < 0.0:
        raise InvalidRequest("values must be sizes, not negative.")
    return longs, shorts, levels


def _windows(count: int, window: int) -> Windows:
    if not 1 <= window <= count:
        raise InvalidRequest("window must be at least 1 and at most the number of points.")
    return Windows(count - window + 1)
