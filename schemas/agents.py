"""What the six agents answer, and how an answer is recorded.

Every output carries its reasons, its confidence and the numbers it rests on (`features`), so that
a decision can be audited, and later learned from.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from schemas.base import Message, Money, Rate, Sha256, Symbol, Weight
from schemas.loan import Ratio

AgentName = Literal["lender", "alpha_trading", "spending_guard", "budget", "tax", "contract"]
AGENTS: tuple[AgentName, ...] = (
    "contract",
    "budget",
    "tax",
    "spending_guard",
    "lender",
    "alpha_trading",
)


class AgentOutput(Message):
    """What every agent's answer has."""

    rationale: str = Field(max_length=2000, description="why, in plain sentences")
    confidence: float = Field(ge=0, le=1, description="0 to 1; 1 for an exact rule")
    evidence: tuple[str, ...] = Field(
        default=(), description="names of the tools the answer rests on"
    )
    features: dict[str, float] = Field(default={}, description="numbers the decision was taken on")


class Reason(Message):
    """A coded reason with its sentence."""

    code: str = Field(pattern=r"^[a-z0-9_]{2,40}$")
    sentence: str = Field(max_length=300)


class LenderDecision(AgentOutput):
    """Approve, refuse or refer an application; or service an instalment."""

    kind: Literal["lender"] = "lender"
    action: Literal["approve", "refuse", "refer", "service"]
    reasons: tuple[Reason, ...] = ()
    fund_payment: Money | None = Field(
        default=None, description="service: what the fund should pay of the instalment, in money"
    )
    payment_coverage: Ratio | None = Field(
        default=None, description="(disposable income + expected fund income) ÷ instalment"
    )
    fund_coverage: Ratio | None = Field(
        default=None, description="expected monthly income of the fund ÷ instalment; reported only"
    )
    apr_annual: Rate | None = Field(default=None, description="Regulation Z actuarial APR")


class TargetWeight(Message):
    """One symbol's share of equity."""

    symbol: Symbol
    weight: Weight


class TradingDecision(AgentOutput):
    """What the trading agent did; its orders went through the trading server."""

    kind: Literal["alpha_trading"] = "alpha_trading"
    action: Literal["hold", "invest", "rebalance", "raise_cash", "liquidate"]
    target_weights: tuple[TargetWeight, ...] = ()
    order_ids: tuple[str, ...] = ()


class SpendingReview(AgentOutput):
    """What is unusual in the borrower's recent transactions."""

    kind: Literal["spending_guard"] = "spending_guard"
    action: Literal["clear", "watch", "alert"]
    findings: tuple[Reason, ...] = ()


class BudgetAssessment(AgentOutput):
    """What the household can carry."""

    kind: Literal["budget"] = "budget"
    action: Literal["affordable", "tight", "unaffordable"]
    disposable_income: Money = Field(description="per month, before the new instalment")
    expense_ratio: Ratio = Field(description="living costs and debt service ÷ net income")
    available_for_instalment: Money = Field(description="per month")


class TaxAssessment(AgentOutput):
    """The year's tax, and what could be harvested."""

    kind: Literal["tax"] = "tax"
    action: Literal["none", "set_aside", "harvest"]
    tax_year: int
    estimated_tax: Money
    effective_rate: Ratio
    harvest_symbols: tuple[Symbol, ...] = ()


class ContractReview(AgentOutput):
    """Whether the contract says what was agreed, and is fair."""

    kind: Literal["contract"] = "contract"
    action: Literal["accept", "object"]
    violations: tuple[Reason, ...] = Field(default=(), description="each one overrules an approval")
    remarks: tuple[Reason, ...] = ()


AnyOutput = Annotated[
    LenderDecision
    | TradingDecision
    | SpendingReview
    | BudgetAssessment
    | TaxAssessment
    | ContractReview,
    Field(discriminator="kind"),
]


class ToolCallRecord(Message):
    """A tool call as a tick keeps it: the result by hash and size."""

    tool: str
    arguments: dict[str, JsonValue]
    result_sha256: Sha256
    result_bytes: int = Field(ge=0)
    is_error: bool = False


class Usage(Message):
    """What a model call consumed."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd_micro: int = Field(default=0, description="millionths of a US dollar")


class AgentDecision(Message):
    """One agent's turn in one tick: what it was, what it saw, what it decided or why it did not."""

    agent: AgentName
    model: str
    output: AnyOutput | None = None
    abstention: str | None = Field(default=None, description="the reason, when there is no output")
    tool_calls: tuple[ToolCallRecord, ...] = ()
    propensity: float = Field(default=1.0, ge=0, le=1, description="1 for a deterministic policy")
    steps: int = Field(ge=0)
    usage: Usage = Usage()
