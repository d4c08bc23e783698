"""Level-payment schedules, exact to the cent.

Source: the annuity formula (e.g. Kellison, The Theory of Interest, ch. 3). The payment and each
month's interest are rounded once, half-even, to the cent; the last payment takes what is left, so
the schedule closes to zero. A month is a month: interest is a twelfth of the yearly rate.
"""

from __future__ import annotations

import calendar
from datetime import date
from decimal import Context, Decimal, localcontext

from schemas.base import ZERO, to_cents
from schemas.errors import InvalidRequest
from schemas.loan import Instalment, LoanApplication, LoanTerms, PrincipalSplit, Schedule

PRECISION = 40
"""Digits carried by powers and roots; far beyond what a cent over 480 months needs."""


def add_months(day: date, months: int, *, anchor: int | None = None) -> date:
    """Move a date by whole months, clipped to the month's end.

    `anchor` is the day of the month to aim at (default: that of `day`), so that the 31st comes
    back after a February.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    if not date.min.year <= year <= date.max.year:
        raise InvalidRequest(f"{months} months from {day} is no date of this calendar.")
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(anchor or day.day, last))


def annuity_payment(principal: Decimal, rate_annual: Decimal, term_months: int) -> Decimal:
    """Return the unrounded level payment a month; the rate may be zero or negative (> -12)."""
    if term_months < 1:
        raise InvalidRequest("The term must be at least one month.")
    if rate_annual == 0:
        return principal / term_months
    with localcontext(Context(prec=PRECISION)):
        monthly = rate_annual / 12
        return principal * monthly / (1 - (1 + monthly) ** -term_months)


def level_payment(principal: Decimal, rate_annual: Decimal, term_months: int) -> Decimal:
    """Return the level payment a month, rounded once, half-even, to the cent."""
    return to_cents(annuity_payment(principal, rate_annual, term_months))


def build_schedule(terms: LoanTerms) -> Schedule:
    """Build the schedule: due on the same day of each month, closing on the last instalment.

    `InvalidRequest` where whole cents cannot repay the loan levelly (a tiny loan, or a rate and
    term so long that the rounding of the payment compounds beyond it).
    """
    level = level_payment(terms.principal, terms.rate_annual, terms.term_months)
    balance = terms.principal
    rows: list[Instalment] = []
    for number in range(1, terms.term_months + 1):
        interest = to_cents(balance * terms.rate_annual / 12)
        is_last = number == terms.term_months
        payment = balance + interest if is_last else level
        balance = balance + interest - payment
        due_on = add_months(terms.first_due_on, number - 1)
        rows.append(
            Instalment(
                number=number,
                due_on=due_on,
                payment=payment,
                interest=interest,
                principal=payment - interest,
                balance=balance,
            )
        )
        if balance < 0:
            break
    _require_level(terms, rows, level)
    return Schedule(
        principal=terms.principal,
        rate_annual=terms.rate_annual,
        instalments=tuple(rows),
        total_paid=sum((row.payment for row in rows), ZERO),
        total_interest=sum((row.interest for row in rows), ZERO),
    )


def _require_level(terms: LoanTerms, rows: list[Instalment], level: Decimal) -> None:
    last = rows[-1]
    if last.balance != 0 or last.principal < 0 or not 0 < last.payment <= 2 * level:
        raise InvalidRequest(
            f"A level payment in whole cents cannot repay {terms.principal} at "
            f"{terms.rate_annual} a year over {terms.term_months} months: ask for a larger "
            "amount, a lower rate or a shorter term."
        )


def terms_of(application: LoanApplication) -> LoanTerms:
    """Return what fixes the loan that was applied for."""
    return LoanTerms(
        principal=application.principal,
        rate_annual=application.rate_annual,
        term_months=application.term_months,
        disbursed_on=application.disbursed_on,
        first_due_on=application.first_due_on,
        origination_fee=application.origination_fee,
    )


def split_principal(application: LoanApplication) -> PrincipalSplit:
    """Split the principal into invested part, fee and amount paid out; they sum to it."""
    invested = to_cents(application.principal * application.invested_share)
    fee = application.origination_fee
    return PrincipalSplit(
        invested=invested, fee=fee, paid_out=application.principal - invested - fee
    )


def disposable_income(application: LoanApplication) -> Decimal:
    """Return net income less living costs and other debt service, a month; may be negative."""
    return (
        application.income_monthly_net
        - application.expenses_monthly
        - application.debt_payments_monthly
    )
