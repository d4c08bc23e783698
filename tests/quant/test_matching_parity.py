"""The exchange on arrays does what the exchange that keeps the books does."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from adapters.market.table import PriceArrays, PriceTable
from quant.matching import CONVENTIONS, STATUSES, match
from quant.matching_inputs import ORDER_TYPES, TIMES_IN_FORCE, Bars, Orders
from schemas.base import to_micro
from schemas.execution import ExecutionModel
from schemas.market import DatasetInfo
from schemas.orders import Fill, Order, Terms
from schemas.risk import RiskLimits
from tests.quant.matching_cases import MODELS, random_bars, random_orders
from tests.trading.samples import DAYS, NYSE, Run

RICH = RiskLimits(allow_short=True, allow_leverage=True, max_gross_share=Decimal(100))


def market(bars: Bars) -> PriceTable:
    names = tuple(f"N{n:02d}" for n in range(bars.close.shape[1]))
    arrays = PriceArrays(
        names,
        np.array(DAYS, "datetime64[D]"),
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.volume,
    )
    info = DatasetInfo(
        name="random",
        description="generated",
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


def terms(orders: Orders, i: int) -> Terms:
    prices = {
        f"{name}_price": to_micro(float(price))
        for name, price in (("limit", orders.limit[i]), ("stop", orders.stop[i]))
        if not np.isnan(price)
    }
    return Terms(
        order_type=ORDER_TYPES[orders.order_type[i]],
        time_in_force=TIMES_IN_FORCE[orders.time_in_force[i]],
        **prices,
    )


def booked(orders: Orders, bars: Bars, model: ExecutionModel) -> tuple[list[Order], list[Fill]]:
    """Hand the orders to the exchange that keeps the books, for an account that affords all."""
    run = Run(market(bars), model, limits=RICH)
    placed: list[str] = []
    while True:
        run.begin()
        if run.row == 1:
            run.deposit("1000000000.00")
        for i in np.flatnonzero(orders.first == run.row):
            order = run.submit(
                f"N{orders.name[i]:02d}",
                "buy" if orders.side[i] > 0 else "sell",
                str(to_micro(float(orders.quantity[i]))),
                terms(orders, int(i)),
            )
            placed.append(order.client_order_id)
        last = run.row == len(DAYS) - 1
        run.end()
        if last:
            break
    ended = [run.exchange.order(name) for name in placed]
    return ended, list(run.exchange.fills(since=DAYS[0]))


def compare(seed: int, count: int, model: ExecutionModel) -> int:
    rng = np.random.default_rng(seed)
    bars = random_bars(rng, len(DAYS), 6)
    return same(random_orders(rng, bars, count), bars, model)


def same(orders: Orders, bars: Bars, model: ExecutionModel) -> int:
    """See that both exchanges do the same; return the number of fills."""
    ended, fills = booked(orders, bars, model)
    matched = match(orders, bars, model)
    assert [STATUSES[code] for code in matched.status] == [order.status for order in ended]
    assert matched.filled.tolist() == pytest.approx(
        [float(order.filled_quantity) for order in ended], rel=1e-9, abs=1e-9
    )
    place = {order.client_order_id: i for i, order in enumerate(ended)}
    fills.sort(key=lambda fill: (place[fill.client_order_id], fill.session))
    assert matched.order.tolist() == [place[fill.client_order_id] for fill in fills]
    assert [DAYS[row] for row in matched.session] == [fill.session for fill in fills]
    assert [CONVENTIONS[code] for code in matched.convention] == [f.convention for f in fills]
    for ours, theirs in (
        (matched.quantity, [fill.quantity for fill in fills]),
        (matched.reference, [fill.reference_price for fill in fills]),
        (matched.price, [fill.price for fill in fills]),
        (matched.amount, [fill.amount for fill in fills]),
        (matched.commission, [fill.commission for fill in fills]),
    ):
        assert ours.tolist() == pytest.approx([float(each) for each in theirs], rel=1e-9, abs=0)
    return len(fills)


@pytest.mark.parametrize("name", MODELS)
def test_random_orders_end_as_on_the_exchange_that_keeps_the_books(name: str) -> None:
    assert compare(7, 120, MODELS[name]) > 30


def test_orders_for_the_open_agree_where_the_others_take_the_close() -> None:
    """Half of the market orders are for the open; all share a bar that is too small for them."""
    model = MODELS["close, and all share the volume"]
    rng = np.random.default_rng(3)
    bars = random_bars(rng, len(DAYS), 2)
    asked = random_orders(rng, bars, 120)
    opens = rng.random(120) < 0.5
    force = np.where(opens, TIMES_IN_FORCE.index("at_open"), TIMES_IN_FORCE.index("gtc"))
    asked = replace(asked, time_in_force=np.where(asked.order_type < 2, force, 0))
    matched = match(asked, bars, model)
    opened, closed = (
        {(asked.name[matched.order[f]], matched.session[f]) for f in np.flatnonzero(found)}
        for found in (matched.convention == CONVENTIONS.index(name) for name in ("open", "close"))
    )
    assert len(opened & closed) > 5  # bars that both have drawn on
    assert same(asked, bars, model) == len(matched.order)


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_many_random_orders_end_as_on_the_exchange_that_keeps_the_books(name: str) -> None:
    for seed in range(20):
        compare(100 + seed, 600, MODELS[name])
