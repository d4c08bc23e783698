"""Bars and orders as arrays, and what they must be before one meets the other."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from quant.arrays import Floats
from schemas.errors import InvalidRequest
from schemas.orders import OrderType, TimeInForce

Codes = NDArray[np.int64]

ORDER_TYPES: tuple[OrderType, ...] = ("market", "limit", "stop", "stop_limit")
TIMES_IN_FORCE: tuple[TimeInForce, ...] = ("day", "gtc", "ioc", "fok", "at_open", "at_close")


@dataclass(frozen=True, slots=True)
class Bars:
    """Prices and volume of N names in T sessions, each (T, N); NaN where a name has no bar."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


@dataclass(frozen=True, slots=True)
class Orders:
    """M orders, each array (M,), in the order they were placed.

    Orders of one `account` (any number) share what a bar offers. `name` is a column of the bars and
    `first` the row of the session the order is placed for; `side` is 1 for a buy and −1 for a sale;
    `order_type` and `time_in_force` are places in `ORDER_TYPES` and `TIMES_IN_FORCE`; `limit` and
    `stop` are NaN where the type takes none.
    """

    account: Codes
    name: Codes
    first: Codes
    side: Codes
    order_type: Codes
    time_in_force: Codes
    quantity: Floats
    limit: Floats
    stop: Floats


def checked_bars(bars: Bars) -> Bars:
    """Return bars that can be: all prices of one or none, and in their order."""
    shape = bars.close.shape
    if len(shape) != 2 or any(getattr(bars, each.name).shape != shape for each in fields(bars)):
        raise InvalidRequest("bars must be five arrays of one shape (T, N).")
    traded = ~np.isnan(bars.close)
    for name in ("open", "high", "low", "close"):
        prices = getattr(bars, name)[traded]
        if not (np.isfinite(prices).all() and (prices > 0.0).all()):
            raise InvalidRequest(f"{name} must be above zero wherever there is a bar.")
    highest = np.fmax(bars.open, bars.close)
    lowest = np.fmin(bars.open, bars.close)
    if ((bars.high < highest) | (bars.low > lowest)).any():
        raise InvalidRequest("a high must be the highest price of its bar, and a low the lowest.")
    if (bars.volume < 0.0).any() or np.isinf(bars.volume).any():
        raise InvalidRequest("volume must be finite and not negative; NaN where it is not known.")
    return bars


def checked_orders(orders: Orders, shape: tuple[int, ...]) -> Floats:
    """Return the figures of orders that can be, (M, 12), bars being of that shape (T, N).

    The columns are those of `quant.matching_compiled`: what was asked, then what has been done
    and the turn.
    """
    if len({getattr(orders, each.name).shape for each in fields(orders)}) != 1:
        raise InvalidRequest("an order has nine figures: all arrays must be equally long.")
    for name, size in (
        ("first", shape[0]),
        ("name", shape[1]),
        ("order_type", len(ORDER_TYPES)),
        ("time_in_force", len(TIMES_IN_FORCE)),
    ):
        places = getattr(orders, name)
        if ((places < 0) | (places >= size)).any():
            raise InvalidRequest(f"{name} must lie from 0 to {size - 1}.")
    if not (np.abs(orders.side) == 1).all():
        raise InvalidRequest("side must be 1 for a buy and -1 for a sale.")
    if not (np.isfinite(orders.quantity) & (orders.quantity > 0.0)).all():
        raise InvalidRequest("quantity must be finite and above zero.")
    if ((orders.order_type >= 2) & (orders.time_in_force >= 2)).any():
        raise InvalidRequest("a stop is good for the day or until cancelled.")
    for name, wanted in (("limit", (1, 3)), ("stop", (2, 3))):
        prices, needs = getattr(orders, name), np.isin(orders.order_type, wanted)
        priced = np.isfinite(prices) & (prices > 0.0)
        if not np.where(needs, priced, np.isnan(prices)).all():
            raise InvalidRequest(f"a {name} is above zero, and NaN where the type takes none.")
    rounded = (np.rint(each * 1e6) / 1e6 for each in (orders.quantity, orders.limit, orders.stop))
    codes = (orders.side, orders.order_type, orders.time_in_force, orders.first)
    has_no_stop = orders.order_type < 2
    nothing, turn = np.zeros((len(has_no_stop), 3)), np.zeros(len(has_no_stop))
    return np.column_stack((*codes, *rounded, nothing, has_no_stop, turn)).astype(np.float64)
