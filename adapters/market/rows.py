"""Rows as a source wrote them: text cells under the names that the screen understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import InvalidRequest

PRICES = ("open", "high", "low", "close")
_NAMES = {
    "date": ["date", "day", "session", "timestamp", "datetime", "time"],
    "symbol": ["symbol", "ticker", "sym", "code", "instrument", "name"],
    "open": ["open", "openprice"],
    "high": ["high", "highprice"],
    "low": ["low", "lowprice"],
    "close": ["close", "closeprice", "last", "closelast"],
    "adjusted": ["adjclose", "adjustedclose", "closeadj", "closeadjusted"],
    "volume": ["volume", "vol"],
    "split": ["splitcoefficient", "splitfactor", "stocksplits", "splitratio", "splits", "split"],
    "dividend": ["dividendamount", "divcash", "cashdividend", "dividends", "dividend"],
    "identifier": [
        *("instrumentid", "permno", "permaticker", "figi", "compositefigi"),
        *("cusip", "isin", "cik"),
    ],
    "known_time": ["knowntime", "knownat", "publishedat"],
}
"""Column names by meaning, best first; compared without case, blanks and signs."""


@dataclass(frozen=True, slots=True)
class RawRows:
    """A block of rows of one file, cells as text; all arrays have the same length.

    `lines` is int64, the header being line 1. `cells` maps `date close` and what else there is of
    `symbol open high low adjusted volume split dividend identifier known_time` to Arrow arrays of
    strings, plain or dictionary-encoded; numbers may be float64 instead.
    `month_first` tells that dates are `MM/DD/YYYY`, which is so for a whole file or not at all.
    """

    source: str
    lines: NDArray[np.int64]
    cells: dict[str, Any]
    month_first: bool = False


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A line that does not even have the header's columns."""

    source: str
    line: int
    text: str
    reason: str


def simplified(header: list[str]) -> list[str]:
    """Return column names without case, blanks and signs."""
    return ["".join(filter(str.isalnum, name.lower())) for name in header]


def meanings(header: list[str], source: str) -> dict[str, int]:
    """Map each meaning to its column; `InvalidRequest` names what is missing or doubled."""
    plain = simplified(header)
    found: dict[str, int] = {}
    for meaning, names in _NAMES.items():
        known = [name for name in names if name in plain]
        if not known:
            continue
        if plain.count(known[0]) > 1:
            raise InvalidRequest(f"{source} has more than one column {known[0]!r}")
        found[meaning] = plain.index(known[0])
    missing = [name for name in ("date", "close") if name not in found]
    if any(name in found for name in ("open", "high", "low")):
        missing += [name for name in ("open", "high", "low") if name not in found]
    if missing:
        columns = "column" if len(missing) == 1 else "columns"
        raise InvalidRequest(f"{source} lacks the {columns} {', '.join(missing)}")
    return found
