"""An execution model in numbers, and what was known of each name before each session."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from quant.arrays import Floats
from quant.matching_compiled import PER_ORDER, PER_SHARE, TIERED, Bar, Rules
from quant.matching_inputs import Bars
from quant.spread import corwin_schultz
from schemas.errors import InvalidRequest
from schemas.execution import Commission, CorwinSchultzSpread, ExecutionModel, Impact, Spread

_BPS = 1e4
_HEAD_START = 60  # seconds before the open that an order is handed in
_CONVENTION = {"open": 0, "close": 1, "vwap": 2, "limit_touch": 0}


def rules_of(execution: ExecutionModel) -> Rules:
    """Return the model's figures; InvalidRequest for one with a latency that is felt."""
    if execution.latency_seconds > _HEAD_START:
        raise InvalidRequest("latency is known to the exchange that keeps the books alone.")
    fills, slippage, cap = execution.fills, execution.slippage, execution.participation
    kind, rate, least, most = _commission(execution.commission)
    permanent, temporary, exponent = _impact(execution.impact)
    volume_share = np.inf if cap is None else float(cap.max_share)
    if slippage.kind == "volume_share":
        volume_share = min(volume_share, float(slippage.volume_limit))
    return Rules(
        policy=_CONVENTION[fills.kind],
        penetration=float(fills.penetration_bps) / _BPS if fills.kind == "limit_touch" else 0.0,
        commission=kind,
        rate=rate,
        least=least,
        most=most,
        slippage=float(slippage.bps) / _BPS if slippage.kind == "bps" else 0.0,
        volume_impact=float(slippage.price_impact) if slippage.kind == "volume_share" else 0.0,
        volume_limit=float(slippage.volume_limit) if slippage.kind == "volume_share" else 1.0,
        volume_share=volume_share,
        has_impact=execution.impact.kind != "none",
        permanent=permanent,
        temporary=temporary,
        exponent=exponent,
        step=1e-6 if execution.fractional else 1.0,
        carry=0 if cap is None else cap.carry_sessions,
    )


def tiers_of(terms: Commission) -> Floats:
    """Return (K, 2) ends in money and rates of a commission by the money; a plain one has one."""
    if terms.kind == "bps":
        return np.array([[np.inf, float(terms.bps) / _BPS]])
    if terms.kind == "tiered":
        ends = (np.inf if tier.up_to is None else float(tier.up_to) for tier in terms.tiers)
        rates = (float(tier.bps) / _BPS for tier in terms.tiers)
        return np.array(list(zip(ends, rates, strict=True)))
    return np.zeros((0, 2))


def _commission(terms: Commission) -> tuple[int, float, float, float]:
    """Return kind, rate, floor and cap."""
    match terms.kind:
        case "per_share":
            rate, least = float(terms.per_share), float(terms.minimum)
            return PER_SHARE, rate, least, float(terms.max_share)
        case "per_order":
            return PER_ORDER, float(terms.fee), 0.0, np.inf
        case "bps":
            return TIERED, 0.0, float(terms.minimum), np.inf
        case "tiered":
            return TIERED, 0.0, 0.0, np.inf


def _impact(terms: Impact) -> tuple[float, float, float]:
    """Return the factors of volatility × part of the volume, and of volatility × part^exponent.

    The formulae of `quant.impact` with their constants taken together.
    """
    match terms.kind:
        case "none":
            return 0.0, 0.0, 1.0
        case "square_root":
            return float(terms.gamma), float(terms.y), 0.5
        case "almgren_chriss":
            exponent = float(terms.exponent)
            lasting = float(terms.gamma) * float(terms.inverse_turnover) ** 0.25
            return lasting, float(terms.eta) / float(terms.days) ** exponent, exponent


def market_of(bars: Bars, execution: ExecutionModel) -> Floats:
    """Return (N, T, 8): bars with half-spread, daily volume and volatility known before each.

    Prices are rounded to 1e-6. NaN where there is no bar, or too little was known.
    """
    sessions, count = bars.close.shape
    market = np.full((count, sessions, len(Bar._fields)), np.nan)
    for place, name in enumerate(("open", "high", "low", "close")):
        market[:, :, place] = (np.rint(getattr(bars, name) * 1e6) / 1e6).T
    market[:, :, 4] = bars.volume.T
    market[:, :, 5] = _flat_half(execution.spread)
    for n in range(count):
        rows = np.flatnonzero(~np.isnan(bars.close[:, n]))
        if execution.spread.kind == "corwin_schultz":
            column = (bars.high[rows, n], bars.low[rows, n], bars.close[rows, n])
            market[n, rows, 5] = _estimated_half(column, execution.spread)
        if execution.impact.kind != "none":
            window = execution.impact.window
            market[n, rows, 6] = _means_before(bars.volume[rows, n], window)
            market[n, rows, 7] = _deviations_before(bars.close[rows, n], window)
    return market


def _flat_half(terms: Spread) -> float:
    half = terms.half_bps if terms.kind == "fixed" else terms.floor_half_bps
    return float(half) / _BPS


def _estimated_half(column: tuple[Floats, Floats, Floats], terms: CorwinSchultzSpread) -> Floats:
    """Return half of the mean estimate of the sessions before each bar, (T,), within its bounds."""
    floor = float(terms.floor_half_bps) / _BPS
    cap = max(float(terms.cap_half_bps) / _BPS, floor)
    if len(column[0]) < 2:
        return np.full(len(column[0]), floor)
    mean = _means_before(corwin_schultz(*column), terms.sessions)
    return np.clip(np.nan_to_num(np.rint(mean / 2.0 * 1e6) / 1e6, nan=floor), floor, cap)


def _deviations_before(close: Floats, window: int) -> Floats:
    """Return the sample deviation of the last log returns before each bar, (T,); from two on."""
    deviation = np.full(len(close), np.nan)
    returns = np.diff(np.log(close))  # return j is known after bar j + 1
    for t in range(3, min(window + 1, len(close))):
        deviation[t] = returns[: t - 1].std(ddof=1)
    if len(close) > window + 1:
        moving = sliding_window_view(returns[:-1], window)
        deviation[window + 1 :] = moving.std(axis=1, ddof=1)
    return deviation


def _means_before(values: Floats, window: int) -> Floats:
    """Return the mean of what is known of the last `window` values before each, (T,); or NaN."""
    known = np.isfinite(values)
    sums = np.concatenate(([0.0], np.cumsum(np.where(known, values, 0.0))))
    counts = np.concatenate(([0], np.cumsum(known)))
    end = np.arange(len(values))
    start = np.maximum(end - window, 0)
    count = counts[end] - counts[start]
    mean = (sums[end] - sums[start]) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)
