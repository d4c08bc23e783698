"""How far a figure of performance may be from what it seems: bootstrap intervals.

The history's sessions are drawn again in blocks of random length (the stationary bootstrap), each
with its return and the benchmark's, and the figure is taken of every resample.

- `percentile`: the quantiles of the resamples. Stays within the figure's own range; the default.
- `basic`: the same, reflected at the estimate; right where the error, not the figure, keeps its
  distribution.
- `bca`: quantiles moved for the resamples' bias and for a figure whose error grows with its value.
  The acceleration comes from leaving out one block after another, not one session, for sessions
  in a block depend on each other.

An interval knows only the sessions it was given. Drawdowns depend on the order of sessions far
beyond a block, so those of resamples, and Calmar ratios, are of histories with a shorter memory.

Source: Politis & Romano (1994); Efron (1987) for BCa; Davison & Hinkley (1997), chapters 5 and 8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from quant.arrays import Floats
from quant.bootstrap import block_length, stationary_bootstrap
from quant.figures import Conventions, Sample, chosen_figures, evaluate
from quant.metrics import whole_curve
from quant.stretches import Rows
from schemas.errors import InvalidRequest
from schemas.metrics import IntervalEstimate, IntervalMethod

_BATCH = 65_536
"""Sessions drawn at once: a few megabytes, near the processor."""

_MOST_SESSIONS = 1_000_000_000
_MOST_UNDEFINED = 0.05
_MOST_BLOCKS = 200


@dataclass(frozen=True, slots=True)
class Resampling:
    """What is drawn, and what is made of it.

    mean_block None chooses the length by Politis & White from the returns.
    """

    figures: tuple[str, ...] = ("annual_return", "annual_volatility", "sharpe", "max_drawdown")
    resamples: int = 2_000
    confidence: float = 0.95
    method: IntervalMethod = "percentile"
    mean_block: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.confidence < 1.0:
            raise InvalidRequest("confidence must lie between 0 and 1.")
        if not 100 <= self.resamples <= 100_000:
            raise InvalidRequest("resamples must lie between 100 and 100000.")
        if self.mean_block is not None and not self.mean_block >= 1.0:
            raise InvalidRequest("mean_block must be at least 1 period.")


def intervals(
    equity: ArrayLike,
    *,
    seed: int,
    benchmark: ArrayLike | None = None,
    resampling: Resampling | None = None,
    conventions: Conventions | None = None,
) -> tuple[IntervalEstimate, ...]:
    """Return an interval for each figure of `resampling`, in its order.

    Parameters
    ----------
    equity : (T,) money above zero, T ≥ 11.
    seed : ≥ 0; the same seed gives the same intervals.
    benchmark : (T,) level on the same sessions; drawn together with the curve.

    Raises
    ------
    InvalidRequest : as `performance`, fewer points, an unknown figure, a seed below 0.
    """
    asked = resampling or Resampling()
    whole = whole_curve(equity, benchmark, conventions or Conventions())
    if whole.periods < 10:
        raise InvalidRequest("an interval needs at least 11 points.")
    if whole.periods * asked.resamples > _MOST_SESSIONS:
        raise InvalidRequest(f"resamples times sessions must not exceed {_MOST_SESSIONS}.")
    names = chosen_figures(asked.figures, beside=benchmark is not None)
    block = asked.mean_block or block_length(whole.returns[0])
    estimates = evaluate(whole, names)
    batches = [
        evaluate(_rows(whole, picked), names)
        for picked in _drawn(whole.periods, asked.resamples, mean_block=block, seed=seed)
    ]
    left_out = evaluate_without_blocks(whole, block, names) if asked.method == "bca" else {}
    found: list[IntervalEstimate] = []
    for name in names:
        estimate = float(estimates[name][0])
        drawn = np.concatenate([batch[name] for batch in batches])
        known = drawn[np.isfinite(drawn)]
        usable = np.isfinite(estimate) and len(known) >= (1 - _MOST_UNDEFINED) * len(drawn)
        ends = _ends(estimate, known, asked, left_out.get(name)) if usable else None
        found.append(
            IntervalEstimate(
                figure=name,
                estimate=estimate if np.isfinite(estimate) else None,
                lower=ends[0] if ends else None,
                upper=ends[1] if ends else None,
                standard_error=float(known.std(ddof=1)) if usable else None,
                confidence=asked.confidence,
                method=asked.method,
                resamples=asked.resamples,
                undefined=len(drawn) - len(known),
                mean_block=block,
                seed=seed,
            )
        )
    return tuple(found)


def evaluate_without_blocks(
    whole: Sample, mean_block: float, names: tuple[str, ...]
) -> dict[str, Floats]:
    """Return the figures of a curve from which one block of sessions after another is missing.

    Blocks are of equal length, near `mean_block` and long enough for at most 200 of them.
    """
    count = whole.periods
    length = min(count // 2, max(round(mean_block), -(-count // _MOST_BLOCKS)))
    starts = np.arange(0, count - length + 1, length)
    kept = np.arange(count - length)
    picked = kept + np.where(kept >= starts[:, None], length, 0)
    return evaluate(_rows(whole, picked), names)


def _drawn(count: int, resamples: int, *, mean_block: float, seed: int) -> Iterator[np.ndarray]:
    """Yield (R, count) numbers of sessions; the draws do not depend on the figures asked for."""
    if seed < 0:
        raise InvalidRequest("seed must not be negative.")
    rows = max(1, _BATCH // count)
    sizes = [min(rows, resamples - start) for start in range(0, resamples, rows)]
    seeds = np.random.SeedSequence(seed).generate_state(len(sizes), np.uint64)
    for size, batch_seed in zip(sizes, seeds.tolist(), strict=True):
        sessions = np.arange(count, dtype=np.float64)
        yield stationary_bootstrap(
            sessions, paths=size, horizon=count, mean_block=mean_block, seed=batch_seed
        ).astype(np.intp)


def _rows(whole: Sample, picked: np.ndarray) -> Sample:
    market = None if whole.market is None else whole.market[0][picked]
    return Sample(
        Rows(), whole.returns[0][picked], levels=None, market=market, conventions=whole.conventions
    )


def _ends(
    estimate: float, known: Floats, asked: Resampling, left_out: Floats | None
) -> tuple[float, float] | None:
    tail = (1.0 - asked.confidence) / 2.0
    shares: Floats | None = np.array([tail, 1.0 - tail])
    if left_out is not None:
        shares = _corrected(shares, estimate, known, left_out)
        if shares is None:
            return None
    low, high = (float(end) for end in np.quantile(known, shares))
    if asked.method == "basic":
        return 2.0 * estimate - high, 2.0 * estimate - low
    return low, high


def _corrected(shares: Floats, estimate: float, known: Floats, left_out: Floats) -> Floats | None:
    """Return the BCa shares; None where the estimate lies beyond all resamples."""
    below = (np.mean(known < estimate) + np.mean(known <= estimate)) / 2.0
    if not 0.0 < below < 1.0:
        return None
    bias = ndtri(below)
    spread = left_out[np.isfinite(left_out)]
    spread = spread.mean() - spread if spread.size else np.zeros(1)
    size = float((spread**2).sum()) ** 1.5
    acceleration = float((spread**3).sum()) / (6.0 * size) if size > 0.0 else 0.0
    moved = bias + ndtri(shares)
    return ndtr(bias + moved / (1.0 - acceleration * moved))
