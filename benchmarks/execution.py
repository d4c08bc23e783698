"""Orders a second on one core: the exchange on arrays beside the one that keeps the books.

`python -m benchmarks.execution` prints p10, median and p90 of orders a second, for the default
costs and for all of them together, and how many times as long the exchange in Decimal takes. Of
orders to the latter the making of the message is not counted; placing it, its moves, its fills and
their booking in the ledger are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from adapters.broker.simulated import SimulatedBroker
from adapters.calendar import ExchangeCalendar
from adapters.clock import SimulatedClock
from adapters.market.table import PriceArrays, PriceTable
from interfaces.broker import Posting
from quant.matching import match
from quant.matching_inputs import ORDER_TYPES, TIMES_IN_FORCE, Bars, Orders
from schemas.base import to_micro
from schemas.execution import (
    AlmgrenChrissImpact,
    CorwinSchultzSpread,
    ExecutionModel,
    LimitTouchFills,
    Participation,
    PerShareCommission,
    VolumeShareSlippage,
)
from schemas.market import DatasetInfo
from schemas.orders import Order, Terms
from schemas.risk import RiskLimits
from trading.account import CAPITAL, CASH
from trading.order_states import intend

SESSIONS, NAMES, ORDERS, REPEATS = 504, 100, 400_000, 15
BOOKED_SESSIONS, BOOKED_ORDERS, BOOKED_REPEATS = 40, 4_000, 5
REACH = 200_000
NYSE = ExchangeCalendar("XNYS")
RICH = RiskLimits(allow_short=True, allow_leverage=True, max_gross_share=Decimal(100))
MODELS = {
    "default costs": ExecutionModel(),
    "all costs": ExecutionModel(
        fills=LimitTouchFills(),
        commission=PerShareCommission(per_share=Decimal("0.005"), minimum=Decimal(1)),
        spread=CorwinSchultzSpread(),
        slippage=VolumeShareSlippage(),
        impact=AlmgrenChrissImpact(),
        participation=Participation(max_share=Decimal("0.01"), carry_sessions=3),
    ),
}


def random_bars(rng: np.random.Generator, sessions: int, names: int) -> Bars:
    """Return random walks of 1.5 % a session, with overnight gaps and wicks."""
    shape = (sessions, names)
    close = np.round(50.0 * np.exp(np.cumsum(rng.normal(0, 0.015, shape), axis=0)), 2) + 0.01
    opened = np.round(close * np.exp(rng.normal(0, 0.005, shape)), 2) + 0.01
    high = np.maximum(opened, close) + np.round(np.abs(rng.normal(0, 0.3, shape)), 2)
    low = np.minimum(opened, close) * (1 - np.abs(rng.normal(0, 0.005, shape)))
    low = np.maximum(np.floor(low * 100) / 100, 0.01)
    return Bars(opened, high, low, close, rng.integers(20_000, 200_000, shape) * 1.0)


def random_orders(rng: np.random.Generator, bars: Bars, count: int) -> Orders:
    """Return orders of all types and times in force, priced around the close before."""
    sessions, names = bars.close.shape
    name, first = rng.integers(0, names, count), rng.integers(1, sessions, count)
    side, kind = rng.choice([-1, 1], count), rng.integers(0, 4, count)
    force = np.where(kind < 2, rng.integers(0, 6, count), rng.integers(0, 2, count))
    last = bars.close[first - 1, name]
    limit = np.round(last * (1 + rng.normal(0, 0.01, count)), 2)
    stop = np.round(last * (1 + side * np.abs(rng.normal(0, 0.01, count))), 2)
    return Orders(
        account=np.zeros(count, dtype=np.int64),
        name=name,
        first=first,
        side=side,
        order_type=kind,
        time_in_force=force,
        quantity=rng.integers(1, 500, count) * 1.0,
        limit=np.where((kind == 1) | (kind == 3), limit, np.nan),
        stop=np.where(kind >= 2, stop, np.nan),
    )


def market_of(bars: Bars, sessions: tuple[date, ...]) -> PriceTable:
    """Return the bars as a market that is known day by day."""
    names = tuple(f"N{n:03d}" for n in range(bars.close.shape[1]))
    days = np.array(sessions, "datetime64[D]")
    prices = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    arrays = PriceArrays(names, days, *prices)
    info = DatasetInfo(
        name="random",
        description="random walks",
        data_hash=arrays.digest(),
        calendar="XNYS",
        currency="USD",
        close_only=False,
        adjustment="raw",
        symbols=names,
        benchmarks=(),
        caveats=(),
    )
    return PriceTable(info, arrays, NYSE)


def intents(orders: Orders, sessions: tuple[date, ...]) -> dict[int, list[Order]]:
    """Return the orders as messages, by the row of their session."""
    made: dict[int, list[Order]] = {}
    for i, row in enumerate(orders.first):
        prices = {"limit_price": orders.limit[i], "stop_price": orders.stop[i]}
        known = {name: to_micro(float(p)) for name, p in prices.items() if not np.isnan(p)}
        order = Order(
            client_order_id=f"order-{i}",
            agent="bench",
            sequence=i,
            session=sessions[row],
            symbol=f"N{orders.name[i]:03d}",
            side="buy" if orders.side[i] > 0 else "sell",
            quantity=to_micro(float(orders.quantity[i])),
            terms=Terms(
                order_type=ORDER_TYPES[orders.order_type[i]],
                time_in_force=TIMES_IN_FORCE[orders.time_in_force[i]],
                **known,
            ),
            reason="measured",
            placed_as_of=NYSE.opens_at(sessions[row]),
        )
        made.setdefault(int(row), []).append(intend(order))
    return made


def keep_books(
    market: PriceTable, model: ExecutionModel, asked: dict[int, list[Order]], days: tuple[date, ...]
) -> int:
    """Take the orders through the exchange that keeps the books; return the number of fills."""
    clock = SimulatedClock(NYSE.opens_at(days[1]))
    exchange = SimulatedBroker(
        clock=clock, market=market, run_key="a" * 64, currency="USD", execution=model, limits=RICH
    )
    fills = 0
    for row in range(1, len(days)):
        clock.move_to(NYSE.opens_at(days[row]))
        exchange.begin(row - 1, days[row])
        if row == 1:
            capital = Decimal("1000000000.00")
            exchange.post(
                "deposit", "Capital", [Posting(CASH, capital), Posting(CAPITAL, -capital)]
            )
        for order in asked.get(row, []):
            exchange.submit(order)
        clock.move_to(NYSE.closes_at(days[row]) + timedelta(seconds=1))
        exchange.settle()
        fills += len(exchange.end().fills)
    return fills


def rates(ways: dict[str, Callable[[], int]], orders: int, repeats: int) -> dict[str, list[float]]:
    """Time each way in turn; return orders a second, one a repeat."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            fills = way()
            taken[name].append(orders / (time.perf_counter() - start))
            if not number:
                print(f"{name}: {fills:,} fills of {orders:,} orders")
    return taken


def tell(taken: dict[str, list[float]], *, reach: int | None = None) -> None:
    """Print p10, median and p90 of each way."""
    for name, found in taken.items():
        low, median, high = np.percentile(found, [10, 50, 90])
        told = (
            "" if reach is None else f"; reach {reach:,} {'met' if median >= reach else 'MISSED'}"
        )
        print(f"{name:24} {low:11,.0f} {median:11,.0f} {high:11,.0f} orders/s{told}")


def main() -> None:
    """Time both models on many orders, then on fewer beside the exchange in Decimal."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rng = np.random.default_rng(4)
    bars = random_bars(rng, SESSIONS, NAMES)
    orders = random_orders(rng, bars, ORDERS)
    start = time.perf_counter()
    match(random_orders(rng, bars, 10), bars, ExecutionModel())
    print(f"compiled or loaded in {time.perf_counter() - start:.1f} s")
    many = {
        name: lambda model=model: len(match(orders, bars, model).order)
        for name, model in MODELS.items()
    }
    tell(rates(many, ORDERS, REPEATS), reach=REACH)

    days = tuple(NYSE.sessions(date(2020, 1, 2), date(2020, 6, 30))[:BOOKED_SESSIONS])
    few_bars = random_bars(rng, BOOKED_SESSIONS, NAMES)
    few = random_orders(rng, few_bars, BOOKED_ORDERS)
    market, asked = market_of(few_bars, days), intents(few, days)
    for name, model in MODELS.items():
        taken = rates(
            {
                f"{name}, arrays": lambda model=model: len(match(few, few_bars, model).order),
                f"{name}, Decimal": lambda model=model: keep_books(market, model, asked, days),
            },
            BOOKED_ORDERS,
            BOOKED_REPEATS,
        )
        tell(taken)
        arrays, books = (np.median(found) for found in taken.values())
        print(
            f"{name}: the exchange that keeps the books takes {arrays / books:,.0f} times as long"
        )


if __name__ == "__main__":
    main()
