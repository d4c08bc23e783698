"""What a run's aliases are: one code a ticker, one factor an instrument, one shift of the years.

Everything follows from the run's key and the data set; there is no other randomness.

Years are shifted by a whole number of years between which the calendar is the same: every date
keeps its weekday, its month and its distance to every other, which makes it a shift by whole
weeks too, and month ends, quarters and leap days fall where they did.
"""

from __future__ import annotations

import calendar
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

PROSE_YEARS = (1950, 2049)
"""A bare number within these is taken for a year when it stands in prose."""
_CYCLE = 400
"""The Gregorian calendar repeats after so many years, to the weekday."""
_LARGEST_EXPONENT = 6
_WIDEST_GAP = 97
_EARLIEST = 1000  # four digits, as every date is written
_LISTED, _UNLISTED = "S", "U"
REUSED = (".1", ".2")
"""What a ticker is followed by once another company has taken it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to hide of a data set, past and to come."""

    instruments: Mapping[str, str]
    """Ticker -> what it stands for; tickers that one instrument bore stand for the same."""
    names: Mapping[str, tuple[str, ...]]
    """Ticker -> names of its company, the best one first."""
    words: Mapping[str, tuple[str, ...]]
    """Ticker -> products and people that give the company away."""
    years: tuple[int, int]
    """First and last year of the prices."""


class Codebook:
    """The aliases of one run; `key` is its run key."""

    def __init__(self, key: str, known: Known) -> None:
        self._key = key
        self.known = known
        self.shift = _pick(_twins(known.years), _number(key, "years"))
        self._instruments = dict(known.instruments)
        self._factors: dict[str, Decimal] = {}
        self._aliases = _codes(key, {*known.instruments, *known.names, *known.words})
        self._tickers = {alias: ticker for ticker, alias in self._aliases.items()}

    @property
    def tickers(self) -> tuple[str, ...]:
        """Every ticker known to exist, sorted."""
        return tuple(sorted(self._aliases))

    def alias(self, ticker: str) -> str:
        """Return the code of a ticker; codes sort as their tickers do.

        A ticker that only a document speaks of gets a code outside that order.
        """
        found = self._aliases.get(ticker)
        if found is None:
            found = f"{_UNLISTED}{_number(self._key, 'unlisted', ticker) % 10**8:08d}"
            self._aliases[ticker], self._tickers[found] = found, ticker
        return found

    def ticker(self, alias: str) -> str | None:
        """Return the ticker behind a code, or None where there is none."""
        return self._tickers.get(alias)

    def factor(self, ticker: str) -> Decimal:
        """Return how many real units one masked unit is: a power of two, 2 at least."""
        known = self._factors.get(ticker)
        if known is None:
            known = self._factors[ticker] = self._factor(ticker)
        return known

    def _factor(self, ticker: str) -> Decimal:
        base = ticker.partition(".")[0] if ticker.endswith(REUSED) else ticker
        instrument = self._instruments.get(ticker) or self._instruments.get(base, base)
        exponent = 1 + _number(self._key, "unit", instrument) % _LARGEST_EXPONENT
        return Decimal(2**exponent)

    def opaque(self, name: str) -> str:
        """Return a name that tells nothing, the same one each time."""
        return f"{_number(self._key, 'opaque', name):064x}"[-12:]


def _codes(key: str, tickers: Iterable[str]) -> dict[str, str]:
    """Number the tickers in their order with gaps that say nothing."""
    named = set(tickers)
    for ticker in tuple(named):
        named.update(ticker + end for end in REUSED if not ticker.endswith(REUSED))
    ordered = sorted(named)
    at, codes = 0, dict[str, int]()
    for ticker in ordered:
        at += 1 + _number(key, "gap", ticker) % _WIDEST_GAP
        codes[ticker] = at
    width = max(5, len(str((1 + _WIDEST_GAP) * len(ordered))))
    return {ticker: f"{_LISTED}{code:0{width}d}" for ticker, code in codes.items()}


def _twins(years: tuple[int, int]) -> list[int]:
    """Return the shifts under which each of these years meets one with the same calendar.

    No year that real prose or prices may speak of is hit, so that a real date is never mistaken for
    a masked one. Where no other is left it is a whole cycle of the calendar.
    """
    first, last = years
    width = max(last, PROSE_YEARS[1]) - min(first, PROSE_YEARS[0])
    far = _CYCLE * (1 + width // _CYCLE)
    found = [
        shift
        for shift in range(-far, far + 1)
        if abs(shift) > width
        and first + shift >= _EARLIEST
        and all(_kind(year) == _kind(year + shift) for year in range(first, last + 1))
    ]
    # By whole centuries a year of two digits would stay as it was.
    return [shift for shift in found if shift % 100] or found


def _kind(year: int) -> tuple[int, bool]:
    return date(year, 1, 1).weekday(), calendar.isleap(year)


def _pick(choices: list[int], number: int) -> int:
    return choices[number % len(choices)]


def _number(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest(), "big")
