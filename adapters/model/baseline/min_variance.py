"""Hold the long-only portfolio of least estimated variance, renewed monthly.

Estimated by the optimiser's own tool on a year of daily closes; at most 30 % in a name, so that one
quiet share does not become the portfolio.
"""

from __future__ import annotations

from adapters.model.baseline.history import LOOKBACK, closes_of
from adapters.model.baseline.policy import Ask
from adapters.model.baseline.trading import hold, rebalance, scaled, starts_month, symbols_of
from schemas.agents import TradingDecision

CAP = 0.30
MOST_SYMBOLS = 100
"""The optimiser takes no more; beyond it the first hundred in alphabetical order are used."""


def decide(ask: Ask) -> TradingDecision:
    """Renew the portfolio on the first session of a month."""
    if not starts_month(ask):
        return hold("The portfolio is renewed on the first session of a month only.")
    symbols = closes_of(ask, symbols_of(ask))[0][:MOST_SYMBOLS]
    if not symbols:
        return hold(f"No symbol has {LOOKBACK + 1} known closes yet.")
    answer = ask.tool(
        "quantum_optimize_portfolio",
        symbols=list(symbols),
        method="min_variance",
        lookback=LOOKBACK,
        cap=max(CAP, 1.0 / len(symbols)),
    )
    weights = [float(weight) for weight in answer["portfolio"]["weights"]]
    volatility = float(answer["portfolio"]["volatility_annual"])
    why = f"Minimum variance of {len(symbols)} symbols, estimated {volatility:.1%} a year"
    return rebalance(ask, scaled(symbols, weights), why)
