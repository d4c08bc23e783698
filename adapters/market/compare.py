"""Rows held against each other: zones, order, duplicates, companies; then the arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.market.arrays import PriceArrays
from adapters.market.blocks import AT_CLOSE, Block, give_back
from adapters.market.days import Zone
from adapters.market.instruments import Instruments, Keys, Stated, session_numbers, tell_apart
from adapters.market.screen import RowScreen
from schemas.errors import InvalidRequest

_STRANGER = "date is written in another time zone than most of its file"
_DUPLICATE = "row duplicates an earlier one of the same symbol and session"
_CONTRADICTION = "row contradicts an earlier one of the same symbol and session"
_TWO_TICKERS = "row is of an instrument that has a bar of that session under another symbol"
_NO_VALUES = np.empty(0)
_MOST_CELLS = 1 << 29


@dataclass(frozen=True, slots=True)
class Later:
    """Bars that became known after their session's close; as many of each.

    `instrument` are columns of the arrays, `day` counts from 1970, `known` is in microseconds
    since 1970 in UTC, `values` has shape (rows, 5); `source` and `line` are where it was read.
    """

    instrument: NDArray[np.int32]
    day: NDArray[np.int32]
    known: NDArray[np.int64]
    values: NDArray[np.float64]
    source: NDArray[np.int32]
    line: NDArray[np.int32]

    def take(self, rows: NDArray[Any]) -> Later:
        """Return these rows, by index or mask."""
        names = ("instrument", "day", "known", "values", "source", "line")
        return Later(**{name: getattr(self, name)[rows] for name in names})


@dataclass(frozen=True, slots=True)
class Compared:
    """Sound rows as arrays, and where each bar of them was read.

    `adjusted` has the source's adjusted closes in the arrays' shape, where it has any and the
    prices were left as traded.
    """

    arrays: PriceArrays
    instruments: Instruments
    later: Later
    source: NDArray[np.int32]
    line: NDArray[np.int32]
    row: NDArray[np.int32]
    column: NDArray[np.int32]
    adjusted: NDArray[np.float64] | None

    def refuse(
        self, bad: NDArray[np.bool_], reason: Callable[[int, int], str], screen: RowScreen
    ) -> None:
        """Take bars out of the arrays, into quarantine; `bad` has their shape."""
        days = self.arrays.sessions
        for at in np.flatnonzero(bad[self.row, self.column]).tolist():
            row, column = int(self.row[at]), int(self.column[at])
            symbol = self.instruments.symbol_of(
                self.arrays.symbols[column], int(days[row].astype(np.int64))
            )
            screen.quarantine.add(
                screen.sources[self.source[at]],
                int(self.line[at]),
                (symbol, str(days[row])),
                reason(row, column),
            )
        for name in ("open", "high", "low", "close", "volume"):
            getattr(self.arrays, name)[bad] = np.nan


@dataclass(slots=True)
class _Rows:
    """What tells rows apart; `at` counts through the blocks, in the order they were read."""

    at: NDArray[np.int32]
    source: NDArray[np.int32]
    line: NDArray[np.int32]
    symbol: NDArray[np.int32]
    day: NDArray[np.int32]
    zone: NDArray[np.int8]
    identity: NDArray[np.int32] | None
    known: NDArray[np.int64] | None

    def sort(self, order: NDArray[Any]) -> None:
        """Put the rows into that order; one array after the other, to spare memory."""
        for name in ("at", "source", "line", "symbol", "day", "zone", "identity", "known"):
            values = getattr(self, name)
            if values is not None:
                setattr(self, name, values[order])

    def take(self, rows: NDArray[Any]) -> _Rows:
        return _Rows(
            at=self.at[rows],
            source=self.source[rows],
            line=self.line[rows],
            symbol=self.symbol[rows],
            day=self.day[rows],
            zone=self.zone[rows],
            identity=None if self.identity is None else self.identity[rows],
            known=None if self.known is None else self.known[rows],
        )


def compare(screen: RowScreen, stated: Stated | None = None) -> Compared:
    """Return the prices of all sound rows; `InvalidRequest` when there is none.

    Of rows for the same symbol and session, known at the same time, the first read is kept; a
    later one with other prices contradicts it, any other duplicates it. The screen's blocks are
    used up.
    """
    blocks = screen.blocks
    if not any(len(block.line) for block in blocks):
        raise screen.quarantine.nothing_usable(screen.last_source, screen.read)
    rows = _keys(blocks)
    rows = _drop(rows, _zone_strangers(rows), _STRANGER, screen)
    rows = _once(rows, blocks, screen)
    names = list(screen.symbols)

    def move(later: NDArray[np.intp]) -> NDArray[np.float64]:
        return _values(blocks, rows.at[later])[:, 0] / _values(blocks, rows.at[later - 1])[:, 3] - 1

    keys = Keys(
        rows.symbol, rows.day, session_numbers(rows.day, screen.calendar), rows.identity, move
    )
    instruments, code, notes = tell_apart(keys, names, list(screen.identities), stated or Stated())
    del keys  # as large as the rows' own symbols and days
    screen.quarantine.notes += notes
    twice = _second_bars(code, rows)
    rows, code = _drop(rows, twice, _TWO_TICKERS, screen), code[~twice]
    return _placed(rows, code, instruments, blocks)


def _keys(blocks: list[Block]) -> _Rows:
    def joined(name: str, missing: int, kind: Any) -> Any:
        if all(getattr(block, name) is None for block in blocks):
            return None
        parts = [getattr(block, name) for block in blocks]
        return np.concatenate(
            [
                np.full(len(block.line), missing, dtype=kind) if part is None else part
                for block, part in zip(blocks, parts, strict=True)
            ]
        )

    sizes = [len(block.line) for block in blocks]
    rows = _Rows(
        at=np.arange(sum(sizes), dtype=np.int32),
        source=np.repeat(np.array([block.source for block in blocks], dtype=np.int32), sizes),
        line=np.concatenate([block.line for block in blocks]),
        symbol=np.concatenate([block.symbol for block in blocks]),
        day=np.concatenate([block.day for block in blocks]),
        zone=np.concatenate([block.zone for block in blocks]),
        identity=joined("identity", -1, np.int32),
        known=joined("known", AT_CLOSE, np.int64),
    )
    blocks[:] = [block.values_alone() for block in blocks]
    return rows


def _zone_strangers(rows: _Rows) -> NDArray[np.bool_]:
    if not rows.zone.any():
        return np.zeros(len(rows.zone), dtype=np.bool_)
    settled = rows.zone != Zone.EITHER
    code = rows.source * len(Zone) + rows.zone
    counts = np.bincount(code[settled], minlength=(int(rows.source.max()) + 1) * len(Zone))
    usual = counts.reshape(-1, len(Zone)).argmax(axis=1)
    # A moment that fits both zones fits any file of zoned dates, but no file without zones.
    only_either = counts.reshape(-1, len(Zone)).sum(axis=1) == 0
    unlike = np.where(settled, rows.zone != usual[rows.source], usual[rows.source] == Zone.NONE)
    return unlike & ~only_either[rows.source]


def _once(rows: _Rows, blocks: list[Block], screen: RowScreen) -> _Rows:
    """Return the rows sorted by symbol, day and the time they became known, each once."""
    if not _increasing(rows):
        order = _order(rows)
        backward = np.flatnonzero(np.diff(rows.at[order]) < 0) + 1
        within = rows.symbol[order[backward]] == rows.symbol[order[backward - 1]]
        rows.sort(order)
        del order
        again = _same(rows, rows.symbol)
        if again.any():
            _refuse_repeated(rows, again, blocks, screen)
        if within.any() and _disordered(rows, ~again):
            note = "rows were not in order of date and have been sorted"
            screen.quarantine.notes.append(note)
        if again.any():
            rows = rows.take(~again)
    return rows


def _increasing(rows: _Rows) -> bool:
    symbols, days = np.diff(rows.symbol), np.diff(rows.day)
    return bool(((symbols > 0) | ((symbols == 0) & (days > 0))).all())


def _order(rows: _Rows) -> NDArray[np.int32]:
    keys = (rows.day, rows.symbol) if rows.known is None else (rows.known, rows.day, rows.symbol)
    return np.lexsort(keys).astype(np.int32)


def _same(rows: _Rows, who: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Tell which rows are of the same, session and time as the row before; rows are sorted."""
    same = (who[1:] == who[:-1]) & (rows.day[1:] == rows.day[:-1])
    if rows.known is not None:
        same &= rows.known[1:] == rows.known[:-1]
    return np.r_[False, same]


def _refuse_repeated(
    rows: _Rows, again: NDArray[np.bool_], blocks: list[Block], screen: RowScreen
) -> None:
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(again))))
    repeated = np.flatnonzero(again)
    one = _values(blocks, rows.at[repeated])[:, :4]
    other = (one != _values(blocks, rows.at[first[repeated]])[:, :4]).any(axis=1)
    _quarantine(rows, repeated[other], _CONTRADICTION, screen)
    _quarantine(rows, repeated[~other], _DUPLICATE, screen)


def _disordered(rows: _Rows, kept: NDArray[np.bool_]) -> bool:
    at, symbol = rows.at[kept], rows.symbol[kept]
    return bool(((np.diff(at) < 0) & (symbol[1:] == symbol[:-1])).any())


def _second_bars(code: NDArray[np.int32], rows: _Rows) -> NDArray[np.bool_]:
    runs = code[np.flatnonzero(np.diff(code, prepend=-1))]
    if len(np.unique(runs)) == len(runs):  # nobody bore two tickers
        return np.zeros(len(code), dtype=np.bool_)
    order = np.lexsort((rows.day, code) if rows.known is None else (rows.known, rows.day, code))
    twice = np.zeros(len(code), dtype=np.bool_)
    twice[order] = _same(rows.take(order), code[order])
    return twice


def _drop(rows: _Rows, unwanted: NDArray[np.bool_], reason: str, screen: RowScreen) -> _Rows:
    if not unwanted.any():
        return rows
    _quarantine(rows, np.flatnonzero(unwanted), reason, screen)
    return rows.take(~unwanted)


def _quarantine(rows: _Rows, refused: NDArray[np.intp], reason: str, screen: RowScreen) -> None:
    names, shown = list(screen.symbols), screen.quarantine.room
    for row in refused[:shown].tolist():
        cells = (names[rows.symbol[row]], str(rows.day[row : row + 1].astype("datetime64[D]")[0]))
        screen.quarantine.add(screen.sources[rows.source[row]], int(rows.line[row]), cells, reason)
    if len(refused) > shown:
        screen.quarantine.reasons[reason] += len(refused) - shown


def _values(blocks: list[Block], at: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the values of some rows, by their place in the order they were read."""
    starts = np.cumsum([0, *(len(block.values[0]) for block in blocks)])
    which = starts.searchsorted(at, side="right") - 1
    found = [
        [column[i - starts[b]] for column in blocks[b].values]
        for b, i in zip(which.tolist(), at.tolist(), strict=True)
    ]
    return np.array(found, np.float64).reshape(len(at), 5)


def _placed(
    rows: _Rows, code: NDArray[np.int32], instruments: Instruments, blocks: list[Block]
) -> Compared:
    number = np.zeros(int(rows.day.max()) - int(rows.day.min()) + 1, dtype=np.int32)
    number[rows.day - rows.day.min()] = 1
    sessions = np.flatnonzero(number) + int(rows.day.min())
    number[sessions - sessions[0]] = np.arange(len(sessions), dtype=np.int32)
    if len(sessions) * len(instruments.ids) > _MOST_CELLS:
        raise InvalidRequest(
            f"{len(sessions)} sessions of {len(instruments.ids)} symbols are too many for one data "
            "set: import fewer"
        )
    row = number[rows.day - sessions[0]]
    timely = np.ones(len(code), dtype=np.bool_) if rows.known is None else rows.known == AT_CLOSE
    late = np.flatnonzero(~timely)
    known = np.empty(0, dtype=np.int64) if rows.known is None else rows.known[late]
    later = Later(
        code[late],
        rows.day[late],
        known,
        _values(blocks, rows.at[late]),
        rows.source[late],
        rows.line[late],
    )
    if len(late):
        rows, row, code = rows.take(timely), row[timely], code[timely]
    rows.symbol, rows.day, rows.zone = rows.symbol[:0], rows.day[:0], rows.zone[:0]
    rows.identity = rows.known = None  # the grids need the room
    grids = _grids((row, code, rows.at), (len(sessions), len(instruments.ids)), blocks)
    arrays = PriceArrays(instruments.ids, sessions.astype("datetime64[D]"), *grids[:5])
    adjusted = grids[5] if len(grids) > 5 else None
    return Compared(arrays, instruments, later, rows.source, rows.line, row, code, adjusted)


def _grids(
    cells: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
    shape: tuple[int, int],
    blocks: list[Block],
) -> list[NDArray[np.float64]]:
    """Put values into their cells, giving up each block's own when they are there.

    Open, high, low, close, volume, and the adjusted closes where some block has them.
    """
    row, column, at = cells
    fields = 6 if any(block.adjusted is not None for block in blocks) else 5
    edges = np.cumsum([0, *(len(block.values[0]) for block in blocks)])
    place = np.argsort(at).astype(np.int32) if (np.diff(at) < 0).any() else None
    ordered = at if place is None else at[place]
    bounds = ordered.searchsorted(edges).tolist()
    grids: list[NDArray[np.float64]] = []
    for index in range(fields):
        grid = np.full(shape, np.nan, order="F")
        for number, block in enumerate(blocks):
            values = block.values[index] if index < 5 else block.adjusted
            some = slice(bounds[number], bounds[number + 1])
            picked = some if place is None else place[some]
            if values is not None:
                grid[row[picked], column[picked]] = values[ordered[some] - edges[number]]
            if index < 5:
                block.values[index] = _NO_VALUES
        grids.append(grid)
        give_back()
    return grids
