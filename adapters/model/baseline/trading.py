"""What the trading baselines share: when they act, and how a rebalance is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from adapters.model.baseline.policy import Ask
from quant.portfolio.weights import quantise_weights
from schemas.agents import TargetWeight, TradingDecision
from schemas.base import plain

CASH_BUFFER = Decimal("0.005")
"""Share of equity left in cash, so that costs never cut a buy."""


def starts_month(ask: Ask) -> bool:
    """Tell whether this is the run's first question or the first one of its month."""
    facts = ask.task["facts"]
    if facts["first_session"]:
        return True
    return str(facts["last_asked"])[:7] != str(ask.task["session"])[:7]


def symbols_of(ask: Ask) -> list[str]:
    """Return the symbols that can be traded now."""
    return list(ask.tool("prices_list_symbols")["symbols"])


def equal_shares(symbols: Sequence[str]) -> dict[str, Decimal]:
    """Return equal weights that leave the cash buffer."""
    return scaled(symbols, [1.0 / len(symbols)] * len(symbols))


def scaled(symbols: Sequence[str], weights: Sequence[float]) -> dict[str, Decimal]:
    """Return exact weights that sum to one less the cash buffer at most; zeros are left out."""
    keep = float(1 - CASH_BUFFER)
    exact = quantise_weights([weight * keep for weight in weights])
    return {s: w for s, w in zip(symbols, exact, strict=True) if w > 0}


def hold(why: str, **features: float) -> TradingDecision:
    """Return the decision to do nothing."""
    return TradingDecision(action="hold", rationale=why, confidence=1.0, features=features)


def rebalance(ask: Ask, weights: Mapping[str, Decimal], why: str) -> TradingDecision:
    """Bring the account to target weights and return the decision."""
    answer: dict[str, Any] = ask.tool(
        "trading_rebalance_to_weights",
        weights={symbol: plain(weight) for symbol, weight in weights.items()},
        reason=why,
    )
    orders = tuple(answer["order_ids"])
    return TradingDecision(
        action="rebalance" if orders else "hold",
        rationale=why if orders else f"{why}; every trade would be too small to be worth its cost",
        confidence=1.0,
        target_weights=tuple(TargetWeight(symbol=s, weight=w) for s, w in weights.items()),
        order_ids=orders,
        features={"orders": float(len(orders)), "names": float(len(weights))},
    )
