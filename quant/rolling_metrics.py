"""The figures of performance in a window that rolls along a curve.

Timing: point t uses returns t-window+1..t and no later one; the first `window` points are NaN,
for they have no full window. Each point is what `performance` says of its window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats
from quant.figures import Conventions, Sample, chosen_figures, evaluate
from quant.metrics import whole_curve
from quant.stretches import Windows
from schemas.errors import InvalidRequest
from schemas.metrics import RollingSeries


def rolling_metrics(
    equity: ArrayLike,
    *,
    window: int = 252,
    benchmark: ArrayLike | None = None,
    figures: Sequence[str] | None = None,
    conventions: Conventions | None = None,
) -> dict[str, Floats]:
    """Return figures of the last `window` returns at each point of a (T,) curve.

    Parameters
    ----------
    equity : (T,) money above zero.
    window : returns in a window, 2..T-1.
    benchmark : (T,) level of the benchmark on the same sessions.
    figures : names of `quant.figures`; without them all, those beside a benchmark if there is one.

    Returns
    -------
    name -> (T,) aligned with the curve; NaN before the first full window and where undefined.

    Raises
    ------
    InvalidRequest : as `performance`, a window out of range, an unknown figure.
    """
    whole = whole_curve(equity, benchmark, conventions or Conventions())
    names = chosen_figures(figures, beside=benchmark is not None)
    if not 2 <= window <= whole.periods:
        raise InvalidRequest("window must be at least 2 and below the number of points.")
    windows = Sample(
        Windows(whole.periods - window + 1),
        returns=whole.returns[0],
        levels=whole.curve[0],
        market=None if whole.market is None else whole.market[0],
        conventions=whole.conventions,
    )
    return {
        name: np.concatenate([np.full(window, np.nan), values])
        for name, values in evaluate(windows, names).items()
    }


def rolling_volatility(
    equity: ArrayLike, *, window: int, periods_per_year: float = 252.0
) -> Floats:
    """Return the annualised sample deviation of the last `window` returns at each point.

    (T,), aligned with `equity`: point t uses returns t-window+1..t and no later one; the first
    `window` points are NaN.
    """
    conventions = Conventions(periods_per_year)
    name = "annual_volatility"
    return rolling_metrics(equity, window=window, figures=(name,), conventions=conventions)[name]


def rolling_series(rolled: Mapping[str, Floats], *, window: int, every: int = 1) -> RollingSeries:
    """Write rolling arrays of equal length T as a message, None for NaN.

    Keeps every `every`-th point counted back from the last, so that the newest is among them.
    """
    if every < 1:
        raise InvalidRequest("every must be at least 1.")
    if len({len(values) for values in rolled.values()}) != 1:
        raise InvalidRequest("give at least one rolling array, all of the same length.")
    length = len(next(iter(rolled.values())))
    kept = np.arange(length - 1, -1, -every)[::-1]
    return RollingSeries(
        window=window,
        indices=tuple(kept.tolist()),
        columns={name: _column(values[kept]) for name, values in rolled.items()},
    )


def _column(values: Floats) -> tuple[float | None, ...]:
    column: list[float | None] = values.tolist()
    for gap in np.flatnonzero(~np.isfinite(values)).tolist():
        column[gap] = None
    return tuple(column)
