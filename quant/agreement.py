"""Where two sources of the same series disagree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant.bar_stack import Floats, Indices

FIELDS = ("open", "high", "low", "close", "volume")
TOLERANCES: Mapping[str, float] = {
    "open": 0.01, "high": 0.01, "low": 0.01, "close": 0.005, "volume": 0.5,
}  # fmt: skip
"""Relative differences that two honest sources may have: of prices, exchanges and rounding; of
volume, the consolidated tape against one exchange."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of one source: sorted unique `sessions` (T,), and values (T,) by field.

    NaN is no value. A source may lack fields.
    """

    sessions: NDArray[np.datetime64]
    values: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One field on a run of common sessions, `first` to `last`, beyond its tolerance throughout.

    `factor` is the median of b over a in the run: 4 on a whole history is a split that one source
    has adjusted for.
    """

    field: str
    first: np.datetime64
    last: np.datetime64
    sessions: int
    factor: float
    worst: float


def compare_series(
    a: Series, b: Series, *, tolerances: Mapping[str, float] = TOLERANCES
) -> list[Disagreement]:
    """Return where b differs from a on common sessions, by field and session.

    The difference is |b - a| over the larger of |a| and |b|, so it does not depend on which is
    which; a value that only one source has is no disagreement. Runs are of common sessions.
    """
    days, of_a, of_b = np.intersect1d(
        a.sessions, b.sessions, assume_unique=True, return_indices=True
    )
    found: list[Disagreement] = []
    for field in (name for name in FIELDS if name in a.values and name in b.values):
        one, two = a.values[field][of_a], b.values[field][of_b]
        largest = np.maximum(np.abs(one), np.abs(two))
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = np.where(largest > 0, np.abs(one - two) / largest, 0.0)
            factor = two / one
        beyond = apart > tolerances[field]  # false where either is NaN
        for first, end in _runs(beyond):
            found.append(
                Disagreement(
                    field,
                    days[first],
                    days[end - 1],
                    int(end - first),
                    float(np.median(factor[first:end])),
                    float(apart[first:end].max()),
                )
            )
    return found


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    padded: Indices = np.concatenate([[0], mask.astype(np.intp), [0]])
    edges = np.flatnonzero(np.diff(padded))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
