"""What an execution model comes to, in words: short for a sentence, long for the assumptions."""

from __future__ import annotations

from schemas.base import plain
from schemas.execution import ExecutionModel, TieredCommission


def cost_words(execution: ExecutionModel) -> tuple[str, ...]:
    """Name each cost a trade pays, most direct first; empty where trading is free."""
    said = (_commission(execution), _spread(execution), _slippage(execution), _impact(execution))
    return tuple(each for each in said if each)


def execution_assumptions(execution: ExecutionModel, *, close_only: bool) -> tuple[str, ...]:
    """Say in sentences how orders fill and what that costs."""
    costs = cost_words(execution)
    said = [
        f"Market orders fill at {_price(execution, close_only=close_only)}",
        f"A trade pays {', '.join(costs)}." if costs else "Trades cost nothing.",
    ]
    limit = execution.participation
    if limit is None:
        said.append("Every order within cash and holdings is filled, whatever the day's volume.")
    else:
        said.append(f"No more than {float(limit.max_share):.1%} of a bar's volume is filled.")
    if execution.impact.kind == "none":
        said.append("Fills do not move the market.")
    rate = execution.financing.cash_rate_annual
    said.append(f"Cash earns {float(rate):.2%} a year." if rate else "Cash earns nothing.")
    if execution.latency_seconds:
        said.append(f"Orders take {execution.latency_seconds} seconds to the venue.")
    return tuple(said)


def _price(execution: ExecutionModel, *, close_only: bool) -> str:
    if close_only:
        return "the session's close: the data set has closes only."
    return {
        "open": "the session's open.",
        "close": "the session's close.",
        "vwap": "the bar's average price, (open + high + low + close) ÷ 4.",
        "limit_touch": "the session's open; limit orders when the bar passes their price.",
    }[execution.fills.kind]


def _commission(execution: ExecutionModel) -> str:
    fee = execution.commission
    match fee.kind:
        case "bps":
            return f"{plain(fee.bps)} bps commission" if fee.bps or fee.minimum else ""
        case "per_share":
            return f"{plain(fee.per_share)} a unit commission"
        case "per_order":
            return f"{plain(fee.fee)} an order commission" if fee.fee else ""
        case "tiered":
            return _tiers(fee)


def _tiers(fee: TieredCommission) -> str:
    rates = [tier.bps for tier in fee.tiers]
    return f"{plain(min(rates))} to {plain(max(rates))} bps commission by the order's size"


def _spread(execution: ExecutionModel) -> str:
    spread = execution.spread
    if spread.kind == "corwin_schultz":
        return "half the spread estimated from highs and lows"
    return f"{plain(spread.half_bps)} bps half-spread" if spread.half_bps else ""


def _slippage(execution: ExecutionModel) -> str:
    slippage = execution.slippage
    if slippage.kind == "volume_share":
        return "slippage by the square of its share of the volume"
    return f"{plain(slippage.bps)} bps slippage" if slippage.bps else ""


def _impact(execution: ExecutionModel) -> str:
    return {
        "none": "",
        "almgren_chriss": "market impact (Almgren–Chriss)",
        "square_root": "market impact (square-root law)",
    }[execution.impact.kind]
