"""The sample loan of the tests: 10 000 at 8 % over 36 months, 60/40."""

from datetime import date
from decimal import Decimal
from typing import Any

from schemas.loan import LoanApplication, LoanTerms


def terms(
    principal: Decimal | str = "10000",
    rate_annual: Decimal | str = "0.08",
    term_months: int = 36,
    **changes: Any,
) -> LoanTerms:
    values: dict[str, Any] = {"disbursed_on": date(2018, 12, 2), "first_due_on": date(2020, 1, 2)}
    if "first_due_on" not in changes:
        values["disbursed_on"] = date(2019, 12, 2)
    return LoanTerms(
        principal=Decimal(principal),
        rate_annual=Decimal(rate_annual),
        term_months=term_months,
        **{**values, **changes},
    )


def application(**changes: Any) -> LoanApplication:
    values: dict[str, Any] = {
        "application_id": "loan-1",
        "borrower_id": "borrower-1",
        "borrower_name": "Sample Borrower",
        "applied_on": date(2019, 11, 18),
        "purpose": "Used car",
        "principal": "10000",
        "rate_annual": "0.08",
        "term_months": 36,
        "disbursed_on": date(2019, 12, 2),
        "first_due_on": date(2020, 1, 2),
        "income_monthly_net": "4200",
        "income_monthly_gross": "5400",
        "expenses_monthly": "3050",
        "housing_monthly": "1350",
        "debt_payments_monthly": "220",
    }
    return LoanApplication.model_validate({**values, **changes})
