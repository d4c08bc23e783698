"""Lender rules: the documented underwriting decides; the waterfall services.

An application is decided by `lending_assess_underwriting` alone: no attribute outside its policy
enters. When an instalment is due, the fund pays its income, then the borrower, then the fund's
principal down to its floor (`lending/servicing.py`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from adapters.model.baseline.policy import Ask
from adapters.model.baseline.words import coded
from lending.servicing import fund_parts, split_instalment
from schemas.agents import LenderDecision


def decide(ask: Ask) -> LenderDecision:
    """Decide on an application, or service the loan."""
    if "application" in ask.task["events"]:
        return _underwrite(ask)
    loan: dict[str, Any] = ask.task["facts"]["loan"]
    if "instalment" in loan:
        return _service(ask, loan)
    return _review(loan)


def _underwrite(ask: Ask) -> LenderDecision:
    result = ask.tool("lending_assess_underwriting")
    apr = ask.tool("lending_get_apr")
    coverage = result["affordability"]["coverage"]
    return LenderDecision(
        action=result["decision"],
        rationale=str(result["affordability"]["statement"])[:2000],
        confidence=1.0,
        reasons=tuple(coded(r["code"], r["sentence"]) for r in result["reasons"]),
        payment_coverage=Decimal(str(coverage["payment_coverage"])),
        fund_coverage=Decimal(str(coverage["fund_coverage"])),
        apr_annual=Decimal(str(apr["apr_annual"])),
        features={
            "payment_coverage": float(coverage["payment_coverage"]),
            "fund_coverage": float(coverage["fund_coverage"]),
            "debt_to_income": float(result["affordability"]["debt_to_income"] or 0.0),
        },
    )


def _service(ask: Ask, loan: dict[str, Any]) -> LenderDecision:
    application = ask.tool("lending_get_application")
    account = ask.tool("trading_get_account")
    due = Decimal(loan["instalment"]["amount_due"])
    value = Decimal(account["equity"])
    income, principal = fund_parts(value, Decimal(loan["fund_invested"]))
    available = (
        Decimal(application["income_monthly_net"])
        - Decimal(application["expenses_monthly"])
        - Decimal(application["debt_payments_monthly"])
    )
    split = split_instalment(
        due=due,
        fund_gain=income,
        borrower_available=available,
        fund_principal=principal,
        floor=Decimal(application["fund_floor"]),
    )
    payment = split.from_income + split.from_principal
    return LenderDecision(
        action="service",
        rationale=(
            f"Of {due} due the fund pays {payment} ({split.from_income} from its income, "
            f"{split.from_principal} from principal), the borrower {split.from_borrower}; "
            f"{split.shortfall} would stay unpaid."
        ),
        confidence=1.0,
        fund_payment=payment,
        features={"due": float(due), "fund_value": float(value), "fund_payment": float(payment)},
    )


def _review(loan: dict[str, Any]) -> LenderDecision:
    arrears = Decimal(loan["arrears"])
    return LenderDecision(
        action="service",
        rationale=(
            f"Month end: {loan['instalments_paid']} instalments settled, {loan['balance']} owed, "
            f"{arrears} in arrears."
        ),
        confidence=1.0,
        features={"balance": float(loan["balance"]), "arrears": float(arrears)},
    )
