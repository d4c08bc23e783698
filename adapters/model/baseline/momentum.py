"""Hold the strongest quarter of the universe by its last twelve months but one.

Source: Jegadeesh and Titman (1993), the 12-1 variant; monthly, equal weights.
"""

from __future__ import annotations

import numpy as np

from adapters.model.baseline.history import LOOKBACK, closes_of
from adapters.model.baseline.policy import Ask
from adapters.model.baseline.trading import (
    equal_shares,
    hold,
    rebalance,
    starts_month,
    symbols_of,
)
from quant.features import momentum
from schemas.agents import TradingDecision


def decide(ask: Ask) -> TradingDecision:
    """Move into the strongest names on the first session of a month; cash when none has risen."""
    if not starts_month(ask):
        return hold("Names are chosen on the first session of a month only.")
    symbols, closes = closes_of(ask, symbols_of(ask))
    if not symbols:
        return hold(f"No symbol has {LOOKBACK + 1} known closes yet.")
    strength = momentum(closes, lookback=LOOKBACK)
    count = max(1, round(len(symbols) / 4))
    order = np.argsort(-strength, kind="stable")[:count]
    chosen = [symbols[i] for i in order if strength[i] > 0]
    if not chosen:
        return rebalance(ask, {}, "Momentum: no symbol has risen over the year; all in cash")
    why = f"Momentum: the {len(chosen)} strongest of {len(symbols)} by 12-1 month return"
    return rebalance(ask, equal_shares(sorted(chosen)), why)
