"""How orders are filled and what it costs: one small message a policy, told apart by `kind`.

An `ExecutionModel` is one choice of each. `trading/execution/` has the class behind each message;
`config/execution.yaml` has the defaults. Basis points are of the price or the money traded.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, PlainSerializer, model_validator

from schemas.base import Message, Money, Quantity

LotMethod = Literal["fifo", "lifo", "highest_cost", "specific"]
"""Which lots a sale closes first; `specific`: those the order names, the rest by `fifo`."""

FillConvention = Literal["open", "close", "vwap", "limit", "stop"]
"""Which price of the session a fill was made at, before spread, slippage and impact."""


def _number(low: str | int, high: str | int) -> object:
    return Field(ge=Decimal(low), le=Decimal(high))


_AS_NUMBER = PlainSerializer(float, return_type=float, when_used="json")
Bps = Annotated[Decimal, _number(0, 10_000), _AS_NUMBER]
"""Basis points: 1 is 0.0001; a number in JSON."""
Share = Annotated[Decimal, _number(0, 1), _AS_NUMBER]
"""A part of a whole: 0.1 is a tenth; a number in JSON."""
OptionalShare = Annotated[
    Share | None,
    PlainSerializer(
        lambda value: None if value is None else float(value),
        return_type=float | None,
        when_used="json",
    ),
]
"""A share, or None; a type of its own, so that its default is described as the number it is."""
Coefficient = Annotated[Decimal, _number(0, 1000), _AS_NUMBER]
"""A dimensionless factor of a formula; a number in JSON."""
Annual = Annotated[Decimal, _number("-0.5", 10), _AS_NUMBER]
"""A simple rate a year as a decimal; a number in JSON."""
PerShare = Annotated[Quantity, Field(ge=0)]
"""Money per unit, six places, zero allowed."""
Fee = Annotated[Money, Field(ge=0)]


class OpenFills(Message):
    """Market orders fill at the session's open; at the close where only closes exist."""

    kind: Literal["open"] = "open"


class CloseFills(Message):
    """Market orders fill at the session's close."""

    kind: Literal["close"] = "close"


class VwapFills(Message):
    """Market orders fill at the bar's average price: (open + high + low + close) ÷ 4."""

    kind: Literal["vwap"] = "vwap"


class LimitTouchFills(Message):
    """As `open`, but a resting limit order fills only when the bar passes its price by so much."""

    kind: Literal["limit_touch"] = "limit_touch"
    penetration_bps: Bps = Decimal(1)


FillPolicy = Annotated[
    OpenFills | CloseFills | VwapFills | LimitTouchFills, Field(discriminator="kind")
]


class BpsCommission(Message):
    """A share of the money traded."""

    kind: Literal["bps"] = "bps"
    bps: Bps = Decimal(1)
    minimum: Fee = Decimal("0.00")


class PerShareCommission(Message):
    """Money a unit, with a floor and a cap as a share of the money traded."""

    kind: Literal["per_share"] = "per_share"
    per_share: PerShare
    minimum: Fee = Decimal("0.00")
    max_share: Share = Decimal(1)


class PerOrderCommission(Message):
    """A fixed fee an order, paid with its first fill."""

    kind: Literal["per_order"] = "per_order"
    fee: Fee


class Tier(Message):
    """A rate that holds up to an order's size."""

    up_to: Money | None = Field(description="money traded by the order; None: without end", gt=0)
    bps: Bps


class TieredCommission(Message):
    """Marginal rates: each part of an order's money pays the rate of its tier."""

    kind: Literal["tiered"] = "tiered"
    tiers: tuple[Tier, ...] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        ends = [tier.up_to for tier in self.tiers]
        known = [end for end in ends[:-1] if end is not None]
        if ends[-1] is not None or len(known) != len(ends) - 1 or sorted(set(known)) != known:
            raise ValueError("tiers rise, and the last one alone has no end (up_to: null)")
        return self


Commission = Annotated[
    BpsCommission | PerShareCommission | PerOrderCommission | TieredCommission,
    Field(discriminator="kind"),
]


class FixedSpread(Message):
    """Half of the bid–ask spread, the same for all."""

    kind: Literal["fixed"] = "fixed"
    half_bps: Bps = Decimal(2)


class CorwinSchultzSpread(Message):
    """The spread estimated from highs and lows of the sessions before (Corwin & Schultz 2012)."""

    kind: Literal["corwin_schultz"] = "corwin_schultz"
    sessions: int = Field(default=20, ge=2, le=252, description="averaged over that many")
    floor_half_bps: Bps = Field(
        default=Decimal(1), description="at least that much; also without data"
    )
    cap_half_bps: Bps = Field(default=Decimal(200), description="at most that much")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.floor_half_bps > self.cap_half_bps:
            raise ValueError("floor_half_bps lies above cap_half_bps")
        return self


Spread = Annotated[FixedSpread | CorwinSchultzSpread, Field(discriminator="kind")]


class BpsSlippage(Message):
    """The price moves against every order by a fixed share."""

    kind: Literal["bps"] = "bps"
    bps: Bps = Decimal(2)


class VolumeShareSlippage(Message):
    """The price moves by `price_impact` × (the order's share of the bar's volume)²."""

    kind: Literal["volume_share"] = "volume_share"
    price_impact: Coefficient = Decimal("0.1")
    volume_limit: Share = Field(
        default=Decimal("0.025"), description="no more of the bar's volume is filled", gt=0
    )


Slippage = Annotated[BpsSlippage | VolumeShareSlippage, Field(discriminator="kind")]


class NoImpact(Message):
    """Orders are small beside the market."""

    kind: Literal["none"] = "none"


class AlmgrenChrissImpact(Message):
    """Permanent and temporary impact (Almgren & Chriss 2000), as measured by Almgren et al. (2005).

    With X units against a daily volume V and a daily volatility S, as shares of the price: the
    permanent part is `gamma`·S·(X/V)·`inverse_turnover`^¼, linear in X, of which an order pays
    half; the temporary part is `eta`·S·(X/(V·T))^`exponent`, T being the part of the session it is
    worked over. The defaults are those of the 2005 paper; an `exponent` of 1 is the linear model of
    2000.
    """

    kind: Literal["almgren_chriss"] = "almgren_chriss"
    gamma: Coefficient = Decimal("0.314")
    eta: Coefficient = Decimal("0.142")
    exponent: Share = Field(default=Decimal("0.6"), gt=0)
    inverse_turnover: Annotated[Decimal, _number(0, 1_000_000), _AS_NUMBER] = Field(
        default=Decimal(1),
        gt=0,
        description="shares outstanding ÷ V: 263 for IBM in the paper; 1 leaves the factor out",
    )
    days: Share = Field(default=Decimal(1), gt=0, description="T")
    window: int = Field(default=20, ge=2, le=252, description="sessions for V and S")


class SquareRootImpact(Message):
    """As `almgren_chriss`, but with `y`·S·√(X/V), the square-root law, for the temporary part.

    It does not depend on the time an order is worked over. `y` is of order 1 and measured for
    whole orders, their lasting effect included: hence no permanent part by default.
    """

    kind: Literal["square_root"] = "square_root"
    gamma: Coefficient = Decimal(0)
    y: Coefficient = Decimal(1)
    window: int = Field(default=20, ge=2, le=252)


Impact = Annotated[NoImpact | AlmgrenChrissImpact | SquareRootImpact, Field(discriminator="kind")]


class Participation(Message):
    """How much of a bar's volume an order may be; the rest is worked on in later sessions."""

    max_share: Share = Field(default=Decimal("0.1"), gt=0)
    carry_sessions: int = Field(
        default=0, ge=0, le=60, description="a day order's rest works for so many more sessions"
    )


class Financing(Message):
    """Interest on cash and the fee for borrowed units, simple, by calendar day over 360 or 365."""

    cash_rate_annual: Annual = Decimal(0)
    debit_rate_annual: Annual = Field(default=Decimal("0.06"), description="on negative cash")
    borrow_fee_annual: Annual = Field(default=Decimal("0.01"), description="on short value")
    day_count: Literal[360, 365] = 360


class ExecutionModel(Message):
    """How orders are filled and what that costs."""

    fills: FillPolicy = OpenFills()
    commission: Commission = BpsCommission()
    spread: Spread = FixedSpread()
    slippage: Slippage = BpsSlippage()
    impact: Impact = NoImpact()
    participation: Participation | None = None
    financing: Financing = Financing()
    latency_seconds: int = Field(
        default=0,
        ge=0,
        le=864_000,
        description="from placing to the venue; one that misses the open fills later",
    )
    fractional: bool = Field(default=True, description="false: quantities are cut to whole units")
    lots: LotMethod = Field(default="fifo", description="which lots a sale closes first")

    @property
    def needs_volume(self) -> bool:
        """Whether bars without volume cannot be traded under it."""
        return (
            self.participation is not None
            or self.impact.kind != "none"
            or self.slippage.kind == "volume_share"
        )


def flat_costs(
    *, commission: str = "1", half_spread: str = "2", slippage: str = "2", fractional: bool = True
) -> ExecutionModel:
    """Return the simple model: three shares of the price, in basis points."""
    return ExecutionModel(
        commission=BpsCommission(bps=Decimal(commission)),
        spread=FixedSpread(half_bps=Decimal(half_spread)),
        slippage=BpsSlippage(bps=Decimal(slippage)),
        fractional=fractional,
    )
