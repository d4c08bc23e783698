"""What an order does to the price, and how a large one is best spread over time.

The three `*_share` functions return shares of the price, never negative, elementwise over whatever
their arguments broadcast to. Timing: volume and volatility are daily figures of the sessions
before the order; this module takes none of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats
from schemas.errors import InvalidRequest


def permanent_share(
    units: ArrayLike,
    volume: ArrayLike,
    volatility: ArrayLike,
    *,
    gamma: float,
    inverse_turnover: float = 1.0,
) -> Floats:
    """Return gamma·S·(X/V)·(Θ/V)^¼: by how much the price stays moved once X units are traded.

    X `units` ≥ 0, V `volume` > 0 a day, S `volatility` ≥ 0 a day, Θ/V `inverse_turnover` the shares
    outstanding over the daily volume (1 leaves the factor out). The order itself pays half of it on
    average. Raises InvalidRequest for anything else, also for NaN and infinity.

    Source: Almgren, Thum, Hauptmann & Li (2005), Direct estimation of equity market impact: linear
    (Almgren & Chriss 2000 show why), exponent ¼ of Θ/V, gamma = 0.314 ± 0.041.
    """
    part, daily = _scaled(units, volume, volatility)
    factor = _coefficient(inverse_turnover, "inverse_turnover", above=True) ** 0.25
    return _coefficient(gamma, "gamma") * factor * daily * part


def temporary_share(  # noqa: PLR0913 - the figures of one published formula
    units: ArrayLike,
    volume: ArrayLike,
    volatility: ArrayLike,
    *,
    eta: float,
    days: float,
    exponent: float = 0.6,
) -> Floats:
    """Return eta·S·(X/(V·T))^exponent: what an order worked over T `days` pays beside the rest.

    As `permanent_share`; 0 < exponent ≤ 1, where 1 is the linear model of Almgren & Chriss (2000).
    Source: Almgren, Thum, Hauptmann & Li (2005): eta = 0.142 ± 0.0062, exponent 3/5.
    """
    part, daily = _scaled(units, volume, volatility)
    pace = part / _coefficient(days, "days", above=True)
    power = _coefficient(exponent, "exponent", above=True)
    if power > 1.0:
        raise InvalidRequest("exponent must be at most 1.")
    return _coefficient(eta, "eta") * daily * pace**power


def square_root_share(
    units: ArrayLike, volume: ArrayLike, volatility: ArrayLike, *, y: float
) -> Floats:
    """Return y·S·√(X/V), the square-root law, whatever the time it is worked over.

    As `permanent_share`. Source: Torre (1997), BARRA market impact model handbook; Tóth et al.
    (2011), Anomalous price impact: y is of order 1.
    """
    part, daily = _scaled(units, volume, volatility)
    return _coefficient(y, "y") * daily * np.sqrt(part)


@dataclass(frozen=True, slots=True)
class LinearMarket:
    """A market with linear impact, in money: prices move by money a unit, not by shares of it.

    `volatility` is money per √day; `gamma` money per unit² (permanent), `eta` money per unit² a
    day (temporary), `epsilon` money a unit (half the spread and fees).
    """

    volatility: float
    gamma: float
    eta: float
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        for name in ("volatility", "gamma", "eta", "epsilon"):
            _coefficient(getattr(self, name), name)


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Units still to be traded after each interval, (N + 1,), and what trading so costs.

    `expected_cost` is money against the price before the first trade, `variance` money²; `kappa`
    the rate a day at which the trading slows down.
    """

    holdings: Floats
    expected_cost: float
    variance: float
    kappa: float


def optimal_trajectory(
    units: float, market: LinearMarket, *, days: float, intervals: int, risk_aversion: float
) -> Trajectory:
    """Return the schedule that minimises expected cost + `risk_aversion` × variance.

    `units` are to be sold (or bought, below zero) within `days`, in `intervals` equal parts;
    `risk_aversion` ≥ 0 is per money. With t_j = j·T/N the holdings are
    units·sinh(κ(T − t_j))/sinh(κT), where 2(cosh(κτ) − 1)/τ² = risk_aversion·volatility²/(eta −
    gamma·τ/2); in a straight line where that is zero.

    Raises InvalidRequest where eta ≤ gamma·τ/2: trading at once would then cost less than nothing.

    Source: Almgren & Chriss (2000), Optimal execution of portfolio transactions, sections 2 and 3.
    """
    if not np.isfinite(units):
        raise InvalidRequest("units must be a finite number.")
    if intervals < 1:
        raise InvalidRequest("intervals must be at least 1.")
    step = _coefficient(days, "days", above=True) / intervals
    eta = market.eta - market.gamma * step / 2.0
    if eta <= 0.0:
        raise InvalidRequest("eta must exceed gamma × the interval ÷ 2; take shorter intervals.")
    urgency = _coefficient(risk_aversion, "risk_aversion") * market.volatility**2 / eta
    # arcosh(1 + x) = 2·arsinh(√(x/2)), which keeps its digits where x is small.
    kappa = 2.0 * float(np.arcsinh(np.sqrt(urgency) * step / 2.0)) / step
    left = np.arange(intervals, -1, -1, dtype=np.float64) * step
    holdings = units * _sinh_ratio(kappa, left, days)
    trades = -np.diff(holdings)
    cost = (
        market.gamma * units**2 / 2.0
        + market.epsilon * np.abs(trades).sum()
        + eta / step * (trades**2).sum()
    )
    variance = market.volatility**2 * step * (holdings[1:] ** 2).sum()
    return Trajectory(holdings, float(cost), float(variance), kappa)


def _sinh_ratio(kappa: float, left: Floats, days: float) -> Floats:
    """Return sinh(κ·left)/sinh(κ·days) without overflow, and its limit at κ = 0."""
    if kappa * days < 1e-8:
        return left / days
    rise = np.expm1(-2.0 * kappa * left) / np.expm1(-2.0 * kappa * days)
    return np.exp(kappa * (left - days)) * rise


def _scaled(units: ArrayLike, volume: ArrayLike, volatility: ArrayLike) -> tuple[Floats, Floats]:
    """Return the part of a day's volume and the daily volatility, both checked."""
    traded, market, daily = (
        np.asarray(values, dtype=np.float64) for values in (units, volume, volatility)
    )
    for array, name in ((traded, "units"), (market, "volume"), (daily, "volatility")):
        if not np.isfinite(array).all() or (array < 0.0).any():
            raise InvalidRequest(f"{name} must be finite and not negative.")
    if (market == 0.0).any():
        raise InvalidRequest("volume must be above zero throughout: nothing trades without it.")
    try:
        return traded / market, daily
    except ValueError as error:
        raise InvalidRequest("units, volume and volatility do not fit each other.") from error


def _coefficient(value: float, name: str, *, above: bool = False) -> float:
    """Return a finite number that is not negative, or, `above`, not zero either."""
    number = float(value)
    if not np.isfinite(number) or number < 0.0 or (above and number == 0.0):
        raise InvalidRequest(f"{name} must be finite and {'above' if above else 'not below'} zero.")
    return number
