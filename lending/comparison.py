"""The fair comparison: what the same cash would cost as a plain loan.

A plain loan of the amount paid out, at the same rate and term, stands beside the self-funding one.
Two views, because either alone misleads: total cost (all that is paid less all that is received)
ignores that the self-funding borrower pays more each month, so the savings view lets the plain
borrower put that difference into the same fund (future values, Kellison ch. 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext

from lending.apr import Flow, unit_period_rate
from lending.coverage import FundPlan, months_fund_alone
from lending.schedule import PRECISION, annuity_payment, level_payment
from lending.servicing import fund_parts, split_instalment
from schemas.base import ZERO, to_cents
from schemas.errors import InvalidRequest
from schemas.loan import PlainLoanCase, PlainLoanComparison, Schedule

HIGH_RATE = Decimal("0.24")
"""The plain-loan rate of the sensitivity: what an unsecured card may cost."""

_LOWEST, _HIGHEST = Decimal("-0.99"), Decimal(10)


@dataclass(frozen=True, slots=True)
class ExpectedCourse:
    """The loan at a constant fund return: what the borrower pays each month, and what is left."""

    outlays: tuple[Decimal, ...]
    fund_at_maturity: Decimal


def expected_course(schedule: Schedule, fund: FundPlan) -> ExpectedCourse:
    """Run the waterfall at the expected return with a borrower who always pays the rest."""
    value = fund.invested
    outlays: list[Decimal] = []
    for row in schedule.instalments:
        value = to_cents(value * (1 + fund.return_annual / 12))
        gain, principal = fund_parts(value, fund.invested)
        split = split_instalment(
            due=row.payment,
            fund_gain=gain,
            borrower_available=row.payment,
            fund_principal=principal,
            floor=fund.floor,
        )
        value -= split.from_income
        outlays.append(split.from_borrower)
    return ExpectedCourse(tuple(outlays), value)


def compare_with_plain_loan(
    schedule: Schedule, fund: FundPlan, *, paid_out: Decimal
) -> PlainLoanComparison:
    """Compare with a plain loan of `paid_out` at the schedule's own rate and term."""
    if paid_out <= 0 or fund.invested <= 0:
        raise InvalidRequest("A comparison needs something paid out and something invested.")
    course = expected_course(schedule, fund)
    cost = _cost(course, paid_out)
    months = len(schedule.instalments)
    same = _plain_case(paid_out, schedule.rate_annual, months, cost)
    plain_rate = _break_even_plain_rate(paid_out, months, cost)
    rates = [HIGH_RATE]
    if plain_rate is not None and plain_rate >= 0:
        rates.insert(0, plain_rate)
    instalment = schedule.instalments[0].payment
    drawdown = 12 * unit_period_rate(
        [Flow(fund.invested, 0)], [Flow(row.payment, row.number) for row in schedule.instalments]
    )
    savings = _savings(course, same.instalment, fund.return_annual)
    result = PlainLoanComparison(
        amount=paid_out,
        fund_return_annual=fund.return_annual,
        expected_total_cost=cost,
        expected_outlay_monthly=to_cents(sum(course.outlays, ZERO) / months),
        expected_fund_at_maturity=course.fund_at_maturity,
        same_rate=same,
        sensitivities=tuple(_plain_case(paid_out, rate, months, cost) for rate in rates),
        break_even_plain_rate_annual=plain_rate,
        break_even_fund_return_annual=_break_even_return(schedule, fund, paid_out, same.total_cost),
        self_funding_return_income_annual=instalment * 12 / fund.invested,
        self_funding_return_drawdown_annual=drawdown,
        savings_at_maturity=savings,
        funds_itself=months_fund_alone(schedule, fund) == months,
        statement="",
    )
    return result.model_copy(update={"statement": _statement(result)})


def _cost(course: ExpectedCourse, paid_out: Decimal) -> Decimal:
    return sum(course.outlays, ZERO) - paid_out - course.fund_at_maturity


def _plain_case(amount: Decimal, rate: Decimal, months: int, our_cost: Decimal) -> PlainLoanCase:
    total = to_cents(annuity_payment(amount, rate, months) * months) - amount
    return PlainLoanCase(
        rate_annual=rate,
        instalment=level_payment(amount, rate, months),
        total_cost=total,
        self_funding_advantage=total - our_cost,
    )


def _savings(course: ExpectedCourse, plain_payment: Decimal, return_annual: Decimal) -> Decimal:
    """Grow what the plain borrower pays less each month in the same fund to maturity."""
    value = Decimal(0)
    with localcontext(Context(prec=PRECISION)):
        for outlay in course.outlays:
            value = value * (1 + return_annual / 12) + outlay - plain_payment
    return to_cents(value)


def _break_even_plain_rate(amount: Decimal, months: int, cost: Decimal) -> Decimal | None:
    """Find the plain-loan rate whose total cost equals ours; None where no rate does."""
    return _root(lambda rate: annuity_payment(amount, rate, months) * months - amount - cost)


def _break_even_return(
    schedule: Schedule, fund: FundPlan, paid_out: Decimal, plain_cost: Decimal
) -> Decimal | None:
    """Find the fund return at which our total cost equals the plain loan's; None if none does."""

    def advantage(return_annual: Decimal) -> Decimal:
        trial = FundPlan(fund.invested, return_annual, fund.floor)
        return plain_cost - _cost(expected_course(schedule, trial), paid_out)

    return _root(advantage, digits=6)


def _root(rising: Callable[[Decimal], Decimal], digits: int = 10) -> Decimal | None:
    """Bisect a rising function of a yearly rate in -0.99..10."""
    low, high = _LOWEST, _HIGHEST
    if rising(low) > 0 or rising(high) < 0:
        return None
    step = Decimal(1).scaleb(-digits)
    while high - low > step:
        middle = (low + high) / 2
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return ((low + high) / 2).quantize(step)


def _statement(result: PlainLoanComparison) -> str:
    plain = result.same_rate
    verdict = (
        "The loan funds itself at the expected return."
        if result.funds_itself
        else "The loan does not fund itself: the fund would have to earn "
        f"{result.self_funding_return_drawdown_annual:.1%} a year to pay every instalment and be "
        f"used up, or {result.self_funding_return_income_annual:.1%} to pay them from income."
    )
    ahead = result.expected_fund_at_maturity - result.savings_at_maturity
    return (
        f"{verdict} At an expected {result.fund_return_annual:.2%} a year, which is not certain, "
        f"its total cost is {result.expected_total_cost} against {plain.total_cost} for a plain "
        f"loan of {result.amount} at {plain.rate_annual:.2%}. But the borrower pays "
        f"{result.expected_outlay_monthly} a month instead of {plain.instalment}: saving that "
        f"difference in the same fund would leave {result.savings_at_maturity} against "
        f"{result.expected_fund_at_maturity}, so borrowing to invest is worth {ahead} at maturity."
    )
