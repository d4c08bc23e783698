"""Rows held against each other: zones, order, duplicates; then the arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.market.days import Zone
from adapters.market.quarantine import Quarantine
from adapters.market.screen import Block, Mask, RowScreen
from adapters.market.table import PriceArrays

_STRANGER = "date is written in another time zone than most of its file"
_DUPLICATE = "row duplicates an earlier one of the same symbol and session"
_CONTRADICTION = "row contradicts an earlier one of the same symbol and session"


def compare(screen: RowScreen) -> PriceArrays:
    """Return the prices of all sound rows, sorted; `InvalidRequest` when there is none.

    Of rows for the same symbol and session the first read is kept; a later one with other prices
    contradicts it, any other duplicates it.
    """
    if not any(len(block.line) for block in screen.blocks):
        raise screen.quarantine.nothing_usable(screen.last_source, screen.read)
    rows = _joined(screen.blocks)
    rows = _drop(rows, _zone_strangers(rows), _STRANGER, screen)
    key = rows.symbol.astype(np.int64) << 32 | rows.day.astype(np.int64)
    _, index, inverse = np.unique(key, return_index=True, return_inverse=True)
    first = index[inverse]
    again = first != np.arange(len(key))
    other = again & (rows.values[:, :4] != rows.values[first, :4]).any(axis=1)
    _drop(rows, other, _CONTRADICTION, screen)
    _drop(rows, again & ~other, _DUPLICATE, screen)
    rows = rows.take(~again)
    _note_order(rows, screen.quarantine)
    return _arrays(rows, screen)


def _joined(blocks: list[Block]) -> Block:
    return Block(
        np.concatenate([block.source for block in blocks]),
        np.concatenate([block.line for block in blocks]),
        np.concatenate([block.symbol for block in blocks]),
        np.concatenate([block.day for block in blocks]),
        np.concatenate([block.zone for block in blocks]),
        np.concatenate([block.values for block in blocks]),
    )


def _zone_strangers(rows: Block) -> Mask:
    settled = rows.zone != Zone.EITHER
    code = rows.source.astype(np.int64) * len(Zone) + rows.zone
    counts = np.bincount(code[settled], minlength=(int(rows.source.max()) + 1) * len(Zone))
    usual = counts.reshape(-1, len(Zone)).argmax(axis=1)
    # A moment that fits both zones fits any file of zoned dates, but no file without zones.
    only_either = counts.reshape(-1, len(Zone)).sum(axis=1) == 0
    unlike = np.where(settled, rows.zone != usual[rows.source], usual[rows.source] == Zone.NONE)
    return unlike & ~only_either[rows.source]


def _drop(rows: Block, unwanted: Mask, reason: str, screen: RowScreen) -> Block:
    if not unwanted.any():
        return rows
    names = list(screen.symbols)
    refused, shown = np.flatnonzero(unwanted), screen.quarantine.room
    for row in refused[:shown].tolist():
        cells = (names[rows.symbol[row]], str(rows.day[row]))
        screen.quarantine.add(screen.sources[rows.source[row]], int(rows.line[row]), cells, reason)
    screen.quarantine.reasons[reason] += len(refused[shown:])
    return rows.take(~unwanted)


def _note_order(rows: Block, quarantine: Quarantine) -> None:
    order = np.argsort(rows.symbol, kind="stable")
    same = np.diff(rows.symbol[order]) == 0
    backward = np.diff(rows.day[order].astype(np.int64)) < 0
    if (same & backward).any():
        quarantine.notes.append("rows were not in order of date and have been sorted")


def _arrays(rows: Block, screen: RowScreen) -> PriceArrays:
    used: NDArray[Any] = np.unique(rows.symbol)
    names = [list(screen.symbols)[index] for index in used]
    order = np.argsort(names)
    column_of = np.empty(int(used.max()) + 1, dtype=np.int64)
    column_of[used[order]] = np.arange(len(used))
    sessions = np.unique(rows.day)
    at = (sessions.searchsorted(rows.day), column_of[rows.symbol])
    fields: list[Any] = []
    for index in range(5):
        grid = np.full((len(sessions), len(used)), np.nan, order="F")
        grid[at] = rows.values[:, index]
        fields.append(grid)
    return PriceArrays(tuple(sorted(names)), sessions, *fields)
