"""Moves that look like a split nobody adjusted for, and what may be done about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from adapters.market.table import PriceArrays
from schemas.errors import InvalidRequest
from schemas.market import SuspectedSplit

_RATIOS = np.array([2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100])
_SMALLEST = 0.4  # an overnight move above 40 %
_NEAR = 0.06  # how far from a round ratio the market may have moved on the same night
_TELLING = np.log(1.2)  # a stated ratio nearer to 1 cannot be told from an ordinary night
_LEAST, _MOST = 1e-6, 1e9  # as at import: what exact prices in millionths can hold


@dataclass(frozen=True, slots=True)
class StatedSplits:
    """What the source itself says: of which symbols it tells splits, and which there were."""

    symbols: set[str] = field(default_factory=set[str])
    ratios: dict[tuple[str, date], float] = field(default_factory=dict[tuple[str, date], float])


def find_splits(arrays: PriceArrays, stated: StatedSplits) -> tuple[SuspectedSplit, ...]:
    """Return the overnight moves that look like a split left in the prices, oldest first.

    From one close to the next open of the same symbol. Where the source states its splits, only
    these are looked for, by their own ratio; elsewhere every move above 40 % near a usual one.
    """
    found: list[SuspectedSplit] = []
    for column, symbol in enumerate(arrays.symbols):
        rows = np.flatnonzero(~np.isnan(arrays.close[:, column]))
        moves = arrays.close[rows[:-1], column] / arrays.open[rows[1:], column]
        days: list[date] = arrays.sessions[rows[1:]].tolist()
        if symbol in stated.symbols:
            ratios = _as_stated(symbol, days, moves, stated.ratios)
        else:
            ratios = _as_guessed(days, moves)
        found += [SuspectedSplit(symbol=symbol, session=d, ratio=r) for d, r in ratios.items()]
    return tuple(sorted(found, key=lambda split: (split.session, split.symbol)))


def _as_stated(
    symbol: str,
    days: list[date],
    moves: NDArray[np.float64],
    ratios: Mapping[tuple[str, date], float],
) -> dict[date, float]:
    told = {day: ratios[symbol, day] for day in days if (symbol, day) in ratios}
    met = dict(zip(days, moves.tolist(), strict=True))
    # Adjusted prices move by little on such a day, unadjusted ones by nearly the ratio.
    return {
        day: ratio
        for day, ratio in told.items()
        if abs(np.log(ratio)) > _TELLING and abs(np.log(met[day] / ratio)) < abs(np.log(met[day]))
    }


def _as_guessed(days: list[date], moves: NDArray[np.float64]) -> dict[date, float]:
    large = (1 / moves - 1 < -_SMALLEST) | (1 / moves - 1 > _SMALLEST)
    guessed: dict[date, float] = {}
    for at in np.flatnonzero(large).tolist():
        size = max(moves[at], 1 / moves[at])
        nearest = float(_RATIOS[np.abs(_RATIOS / size - 1).argmin()])
        if abs(nearest / size - 1) <= _NEAR:
            guessed[days[at]] = nearest if moves[at] > 1 else 1 / nearest
    return guessed


def back_adjust(arrays: PriceArrays, splits: tuple[SuspectedSplit, ...]) -> PriceArrays:
    """Return the arrays with every row before a split divided by its ratio, volumes multiplied.

    `InvalidRequest` when a price would leave what exact prices can hold.
    """
    fields = {
        name: getattr(arrays, name).copy() for name in ("open", "high", "low", "close", "volume")
    }
    for split in splits:
        column = arrays.symbols.index(split.symbol)
        before = slice(0, int(arrays.sessions.searchsorted(np.datetime64(split.session, "D"))))
        for name, values in fields.items():
            if name == "volume":
                values[before, column] *= split.ratio
            else:
                values[before, column] /= split.ratio
        with np.errstate(invalid="ignore"):  # NaN is no bar
            if (fields["low"] < _LEAST).any() or (fields["high"] > _MOST).any():
                raise InvalidRequest(
                    f"adjusted for a {split.said()} split on {split.session}, prices of "
                    f"{split.symbol} are too small or too large: adjust the files yourself"
                )
    return replace(arrays, **fields)
