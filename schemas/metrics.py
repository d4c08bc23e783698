"""How a curve of equity is judged: performance, risk, and both beside a benchmark.

A figure that is undefined (a Sharpe ratio without dispersion, a recovery that has not come) is
None, never NaN and never a stand-in zero. Indices count the points of the equity curve from 0.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.base import Message, Money
from schemas.risk import VarMethod

IntervalMethod = Literal["percentile", "basic", "bca"]
"""How the ends of a bootstrap interval are taken from the resamples."""


class Drawdown(Message):
    """The deepest fall of a curve from an earlier peak, and whether it was made good."""

    depth: float = Field(ge=-1, le=0)
    """Trough over peak minus one: -0.2 is a fall of 20 %; 0 if the curve never fell."""

    peak_index: int = Field(ge=0)
    """The last point at the peak's level before the trough."""

    trough_index: int = Field(ge=0)
    """The first point at the lowest level; the peak itself if the curve never fell."""

    recovery_index: int | None = None
    """The first later point at or above the peak's level; None while it is not made good."""


class TailRisk(Message):
    """What may be lost in a session, as the risk gate measures it: a loss is positive.

    The gate's historical figures count n·p sessions exactly and do not interpolate, so they may
    differ in the third digit from `var_95` and its like, which follow empyrical.
    """

    confidence: float = Field(ge=0.5, lt=1)
    method: VarMethod

    used: VarMethod
    """The method that gave the figures, where the one asked for has none here."""

    var: float
    cvar: float
    """Expected shortfall: the mean of what lies beyond."""


class PerformanceMetrics(Message):
    """One equity curve's figures; rates are decimals, returns are simple, one per session."""

    observations: int = Field(ge=1)
    """Number of returns: points of the curve minus one."""

    periods_per_year: float = Field(gt=0)
    """Sessions taken for a year in every annualised figure."""

    total_return: float
    """Last equity over first, minus one."""

    annual_return: float | None = None
    """Compound rate per year."""

    annual_volatility: float | None = None
    """Sample standard deviation (ddof 1) of the returns times √periods_per_year."""

    downside_deviation: float | None = None
    """Root mean square of the shortfalls below the risk-free rate, times √periods_per_year."""

    sharpe: float | None = None
    """Mean excess return over its sample deviation, per year; None without dispersion."""

    sortino: float | None = None
    """Mean excess return over downside deviation, per year; None without a shortfall."""

    calmar: float | None = None
    """Annual return over the depth of the deepest drawdown; None if the curve never fell."""

    omega: float | None = None
    """Sum of the returns above the risk-free rate over the sum below; None without a shortfall."""

    max_drawdown: float = Field(ge=-1, le=0)
    """Depth of the deepest drawdown: -0.2 is a fall of 20 %."""

    drawdown: Drawdown
    """The same drawdown with its peak, trough and recovery."""

    time_under_water: float = Field(ge=0, le=1)
    """Share of sessions that close below the highest close so far."""

    var_95: float
    """Historical 5 % quantile of the returns of a session; a loss is negative."""

    cvar_95: float
    """Mean of the returns in the worst 5 % of sessions; a loss is negative."""

    var_99: float
    """Historical 1 % quantile of the returns of a session; a loss is negative."""

    cvar_99: float
    """Mean of the returns in the worst 1 % of sessions; a loss is negative."""

    skewness: float | None = None
    """Third standardised moment of the returns (population)."""

    excess_kurtosis: float | None = None
    """Fourth standardised moment of the returns minus 3 (population)."""

    tail_risk: tuple[TailRisk, ...] = ()
    """The same tails by the risk gate's methods; empty for a single return."""

    tail_ratio: float | None = None
    """Size of the 95 % quantile over the size of the 5 % quantile of the returns."""

    best_day: float
    """Highest return of a session."""

    worst_day: float
    """Lowest return of a session."""

    hit_rate: float = Field(ge=0, le=1)
    """Share of sessions with a return above zero."""

    longest_gain_streak: int = Field(ge=0)
    """Most sessions in a row with a return above zero."""

    longest_loss_streak: int = Field(ge=0)
    """Most sessions in a row with a return below zero."""

    excess_return_annual: float | None = None
    """Annual return less the benchmark's; None without benchmark, as all that follow."""

    alpha_annual: float | None = None
    """Jensen's alpha per year, compounded from its mean per session."""

    beta: float | None = None
    """Covariance with the benchmark's excess returns over their variance."""

    correlation: float | None = None
    """Pearson correlation of the returns with the benchmark's."""

    tracking_error: float | None = None
    """Sample deviation of the return minus the benchmark's times √periods_per_year."""

    information_ratio: float | None = None
    """Mean return minus the benchmark's, over its deviation, per year."""

    up_capture: float | None = None
    """Annual return over the benchmark's, both on sessions when the benchmark rose."""

    down_capture: float | None = None
    """The same on sessions when the benchmark fell."""

    active_hit_rate: float | None = Field(default=None, ge=0, le=1)
    """Share of sessions with a return above the benchmark's."""


class DrawdownRow(Drawdown):
    """One fall among the deepest of a curve; lengths count periods."""

    rank: int = Field(ge=1)
    """1 is the deepest."""

    periods_to_trough: int = Field(ge=1)
    """From the peak to the trough."""

    periods_to_recovery: int | None = Field(ge=1)
    """From the trough to the recovery; None while it is not made good."""

    periods_under_water: int = Field(ge=1)
    """Points below the peak's level, up to the recovery or the end of the curve."""


class UnderWater(Message):
    """How long and how far a curve stood below its highest point so far."""

    periods: int = Field(ge=0)
    """Points under water."""

    share: float = Field(ge=0, le=1)
    """Of all periods."""

    falls: int = Field(ge=0)
    """Number of falls, the open one included."""

    longest: int = Field(ge=0)
    """Periods of the longest stay under water."""

    current: int = Field(ge=0)
    """Periods of the stay that is not over; 0 when the curve ends on its highest level."""

    pain_index: float = Field(ge=0, le=1)
    """Mean depth over all periods, as a positive decimal."""

    ulcer_index: float = Field(ge=0, le=1)
    """Root mean square of the depth over all periods."""


class RollingSeries(Message):
    """Figures of the last `window` periods, in columns of equal length."""

    window: int = Field(ge=1)
    """Periods (or trades) in each figure."""

    indices: tuple[int, ...]
    """The points of the curve, or the trades, that the values stand at."""

    columns: dict[str, tuple[float | None, ...]]
    """None before the first full window and where a figure is undefined."""

    @model_validator(mode="after")
    def _equal_lengths(self) -> Self:
        if any(len(column) != len(self.indices) for column in self.columns.values()):
            raise ValueError("columns and indices must have the same length")
        return self


class HoldingPeriods(Message):
    """How long trades were held, in the unit that was given (days, sessions)."""

    mean: float = Field(ge=0)
    median: float = Field(ge=0)
    shortest: float = Field(ge=0)
    longest: float = Field(ge=0)


class TradeStatistics(Message):
    """What closed trades came to; a trade at exactly zero neither wins nor loses."""

    trades: int = Field(ge=0)
    wins: int = Field(ge=0)
    losses: int = Field(ge=0)

    hit_rate: float | None = Field(ge=0, le=1)
    """Wins over trades; None without trades, as every figure that follows."""

    gross_profit: Money = Field(ge=0)
    """Sum of the gains."""

    gross_loss: Money = Field(ge=0)
    """Size of the sum of the losses."""

    net_profit: Money

    profit_factor: float | None
    """Gross profit over gross loss; None without a loss."""

    expectancy: Money | None
    """Mean result of a trade."""

    average_win: Money | None
    average_loss: Money | None
    """Signed, as `worst`."""

    payoff_ratio: float | None
    """Size of the average win over the average loss; None without both."""

    best: Money | None
    worst: Money | None

    longest_win_streak: int = Field(ge=0)
    """Most wins in a row, in the order the trades were given."""

    longest_loss_streak: int = Field(ge=0)

    current_streak: int
    """Wins in a row up to the last trade, or losses as a negative number."""

    days_held: HoldingPeriods | None
    days_held_wins: HoldingPeriods | None
    days_held_losses: HoldingPeriods | None


class Exposure(Message):
    """How much of the equity was in the market, over all sessions; shares of equity."""

    mean_gross: float = Field(ge=0)
    """Long plus short value."""

    mean_net: float
    """Long less short value."""

    mean_long: float = Field(ge=0)
    mean_short: float = Field(ge=0)
    """Size of the short value."""

    highest_gross: float = Field(ge=0)
    highest_net: float
    lowest_net: float

    invested_share: float = Field(ge=0, le=1)
    """Share of sessions that end with any position."""


class IntervalEstimate(Message):
    """A figure with the interval that resampling its own history gives it."""

    figure: str

    estimate: float | None
    """The figure on the history as it was; None where it is undefined."""

    lower: float | None
    upper: float | None
    """Ends of the interval; None where the figure is undefined in too many resamples."""

    standard_error: float | None
    """Sample deviation of the figure over the resamples."""

    confidence: float = Field(gt=0, lt=1)
    method: IntervalMethod
    resamples: int = Field(ge=2)

    undefined: int = Field(ge=0)
    """Resamples in which the figure has no value; they are left out."""

    mean_block: float = Field(ge=1)
    """Mean length in periods of the blocks that were drawn."""

    seed: int = Field(ge=0)
