"""A household's month by the 50/30/20 rule, and what its transactions show.

Source: Warren & Warren Tyagi (2005), All Your Worth: at most 50 % of net income for needs (minimum
debt service among them), 30 % for wants, at least 20 % saved. A category in neither list is a want.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from lending.schedule import add_months
from schemas.base import ZERO, to_cents
from schemas.errors import InvalidRequest
from schemas.household import BudgetResult, ObservedFinances
from schemas.loan import Transaction

INCOME = frozenset({"income", "salary", "benefits"})
NEEDS = frozenset(
    {
        "housing", "utilities", "groceries", "transport", "insurance", "healthcare", "childcare",
        "phone", "education", "taxes",
    }
)  # fmt: skip
DEBT = frozenset({"debt_payment", "loan_payment", "credit_card_payment"})
NOT_SPENDING = frozenset({"savings", "transfer"})

_NEEDS_LIMIT, _WANTS_LIMIT = Decimal("0.5"), Decimal("0.3")


def assess_budget(
    *, income: Decimal, needs: Decimal, wants: Decimal, debt: Decimal = ZERO
) -> BudgetResult:
    """Hold a month's amounts against the rule; shares are None without income."""
    if min(income, needs, wants, debt) < 0:
        raise InvalidRequest("Income and spending must not be negative.")
    surplus = income - needs - wants - debt
    shares = [(needs + debt) / income, wants / income, surplus / income] if income else None
    within = bool(shares) and shares[0] <= _NEEDS_LIMIT and shares[1] <= _WANTS_LIMIT
    return BudgetResult(
        income_monthly=income,
        needs=needs,
        wants=wants,
        debt=debt,
        surplus=surplus,
        needs_share=shares[0] if shares else None,
        wants_share=shares[1] if shares else None,
        savings_share=shares[2] if shares else None,
        expense_ratio=(needs + wants + debt) / income if income else None,
        within_rule=within,
        statement=_statement(shares, surplus, within=within),
    )


def _statement(shares: list[Decimal] | None, surplus: Decimal, *, within: bool) -> str:
    if shares is None:
        return "There is no income to budget."
    rule = "within" if within else "outside"
    return (
        f"Needs and debts take {shares[0]:.0%}, wants {shares[1]:.0%}, and {surplus} a month "
        f"({shares[2]:.0%}) stays: {rule} the 50/30/20 rule."
    )


def full_months(
    transactions: Sequence[Transaction], as_of: date, *, limit: int | None = None
) -> tuple[date, date, int]:
    """Return (first day, day after the last, count) of the full calendar months known at `as_of`.

    The month of the first transaction counts as partial, and so does the month of `as_of`;
    `limit` keeps the newest.
    """
    end = as_of.replace(day=1)
    known = [row.posted_on for row in transactions if row.posted_on < as_of]
    if not known:
        return end, end, 0
    start = add_months(min(known).replace(day=1), 1)
    count = max((end.year - start.year) * 12 + end.month - start.month, 0)
    if limit is not None:
        count = min(count, limit)
    return add_months(end, -count), end, count


def observe_finances(transactions: Sequence[Transaction], as_of: date) -> ObservedFinances:
    """Return mean income and spending of the full months before `as_of`."""
    start, end, months = full_months(transactions, as_of)
    rows = [row for row in transactions if start <= row.posted_on < end]
    income = sum((row.amount for row in rows if row.category in INCOME), ZERO)
    spending = -sum(
        (row.amount for row in rows if row.amount < 0 and row.category not in NOT_SPENDING), ZERO
    )
    return ObservedFinances(
        months=months,
        income_monthly=to_cents(income / months) if months else ZERO,
        spending_monthly=to_cents(spending / months) if months else ZERO,
    )


def budget_from_transactions(
    transactions: Sequence[Transaction], as_of: date, *, months: int = 3
) -> BudgetResult:
    """Assess the mean of the newest full months before `as_of`; at least one must be known."""
    start, end, count = full_months(transactions, as_of, limit=months)
    if count == 0:
        raise InvalidRequest("There is no full month of transactions to make a budget from.")
    sums = {"income": ZERO, "needs": ZERO, "wants": ZERO, "debt": ZERO}
    for row in transactions:
        if start <= row.posted_on < end:
            part = _part(row)
            if part:
                sums[part] += row.amount if part == "income" else -row.amount
    means = {part: max(to_cents(amount / count), ZERO) for part, amount in sums.items()}
    return assess_budget(**means)


def _part(row: Transaction) -> str | None:
    """Return which part of the budget a transaction belongs to; refunds reduce theirs."""
    if row.category in NOT_SPENDING:
        return None
    if row.category in INCOME:
        return "income"
    if row.category in DEBT:
        return "debt"
    return "needs" if row.category in NEEDS else "wants"
