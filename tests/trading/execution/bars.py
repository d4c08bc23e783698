"""Bars, orders and past bars written in few words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np

from quant.arrays import Floats
from schemas.orders import MARKET_DAY, Order, OrderStatus, Side, Terms
from trading.execution.bars import SessionBar

DAY = date(2020, 1, 2)
OPENED = datetime(2020, 1, 2, 14, 30, tzinfo=UTC)


def bar(prices: str, volume: str | None = None, *, close_only: bool = False) -> SessionBar:
    """Return a bar from `open high low close`, or from a close alone."""
    numbers = [Decimal(each) for each in prices.split()]
    opened, high, low, close = numbers * 4 if len(numbers) == 1 else numbers
    units = None if volume is None else Decimal(volume)
    return SessionBar(DAY, opened, high, low, close, units, close_only)


def order(
    side: Side,
    quantity: str = "100",
    terms: Terms = MARKET_DAY,
    *,
    agent: str = "a",
    sequence: int = 0,
    status: OrderStatus = "accepted",
) -> Order:
    """Return an order of AAA that works."""
    return Order(
        client_order_id=f"{agent}{sequence}",
        agent=agent,
        sequence=sequence,
        session=DAY,
        symbol="AAA",
        side=side,
        quantity=Decimal(quantity),
        terms=terms,
        reason="because",
        status=status,
        placed_as_of=OPENED,
    )


@dataclass(frozen=True, slots=True)
class Before:
    """Past bars as arrays."""

    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    close_only: bool = False


def before(
    closes: list[float],
    *,
    volumes: list[float] | None = None,
    highs: list[float] | None = None,
    lows: list[float] | None = None,
    close_only: bool = False,
) -> Before:
    """Return past bars; highs and lows are the closes unless told."""
    array = np.array(closes, dtype=np.float64)
    units = np.array(volumes or [np.nan] * len(closes), dtype=np.float64)
    top = np.array(highs) if highs else array
    bottom = np.array(lows) if lows else array
    return Before(top, bottom, array, units, close_only)
