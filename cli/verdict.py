"""What became of a loan, for a terminal: the decision with its reasons, then what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.output import print_line, print_table

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from schemas.results import JobResults, RunResult

_OVERRULED = "contract_violation"


def decision_of(run: RunResult) -> tuple[str, tuple[str, ...]]:
    """Return a loan run's decision in a word, and each reason's sentence."""
    # Not before a loan is at hand: it loads the report.
    from orchestrator.report.loan import lender_decision, outcome

    if run.loan is None:
        return "undecided", (run.error,) if run.error else ()
    decision = lender_decision(run)
    if decision is None:
        return outcome(run, run.loan), _silence(run)
    reasons: list[str] = []
    for reason in decision.reasons:
        # That one is cut to fit: the contract's own findings are whole.
        found = _violations(run) if reason.code == _OVERRULED else ()
        reasons += found or (reason.sentence,)
    return outcome(run, run.loan), tuple(reasons) or (decision.rationale,)


def print_loans(results: JobResults) -> None:
    """Print each run's decision and reasons; what was paid only where the loan was paid out."""
    for run in results.runs:
        decision, reasons = decision_of(run)
        print_line(f"{results.title} · {run.model}: {decision}")
        for reason in reasons:
            print_line(f"- {' '.join(reason.split())}")
        course = _course(run)
        if course:
            print_table("", ("", ">"), course)


def _course(run: RunResult) -> list[Sequence[object]]:
    loan = run.loan
    if loan is None or loan.final.status not in {"active", "paid_off"}:
        return []
    return [
        ("status", loan.final.status.replace("_", " ")),
        ("paid out / invested", f"{loan.paid_out:,.2f} / {loan.invested:,.2f}"),
        ("instalments serviced", f"{len(loan.months)} of {len(loan.schedule.instalments)}"),
        ("paid by the fund", f"{loan.final.paid_by_fund:,.2f}"),
        ("paid by the borrower", f"{loan.final.paid_by_borrower:,.2f}"),
        ("shortfall", f"{loan.shortfall_total:,.2f}"),
        ("fund at the end", f"{loan.fund_value_end:,.2f}"),
    ]


def _violations(run: RunResult) -> tuple[str, ...]:
    from schemas.agents import ContractReview

    for record in run.decisions:
        output = record.decision.output
        if isinstance(output, ContractReview) and output.action == "object":
            return tuple(reason.sentence for reason in output.violations)
    return ()


def _silence(run: RunResult) -> tuple[str, ...]:
    """Say why the lender did not decide."""
    return tuple(
        f"the lender gave no decision: {record.decision.abstention}"
        for record in run.decisions
        if record.decision.agent == "lender" and record.decision.abstention
    )[:1]
