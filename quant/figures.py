"""The figures of performance, each written once for many stretches of returns at a time.

A `Sample` holds R stretches of T returns: the one of a whole curve, those of a window that rolls
along it, or the resamples of a bootstrap. A figure is (R,), NaN where it is undefined.

Conventions are those of empyrical: deviations are of the sample (ddof 1), moments of the
population, the downside deviation is of the population around the risk-free rate, quantiles
interpolate linearly. Returns that differ by no more than the rounding of their curve have no
dispersion. Periods are sessions; nothing here looks at a date.

Source: Sharpe (1994); Sortino & Price (1994); Young (1991) for Calmar; Keating & Shadwick (2002)
for Omega; Jensen (1968) for alpha; Rockafellar & Uryasev (2002) for CVaR.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from quant.arrays import Floats
from quant.stretches import Rows, Tails
from schemas.errors import InvalidRequest

_ROUNDING = 8 * np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True)
class Conventions:
    """What a year is, and what money earns without risk (decimal per year, above -1)."""

    periods_per_year: float = 252.0
    risk_free_annual: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.periods_per_year) and self.periods_per_year > 0):
            raise InvalidRequest("periods_per_year must be above zero.")
        if not (math.isfinite(self.risk_free_annual) and self.risk_free_annual > -1):
            raise InvalidRequest("risk_free_annual must be above -1.")

    @property
    def risk_free(self) -> float:
        """The risk-free rate of one period: the annual one, decompounded."""
        return (1.0 + self.risk_free_annual) ** (1.0 / self.periods_per_year) - 1.0


@dataclass(frozen=True)
class Sample:
    """Stretches to be scored, with what several figures need of them computed once.

    returns, levels and market are terms of `stretches`: matrices for rows, series for windows.

    returns : simple returns, T ≥ 1 in a stretch.
    levels : the curve of each stretch in any unit, above zero; T+1 in a stretch. None for rows
        that were put together from returns: they are compounded where a figure needs levels.
    market : the benchmark's returns on the same periods, or None.
    """

    stretches: Rows
    returns: Floats
    levels: Floats | None
    market: Floats | None
    conventions: Conventions

    @cached_property
    def periods(self) -> int:
        """T, the number of returns in each stretch."""
        return self.stretches.view(self.returns).shape[1]

    @property
    def year_root(self) -> float:
        """The factor that makes a deviation of one period one of a year."""
        return math.sqrt(self.conventions.periods_per_year)

    @property
    def excess(self) -> Floats:
        """Returns above the risk-free rate, as terms."""
        return self.returns - self.conventions.risk_free

    @property
    def beside(self) -> Floats:
        """The benchmark's returns, as terms."""
        if self.market is None:
            raise InvalidRequest("a figure beside a benchmark needs a benchmark.")
        return self.market

    @cached_property
    def curve(self) -> Floats:
        """The levels, as terms of T+1."""
        if self.levels is not None:
            return self.levels
        compounded = np.ones((len(self.returns), self.returns.shape[1] + 1))
        np.cumprod(1.0 + self.returns, axis=1, out=compounded[:, 1:])
        return compounded

    @cached_property
    def growth(self) -> Floats:
        """Last level over first."""
        first, last = self.stretches.ends(self.curve)
        return last / first

    @cached_property
    def annual(self) -> Floats:
        """Compound return a year."""
        return _power(self.growth, self.conventions.periods_per_year / self.periods) - 1.0

    @cached_property
    def mean_excess(self) -> Floats:
        """Mean return above the risk-free rate."""
        return self.stretches.mean(self.excess)

    @cached_property
    def moments(self) -> tuple[Floats, Floats, Floats]:
        """Second to fourth central moments of the returns; the second 0 if they don't differ."""
        second, third, fourth = self.stretches.central_moments(self.returns)
        return self._dispersed(second, self.returns), third, fourth

    @cached_property
    def deviation(self) -> Floats:
        """Sample deviation of the returns."""
        return self._of_sample(self.moments[0])

    @cached_property
    def downside(self) -> Floats:
        """Root mean square of the shortfalls below the risk-free rate."""
        return np.sqrt(self.stretches.mean(np.minimum(self.excess, 0.0) ** 2))

    @cached_property
    def deepest(self) -> Floats:
        """The deepest fall of the levels, negative."""
        return self.stretches.deepest_fall(self.curve)

    @cached_property
    def tails(self) -> Tails:
        """Order statistics of the returns at 1, 5 and 95 %."""
        return self.stretches.tails(self.returns, (0.01, 0.05, 0.95))

    @cached_property
    def market_variance(self) -> Floats:
        """Population variance of the benchmark's returns; 0 if they don't differ."""
        return self._dispersed(self.stretches.variance(self.beside), self.beside)

    @cached_property
    def covariance(self) -> Floats:
        """Population covariance with the benchmark's returns."""
        return self.stretches.covariance(self.beside, self.returns)

    @cached_property
    def beta(self) -> Floats:
        """Slope on the benchmark's returns."""
        return ratio(self.covariance, self.market_variance)

    @cached_property
    def active(self) -> Floats:
        """Returns less the benchmark's, as terms."""
        return self.returns - self.beside

    @cached_property
    def active_deviation(self) -> Floats:
        """Sample deviation of the returns less the benchmark's."""
        variance = self.stretches.variance(self.active)
        return self._of_sample(self._dispersed(variance, self.active))

    def _of_sample(self, variance: Floats) -> Floats:
        if self.periods < 2:
            return np.full(len(variance), np.nan)
        return np.sqrt(variance * (self.periods / (self.periods - 1)))

    def _dispersed(self, variance: Floats, terms: Floats) -> Floats:
        high, low = self.stretches.highest(terms), self.stretches.lowest(terms)
        rounding = _ROUNDING * (1.0 + np.maximum(np.abs(high), np.abs(low)))
        return np.where(high - low <= rounding, 0.0, variance)


Figure = Callable[[Sample], Floats]


def _sharpe(sample: Sample) -> Floats:
    return ratio(sample.mean_excess, sample.deviation) * sample.year_root


def _sortino(sample: Sample) -> Floats:
    found = ratio(sample.mean_excess, sample.downside) * sample.year_root
    return found if sample.periods >= 2 else np.full(len(found), np.nan)


def _omega(sample: Sample) -> Floats:
    won = sample.stretches.total(np.maximum(sample.excess, 0.0))
    found = ratio(won, sample.stretches.total(np.maximum(-sample.excess, 0.0)))
    return found if sample.periods >= 2 else np.full(len(found), np.nan)


def _standardised(sample: Sample, order: int) -> Floats:
    variance = np.where(sample.deviation > 0.0, sample.moments[0], 0.0)
    return ratio(sample.moments[order - 2], variance ** (order / 2))


def _tail_ratio(sample: Sample) -> Floats:
    quantiles = sample.tails.quantiles
    return ratio(np.abs(quantiles[0.95]), np.abs(quantiles[0.05]))


def _alpha(sample: Sample) -> Floats:
    market_excess = sample.stretches.mean(sample.beside - sample.conventions.risk_free)
    per_period = sample.mean_excess - sample.beta * market_excess
    return _power(1.0 + per_period, sample.conventions.periods_per_year) - 1.0


def _correlation(sample: Sample) -> Floats:
    scale = np.sqrt(sample.moments[0]) * np.sqrt(sample.market_variance)
    return np.clip(ratio(sample.covariance, scale), -1.0, 1.0)


def _excess_annual(sample: Sample) -> Floats:
    growth = sample.stretches.product(1.0 + sample.beside)
    theirs = _power(growth, sample.conventions.periods_per_year / sample.periods) - 1.0
    return sample.annual - theirs


def _information_ratio(sample: Sample) -> Floats:
    mean = sample.stretches.mean(sample.active)
    return ratio(mean, sample.active_deviation) * sample.year_root


def _capture(sample: Sample, sign: float) -> Floats:
    chosen = sample.beside * sign > 0.0
    share = sample.stretches.mean(chosen)
    exponent = sample.conventions.periods_per_year / (share * sample.periods)
    ours, theirs = (
        _power(sample.stretches.product(np.where(chosen, 1.0 + terms, 1.0)), exponent) - 1.0
        for terms in (sample.returns, sample.beside)
    )
    return np.where(share > 0.0, ratio(ours, theirs), np.nan)


FIGURES: Mapping[str, Figure] = {
    "total_return": lambda sample: sample.growth - 1.0,
    "annual_return": lambda sample: sample.annual,
    "annual_volatility": lambda sample: sample.deviation * sample.year_root,
    "downside_deviation": lambda sample: sample.downside * sample.year_root,
    "sharpe": _sharpe,
    "sortino": _sortino,
    "calmar": lambda sample: ratio(sample.annual, -sample.deepest),
    "omega": _omega,
    "max_drawdown": lambda sample: sample.deepest,
    "var_95": lambda sample: sample.tails.quantiles[0.05],
    "cvar_95": lambda sample: sample.tails.lower_means[0.05],
    "var_99": lambda sample: sample.tails.quantiles[0.01],
    "cvar_99": lambda sample: sample.tails.lower_means[0.01],
    "tail_ratio": _tail_ratio,
    "skewness": lambda sample: _standardised(sample, 3),
    "excess_kurtosis": lambda sample: _standardised(sample, 4) - 3.0,
    "best_day": lambda sample: sample.stretches.highest(sample.returns),
    "worst_day": lambda sample: sample.stretches.lowest(sample.returns),
    "hit_rate": lambda sample: sample.stretches.mean(sample.returns > 0.0),
    "longest_gain_streak": lambda sample: sample.stretches.longest_run(sample.returns > 0.0),
    "longest_loss_streak": lambda sample: sample.stretches.longest_run(sample.returns < 0.0),
}
"""Figures of a curve by itself; the names are fields of `PerformanceMetrics`."""

RELATIVE_FIGURES: Mapping[str, Figure] = {
    "excess_return_annual": _excess_annual,
    "alpha_annual": _alpha,
    "beta": lambda sample: sample.beta,
    "correlation": _correlation,
    "tracking_error": lambda sample: sample.active_deviation * sample.year_root,
    "information_ratio": _information_ratio,
    "up_capture": lambda sample: _capture(sample, 1.0),
    "down_capture": lambda sample: _capture(sample, -1.0),
    "active_hit_rate": lambda sample: sample.stretches.mean(sample.active > 0.0),
}
"""Figures beside a benchmark."""


def evaluate(sample: Sample, names: Sequence[str]) -> dict[str, Floats]:
    """Return the named figures of every stretch, each (R,), NaN where undefined."""
    with np.errstate(all="ignore"):
        return {name: figure_named(name)(sample) for name in names}


def figure_named(name: str) -> Figure:
    """Look a figure up, or raise InvalidRequest naming those there are."""
    figure = FIGURES.get(name) or RELATIVE_FIGURES.get(name)
    if figure is None:
        known = ", ".join((*FIGURES, *RELATIVE_FIGURES))
        raise InvalidRequest(f"there is no figure {name}; there are: {known}.")
    return figure


def chosen_figures(names: Sequence[str] | None, *, beside: bool) -> tuple[str, ...]:
    """Return the figures asked for; without a choice all that are possible.

    `beside` says whether there is a benchmark. Raises InvalidRequest for an unknown name and for
    one that needs a benchmark which is not there.
    """
    if names is None:
        return (*FIGURES, *(RELATIVE_FIGURES if beside else ()))
    for name in names:
        figure_named(name)
        if name in RELATIVE_FIGURES and not beside:
            raise InvalidRequest(f"{name} needs a benchmark.")
    return tuple(names)


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; NaN where the denominator is zero or a float cannot hold the quotient."""
    quotient = numerator / np.where(denominator == 0.0, np.nan, denominator)
    return np.where(np.isfinite(quotient), quotient, np.nan)


def _power(base: Floats, exponent: float | Floats) -> Floats:
    """Raise to a power; NaN where the base is negative or a float cannot hold the result."""
    raised = np.where(base < 0.0, np.nan, base) ** exponent
    return np.where(np.isfinite(raised), raised, np.nan)
