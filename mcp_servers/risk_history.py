"""What the gate's limits ask of the past, read from the market as of now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from interfaces.market import Bars, MarketView
from schemas.errors import NotFound
from schemas.risk import RiskLimits
from trading.gate import RiskHistory

SHORTEST = 21
"""Sessions for a median volume and a last return, where no limit looks further back."""


def sessions_needed(limits: RiskLimits) -> int:
    """Return how many sessions the limits look back, at most."""
    windows = [SHORTEST, *(tail.window for tail in limits.tail)]
    if limits.correlation is not None:
        windows.append(limits.correlation.window)
    return max(windows)


def load_history(view: MarketView, symbols: Sequence[str], sessions: int) -> RiskHistory:
    """Return the last `sessions` returns and volumes of these symbols, one row a session.

    The rows are the sessions on which any of them was traded; a return needs closes on two rows
    in a row. A symbol nobody bears yet has no column.
    """
    found: dict[str, Bars] = {}
    for symbol in sorted(set(symbols)):
        try:
            bars = view.bars(symbol, lookback=sessions + 1)
        except NotFound:
            continue
        if len(bars.sessions):
            found[symbol] = bars
    if not found:
        return RiskHistory((), np.empty((0, 0)), np.empty((0, 0)))
    days = np.unique(np.concatenate([bars.sessions for bars in found.values()]))[-sessions - 1 :]
    closes = np.full((len(days), len(found)), np.nan)
    volumes = np.full_like(closes, np.nan)
    for column, bars in enumerate(found.values()):
        known = bars.sessions >= days[0]
        rows = np.searchsorted(days, bars.sessions[known])
        closes[rows, column] = bars.close[known]
        volumes[rows, column] = bars.volume[known]
    return RiskHistory(tuple(found), closes[1:] / closes[:-1] - 1.0, volumes[1:])
