"""Rows that are sound by themselves, in blocks of arrays."""

from __future__ import annotations

import ctypes
import mmap
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.market.table import Floats

_OWN_PAGES = 1 << 16  # bytes; a process has room for some ten thousands of such pieces
AT_CLOSE = 0
"""In place of the moment at which a bar became known: at its session's close."""


@dataclass(frozen=True, slots=True)
class Told:
    """What rows say about corporate actions; NaN where nothing, all arrays of equal length."""

    symbol: NDArray[np.int32]
    day: NDArray[np.int32]
    split: Floats
    dividend: Floats


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one file; all arrays have as many rows.

    `source` and `symbol` are indices into the screen's lists, `identity` too (-1: none), `day`
    counts from 1970; `values` has five columns: open, high, low, close, volume. `known` has
    microseconds since 1970 in UTC, or `AT_CLOSE`; `adjusted` the source's adjusted close where the
    prices themselves were left as they are. `told` comes from all rows with a day and a symbol;
    `symbols` are those that occur.
    """

    source: int
    line: NDArray[np.int32]
    symbol: NDArray[np.int32]
    day: NDArray[np.int32]
    zone: NDArray[np.int8]
    values: list[Floats]
    identity: NDArray[np.int32] | None = None
    known: NDArray[np.int64] | None = None
    adjusted: Floats | None = None
    scaled: bool = False
    tells_splits: bool = False
    tells_dividends: bool = False
    told: Told | None = None
    symbols: tuple[int, ...] = ()

    def take(self, rows: NDArray[Any]) -> Block:
        """Return these rows, by index or mask; what is told of the whole stays."""
        arrays = ("line", "symbol", "day", "zone", "identity", "known", "adjusted")
        given: dict[str, Any] = {name: getattr(self, name) for name in arrays}
        taken = {name: a[rows] for name, a in given.items() if a is not None}
        return replace(self, values=[pooled(column[rows]) for column in self.values], **taken)

    def values_alone(self) -> Block:
        """Return the block without what tells its rows apart."""
        none = np.empty(0, np.int32)
        return replace(
            self, line=none, symbol=none, day=none, zone=none[:0], identity=None, known=None
        )


def pooled(column: Floats) -> Floats:
    """Return a copy in memory that goes back to the machine once it is free.

    What is freed of the ordinary heap in pieces of this size mostly stays with the process.
    """
    if column.nbytes < _OWN_PAGES:
        return column.copy()
    values = np.frombuffer(mmap.mmap(-1, column.nbytes), dtype=np.float64)
    values[:] = column
    return values


def give_back() -> None:
    """Return what is free of this process's memory to the machine, as far as its C library can."""
    # pyarrow is slow to import; only an import of data needs it.
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Faults:
    """The first fault found of each row of a block."""

    def __init__(self, rows: int) -> None:
        self._code = np.zeros(rows, dtype=np.int16)
        self._sentences = [""]

    def mark(self, rows: NDArray[np.bool_], sentence: str) -> None:
        """Note the fault of those of these rows that have none yet."""
        fresh = rows & (self._code == 0)
        if fresh.any():
            self._sentences.append(sentence)
            self._code[fresh] = len(self._sentences) - 1

    def none(self) -> NDArray[np.bool_]:
        """Return which rows have no fault."""
        return self._code == 0

    def of(self, row: int) -> str:
        """Return the fault of a row."""
        return self._sentences[self._code[row]]

    def counts(self, rows: NDArray[np.intp]) -> dict[str, int]:
        """Count these rows by fault."""
        counted = np.bincount(self._code[rows], minlength=len(self._sentences)).tolist()
        return {why: n for why, n in zip(self._sentences, counted, strict=True) if n}
