"""Whether bars can be true: every check of a stack of series, in an order that hides no fault.

First what a bar says by itself, then what it repeats, then what its neighbours make of it. A
bar that a stage rejects takes no part in the next, so that one fault is not charged to two bars.
"""

from __future__ import annotations

import numpy as np

from quant.bar_stack import BarStack, Indices, Marks, Mask, changes, marks
from quant.outliers import (
    bad_prints,
    moves,
    open_spikes,
    range_spikes,
    return_scale,
    volume_anomalies,
)

_ROUNDING = 1e-6  # sources round adjusted prices after adjusting each
_TRADED = 1000  # two sessions may well have the same few units of volume
_STALE, _STALE_CLOSES = 5, 8
_CHANCE = 1e-6  # of a run that long to begin at a given bar of an honest series
_NEAR = 126


class _Sieve:
    """The bars that no check has rejected so far, and what was found."""

    def __init__(self, stack: BarStack) -> None:
        self.rest = stack
        self.found: list[Marks] = []
        self._index: Indices = np.arange(len(stack))
        self._rejected = np.zeros(len(stack), dtype=np.bool_)

    def take(self, found: list[Marks]) -> Mask:
        """Remember marks on the rest, remove the rejected bars, and return which bars stay.

        Of a bar that is rejected for two reasons the first counts; its warnings are dropped.
        """
        gone = np.zeros(len(self.rest), dtype=np.bool_)
        for mark in found:
            if mark.reject:
                self._keep(mark.only(~gone[mark.bars]))
                gone[mark.bars] = True
        for mark in found:
            if not mark.reject:
                self._keep(mark.only(~gone[mark.bars]))
        self.rest, self._index = self.rest.where(~gone), self._index[~gone]
        return ~gone

    def _keep(self, mark: Marks) -> None:
        if len(mark.bars):
            self.found.append(mark.at(self._index))


def check_stack(stack: BarStack, *, close_only: bool) -> list[Marks]:
    """Return all that is wrong with M bars; no bar is both rejected and warned of.

    Prices in money. A rejected bar has one reason, the first that applies; a kept one may have
    several warnings. The first and the last bar of a series have one neighbour only: a leap
    there is a warning, whatever it is.
    """
    sieve = _Sieve(stack)
    # Before the first stage prices may be anything; after it they are above zero and finite.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        sieve.take(_impossible(stack, close_only=close_only))
        if not close_only:
            sieve.take(_duplicates(sieve.rest))
        scale = return_scale(sieve.rest)
        scale = scale[sieve.take(bad_prints(sieve.rest, scale, close_only=close_only))]
        rest = sieve.rest
        spikes = [] if close_only else [*open_spikes(rest, scale), *range_spikes(rest, scale)]
        stale = _stale(rest, _STALE_CLOSES if close_only else _STALE)
        sieve.take([*spikes, *moves(rest, scale), stale, *volume_anomalies(rest, scale)])
    return sieve.found


def _impossible(stack: BarStack, *, close_only: bool) -> list[Marks]:
    prices = (stack.close,) if close_only else (stack.open, stack.high, stack.low, stack.close)
    broken = np.isinf(stack.volume)
    small = np.zeros(len(stack), dtype=np.bool_)
    for price in prices:
        broken |= ~np.isfinite(price)
        small |= price <= 0
    found = [
        marks("non_finite", broken, reject=True),
        marks("non_positive", small, reject=True),
        marks("negative_volume", stack.volume < 0, reject=True, figure=stack.volume),
    ]
    if close_only:
        return found
    top = np.maximum(stack.open, stack.close) * (1 - _ROUNDING)
    bottom = np.minimum(stack.open, stack.close) * (1 + _ROUNDING)
    swapped = (stack.high < stack.low) & (stack.low >= top) & (stack.high <= bottom)
    outside = (stack.high < top) | (stack.low > bottom) | (stack.high < stack.low)
    return [
        *found,
        marks("swapped_high_low", swapped, reject=True),
        marks("ohlc", outside & ~swapped, reject=True),
    ]


def _duplicates(stack: BarStack) -> list[Marks]:
    """Find bars that repeat the one before to the last digit, its range being above zero.

    With the same volume of a thousand units or more this is a copy. Without volumes it may be
    chance where prices are coarse, and is only a warning.
    """
    same = stack.follows() & (stack.high > stack.low)
    for values in (stack.open, stack.high, stack.low, stack.close):
        same[1:] &= values[1:] == values[:-1]
    copied = same & (stack.volume >= _TRADED)
    copied[1:] &= stack.volume[1:] == stack.volume[:-1]
    unknown = same & np.isnan(stack.volume)
    return [
        marks("duplicate_bar", copied, reject=True),
        marks("duplicate_bar", unknown, reject=False),
    ]


def _stale(stack: BarStack, least: int) -> Marks:
    """Find closes that stay the same for `least` sessions and longer than chance explains.

    Chance: as often as a new close was repeated in the 126 sessions before and after the run,
    its length would come about once in a million bars. So coarse prices, unchanged on many days,
    need long runs. How often is counted at the first repetition of a close alone, so that other
    stale runs near by hardly weigh. `figure` and `lengths` are the run's length; the mark is on
    its first bar.
    """
    same = np.zeros(len(stack), dtype=np.bool_)
    same[1:] = changes(stack.close, stack.follows())[1:] == 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    first, end = edges[::2] - 1, edges[1::2]  # of the run, the bar that is repeated included
    long = end - first >= least
    first, end = first[long], end[long]
    series = np.searchsorted(stack.offsets, first, side="right") - 1
    low = np.maximum(first - _NEAR, stack.offsets[series])
    high = np.minimum(end + _NEAR, stack.offsets[series + 1])
    fresh = ~same
    repeated = np.zeros(len(stack), dtype=np.bool_)
    repeated[:-1] = fresh[:-1] & same[1:]
    trials, repeats = (_count(mask, low, high) for mask in (fresh, repeated))
    # The run's own close is one trial, and was repeated: it says nothing of chance.
    often = np.where(repeats > 1, (repeats - 1) / np.maximum(trials - 1, 1), 1 / (trials + 1))
    run = (end - first - 1) * np.log(often) <= np.log(_CHANCE)
    first, length = first[run], (end - first)[run]
    return Marks("stale", reject=False, bars=first, figure=length.astype(float), lengths=length)


def _count(mask: Mask, low: Indices, high: Indices) -> Indices:
    before = np.concatenate([[0], np.cumsum(mask)])
    return before[high] - before[low]
