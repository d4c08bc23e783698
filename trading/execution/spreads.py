"""Half of the bid–ask spread: what a trade pays for being done at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

import numpy as np

from quant.spread import corwin_schultz
from schemas.base import to_micro
from schemas.execution import CorwinSchultzSpread, FixedSpread, Spread
from trading.execution.bars import PastBars
from trading.execution.commissions import BPS


class SpreadPolicy(Protocol):
    """Half of the spread as a share of the price."""

    sessions: int
    """How many sessions before the one that is priced it needs; 0: none."""

    def half(self, past: PastBars | None) -> Decimal:
        """Return it; `past` ends before the session that is priced."""
        ...


class FixedHalfSpread:
    """The same for all."""

    sessions = 0

    def __init__(self, terms: FixedSpread) -> None:
        self._half = terms.half_bps / BPS

    def half(self, past: PastBars | None) -> Decimal:  # noqa: ARG002 - one shape for all
        """Return the share."""
        return self._half


class CorwinSchultzHalfSpread:
    """Half of the mean of the estimates of Corwin & Schultz (2012), within floor and cap.

    An estimate takes the highs and lows of two sessions; those that come out negative count as
    zero, as in the paper. Without highs and lows it is the floor.
    """

    def __init__(self, terms: CorwinSchultzSpread) -> None:
        self._floor = terms.floor_half_bps / BPS
        self._cap = max(terms.cap_half_bps / BPS, self._floor)
        self.sessions = terms.sessions + 1

    def half(self, past: PastBars | None) -> Decimal:
        """Return the share, of six places."""
        if past is None or past.close_only or len(past.close) < 2:
            return self._floor
        last = slice(-self.sessions, None)
        estimates = corwin_schultz(past.high[last], past.low[last], past.close[last])[1:]
        half = to_micro(float(np.mean(estimates)) / 2.0)
        return min(max(half, self._floor), self._cap)


def spread_policy(terms: Spread) -> SpreadPolicy:
    """Return the policy behind a message."""
    match terms:
        case FixedSpread():
            return FixedHalfSpread(terms)
        case CorwinSchultzSpread():
            return CorwinSchultzHalfSpread(terms)
