"""A year of closes as a matrix, for policies that compute on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adapters.model.baseline.policy import Ask

LOOKBACK = 252
"""Sessions in a year of returns."""


def closes_of(ask: Ask, symbols: Sequence[str]) -> tuple[list[str], NDArray[np.float64]]:
    """Return the symbols with a full year of known closes, and those closes (T, N), T = 253."""
    if not symbols:
        return [], np.empty((0, 0))
    answer = ask.tool(
        "prices_get_bars", symbols=list(symbols), lookback=LOOKBACK + 1, fields=["close"]
    )
    columns = {c["symbol"]: c["close"] for c in answer["columns"]}
    full = [s for s in symbols if s in columns and len(columns[s]) == LOOKBACK + 1]
    closes = np.array([[float(price) for price in columns[s]] for s in full], dtype=np.float64)
    return full, closes.T
