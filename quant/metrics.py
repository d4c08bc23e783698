"""Performance of an equity curve, and beside a benchmark's.

Timing: point t of a curve is the mark at the close of session t; return t is from the close of
t-1 to the close of t. Nothing here looks at a date: a gap between sessions counts as one period.

Conventions are those of empyrical, against which the tests hold every figure that it has:
deviations are of the sample (ddof 1), the downside deviation is of the population around the
risk-free rate, quantiles interpolate linearly, the risk-free rate per period is the annual one
decompounded. Differences: what empyrical returns as NaN or infinity is None here, and the
information ratio is annualised.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_vector, require_positive
from schemas.errors import InvalidRequest
from schemas.metrics import Drawdown, PerformanceMetrics

_TAIL = 0.05


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
    risk_free_annual : decimal per year, above -1; used by Sharpe, Sortino, alpha and beta.

    Raises
    ------
    InvalidRequest : fewer than two points, NaN, a value that is not positive, unequal lengths.

    Source: Sharpe (1994); Sortino & Price (1994); Young (1991) for Calmar; Jensen (1968).
    """
    if not (math.isfinite(periods_per_year) and periods_per_year > 0):
        raise InvalidRequest("periods_per_year must be above zero.")
    if not (math.isfinite(risk_free_annual) and risk_free_annual > -1):
        raise InvalidRequest("risk_free_annual must be above -1.")
    returns = curve_returns(equity, "equity")
    risk_free = (1.0 + risk_free_annual) ** (1.0 / periods_per_year) - 1.0
    figures: dict[str, float | None] = {
        **_growth(returns, periods_per_year, risk_free),
        **_distribution(returns),
    }
    if benchmark is not None:
        market = curve_returns(benchmark, "benchmark")
        if len(market) != len(returns):
            raise InvalidRequest("equity and benchmark must have the same number of points.")
        figures |= _beside(returns, market, periods_per_year, risk_free)
    fall = drawdown(equity)
    annual = figures["annual_return"]
    calmar = _ratio(annual, -fall.depth) if annual is not None else None
    return PerformanceMetrics.model_validate(
        {
            **figures,
            "observations": len(returns),
            "periods_per_year": periods_per_year,
            "calmar": calmar,
            "max_drawdown": fall.depth,
            "drawdown": fall,
        }
    )


def curve_returns(curve: ArrayLike, name: str = "curve") -> Floats:
    """Return the T-1 simple returns of a (T,) curve that is above zero throughout."""
    levels = finite_vector(curve, name, at_least=2)
    require_positive(levels, name)
    return levels[1:] / levels[:-1] - 1.0


def drawdown(equity: ArrayLike) -> Drawdown:
    """Find the deepest fall of a (T,) curve above zero; ties go to the earliest."""
    levels = finite_vector(equity, "equity")
    require_positive(levels, "equity")
    depths = drawdown_curve(levels)
    trough = int(depths.argmin())
    level = levels[: trough + 1].max()
    peak = int(np.flatnonzero(levels[: trough + 1] == level)[-1])
    if trough == peak:
        return Drawdown(depth=0.0, peak_index=peak, trough_index=peak, recovery_index=peak)
    regained = np.flatnonzero(levels[trough:] >= level)
    return Drawdown(
        depth=float(depths[trough]),
        peak_index=peak,
        trough_index=trough,
        recovery_index=trough + int(regained[0]) if regained.size else None,
    )


def drawdown_curve(equity: ArrayLike) -> Floats:
    """Return the (T,) fall of each point from the highest so far: 0 at a peak, else negative."""
    levels = finite_vector(equity, "equity")
    require_positive(levels, "equity")
    return levels / np.maximum.accumulate(levels) - 1.0


def turnover(
    traded_value: ArrayLike, equity: ArrayLike, *, periods_per_year: float = 252.0
) -> float:
    """Return one-way turnover per year: half of what was bought plus sold, over mean equity.

    `traded_value` (T,) is the absolute value of all fills of a session, in the money of `equity`
    (T,). 1.0 means that the whole portfolio was replaced once a year.
    """
    traded = finite_vector(traded_value, "traded_value")
    levels = finite_vector(equity, "equity")
    require_positive(levels, "equity")
    if len(traded) != len(levels):
        raise InvalidRequest("traded_value and equity must have the same number of points.")
    if float(traded.min()) < 0.0:
        raise InvalidRequest("traded_value must not be negative.")
    return float(traded.mean() / 2.0 / levels.mean() * periods_per_year)


def rolling_volatility(
    equity: ArrayLike, *, window: int, periods_per_year: float = 252.0
) -> Floats:
    """Return the annualised sample deviation of the last `window` returns at each point.

    (T,), aligned with `equity`: point t uses returns t-window+1..t and no later one; the first
    `window` points are NaN.
    """
    levels = finite_vector(equity, "equity", at_least=2)
    if not 2 <= window < len(levels):
        raise InvalidRequest("window must be at least 2 and below the number of points.")
    windows = np.lib.stride_tricks.sliding_window_view(curve_returns(levels, "equity"), window)
    rolled = np.full(len(levels), np.nan)
    rolled[window:] = windows.std(axis=1, ddof=1) * math.sqrt(periods_per_year)
    return rolled


def _growth(returns: Floats, per_year: float, risk_free: float) -> dict[str, float | None]:
    growth = float(np.prod(1.0 + returns))
    excess = returns - risk_free
    deviation = _deviation(returns)
    downside = math.sqrt(float(np.mean(np.minimum(excess, 0.0) ** 2)))
    mean = float(excess.mean())
    enough = len(returns) >= 2
    return {
        "total_return": growth - 1.0,
        "annual_return": _annualised(returns, per_year),
        "annual_volatility": None if deviation is None else deviation * math.sqrt(per_year),
        "sharpe": _times(_ratio(mean, deviation), math.sqrt(per_year)),
        "sortino": _times(_ratio(mean, downside), math.sqrt(per_year)) if enough else None,
    }


def _distribution(returns: Floats) -> dict[str, float | None]:
    low, high = (float(q) for q in np.percentile(returns, [100 * _TAIL, 100 * (1 - _TAIL)]))
    worst = int((len(returns) - 1) * _TAIL)
    return {
        "var_95": low,
        "cvar_95": float(np.partition(returns, worst)[: worst + 1].mean()),
        "skewness": _moment(returns, 3),
        "excess_kurtosis": _plus(_moment(returns, 4), -3.0),
        "tail_ratio": _ratio(abs(high), abs(low)),
        "best_day": float(returns.max()),
        "worst_day": float(returns.min()),
        "hit_rate": float(np.mean(returns > 0.0)),
    }


def _beside(
    returns: Floats, market: Floats, per_year: float, risk_free: float
) -> dict[str, float | None]:
    active = returns - market
    error = _deviation(active)
    residual = market - market.mean()
    covariance = float(np.mean(residual * returns))
    # A constant benchmark has no variance, whatever the last bit of its mean says.
    variance = float(np.mean(residual**2)) if _deviation(market) else 0.0
    beta = _ratio(covariance, variance)
    own, other = returns.std(), market.std()
    alpha = None
    if beta is not None:
        per_period = float(np.mean((returns - risk_free) - beta * (market - risk_free)))
        alpha = _power(1.0 + per_period, per_year)
    correlated = bool(_deviation(returns)) and beta is not None
    correlation = _ratio(covariance, float(own * other)) if correlated else None
    return {
        "alpha_annual": _plus(alpha, -1.0),
        "beta": beta,
        "correlation": None if correlation is None else min(1.0, max(-1.0, correlation)),
        "tracking_error": None if error is None else error * math.sqrt(per_year),
        "information_ratio": _times(_ratio(float(active.mean()), error), math.sqrt(per_year)),
        "up_capture": _capture(returns, market, market > 0.0, per_year),
        "down_capture": _capture(returns, market, market < 0.0, per_year),
    }


def _capture(returns: Floats, market: Floats, chosen: np.ndarray, per_year: float) -> float | None:
    if not chosen.any():
        return None
    ours = _annualised(returns[chosen], per_year)
    theirs = _annualised(market[chosen], per_year)
    return _ratio(ours, theirs)


def _annualised(returns: Floats, per_year: float) -> float | None:
    growth = float(np.prod(1.0 + returns))
    return _plus(_power(growth, per_year / len(returns)), -1.0)


def _deviation(values: Floats) -> float | None:
    """Sample deviation; exactly 0 for equal values, whose rounded mean would leave a residue."""
    if len(values) < 2:
        return None
    return 0.0 if values.max() == values.min() else float(values.std(ddof=1))


def _moment(values: Floats, order: int) -> float | None:
    if not _deviation(values):
        return None
    residual = values - values.mean()
    return _ratio(float(np.mean(residual**order)), float(np.mean(residual**2)) ** (order / 2))


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    if numerator is None or not denominator:
        return None
    quotient = numerator / denominator
    return quotient if math.isfinite(quotient) else None


def _power(base: float, exponent: float) -> float | None:
    """Raise to a power; None where a float cannot hold it or the base is negative."""
    if base < 0.0:
        return None
    try:
        return base**exponent
    except OverflowError:
        return None


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _plus(value: float | None, term: float) -> float | None:
    return None if value is None else value + term
