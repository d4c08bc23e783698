"""Random bars and orders for the exchange on arrays, and models that use every rule of it."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from quant.matching_inputs import Bars, Orders
from schemas.execution import (
    AlmgrenChrissImpact,
    BpsCommission,
    BpsSlippage,
    CloseFills,
    CorwinSchultzSpread,
    ExecutionModel,
    FixedSpread,
    LimitTouchFills,
    OpenFills,
    Participation,
    PerOrderCommission,
    PerShareCommission,
    SquareRootImpact,
    Tier,
    TieredCommission,
    VolumeShareSlippage,
    VwapFills,
)

FREE = ExecutionModel(
    commission=BpsCommission(bps=Decimal(0)),
    spread=FixedSpread(half_bps=Decimal(0)),
    slippage=BpsSlippage(bps=Decimal(0)),
)
MODELS = {
    "default": ExecutionModel(),
    "close and a fee an order": ExecutionModel(
        fills=CloseFills(), commission=PerOrderCommission(fee=Decimal("1.25"))
    ),
    "close, and all share the volume": ExecutionModel(
        fills=CloseFills(),
        impact=SquareRootImpact(window=4, gamma=Decimal("0.2")),
        participation=Participation(max_share=Decimal("0.01"), carry_sessions=2),
    ),
    "vwap and whole units": ExecutionModel(
        fills=VwapFills(),
        fractional=False,
        commission=PerShareCommission(
            per_share=Decimal("0.0053"), minimum=Decimal("0.35"), max_share=Decimal("0.01")
        ),
    ),
    "limit touch and tiers": ExecutionModel(
        fills=LimitTouchFills(penetration_bps=Decimal(7)),
        commission=TieredCommission(
            tiers=(
                Tier(up_to=Decimal(2000), bps=Decimal(9)),
                Tier(up_to=Decimal(9000), bps=Decimal("4.5")),
                Tier(up_to=None, bps=Decimal(1)),
            )
        ),
        participation=Participation(max_share=Decimal("0.013"), carry_sessions=2),
    ),
    "impact and estimated spread": ExecutionModel(
        fills=OpenFills(),
        commission=BpsCommission(bps=Decimal("2.5"), minimum=Decimal(1)),
        spread=CorwinSchultzSpread(sessions=5),
        impact=AlmgrenChrissImpact(window=6, days=Decimal("0.5"), inverse_turnover=Decimal(87)),
        participation=Participation(max_share=Decimal("0.02"), carry_sessions=5),
    ),
    "square root and volume share": ExecutionModel(
        slippage=VolumeShareSlippage(volume_limit=Decimal("0.03")),
        impact=SquareRootImpact(window=4, gamma=Decimal("0.1")),
        fractional=False,
    ),
}


def random_bars(rng: np.random.Generator, sessions: int, names: int) -> Bars:
    """Walks of about 2 % a session in cents; some sessions have no bar or no known volume."""
    shape = (sessions, names)
    start = rng.uniform(5.0, 200.0, names)
    close = np.round(start * np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=0)), 2)
    opened = np.round(close * np.exp(rng.normal(0, 0.01, shape)), 2)
    reach = np.round(close * np.abs(rng.normal(0, 0.01, (2, *shape))), 2)
    high = np.round(np.maximum(opened, close) + reach[0], 2)
    low = np.round(np.maximum(np.minimum(opened, close) - reach[1], 0.01), 2)
    volume = np.floor(rng.uniform(1_000, 30_000, shape))
    volume[rng.random(shape) < 0.03] = np.nan
    volume[rng.random(shape) < 0.03] = 0.0
    for each in (opened, high, low, close, volume):
        each[:, 0] = np.where(np.arange(sessions) % 9 == 8, np.nan, each[:, 0])
    return Bars(opened, high, low, close, volume)


def random_orders(rng: np.random.Generator, bars: Bars, count: int, *, first: int = 1) -> Orders:
    """Orders of all types and times in force around the prices of their names, by session."""
    sessions, names = bars.close.shape
    begun = np.sort(rng.integers(first, sessions, count))
    name, side = rng.integers(0, names, count), rng.choice([-1, 1], count)
    kind = rng.integers(0, 4, count)
    force = np.where(kind < 2, rng.integers(0, 6, count), rng.integers(0, 2, count))
    price = np.nan_to_num(bars.close[begun - 1, name], nan=50.0)
    limit = np.round(price * (1 + rng.normal(0, 0.02, count)), 2)
    stop = np.round(price * (1 + rng.normal(0, 0.02, count)), 2)
    whole = np.round(rng.uniform(1, 400, count))
    quantity = np.where(rng.random(count) < 0.5, whole, np.round(rng.uniform(0, 400, count), 6))
    return Orders(
        account=np.zeros(count, dtype=np.int64),
        name=name,
        first=begun,
        side=side,
        order_type=kind,
        time_in_force=force,
        quantity=np.maximum(quantity, 1e-6),
        limit=np.where((kind == 1) | (kind == 3), limit, np.nan),
        stop=np.where(kind >= 2, stop, np.nan),
    )
