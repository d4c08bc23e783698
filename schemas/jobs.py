"""What is asked of the arena, and where it stands."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Instant, Message, Money, Sha256, Symbol
from schemas.execution import ExecutionModel
from schemas.facts import UniverseName, UniverseStay
from schemas.loan import BorrowerFile
from schemas.risk import RiskLimits

Mode = Literal["trading", "loan"]
Cadence = Literal["daily", "weekly", "monthly"]
JobState = Literal[
    "queued",
    "running",
    "paused",
    "completed",
    "partial",
    "failed",
    "cancelled",
    "budget_exhausted",
]
ENDED: frozenset[JobState] = frozenset(
    {"completed", "partial", "failed", "cancelled", "budget_exhausted"}
)
ModelName = Annotated[str, Field(pattern=r"^[a-z0-9_-]+:[A-Za-z0-9._:/-]+$", max_length=120)]


class SimulationRequest(Message):
    """A simulation: models × dates. Sessions outside the exchange's calendar are skipped."""

    models: tuple[ModelName, ...] = Field(
        min_length=1, max_length=32, examples=[["baseline:buy-and-hold"]]
    )
    start_date: date
    end_date: date
    mode: Mode = "trading"
    application: BorrowerFile | None = Field(
        default=None, description="loan mode: the borrower's file"
    )
    data: str = Field(
        default="bundled", description="name of a data set", pattern=r"^[a-z0-9-]{1,40}$"
    )
    universe: tuple[Symbol, ...] | None = Field(
        default=None,
        description="symbols to trade; all of the data set when left out",
        max_length=2000,
    )
    universe_name: UniverseName | None = Field(
        default=None,
        description="instead of symbols: a universe of the data set, or of config/universes.yaml",
    )
    stays: tuple[UniverseStay, ...] | None = Field(
        default=None,
        max_length=20_000,
        description="who was a member of `universe_name` when; filled in when the job is admitted",
    )
    cash: Money = Field(
        default=Decimal("100000.00"),
        gt=0,
        le=Decimal(1_000_000_000_000),
        description="trading mode: starting capital",
    )
    cadence: Cadence = Field(default="daily", description="how often the trading agent is asked")
    seed: int = Field(default=0, ge=0, lt=2**63)
    mask: bool = Field(default=False, description="hide names and dates from the model")
    execution: ExecutionModel = Field(
        default=ExecutionModel(),
        description="how orders fill and what that costs; config/execution.yaml when left out",
    )
    limits: RiskLimits = Field(
        default=RiskLimits(), description="what the gate enforces; config/risk.yaml when left out"
    )
    strategy_limits: dict[ModelName, RiskLimits] = Field(
        default_factory=dict[str, RiskLimits],
        description="limits of one model's own, in place of `limits`",
    )
    charge_model_spend: bool = Field(
        default=True, description="take what the model's tokens cost out of the account"
    )

    def limits_for(self, model: str) -> RiskLimits:
        """Return what the gate enforces for one model."""
        return self.strategy_limits.get(model, self.limits)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.end_date < self.start_date:
            raise ValueError("end_date lies before start_date")
        if len(set(self.models)) != len(self.models):
            raise ValueError("a model is named twice")
        if not set(self.strategy_limits) <= set(self.models):
            raise ValueError("strategy_limits names a model that is not asked for")
        if self.universe is not None and len(set(self.universe)) != len(self.universe):
            raise ValueError("a symbol of the universe is named twice")
        if self.universe_name is not None and self.universe is not None:
            raise ValueError("name either a universe or its symbols")
        if self.stays is not None and self.universe_name is None:
            raise ValueError("stays belong to a named universe: give universe_name as well")
        if (self.mode == "loan") != (self.application is not None):
            raise ValueError("loan mode needs an application, trading mode takes none")
        return self


class RunProgress(Message):
    """One model's run within a job."""

    run_id: str
    run_key: Sha256
    model: str
    state: JobState = "queued"
    sessions_done: int = Field(default=0, ge=0)
    sessions_total: int = Field(default=0, ge=0)
    last_session: date | None = None
    error: str | None = None


class Job(Message):
    """A stored request with its state. `fence` grows with every claim: it is the fencing token."""

    job_id: str
    request: SimulationRequest
    state: JobState = "queued"
    runs: tuple[RunProgress, ...]
    created_at: Instant
    updated_at: Instant
    cancel_requested: bool = False
    worker: str | None = None
    lease_until: Instant | None = None
    fence: int = Field(default=0, ge=0)
    error: str | None = None
