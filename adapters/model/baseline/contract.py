"""Contract rules: object to every violation the review finds; remark on the rest."""

from __future__ import annotations

from adapters.model.baseline.policy import Ask
from adapters.model.baseline.words import coded
from schemas.agents import ContractReview


def decide(ask: Ask) -> ContractReview:
    """Review the contract on file and answer with its findings."""
    review = ask.tool("lending_review_terms")
    findings = review["findings"]
    violations = tuple(
        coded(f["rule"], f["sentence"]) for f in findings if f["severity"] == "violation"
    )
    remarks = tuple(
        coded(f["rule"], f["sentence"]) for f in findings if f["severity"] != "violation"
    )
    return ContractReview(
        action="object" if violations else "accept",
        rationale=review["statement"],
        confidence=1.0,
        violations=violations,
        remarks=remarks,
        features={"violations": float(len(violations)), "remarks": float(len(remarks))},
    )
