"""What the numbers of a loan say, in plain sentences, flattering or not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from orchestrator.report.arena import Verdict
from orchestrator.report.orders import fate_of, hindered, untraded
from orchestrator.report.stops import held_back
from orchestrator.report.words import (
    Writer,
    count,
    day,
    listing,
    money,
    number,
    percent,
    rate,
    sentence,
)
from schemas.agents import ContractReview, LenderDecision, Reason
from schemas.base import ZERO
from schemas.loan import CoverageSimulation, PlainLoanComparison
from schemas.results import JobResults, LoanResult, RunResult

_BROKEN = "contract_violation"
_BETWEEN = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


@dataclass(frozen=True)
class Paid:
    """Who paid what, over all instalments settled."""

    due: Decimal
    from_income: Decimal
    from_borrower: Decimal
    from_principal: Decimal
    shortfall: Decimal


def paid(loan: LoanResult) -> Paid:
    """Add up who paid the instalments."""

    def total(name: str) -> Decimal:
        return sum((getattr(month, name) for month in loan.months), ZERO)

    return Paid(
        due=total("payment"),
        from_income=total("from_income"),
        from_borrower=total("from_borrower"),
        from_principal=total("from_principal"),
        shortfall=total("shortfall"),
    )


def lender_decision(run: RunResult) -> LenderDecision | None:
    """Find the decision on the application."""
    for record in run.decisions:
        output = record.decision.output
        if isinstance(output, LenderDecision) and output.action != "service":
            return output
    return None


def stated_reasons(run: RunResult) -> tuple[str, ...]:
    """Return each reason of the lender's decision in a sentence of its own.

    A broken contract is one reason to the lender, joined and cut to fit: the contract agent's own
    findings stand in its place.
    """
    decision = lender_decision(run)
    found: list[str] = []
    for reason in decision.reasons if decision else ():
        found += _violations(run) or _apart(reason) if reason.code == _BROKEN else [reason.sentence]
    return tuple(dict.fromkeys(sentence(text) for text in found))


def _violations(run: RunResult) -> list[str]:
    for record in run.decisions:
        output = record.decision.output
        if isinstance(output, ContractReview) and output.violations:
            return [reason.sentence for reason in output.violations]
    return []


def _apart(reason: Reason) -> list[str]:
    return _BETWEEN.split(reason.sentence.strip())


def loan_verdict(job: JobResults, run: RunResult) -> Verdict:
    """Say whether the loan was granted and why, whether it funds itself, and how it went."""
    loan = run.loan
    if loan is None:
        reason = sentence(run.error or "no decision was taken")
        return Verdict(f"The application came to no result: {reason}", (), ())
    write = money(job.dataset.currency)
    found = (
        ("Does it fund itself?", [_fund(loan, write)]),
        ("With the borrower", [_payment(loan, write)]),
        ("The decision", _decision(run, loan)),
        ("What happened", _course(loan, write)),
        ("The fund’s orders", _orders(run)),
        ("Circuit breakers", [told] if (told := held_back("the fund", run)) else []),
        ("What could have", _chance(loan.simulation, write)),
        ("Beside a plain loan", _plain(loan.comparison, write)),
        ("Did not finish", _unfinished(run)),
    )
    sentences = [(label, " ".join(said)) for label, said in found if said]
    return Verdict(_headline(run, loan), tuple(sentences), _tiles(loan, write))


def _unfinished(run: RunResult) -> list[str]:
    if run.state == "completed":
        return []
    why = f": {run.error.rstrip('.')}" if run.error else ""
    return [f"The run did not finish ({run.state.replace('_', ' ')}){why}."]


def _orders(run: RunResult) -> list[str]:
    """Say that the fund was never invested, or that many of its orders came to nothing."""
    fate = fate_of(run)
    if run.loan and run.loan.months and not fate.filled and not any(run.curve.market_value):
        return [f"The fund was never invested: {untraded(fate)}. It lay in cash throughout."]
    said = hindered(fate)
    return [f"Of what the fund was to trade, {said}."] if said else []


def outcome(run: RunResult, loan: LoanResult) -> str:
    """Return approved, refused, referred or undecided."""
    status = loan.final.status
    if status in ("active", "paid_off"):
        return "approved"
    if status in ("refused", "referred"):
        return status
    decision = lender_decision(run)
    said = {"approve": "approved", "refuse": "refused", "refer": "referred"}
    return said.get(decision.action, "undecided") if decision else "undecided"


def _headline(run: RunResult, loan: LoanResult) -> str:
    decided = {
        "approved": "Approved",
        "refused": "Refused",
        "referred": "Referred to a person",
        "undecided": "Not decided",
    }[outcome(run, loan)]
    itself = "funds itself" if loan.coverage.funds_itself else "does not fund itself"
    joint = "and" if (decided == "Approved") == loan.coverage.funds_itself else "but"
    return f"{decided}, {joint} the loan {itself}."


def _decision(run: RunResult, loan: LoanResult) -> list[str]:
    decision = lender_decision(run)
    result = outcome(run, loan)
    who = f"{loan.borrower}’s application was {result}"
    if result == "undecided":
        return [f"{loan.borrower}’s application was not decided."]
    if decision is None:
        return [who + "."]
    reasons = stated_reasons(run)
    if reasons:
        lead = f"{who} for {count(len(reasons), 'stated reason')}:"
        if len(reasons) == 1:
            return [lead, *reasons]
        return [lead, *(f"({k}) {reason}" for k, reason in enumerate(reasons, 1))]
    return [f"{who}: {sentence(decision.rationale)}" if decision.rationale else who + "."]


def cents(value: Decimal) -> str:
    """Say a coverage as cents of each dollar due."""
    return f"{number(float(value) * 100, 0)} cents of each dollar due"


def _fund(loan: LoanResult, write: Writer) -> str:
    cover = loan.coverage
    months = len(loan.schedule.instalments)
    text = (
        f"The fund’s expected income, {write(cover.fund_income_monthly, 2)} a month, covers "
        f"{cents(cover.fund_coverage)} ({write(cover.instalment, 2)} a month)"
    )
    if cover.funds_itself:
        every = "the only instalment" if months == 1 else f"all {months} instalments"
        return f"{text}; drawn down as well, it would pay {every}."
    lasts = f"{cover.months_fund_alone} of {count(months, 'instalment')}"
    return f"{text}; used up completely, the fund alone would last {lasts}."


def _payment(loan: LoanResult, write: Writer) -> str:
    cover = loan.coverage
    standing = {
        "on_target": f"at or above the target of {number(cover.target, 1)}",
        "below_target": f"below the target of {number(cover.target, 1)}",
        "emergency": f"below the emergency line of {number(cover.emergency, 1)}",
    }[cover.standing]
    return (
        f"With the borrower’s disposable {write(cover.disposable_income_monthly, 2)} a month, each "
        f"instalment is covered {number(cover.payment_coverage)} times, {standing}."
    )


def _course(loan: LoanResult, write: Writer) -> list[str]:
    if not loan.months:
        return []
    sums = paid(loan)
    if sums.due <= 0:
        return []

    payers = (
        (sums.from_borrower, "the borrower"),
        (sums.from_income, "the fund’s income"),
        (sums.from_principal, "the fund’s principal"),
    )
    parts = [
        f"{who} paid {write(value)} ({percent(value / sums.due, 0)})"
        for value, who in payers
        if value
    ]
    due = f"{write(sums.due)} due in {count(len(loan.months), 'instalment')}"
    text = f"Of {due} {listing(parts) or 'nothing was paid'}; "
    if sums.shortfall:
        missed = sum(1 for month in loan.months if month.shortfall > 0)
        text += f"{write(sums.shortfall)} was missing in {count(missed, 'month')}."
    else:
        text += "nothing was missing."
    last = loan.months[-1]
    end = f"After the last of them, on {day(last.settled_on)}, the fund was worth "
    end += f"{write(last.fund_value)} (invested: {write(loan.invested)})"
    owed = f" and {write(last.balance)} of principal was still owed" if last.balance else ""
    return [text, f"{end}{owed}."]


def _chance(simulation: CoverageSimulation | None, write: Writer) -> list[str]:
    if simulation is None:
        return []
    source = simulation.source
    known = (
        f"drawn from {count(source.history_months, 'month')} known at the application "
        f"({count(len(source.symbols), 'symbol')})"
        if source
        else "of the fund"
    )
    text = f"In {count(simulation.paths, 'simulated path')} {known}, "
    if simulation.probability_any_shortfall == 0:
        text += "no instalment was ever missed"
    else:
        share = percent(simulation.probability_any_shortfall)
        text += (
            f"{share} missed part of at least one instalment; "
            f"{write(simulation.expected_total_shortfall)} is missing on average, "
            f"{write(simulation.expected_shortfall_worst_5pc)} in the worst {percent(0.05, 0)}"
        )
    ruin = simulation.probability_ruin
    text += (
        f"; the fund ran dry in {percent(ruin)} of them."
        if ruin
        else "; the fund never ran dry before the end."
    )
    return [text]


def _plain(comparison: PlainLoanComparison | None, write: Writer) -> list[str]:
    if comparison is None:
        return []
    plain = comparison.same_rate
    gap = plain.self_funding_advantage
    word = "less" if gap >= 0 else "more"
    earned, amount = rate(comparison.fund_return_annual), write(comparison.amount)
    cost = (
        f"If the fund earns the expected {earned} a year, the whole loan costs {write(abs(gap))} "
        f"{word} than a plain loan of {amount} at the same {rate(plain.rate_annual)}; but the "
        f"borrower then pays {write(comparison.expected_outlay_monthly, 2)} a month instead of "
        f"{write(plain.instalment, 2)}."
    )
    found = [cost]
    ahead = comparison.expected_fund_at_maturity - comparison.savings_at_maturity
    if ahead >= 0:
        found.append(
            f"Saving that difference in the same fund would leave {write(ahead)} less at the end: "
            "that is what borrowing to invest earns if the expectation comes true."
        )
    else:
        found.append(
            f"Saving that difference in the same fund would leave {write(-ahead)} more at the end: "
            "borrowing to invest loses even if the expectation comes true."
        )
    return found


def _tiles(loan: LoanResult, write: Writer) -> tuple[tuple[str, str, str], ...]:
    cover = loan.coverage
    chance = loan.simulation.probability_any_shortfall if loan.simulation else None
    tiles = [
        ("Instalment", write(cover.instalment, 2), f"APR {rate(loan.apr.apr_annual)}"),
        ("Fund coverage", number(cover.fund_coverage), "1.00 would pay for itself"),
        ("Payment coverage", number(cover.payment_coverage), f"target {number(cover.target, 1)}"),
    ]
    if chance is not None:
        tiles.append(("Chance of shortfall", percent(chance), "at least one instalment"))
    return tuple(tiles)
