"""Random paths that keep the short memory of a return series: the stationary bootstrap.

Source: Politis & Romano (1994), The Stationary Bootstrap; the block length by Politis & White
(2004) as corrected by Patton, Politis & White (2009).

Timing: a path is a reordering of returns that have all been observed. Pass only returns known at
the simulated moment, and the paths hold nothing later.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_vector
from schemas.errors import InvalidRequest

_MAX_ELEMENTS = 20_000_000  # about 0.8 GB while they are drawn


def stationary_bootstrap(
    returns: ArrayLike, *, paths: int, horizon: int, mean_block: float, seed: int
) -> Floats:
    """Draw paths of returns in blocks of random, geometric length, wrapping round the end.

    Each element is a draw from `returns` with equal chance, so every column's expectation is
    the sample mean; neighbours in a block stay neighbours, so dependence up to about
    `mean_block` periods survives.

    Parameters
    ----------
    returns : (T,) simple returns, one per period; T ≥ 1.
    paths, horizon : number of paths and periods of each, both ≥ 1.
    mean_block : mean length of a block in periods, ≥ 1; 1 is the ordinary bootstrap.
    seed : ≥ 0; the same seed gives the same paths (numpy PCG64).

    Returns
    -------
    (paths, horizon) float64 of returns in the unit of `returns`.

    Raises
    ------
    InvalidRequest : no returns, NaN, or a size, block or seed out of range.
    """
    sample = finite_vector(returns, "returns")
    if paths < 1 or horizon < 1:
        raise InvalidRequest("paths and horizon must be at least 1.")
    if paths * horizon > _MAX_ELEMENTS:
        raise InvalidRequest(f"paths times horizon must not exceed {_MAX_ELEMENTS}.")
    if not (math.isfinite(mean_block) and mean_block >= 1.0):
        raise InvalidRequest("mean_block must be at least 1 period.")
    if seed < 0:
        raise InvalidRequest("seed must not be negative.")
    generator = np.random.Generator(np.random.PCG64(seed))
    # A period opens a new block with chance 1/mean_block, else it continues the block before.
    opens = generator.random((paths, horizon)) < 1.0 / mean_block
    opens[:, 0] = True
    starts = generator.integers(0, len(sample), size=(paths, horizon))
    periods = np.arange(horizon)
    opened = np.maximum.accumulate(np.where(opens, periods, 0), axis=1)
    picked = np.take_along_axis(starts, opened, axis=1) + periods - opened
    return sample[picked % len(sample)]


def block_length(returns: ArrayLike) -> float:
    """Choose the mean block, in periods, that estimates the variance of the mean best.

    (T,) returns, T ≥ 10. The answer lies between 1 and min(3√T, T/3); a constant series needs
    no memory and gets 1.
    """
    sample = finite_vector(returns, "returns", at_least=10)
    count = len(sample)
    residual = sample - sample.mean()
    if float(np.ptp(sample)) == 0.0:
        return 1.0
    largest = math.ceil(min(3.0 * math.sqrt(count), count / 3.0))
    lags = math.ceil(math.sqrt(count)) + max(5, math.ceil(math.log10(count)))
    reach = min(lags, count - 1)
    covariances = np.array(
        [residual[lag:] @ residual[: count - lag] / count for lag in range(reach + 1)]
    )
    bandwidth = min(2 * _last_significant(covariances, count), reach)
    ks = np.arange(-bandwidth, bandwidth + 1)
    # The flat-top window weighs near lags fully and fades the far half out linearly.
    window = np.minimum(1.0, 2.0 * (1.0 - np.abs(ks) / bandwidth))
    weighed = window * covariances[np.abs(ks)]
    slope = float(weighed @ np.abs(ks))
    spectrum = 2.0 * float(weighed.sum()) ** 2
    if spectrum <= 0.0:
        return 1.0
    length = (2.0 * slope**2 / spectrum) ** (1 / 3) * count ** (1 / 3)
    return min(max(1.0, length), float(largest))


def _last_significant(covariances: Floats, count: int) -> int:
    """Find the lag after which a run of autocorrelations is insignificant; at least 1."""
    run = max(5, math.ceil(math.log10(count)))
    band = 2.0 * math.sqrt(math.log10(count) / count)
    small = np.abs(covariances[1:] / covariances[0]) < band
    for lag in range(len(small) - run + 1):
        if small[lag : lag + run].all():
            return max(1, lag)
    significant = np.flatnonzero(~small)
    return int(significant[-1]) + 1 if significant.size else 1
