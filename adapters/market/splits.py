"""Moves that look like a split nobody adjusted for."""

from __future__ import annotations

import numpy as np

from adapters.market.table import PriceArrays

_RATIOS = np.array([2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100])
_SMALLEST = 0.4  # an overnight move above 40 %
_NEAR = 0.06  # how far from a round ratio the market may have moved on the same night
_SAID = 20


def split_like_moves(arrays: PriceArrays) -> tuple[str, ...]:
    """Return a sentence for each overnight move above 40 % that is near a split's ratio.

    From one close to the next open of the same symbol; the first 20, oldest first.
    """
    found: list[tuple[str, str]] = []
    for column, symbol in enumerate(arrays.symbols):
        rows = np.flatnonzero(~np.isnan(arrays.close[:, column]))
        ratio = arrays.close[rows[:-1], column] / arrays.open[rows[1:], column]
        large = (1 / ratio - 1 < -_SMALLEST) | (1 / ratio - 1 > _SMALLEST)
        for at in np.flatnonzero(large).tolist():
            size = max(ratio[at], 1 / ratio[at])
            nearest = float(_RATIOS[np.abs(_RATIOS / size - 1).argmin()])
            if abs(nearest / size - 1) <= _NEAR:
                day = str(arrays.sessions[rows[at + 1]])
                shown = f"{nearest:.2f}:1" if ratio[at] > 1 else f"1:{nearest:.2f}"
                found.append((day, f"{symbol} {day} moved by {shown}"))
    found.sort()
    said = [f"prices look unadjusted: {sentence}" for _, sentence in found[:_SAID]]
    if len(found) > _SAID:
        said.append(f"prices look unadjusted on {len(found) - _SAID} further days")
    return tuple(said)
