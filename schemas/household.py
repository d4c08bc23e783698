"""What was judged about a household: underwriting, budget, spending, tax, contract.

The figures of the loan itself stand in `schemas/loan.py`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from schemas.base import Message, Money, Rate
from schemas.loan import BorrowerDocument, CoverageSummary, FilingStatus, Ratio, Transaction


class TransactionColumns(Message):
    """Transactions known at `as_of`, oldest first, in columns; `total` counts all that match.

    Money in is positive, money out negative; where there are more than asked the newest are shown.
    """

    as_of: date
    total: int
    posted_on: tuple[date, ...]
    amount: tuple[Money, ...]
    category: tuple[str, ...]
    merchant: tuple[str, ...]
    description: tuple[str, ...]


class DocumentList(Message):
    """The borrower's documents issued before `as_of`, oldest first."""

    as_of: date
    documents: tuple[BorrowerDocument, ...]


class UnderwritingPolicy(Message):
    """The thresholds of a decision; each is explained in `lending/underwriting.py`."""

    max_debt_to_income: Ratio = Decimal("0.43")
    max_payment_to_income: Ratio = Decimal("0.15")
    min_residual_income: Money = Decimal("150.00")
    coverage_target: Ratio = Decimal("1.3")
    coverage_emergency: Ratio = Decimal("1.2")
    min_history_months: int = 3
    max_income_overstatement: Ratio = Decimal("0.10")


class AffordabilityResult(Message):
    """The ratios of a loan to a household's income, all a month."""

    instalment: Money
    disposable_income_monthly: Money
    residual_income_monthly: Money
    debt_to_income: Ratio | None
    payment_to_income: Ratio | None
    coverage: CoverageSummary
    affordable: bool
    statement: str


ReasonCode = Literal[
    "debt_to_income_too_high",
    "payment_to_income_too_high",
    "residual_income_too_low",
    "payment_coverage_below_target",
    "payment_coverage_emergency",
    "income_not_verified",
    "history_too_short",
    "contract_violation",
    "no_income",
]


class Reason(Message):
    """Why a loan is not simply approved: a stable code, and a sentence with the figures."""

    code: ReasonCode
    sentence: str
    refuses: bool


class ObservedFinances(Message):
    """What the borrower's transactions show: full calendar months, and means a month."""

    months: int
    income_monthly: Money
    spending_monthly: Money


class UnderwritingResult(Message):
    """Approve, refer to a person, or refuse, with every reason; no reason means approve."""

    decision: Literal["approve", "refer", "refuse"]
    reasons: tuple[Reason, ...]
    affordability: AffordabilityResult
    observed: ObservedFinances | None
    policy: UnderwritingPolicy


class BudgetResult(Message):
    """A month's household budget beside the 50/30/20 rule; shares are of net income."""

    income_monthly: Money
    needs: Money
    wants: Money
    debt: Money
    surplus: Money
    needs_share: Ratio | None
    wants_share: Ratio | None
    savings_share: Ratio | None
    expense_ratio: Ratio | None
    within_rule: bool
    statement: str


class SpendingAnomaly(Message):
    """One unusual transaction; `score` is in robust standard deviations where it is one."""

    kind: Literal["unusual_amount", "duplicate", "high_risk_merchant"]
    transaction: Transaction
    score: Ratio | None
    sentence: str


class AnomalyReport(Message):
    """The unusual transactions among those read."""

    transactions_read: int
    anomalies: tuple[SpendingAnomaly, ...]


class TaxSlice(Message):
    """The part of an income that falls into one bracket."""

    kind: Literal["ordinary", "long_term_gains"]
    rate: Rate
    amount: Money
    tax: Money


class TaxEstimate(Message):
    """US federal income tax of one year with the standard deduction; an estimate, not a return."""

    year: int
    filing_status: FilingStatus
    standard_deduction: Money
    taxable_ordinary: Money
    taxable_gains: Money
    slices: tuple[TaxSlice, ...]
    ordinary_tax: Money
    gains_tax: Money
    total_tax: Money
    marginal_rate: Rate
    effective_rate: Ratio
    source: str


class ContractTerm(Message):
    """A term as the contract states it, with its line (from 1) and words."""

    name: str
    value: str
    line: int
    clause: str


class ContractFinding(Message):
    """What a rule found; a `violation` must stop the loan."""

    rule: str
    severity: Literal["info", "warning", "violation"]
    sentence: str
    line: int | None
    clause: str | None


class ContractReviewResult(Message):
    """The terms found in a contract, recomputed, and what is wrong with them."""

    terms: tuple[ContractTerm, ...]
    findings: tuple[ContractFinding, ...]
    recomputed_instalment: Money | None
    recomputed_apr_annual: Rate | None
    acceptable: bool
    statement: str
