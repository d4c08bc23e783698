"""Review a loan contract: recompute its terms and apply the rules.

Sources: 12 CFR 1026.18 (what must be disclosed), 12 CFR 1026.22(a)(2) (an APR may be off by 1/8 of
a percentage point), 16 CFR 444.2(a)(1) and (3) (confession of judgment and assignment of wages are
unfair practices). The fee limits of 5 %, the ban on prepayment penalties and the fixed rate are
this product's own rules. Words in a contract that address a reader's tools are a finding, never
followed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import ValidationError

from lending.apr import loan_apr
from lending.contract_terms import Clause, parse_terms, read_clauses
from lending.schedule import build_schedule, terms_of
from schemas.base import to_cents
from schemas.errors import InvalidRequest
from schemas.household import ContractFinding, ContractReviewResult, ContractTerm
from schemas.loan import LoanApplication, LoanTerms

MAX_FEE_SHARE = Decimal("0.05")
MAX_LATE_FEE_SHARE = Decimal("0.05")
APR_TOLERANCE = Decimal("0.00125")

_EXPECTED = {
    "principal": "principal",
    "rate_annual": "interest rate",
    "term_months": "term",
    "instalment": "monthly payment",
    "apr": "annual percentage rate",
}
_NEGATED = re.compile(
    r"\b(?:no|not|never|none|without|nor|neither|free of|nothing in)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _ClauseRule:
    """A clause that is found by its words; a negated one is only remarked on."""

    name: str
    words: re.Pattern[str]
    severity: Literal["warning", "violation"]
    sentence: str


def _rule(
    name: str, words: str, severity: Literal["warning", "violation"], sentence: str
) -> _ClauseRule:
    return _ClauseRule(name, re.compile(words, re.IGNORECASE), severity, sentence)


_EARLY = r"(?:prepay\w*|(?:re)?pay\w*(?: off)?(?: the loan)? early|early (?:re)?pay\w*)"
_CHARGE = r"(?:penalty|fee|charge|premium|forfeit\w*)"
_CLAUSE_RULES = (
    _rule(
        "prepayment_penalty",
        rf"\b{_EARLY}\b.*\b{_CHARGE}\b|\b{_CHARGE}\b.*\b{_EARLY}\b",
        "violation",
        "Paying early costs extra.",
    ),
    _rule(
        "confession_of_judgment",
        r"\bconfess\w*(?: of| a| to)? judge?ment|\bcognovit\b|\bwarrant of attorney\b",
        "violation",
        "The borrower would confess judgment in advance.",
    ),
    _rule(
        "wage_assignment",
        r"\bassign\w*(?: of)?(?: \w+){0,3} (?:wages|earnings|salary)\b",
        "violation",
        "The borrower would assign wages.",
    ),
    _rule(
        "rate_change",
        r"\brate may (?:be )?(?:change|increase|adjust|rise)\w*|\bvariable (?:interest )?rate\b",
        "violation",
        "The rate may change, although the application is for a fixed one.",
    ),
    _rule(
        "arbitration",
        r"\b(?:binding )?arbitrat(?:ion|or|ed)\b|\bwaives?\b.*\b(?:jury|class action)\b",
        "warning",
        "Disputes would be kept from a court.",
    ),
)
_ADDRESSES_TOOLS = re.compile(
    r"\b(?:ignore|disregard|forget) (?:all |any |the |your )*(?:previous|prior|above|earlier|rules|"
    r"instructions)|\bsystem prompt\b|</?(?:system|assistant|user|tool)\b|"
    r"\b(?:ai|language model|llm|chatbot|automated (?:reviewer|agent))\b.{0,80}\b(?:must|should|"
    r"shall|approve|report|call)\b|\byou are (?:now )?an? (?:ai|assistant|helpful)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Facts:
    """The stated numbers, and the same recomputed."""

    terms: dict[str, ContractTerm]
    application: LoanApplication | None
    instalment: Decimal | None
    apr: Decimal | None

    def stated(self, name: str) -> Decimal | None:
        term = self.terms.get(name)
        return Decimal(term.value) if term else None

    def finding(self, rule: str, sentence: str, name: str) -> ContractFinding:
        term = self.terms[name]
        return ContractFinding(
            rule=rule,
            severity="violation",
            sentence=sentence,
            line=term.line,
            clause=term.clause,
        )


def review_contract(text: str, application: LoanApplication | None = None) -> ContractReviewResult:
    """Review a contract, against the application where there is one.

    Instalment and APR are recomputed from the application, or else from the terms found (first
    payment one month after the advance). An empty text is an `InvalidRequest`.
    """
    if not text.strip():
        raise InvalidRequest("There is no contract text to review.")
    clauses = read_clauses(text)
    terms = parse_terms(clauses)
    facts = _recompute({term.name: term for term in terms}, application)
    checks: tuple[Callable[[_Facts], Iterator[ContractFinding]], ...] = (
        _missing_terms,
        _differences,
        _recomputed,
        _fees,
        _late_fees,
    )
    findings = [
        *(finding for check in checks for finding in check(facts)),
        *_clause_findings(clauses),
    ]
    broken = [finding.sentence for finding in findings if finding.severity == "violation"]
    return ContractReviewResult(
        terms=terms,
        findings=tuple(findings),
        recomputed_instalment=facts.instalment,
        recomputed_apr_annual=facts.apr,
        acceptable=not broken,
        statement=" ".join(broken) or f"No rule is broken; remarks: {len(findings)}.",
    )


def _recompute(terms: dict[str, ContractTerm], application: LoanApplication | None) -> _Facts:
    try:
        loan = terms_of(application) if application else _stated_loan(terms)
        schedule = build_schedule(loan)
        apr = loan_apr(loan, schedule).apr_annual
    except (KeyError, ValidationError, InvalidRequest):
        # A contract whose own numbers make no loan cannot be recomputed; the findings say so.
        return _Facts(terms, application, None, None)
    return _Facts(terms, application, schedule.instalments[0].payment, apr)


def _stated_loan(terms: dict[str, ContractTerm]) -> LoanTerms:
    fee = terms.get("origination_fee")
    return LoanTerms.model_validate(
        {
            "principal": terms["principal"].value,
            "rate_annual": terms["rate_annual"].value,
            "term_months": int(terms["term_months"].value),
            "origination_fee": fee.value if fee else "0",
            "disbursed_on": date(2000, 1, 1),
            "first_due_on": date(2000, 2, 1),
        }
    )


def _missing_terms(facts: _Facts) -> Iterator[ContractFinding]:
    for name, words in _EXPECTED.items():
        if name not in facts.terms:
            yield _remark(f"{name}_missing", f"The contract states no {words} that could be read.")
    if facts.instalment is None:
        yield _remark("not_recomputed", "The stated terms make no loan that could be recomputed.")


def _differences(facts: _Facts) -> Iterator[ContractFinding]:
    if facts.application is None:
        return
    applied = {
        "principal": facts.application.principal,
        "rate_annual": facts.application.rate_annual,
        "term_months": Decimal(facts.application.term_months),
    }
    for name, expected in applied.items():
        stated = facts.stated(name)
        if stated is not None and stated != expected:
            yield facts.finding(
                f"{name}_differs",
                f"The contract's {_EXPECTED[name]} is {_shown(name, stated)}, "
                f"the application's {_shown(name, expected)}.",
                name,
            )
    fee = facts.stated("origination_fee")
    if fee is not None and fee != facts.application.origination_fee:
        yield facts.finding(
            "origination_fee_differs",
            f"The contract's origination fee is {fee}, the application's "
            f"{facts.application.origination_fee}.",
            "origination_fee",
        )


def _shown(name: str, value: Decimal) -> str:
    return f"{value * 100:.2f} %" if name == "rate_annual" else f"{value}"


def _recomputed(facts: _Facts) -> Iterator[ContractFinding]:
    stated = facts.stated("instalment")
    if stated is not None and facts.instalment is not None and stated != facts.instalment:
        yield facts.finding(
            "instalment_wrong",
            f"The contract's monthly payment is {stated}; the terms give {facts.instalment}.",
            "instalment",
        )
    apr = facts.stated("apr")
    if apr is not None and facts.apr is not None and abs(apr - facts.apr) > APR_TOLERANCE:
        yield facts.finding(
            "apr_wrong",
            f"The contract's APR is {apr:.2%}; by Regulation Z it is {facts.apr:.2%}.",
            "apr",
        )


def _fees(facts: _Facts) -> Iterator[ContractFinding]:
    principal = facts.application.principal if facts.application else facts.stated("principal")
    fee = facts.stated("origination_fee")
    share = facts.stated("origination_fee_share")
    if share is not None and share > MAX_FEE_SHARE:
        yield facts.finding(
            "fee_too_high",
            f"The origination fee is {share:.2%} of the principal; the limit is "
            f"{MAX_FEE_SHARE:.0%}.",
            "origination_fee_share",
        )
    elif fee is not None and principal and fee > principal * MAX_FEE_SHARE:
        yield facts.finding(
            "fee_too_high",
            f"The origination fee of {fee} is more than {MAX_FEE_SHARE:.0%} of {principal}.",
            "origination_fee",
        )


def _late_fees(facts: _Facts) -> Iterator[ContractFinding]:
    share, fee = facts.stated("late_fee_share"), facts.stated("late_fee")
    if share is not None and share > MAX_LATE_FEE_SHARE:
        yield facts.finding(
            "late_fee_too_high",
            f"The late fee is {share:.2%} of what is late; the limit is {MAX_LATE_FEE_SHARE:.0%}.",
            "late_fee_share",
        )
    limit = facts.instalment * MAX_LATE_FEE_SHARE if facts.instalment else None
    if fee is not None and limit is not None and fee > limit:
        yield facts.finding(
            "late_fee_too_high",
            f"The late fee of {fee} is more than {MAX_LATE_FEE_SHARE:.0%} of an instalment "
            f"({to_cents(limit)}).",
            "late_fee",
        )


def _clause_findings(clauses: tuple[Clause, ...]) -> Iterator[ContractFinding]:
    for clause in clauses:
        if _ADDRESSES_TOOLS.search(clause.text):
            yield ContractFinding(
                rule="embedded_instruction",
                severity="violation",
                sentence="The text tries to instruct whoever reads it by machine.",
                line=clause.line,
                clause=clause.text,
            )
        for rule in _CLAUSE_RULES:
            if rule.words.search(clause.text):
                negated = _NEGATED.search(clause.text)
                name = rule.name.replace("_", " ")
                yield ContractFinding(
                    rule=rule.name,
                    severity="info" if negated else rule.severity,
                    sentence=f"A clause rules this out, to the borrower's favour: {name}."
                    if negated
                    else rule.sentence,
                    line=clause.line,
                    clause=clause.text,
                )


def _remark(rule: str, sentence: str) -> ContractFinding:
    return ContractFinding(rule=rule, severity="warning", sentence=sentence, line=None, clause=None)
