"""Orders a second through the simulated exchange on arrays, compiled, on one core.

`python -m benchmarks.execution` prints p10, median and p90 of orders a second, for the default
costs and for all of them together, and how many fills and order-sessions that took.
"""

from __future__ import annotations

import os
import time
from decimal import Decimal

import numpy as np

from quant.matching import match
from quant.matching_inputs import Bars, Orders
from schemas.execution import (
    AlmgrenChrissImpact,
    CorwinSchultzSpread,
    ExecutionModel,
    LimitTouchFills,
    Participation,
    PerShareCommission,
    VolumeShareSlippage,
)

SESSIONS, NAMES, ORDERS, REPEATS = 504, 100, 400_000, 15
REACH = 200_000
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


def main() -> None:
    """Time both models in turn on the same orders."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rng = np.random.default_rng(4)
    bars = random_bars(rng, SESSIONS, NAMES)
    orders = random_orders(rng, bars, ORDERS)
    start = time.perf_counter()
    match(random_orders(rng, bars, 10), bars, ExecutionModel())
    print(f"compiled or loaded in {time.perf_counter() - start:.1f} s")
    taken: dict[str, list[float]] = {name: [] for name in MODELS}
    for _ in range(REPEATS):
        for name, model in MODELS.items():
            start = time.perf_counter()
            matched = match(orders, bars, model)
            taken[name].append(ORDERS / (time.perf_counter() - start))
            if len(taken[name]) == 1:
                filled = int(np.count_nonzero(matched.filled))
                print(f"{name}: {filled} of {ORDERS} orders filled in {len(matched.order)} fills")
    for name, rates in taken.items():
        low, median, high = np.percentile(rates, [10, 50, 90])
        told = "reached" if median >= REACH else "MISSED"
        print(
            f"{name:14} {low:10,.0f} {median:10,.0f} {high:10,.0f} orders/s; "
            f"reach {REACH:,}: {told}"
        )


if __name__ == "__main__":
    main()
