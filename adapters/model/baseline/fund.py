"""Fund rules: a calm, broad portfolio that raises what an instalment needs.

Inverse-volatility weights of the whole universe, renewed on the first session of a month (and when
the account is new); equal weights while there is less than a year of prices. Cash for an
instalment is raised from the largest holding first: few trades, low costs.
"""

from __future__ import annotations

from decimal import ROUND_UP, Decimal
from typing import Any, cast

from adapters.model.baseline.history import LOOKBACK
from adapters.model.baseline.policy import Ask
from adapters.model.baseline.trading import (
    equal_shares,
    hold,
    rebalance,
    scaled,
    starts_month,
    symbols_of,
)
from schemas.agents import TradingDecision
from schemas.base import MILLIONTH, plain

MARGIN = Decimal("1.03")
"""Raised above what is needed: the fill's price is not known when the order is placed."""
MOST_SYMBOLS = 100


def decide(ask: Ask) -> TradingDecision:
    """Raise cash for an instalment, else invest or renew the portfolio when it is time."""
    needed = _needed(ask)
    if needed:
        account = ask.tool("trading_get_account")
        if needed > Decimal(account["cash"]):
            return _raise_cash(ask, needed, Decimal(account["cash"]))
        return hold(f"Cash covers the {needed} that the fund pays of the instalment.")
    return _invest(ask) if _is_due(ask) else hold("The portfolio is renewed once a month only.")


def _is_due(ask: Ask) -> bool:
    events = ask.task["events"]
    if "loan" in ask.task["facts"]:
        return "application" in events or "month_end" in events
    return starts_month(ask)


def _needed(ask: Ask) -> Decimal:
    findings: dict[str, Any] = ask.task.get("findings", {})
    return Decimal(findings.get("lender", {}).get("fund_payment") or 0)


def _invest(ask: Ask) -> TradingDecision:
    symbols = symbols_of(ask)[:MOST_SYMBOLS]
    if not symbols:
        return hold("No symbol has a price yet.")
    result = ask.attempt(
        "quantum_optimize_portfolio",
        symbols=list(symbols),
        method="inverse_volatility",
        lookback=LOOKBACK,
    )
    if result.is_error or result.structured is None:
        why = f"Equal weights of {len(symbols)} symbols: {result.text}"[:500]
        return rebalance(ask, equal_shares(symbols), why)
    portfolio = cast("dict[str, Any]", result.structured["portfolio"])
    weights = [float(weight) for weight in portfolio["weights"]]
    volatility = float(portfolio["volatility_annual"])
    why = f"Inverse-volatility weights of {len(symbols)} symbols, estimated {volatility:.1%} a year"
    return rebalance(ask, scaled(symbols, weights), why)


def _raise_cash(ask: Ask, needed: Decimal, cash: Decimal) -> TradingDecision:
    missing = (needed - cash) * MARGIN
    fractional = bool(ask.tool("trading_get_mode")["execution"]["fractional"])
    step = MILLIONTH if fractional else Decimal(1)
    held = ask.tool("trading_get_positions")
    rows = sorted(
        zip(
            held["symbols"], held["quantities"], held["prices"], held["market_values"], strict=True
        ),
        key=lambda row: (-Decimal(row[3]), row[0]),
    )
    orders: list[str] = []
    for symbol, quantity, price, value in rows:
        if missing <= 0:
            break
        units = min(Decimal(quantity), (missing / Decimal(price)).quantize(step, rounding=ROUND_UP))
        placed = ask.tool(
            "trading_place_order",
            symbol=symbol,
            side="sell",
            quantity=plain(units),
            reason=f"Raise {needed} for the instalment",
        )
        if placed["status"] == "accepted":
            orders.append(str(placed["client_order_id"]))
            missing -= min(Decimal(value), units * Decimal(price))
    short = f" Expected to fall short by {missing:.2f}." if missing > 0 else ""
    return TradingDecision(
        action="raise_cash" if orders else "hold",
        rationale=(
            f"Selling from {len(orders)} of the largest holdings to pay {needed} of the "
            f"instalment.{short}"
        ),
        confidence=1.0,
        order_ids=tuple(orders),
        features={"needed": float(needed), "orders": float(len(orders))},
    )
