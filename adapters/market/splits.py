"""Moves that look like a split nobody adjusted for, and splits that somebody states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from adapters.market.arrays import PriceArrays
from schemas.market import SuspectedSplit

Floats = NDArray[np.float64]
_RATIOS = np.array([2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100])
_SMALL_RATIOS = np.array([1.25, 1.5])
_LARGE = 0.4  # an overnight move above 40 %
_NEAR = 0.06  # how far from a round ratio the market may have moved on the same night
_NEAR_SMALL, _EXACT = 0.03, 0.005  # ... of a small one with volume in favour; without
_NOTICED = 8.0  # times a split's own share: so much trade comes with news, not with a split
_AGAINST = 2.0  # times less volume since a split than before, where it makes more units
_ALONE = 5.0  # of closes alone: times any other move around
_QUIET = 2.5  # times the usual: range and trade of an ordinary day
_WINDOW = 20  # sessions before and after that say what is usual
_HIDDEN, _HIDING = 0.02, 3.0  # a ratio within this, or so many usual moves, cannot be told
_SPREAD = 6.0  # times the usual overnight move: an outlier


@dataclass(frozen=True, slots=True)
class StatedSplits:
    """What the source itself says: of which instruments it tells splits, and which there were."""

    symbols: set[str] = field(default_factory=set[str])
    ratios: dict[tuple[str, date], float] = field(default_factory=dict[tuple[str, date], float])


@dataclass(frozen=True, slots=True)
class JudgedSplits:
    """Stated splits by what the prices show: not adjusted for, adjusted for, or no telling."""

    shown: tuple[tuple[str, date], ...]
    adjusted: tuple[tuple[str, date], ...]
    open: tuple[tuple[str, date], ...]


@dataclass(frozen=True, slots=True)
class _Bars:
    """The bars of one instrument, without gaps, and its moves from close to next open.

    `moves[i]` is the close of bar i over the open of bar i + 1: the ratio of a split between.
    """

    days: NDArray[np.datetime64]
    moves: Floats
    span: Floats
    volume: Floats


def find_splits(arrays: PriceArrays, stated: StatedSplits) -> tuple[SuspectedSplit, ...]:
    """Return the overnight moves that look like a split nobody states, oldest first.

    From one close to the next open of the same instrument: moves above 40 % near a usual ratio
    that do not come with a burst of trade; of 3:2 and 5:4 those exactly so, or with the volume
    that such a split brings, on a day that is quiet otherwise. None is guessed where one is
    stated; nor a small one of an instrument whose splits the source tells. `symbol` is the
    instrument's id.
    """
    found: list[SuspectedSplit] = []
    told: dict[str, list[date]] = {}
    for who, day in stated.ratios:
        told.setdefault(who, []).append(day)
    for column, symbol in enumerate(arrays.symbols):
        bars = _bars_of(arrays, column)
        for at, ratio in _guessed(bars).items():
            before, after = bars.days[at].item(), bars.days[at + 1].item()
            if any(before < day <= after for day in told.get(symbol, ())):
                continue
            if is_large(ratio) or symbol not in stated.symbols:
                found.append(SuspectedSplit(symbol=symbol, session=after, ratio=ratio))
    return tuple(sorted(found, key=lambda split: (split.session, split.symbol)))


def is_large(ratio: float) -> bool:
    """Tell whether a split is of two for one or more, either way.

    A column of splits is easily left at 0 throughout: that it names none is no word against these.
    """
    return max(ratio, 1 / ratio) >= _RATIOS[0]


def contradicted(
    arrays: PriceArrays, suspects: Iterable[SuspectedSplit]
) -> tuple[SuspectedSplit, ...]:
    """Return the suspects, by instrument, whose volume went the other way than a split sends it.

    Volume in units grows as the price falls, or stays where a source adjusts volumes alone. Units
    that fell with the price, or rose with it, tell of another company or a collapse.
    """
    found: list[SuspectedSplit] = []
    for each in suspects:
        bars = _bars_of(arrays, arrays.symbols.index(each.symbol))
        at = int(bars.days.searchsorted(np.datetime64(each.session, "D"))) - 1
        if not 0 <= at < len(bars.moves):
            continue
        usual, _, later = _trade(bars, at)
        against = later * _AGAINST < usual if each.ratio > 1 else later > _AGAINST * usual > 0
        if against:
            found.append(each)
    return tuple(found)


def judge_splits(
    arrays: PriceArrays,
    ratios: Mapping[tuple[str, date], float],
    adjusted: Floats | None = None,
) -> JudgedSplits:
    """Hold stated splits (new over old, by instrument and ex-date) against the prices.

    Adjusted prices move by little on such a day, unadjusted ones by nearly the ratio. Where an
    ordinary night can hide that, the source's `adjusted` closes tell, then the instrument's other
    splits, then all others. After the last bar there is nothing yet that could be adjusted.
    """
    column_of = {symbol: column for column, symbol in enumerate(arrays.symbols)}
    verdicts: dict[tuple[str, date], bool | None] = {}
    last, bars = "", None
    for symbol, day in sorted(each for each in ratios if each[0] in column_of):
        column, ratio = column_of[symbol], ratios[symbol, day]
        if bars is None or symbol != last:
            last, bars = symbol, _bars_of(arrays, column)
        verdict = _verdict(bars, day, ratio)
        if verdict is None and adjusted is not None:
            scale = adjusted[:, column] / arrays.close[:, column]
            verdict = _adjusted_verdict(scale[~np.isnan(arrays.close[:, column])], bars, day, ratio)
        verdicts[symbol, day] = verdict
    settled = {key: verdict for key, verdict in verdicts.items() if verdict is not None}
    for key in (key for key, verdict in verdicts.items() if verdict is None):
        votes = {verdict for (symbol, _), verdict in settled.items() if symbol == key[0]}
        votes = votes or set(settled.values())
        verdicts[key] = votes.pop() if len(votes) == 1 else None

    return JudgedSplits(
        shown=tuple(key for key, verdict in verdicts.items() if verdict),
        adjusted=tuple(key for key, verdict in verdicts.items() if verdict is False),
        open=tuple(key for key, verdict in verdicts.items() if verdict is None),
    )


def _verdict(bars: _Bars, day: date, ratio: float) -> bool | None:
    after = int(bars.days.searchsorted(np.datetime64(day, "D")))
    if after in (0, len(bars.days)):
        return True if after else None
    move, size = np.log(bars.moves[after - 1]), np.log(ratio)
    if abs(size) <= max(_HIDDEN, _HIDING * _usual_move(bars)):
        return None
    return bool(abs(move - size) < abs(move))


def _adjusted_verdict(scale: Floats, bars: _Bars, day: date, ratio: float) -> bool | None:
    """Tell by how the scale of the adjusted closes moves over the day; None if it never does."""
    after = int(bars.days.searchsorted(np.datetime64(day, "D")))
    if after in (0, len(bars.days)) or not np.ptp(scale) > 0:
        return None
    jump = np.log(scale[after] / scale[after - 1])
    return bool(abs(jump - np.log(ratio)) < abs(jump))


def _bars_of(arrays: PriceArrays, column: int) -> _Bars:
    rows = np.flatnonzero(~np.isnan(arrays.close[:, column]))
    close = arrays.close[rows, column]
    return _Bars(
        arrays.sessions[rows].astype("datetime64[D]"),
        close[:-1] / arrays.open[rows[1:], column],
        (arrays.high[rows, column] - arrays.low[rows, column]) / close,
        arrays.volume[rows, column],
    )


def _usual_move(bars: _Bars) -> float:
    """Return the usual overnight move: a robust standard deviation of its logarithm."""
    return 1.4826 * float(np.median(np.abs(np.log(bars.moves)))) if len(bars.moves) else 0.0


def _guessed(bars: _Bars) -> dict[int, float]:
    guessed: dict[int, float] = {}
    change = np.abs(1 / bars.moves - 1)
    for at in np.flatnonzero(change > 1 - 1 / (_SMALL_RATIOS[0] * (1 - _NEAR))).tolist():
        move = float(bars.moves[at])
        size = max(move, 1 / move)
        large = change[at] > _LARGE
        if not large and move < 1:  # nobody joins five shares into four
            continue
        ratios = _RATIOS if large else _SMALL_RATIOS
        nearest = float(ratios[np.abs(ratios / size - 1).argmin()])
        ratio = nearest if move > 1 else 1 / nearest
        looks = _looks_large if large else _looks_small
        if looks(bars, at, ratio, off=abs(nearest / size - 1)):
            guessed[at] = ratio
    return guessed


def _looks_large(bars: _Bars, at: int, ratio: float, *, off: float) -> bool:
    usual, today, _ = _trade(bars, at)
    if np.isnan(usual) and not bars.span.any():  # closes alone: nothing else bears witness
        around = np.abs(np.log(bars.moves[max(0, at - _WINDOW) : at + 1 + _WINDOW]))
        return off <= _NEAR_SMALL and bool((around * _ALONE > abs(np.log(ratio))).sum() == 1)
    # A collapse or a takeover comes with a burst of trade; a split with as much more as units.
    return off <= _NEAR and not today > _NOTICED * max(ratio, 1.0) * usual


def _looks_small(bars: _Bars, at: int, ratio: float, *, off: float) -> bool:
    usual, today, later = _trade(bars, at)
    span = float(np.median(bars.span[max(0, at + 1 - _WINDOW) : at + 1]))
    if np.isnan(usual) and not bars.span.any():
        return False
    quiet = bars.span[at + 1] <= _QUIET * max(span, _EXACT)
    outlier = abs(np.log(bars.moves[at])) > _SPREAD * _usual_move(bars)
    if not (quiet and outlier) or today > _QUIET * ratio * usual:
        return False
    grown = later / usual if usual > 0 else np.nan
    contrary = abs(np.log(grown / ratio)) if grown > 0 else np.inf
    if contrary < np.log(ratio) / 2:
        return off <= _NEAR_SMALL
    return off <= _EXACT and (np.isnan(grown) or contrary < np.log(ratio))


def _trade(bars: _Bars, at: int) -> tuple[float, float, float]:
    """Return the usual volume before, that of the day, and the usual one since; NaN for unknown."""
    before = bars.volume[max(0, at + 1 - _WINDOW) : at + 1]
    since = bars.volume[at + 1 : at + 1 + _WINDOW]
    usual, later = (
        float(np.median(some[~np.isnan(some)])) if (~np.isnan(some)).any() else float("nan")
        for some in (before, since)
    )
    return usual, float(bars.volume[at + 1]), later


def exact_ratio(value: float) -> Fraction:
    """Return a written ratio as whole units for whole units, where it is one that was rounded.

    4 is 4/1, 0.1 is 1/10, 0.0667 is 1/15, 1.333 is 4/3; 1.0463 stays what it is, to a millionth.
    """
    places = len(repr(value).partition(".")[2])
    guesses = [Fraction(round(value * old), old) for old in range(1, 11)]
    if value < 1:
        guesses.append(Fraction(1, round(1 / value)))
    for guess in guesses:
        if float(guess) == value or (places > 2 and round(float(guess), places) == value):
            return guess
    return Fraction(round(value * 1_000_000), 1_000_000)
