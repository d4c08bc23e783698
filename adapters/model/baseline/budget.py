"""Budget rules: what is left of verified income after living costs and debt service.

`affordable` leaves a quarter of the instalment to spare, `tight` covers it, else `unaffordable`.
The lower of stated and observed disposable income counts.
"""

from __future__ import annotations

from decimal import Decimal

from adapters.model.baseline.policy import Ask
from schemas.agents import BudgetAssessment

ROOM = Decimal("1.25")


def decide(ask: Ask) -> BudgetAssessment:
    """Compare what is left each month with the instalment."""
    application = ask.tool("lending_get_application")
    affordability = ask.tool("lending_assess_affordability")
    income = Decimal(application["income_monthly_net"])
    outgoings = Decimal(application["expenses_monthly"]) + Decimal(
        application["debt_payments_monthly"]
    )
    left = Decimal(affordability["disposable_income_monthly"])
    instalment = Decimal(affordability["instalment"])
    if left >= instalment * ROOM:
        action = "affordable"
    elif left >= instalment:
        action = "tight"
    else:
        action = "unaffordable"
    ratio = (outgoings / income).quantize(Decimal("0.0001")) if income > 0 else Decimal(1)
    return BudgetAssessment(
        action=action,
        rationale=(
            f"{left} a month is left after living costs and debt service; "
            f"the instalment is {instalment}."
        ),
        confidence=1.0,
        disposable_income=left,
        expense_ratio=ratio,
        available_for_instalment=max(left, Decimal("0.00")),
        features={"disposable_income": float(left), "instalment": float(instalment)},
    )
