"""Which price of a bar a market order gets, and how far a bar must pass a resting limit."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from schemas.base import to_micro
from schemas.execution import (
    CloseFills,
    FillConvention,
    FillPolicy,
    LimitTouchFills,
    OpenFills,
    VwapFills,
)
from trading.execution.bars import SessionBar
from trading.execution.commissions import BPS


class FillRule(Protocol):
    """A price of the bar for market orders; where only closes exist it is the close for all."""

    convention: FillConvention
    penetration: Decimal
    """By what share of its price a bar must pass a resting limit order; 0: it must touch it."""


class AtOpen:
    """The session's open."""

    convention: FillConvention = "open"
    penetration = Decimal()


class AtClose:
    """The session's close."""

    convention: FillConvention = "close"
    penetration = Decimal()


class AtVwap:
    """The bar's average price, for want of the true one."""

    convention: FillConvention = "vwap"
    penetration = Decimal()


class LimitTouch:
    """The open; a resting limit order waits until the bar passes its price."""

    convention: FillConvention = "open"

    def __init__(self, terms: LimitTouchFills) -> None:
        self.penetration = terms.penetration_bps / BPS


def fill_rule(terms: FillPolicy) -> FillRule:
    """Return the policy behind a message."""
    match terms:
        case OpenFills():
            return AtOpen()
        case CloseFills():
            return AtClose()
        case VwapFills():
            return AtVwap()
        case LimitTouchFills():
            return LimitTouch(terms)


def price_of(bar: SessionBar, convention: FillConvention) -> tuple[Decimal, FillConvention]:
    """Return a price of the bar by its name, and the name of what it is."""
    if convention == "close" or bar.close_only:
        return bar.close, "close"
    if convention == "vwap":
        return to_micro((bar.open + bar.high + bar.low + bar.close) / 4), "vwap"
    return bar.open, "open"
