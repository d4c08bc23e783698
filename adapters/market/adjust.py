"""Corporate actions as known at a moment, and what they do to the prices before them.

A version of an action counts from the moment it became known until a newer one did. It takes
effect at the open of its ex-date (or next session) when it was known before that, else once known.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa

from adapters.market.arrays import Columns, Floats, frozen
from adapters.market.facts import (
    NEVER,
    codes,
    days_of,
    flags,
    floats,
    grouped,
    instants,
    superseded,
)
from adapters.market.moments import Opens
from schemas.facts import CorporateAction

ORDER = ("split", "stock_dividend", "cash_dividend", "delisting", "cash_merger", "ticker_change")
"""In which order the actions of one moment are applied."""

_SPLITS = (ORDER.index("split"), ORDER.index("stock_dividend"))
_REPRICING = (*_SPLITS, ORDER.index("cash_dividend"))


@dataclass(frozen=True, slots=True)
class Repricing:
    """What prices before a day must be divided by, and what was paid out on it.

    `day` is in days since 1970, `divisor` new units for one old, `cash` for each new unit.
    """

    day: int
    divisor: float
    cash: float


@dataclass(frozen=True, slots=True)
class Effect:
    """A version of a split or dividend, in effect from one moment until another, both included."""

    begins: int
    until: int
    change: Repricing


class PriceActions:
    """The splits and dividends of one instrument, by moment.

    Between two moments the same ones are in effect: `epoch` numbers these times.
    """

    def __init__(self, effects: Sequence[Effect]) -> None:
        ended = {effect.until + 1 for effect in effects if effect.until < NEVER}
        self._effects = effects
        self._moments = sorted({effect.begins for effect in effects} | ended)

    def epoch(self, as_of: int) -> int:
        """Return how many times the actions in effect have changed by now."""
        return bisect_right(self._moments, as_of)

    def effective(self, epoch: int) -> tuple[Repricing, ...]:
        """Return the actions in effect, those of one day as one, by day."""
        if not epoch:
            return ()
        moment = self._moments[epoch - 1]
        by_day: dict[int, Repricing] = {}
        for effect in self._effects:
            if effect.begins <= moment <= effect.until:
                change = effect.change
                before = by_day.get(change.day, Repricing(change.day, 1.0, 0.0))
                by_day[change.day] = Repricing(
                    change.day, before.divisor * change.divisor, before.cash + change.cash
                )
        return tuple(by_day[day] for day in sorted(by_day))


class ActionBook:
    """All actions of a data set: a table of the schema `ACTIONS`, read at first use."""

    def __init__(self, table: pa.Table, opens: Opens) -> None:
        self._table = table
        self._opens = opens
        self._messages: dict[int, CorporateAction] = {}

    def __len__(self) -> int:
        return len(self._table)

    @cached_property
    def versions(self) -> Versions:
        """Return the columns of all versions."""
        table = self._table
        instrument, instruments = codes(table, "instrument")
        kind, kinds = codes(table, "kind")
        identity, _ = codes(table, "action_id")
        known = instants(table, "known_time")
        day = days_of(table, "ex_date")
        opening = np.array([self._opens.at(one) for one in day.tolist()], dtype=np.int64)
        rank = np.array([ORDER.index(one) for one in kinds] or [0], dtype=np.int64)
        return Versions(
            instrument=instrument,
            instruments=tuple(instruments),
            identity=identity,
            kind=rank[kind],
            day=day,
            effective=np.maximum(opening, known + 1),
            known=known,
            until=superseded(known, identity),
            called_off=flags(table, "withdrawn"),
            ratio=floats(table, "new_units") / floats(table, "old_units"),
            cash=floats(table, "cash"),
        )

    @cached_property
    def _rows_of(self) -> dict[str, np.ndarray]:
        found = self.versions
        return {found.instruments[code]: rows for code, rows in grouped(found.instrument).items()}

    def of(self, instrument: str) -> PriceActions | None:
        """Return the splits and dividends of an instrument; None without any."""
        if not len(self) or instrument not in self._rows_of:
            return None
        found = self.versions
        rows = self._rows_of[instrument]
        rows = rows[found.counts[rows] & np.isin(found.kind[rows], _REPRICING)]
        splits = np.isin(found.kind[rows], _SPLITS)
        divisors = np.where(splits, found.ratio[rows], 1.0)
        cash = np.where(splits, 0.0, found.cash[rows])
        columns = (found.effective[rows], found.until[rows], found.day[rows], divisors, cash)
        effects = [
            Effect(begins, until, Repricing(day, divisor, paid))
            for begins, until, day, divisor, paid in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]
        return PriceActions(effects) if effects else None

    def known(self, as_of: int) -> np.ndarray:
        """Return the rows of the actions known before `as_of`, by ex-date; no withdrawn ones."""
        found = self.versions
        rows = np.flatnonzero((found.known < as_of) & (as_of <= found.until) & ~found.called_off)
        return rows[np.lexsort((rows, found.instrument[rows], found.kind[rows], found.day[rows]))]

    @cached_property
    def first_effects(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the moments at which actions first took effect, sorted, and the versions' rows.

        Each action once: a correction that comes later changes no holding again.
        """
        found = self.versions
        rows = np.flatnonzero(found.counts)
        rows = rows[np.lexsort((found.known[rows], found.identity[rows]))]
        _, first = np.unique(found.identity[rows], return_index=True)
        rows = rows[first]
        order = np.lexsort(
            (found.identity[rows], found.instrument[rows], found.kind[rows], found.effective[rows])
        )
        return found.effective[rows][order], rows[order]

    def message(self, row: int) -> CorporateAction:
        """Return one version as a message."""
        message = self._messages.get(row)
        if message is None:
            (values,) = self._table.slice(row, 1).to_pylist()
            message = self._messages[row] = CorporateAction(**values)
        return message


@dataclass(frozen=True)
class Versions:
    """Versions of actions, in columns; moments in microseconds, `day` in days since 1970."""

    instrument: np.ndarray
    instruments: tuple[str, ...]
    identity: np.ndarray
    kind: np.ndarray
    day: np.ndarray
    effective: np.ndarray
    known: np.ndarray
    until: np.ndarray
    called_off: np.ndarray
    ratio: np.ndarray
    cash: np.ndarray

    @cached_property
    def counts(self) -> np.ndarray:
        """Tell which versions ever take effect: not called off, nor corrected before they could."""
        return ~self.called_off & (self.effective <= self.until)


def adjusted(
    columns: Columns, actions: Sequence[Repricing], *, dividends: bool, close_only: bool
) -> Columns:
    """Return the bars in the units after the last of the actions, oldest first.

    Prices before a split are divided by its ratio, volumes multiplied. With `dividends`, prices
    before an ex-date are also multiplied by 1 - D/C, C being the last close before it as traded,
    in the units after a split of the same day (CRSP, Data Descriptions Guide: cumulative factor to
    adjust prices). After a halt C is that close less what was paid since, in the units of the day.
    A payment of C or more leaves prices as they are: no factor makes sense of it.
    """
    days = columns.days.astype(np.int64)
    divisor, factor = np.ones(len(days)), np.ones(len(days))
    last, close = 0, np.nan
    for action in actions:
        before = int(days.searchsorted(action.day))
        if before == 0:
            continue
        if before != last:
            last, close = before, columns.close[before - 1]
        divisor[before - 1] *= action.divisor
        close /= action.divisor
        if dividends and action.cash < close:
            factor[before - 1] *= 1 - action.cash / close
            close -= action.cash
    divisor, factor = _from_the_end(divisor), _from_the_end(factor)

    def repriced(prices: Floats) -> Floats:
        return frozen(prices / divisor * factor)

    close = repriced(columns.close)
    return replace(
        columns,
        open=close if close_only else repriced(columns.open),
        high=close if close_only else repriced(columns.high),
        low=close if close_only else repriced(columns.low),
        close=close,
        volume=frozen(columns.volume * divisor),
    )


def _from_the_end(steps: Floats) -> Floats:
    return np.multiply.accumulate(steps[::-1])[::-1]


def ex_day(day: date) -> int:
    """Return a date as days since 1970."""
    return int(np.datetime64(day, "D").astype(np.int64))
