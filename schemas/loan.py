"""The words of a loan: what a borrower brings, what is owed, and what was computed about it.

Amounts are `Money` (two places), shares `Weight`, yearly rates `Rate` (0.08 is eight per cent).
Every date is a calendar date in the borrower's country; `_on` names a date, `_monthly` an amount
a month. A `BorrowerFile` is one self-contained JSON file. What was judged about a household stands
in `schemas/household.py`.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PlainSerializer, model_validator

from schemas.base import MILLIONTH, ZERO, Message, Money, Rate, Symbol, Weight

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Category = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$", examples=["groceries"])]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Amount = Annotated[Money, Field(ge=0)]
"""Money that cannot be negative."""
LoanRate = Annotated[Rate, Field(ge=0, le=1)]
"""A lending rate a year: 0 to 1."""
Months = Annotated[int, Field(ge=1, le=480)]

Ratio = Annotated[
    Decimal,
    AfterValidator(lambda value: value.quantize(MILLIONTH, rounding=ROUND_HALF_EVEN)),
    PlainSerializer(float, return_type=float, when_used="json"),
]
"""An amount over an amount, six places, unbounded; a number in JSON."""

FilingStatus = Literal["single", "married_joint", "married_separate", "head_of_household"]
DocumentKind = Literal["pay_stub", "w2", "bank_summary", "tax_return", "credit_report", "other"]


# What a borrower brings


class LoanApplication(Message):
    """A request for a self-funding loan: `invested_share` of the principal is invested.

    The origination fee is kept back from the part paid out. `expenses_monthly` are living costs
    with housing and without debt service; `fund_floor` is what the fund is never drawn below.
    """

    application_id: Identifier
    borrower_id: Identifier
    borrower_name: Text
    applied_on: date
    purpose: Text
    principal: Annotated[Money, Field(gt=0)]
    rate_annual: LoanRate
    term_months: Months
    invested_share: Annotated[Weight, Field(ge=0, le=1)] = Decimal("0.6")
    origination_fee: Amount = ZERO
    disbursed_on: date
    first_due_on: date
    income_monthly_net: Amount
    income_monthly_gross: Amount
    expenses_monthly: Amount
    housing_monthly: Amount = ZERO
    debt_payments_monthly: Amount
    expected_fund_return_annual: Annotated[Rate, Field(ge=-1, le=1)] = Decimal("0.10")
    fund_floor: Amount = ZERO
    filing_status: FilingStatus = "single"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.disbursed_on < self.applied_on:
            raise ValueError("disbursed_on must not be before applied_on")
        if self.first_due_on <= self.disbursed_on:
            raise ValueError("first_due_on must be after disbursed_on")
        if (self.first_due_on - self.disbursed_on).days > 366:
            raise ValueError("first_due_on must be within a year of disbursed_on")
        if self.origination_fee >= self.principal * (1 - self.invested_share):
            raise ValueError("invested_share and origination_fee must leave something to pay out")
        if self.income_monthly_net > self.income_monthly_gross:
            raise ValueError("income_monthly_net must not exceed income_monthly_gross")
        if self.housing_monthly > self.expenses_monthly:
            raise ValueError("housing_monthly is part of expenses_monthly and must not exceed it")
        if self.fund_floor > self.principal * self.invested_share:
            raise ValueError("fund_floor must not exceed the invested amount")
        return self


class Transaction(Message):
    """One booking on the borrower's account; money in is positive, money out negative."""

    posted_on: date
    amount: Money
    category: Category
    merchant: Text
    description: Annotated[str, Field(max_length=500)] = ""


class BorrowerDocument(Message):
    """A dated paper the borrower handed in: read as fields, as text, or both."""

    document_id: Identifier
    kind: DocumentKind
    title: Text
    issued_on: date
    fields: dict[str, str] = Field(default_factory=dict)
    text: Annotated[str, Field(max_length=100_000)] = ""


class BorrowerFile(Message):
    """Everything about one borrower: given as one JSON file and inlined in a request."""

    application: LoanApplication
    transactions: Annotated[tuple[Transaction, ...], Field(max_length=20_000)] = ()
    documents: Annotated[tuple[BorrowerDocument, ...], Field(max_length=200)] = ()
    contract_text: Annotated[str, Field(max_length=200_000)] = ""


class LoanTerms(Message):
    """What fixes a level-payment loan: amount, rate, term, fee and dates."""

    principal: Annotated[Money, Field(gt=0)]
    rate_annual: LoanRate
    term_months: Months
    disbursed_on: date
    first_due_on: date
    origination_fee: Amount = ZERO


# What is owed, and who paid it


class Instalment(Message):
    """One payment: `interest` and `principal` sum to `payment`; `balance` is what stays owed."""

    number: int
    due_on: date
    payment: Money
    interest: Money
    principal: Money
    balance: Money


class Schedule(Message):
    """A level-payment schedule that closes to zero; only the last payment may differ."""

    principal: Money
    rate_annual: Rate
    instalments: tuple[Instalment, ...]
    total_paid: Money
    total_interest: Money


class PrincipalSplit(Message):
    """Where the principal goes: the three parts sum to it."""

    invested: Money
    fee: Money
    paid_out: Money


class InstalmentSplit(Message):
    """Who paid one instalment: the four parts sum to `due`."""

    due: Money
    from_income: Money
    from_borrower: Money
    from_principal: Money
    shortfall: Money


class AprResult(Message):
    """The annual percentage rate by 12 CFR 1026, Appendix J, with what it was computed from.

    A unit period is `unit_period_months`; the first payment falls `first_full_periods` and
    `first_odd_fraction` of one after the advance.
    """

    apr_annual: Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
    rate_annual: Rate
    finance_charge: Money
    amount_financed: Money
    total_of_payments: Money
    unit_period_months: int
    first_full_periods: int
    first_odd_fraction: Ratio
    method: str


# What it means


class CoverageSummary(Message):
    """How the instalment is covered; `fund_coverage` is reported, never a threshold."""

    instalment: Money
    invested: Money
    fund_income_monthly: Money
    disposable_income_monthly: Money
    fund_coverage: Ratio
    payment_coverage: Ratio
    target: Ratio
    emergency: Ratio
    standing: Literal["on_target", "below_target", "emergency"]
    months_fund_alone: int
    funds_itself: bool
    statement: str


class Quantiles(Message):
    """Five quantiles of an amount over the paths."""

    p5: Money
    p25: Money
    p50: Money
    p75: Money
    p95: Money


class MonthlyQuantiles(Message):
    """Five quantiles an instalment, in columns; one entry an instalment."""

    p5: tuple[Money, ...]
    p25: tuple[Money, ...]
    p50: tuple[Money, ...]
    p75: tuple[Money, ...]
    p95: tuple[Money, ...]


class PathSource(Message):
    """Where simulated paths came from."""

    symbols: tuple[Symbol, ...]
    seed: int
    mean_block_months: Ratio
    history_first_on: date
    history_last_on: date
    history_months: int


class CoverageSimulation(Message):
    """What many simulated fund paths say about a loan.

    A path is ruined once nothing above the floor is left in its fund while instalments remain.
    """

    paths: int
    months: int
    source: PathSource | None
    monthly_shortfall: MonthlyQuantiles
    monthly_shortfall_probability: tuple[Ratio, ...]
    probability_any_shortfall: Ratio
    probability_ruin: Ratio
    expected_total_shortfall: Money
    expected_shortfall_worst_5pc: Money
    expected_funded_share: Ratio
    residual_at_maturity: Quantiles
    months_fund_alone: tuple[int, int, int]
    statement: str


class PlainLoanCase(Message):
    """A plain loan of the amount paid out, at one rate; `advantage` is its cost less ours."""

    rate_annual: Rate
    instalment: Money
    total_cost: Money
    self_funding_advantage: Money


class PlainLoanComparison(Message):
    """The self-funding loan beside a plain loan of the amount paid out.

    `total_cost` adds up money without regard to when it is paid. `savings_*` compare by time:
    the plain borrower puts the difference in monthly outlay into the same fund.
    """

    amount: Money
    fund_return_annual: Rate
    expected_total_cost: Money
    expected_outlay_monthly: Money
    expected_fund_at_maturity: Money
    same_rate: PlainLoanCase
    sensitivities: tuple[PlainLoanCase, ...]
    break_even_plain_rate_annual: Ratio | None
    break_even_fund_return_annual: Ratio | None
    self_funding_return_income_annual: Ratio
    self_funding_return_drawdown_annual: Ratio
    savings_at_maturity: Money
    funds_itself: bool
    statement: str
