"""What the risk gate enforces: limits, custom rules, sizing, circuit breakers, the kill switch.

Shares are of equity at the last known closes, as decimals. A limit of None is not enforced.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, PlainSerializer, model_validator

from schemas.base import Instant, Message, Money, Symbol
from schemas.execution import OptionalShare, Share
from schemas.persons import PersonName

_AS_NUMBER = PlainSerializer(float, return_type=float, when_used="json")
Multiple = Annotated[Decimal, Field(gt=0, le=100), _AS_NUMBER]
"""A share of equity that may exceed 1; a number in JSON."""
Bound = Annotated[Decimal, Field(ge=-(10**15), le=10**15)]
"""What a rule's measure is held to: money, units, a share or a count."""
Sector = Annotated[str, Field(min_length=1, max_length=40)]
VarMethod = Literal["historical", "gaussian", "cornish_fisher"]
Measure = Literal[
    "order_value",
    "order_share",
    "order_quantity",
    "position_share",
    "position_value",
    "sector_share",
    "gross_share",
    "net_share",
    "cash_share",
    "volume_share",
    "price_move",
    "orders_in_session",
    "drawdown",
    "day_loss",
]
"""What a rule looks at: shares of equity, money, units, or a count; losses as positive decimals.

Of the order and, as they would be after it, of its symbol's position, its symbol's sector and the
portfolio; `volume_share` is of the median daily volume, `price_move` the return of the symbol's
last session (a fall is negative).
"""


class TailLimit(Message):
    """The most that may be lost in a session, with a confidence, as a share of equity."""

    confidence: Literal["0.95", "0.99"] = "0.95"
    method: VarMethod = "historical"
    max_var: OptionalShare = None
    max_cvar: OptionalShare = None
    window: int = Field(default=252, ge=60, le=2520, description="sessions of returns")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.max_var is None and self.max_cvar is None:
            raise ValueError("give max_var, max_cvar or both")
        return self


class CorrelationLimit(Message):
    """Names that move together count as one: the weight of an order's cluster is limited."""

    above: Share = Field(default=Decimal("0.7"), description="correlation from which they count")
    max_share: Share = Field(description="of the name and all held names correlated with it")
    window: int = Field(default=120, ge=20, le=2520)


class Rule(Message):
    """A rule of one's own.

    Before a trade `reject` denies an order whose measure, as it would be after the fill, is above
    `max` (or below `min`); `trim` cuts it to what fits. After a trade `check` records a breach.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    description: str = Field(default="", max_length=200)
    when: Literal["pre_trade", "post_trade"] = "pre_trade"
    action: Literal["reject", "trim", "check"] = "reject"
    measure: Measure
    max: Bound | None = None
    min: Bound | None = None
    symbols: tuple[Symbol, ...] = Field(default=(), description="none: all")
    sectors: tuple[Sector, ...] = Field(default=(), description="none: all")
    sides: tuple[Literal["buy", "sell"], ...] = Field(default=(), description="none: both")
    agents: tuple[str, ...] = Field(default=(), description="none: all")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.max is None) == (self.min is None):
            raise ValueError(f"rule {self.id}: give either max or min")
        if (self.when == "post_trade") != (self.action == "check"):
            raise ValueError(
                f"rule {self.id}: a post_trade rule checks; a pre_trade one rejects or trims"
            )
        sized = self.measure.startswith(("order_", "position_", "volume_"))
        if self.action == "trim" and (not sized or self.max is None):
            raise ValueError(
                f"rule {self.id}: only an order's, a position's or a volume's max can be trimmed "
                f"to; reject what {self.measure} forbids"
            )
        if self.when == "post_trade" and self.measure.startswith(("order_", "volume_")):
            raise ValueError(f"rule {self.id}: after a trade there is no {self.measure}")
        return self


class Sizing(Message):
    """How large a position is that an agent asks for without a quantity."""

    method: Literal["fixed", "volatility_target", "kelly", "risk_parity"] = "fixed"
    share: Share = Field(default=Decimal("0.05"), gt=0, description="fixed: of equity")
    target_annual: Share = Field(default=Decimal("0.10"), gt=0, description="volatility a year")
    kelly_fraction: Share = Field(default=Decimal("0.25"), gt=0, description="of full Kelly")
    window: int = Field(default=120, ge=20, le=2520)
    cap: Share = Field(default=Decimal("0.25"), gt=0, description="no position is sized above")


Latching = Literal[
    "day_loss_halt", "portfolio_day_loss_halt", "drawdown_retire", "losing_days", "cusum"
]
"""Breakers that stay until they are released."""


class BreakerRelease(Message):
    """A person's release of one breaker, or of all that are in force; of others it does nothing."""

    session: date = Field(description="after it, or after the first one that follows")
    by: PersonName
    breaker: Latching | None = Field(default=None, description="none: all that are in force")


class BreakerLimits(Message):
    """When trading stops by itself; losses, drawdowns and shares as positive decimals."""

    mode: Literal["enforce", "record"] = Field(
        default="record",
        description="`record`: what would have tripped is told, nothing stops; to stop it is to be "
        "said: `enforce`",
    )
    releases: tuple[BreakerRelease, ...] = Field(
        default=(),
        max_length=1000,
        description="of breakers that are enforced, in the order of their sessions",
    )
    day_loss_stop: OptionalShare = Field(default=Decimal("0.02"), description="stop for the day")
    day_loss_halt: OptionalShare = Field(default=Decimal("0.03"), description="halt the strategy")
    portfolio_day_loss_halt: OptionalShare = Field(default=Decimal("0.05"), description="halt all")
    drawdown_review: OptionalShare = Decimal("0.15")
    drawdown_retire: OptionalShare = Decimal("0.20")
    losing_days: int | None = Field(default=10, ge=2, description="in a row: pause for review")
    max_correlation: OptionalShare = Field(
        default=Decimal("0.70"), description="between two strategies"
    )
    cusum: float | None = Field(
        default=7.0, gt=0, description="in deviations: pause to investigate"
    )
    cusum_slack: float = Field(default=0.5, ge=0, description="in deviations")
    cusum_window: int = Field(default=60, ge=20, le=2520, description="sessions of the reference")
    max_strategies: int | None = Field(default=20, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        sessions = [release.session for release in self.releases]
        if sessions != sorted(sessions):
            raise ValueError("releases are given in the order of their sessions")
        return self

    @model_validator(mode="after")
    def _rising(self) -> Self:
        pairs = (("day_loss_stop", "day_loss_halt"), ("drawdown_review", "drawdown_retire"))
        for softer, harder in pairs:
            low, high = getattr(self, softer), getattr(self, harder)
            if low is not None and high is not None and low > high:
                raise ValueError(f"{softer} of {low} lies above {harder} of {high}")
        return self


BreakerAction = Literal["review", "stop_day", "pause", "halt", "retire", "halt_all"]
"""Ever harder: a review stops nothing; all others let only what reduces a position pass."""


class BreakerEvent(Message):
    """A breaker that tripped at a mark."""

    breaker: str
    action: BreakerAction
    value: float
    limit: float
    message: str
    enforced: bool


class RiskLimits(Message):
    """What the gate enforces before every order, for every venue."""

    max_position_share: Share = Field(default=Decimal(1), gt=0)
    max_positions: int | None = Field(default=None, gt=0)
    max_sector_share: OptionalShare = None
    sectors: dict[Symbol, Sector] = Field(
        default_factory=dict[str, str],
        description="which symbol belongs to which; config/sectors.yaml where a limit needs them",
    )
    max_gross_share: Multiple = Field(default=Decimal(1), description="long plus short value")
    max_net_share: Multiple | None = None
    min_cash_share: Share = Field(default=Decimal(0), description="the cash reserve")
    correlation: CorrelationLimit | None = None
    tail: tuple[TailLimit, ...] = Field(default=(), max_length=6)
    max_order_share: Multiple = Decimal("1.05")
    max_order_value: Money | None = Field(default=None, gt=0)
    max_order_quantity: Decimal | None = Field(default=None, gt=0, le=1_000_000_000)
    price_collar: OptionalShare = Field(
        default=Decimal("0.5"), description="a limit or stop price no further from the last close"
    )
    max_price_age_sessions: int | None = Field(
        default=None, ge=1, description="a last close older than that is no price to trade on"
    )
    max_volume_share: OptionalShare = Field(
        default=None, description="an order, of the median daily volume of 20 sessions"
    )
    max_orders_per_session: Annotated[int, Field(gt=0)] = 200
    max_orders_per_minute: int | None = Field(default=None, gt=0)
    max_day_loss: OptionalShare = Field(
        default=None, description="beyond it only what reduces a position passes"
    )
    max_drawdown: OptionalShare = Field(
        default=None, description="from the highest equity; likewise"
    )
    restricted: tuple[Symbol, ...] = Field(
        default=(), description="what is held of them may be reduced, never added to"
    )
    market_hours: Literal["any", "session_only"] = Field(
        default="any", description="session_only: no order while the exchange is closed"
    )
    allow_short: bool = False
    allow_leverage: bool = Field(
        default=False, description="buys beyond the cash, up to max_gross_share"
    )
    initial_margin_share: Share = Field(
        default=Decimal("0.5"),
        gt=0,
        description="of what is bought on credit or sold short, to be covered by equity",
    )
    halted: bool = Field(default=False, description="true: nothing is accepted")
    rules: tuple[Rule, ...] = Field(default=(), max_length=100)
    sizing: Sizing | None = None
    breakers: BreakerLimits = BreakerLimits()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [rule.id for rule in self.rules]
        if len(set(names)) != len(names):
            raise ValueError("two rules have the same id")
        if self.max_gross_share > 1 and not (self.allow_leverage or self.allow_short):
            raise ValueError("a max_gross_share above 1 needs allow_leverage or allow_short")
        return self


class Halt(Message):
    """The kill switch, on: no order passes any gate until a named person releases it."""

    by: Annotated[str, Field(min_length=1, max_length=80)] = Field(description="who pulled it")
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    since: Instant
    source: Literal["cli", "api", "file", "breaker", "unknown"] = Field(
        description="unknown: it could not be found out whether trading is halted"
    )
