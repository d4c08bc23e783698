"""What a fund's expense ratio costs: accrued every calendar day, on a year of 365.

A fund takes 1/365 of its ratio from its assets each calendar day, weekends and leap days too,
before it states its net asset value. The price of a traded ETF, and a mutual fund's net asset
value, already carry this: taking it off once more counts it twice. These functions are for what has
no such price (an index turned into a fund, a fund's gross return) and for telling what was paid
inside a price that is known.

Shapes: (T,) float64; returns are simple, of consecutive intervals; ratios are decimals a year
(0.0009 is 9 basis points). `InvalidRequest` for NaN, unequal lengths or ratios outside [0, 1).

Source: SEC Form N-1A, Item 3 (the fee table and its example); Investment Company Act rule 2a-4
(expenses are accrued daily into the net asset value).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_vector
from schemas.errors import InvalidRequest

DAYS = 365


def daily_accrual(assets: ArrayLike, expense_ratio: float) -> Floats:
    """Return the money a fund of these (T,) assets takes on each of T days."""
    return finite_vector(assets, "assets") * (_ratio(expense_ratio) / DAYS)


def drag(expense_ratio: float, calendar_days: float) -> float:
    """Return the share of the end value that so many days of the ratio take away."""
    if not (math.isfinite(calendar_days) and calendar_days >= 0):
        raise InvalidRequest("calendar_days must not be negative.")
    return -math.expm1(calendar_days * math.log1p(-_ratio(expense_ratio) / DAYS))


def net_returns(gross: ArrayLike, calendar_days: ArrayLike, *, expense_ratio: float) -> Floats:
    """Return (T,) returns after the ratio from (T,) returns before it.

    `calendar_days` (T,) are those each return covers: 3 from Friday's close to Monday's.
    """
    before, kept = _paired(gross, calendar_days, expense_ratio)
    return (1 + before) * kept - 1


def gross_returns(net: ArrayLike, calendar_days: ArrayLike, *, expense_ratio: float) -> Floats:
    """Return what (T,) net returns were before the ratio: the inverse of `net_returns`."""
    after, kept = _paired(net, calendar_days, expense_ratio)
    return (1 + after) / kept - 1


def cost_of_holding(values: ArrayLike, calendar_days: ArrayLike, *, expense_ratio: float) -> float:
    """Return the money the ratio took from a holding.

    `values` (T,) are the holding's worth at the start of each interval, net as it is quoted;
    within an interval it is held to be constant.
    """
    held, days = finite_vector(values, "values"), _days(calendar_days)
    _require_same(held, days)
    return float(held @ days) * _ratio(expense_ratio) / DAYS


def _paired(
    returns: ArrayLike, calendar_days: ArrayLike, expense_ratio: float
) -> tuple[Floats, Floats]:
    rates, days = finite_vector(returns, "returns"), _days(calendar_days)
    _require_same(rates, days)
    return rates, np.exp(days * math.log1p(-_ratio(expense_ratio) / DAYS))


def _days(calendar_days: ArrayLike) -> Floats:
    days = finite_vector(calendar_days, "calendar_days")
    if float(days.min()) < 0:
        raise InvalidRequest("calendar_days must not be negative.")
    return days


def _require_same(values: Floats, days: Floats) -> None:
    if len(values) != len(days):
        raise InvalidRequest("give as many calendar_days as values.")


def _ratio(expense_ratio: float) -> float:
    if not (math.isfinite(expense_ratio) and 0 <= expense_ratio < 1):
        raise InvalidRequest("expense_ratio must be a decimal from 0 to below 1.")
    return expense_ratio
