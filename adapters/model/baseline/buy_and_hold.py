"""Buy every symbol in equal amounts once, and hold."""

from __future__ import annotations

from decimal import Decimal

from adapters.model.baseline.policy import Ask
from adapters.model.baseline.trading import equal_shares, hold, rebalance, starts_month, symbols_of
from schemas.agents import TradingDecision


def decide(ask: Ask) -> TradingDecision:
    """Invest when nothing is invested, else hold; looks on the first session of a month."""
    if not starts_month(ask):
        return hold("Bought at the start; holding.")
    account = ask.tool("trading_get_account")
    if Decimal(account["market_value"]) > 0:
        return hold("Bought at the start; holding.")
    symbols = symbols_of(ask)
    if not symbols:
        return hold("No symbol has a price yet.")
    why = f"Buy and hold: equal amounts of {len(symbols)} symbols, once"
    return rebalance(ask, equal_shares(symbols), why)
