"""Make effects of single periods sum to a compounded difference of returns.

Source: Cariño (1999), Combining Attribution Effects Over Time, Journal of Performance Measurement
3(4); Bacon (2008), Practical Portfolio Performance Measurement and Attribution, chapter 6.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quant.arrays import Floats
from schemas.errors import InvalidRequest


class Link(NamedTuple):
    """Two compounded returns, and the weights (T,) that carry each period's difference to theirs.

    sum(weights · (one - other)) = one compounded - other compounded.
    """

    one: float
    other: float
    weights: Floats


def carino(one: Floats, other: Floats) -> Link:
    """Link the difference of two (T,) series of simple returns, each above -1.

    The weight of a period is its logarithmic over its simple difference, relative to the same
    of the whole; a period without a difference takes the limit.
    """
    if min(float(one.min()), float(other.min())) <= -1.0:
        raise InvalidRequest("returns must be above -1 to be linked.")
    logs = np.log1p(one), np.log1p(other)
    whole = tuple(float(np.expm1(log.sum())) for log in logs)
    if not np.isfinite(whole).all():
        raise InvalidRequest("the compounded return is more than a float can hold.")
    overall = _coefficient(np.array(whole[:1]), np.array(whole[1:]))
    return Link(whole[0], whole[1], _coefficient(one, other) / overall)


def _coefficient(one: Floats, other: Floats) -> Floats:
    part = (one - other) / (1.0 + other)
    # log1p(x)/x is 1 at its limit; the quotient is exact to rounding for every other x.
    some = np.where(part == 0.0, 1.0, part)
    return np.where(part == 0.0, 1.0, np.log1p(some) / some) / (1.0 + other)
