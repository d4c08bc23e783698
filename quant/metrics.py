"""Performance of an equity curve, and beside a benchmark's.

Timing: point t of a curve is the mark at the close of session t; return t is from the close of
t-1 to the close of t. Nothing here looks at a date: a gap between sessions counts as one period.
What each figure is, and by whose convention, is said in `quant.figures`.
"""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_vector, require_positive
from quant.drawdowns import drawdown, under_water
from quant.figures import Conventions, Sample, chosen_figures, evaluate
from quant.stretches import Rows
from quant.tail_risk import tail_loss
from schemas.errors import InvalidRequest
from schemas.metrics import PerformanceMetrics, TailRisk
from schemas.risk import VarMethod

_WIDEST = 1e60


def performance(
    equity: ArrayLike,
    *,
    benchmark: ArrayLike | None = None,
    periods_per_year: float = 252.0,
    risk_free_annual: float = 0.0,
) -> PerformanceMetrics:
    """Score an equity curve of T ≥ 2 points, optionally beside a benchmark's on the same sessions.

    Parameters
    ----------
    equity : (T,) money, above zero throughout; marks at the close of consecutive sessions.
    benchmark : (T,) level of the benchmark on the same sessions, above zero, any unit.
    periods_per_year : sessions in a year; 252 for daily marks of equities.
    risk_free_annual : decimal per year, above -1; used by downside deviation, Sharpe, Sortino,
        Omega and alpha.

    Raises
    ------
    InvalidRequest : fewer than two points, NaN, a value that is not positive, unequal lengths.
    """
    conventions = Conventions(periods_per_year, risk_free_annual)
    sample = whole_curve(equity, benchmark, conventions)
    names = chosen_figures(None, beside=benchmark is not None)
    figures = {
        name: value if math.isfinite(value := float(rows[0])) else None
        for name, rows in evaluate(sample, names).items()
    }
    return PerformanceMetrics.model_validate(
        {
            **figures,
            "observations": sample.periods,
            "periods_per_year": periods_per_year,
            "drawdown": drawdown(equity),
            "time_under_water": under_water(equity).share,
            "tail_risk": tail_risk(sample.returns[0]),
        }
    )


def tail_risk(returns: ArrayLike) -> tuple[TailRisk, ...]:
    """Measure the tails of (T,) returns as the risk gate does, by each method, at 95 and 99 %.

    Empty for a single return. Losses are positive.
    """
    values = finite_vector(returns, "returns")
    if len(values) < 2:
        return ()
    return tuple(
        TailRisk(
            confidence=confidence,
            method=method,
            used=loss.method,
            var=loss.var,
            cvar=loss.expected_shortfall,
        )
        for confidence in (0.95, 0.99)
        for method in get_args(VarMethod)
        for loss in [tail_loss(values, confidence=confidence, method=method)]
    )


def whole_curve(equity: ArrayLike, benchmark: ArrayLike | None, conventions: Conventions) -> Sample:
    """Return a (T,) curve, and the benchmark on the same sessions, as one stretch of T-1 returns.

    Raises InvalidRequest as `performance` does.
    """
    returns = curve_returns(equity, "equity")
    market = None
    if benchmark is not None:
        market = curve_returns(benchmark, "benchmark")
        if len(market) != len(returns):
            raise InvalidRequest("equity and benchmark must have the same number of points.")
    levels = finite_vector(equity, "equity")
    return Sample(
        Rows(),
        returns=returns[None, :],
        levels=levels[None, :],
        market=None if market is None else market[None, :],
        conventions=conventions,
    )


def curve_returns(curve: ArrayLike, name: str = "curve") -> Floats:
    """Return the T-1 simple returns of a (T,) curve that is above zero throughout."""
    levels = finite_vector(curve, name, at_least=2)
    require_positive(levels, name)
    # Fourth powers of returns must stay within a float; no price moves like that.
    with np.errstate(over="ignore"):
        span = float(levels.max() / levels.min())
    if span > _WIDEST:
        raise InvalidRequest(f"{name} spans more than {_WIDEST:g} times its lowest point.")
    return levels[1:] / levels[:-1] - 1.0


def turnover(
    traded_value: ArrayLike, equity: ArrayLike, *, periods_per_year: float = 252.0
) -> float:
    """Return one-way turnover per year: half of what was bought plus sold, over mean equity.

    `traded_value` (T,) is the absolute value of all fills of a session, in the money of `equity`
    (T,). 1.0 means that the whole portfolio was replaced once a year.
    """
    traded, levels = checked_trading(traded_value, equity)
    return float(traded.mean() / 2.0 / levels.mean() * periods_per_year)


def checked_trading(traded_value: ArrayLike, equity: ArrayLike) -> tuple[Floats, Floats]:
    """Return both as (T,), or raise InvalidRequest: unequal lengths, negative trading."""
    traded = finite_vector(traded_value, "traded_value")
    levels = finite_vector(equity, "equity")
    require_positive(levels, "equity")
    if len(traded) != len(levels):
        raise InvalidRequest("traded_value and equity must have the same number of points.")
    if float(traded.min()) < 0.0:
        raise InvalidRequest("traded_value must not be negative.")
    return traded, levels
