"""What a session's bar and the sessions before it tell of a symbol."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

import numpy as np

from quant.arrays import Floats


@dataclass(frozen=True, slots=True)
class SessionBar:
    """One symbol's bar as it was traded; of close-only sources all prices are the close."""

    session: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    """Units traded; None where the source has none."""
    close_only: bool = False

    def extreme(self, *, up: bool) -> Decimal:
        """Return the high, or the low."""
        return self.high if up else self.low


class PastBars(Protocol):
    """Bars of the sessions before, oldest first, (T,) float64 arrays in one unit; NaN volume."""

    @property
    def close_only(self) -> bool:
        """Whether highs and lows are only the close again."""
        ...

    @property
    def high(self) -> Floats:
        """Return the highs."""
        ...

    @property
    def low(self) -> Floats:
        """Return the lows."""
        ...

    @property
    def close(self) -> Floats:
        """Return the closes."""
        ...

    @property
    def volume(self) -> Floats:
        """Return the units traded."""
        ...


@dataclass(frozen=True, slots=True)
class Daily:
    """Daily figures of a symbol: mean volume, and standard deviation of logarithmic returns."""

    volume: float
    volatility: float


def daily_figures(past: PastBars, window: int) -> Daily | None:
    """Return the figures of the last `window` sessions with a bar; None where they do not suffice.

    The volatility is the sample one (n − 1) and takes at least two returns; sessions of unknown
    volume count for nothing in the mean. Timing: `past` ends before the session that is priced.
    """
    closes, volumes = past.close[-(window + 1) :], past.volume[-window:]
    known = volumes[np.isfinite(volumes)]
    if len(closes) < 3 or not len(known) or not known.any():
        return None
    return Daily(float(known.mean()), float(np.diff(np.log(closes)).std(ddof=1)))
