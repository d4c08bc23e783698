"""Spending rules: look at the unusual transactions of the last month (or quarter, when lending).

A duplicate or an unusual amount is worth watching; a new high-risk merchant is an alert.
"""

from __future__ import annotations

from datetime import date, timedelta

from adapters.model.baseline.policy import Ask
from adapters.model.baseline.words import coded
from schemas.agents import SpendingReview

WINDOW_DAYS = 31
APPLICATION_WINDOW_DAYS = 92


def decide(ask: Ask) -> SpendingReview:
    """Review recent anomalies; older ones were reviewed before."""
    deciding = "application" in ask.task["events"]
    days = APPLICATION_WINDOW_DAYS if deciding else WINDOW_DAYS
    since = date.fromisoformat(ask.task["session"]) - timedelta(days=days)
    report = ask.tool("lending_find_anomalies")
    recent = [
        a for a in report["anomalies"] if date.fromisoformat(a["transaction"]["posted_on"]) >= since
    ]
    risky = [a for a in recent if a["kind"] == "high_risk_merchant"]
    action = "alert" if risky else "watch" if recent else "clear"
    return SpendingReview(
        action=action,
        rationale=(
            f"{len(recent)} unusual transactions since {since}, {len(risky)} of them with a new "
            "high-risk merchant."
        ),
        confidence=0.9,
        findings=tuple(coded(a["kind"], a["sentence"]) for a in recent[:20]),
        features={"anomalies": float(len(recent)), "high_risk": float(len(risky))},
    )
