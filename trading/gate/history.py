"""What the past says of risk, computed when a limit first asks for it and kept for the session."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quant.tail_risk import pairwise_correlations
from schemas.base import ZERO
from schemas.errors import InvalidRequest
from trading.breakers.marks import Mark

Floats = NDArray[np.float64]
VOLUME_WINDOW = 20
MIN_TAIL_SESSIONS = 60
MIN_COMMON_SESSIONS = 20


@dataclass(frozen=True, slots=True)
class RiskHistory:
    """Past sessions, oldest first, all known before the orders' session.

    `returns` are simple, close to close, `volumes` in units; both (T, N), NaN where there is none.
    """

    symbols: tuple[str, ...]
    returns: Floats
    volumes: Floats

    def __post_init__(self) -> None:
        shape = (len(self.returns), len(self.symbols))
        if self.returns.shape != shape or self.volumes.shape != shape:
            raise InvalidRequest("returns and volumes need a row a session and a column a symbol")


NO_HISTORY = RiskHistory((), np.empty((0, 0)), np.empty((0, 0)))


class SessionRisk:
    """Figures of a session's history, each computed when it is first asked for.

    One is made for each session; `load` is called at most once, and only when a limit needs it.
    """

    def __init__(self, load: Callable[[], RiskHistory]) -> None:
        self._load = load
        self._volumes: dict[str, Decimal | None] = {}
        self._correlations: dict[int, Floats] = {}
        self._windows: dict[int, tuple[Floats, NDArray[np.bool_], bool]] = {}

    @cached_property
    def history(self) -> RiskHistory:
        """The past as the caller loads it."""
        return self._load()

    @cached_property
    def columns(self) -> dict[str, int]:
        """Which column a symbol has."""
        return {symbol: column for column, symbol in enumerate(self.history.symbols)}

    def median_volume(self, symbol: str) -> Decimal | None:
        """Return the median daily volume of 20 sessions in units; None when half are missing."""
        column = self.columns.get(symbol)
        if column is None:
            return None
        if symbol not in self._volumes:
            recent = self.history.volumes[-VOLUME_WINDOW:, column]
            known = recent[np.isfinite(recent)]
            enough = len(known) * 2 >= VOLUME_WINDOW
            median = Decimal(repr(float(np.median(known)))) if enough else None
            self._volumes[symbol] = median
        return self._volumes[symbol]

    def last_return(self, symbol: str) -> Decimal | None:
        """Return the return of the newest session; None when it is not known."""
        column = self.columns.get(symbol)
        if column is None or not len(self.history.returns):
            return None
        value = float(self.history.returns[-1, column])
        return Decimal(repr(value)) if np.isfinite(value) else None

    def correlations(self, window: int) -> Floats:
        """Return (N, N) correlations over the last `window` sessions; NaN where not known."""
        if window not in self._correlations:
            returns = self.history.returns[-window:]
            at_least = min(window, MIN_COMMON_SESSIONS)
            self._correlations[window] = pairwise_correlations(returns, at_least=at_least)
        return self._correlations[window]

    def outcomes(self, values: dict[str, float], window: int) -> Floats | str:
        """Return what the positions' values would have gained in each of the past sessions.

        Sessions in which one of them has no return are left out. A symbol without history, or
        fewer than 60 sessions left, is told in words instead.
        """
        missing = sorted(symbol for symbol in values if symbol not in self.columns)
        if missing:
            return f"no returns of {missing[0]} are known"
        returns, known, complete = self._window(window)
        money = np.zeros(returns.shape[1])
        for symbol, value in values.items():
            money[self.columns[symbol]] = value
        outcomes: Floats = returns @ money
        if not complete and values:
            held = [self.columns[symbol] for symbol in values]
            outcomes = outcomes[known[:, held].all(axis=1)]
        if len(outcomes) < MIN_TAIL_SESSIONS:
            return f"of its holdings only {len(outcomes)} common sessions of returns are known"
        return outcomes

    def _window(self, window: int) -> tuple[Floats, NDArray[np.bool_], bool]:
        if window not in self._windows:
            returns = self.history.returns[-window:]
            known = np.isfinite(returns)
            complete = bool(known.all())
            self._windows[window] = (np.where(known, returns, 0.0), known, complete)
        return self._windows[window]


@dataclass(frozen=True, slots=True)
class EquityHistory:
    """What the account's equity is compared with, deposits and withdrawals since left out."""

    previous: Decimal | None = None
    """What there was to lose in the session of the account's own mark; None: nothing to compare."""
    peak: Decimal | None = None
    """The highest so far."""

    def day_loss(self, equity: Decimal) -> Decimal:
        """Return what was lost since the mark before, as a share of it; 0 after a gain."""
        return _fallen(self.previous, equity)

    def drawdown(self, equity: Decimal) -> Decimal:
        """Return how far equity lies below its peak, as a share of it."""
        return _fallen(self.peak, equity)


@dataclass(frozen=True, slots=True)
class EquityFold:
    """What is left of an account's marks, oldest first; feeding it one returns another.

    What was put in or taken out is no gain and no loss: earlier equity moves along with it.
    """

    previous: Decimal | None = None
    peak: Decimal = ZERO
    """The highest so far, in the newest mark's money."""
    equity: Decimal = ZERO
    """Of the newest mark."""

    def fed(self, mark: Mark) -> EquityFold:
        """Take up the next mark."""
        before = self.equity
        base, end = before + mark.paid_in, mark.equity + mark.paid_out
        # In the newest mark's money: what came in before the orders, what went out after them.
        peak = max(self.peak * base / before if before > 0 else base, end)
        scale = mark.equity / end if mark.paid_out and end > 0 else Decimal(1)
        return EquityFold(base * scale, peak * scale, mark.equity)

    @property
    def history(self) -> EquityHistory:
        """What the newest mark's account is compared with."""
        return EquityHistory(self.previous, self.peak or None)


def equity_history(marks: Iterable[Mark]) -> EquityHistory:
    """Return what the newest of an account's marks, oldest first, is compared with."""
    fold = EquityFold()
    for mark in marks:
        fold = fold.fed(mark)
    return fold.history


def _fallen(reference: Decimal | None, equity: Decimal) -> Decimal:
    if reference is None or reference <= 0:
        return ZERO
    return max(1 - equity / reference, ZERO)
