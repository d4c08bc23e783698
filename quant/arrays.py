"""What an array must be before mathematics is done on it, said in the caller's words."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from schemas.errors import InvalidRequest

Floats = NDArray[np.float64]


def finite_vector(values: ArrayLike, name: str, *, at_least: int = 1) -> Floats:
    """Return `values` as a (T,) float64 array, or raise InvalidRequest naming it.

    The result may share memory with `values`; nobody in this room writes to an argument.
    """
    return _finite(values, name, 1, at_least)


def finite_matrix(values: ArrayLike, name: str, *, at_least: int = 1) -> Floats:
    """Return `values` as a (T, N) float64 array with N ≥ 1, or raise InvalidRequest naming it."""
    array = _finite(values, name, 2, at_least)
    if array.shape[1] == 0:
        raise InvalidRequest(f"{name} needs at least one column.")
    return array


def _finite(values: ArrayLike, name: str, dimensions: int, at_least: int) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != dimensions:
        raise InvalidRequest(f"{name} must have {dimensions} dimension(s), not {array.ndim}.")
    if len(array) < at_least:
        raise InvalidRequest(f"{name} needs at least {at_least} row(s), got {len(array)}.")
    if not np.isfinite(array).all():
        raise InvalidRequest(f"{name} must not hold NaN or infinity.")
    return array


def require_positive(array: Floats, name: str) -> None:
    """Raise InvalidRequest unless every element is above zero."""
    if array.size and float(array.min()) <= 0.0:
        raise InvalidRequest(f"{name} must be above zero throughout.")
