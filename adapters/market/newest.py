"""Prices as they are known at last: those on hand, their later vintages, what was fetched."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa
from numpy.typing import NDArray

from adapters.market.arrays import Days, PriceArrays
from adapters.market.facts import Facts, codes
from adapters.market.fetched import FetchedBars
from adapters.market.segments import FIELDS

_Cells = tuple[Days, NDArray[np.intp], NDArray[np.float64]]
"""Sessions, columns and values (rows, 5) of some bars."""


def newest(
    on_hand: tuple[PriceArrays, Facts],
    bars: FetchedBars,
    names: Collection[str],
    *,
    since: np.datetime64,
) -> PriceArrays:
    """Return the newest vintage of every bar of these instruments, those fetched included.

    From the session `since` on, which is a datetime64[D].
    """
    arrays, facts = on_hand
    symbols = tuple(sorted(names))
    place = {name: column for column, name in enumerate(symbols)}
    index_of = {name: column for column, name in enumerate(arrays.symbols)}
    held = [name for name in symbols if name in index_of]
    days = arrays.sessions.astype("datetime64[D]")
    first = int(days.searchsorted(since))
    later = [_late(facts["bars"], place, since), _fetched(bars, place, since)]  # in this order
    sessions = np.unique(np.concatenate([days[first:], *(cells[0] for cells in later)]))
    grids = [np.full((len(sessions), len(symbols)), np.nan, order="F") for _ in FIELDS]
    known = np.ix_(
        sessions.searchsorted(days[first:]), np.array([place[name] for name in held], np.intp)
    )
    columns = np.array([index_of[name] for name in held], np.intp)
    for index, (name, grid) in enumerate(zip(FIELDS, grids, strict=True)):
        grid[known] = getattr(arrays, name)[first:, columns]
        for day, column, values in later:
            grid[sessions.searchsorted(day), column] = values[:, index]
    return PriceArrays(symbols, sessions, *grids)


def _late(table: pa.Table, place: dict[str, int], since: np.datetime64) -> _Cells:
    table = table.sort_by("known_time")  # the newest is written last
    code, words = codes(table, "instrument")
    column = np.array([place.get(word, -1) for word in words] or [-1], np.intp)[code]
    day = table.column("session").to_numpy().astype("datetime64[D]")
    values = np.column_stack([table.column(name).to_numpy() for name in FIELDS])
    wanted = (column >= 0) & (day >= since)
    return day[wanted], column[wanted], values[wanted]


def _fetched(bars: FetchedBars, place: dict[str, int], since: np.datetime64) -> _Cells:
    column = np.full(len(bars.names) + 1, -1, np.intp)
    for name, number in bars.names.items():
        column[number] = place.get(name, -1)
    wanted = (column[bars.instrument] >= 0) & (bars.day >= since)
    return bars.day[wanted], column[bars.instrument[wanted]], bars.values[wanted]
