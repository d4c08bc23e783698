"""What a run is measured against: the index, and an equal-weight portfolio without costs.

Both are computed from prices alone, by other code than the exchange's. They trade at the price that
a run's orders fill at, the open or, for close-only data, the close, and pay nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from interfaces.market import Bars, MarketView
from orchestrator.results import score
from schemas.base import to_cents
from schemas.results import BenchmarkResult

Floats = NDArray[np.float64]


def index_yardstick(
    view: MarketView, symbol: str, sessions: Sequence[date], capital: Decimal
) -> BenchmarkResult | None:
    """Return the index bought once and held, or None when it has no price at the start."""
    entry, closes = _aligned(view.bars(symbol, start=sessions[0], end=sessions[-1]), sessions)
    if not np.isfinite(entry[0]):
        return None
    levels = _carried(closes) / entry[0]
    return _result(
        symbol,
        f"{symbol} bought once and held, no costs",
        sessions=sessions,
        values=levels * float(capital),
        capital=capital,
    )


def equal_weight_yardstick(
    view: MarketView, symbols: Sequence[str], sessions: Sequence[date], capital: Decimal
) -> BenchmarkResult | None:
    """Return equal weights, renewed in each month's first session, no costs.

    A symbol joins at the first renewal at which it has a price, and leaves at the first at which
    it has none, for its last close. None when no symbol has a price at the start.
    """
    pairs = [
        _aligned(view.bars(symbol, start=sessions[0], end=sessions[-1]), sessions)
        for symbol in symbols
    ]
    entries = np.column_stack([entry for entry, _ in pairs])
    closes = np.column_stack([_carried(close) for _, close in pairs])
    if not np.isfinite(entries[0]).any():
        return None
    units = _spread(float(capital), entries[0])
    values = np.empty(len(sessions))
    for t, session in enumerate(sessions):
        if t and session.month != sessions[t - 1].month and np.isfinite(entries[t]).any():
            units = _spread(_worth(units, entries[t], closes[t - 1]), entries[t])
        values[t] = np.nansum(units * closes[t])
    return _result(
        "equal-weight",
        "equal weights of the universe, renewed in each month's first session, no costs",
        sessions=sessions,
        values=values,
        capital=capital,
    )


def levels_of(benchmark: BenchmarkResult, capital: Decimal) -> dict[date, float]:
    """Return a yardstick's level by session, 1 being the capital."""
    return {
        session: float(value / capital)
        for session, value in zip(benchmark.sessions, benchmark.equity, strict=True)
    }


def _worth(units: Floats, prices: Floats, before: Floats) -> float:
    """Value units at the prices, or at the closes before where there is none."""
    known = np.asarray(np.where(np.isfinite(prices), prices, before), dtype=np.float64)
    return float(np.nansum(units * known))


def _spread(value: float, prices: Floats) -> Floats:
    priced = np.isfinite(prices)
    return np.where(priced, value / priced.sum() / np.where(priced, prices, 1.0), 0.0)


def _aligned(bars: Bars, sessions: Sequence[date]) -> tuple[Floats, Floats]:
    """Return (entry prices, closes) by session, NaN where there is no bar; shapes (T,)."""
    wanted = np.array(sessions, dtype="datetime64[D]")
    entry = np.full(len(wanted), np.nan)
    close = np.full(len(wanted), np.nan)
    where = np.searchsorted(wanted, bars.sessions)
    inside = where < len(wanted)
    inside[inside] = wanted[where[inside]] == bars.sessions[inside]
    entry[where[inside]] = (bars.close if bars.close_only else bars.open)[inside]
    close[where[inside]] = bars.close[inside]
    return entry, close


def _carried(values: Floats) -> Floats:
    """Fill gaps with the last value before them."""
    known = np.where(np.isfinite(values), np.arange(len(values)), -1)
    last = np.maximum.accumulate(known)
    return np.where(last >= 0, values[np.maximum(last, 0)], np.nan)


def _result(
    name: str,
    description: str,
    *,
    sessions: Sequence[date],
    values: Floats,
    capital: Decimal,
) -> BenchmarkResult:
    equity = tuple(to_cents(Decimal(repr(float(value)))) for value in values)
    points = [float(capital), *map(float, equity)]
    return BenchmarkResult(
        name=name,
        description=description,
        sessions=tuple(sessions),
        equity=equity,
        metrics=score(points),
    )
