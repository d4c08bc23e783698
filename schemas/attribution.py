"""Where a return came from: groups against a benchmark, factors, trades, costs.

Effects and contributions are decimals of return and sum to what they explain. Undefined is None.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.base import Message, Money


class BrinsonEffects(Message):
    """What deciding how much of each group, and what within it, added to the benchmark."""

    allocation: float
    """From weights that differ from the benchmark's."""

    selection: float
    """From returns within groups that differ from the benchmark's."""

    interaction: float
    """From both together; add it to selection for the two-effect form."""

    total: float
    """The three together."""


class BrinsonGroup(BrinsonEffects):
    """One group (sector, asset class, country); weights are means over the periods."""

    group: str
    portfolio_weight: float
    benchmark_weight: float

    portfolio_return: float
    """Compounded over the periods, as all returns here."""

    benchmark_return: float


class BrinsonAttribution(BrinsonEffects):
    """Excess return over a benchmark by group; `total` is the excess return."""

    periods: int = Field(ge=1)

    linking: Literal["none", "carino"]
    """How effects of several periods were made to sum to the compounded excess return."""

    portfolio_return: float
    benchmark_return: float
    groups: tuple[BrinsonGroup, ...]


class Coefficient(Message):
    """An estimated coefficient with its Newey-West standard error."""

    value: float
    standard_error: float = Field(ge=0)

    t_statistic: float | None
    """None where the regression leaves no residual."""

    p_value: float | None = Field(ge=0, le=1)
    """Of a value of zero, two-sided, by the normal distribution."""


class FactorLoading(Coefficient):
    """A factor's loading, and what it contributed to the total return."""

    factor: str
    contribution: float


class FactorAttribution(Message):
    """A total return split over factors; the contributions sum to it."""

    observations: int = Field(ge=1)
    lags: int = Field(ge=0)
    """Autocovariances in the Newey-West errors, Bartlett weights."""

    periods_per_year: float = Field(gt=0)

    alpha: Coefficient
    """Per period: the part of the excess return that no factor explains."""

    alpha_annual: float | None
    """The same, compounded over a year."""

    loadings: tuple[FactorLoading, ...]

    r_squared: float | None
    """None for returns that don't differ, as the adjusted one."""

    adjusted_r_squared: float | None

    residual_volatility: float = Field(ge=0)
    """Deviation of the residuals a year, ddof = coefficients."""

    total_return: float
    """Compounded; the sum of the contributions of factors and of the three below."""

    alpha_contribution: float
    risk_free_contribution: float

    residual_contribution: float
    """Nearly zero: residuals sum to zero, but linking weighs periods differently."""


class CostContribution(Message):
    """One kind of cost."""

    cost: str
    """commission, spread, slippage, impact, financing, model_spend, …"""

    amount: Money
    """Positive: paid."""

    contribution: float
    """How much of the gross return it took, as a positive decimal."""


class CostAttribution(Message):
    """From the return before costs to the return after."""

    gross_return: float
    net_return: float

    drag: float
    """Gross less net: the sum of the contributions."""

    amount: Money
    """All costs together."""

    costs: tuple[CostContribution, ...]


class TradeContribution(Message):
    """What the closed trades of one label (a symbol, a strategy, a trade) brought."""

    label: str
    trades: int = Field(ge=1)
    gain: Money

    contribution: float
    """Gain over capital."""


class TradeAttribution(Message):
    """The account's profit over its capital, by trade; the contributions sum to the return."""

    capital: Money = Field(gt=0)
    profit: Money

    simple_return: float
    """Profit over capital."""

    rows: tuple[TradeContribution, ...]
    """From the largest gain to the largest loss."""

    other_gain: Money
    """Profit that is no closed trade's: open positions, income, costs not in the gains."""

    other_contribution: float
