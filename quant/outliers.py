"""Prices and volumes that lie outside what their neighbours make plausible.

Offline: a bar is judged with the bars after it as well as those before, as one does when data
come in. Sizes are logs of ratios; `scale` is the robust standard deviation of a session's log
return in the 63 sessions around: 1.4826 × the median absolute return (Rousseeuw & Croux 1993) or,
where it is larger, 0.78 × their 80 % quantile. The latter holds where prices are so coarse that
most sessions change nothing, and still bears with one wild return in five.
"""

from __future__ import annotations

import numpy as np

from quant.bar_stack import BarStack, Floats, Indices, Marks, Mask, changes, marks
from quant.rolling import Windows

_NORMAL, _NORMAL_80 = 1.4826, 0.7803  # one over these quantiles of |z|, z standard normal
_CALMEST = 0.005  # no scale below half a per cent: rounding and thin trade are no calm
_UNKNOWN = 0.03  # the scale of a series too short to tell
_RATIOS = np.array([1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100])
_AROUND = 20
_CHUNK = 20_000


def return_scale(stack: BarStack) -> Floats:
    """Return the robust standard deviation of log returns around each bar, shape (M,).

    At least half a per cent; 3 % where a series is too short to tell.
    """
    returns = np.abs(changes(stack.close, stack.follows()))
    windows = Windows.around(returns, stack.offsets)
    scale = np.maximum(windows.quantile(0.5) * _NORMAL, windows.quantile(0.8) * _NORMAL_80)
    return np.where(np.isnan(scale), _UNKNOWN, np.maximum(scale, _CALMEST))


def bad_prints(stack: BarStack, scale: Floats, *, close_only: bool) -> list[Marks]:
    """Find closes that leap and leap back by about the same factor within one to three sessions.

    Larger leaps are asked of longer ones. With opens, the next open must be back as well: where
    trading goes on at the new level, the close was real. What is near a power of ten is a
    misplaced decimal point. `figure` is the factor.
    """
    follows = stack.follows()
    returns = changes(stack.close, follows)
    bad = np.zeros(len(stack), dtype=np.bool_)
    factor = np.full(len(stack), np.nan)
    for length, least, deviations in ((1, 0.18, 8.0), (2, 0.6, 15.0), (3, 0.6, 15.0)):
        start, size = _excursions(stack, returns, scale, length=length)
        fits = size >= np.maximum(least, deviations * scale[start])
        start, size = start[fits], size[fits]
        if not close_only:
            back = np.log(stack.open[start + length] / stack.close[start + length - 1])
            fits = -np.sign(returns[start]) * back >= 0.5 * size
            start, size = start[fits], size[fits]
        for step in range(length):
            bad[start + step] = True
            factor[start + step] = np.exp(np.sign(returns[start]) * size)
    tens = np.abs(np.log10(np.where(bad, factor, 1.0)))
    nearest = np.round(tens)
    off = np.abs(tens - nearest) * np.log(10)
    slipped = bad & (nearest >= 1) & (off <= np.maximum(0.1, 4 * scale))
    return [
        marks("decimal_point", slipped, reject=True, figure=factor),
        marks("bad_print", bad & ~slipped, reject=True, figure=factor),
    ]


def _excursions(
    stack: BarStack, returns: Floats, scale: Floats, *, length: int
) -> tuple[Indices, Floats]:
    """Return where the close leaves its level for `length` bars and comes back, and by how much."""
    last = len(stack) - length
    if last < 1:
        return np.zeros(0, dtype=np.intp), np.zeros(0)
    into, out = returns[:last], returns[length:]
    size = np.minimum(np.abs(into), np.abs(out))
    start = np.flatnonzero((size >= 0.18) & (into * out < 0))
    whole = np.ones(len(start), dtype=np.bool_)
    net = np.zeros(len(start))
    for step in range(length + 1):
        move = returns[start + step]
        whole &= ~np.isnan(move)  # a NaN is the start of the next series
        net += np.where(whole, move, 0.0)
        if 0 < step < length:
            whole &= np.abs(move) <= 0.25 * size[start]
    size = size[start]
    slack = np.maximum(0.2 * size, 3.5 * scale[start] * np.sqrt(length + 1))
    back = whole & (np.abs(net) <= np.minimum(slack, 0.5 * size))
    return start[back], size[back]


def open_spikes(stack: BarStack, scale: Floats) -> list[Marks]:
    """Find opens far from the close before and from their own close, on the same side.

    `figure` is the factor to the nearer of the two.
    """
    follows = stack.follows()
    gap = np.full(len(stack), np.nan)
    gap[1:] = np.log(stack.open[1:] / stack.close[:-1])
    gap[~follows] = np.nan
    beyond = np.log(stack.open / stack.close)
    size = np.where(gap * beyond > 0, np.minimum(np.abs(gap), np.abs(beyond)), 0.0)
    reject = size >= np.maximum(0.35, 12 * scale)
    warn = ~reject & (size >= np.maximum(0.15, 8 * scale))
    factor = np.exp(np.sign(beyond) * size)
    return [
        marks("open_spike", reject, reject=True, figure=factor),
        marks("open_spike", warn, reject=False, figure=factor),
    ]


def range_spikes(stack: BarStack, scale: Floats) -> list[Marks]:
    """Find highs and lows far outside open and close; `figure` is the factor to the nearer."""
    above = np.log(stack.high / np.maximum(stack.open, stack.close))
    below = np.log(np.minimum(stack.open, stack.close) / stack.low)
    size = np.maximum(above, below)
    reject = size >= np.maximum(0.4, 15 * scale)
    warn = ~reject & (size >= np.maximum(0.2, 8 * scale))
    factor = np.exp(np.where(above >= below, size, -size))
    return [
        marks("range_spike", reject, reject=True, figure=factor),
        marks("range_spike", warn, reject=False, figure=factor),
    ]


def moves(stack: BarStack, scale: Floats) -> list[Marks]:
    """Find overnight moves of at least 10 % and ten deviations that do not revert.

    Over missing sessions the deviation grows with the root of time. A move near a usual split
    ratio whose volume, where there is any, changed about as much is a suspected split. `figure`
    is the ratio of the close before to the new one.
    """
    follows = stack.follows()
    returns = changes(stack.close, follows)
    gaps = np.ones(len(stack))
    gaps[1:] = np.maximum(np.diff(stack.session), 1)
    large = np.abs(returns) >= np.maximum(0.10, 10 * scale * np.sqrt(gaps))
    split = np.zeros(len(stack), dtype=np.bool_)
    candidates = np.flatnonzero(large & (np.abs(returns) >= 0.34))
    for at in np.array_split(candidates, max(1, -(-len(candidates) // _CHUNK))):
        split[at] = _like_split(stack, at, returns[at], scale[at])
    ratio = np.exp(-np.where(large, returns, 0.0))
    return [
        marks("suspected_split", split, reject=False, figure=ratio),
        marks("outlier_move", large & ~split, reject=False, figure=ratio),
    ]


def _like_split(stack: BarStack, at: Indices, returns: Floats, scale: Floats) -> Mask:
    size = np.abs(returns)[:, None]
    distance = np.abs(size - np.log(_RATIOS)).min(axis=1)
    near = distance <= np.maximum(0.06, np.minimum(3 * scale, 0.15))
    before = _typical_volume(stack, at, np.arange(-_AROUND, 0))
    after = _typical_volume(stack, at, np.arange(_AROUND))
    change = np.log(after / before)
    agrees = np.abs(change + returns) <= 0.6 * np.minimum(size[:, 0], 1.0)
    # A move of a third happens; without volumes only a half and more is taken for a split.
    return near & np.where(np.isnan(change), size[:, 0] >= 0.6, agrees)


def _typical_volume(stack: BarStack, at: Indices, steps: Indices) -> Floats:
    """Return the median volume of the bars at these steps, NaN where half of them have none."""
    index = at[:, None] + steps
    series = np.searchsorted(stack.offsets, at, side="right") - 1
    low, high = stack.offsets[series][:, None], stack.offsets[series + 1][:, None]
    inside = (index >= low) & (index < high)
    volume = np.where(inside, stack.volume[np.clip(index, 0, len(stack) - 1)], np.nan)
    volume = np.sort(np.where(volume > 0, volume, np.nan), axis=1)
    known = np.count_nonzero(~np.isnan(volume), axis=1)
    middle = volume[np.arange(len(at)), np.maximum(known - 1, 0) // 2]
    return np.where(known * 2 >= len(steps), middle, np.nan)


def volume_anomalies(stack: BarStack, scale: Floats) -> list[Marks]:
    """Find prices that moved without volume, and volumes 20 times above or below the usual.

    A series in which one bar in five has a volume of zero has no meaning for zero. A volume
    counts when it is 5.5 robust deviations away; a high one on a day whose price moved by five
    is news. `figure` is the factor to the median volume around.
    """
    volume = stack.volume
    if np.isnan(volume).all():
        return []
    series = stack.of_series()
    returns = changes(stack.close, stack.follows())
    empty = volume == 0
    zeros = np.bincount(series, weights=empty, minlength=len(stack.offsets) - 1)
    telling = (zeros < 0.2 * np.diff(stack.offsets))[series]
    moved = (np.abs(returns) > 0) | (stack.high > stack.low)
    logs = np.log(np.where(volume > 0, volume, np.nan))
    windows = Windows.around(logs, stack.offsets)
    off = logs - windows.quantile(0.5)
    spread = (windows.quantile(0.75) - windows.quantile(0.25)) / 1.349
    news = (off > 0) & (np.abs(returns) >= 5 * scale)
    slipped = (np.abs(off) >= np.maximum(np.log(20), 5.5 * spread)) & ~news
    return [
        marks("zero_volume", empty & telling & moved, reject=False),
        marks("volume_units", slipped, reject=False, figure=np.exp(np.where(slipped, off, 0.0))),
    ]
