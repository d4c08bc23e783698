"""Approve, refer or refuse, with reasons: rules over ratios of income, debt and coverage.

Thresholds (`UnderwritingPolicy`) and where they come from:

- debt to income 0.43: the general limit of a qualified mortgage, 12 CFR 1026.43(e)(2)(vi) as in
  force until 2021; housing, other debt and the new instalment over gross income.
- payment to income 0.15: this product's own ceiling for one unsecured instalment over gross income.
- residual income 150 a month after everything and the instalment: this product's own reserve.
- payment coverage 1.3 target, 1.2 emergency: this product's own; the fund's expected income counts.
- three full months of transactions, and income stated no more than 10 % above what they show.

A ratio beyond its limit, coverage below the emergency level, no income, or a contract that breaks a
rule refuses; the rest refers to a person. Only the figures named here enter: no attribute that
15 U.S.C. 1691(a) prohibits (age, sex, marital status, origin, religion, assistance income) is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from lending.coverage import FundPlan, fund_plan, summarise_coverage
from lending.schedule import build_schedule, terms_of
from schemas.errors import InvalidRequest
from schemas.household import (
    AffordabilityResult,
    ContractReviewResult,
    ObservedFinances,
    Reason,
    ReasonCode,
    UnderwritingPolicy,
    UnderwritingResult,
)
from schemas.loan import LoanApplication, Schedule


@dataclass(frozen=True, slots=True)
class Household:
    """A household's month: income, living costs (housing among them) and other debt service."""

    income_net: Decimal
    income_gross: Decimal
    expenses: Decimal
    housing: Decimal
    debt_payments: Decimal

    @property
    def disposable(self) -> Decimal:
        """Net income less living costs and debt service; may be negative."""
        return self.income_net - self.expenses - self.debt_payments


def household_of(application: LoanApplication) -> Household:
    """Return the household an application states."""
    return Household(
        income_net=application.income_monthly_net,
        income_gross=application.income_monthly_gross,
        expenses=application.expenses_monthly,
        housing=application.housing_monthly,
        debt_payments=application.debt_payments_monthly,
    )


def assess_affordability(
    schedule: Schedule,
    fund: FundPlan,
    *,
    household: Household,
    policy: UnderwritingPolicy | None = None,
) -> AffordabilityResult:
    """Hold a loan against a household; ratios are None where there is no gross income."""
    policy = policy or UnderwritingPolicy()
    if household.income_net > household.income_gross:
        raise InvalidRequest("Net income must not exceed gross income.")
    if household.housing > household.expenses:
        raise InvalidRequest("Housing is part of the expenses and must not exceed them.")
    instalment = schedule.instalments[0].payment
    gross = household.income_gross
    burden = household.housing + household.debt_payments + instalment
    result = AffordabilityResult(
        instalment=instalment,
        disposable_income_monthly=household.disposable,
        residual_income_monthly=household.disposable - instalment,
        debt_to_income=burden / gross if gross else None,
        payment_to_income=instalment / gross if gross else None,
        coverage=summarise_coverage(
            schedule, fund, disposable_income=household.disposable, policy=policy
        ),
        affordable=True,
        statement="",
    )
    reasons = ratio_reasons(result, policy)
    statement = (
        " ".join(reason.sentence for reason in reasons)
        or f"The instalment of {instalment} leaves {result.residual_income_monthly} a month, and "
        f"it is covered {result.coverage.payment_coverage:.2f} times."
    )
    return result.model_copy(update={"affordable": not reasons, "statement": statement})


def ratio_reasons(
    affordability: AffordabilityResult, policy: UnderwritingPolicy
) -> tuple[Reason, ...]:
    """List which ratios break the policy, each with its figures."""
    dti, pti = affordability.debt_to_income, affordability.payment_to_income
    if dti is None or pti is None:
        return (_reason("no_income", "No income is stated to pay the instalments from."),)
    reasons: list[Reason] = []
    if dti > policy.max_debt_to_income:
        reasons.append(
            _reason(
                "debt_to_income_too_high",
                f"Housing, debts and the instalment take {dti:.1%} of gross income; the limit is "
                f"{policy.max_debt_to_income:.1%}.",
            )
        )
    if pti > policy.max_payment_to_income:
        reasons.append(
            _reason(
                "payment_to_income_too_high",
                f"The instalment takes {pti:.1%} of gross income; the limit is "
                f"{policy.max_payment_to_income:.1%}.",
            )
        )
    residual = affordability.residual_income_monthly
    if residual < policy.min_residual_income:
        reasons.append(
            _reason(
                "residual_income_too_low",
                f"After living costs, debts and the instalment {residual} a month are left; at "
                f"least {policy.min_residual_income} must be.",
            )
        )
    return (*reasons, *_coverage_reasons(affordability))


def _coverage_reasons(affordability: AffordabilityResult) -> tuple[Reason, ...]:
    coverage = affordability.coverage
    figure = f"Disposable and expected fund income cover {coverage.payment_coverage:.2f} times"
    if coverage.standing == "emergency":
        return (
            _reason(
                "payment_coverage_emergency",
                f"{figure} the instalment, below the emergency level of {coverage.emergency:.2f}.",
            ),
        )
    if coverage.standing == "below_target":
        return (
            _reason(
                "payment_coverage_below_target",
                f"{figure} the instalment; the target is {coverage.target:.2f}.",
                refuses=False,
            ),
        )
    return ()


def underwrite(
    application: LoanApplication,
    *,
    observed: ObservedFinances | None = None,
    contract: ContractReviewResult | None = None,
    policy: UnderwritingPolicy | None = None,
) -> UnderwritingResult:
    """Decide on an application from its figures, the borrower's history and the contract's review.

    Without `observed` the history counts as too short; without `contract` none was reviewed.
    """
    policy = policy or UnderwritingPolicy()
    affordability = assess_affordability(
        build_schedule(terms_of(application)),
        fund_plan(application),
        household=household_of(application),
        policy=policy,
    )
    reasons = [
        *ratio_reasons(affordability, policy),
        *_history_reasons(application, observed, policy),
    ]
    if contract is not None and not contract.acceptable:
        reasons.extend(
            _reason("contract_violation", finding.sentence)
            for finding in contract.findings
            if finding.severity == "violation"
        )
    return UnderwritingResult(
        decision=_decide(reasons),
        reasons=tuple(reasons),
        affordability=affordability,
        observed=observed,
        policy=policy,
    )


def _history_reasons(
    application: LoanApplication, observed: ObservedFinances | None, policy: UnderwritingPolicy
) -> tuple[Reason, ...]:
    months = observed.months if observed else 0
    if observed is None or months < policy.min_history_months:
        return (
            _reason(
                "history_too_short",
                f"There are {months} full months of transactions; a decision without a person "
                f"needs {policy.min_history_months}.",
                refuses=False,
            ),
        )
    stated, seen = application.income_monthly_net, observed.income_monthly
    if stated > seen * (1 + policy.max_income_overstatement):
        return (
            _reason(
                "income_not_verified",
                f"The stated net income of {stated} a month is more than "
                f"{policy.max_income_overstatement:.0%} above the {seen} that the transactions "
                "show.",
                refuses=False,
            ),
        )
    return ()


def _reason(code: ReasonCode, sentence: str, *, refuses: bool = True) -> Reason:
    return Reason(code=code, sentence=sentence, refuses=refuses)


def _decide(reasons: Sequence[Reason]) -> Literal["approve", "refer", "refuse"]:
    if any(reason.refuses for reason in reasons):
        return "refuse"
    return "refer" if reasons else "approve"
