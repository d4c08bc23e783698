"""The simulated exchange on arrays: many orders against the bars of a market.

The rules are those of the exchange that keeps the books (in Decimal, `trading/execution`), less
what needs them: no order is cut for want of cash or holdings, none waits for another, nothing
splits. It is meant for sweeps over thousands of order plans; what is booked is settled there.

Prices and quantities are rounded to 1e-6 and amounts to the cent, as there. Timing: an order stands
at the open of its first session and sees nothing of it; daily volume, volatility and spread are
those of the sessions before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quant.arrays import Floats
from quant.matching_compiled import DONE, Desk, run
from quant.matching_inputs import Bars, Codes, Orders, checked_bars, checked_orders
from quant.matching_model import market_of, rules_of, tiers_of
from schemas.execution import ExecutionModel, FillConvention
from schemas.orders import OrderStatus

STATUSES: tuple[OrderStatus, ...] = (
    "accepted",
    "partially_filled",
    "filled",
    "cancelled",
    "rejected",
    "expired",
)
CONVENTIONS: tuple[FillConvention, ...] = ("open", "close", "vwap", "limit", "stop")


@dataclass(frozen=True, slots=True)
class Matched:
    """What became of M orders, (M,), and their F fills, (F,), sorted by order, then session.

    `status` is a place in `STATUSES`, `convention` one in `CONVENTIONS`; `order` and `session` are
    rows. `reference` is the market's price before spread, slippage and impact.
    """

    status: Codes
    filled: Floats
    order: Codes
    session: Codes
    quantity: Floats
    reference: Floats
    price: Floats
    amount: Floats
    commission: Floats
    convention: Codes


def match(orders: Orders, bars: Bars, execution: ExecutionModel) -> Matched:
    """Return what becomes of the orders.

    One whose time has not run out when the bars end stays `accepted` or `partially_filled`.

    Raises
    ------
    InvalidRequest : arrays that do not fit each other; figures that cannot be; an execution model
        with latency, which only the exchange that keeps the books knows.
    """
    market = market_of(checked_bars(bars), execution)
    ranked = np.lexsort((orders.first, orders.name, orders.account))
    starts, names = _groups(orders, ranked)
    desk = Desk(
        rules=rules_of(execution),
        tiers=tiers_of(execution.commission),
        bars=market,
        orders=np.ascontiguousarray(checked_orders(orders, bars.close.shape)[ranked]),
        status=np.zeros(len(ranked), dtype=np.int64),
        starts=starts,
        names=names,
        traded=np.zeros(2),
        made=np.zeros(1, dtype=np.int64),
    )
    fills = run(desk)
    of_order = np.argsort(ranked)
    placed = ranked[fills[:, 0].astype(np.int64)]
    # An order's fills are in the order of sessions already.
    by_order = np.argsort(placed, kind="stable")
    _, session, quantity, reference, price, amount, commission, convention = fills[by_order].T
    return Matched(
        status=desk.status[of_order],
        filled=desk.orders[of_order, DONE],
        order=placed[by_order],
        session=session.astype(np.int64),
        quantity=quantity,
        reference=reference,
        price=price,
        amount=amount,
        commission=commission,
        convention=convention.astype(np.int64),
    )


def _groups(orders: Orders, ranked: Codes) -> tuple[Codes, Codes]:
    """Return where orders of one account and name begin in `ranked`, its end, and the names."""
    names = orders.name[ranked]
    apart = (np.diff(orders.account[ranked]) != 0) | (np.diff(names) != 0)
    begin = np.concatenate(([0], np.flatnonzero(apart) + 1)) if len(ranked) else ranked
    return np.append(begin, len(ranked)), names[begin]
