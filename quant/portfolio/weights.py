"""What weights must satisfy, and how they leave float64 for exact decimals."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_vector
from schemas.base import MILLIONTH
from schemas.errors import InvalidRequest

SUM_TOLERANCE = 1e-9
"""How far the weights of an estimator may sum from 1."""

_NOISE = 1e-10  # below it two weights are the same: solver and BLAS noise must not flip a millionth


def check_cap(cap: float, count: int) -> None:
    """Raise InvalidRequest unless `count` long-only weights of at most `cap` can sum to 1."""
    if not 0.0 < cap <= 1.0:
        raise InvalidRequest("cap must be above 0 and at most 1.")
    if cap * count < 1.0 - SUM_TOLERANCE:
        raise InvalidRequest(
            f"a cap of {cap:g} on {count} asset(s) leaves part of the portfolio uninvested; "
            f"raise the cap to at least 1/{count} or add assets."
        )


def nearest_feasible(weights: Floats, *, cap: float) -> Floats:
    """Remove a solver's last rounding: (N,) weights in [0, cap] that sum to 1.

    Raises InvalidRequest if the weights are not feasible to 1e-6 to begin with: that is no
    rounding but a wrong answer.
    """
    held = np.clip(weights, 0.0, min(cap, 1.0))
    gap = 1.0 - float(held.sum())
    if not abs(gap) <= 1e-6 or float(np.abs(held - weights).max()) > 1e-6:
        raise InvalidRequest("the optimiser found no feasible portfolio for these returns.")
    room = cap - held if gap > 0.0 else held
    total = float(room.sum())
    return held + gap * room / total if total > 0.0 else held


def quantise_weights(weights: ArrayLike) -> list[Decimal]:
    """Round (N,) long-only weights to millionths and keep their sum, which never exceeds 1.

    The sum is rounded first; what rounding down leaves over goes to the largest remainders, the
    earlier asset first where they tie (Hamilton's method). No weight moves by a millionth or
    more; one at a cap that is no whole number of millionths may pass it by less than that.

    Raises
    ------
    InvalidRequest : a weight below zero, a sum above 1 (both beyond 1e-9), NaN.
    """
    held = finite_vector(weights, "weights")
    if float(held.min()) < -SUM_TOLERANCE:
        raise InvalidRequest("weights must not be negative.")
    if float(held.sum()) > 1.0 + SUM_TOLERANCE:
        raise InvalidRequest("weights must not sum to more than 1.")
    exact = [round(max(0.0, float(weight)) / _NOISE) for weight in held]
    per_millionth = round(1e-6 / _NOISE)
    units = [value // per_millionth for value in exact]
    wanted = min(round(sum(exact) / per_millionth), 1_000_000)
    order = sorted(range(len(exact)), key=lambda i: (-(exact[i] % per_millionth), i))
    for index in order[: max(0, wanted - sum(units))]:
        units[index] += 1
    return [Decimal(unit) * MILLIONTH for unit in units]
