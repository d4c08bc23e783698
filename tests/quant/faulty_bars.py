"""Bars as markets make them, and faults as vendors do, from one seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quant.bar_stack import BarStack

SPACING = 12
"""A fault has at least so many sound bars to the next one, of its own series."""


@dataclass
class Bars:
    """One series that can be written, and what was done to it."""

    session: NDArray[np.intp]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    close_only: bool = False

    def prices(self) -> tuple[NDArray[np.float64], ...]:
        every = (self.open, self.high, self.low, self.close)
        return (self.close,) if self.close_only else every

    def enclose(self, at: int) -> None:
        self.high[at] = max(price[at] for price in self.prices())
        self.low[at] = min(price[at] for price in self.prices())


@dataclass(frozen=True)
class Planted:
    kind: str
    series: int
    bar: int
    rejects: bool
    checks: frozenset[str]


def walk(rng: np.random.Generator, length: int) -> Bars:
    """Heavy-tailed returns with volatility that clusters and jumps, priced in cents."""
    daily = rng.uniform(0.006, 0.03)
    calm = np.exp(0.35 * np.cumsum(rng.normal(0, 0.08, length)).clip(-3, 3))
    scale = daily * calm * np.where(rng.random(length) < 0.002, 4, 1)
    close = rng.uniform(8, 300) * np.exp(
        np.cumsum(rng.standard_t(4, length) / math.sqrt(2) * scale)
    )
    close = np.maximum(np.round(close, 2), 1.0)
    before = np.concatenate([close[:1], close[:-1]])
    opened = np.round(before * np.exp(rng.normal(0, 0.4, length) * scale), 2)
    reach = np.abs(rng.normal(0, 0.5, (2, length))) * scale
    high = np.round(np.maximum(opened, close) * np.exp(reach[0]), 2)
    low = np.round(np.minimum(opened, close) * np.exp(-reach[1]), 2)
    trend = np.cumsum(rng.normal(0, 0.05, length))
    volume = np.round(np.exp(14 + 0.5 * trend + rng.normal(0, 0.4, length)))
    return Bars(
        np.arange(length), opened, np.maximum.reduce([high, opened, close]),
        np.minimum.reduce([low, opened, close]), close, volume,
    )  # fmt: skip


def _leap(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.choice([-1, 1]) * rng.uniform(low, high)))


def _one(prices: tuple[NDArray[np.float64], ...], rng: np.random.Generator) -> Any:
    return prices[rng.integers(len(prices))]


def _scaled(bars: Bars, at: int, factor: float) -> None:
    for price in bars.prices():
        price[at] *= factor


def _not_finite(bars: Bars, at: int, rng: np.random.Generator) -> None:
    # Of closes alone NaN is no bar.
    wrong = [np.inf, -np.inf] if bars.close_only else [np.nan, np.inf, -np.inf]
    _one(bars.prices(), rng)[at] = rng.choice(wrong)


def _not_positive(bars: Bars, at: int, rng: np.random.Generator) -> None:
    _one(bars.prices(), rng)[at] *= rng.choice([0.0, -1.0])


def _negative_volume(bars: Bars, at: int, rng: np.random.Generator) -> None:
    bars.volume[at] *= -1


def _swapped(bars: Bars, at: int, rng: np.random.Generator) -> None:
    bars.high[at] = max(bars.high[at], bars.low[at] + 0.01)
    bars.high[at], bars.low[at] = bars.low[at], bars.high[at]


def _inconsistent(bars: Bars, at: int, rng: np.random.Generator) -> None:
    span = bars.high[at] - bars.low[at] + 0.02
    if rng.random() < 0.5:
        bars.high[at] = max(bars.open[at], bars.close[at]) - span * rng.uniform(0.01, 0.4)
    else:
        bars.low[at] = min(bars.open[at], bars.close[at]) + span * rng.uniform(0.01, 0.4)


def _duplicate(bars: Bars, at: int, rng: np.random.Generator) -> None:
    bars.high[at - 1] = max(bars.high[at - 1], bars.low[at - 1] + 0.01)
    for values in (*bars.prices(), bars.volume):
        values[at] = values[at - 1]


def _decimal(bars: Bars, at: int, rng: np.random.Generator) -> None:
    _scaled(bars, at, float(rng.choice([0.01, 0.1, 10.0, 100.0])))


def _bar_print(bars: Bars, at: int, rng: np.random.Generator) -> None:
    _scaled(bars, at, _leap(rng, 0.6, 1.8))


def _close_print(bars: Bars, at: int, rng: np.random.Generator) -> None:
    bars.close[at] *= _leap(rng, 0.6, 1.8)
    bars.enclose(at)


def _open_print(bars: Bars, at: int, rng: np.random.Generator) -> None:
    bars.open[at] *= _leap(rng, 0.7, 1.8)
    bars.enclose(at)


def _high_print(bars: Bars, at: int, rng: np.random.Generator) -> None:
    bars.high[at] = max(bars.open[at], bars.close[at]) * np.exp(rng.uniform(0.7, 1.8))


def _low_print(bars: Bars, at: int, rng: np.random.Generator) -> None:
    bars.low[at] = min(bars.open[at], bars.close[at]) * np.exp(-rng.uniform(0.7, 1.8))


def _stale(bars: Bars, at: int, rng: np.random.Generator) -> None:
    for later in range(at + 1, at + int(rng.integers(6, 11))):
        bars.close[later] = bars.close[at]
        bars.enclose(later)


def _no_volume(bars: Bars, at: int, rng: np.random.Generator) -> None:
    bars.high[at] = max(bars.high[at], bars.low[at] + 0.01)
    bars.volume[at] = 0


def _volume_units(bars: Bars, at: int, rng: np.random.Generator) -> None:
    bars.volume[at] *= rng.choice([0.001, 0.01, 100.0, 1000.0])


def _shift(bars: Bars, at: int, rng: np.random.Generator) -> None:
    factor = _leap(rng, 0.6, 1.5)
    for price in bars.prices():
        price[at:] *= factor


def _split(bars: Bars, at: int, rng: np.random.Generator) -> None:
    ratio = float(rng.choice([2, 3, 4, 10, 15, 20, 0.5, 0.1]))
    for price in bars.prices():
        price[at:] /= ratio
    bars.volume[at:] *= ratio


Fault = Callable[[Bars, int, np.random.Generator], None]
REJECTS: dict[str, tuple[Fault, set[str]]] = {
    "not finite": (_not_finite, {"non_finite"}),
    "not positive": (_not_positive, {"non_positive"}),
    "negative volume": (_negative_volume, {"negative_volume"}),
    "high and low swapped": (_swapped, {"swapped_high_low", "ohlc"}),
    "inconsistent": (_inconsistent, {"ohlc", "swapped_high_low"}),
    "copied bar": (_duplicate, {"duplicate_bar"}),
    "decimal point": (_decimal, {"decimal_point", "bad_print"}),
    "wrong bar": (_bar_print, {"bad_print", "decimal_point"}),
    "wrong close": (_close_print, {"bad_print", "decimal_point"}),
    "wrong open": (_open_print, {"open_spike"}),
    "wrong high": (_high_print, {"range_spike"}),
    "wrong low": (_low_print, {"range_spike"}),
}
WARNS: dict[str, tuple[Fault, set[str]]] = {
    "stale": (_stale, {"stale"}),
    "no volume": (_no_volume, {"zero_volume"}),
    "units of volume": (_volume_units, {"volume_units"}),
}
SHIFTS: dict[str, tuple[Fault, set[str]]] = {
    "lasting shift": (_shift, {"outlier_move", "suspected_split"}),
    "split": (_split, {"suspected_split", "outlier_move"}),
}
CLOSES_ONLY = ("not finite", "not positive", "decimal point", "wrong bar")


def plant(
    rng: np.random.Generator, bars: list[Bars], *, kinds: tuple[str, ...], each: int
) -> list[Planted]:
    """Plant `each` faults in every series, far from its ends and from one another."""
    planted: list[Planted] = []
    for series, one in enumerate(bars):
        room = (len(one.close) - 40) // SPACING
        for slot in rng.permutation(room)[:each].tolist():
            at = 20 + slot * SPACING
            kind = str(rng.choice(kinds))
            fault, checks = {**REJECTS, **WARNS, **SHIFTS}[kind]
            fault(one, at, rng)
            planted.append(Planted(kind, series, at, kind in REJECTS, frozenset(checks)))
    return planted


def stack(bars: list[Bars], *, close_only: bool = False) -> BarStack:
    """Put series end to end."""
    close = np.concatenate([one.close for one in bars])

    def joined(name: str) -> NDArray[np.float64]:
        return close if close_only else np.concatenate([getattr(one, name) for one in bars])

    volume = np.concatenate([one.volume for one in bars])
    return BarStack(
        np.concatenate([[0], np.cumsum([len(one.close) for one in bars])]),
        np.concatenate([one.session for one in bars]),
        joined("open"), joined("high"), joined("low"), close,
        np.full(len(close), np.nan) if close_only else volume,
    )  # fmt: skip
