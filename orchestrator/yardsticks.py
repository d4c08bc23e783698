"""What a run is measured against: the index, and an equal-weight portfolio without costs.

Both are computed from prices alone, by other code than the exchange's. They trade at the price that
a run's orders fill at, the open or, for close-only data, the close, and pay nothing.

The prices are those adjusted for splits and dividends as known at the end of the run. That scale
drops out of every ratio: a unit that is adjusted is a unit as traded whose dividends buy more of it
on the ex-date, at the close before it less the dividend. So dividends are reinvested here, where a
run gets them in cash.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from interfaces.market import Bars, MarketView, Reading
from orchestrator.results import score
from orchestrator.universes import Days, is_member
from schemas.base import to_cents
from schemas.errors import NotFound
from schemas.results import BenchmarkResult

Floats = NDArray[np.float64]
TOTAL_RETURN = Reading("all")


def index_yardstick(
    view: MarketView, symbol: str, sessions: Sequence[date], capital: Decimal
) -> BenchmarkResult | None:
    """Return the index bought once and held, or None when it has no price at the start."""
    found = _history(view, symbol, sessions)
    if not np.isfinite(found.entries[0]):
        return None
    levels = found.closes / found.entries[0]
    return _result(
        symbol,
        f"{symbol} bought once and held, no costs",
        sessions=sessions,
        values=levels * float(capital),
        capital=capital,
    )


def equal_weight_yardstick(
    view: MarketView,
    symbols: Sequence[str],
    sessions: Sequence[date],
    capital: Decimal,
    *,
    stays: Mapping[str, Sequence[Days]] | None = None,
) -> BenchmarkResult | None:
    """Return equal weights, renewed in each month's first session, no costs.

    `symbols` are tickers of the view's moment. A symbol joins at the first renewal at which it has
    a price, and leaves at the first at which it has none, for its last close, or for the cash that
    a buy-out or a delisting paid. None when no symbol has a price at the start.

    With `stays`, by symbol, a renewal spreads over those that are members in that session: who
    entered joins, who left leaves, and all is cash while there is no member.
    """
    if not symbols:
        return None
    each = [_history(view, symbol, sessions) for symbol in symbols]
    member = _membership(symbols, sessions, stays)
    values = _renewed(each, member, sessions, capital=float(capital))
    if values is None:
        return None
    whose = "universe" if stays is None else "universe's members of the moment"
    return _result(
        "equal-weight",
        f"equal weights of the {whose}, renewed in each month's first session, no costs",
        sessions=sessions,
        values=values,
        capital=capital,
    )


def tickers_at_the_end(
    view: MarketView, symbols: Sequence[str], since: datetime
) -> dict[str, tuple[str, ...]]:
    """Return what each ticker that was asked for means at the view's moment, by ticker.

    Those are the instruments that have borne it at `since` or after, under the tickers they have
    now. A ticker that nobody bore has none.
    """
    renamed = [one for one in view.applied(since) if one[1].kind == "ticker_change"]
    newest = {action.instrument: str(action.new_symbol) for _, action in renamed}
    known: dict[str, tuple[str, ...]] = {}
    for symbol in symbols:
        bore = {act.instrument for old, act in renamed if symbol in (old, act.new_symbol)}
        names = {symbol, *(newest[instrument] for instrument in bore)}
        known[symbol] = tuple(sorted(name for name in names if _is_known(view, name)))
    return known


def _is_known(view: MarketView, symbol: str) -> bool:
    try:
        return view.last_close(symbol) is not None
    except NotFound:
        return False


def levels_of(benchmark: BenchmarkResult, capital: Decimal) -> dict[date, float]:
    """Return a yardstick's level by session, 1 being the capital."""
    return {
        session: float(value / capital)
        for session, value in zip(benchmark.sessions, benchmark.equity, strict=True)
    }


def _renewed(
    each: Sequence[_History],
    member: NDArray[np.bool_],
    sessions: Sequence[date],
    *,
    capital: float,
) -> Floats | None:
    """Return the value by session, shape (T,), or None when no member has a price at the start.

    `member` of shape (T, N) tells over which instruments a renewal spreads.
    """
    entries = np.column_stack([one.entries for one in each])
    closes = np.column_stack([one.closes for one in each])
    before = np.column_stack([one.before for one in each])
    offered = np.where(member, entries, np.nan)
    if not np.isfinite(offered[0]).any():
        return None
    units, cash = _spread(capital, offered[0]), 0.0
    values = np.empty(len(sessions))
    for t, session in enumerate(sessions):
        if t and session.month != sessions[t - 1].month:
            worth = cash + _worth(units, entries[t], before[t])
            if np.isfinite(offered[t]).any():
                units, cash = _spread(worth, offered[t]), 0.0
            elif not member[t].any():
                units, cash = np.zeros(len(each)), worth
        values[t] = cash + np.nansum(units * closes[t])
    return values


def _membership(
    symbols: Sequence[str], sessions: Sequence[date], stays: Mapping[str, Sequence[Days]] | None
) -> NDArray[np.bool_]:
    """Tell who is a member in which session, shape (T, N); everybody always, without stays."""
    if stays is None:
        return np.ones((len(sessions), len(symbols)), dtype=np.bool_)
    rows = [[is_member(stays.get(one, ()), session) for one in symbols] for session in sessions]
    return np.array(rows, dtype=np.bool_)


def _worth(units: Floats, prices: Floats, before: Floats) -> float:
    """Value units at the prices, or at the closes before where there is none."""
    known = np.asarray(np.where(np.isfinite(prices), prices, before), dtype=np.float64)
    return float(np.nansum(units * known))


def _spread(value: float, prices: Floats) -> Floats:
    priced = np.isfinite(prices)
    return np.where(priced, value / priced.sum() / np.where(priced, prices, 1.0), 0.0)


@dataclass(frozen=True, slots=True)
class _History:
    """One instrument by session, arrays of shape (T,); NaN where there is no value."""

    entries: Floats
    """What it can be bought and sold at; none where there is no bar."""
    closes: Floats
    """What a unit is worth at the close: the last close, or the cash it was turned to."""
    before: Floats
    """What a unit is worth when the session opens and there is no bar."""


def _history(view: MarketView, symbol: str, sessions: Sequence[date]) -> _History:
    bars = view.bars(symbol, start=sessions[0], end=sessions[-1], how=TOTAL_RETURN)
    entries, closes = _aligned(bars, sessions)
    closes = _carried(closes)
    before = np.concatenate([[np.nan], closes[:-1]])
    for action in view.actions(symbol, start=sessions[0], end=sessions[-1]):
        if action.kind in ("cash_merger", "delisting") and action.cash is not None:
            gone = bisect_left(sessions, action.ex_date)
            closes[gone:] = before[gone:] = float(action.cash)
            entries[gone:] = np.nan  # whatever bars a source has after it, there is no company
    return _History(entries, closes, before)


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
