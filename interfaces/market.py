"""Market data, as known at a moment.

The only way to a price is `MarketData.view(as_of)`. A view shows a record when it was known
strictly before `as_of`; asking it for anything later raises `LookAhead`, whose message names the
view's date and nothing else. Look-ahead is therefore not a mistake one can make by passing a
wrong argument: a later record does not exist in the view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.market import DatasetInfo

STALE_AFTER = 10
"""How many sessions old a symbol's newest bar may be while the symbol counts as traded."""

Interval = Literal["1m", "5m", "1h", "1d", "1w"]


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of one symbol, oldest first: read-only views into the loaded arrays, not copies.

    All arrays have shape (T,). `sessions` is datetime64[D]; prices are float64 in the currency of
    the data set; `volume` is float64 in units, NaN where the source has none. When the source has
    closes only, `open`, `high` and `low` equal `close` and `close_only` is true.
    """

    symbol: str
    interval: Interval
    close_only: bool
    sessions: NDArray[np.datetime64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Closes:
    """Closes of several symbols on common sessions, oldest first; `values` has shape (T, N)."""

    symbols: tuple[str, ...]
    sessions: NDArray[np.datetime64]
    values: NDArray[np.float64]


class MarketView(Protocol):
    """The market as it was known at one moment."""

    as_of: datetime

    def symbols(self) -> tuple[str, ...]:
        """Return the tradable symbols that are traded by now, sorted.

        A symbol is, from its first bar on, until its newest bar is over `STALE_AFTER` sessions old,
        counted in the sessions the data set has: then it was delisted, for all that is known.
        """
        ...

    def bars(
        self,
        symbol: str,
        *,
        lookback: int | None = None,
        start: date | None = None,
        end: date | None = None,
    ) -> Bars:
        """Return the last `lookback` daily bars, or those of `start..end`, both included.

        `NotFound` for a symbol the data set does not have; `LookAhead` when `end` or `start` lies
        at or after the simulated date's first unseen session; fewer bars than asked when there
        are fewer; empty arrays when there are none.
        """
        ...

    def closes(self, symbols: Sequence[str], lookback: int) -> Closes:
        """Return the last `lookback` sessions on which every one of the symbols has a close.

        Shape (T, N) with T ≤ lookback, columns in the order asked.
        """
        ...

    def last_close(self, symbol: str) -> tuple[date, float] | None:
        """Return the newest session and its close, or None before the first bar.

        However old it is: a holding that trades no more is valued at it.
        """
        ...


class MarketData(Protocol):
    """A loaded data set; arrays are loaded once per process and never written."""

    def info(self) -> DatasetInfo:
        """Describe the data set: name, hash, conventions, honest caveats, symbols."""
        ...

    def view(self, as_of: datetime) -> MarketView:
        """Return the market as known strictly before `as_of` (aware)."""
        ...

    def covers(self, start: date, end: date) -> bool:
        """Tell whether prices exist for the whole range; says nothing more about the horizon.

        For admitting a request, before a simulation begins; never offered to a model.
        """
        ...


class DataCatalog(Protocol):
    """The data sets at hand. For people and admission, never for a model."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all data sets, sorted."""
        ...

    def open(self, name: str) -> MarketData:
        """Return the data set, loaded once; `NotFound` names those that exist."""
        ...

    def coverage(self, name: str) -> tuple[tuple[str, date, date, int], ...]:
        """Return (symbol, first session, last session, bars) for every symbol."""
        ...
