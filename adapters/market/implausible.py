"""Bars that the series around them shows to be wrong, taken out before anybody sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from adapters.market.actions import Statements
from adapters.market.arrays import PriceArrays
from adapters.market.compare import Compared, Later
from adapters.market.inspection import inspect_prices
from adapters.market.instruments import EPOCH
from adapters.market.screen import RowScreen
from adapters.market.segments import FIELDS
from interfaces.calendar import TradingCalendar

Ratios = Mapping[tuple[str, date], float]
"""Splits that show in the prices: new units for one old, by instrument and session."""

_CELLS = 1 << 16


@dataclass(frozen=True, slots=True)
class Implausible:
    """Which bars of some arrays cannot be true, shape (T, N), and why."""

    bars: NDArray[np.bool_]
    checks: Mapping[tuple[str, date], str]

    def reason(self, instrument: str, session: date) -> str:
        """Say in a sentence why a bar was refused."""
        check = self.checks.get((instrument, session), "quality")
        return f"bar cannot be true beside its neighbours ({check})"


def implausible(
    whole: PriceArrays, calendar: TradingCalendar, splits: Ratios, *, close_only: bool
) -> Implausible:
    """Return the bars that an inspection rejects; the splits are adjusted for while it looks."""
    step = max(1, _CELLS // max(1, len(whole.sessions)))  # so that few are copied at a time
    bad = np.zeros(whole.close.shape, dtype=np.bool_, order="F")
    why: dict[tuple[str, date], str] = {}
    for first in range(0, len(whole.symbols), step):
        some = slice(first, first + step)
        part = _in_last_units(whole, some, splits)
        found = inspect_prices(part, calendar, close_only=close_only, explained=splits)
        if found.arrays is not part:
            bad[:, some] = ~np.isnan(part.close) & np.isnan(found.arrays.close)
        for each in found.findings:
            if each.severity == "reject":
                why[each.symbol, each.session] = each.check
    return Implausible(bad, why)


def quarantine_bars(compared: Compared, screen: RowScreen, said: Statements) -> None:
    """Move the bars that an inspection rejects from the arrays into the quarantine.

    Stated splits are adjusted for while it looks. `InvalidRequest` when no bar is left.
    """
    whole = compared.arrays
    splits = {key: said.splits.ratios[key] for key in said.judged.shown}
    found = implausible(whole, screen.calendar, splits, close_only=screen.close_only)

    def reason(row: int, column: int) -> str:
        return found.reason(whole.symbols[column], whole.sessions[row].item())

    if found.bars.any():
        compared.refuse(found.bars, reason, screen)
        if np.isnan(whole.close).all() and not len(compared.later.known):
            raise screen.quarantine.nothing_usable(screen.last_source, screen.read)


def sound_later(compared: Compared, screen: RowScreen, said: Statements) -> Later:
    """Return the bars that became known later, those that an inspection rejects quarantined.

    Each is held against its neighbours as these were known then at the latest: of the bars of one
    session one after the other takes its place in the series.
    """
    later, whole = compared.later, compared.arrays
    if not len(later.known):
        return later
    splits = {key: said.splits.ratios[key] for key in said.judged.shown}
    columns, column = np.unique(later.instrument, return_inverse=True)
    days = (later.day.astype(np.int64)).astype("datetime64[D]")
    sessions = np.union1d(whole.sessions.astype("datetime64[D]"), days)
    row, from_row = sessions.searchsorted(days), sessions.searchsorted(whole.sessions)
    grids = [np.full((len(sessions), len(columns)), np.nan, order="F") for _ in FIELDS]
    for name, grid in zip(FIELDS, grids, strict=True):
        grid[from_row] = getattr(whole, name)[:, columns]
    symbols = tuple(whole.symbols[one] for one in columns.tolist())
    arrays = PriceArrays(symbols, sessions, *grids)
    bad = np.zeros(len(later.known), dtype=np.bool_)
    for some in _vintages(later):
        before = [grid[row[some], column[some]] for grid in grids]
        for index, grid in enumerate(grids):
            grid[row[some], column[some]] = later.values[some, index]
        found = implausible(arrays, screen.calendar, splits, close_only=screen.close_only)
        bad[some] = found.bars[row[some], column[some]]
        for at in some[bad[some]].tolist():
            who, day = symbols[column[at]], sessions[row[at]].item()
            symbol = compared.instruments.symbol_of(who, (day - EPOCH).days)
            source = screen.sources[later.source[at]]
            reason = found.reason(who, day)
            screen.quarantine.add(source, int(later.line[at]), (symbol, str(day)), reason)
        for grid, values in zip(grids, before, strict=True):
            wrong = some[bad[some]]
            grid[row[wrong], column[wrong]] = values[bad[some]]
    return later.take(~bad)


def _vintages(later: Later) -> list[NDArray[np.intp]]:
    """Return the rows in turns: of each bar the first vintage, then the second, and so on."""
    order = np.lexsort((later.known, later.day, later.instrument))
    who, day = later.instrument[order], later.day[order]
    starts = np.r_[True, (who[1:] != who[:-1]) | (day[1:] != day[:-1])]
    begin = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    turn = np.arange(len(order)) - begin
    return [order[turn == number] for number in range(int(turn.max()) + 1)]


def _in_last_units(whole: PriceArrays, some: slice, splits: Ratios) -> PriceArrays:
    """Return some columns, those with splits as if there had been none."""
    ids = whole.symbols[some]
    fields = {name: getattr(whole, name)[:, some] for name in FIELDS}
    shown = [(who, day) for who, day in splits if who in ids]
    if shown:
        fields = {name: values.copy(order="F") for name, values in fields.items()}
    for who, day in shown:
        before = slice(0, int(whole.sessions.searchsorted(np.datetime64(day, "D"))))
        ratio = splits[who, day]
        for name, values in fields.items():
            values[before, ids.index(who)] *= ratio if name == "volume" else 1 / ratio
    return PriceArrays(ids, whole.sessions, **fields)
