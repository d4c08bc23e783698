"""What a finished job says: `results.json` is one `ResultsBundle`.

Nothing here is random or of wall time: two runs of the same request give the same bytes.
"""

from __future__ import annotations

from datetime import date

from pydantic import Field

from schemas.agents import AgentDecision
from schemas.attribution import CostAttribution, TradeAttribution
from schemas.base import ZERO, Instant, Message, Money, Quantity, Sha256, Symbol
from schemas.canaries import CanaryReport
from schemas.jobs import JobState, SimulationRequest
from schemas.ledger import TransactionKind
from schemas.loan import (
    AprResult,
    CoverageSimulation,
    CoverageSummary,
    PlainLoanComparison,
    Schedule,
)
from schemas.market import DatasetInfo
from schemas.metrics import (
    DrawdownRow,
    Exposure,
    IntervalEstimate,
    PerformanceMetrics,
    RollingSeries,
    TradeStatistics,
)
from schemas.orders import MARKET_DAY, Fill, Order, Terms
from schemas.risk import BreakerEvent
from schemas.tick import Event, LoanState
from schemas.trades import RoundTrips


class BreakerTrip(Message):
    """A circuit breaker that tripped at a session's mark."""

    session: date
    event: BreakerEvent


class WashSaleMark(Message):
    """A loss that counts later for tax, because the same was bought again within 30 days."""

    symbol: Symbol
    sold_lot: str
    sold_on: date
    quantity: Quantity
    disallowed: Money
    replacement_lot: str
    held_from: date = Field(description="from when on the replacement counts as held")


class Scorecard(Message):
    """What a run's figures are made of."""

    drawdowns: tuple[DrawdownRow, ...] = Field(description="the deepest five")
    intervals: tuple[IntervalEstimate, ...] = Field(
        description="95 % intervals by a block bootstrap of the run's own sessions"
    )
    exposure: Exposure | None
    trips: RoundTrips
    trade_statistics: TradeStatistics = Field(description="of the round trips that ended")
    cost_attribution: CostAttribution | None = Field(
        description="from the return before costs to the return after them"
    )
    without_model_spend: PerformanceMetrics | None = Field(
        description="as if the model's tokens had been free; None where they cost nothing"
    )
    trade_attribution: TradeAttribution | None = Field(
        default=None, description="the profit by symbol, of round trips that ended"
    )
    rolling: RollingSeries | None = Field(
        default=None, description="of the last 252 sessions, each fifth session; None when shorter"
    )
    wash_sales: tuple[WashSaleMark, ...]
    breakers: tuple[BreakerTrip, ...]


class EquityCurve(Message):
    """The account at each session's close, in columns of equal length."""

    sessions: tuple[date, ...]
    cash: tuple[Money, ...]
    market_value: tuple[Money, ...]
    equity: tuple[Money, ...]


class CostSummary(Message):
    """What trading cost in all; spread and slippage are inside the fill prices."""

    commission: Money
    spread: Money
    slippage: Money
    impact: Money = ZERO
    financing: Money = Field(default=ZERO, description="interest and borrow fees paid")
    interest_earned: Money = Field(default=ZERO, description="on cash; in no total of costs")
    model_spend: Money = Field(default=ZERO, description="tokens, as charged to the account")
    total: Money
    turnover_annual: float = Field(description="value traded ÷ 2 ÷ mean equity, a year")
    mean_exposure: float = Field(description="mean of market value ÷ equity, 0 to 1")
    model_cost_usd_micro: int = Field(description="model spend in millionths of a US dollar")


class Trade(Message):
    """A fill with the order behind it: what was asked, why, and what it came to."""

    fill: Fill
    reason: str
    requested_quantity: Quantity
    status_reason: str | None = None
    terms: Terms = MARKET_DAY


class PositionAction(Message):
    """A corporate action as it was booked on a holding."""

    session: date
    kind: TransactionKind = Field(description="split, dividend, symbol_change, merger, delisting")
    symbol: Symbol = Field(description="the ticker before it")
    new_symbol: Symbol | None = Field(default=None, description="where the ticker changed")
    units: Quantity = Field(description="signed: what it added to the units held, or took away")
    cash: Money = Field(description="what it brought")
    realised_gain: Money = Field(description="of units turned to cash: cash less their cost")
    description: str


class DecisionRecord(Message):
    """One agent's decision, with its session."""

    session: date
    as_of: Instant
    events: tuple[Event, ...]
    decision: AgentDecision


class LoanMonth(Message):
    """One instalment of the serviced loan."""

    number: int
    due_on: date
    settled_on: date
    payment: Money
    interest: Money
    principal: Money
    from_income: Money
    from_borrower: Money
    from_principal: Money
    shortfall: Money
    balance: Money
    fund_value: Money


class LoanResult(Message):
    """What became of the loan, beside what was to be expected when it was decided."""

    borrower: str
    final: LoanState
    invested: Money
    paid_out: Money
    schedule: Schedule
    apr: AprResult
    coverage: CoverageSummary
    months: tuple[LoanMonth, ...]
    fund_value_end: Money
    shortfall_total: Money
    simulation: CoverageSimulation | None = Field(
        description="bootstrap on prices known at the application; None when refused"
    )
    comparison: PlainLoanComparison | None = None


class RunResult(Message):
    """One model's run."""

    model: str
    run_key: Sha256
    state: JobState
    error: str | None = None
    curve: EquityCurve
    metrics: PerformanceMetrics | None = Field(description="None when there are too few sessions")
    costs: CostSummary
    trades: tuple[Trade, ...]
    refused_orders: tuple[Order, ...] = Field(description="denied, rejected or cancelled")
    actions: tuple[PositionAction, ...] = Field(
        default=(), description="corporate actions on what was held"
    )
    dividends: Money = Field(default=ZERO, description="received in all")
    decisions: tuple[DecisionRecord, ...]
    abstentions: int = Field(ge=0)
    ledger_hash: Sha256
    ledger_entries: int = Field(ge=0)
    score: Scorecard | None = Field(default=None, description="None before the first session")
    loan: LoanResult | None = None


class BenchmarkResult(Message):
    """A yardstick: same sessions, no agent."""

    name: str
    description: str
    sessions: tuple[date, ...]
    equity: tuple[Money, ...]
    metrics: PerformanceMetrics | None


class UniverseUsed(Message):
    """What a named universe was over a run; members that were delisted are among them."""

    name: str
    members_at_start: int = Field(ge=0)
    members_at_end: int = Field(ge=0)
    entered: tuple[Symbol, ...] = Field(description="after the first day")
    left: tuple[Symbol, ...] = Field(description="before the last day")
    missing: tuple[Symbol, ...] = Field(description="members without prices, at least in part")
    missing_share: float = Field(ge=0, le=1, description="of all days of all members")


class JobResults(Message):
    """One job: the request, its runs and the yardsticks."""

    title: str
    request: SimulationRequest
    dataset: DatasetInfo
    universe: tuple[Symbol, ...]
    universe_used: UniverseUsed | None = Field(
        default=None, description="of a named universe with members that come and go"
    )
    runs: tuple[RunResult, ...]
    benchmarks: tuple[BenchmarkResult, ...]
    strategy_breakers: tuple[BreakerEvent, ...] = Field(
        default=(),
        description="what would trip if the runs were strategies of one portfolio at the end: two "
        "that move together, too many",
    )
    assumptions: tuple[str, ...]
    canaries: CanaryReport | None = Field(
        default=None, description="what was checked before the runs"
    )


class ResultsBundle(Message):
    """Everything a report shows."""

    schema_version: int = 1
    code_version: str
    jobs: tuple[JobResults, ...]


class ManifestRun(Message):
    """What repeats one run."""

    model: str
    run_key: Sha256
    ledger_hash: Sha256


class Execution(Message):
    """The only part of a manifest that may differ between two runs of the same request."""

    job_ids: tuple[str, ...]
    run_ids: tuple[str, ...]
    started_at: Instant
    finished_at: Instant
    host_python: str
    platform: str


class Manifest(Message):
    """Everything needed to repeat a run."""

    schema_version: int = 1
    code_version: str
    requests: tuple[SimulationRequest, ...]
    data_hashes: dict[str, Sha256]
    documents_hash: Sha256 | None = Field(
        default=None,
        description="of the user's own documents that the runs could find; None without any",
    )
    versions: dict[str, str] = Field(description="library versions that shape results")
    runs: tuple[ManifestRun, ...]
    recorded_calls: str | None = Field(
        default=None,
        description="set of recorded model calls; None when no outside model was asked",
    )
    files: dict[str, Sha256] = Field(description="SHA-256 of each file written beside this one")
    repeat: str = Field(description="the command that repeats the run")
    execution: Execution
