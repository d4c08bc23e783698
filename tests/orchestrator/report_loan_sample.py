"""A self-funding loan for tests of the report, serviced on the invented index.

The simulation supposes a borrower who has 120 a month left, so that there is a shortfall to draw.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import cache

import numpy as np

from lending.apr import loan_apr
from lending.comparison import compare_with_plain_loan
from lending.coverage import fund_plan, simulate_coverage, summarise_coverage
from lending.schedule import build_schedule, split_principal, terms_of
from lending.servicing import split_instalment
from schemas.agents import (
    AgentDecision,
    BudgetAssessment,
    ContractReview,
    LenderDecision,
    Reason,
    SpendingReview,
    TaxAssessment,
)
from schemas.base import ZERO, sha256_of, to_cents
from schemas.jobs import SimulationRequest
from schemas.loan import BorrowerFile, LoanApplication
from schemas.results import (
    CostSummary,
    DecisionRecord,
    EquityCurve,
    JobResults,
    LoanMonth,
    LoanResult,
    RunResult,
)
from schemas.tick import LoanState
from tests.orchestrator.report_arena_sample import (
    DATASET,
    END,
    START,
    SYMBOLS,
    as_of,
    call,
    index_levels,
    weekdays,
)

APPLICATION = LoanApplication(
    application_id="test-application", borrower_id="test-borrower", borrower_name="Robin Example",
    applied_on=date(2019, 11, 25), purpose="A used car", principal=Decimal(10000),
    rate_annual=Decimal("0.08"), term_months=36, disbursed_on=date(2019, 12, 2),
    first_due_on=date(2020, 1, 2), income_monthly_net=Decimal(3200),
    income_monthly_gross=Decimal(4100), expenses_monthly=Decimal(2350),
    housing_monthly=Decimal(1100), debt_payments_monthly=Decimal(180),
)  # fmt: skip
DISPOSABLE = Decimal("670.00")


def _say(session: date, event: str, *made: AgentDecision) -> list[DecisionRecord]:
    return [
        DecisionRecord(session=session, as_of=as_of(session), events=(event,), decision=decision)
        for decision in made
    ]


def _agent(output) -> AgentDecision:
    return AgentDecision(
        agent=output.kind, model="baseline:rules", output=output, steps=2,
        tool_calls=(call(f"lending_{output.kind}"),),
    )  # fmt: skip


def _first_decisions(*, approve: bool) -> list[DecisionRecord]:
    common = {"confidence": 1.0, "evidence": ("lending_assess_affordability",)}
    reasons = () if approve else (
        Reason(code="debt_to_income_too_high",
               sentence="Debt service would take 47 % of gross income; the limit is 43 %."),
    )  # fmt: skip
    return _say(
        APPLICATION.applied_on,
        "application",
        _agent(ContractReview(rationale="The contract states what was agreed.", action="accept",
                              **common)),
        _agent(BudgetAssessment(rationale="670.00 a month is left after living costs and debts.",
                                action="affordable", disposable_income=DISPOSABLE,
                                expense_ratio=Decimal("0.79"),
                                available_for_instalment=DISPOSABLE,
                                features={"expense_ratio": 0.79}, **common)),
        _agent(TaxAssessment(rationale="Withholding covers the year's tax.", action="none",
                             tax_year=2019, estimated_tax=Decimal("4310.00"),
                             effective_rate=Decimal("0.088"), **common)),
        _agent(SpendingReview(rationale="Nothing unusual in 214 transactions.", action="clear",
                              **common)),
        _agent(LenderDecision(rationale="Every limit of the policy is kept." if approve else
                              "The household already carries too much debt.",
                              action="approve" if approve else "refuse", reasons=reasons,
                              payment_coverage=Decimal("2.30"), fund_coverage=Decimal("0.16"),
                              apr_annual=Decimal("0.08"), **common)),
    )  # fmt: skip


def _months(plan, schedule) -> tuple[LoanMonth, ...]:
    """Service the loan on the invented index; in two months the borrower has little."""
    levels = dict(zip(weekdays(START, END), index_levels(START, END), strict=True))
    units = plan.invested / Decimal(repr(round(levels[START], 2)))
    basis = plan.invested
    rows: list[LoanMonth] = []
    for row in schedule.instalments:
        settled = next(d for d in weekdays(row.due_on, row.due_on + timedelta(days=4)))
        level = Decimal(repr(round(levels[settled], 2)))
        value = to_cents(units * level)
        split = split_instalment(
            due=row.payment, fund_gain=value - basis, fund_principal=min(basis, value),
            borrower_available=Decimal(60) if row.number in (9, 10) else DISPOSABLE,
            floor=Decimal(5900),
        )  # fmt: skip
        units -= (split.from_income + split.from_principal) / level
        basis -= split.from_principal
        parts = split.model_dump(exclude={"due"})
        rows.append(
            LoanMonth(
                number=row.number, due_on=row.due_on, settled_on=settled, payment=row.payment,
                interest=row.interest, principal=row.principal, balance=row.balance,
                fund_value=to_cents(units * level), **parts,
            )
        )  # fmt: skip
    return tuple(rows)


@cache
def loan_job(*, approve: bool = True) -> JobResults:
    plan, schedule = fund_plan(APPLICATION), build_schedule(terms_of(APPLICATION))
    parts = split_principal(APPLICATION)
    months = _months(plan, schedule) if approve else ()
    total = {
        k: sum((getattr(m, k) for m in months), ZERO)
        for k in ("from_income", "from_borrower", "from_principal", "shortfall")
    }
    draws = np.random.default_rng(7).normal(0.008, 0.05, (2000, 36))
    simulation = simulate_coverage(
        schedule=schedule, invested=plan.invested, monthly_returns=draws,
        disposable_income=Decimal("120.00"),
    )  # fmt: skip
    last = months[-1].fund_value if months else ZERO
    state = LoanState(
        status="paid_off" if approve else "refused", balance=ZERO, fund_invested=ZERO,
        instalments_paid=len(months), arrears=total["shortfall"],
        paid_by_fund=total["from_income"] + total["from_principal"],
        paid_by_borrower=total["from_borrower"],
    )  # fmt: skip
    loan = LoanResult(
        borrower="Robin Example", final=state, invested=parts.invested, paid_out=parts.paid_out,
        schedule=schedule, apr=loan_apr(terms_of(APPLICATION), schedule),
        coverage=summarise_coverage(schedule, plan, disposable_income=DISPOSABLE),
        months=months, fund_value_end=last, shortfall_total=total["shortfall"],
        simulation=simulation if approve else None,
        comparison=compare_with_plain_loan(schedule, plan, paid_out=parts.paid_out),
    )  # fmt: skip
    decisions = _first_decisions(approve=approve)
    for month in months:
        decisions += _say(month.settled_on, "instalment_due", _agent(LenderDecision(
            rationale=f"Instalment {month.number}: the fund's income pays {month.from_income}.",
            confidence=1.0, evidence=("lending_simulate_coverage",), action="service",
            fund_payment=month.from_income, features={"fund_value": float(month.fund_value)},
        )))  # fmt: skip
    sessions = tuple(m.settled_on for m in months)
    values = tuple(m.fund_value for m in months)
    curve = EquityCurve(
        sessions=sessions, cash=tuple(ZERO for _ in months), market_value=values, equity=values
    )
    run = RunResult(
        model="baseline:rules", run_key=sha256_of("loan run"), state="completed", curve=curve,
        metrics=None, costs=CostSummary(commission=ZERO, spread=ZERO, slippage=ZERO, total=ZERO,
                                        turnover_annual=0.0, mean_exposure=0.0,
                                        model_cost_usd_micro=0),
        trades=(), refused_orders=(), decisions=tuple(decisions), abstentions=0,
        ledger_hash=sha256_of("loan ledger"), ledger_entries=4, loan=loan,
    )  # fmt: skip
    return JobResults(
        title="A self-funding loan",
        request=SimulationRequest(
            models=("baseline:rules",), start_date=date(2019, 11, 25), end_date=END, mode="loan",
            application=BorrowerFile(application=APPLICATION), data="invented", seed=7,
        ),
        dataset=DATASET, universe=SYMBOLS, runs=(run,), benchmarks=(),
        assumptions=("The borrower's disposable income stays what it was at the application.",),
    )  # fmt: skip
