"""A bond with fixed coupons: accrued interest, price, yield, duration, convexity.

Everything is per 100 of face value, in the bond's money; yields are decimals per year compounded
`frequency` times. Settlement is the day the money moves; a coupon paid on that day belongs to the
seller. Coupon dates are counted back from maturity and moved for no holiday; a bond that matures on
the last day of a month pays on the last days of months. A regular coupon is `coupon_annual` ÷
`frequency` under every day count; day counts part the accrued interest and odd first coupons.

The price is of the coupons and the face, each discounted by (1 + y/f) to the power of the periods
until it is paid. The part of the current period is discounted by the same power ("compound", the
practice of the market) or by simple interest ("simple", that of the Treasury's auctions); in the
last period before maturity interest is simple under both.

Source: SIFMA, Standard Securities Calculation Methods (Mayle 1993); 31 CFR 356 Appendix B, which
`first_period="simple"` follows; Fabozzi, Bond Markets, Analysis and Strategies, chapters 2 to 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
from scipy.optimize import brentq

from quant.arrays import Floats
from quant.day_counts import DayCount, actual_days, add_months, days_30_360, is_end_of_month
from schemas.errors import InvalidRequest

FACE = 100.0
_BASIS_POINT = 1e-4
_YIELD_CEILING = 1e9


@dataclass(frozen=True, slots=True)
class Bond:
    """Fixed coupons until maturity, and the face value then.

    With `dated`, the day interest begins, the first coupon may be odd; it is paid on
    `first_coupon`, or on the first coupon date after `dated` when that is left out. Raises
    `InvalidRequest` for anything that is no such bond.
    """

    coupon_annual: float
    maturity: date
    frequency: Literal[1, 2, 4, 12] = 2
    day_count: DayCount = "actual/actual"
    dated: date | None = None
    first_coupon: date | None = None
    first_period: Literal["compound", "simple"] = "compound"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.coupon_annual) and 0 <= self.coupon_annual <= 10):
            raise InvalidRequest("coupon_annual must lie between 0 and 10 (1 is 100 %).")
        if self.frequency not in (1, 2, 4, 12):
            raise InvalidRequest("frequency must be 1, 2, 4 or 12 coupons a year.")
        if self.dated is not None and self.dated >= self.maturity:
            raise InvalidRequest("dated must lie before maturity.")
        first = self.first_coupon
        if first is None:
            return
        if self.dated is None or first <= self.dated:
            raise InvalidRequest("first_coupon must lie after dated.")
        if first > self.maturity or _coupon_date(self, _periods_left(self, first)) != first:
            raise InvalidRequest("first_coupon must be a coupon date counted back from maturity.")


@dataclass(frozen=True, slots=True)
class Valuation:
    """What a bond is worth at a yield, per 100 of face, and how that moves."""

    clean: float
    """The quoted price: without accrued interest."""
    accrued: float
    dirty: float
    """What is paid: clean + accrued."""
    macaulay_years: float
    """Mean time to the payments, weighted by present value."""
    modified_years: float
    """−(dP/dy) ÷ P of the dirty price."""
    convexity: float
    """(d²P/dy²) ÷ P of the dirty price, in years²."""
    dv01: float
    """What the price loses when the yield rises by a basis point, to the first order."""


def accrued_interest(bond: Bond, settlement: date) -> float:
    """Return the interest earned since the last coupon and not paid, per 100 of face.

    `InvalidRequest` unless the settlement lies in the bond's life, maturity excluded.
    """
    _require_alive(bond, settlement)
    first = _first_coupon(bond)
    if bond.dated is not None and first is not None and settlement < first:
        years = _years(bond, bond.dated, settlement)
    else:
        years = _years(bond, _coupon_date(bond, _periods_left(bond, settlement)), settlement)
        if bond.day_count == "30/360":
            # A coupon day cut to the end of February would earn its missing days twice.
            years = min(years, 1 / bond.frequency)
    return FACE * bond.coupon_annual * years


def valuation(bond: Bond, settlement: date, yield_annual: float) -> Valuation:
    """Return price and sensitivities at a yield above −frequency; likewise `InvalidRequest`."""
    _require_alive(bond, settlement)
    per_period = yield_annual / bond.frequency
    if not (math.isfinite(yield_annual) and per_period > -1):
        raise InvalidRequest(f"yield_annual must be a number above -{bond.frequency}.")
    flows = _flows(bond, settlement)
    values = flows.amounts * flows.discounts(per_period)
    dirty = float(values.sum())
    if not (math.isfinite(dirty) and dirty > 0):
        raise InvalidRequest("no price can be told at so extreme a yield.")
    slopes, curvatures = flows.sensitivities(per_period)
    frequency = bond.frequency
    modified = float(values @ slopes) / dirty / frequency
    accrued = accrued_interest(bond, settlement)
    return Valuation(
        clean=dirty - accrued,
        accrued=accrued,
        dirty=dirty,
        macaulay_years=float(values @ flows.periods) / dirty / frequency,
        modified_years=modified,
        convexity=float(values @ curvatures) / dirty / frequency**2,
        dv01=modified * dirty * _BASIS_POINT,
    )


def yield_to_maturity(bond: Bond, settlement: date, clean_price: float) -> float:
    """Return the yield at which the bond has this clean price per 100 of face.

    Negative where the price exceeds all that will be paid. `InvalidRequest` for a price that no
    yield gives.
    """
    dirty = clean_price + accrued_interest(bond, settlement)
    if not (math.isfinite(dirty) and dirty > 0):
        raise InvalidRequest("the price with accrued interest must be above zero.")
    flows = _flows(bond, settlement)

    def excess(per_period: float) -> float:
        return float(flows.amounts @ flows.discounts(per_period)) - dirty

    low, high = -0.5, 0.5
    while excess(low) < 0:
        low = (low - 1) / 2  # towards −1, where the price is beyond all bounds
        if low == -1:
            raise InvalidRequest("no yield gives so high a price.")
    while excess(high) > 0:
        high *= 2
        if high > _YIELD_CEILING:
            raise InvalidRequest("no yield gives so low a price.")
    # The library's annotation of what it returns covers its full output too.
    root: Any = brentq(excess, low, high, xtol=1e-14)
    return float(root) * bond.frequency


@dataclass(frozen=True, slots=True)
class _Flows:
    """What is still paid: (n,) amounts, and the times as the part of this period + whole ones."""

    amounts: Floats
    part: float
    whole: Floats
    simple: bool

    @property
    def periods(self) -> Floats:
        return self.part + self.whole

    def discounts(self, per_period: float) -> Floats:
        if self.simple:
            return (1 + per_period) ** -self.whole / (1 + self.part * per_period)
        return (1 + per_period) ** -self.periods

    def sensitivities(self, per_period: float) -> tuple[Floats, Floats]:
        """Return −(dD/dy) ÷ D and (d²D/dy²) ÷ D of each discount factor, y being per period."""
        growth = 1 + per_period
        if self.simple:
            stub = self.part / (1 + self.part * per_period)
            slopes = self.whole / growth + stub
            return slopes, slopes**2 + self.whole / growth**2 + stub**2
        slopes = self.periods / growth
        return slopes, slopes**2 + self.periods / growth**2


def _flows(bond: Bond, settlement: date) -> _Flows:
    left = _periods_left(bond, settlement)
    begin, end = _coupon_date(bond, left), _coupon_date(bond, left - 1)
    if bond.day_count == "30/360":
        month_end = _pays_at_month_end(bond)
        gone = days_30_360(begin, settlement, end_of_month=month_end) * bond.frequency / 360
    else:
        gone = actual_days(begin, settlement) / actual_days(begin, end)
    amounts = np.full(left, FACE * bond.coupon_annual / bond.frequency)
    first = _first_coupon(bond)
    if bond.dated is not None and first is not None and settlement < first:
        unpaid = left - 1 - _periods_left(bond, first)
        amounts[:unpaid] = 0.0
        if _coupon_date(bond, _periods_left(bond, first) + 1) != bond.dated:
            amounts[unpaid] = FACE * bond.coupon_annual * _years(bond, bond.dated, first)
    amounts[-1] += FACE
    simple = bond.first_period == "simple" or left == 1
    return _Flows(amounts, max(1.0 - gone, 0.0), np.arange(left, dtype=np.float64), simple)


def _require_alive(bond: Bond, settlement: date) -> None:
    if settlement >= bond.maturity:
        raise InvalidRequest(f"the bond matures on {bond.maturity.isoformat()}; settle before it.")
    if bond.dated is not None and settlement < bond.dated:
        raise InvalidRequest(f"the bond begins on {bond.dated.isoformat()}; settle from then on.")


def _pays_at_month_end(bond: Bond) -> bool:
    return is_end_of_month(bond.maturity)


def _coupon_date(bond: Bond, left: int) -> date:
    """Return the coupon date so many periods before maturity, whether or not one is paid."""
    months = -left * 12 // bond.frequency
    return add_months(bond.maturity, months, end_of_month=_pays_at_month_end(bond))


def _periods_left(bond: Bond, day: date) -> int:
    """Return how many periods before maturity the newest coupon date up to `day` lies."""
    months = (bond.maturity.year - day.year) * 12 + bond.maturity.month - day.month
    left = max(months * bond.frequency // 12, 0)
    while _coupon_date(bond, left) > day:
        left += 1
    return left


def _first_coupon(bond: Bond) -> date | None:
    if bond.dated is None or bond.first_coupon is not None:
        return bond.first_coupon
    return _coupon_date(bond, _periods_left(bond, bond.dated) - 1)


def _years(bond: Bond, start: date, end: date) -> float:
    """Return the part of a year that interest is counted for, from `start` to `end`.

    Under actual/actual a period counts as 1 ÷ frequency, and a part of it by its days.
    """
    if bond.day_count == "30/360":
        return days_30_360(start, end, end_of_month=_pays_at_month_end(bond)) / 360
    if bond.day_count != "actual/actual":
        return actual_days(start, end) / (365 if bond.day_count == "actual/365" else 360)
    periods = 0.0
    for left in range(_periods_left(bond, start), 0, -1):
        begin, finish = _coupon_date(bond, left), _coupon_date(bond, left - 1)
        if begin >= end:
            break
        days = actual_days(max(start, begin), min(end, finish))
        periods += days / actual_days(begin, finish)
    return periods / bond.frequency
