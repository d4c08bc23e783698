"""Falls of a curve from its highest point so far: the deepest, a table of them, time under water.

A fall begins at the last point on the highest level and ends at the first point that is at or
above that level again; until then the curve is under water. Falls never overlap. Lengths count
periods; indices count the points of the curve from 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_vector, require_positive
from schemas.errors import InvalidRequest
from schemas.metrics import Drawdown, DrawdownRow, UnderWater


def drawdown_curve(equity: ArrayLike) -> Floats:
    """Return the (T,) fall of each point from the highest so far: 0 at a peak, else negative."""
    levels = _levels(equity)
    return levels / np.maximum.accumulate(levels) - 1.0


def drawdown(equity: ArrayLike) -> Drawdown:
    """Find the deepest fall of a (T,) curve above zero; ties go to the earliest."""
    levels = _levels(equity)
    depths = levels / np.maximum.accumulate(levels) - 1.0
    trough = int(depths.argmin())
    level = levels[: trough + 1].max()
    peak = int(np.flatnonzero(levels[: trough + 1] == level)[-1])
    if trough == peak:
        return Drawdown(depth=0.0, peak_index=peak, trough_index=peak, recovery_index=peak)
    regained = np.flatnonzero(levels[trough:] >= level)
    return Drawdown(
        depth=float(depths[trough]),
        peak_index=peak,
        trough_index=trough,
        recovery_index=trough + int(regained[0]) if regained.size else None,
    )


def drawdown_table(equity: ArrayLike, *, top: int = 5) -> tuple[DrawdownRow, ...]:
    """List the `top` deepest falls of a (T,) curve above zero, deepest first, then earliest.

    A curve that never falls has none. Raises InvalidRequest for `top` below 1.
    """
    if top < 1:
        raise InvalidRequest("top must be at least 1.")
    levels = _levels(equity)
    depths = levels / np.maximum.accumulate(levels) - 1.0
    starts, ends = _spells(depths)
    if not starts.size:
        return ()
    deepest = np.minimum.reduceat(np.append(depths, 0.0), _edges(starts, ends))[::2]
    order = np.argsort(deepest, kind="stable")[:top]
    return tuple(
        _row(depths, int(starts[place]), int(ends[place]), rank=rank)
        for rank, place in enumerate(order, start=1)
    )


def under_water(equity: ArrayLike) -> UnderWater:
    """Sum up a (T,) curve's time below its highest point so far; T ≥ 2.

    The first point is no period. Pain is the mean depth, Becker's pain index; ulcer is the
    root of its mean square (Martin & McCann, 1989).
    """
    levels = finite_vector(equity, "equity", at_least=2)
    require_positive(levels, "equity")
    depths = levels / np.maximum.accumulate(levels) - 1.0
    starts, ends = _spells(depths)
    lengths = ends - starts
    below = int(lengths.sum())
    return UnderWater(
        periods=below,
        share=below / (len(levels) - 1),
        falls=len(starts),
        longest=int(lengths.max()) if lengths.size else 0,
        current=int(lengths[-1]) if depths[-1] < 0.0 else 0,
        pain_index=float(-depths[1:].mean()) + 0.0,
        ulcer_index=float(np.sqrt((depths[1:] ** 2).mean())),
    )


def _levels(equity: ArrayLike) -> Floats:
    levels = finite_vector(equity, "equity")
    require_positive(levels, "equity")
    return levels


def _spells(depths: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Return first points under water, and the points after the last of each spell."""
    below = np.concatenate([[0], (depths < 0.0).astype(np.int8), [0]])
    turns = np.diff(below)
    return np.flatnonzero(turns == 1), np.flatnonzero(turns == -1)


def _edges(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Interleave for `reduceat`, whose every other stretch is then a spell."""
    return np.stack([starts, ends], axis=1).ravel()


def _row(depths: Floats, start: int, end: int, *, rank: int) -> DrawdownRow:
    """Describe the fall whose points under water are start..end-1."""
    trough = start + int(depths[start:end].argmin())
    peak = start - 1
    recovery = end if end < len(depths) else None
    return DrawdownRow(
        rank=rank,
        depth=float(depths[trough]),
        peak_index=peak,
        trough_index=trough,
        recovery_index=recovery,
        periods_to_trough=trough - peak,
        periods_to_recovery=None if recovery is None else recovery - trough,
        periods_under_water=end - start,
    )
