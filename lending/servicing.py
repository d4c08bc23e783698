"""Who pays an instalment: the waterfall of a self-funding loan.

Order: the fund's income (its value above the principal still in it), then the borrower, then the
fund's principal down to a floor; what is left is a shortfall. Rule of this product, set out in the
borrower's contract.
"""

from __future__ import annotations

from decimal import Decimal

from schemas.base import ZERO
from schemas.errors import InvalidRequest
from schemas.loan import InstalmentSplit


def fund_parts(value: Decimal, invested: Decimal) -> tuple[Decimal, Decimal]:
    """Part a fund's value into (income, principal).

    `invested` is what was put in less what was drawn from principal since; the income is what the
    fund is worth above it, and a fund below it has none.
    """
    principal = min(value, invested)
    return value - principal, principal


def split_instalment(
    *,
    due: Decimal,
    fund_gain: Decimal,
    borrower_available: Decimal,
    fund_principal: Decimal,
    floor: Decimal = ZERO,
) -> InstalmentSplit:
    """Split one instalment over its payers; the parts sum to `due` exactly.

    All amounts in cents. A negative gain or a borrower with nothing left counts as nothing; a
    negative `due`, principal or floor is an `InvalidRequest`.
    """
    if due < 0 or fund_principal < 0 or floor < 0:
        raise InvalidRequest("due, fund_principal and floor must not be negative.")
    from_income = min(due, max(fund_gain, ZERO))
    owed = due - from_income
    from_borrower = min(owed, max(borrower_available, ZERO))
    owed -= from_borrower
    from_principal = min(owed, max(fund_principal - floor, ZERO))
    return InstalmentSplit(
        due=due,
        from_income=from_income,
        from_borrower=from_borrower,
        from_principal=from_principal,
        shortfall=owed - from_principal,
    )
