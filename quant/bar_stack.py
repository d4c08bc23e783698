"""The bars of many series end to end, so that one pass over flat arrays checks them all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BarStack:
    """M bars of N series, series after series, each in order of time; arrays of shape (M,).

    `offsets` has shape (N+1,): series k is `offsets[k]:offsets[k+1]`. `session` is the bar's
    position among the exchange's sessions. `volume` is NaN where there is none. Of close-only
    series open, high and low are the close.
    """

    offsets: Indices
    session: Indices
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.close)

    def where(self, keep: Mask) -> BarStack:
        """Return the bars of a mask, the same N series."""
        if keep.all():
            return self
        before = np.concatenate([[0], np.cumsum(keep)])
        close = self.close[keep]

        def pick(values: Floats) -> Floats:
            return close if values is self.close else values[keep]

        return BarStack(
            before[self.offsets],
            self.session[keep],
            pick(self.open),
            pick(self.high),
            pick(self.low),
            close,
            self.volume[keep],
        )

    def follows(self) -> Mask:
        """Tell of each bar whether the one before it in the stack is of the same series."""
        same = np.ones(len(self), dtype=np.bool_)
        starts = self.offsets[:-1]
        same[starts[starts < len(self)]] = False
        return same

    def of_series(self) -> Indices:
        """Return the series of each bar."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


@dataclass(frozen=True, slots=True)
class Marks:
    """Bars that one check marked, by their index, ascending; arrays of one length.

    `figure` is what the check measured (a factor, a change, a length), `lengths` how many bars in
    a row a mark is about, its own and the next ones.
    """

    check: str
    reject: bool
    bars: Indices
    figure: Floats
    lengths: Indices

    def only(self, keep: Mask) -> Marks:
        """Return the marks of a mask over marks."""
        return Marks(
            self.check, self.reject, self.bars[keep], self.figure[keep], self.lengths[keep]
        )

    def every(self) -> Indices:
        """Return all bars that the marks are about, those that follow a marked one included."""
        before = np.cumsum(self.lengths) - self.lengths
        within = np.arange(int(self.lengths.sum())) - np.repeat(before, self.lengths)
        return np.repeat(self.bars, self.lengths) + within

    def at(self, index: Indices) -> Marks:
        """Return the marks with bar k renamed to `index[k]`."""
        return Marks(self.check, self.reject, index[self.bars], self.figure, self.lengths)


def marks(check: str, found: Mask, *, reject: bool, figure: Floats | None = None) -> Marks:
    """Return the marks of a mask; `figure` has the mask's shape."""
    bars = np.flatnonzero(found)
    values = np.full(len(bars), np.nan) if figure is None else figure[bars]
    return Marks(check, reject, bars, values, np.ones(len(bars), dtype=np.intp))


def changes(values: Floats, follows: Mask) -> Floats:
    """Return the log of each value over the one before it, NaN at the start of a series.

    Values must be above zero or NaN.
    """
    logs = np.log(values)
    result = np.full(len(values), np.nan)
    result[1:] = np.diff(logs)
    result[~follows] = np.nan
    return result
