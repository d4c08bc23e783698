"""Hold every symbol at equal weight, renewed at the start of each month."""

from __future__ import annotations

from adapters.model.baseline.policy import Ask
from adapters.model.baseline.trading import (
    equal_shares,
    hold,
    rebalance,
    starts_month,
    symbols_of,
)
from schemas.agents import TradingDecision


def decide(ask: Ask) -> TradingDecision:
    """Return to equal weights on the first session of a month."""
    if not starts_month(ask):
        return hold("Weights are renewed on the first session of a month only.")
    symbols = symbols_of(ask)
    if not symbols:
        return hold("No symbol has a price yet.")
    why = f"Monthly return to equal weights of {len(symbols)} symbols"
    return rebalance(ask, equal_shares(symbols), why)
