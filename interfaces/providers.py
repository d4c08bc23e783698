"""Where data comes from: vendors, files, what is bundled.

A provider answers with rows as the vendor wrote them; what may become a price is decided by the
same screen for all of them. It throttles itself to the vendor's limit, retries what may be
retried with backoff and jitter, obeys `Retry-After`, and is done or raises:

- `BadConfiguration`: no key, a key that is refused, an extra that is not installed.
- `NotFound`: the vendor does not know the symbol or series.
- `Unavailable`: throttled beyond patience, down, or unreachable; asking later may help.
- `UntrustworthyData`: an answer that is not what the vendor promises (HTML, truncated, another
  symbol). Nothing of such an answer is used.

No error carries a key or an address with one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from schemas.downloads import FactKind
from schemas.facts import CorporateAction, Listing, MacroValue, StoredDocument


@dataclass(frozen=True, slots=True)
class RawBars:
    """Daily bars of one symbol as a vendor wrote them: text cells in columns of equal length.

    `columns` has `date close` and what else there is of `open high low volume split dividend`.
    A vendor's prices are raw. Only `files` (nobody can tell: `unknown`) and `bundled` have others;
    bars whose adjustment differs do not belong into one data set.
    """

    source: str
    symbol: str
    columns: Mapping[str, Sequence[str]]
    adjustment: Literal["raw", "split", "split_dividend", "unknown"] = "raw"


@dataclass(frozen=True, slots=True)
class Quote:
    """Bid and ask as a vendor last saw them: prices in the currency, sizes in units."""

    symbol: str
    at: datetime
    bid: float
    ask: float
    bid_size: float
    ask_size: float


@dataclass(frozen=True, slots=True)
class Quota:
    """How much may be asked of a vendor; None where the vendor has no such limit or says none."""

    per_minute: int | None
    per_day: int | None
    left_today: int | None


class DataProvider(Protocol):
    """One source. `offers` says which kinds it has; asking for another raises `InvalidRequest`."""

    name: str
    offers: frozenset[FactKind]

    def bars(self, symbol: str, start: date, end: date) -> Iterator[RawBars]:
        """Yield raw daily bars of `start..end`, both included, page by page."""
        ...

    def actions(self, symbol: str, start: date, end: date) -> Iterator[CorporateAction | Listing]:
        """Yield corporate actions with an ex-date in `start..end`."""
        ...

    def macro(self, series: str, start: date, end: date) -> Iterator[MacroValue]:
        """Yield every vintage of every value for a period in `start..end`."""
        ...

    def news(self, symbol: str, start: date, end: date) -> Iterator[StoredDocument]:
        """Yield news about the symbol published in `start..end`."""
        ...

    def quota(self) -> Quota:
        """Tell the vendor's limits and what is left, without asking the vendor."""
        ...


class QuoteSource(Protocol):
    """A vendor with live quotes; never part of a simulation."""

    def latest(self, symbols: Sequence[str]) -> tuple[Quote, ...]:
        """Return the newest quote of each symbol that has one."""
        ...

    def stream(self, symbols: Sequence[str]) -> AsyncIterator[Quote]:
        """Yield quotes as they come; reconnects by itself, in order of time for each symbol."""
        ...
