"""The same share of each asset: the yardstick that needs no estimate."""

from __future__ import annotations

import numpy as np

from quant.arrays import Floats
from schemas.errors import InvalidRequest


def equal_weight(count: int) -> Floats:
    """Return (count,) weights of 1/count; `count` ≥ 1.

    Source: DeMiguel, Garlappi & Uppal (2009), on how hard it is to beat out of sample.
    """
    if count < 1:
        raise InvalidRequest("a portfolio needs at least one asset.")
    return np.full(count, 1.0 / count)
