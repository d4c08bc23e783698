"""What a run's results say beyond its headline figures: falls, trips, costs, breakers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from interfaces.calendar import TradingCalendar
from interfaces.market import AS_TRADED, MarketData
from orchestrator.results import growth, worked_with
from quant.attribution.costs import cost_attribution, without_costs
from quant.attribution.trades import trade_attribution
from quant.drawdowns import drawdown_table
from quant.exposure import exposure
from quant.intervals import Resampling, intervals
from quant.metrics import performance
from quant.rolling_metrics import rolling_metrics, rolling_series
from quant.trade_statistics import trade_statistics
from schemas.attribution import CostAttribution, TradeAttribution
from schemas.base import MILLIONTH, ZERO, to_micro
from schemas.errors import InvalidRequest, NotFound
from schemas.ledger import Transaction
from schemas.metrics import Exposure, IntervalEstimate, PerformanceMetrics, RollingSeries
from schemas.results import BreakerTrip, Scorecard, WashSaleMark
from schemas.tick import Tick
from schemas.trades import RoundTrips
from trading.round_trips import Bar, Bars, round_trips
from trading.wash_sales import mark_wash_sales, read_lots

RESAMPLES = 1_000
WINDOW = 252
EVERY = 5
ROLLED = ("annual_return", "annual_volatility", "sharpe", "max_drawdown")
MOMENT = timedelta(microseconds=1)
"""A bar is known strictly after its close."""
FEES = {
    "commission": "expenses:commission",
    "borrow": "expenses:borrow",
    "interest": "expenses:interest",
    "model_spend": "expenses:model_spend",
}
"""Kinds of cost that stand on accounts of their own; the others are inside the fill prices."""

Growth = Sequence[float]


def scorecard(ticks: Sequence[Tick], *, seed: int, bars: Bars | None = None) -> Scorecard:
    """Return a run's scorecard; without `bars` no trip says how it stood meanwhile."""
    points = growth(ticks)
    levels = [max(point, sys.float_info.min) for point in points]  # nothing left: a fall of 100 %
    scored = ticks[: len(points) - 1]
    paid = costs_by_session(scored)
    base = [float(money) for money, _ in worked_with(scored)]
    trips = round_trips(ticks, bars=bars)
    closed = [(day, n) for n, day in enumerate(trips.closed) if day is not None]
    ended = [n for _, n in sorted(closed)]
    marked = mark_wash_sales(*read_lots(each for tick in ticks for each in tick.transactions))
    return Scorecard(
        drawdowns=drawdown_table(levels) if len(levels) > 1 else (),
        intervals=_intervals(points, seed),
        exposure=_exposure(scored),
        trips=trips,
        trade_statistics=trade_statistics(
            [float(trips.gains[n]) for n in ended], [float(trips.days_held[n]) for n in ended]
        ),
        cost_attribution=_attribution(points, base, paid),
        without_model_spend=_unspent(points, base, paid),
        trade_attribution=_by_symbol(trips, ended, scored),
        rolling=_rolling(points),
        wash_sales=tuple(
            WashSaleMark(
                symbol=sale.symbol,
                sold_lot=sale.sold_lot,
                sold_on=sale.sold_on,
                quantity=sale.quantity,
                disallowed=sale.disallowed,
                replacement_lot=sale.replacement_lot,
                held_from=sale.held_from,
            )
            for sale in marked.wash_sales
        ),
        breakers=tuple(
            BreakerTrip(session=tick.session, event=event)
            for tick in ticks
            for event in tick.breakers
        ),
    )


def _by_symbol(
    trips: RoundTrips, ended: Sequence[int], ticks: Sequence[Tick]
) -> TradeAttribution | None:
    """Split the account's profit over the symbols that were traded."""
    money = list(worked_with(ticks))
    if not money:
        return None
    put_in = money[0][0]
    profit = sum((end - base for base, end in money), start=ZERO)
    return trade_attribution(
        [trips.symbols[n] for n in ended],
        [float(trips.gains[n]) for n in ended],
        capital=float(put_in),
        profit=float(profit),
    )


def _rolling(points: Growth) -> RollingSeries | None:
    if len(points) < WINDOW + 2 or min(points) <= 0:
        return None
    rolled = rolling_metrics(points, window=WINDOW, figures=ROLLED)
    return rolling_series(rolled, window=WINDOW, every=EVERY)


def costs_by_session(ticks: Sequence[Tick]) -> dict[str, list[float]]:
    """Return what each kind of cost took in each session, in money; interest earned is none."""
    paid: dict[str, list[float]] = {
        kind: [float(_booked(tick.transactions, account)) for tick in ticks]
        for kind, account in FEES.items()
    }
    for kind in ("spread", "slippage", "impact"):
        paid[kind] = [
            float(sum((getattr(fill, f"{kind}_cost") for fill in tick.fills), start=ZERO))
            for tick in ticks
        ]
    return paid


def traded_bars(market: MarketData, calendar: TradingCalendar) -> Bars:
    """Return what gives a ticker's bar of a session as it was traded, seen from its close."""
    seen: dict[date, Callable[[str], Bar | None]] = {}

    def look(session: date) -> Callable[[str], Bar | None]:
        view = market.view(calendar.closes_at(session) + MOMENT)

        def bar(symbol: str) -> Bar | None:
            try:
                found = view.bars(symbol, start=session, end=session, how=AS_TRADED)
            except NotFound:
                return None
            if not len(found.sessions):
                return None
            figures = (found.high[-1], found.low[-1], found.close[-1])
            high, low, close = (max(to_micro(float(each)), MILLIONTH) for each in figures)
            return Bar(high, low, close)

        return bar

    def bars(symbol: str, session: date) -> Bar | None:
        if session not in seen:
            seen.clear()  # sessions are asked about one after the other
            seen[session] = look(session)
        return seen[session](symbol)

    return bars


def _booked(transactions: Sequence[Transaction], account: str) -> Decimal:
    return sum(
        (
            entry.amount
            for transaction in transactions
            for entry in transaction.entries
            if entry.account == account
        ),
        start=ZERO,
    )


def _intervals(points: Growth, seed: int) -> tuple[IntervalEstimate, ...]:
    if len(points) < 30 or min(points) <= 0:
        return ()
    try:
        return intervals(points, seed=seed, resampling=Resampling(resamples=RESAMPLES))
    except InvalidRequest:  # a curve that never moves has nothing to draw from
        return ()


def _exposure(ticks: Sequence[Tick]) -> Exposure | None:
    alive = [tick.mark for tick in ticks if tick.mark.equity > 0]
    if not alive:
        return None
    longs = [sum((p.market_value for p in m.positions if p.quantity > 0), ZERO) for m in alive]
    shorts = [sum((-p.market_value for p in m.positions if p.quantity < 0), ZERO) for m in alive]
    levels = [float(mark.equity) for mark in alive]
    return exposure(np.array(longs, float), np.array(shorts, float), levels)


def _attribution(
    points: Growth, base: Sequence[float], paid: Mapping[str, Sequence[float]]
) -> CostAttribution | None:
    if len(points) < 2 or min(points) <= 0 or min(base) <= 0:
        return None
    try:
        return cost_attribution(points, base, paid)
    except InvalidRequest:  # a return of -100 % links to nothing
        return None


def _unspent(
    points: Growth, base: Sequence[float], paid: Mapping[str, Sequence[float]]
) -> PerformanceMetrics | None:
    """Score the curve as it would be had the model cost nothing; None where it did."""
    spent = paid["model_spend"]
    if not any(spent) or len(points) < 3 or min(points) <= 0 or min(base) <= 0:
        return None
    return performance(without_costs(points, base, {"model_spend": spent}))
