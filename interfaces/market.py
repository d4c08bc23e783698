"""Market data, as known at a moment.

The only way to a price is `MarketData.view(as_of)`. A view shows a record when it was known
strictly before `as_of`; asking it for anything later raises `LookAhead`, whose message names the
view's date and nothing else. Look-ahead is therefore not a mistake one can make by passing a
wrong argument: a later record does not exist in the view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from interfaces.providers import RawBars
from schemas.documents import DocumentKind, FoundDocument
from schemas.downloads import DownloadRequest
from schemas.facts import (
    CorporateAction,
    Fundamental,
    Listing,
    MacroSeriesInfo,
    MacroValue,
    StoredDocument,
    UniverseStay,
)
from schemas.market import DatasetInfo, ImportReport

STALE_AFTER = 10
"""How many sessions old a symbol's newest bar may be while the symbol counts as traded."""

Interval = Literal["1m", "5m", "1h", "1d", "1w"]

Adjustment = Literal["raw", "split", "all"]
"""`raw`: as traded. `split`: in today's units, for splits and stock dividends. `all`: for cash
dividends as well, so that changes are total returns. Only with what was known at the view's
moment: the newest bar is always as traded, unless an action has taken effect since."""

Vintage = Literal["latest", "first"]
"""Of a value that was revised: the newest one known by now, or the one published first."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Which prices are asked for."""

    adjustment: Adjustment = "all"
    vintage: Vintage = "latest"


AS_KNOWN = Reading()
AS_TRADED = Reading(adjustment="raw")


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


@dataclass(frozen=True, slots=True)
class LastPrice:
    """The newest known price of a symbol, in today's units, and the instant it was made."""

    symbol: str
    session: date
    at: datetime
    price: float


@dataclass(frozen=True, slots=True)
class MacroSeries:
    """Values of one macro series, oldest period first; arrays of shape (T,).

    `periods` is datetime64[D], the first day of what a value is about; `values` is float64 in the
    series' own unit, NaN where published as missing; `known` is datetime64[us] in UTC.
    """

    series: str
    periods: NDArray[np.datetime64]
    values: NDArray[np.float64]
    known: NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Staged:
    """What a provider said for one chunk: raw bars to be screened, and facts."""

    bars: tuple[RawBars, ...] = ()
    facts: tuple[CorporateAction | Listing | MacroValue | StoredDocument, ...] = ()


class MarketView(Protocol):
    """The market as it was known at one moment.

    Symbols are the tickers of that moment. A ticker that another company takes over later is
    another instrument: from the newcomer's first session on the ticker means the newcomer, and
    the earlier company goes on under the ticker with `.1` behind it.
    """

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
        how: Reading = AS_KNOWN,
    ) -> Bars:
        """Return the last `lookback` daily bars, or those of `start..end`, both included.

        Views into the loaded arrays while no action and no revision of the symbol is known.

        `NotFound` for a symbol the data set does not have; `LookAhead` when `end` or `start` lies
        at or after the simulated date's first unseen session; fewer bars than asked when there
        are fewer; empty arrays when there are none.
        """
        ...

    def closes(self, symbols: Sequence[str], lookback: int, *, how: Reading = AS_KNOWN) -> Closes:
        """Return the last `lookback` sessions on which every one of the symbols has a close.

        Shape (T, N) with T ≤ lookback, columns in the order asked.
        """
        ...

    def last_close(self, symbol: str) -> tuple[date, float] | None:
        """Return the newest session and its close, or None before the first bar.

        However old it is: a holding that trades no more is valued at it. It is in the units of
        the moment: after a 2:1 split has taken effect, half of what was traded before; on the
        morning of an ex-date, less the dividend.
        """
        ...

    def quote(self, symbol: str) -> LastPrice | None:
        """Return the newest known price with the instant it was made; as `last_close` otherwise."""
        ...

    def actions(
        self, symbol: str | None = None, *, start: date | None = None, end: date | None = None
    ) -> tuple[CorporateAction, ...]:
        """Return the actions known by now with an ex-date in `start..end`, by ex-date.

        Of one instrument or of all, in their latest known version, without those withdrawn. One
        that is announced for a day to come is among them.
        """
        ...

    def applied(self, since: datetime) -> tuple[tuple[str, CorporateAction], ...]:
        """Return the actions that took effect after `since` and by now, in order.

        Each with the ticker its instrument had before it. An action takes effect at the open of
        its ex-date, or of the next session where that is none; one that became known later, when
        it became known. On one day: ticker changes last, delistings and mergers before them.
        """
        ...

    def listings(self, symbol: str) -> tuple[Listing, ...]:
        """Return the tickers the instrument has had by now, oldest first; `NotFound`."""
        ...

    def ticker(self, instrument: str) -> str | None:
        """Return the ticker that an instrument bears now; None before its first bar."""
        ...

    def members(self, universe: str) -> tuple[str, ...]:
        """Return the tickers of the universe's members at this moment, sorted; `NotFound`."""
        ...

    def macro_series(self) -> tuple[MacroSeriesInfo, ...]:
        """Return the macro series of which something is known by now, by name."""
        ...

    def macro(
        self,
        series: str,
        *,
        start: date | None = None,
        end: date | None = None,
        vintage: Vintage = "latest",
    ) -> MacroSeries:
        """Return the series as known now; `NotFound` when nothing of it is."""
        ...

    def fundamentals(
        self, symbol: str, *, field: str | None = None, vintage: Vintage = "latest"
    ) -> tuple[Fundamental, ...]:
        """Return reported figures known by now, by period and field; empty when there are none."""
        ...

    def documents(
        self,
        query: str,
        *,
        kind: DocumentKind | None = None,
        symbol: str | None = None,
        limit: int = 10,
    ) -> tuple[FoundDocument, ...]:
        """Search the data set's own dated texts; as `DocumentSource.search` at this moment."""
        ...


class MarketData(Protocol):
    """A loaded data set; arrays are loaded once per process and never written."""

    def info(self) -> DatasetInfo:
        """Describe the data set: name, hash, conventions, honest caveats, symbols."""
        ...

    def view(self, as_of: datetime) -> MarketView:
        """Return the market as known strictly before `as_of` (aware)."""
        ...

    def reach(self) -> Mapping[str, tuple[Bearer, ...]]:
        """Return the instruments that ever bear each ticker, in the order in which they do.

        Those with prices, later ones included: for admitting a request and scoring a run, never
        offered to a model.
        """
        ...

    def universes(self) -> Mapping[str, tuple[UniverseStay, ...]]:
        """Return every universe of the data set with all its stays, later ones included.

        For admitting a request, as `covers`; never offered to a model. A stay's symbol is the
        ticker its instrument bore when it entered.
        """
        ...

    def covers(self, start: date, end: date) -> bool:
        """Tell whether prices exist for the whole range; says nothing more about the horizon.

        For admitting a request, before a simulation begins; never offered to a model.
        """
        ...


@dataclass(frozen=True, slots=True)
class Bearer:
    """An instrument that bears a ticker for a time, and how far its own prices reach.

    `since` is the first day on which it bears the ticker, `until` the first on which it does no
    longer (None: for all that is known). `first` and `last` are its sessions with a price, under
    whatever ticker.
    """

    instrument: str
    since: date
    until: date | None
    first: date
    last: date


def bearer_of(bearers: Sequence[Bearer], enters: date, leaves: date | None) -> Bearer | None:
    """Return whom a ticker means in a stay that begins on one day and ends before another.

    The one that bears it as the stay begins, else the first that comes to bear it before the end;
    one whose prices have ended by then is nobody.
    """
    for one in sorted(bearers, key=lambda each: each.since):
        begun = leaves is None or one.since < leaves
        if begun and (one.until is None or one.until > enters) and one.last >= enters:
            return one
    return None


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


class DataLibrary(DataCatalog, Protocol):
    """The data sets, to write. Readers see a set as it was or as it is, nothing in between.

    A killed writer leaves the set as it was. A full or read-only disk raises `Unavailable`.
    """

    def stage(self, download_id: str, chunk: str, rows: Staged) -> None:
        """Keep the rows of one chunk safely until they are published; again replaces them."""
        ...

    def staged(self, download_id: str) -> dict[str, int]:
        """Return the chunks kept so far and how many rows each has."""
        ...

    def publish(self, download_id: str, request: DownloadRequest) -> ImportReport:
        """Screen all staged rows and add them to the data set, which is made where there is none.

        A bar that its own provider tells otherwise now is a new vintage, known from now on; equal
        ones change nothing. The staged rows are given up.
        """
        ...

    def discard(self, download_id: str) -> None:
        """Give up the staged rows; none is fine."""
        ...

    def delete(
        self,
        name: str,
        *,
        symbols: Sequence[str] | None = None,
        start: date | None = None,
        end: date | None = None,
    ) -> ImportReport | None:
        """Drop the bars of these symbols in `start..end`, or the whole set when none is given.

        Returns what is left, None when nothing is. `NotFound`. Whether a running job uses the set
        is for the caller to ask.
        """
        ...
