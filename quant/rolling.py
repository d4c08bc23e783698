"""Order statistics in windows around each bar of a stack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quant.bar_stack import Floats, Indices

_STEP = 21
_WINDOW = 63
_FEWEST = 15


@dataclass(frozen=True, slots=True)
class Windows:
    """Sorted windows of 63 bars, one for every 21 bars that lie in its middle.

    A window stays within its series; near an end it is the first or last 63 bars. It steps, so
    that a rolling quantile costs three sorts of the data and not 63.
    """

    _sorted: np.ndarray
    _counts: Indices
    _block_of: Indices

    @classmethod
    def around(cls, values: Floats, offsets: Indices) -> Windows:
        """Sort the windows of (M,) `values`, NaN left out; `offsets` as in a stack."""
        lengths = np.diff(offsets)
        blocks = -(-lengths // _STEP)
        series = np.repeat(np.arange(len(lengths)), blocks)
        firsts = np.cumsum(blocks) - blocks
        ordinal = np.arange(len(series)) - firsts[series]
        latest = np.maximum(lengths[series] - _WINDOW, 0)
        within = np.clip(ordinal * _STEP - (_WINDOW - _STEP) // 2, 0, latest)
        index = (offsets[series] + within)[:, None] + np.arange(_WINDOW)
        beyond = index >= offsets[series + 1][:, None]
        # float32 halves the cost of the sort; a scale needs no more than three digits.
        taken = values.astype(np.float32)[np.minimum(index, max(len(values) - 1, 0))]
        taken[beyond] = np.nan
        taken.sort(axis=1)  # NaN goes last
        counts = np.count_nonzero(~np.isnan(taken), axis=1)
        position = np.arange(len(values)) - np.repeat(offsets[:-1], lengths)
        return cls(taken, counts, np.repeat(firsts, lengths) + position // _STEP)

    def quantile(self, share: float) -> Floats:
        """Return the quantile (M,) of each bar's window; NaN where it has under 15 values."""
        rows = np.arange(len(self._counts))
        place = share * np.maximum(self._counts - 1, 0)
        low = place.astype(np.intp)
        high = np.minimum(low + 1, np.maximum(self._counts - 1, 0))
        part = place - low
        found = self._sorted[rows, low] * (1 - part) + self._sorted[rows, high] * part
        return np.where(self._counts >= _FEWEST, found, np.nan)[self._block_of]
