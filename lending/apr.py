"""The annual percentage rate by the actuarial method of Regulation Z.

Source: 12 CFR Part 1026, Appendix J, (b)(1)-(8). Advances and payments are placed on a scale of
unit-periods from the beginning of the term; within a fraction of a unit-period interest is simple,
over full ones it compounds (general equation, (b)(8)):

    sum A_k / ((1 + e_k i)(1 + i)^q_k)  =  sum P_j / ((1 + f_j i)(1 + i)^t_j)

and the rate is the unit-period rate times the unit-periods in a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Literal

from lending.schedule import PRECISION, add_months
from schemas.base import ZERO
from schemas.errors import InvalidRequest
from schemas.loan import AprResult, LoanTerms, Schedule

METHOD = "12 CFR 1026 Appendix J, actuarial method"
_TOLERANCE = Decimal("1e-24")
_RATE_STEP = Decimal("1e-14")
_MAX_STEPS = 400


@dataclass(frozen=True, slots=True)
class UnitPeriod:
    """The common period of a transaction: `count` of `kind`, e.g. 2 weeks or 3 months."""

    kind: Literal["day", "week", "semimonth", "month", "year"] = "month"
    count: int = 1

    @property
    def per_year(self) -> Decimal:
        """Unit-periods in a year, Appendix J (b)(5): 365 days, 52 weeks, 24, 12 or 1."""
        whole = {"day": 365, "week": 52, "semimonth": 24, "month": 12, "year": 1}[self.kind]
        return Decimal(whole) / self.count


MONTH = UnitPeriod()


@dataclass(frozen=True, slots=True)
class Flow:
    """An amount (> 0) at `full` unit-periods and a `fraction` (0..1) after the term began."""

    amount: Decimal
    full: int
    fraction: Decimal = Decimal(0)


def unit_periods_between(
    earlier: date, later: date, unit: UnitPeriod = MONTH
) -> tuple[int, Decimal]:
    """Count full unit-periods, measured back from the later date, and the fraction before them.

    Appendix J (b)(5)(ii)-(v): odd days are actual days over 30 for a month, over 30 times the
    months for a multiple, over 15 for a semimonth, over 7 times the weeks, over 365 for a year
    (whole odd months over 12).
    """
    if later < earlier:
        raise InvalidRequest(f"{later} is before {earlier}: a term cannot run backwards.")
    if unit.kind in ("day", "week"):
        length = unit.count * (7 if unit.kind == "week" else 1)
        full, odd = divmod((later - earlier).days, length)
        return full, Decimal(odd) / length
    months, odd_days = _months_back(earlier, later)
    if unit.kind == "year":
        if unit.count != 1:
            raise InvalidRequest("A unit-period cannot exceed one year.")
        return _years_back(earlier, later, months, odd_days)
    length = 15 if unit.kind == "semimonth" else 30 * unit.count
    full, odd = divmod(30 * months + odd_days, length)
    if unit.kind == "month" and unit.count == 1:
        full, odd = months, odd_days
    return full, Decimal(odd) / length


def _months_back(earlier: date, later: date) -> tuple[int, int]:
    months = (later.year - earlier.year) * 12 + later.month - earlier.month
    while add_months(later, -months) < earlier:
        months -= 1
    return months, (add_months(later, -months) - earlier).days


def _years_back(earlier: date, later: date, months: int, odd_days: int) -> tuple[int, Decimal]:
    full, odd_months = divmod(months, 12)
    if odd_days == 0:
        return full, Decimal(odd_months) / 12
    return full, Decimal((add_months(later, -12 * full) - earlier).days) / 365


def unit_period_rate(advances: Sequence[Flow], payments: Sequence[Flow]) -> Decimal:
    """Solve the general equation for the rate of a unit-period, to 1e-14 or better.

    `InvalidRequest` when nothing is advanced or less is paid back than was advanced.
    """
    advanced = sum((flow.amount for flow in advances), Decimal(0))
    paid = sum((flow.amount for flow in payments), Decimal(0))
    if advanced <= 0:
        raise InvalidRequest("Nothing is advanced, so there is no rate to compute.")
    if paid < advanced:
        raise InvalidRequest(
            f"The payments sum to {paid}, less than the {advanced} advanced: there is no rate."
        )
    if paid == advanced:
        return Decimal(0)
    with localcontext(Context(prec=PRECISION)):
        return _solve(advances, payments, advanced)


def _solve(advances: Sequence[Flow], payments: Sequence[Flow], advanced: Decimal) -> Decimal:
    """Find the root by Newton's method kept inside a bracket by bisection."""
    low, high = Decimal(0), Decimal(1)
    while _excess(advances, payments, high)[0] > 0:
        low, high = high, high * 4
        if high > 10**9:
            raise InvalidRequest("No rate below a thousand million explains these payments.")
    rate = (low + high) / 2
    for _ in range(_MAX_STEPS):
        value, slope = _excess(advances, payments, rate)
        if value > 0:
            low = rate
        else:
            high = rate
        following = rate - value / slope if slope else low
        if not low < following < high:
            following = (low + high) / 2
        moved, rate = abs(following - rate), following
        if moved < _TOLERANCE * (1 + abs(rate)) or abs(value) < _TOLERANCE * advanced:
            break
    return rate


def _excess(
    advances: Sequence[Flow], payments: Sequence[Flow], rate: Decimal
) -> tuple[Decimal, Decimal]:
    """Return (value of payments less advances, its derivative) at a unit-period rate."""
    value = slope = Decimal(0)
    for sign, flows in ((1, payments), (-1, advances)):
        for flow in flows:
            simple = 1 + flow.fraction * rate
            present = sign * flow.amount / (simple * (1 + rate) ** flow.full)
            value += present
            slope -= present * (flow.fraction / simple + flow.full / (1 + rate))
    return value, slope


def annual_percentage_rate(
    *, advances: Sequence[Flow], payments: Sequence[Flow], unit: UnitPeriod = MONTH
) -> Decimal:
    """Return the rate a year: the unit-period rate times the unit-periods in a year."""
    rate = unit_period_rate(advances, payments) * unit.per_year
    return rate.quantize(_RATE_STEP, rounding=ROUND_HALF_EVEN)


def dated_flows(
    began_on: date, amounts: Sequence[tuple[date, Decimal]], unit: UnitPeriod = MONTH
) -> tuple[Flow, ...]:
    """Place dated amounts on the scale of unit-periods that begins on `began_on`."""
    return tuple(
        Flow(amount, *unit_periods_between(began_on, day, unit)) for day, amount in amounts
    )


def loan_apr(terms: LoanTerms, schedule: Schedule) -> AprResult:
    """Return the APR of a monthly loan; the origination fee is a prepaid finance charge.

    The payments follow the first one at whole months (minor irregularities of due dates are
    disregarded, 12 CFR 1026.17(c)(3)); an odd first period counts.
    """
    full, fraction = unit_periods_between(terms.disbursed_on, terms.first_due_on)
    financed = terms.principal - terms.origination_fee
    if financed <= 0:
        raise InvalidRequest("The origination fee leaves nothing financed.")
    payments = [Flow(row.payment, full + row.number - 1, fraction) for row in schedule.instalments]
    total = sum((row.payment for row in schedule.instalments), ZERO)
    return AprResult(
        apr_annual=annual_percentage_rate(advances=[Flow(financed, 0)], payments=payments),
        rate_annual=terms.rate_annual,
        finance_charge=total - financed,
        amount_financed=financed,
        total_of_payments=total,
        unit_period_months=1,
        first_full_periods=full,
        first_odd_fraction=fraction,
        method=METHOD,
    )
