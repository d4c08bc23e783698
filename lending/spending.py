"""Unusual spending: robust outliers, duplicates, and new high-risk merchants.

Source: Iglewicz & Hoaglin (1993), How to Detect and Handle Outliers: the modified z-score
0.6745 (x - median) / MAD with cut-off 3.5, and the mean absolute deviation where the MAD is zero.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from statistics import mean, median

from schemas.household import AnomalyReport, SpendingAnomaly
from schemas.loan import Ratio, Transaction

CUT_OFF = Decimal("3.5")
MIN_OBSERVATIONS = 6
MIN_EXCESS = Decimal("0.25")
"""A payment must also exceed its category's median by a quarter: steady bills vary by cents."""
DUPLICATE_DAYS = 2
DUPLICATE_FROM = Decimal("10.00")
"""Equal small payments (a coffee, a fare) are everyday life."""

_HIGH_RISK = re.compile(
    r"casino|betting|\bbet\b|poker|lottery|payday|cash advance|pawn|crypto|bitcoin|wire transfer",
    re.IGNORECASE,
)
_HIGH_RISK_CATEGORIES = frozenset({"gambling", "cash_advance", "payday_loan", "crypto"})


def find_anomalies(transactions: Sequence[Transaction]) -> AnomalyReport:
    """Find the unusual payments among the transactions, in order of their date."""
    ordered = sorted(transactions, key=lambda row: (row.posted_on, row.merchant, row.amount))
    spent = [row for row in ordered if row.amount < 0]
    found = [*_unusual_amounts(spent), *_duplicates(spent), *_new_high_risk(spent)]
    found.sort(key=lambda anomaly: (anomaly.transaction.posted_on, anomaly.kind))
    return AnomalyReport(transactions_read=len(ordered), anomalies=tuple(found))


def _unusual_amounts(spent: Sequence[Transaction]) -> Iterable[SpendingAnomaly]:
    by_category: defaultdict[str, list[Transaction]] = defaultdict(list)
    for row in spent:
        by_category[row.category].append(row)
    for category, rows in by_category.items():
        if len(rows) < MIN_OBSERVATIONS:
            continue
        amounts = [-row.amount for row in rows]
        middle = median(amounts)
        for row, amount in zip(rows, amounts, strict=True):
            score = robust_score(amount, amounts)
            if score is None or score <= CUT_OFF or amount <= middle * (1 + MIN_EXCESS):
                continue
            yield SpendingAnomaly(
                kind="unusual_amount",
                transaction=row,
                score=score,
                sentence=f"{amount} at {row.merchant} is far above the usual {middle:.2f} for "
                f"{category} ({score:.1f} robust standard deviations).",
            )


def robust_score(value: Decimal, sample: Sequence[Decimal]) -> Ratio | None:
    """Return the modified z-score of a value in its sample; None where nothing varies."""
    middle = median(sample)
    deviations = [abs(other - middle) for other in sample]
    scale = median(deviations) / Decimal("0.6745")
    if scale == 0:
        scale = mean(deviations) * Decimal("1.253314")
    return (value - middle) / scale if scale else None


def _duplicates(spent: Sequence[Transaction]) -> Iterable[SpendingAnomaly]:
    same: defaultdict[tuple[str, Decimal], list[Transaction]] = defaultdict(list)
    for row in spent:
        if -row.amount >= DUPLICATE_FROM:
            same[row.merchant, row.amount].append(row)
    for (merchant, amount), rows in same.items():
        for first, second in pairwise(rows):
            if (second.posted_on - first.posted_on).days <= DUPLICATE_DAYS:
                yield SpendingAnomaly(
                    kind="duplicate",
                    transaction=second,
                    score=None,
                    sentence=f"{merchant} charged {-amount} on {first.posted_on} and again on "
                    f"{second.posted_on}.",
                )


def _new_high_risk(spent: Sequence[Transaction]) -> Iterable[SpendingAnomaly]:
    known: set[str] = set()
    for row in spent:
        risky = row.category in _HIGH_RISK_CATEGORIES or _HIGH_RISK.search(row.merchant)
        if risky and row.merchant not in known:
            known.add(row.merchant)
            yield SpendingAnomaly(
                kind="high_risk_merchant",
                transaction=row,
                score=None,
                sentence=f"{row.merchant} is a new merchant of a high-risk kind.",
            )
