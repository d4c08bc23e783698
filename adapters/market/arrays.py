"""Prices of many instruments as aligned arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from schemas.base import canonical_json

Floats: TypeAlias = NDArray[np.float64]
Days: TypeAlias = NDArray[np.datetime64]
Micros: TypeAlias = NDArray[np.int64]
_Array = TypeVar("_Array", bound=NDArray[np.generic])


@dataclass(frozen=True, slots=True)
class PriceArrays:
    """Prices of N instruments on T sessions; NaN in `close` means that there is no bar.

    Bars as they were first published, at their session's close, never adjusted. `sessions` is
    sorted and unique, shape (T,); the others have shape (T, N), columns in the order of `symbols`
    (sorted): the instruments' ids, which are their tickers where no listing says otherwise. They
    may be memory-mapped. A close-only source passes its closes as open, high and low as well.
    """

    symbols: tuple[str, ...]
    sessions: Days
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def by_column(self) -> PriceArrays:
        """Return the same arrays with each column contiguous; copies only those that are not."""
        fields = ("open", "high", "low", "close", "volume")
        return replace(self, **{name: np.asfortranarray(getattr(self, name)) for name in fields})

    def digest(self) -> str:
        """Return the SHA-256 over every symbol, session and value."""
        digest = hashlib.sha256(canonical_json(self.symbols))
        digest.update(self.sessions.astype("datetime64[D]").astype("<i8").tobytes())
        for values in (self.open, self.high, self.low, self.close, self.volume):
            for column in range(len(self.symbols)):  # one by one: nothing is copied as a whole
                own = values[:, column].astype("<f8")
                own[np.isnan(own)] = np.nan  # one bit pattern for "no bar"
                digest.update(own.data)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Columns:
    """Bars of one instrument, oldest first; arrays of shape (T,) that nobody can write.

    `known` has the instants at which the sessions closed, in microseconds since 1970.
    """

    days: Days
    known: Micros
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def frozen(values: _Array) -> _Array:
    """Return a view of the array that cannot be written."""
    view = values.view()
    view.flags.writeable = False
    return view
