"""The bars of each instrument as they were known at a moment, built at first use."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa

from adapters.market.adjust import PriceActions, Repricing, adjusted
from adapters.market.arrays import Columns, Floats, Micros, PriceArrays, frozen
from adapters.market.facts import NEVER, codes, days_of, floats, grouped, instants
from interfaces.market import Reading, Vintage

_FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Revisions:
    """Bars of one instrument that became known after their sessions' closes, in that order.

    `values` has shape (R, 5): open, high, low, close, volume.
    """

    known: Micros
    days: np.ndarray
    closes: Micros
    values: Floats


class Series:
    """One instrument's bars; what is computed for a state of knowledge is kept until it changes."""

    def __init__(
        self,
        base: Columns,
        revisions: Revisions | None,
        actions: PriceActions | None,
        *,
        close_only: bool,
    ) -> None:
        self.base = base
        self._revisions = revisions
        self._actions = actions
        self._close_only = close_only
        self._published: list[int] = [] if revisions is None else revisions.known.tolist()
        self._revised: dict[Vintage, tuple[int, Columns]] = {}
        self._adjusted: dict[Reading, tuple[tuple[int, int], Columns]] = {}
        self.plain = revisions is None and actions is None

    def columns(self, as_of: int, how: Reading) -> Columns:
        """Return the bars in the units of `as_of`; those known are the ones `known` before it.

        Rows beyond are as first published. The arrays on hand where no revision and no action is
        in effect.
        """
        if self.plain:
            return self.base
        revision = bisect_right(self._published, as_of - 1)
        epoch = self._actions.epoch(as_of) if self._actions and how.adjustment != "raw" else 0
        if not epoch:
            return self._as_published(revision, how.vintage)
        state, columns = self._adjusted.get(how, (None, self.base))
        if state == (revision, epoch):
            return columns
        columns = self._as_published(revision, how.vintage)
        effective = self._effective(epoch, how)
        if effective:
            columns = adjusted(
                columns,
                effective,
                dividends=how.adjustment == "all",
                close_only=self._close_only,
            )
        self._adjusted[how] = ((revision, epoch), columns)
        return columns

    def first_known(self) -> tuple[int, date] | None:
        """Return when the first bar became known, and its session; None without bars."""
        found: list[tuple[int, date]] = []
        if len(self.base.days):
            found.append((int(self.base.known[0]), self.base.days[0].item()))
        if self._revisions is not None:
            found.append((int(self._revisions.known[0]), self._revisions.days[0].item()))
        return min(found, default=None)

    def _effective(self, epoch: int, how: Reading) -> Sequence[Repricing]:
        effective = self._actions.effective(epoch) if self._actions else ()
        if how.adjustment == "all":
            return effective
        return [one for one in effective if one.divisor != 1]

    def _as_published(self, revision: int, vintage: Vintage) -> Columns:
        if not revision or self._revisions is None:
            return self.base
        state, columns = self._revised.get(vintage, (0, self.base))
        if state != revision:
            columns = _revised(self.base, self._revisions, revision, vintage)
            self._revised[vintage] = (revision, columns)
        return columns


class SeriesBook:
    """The series of all instruments of a data set, by id."""

    def __init__(
        self,
        arrays: PriceArrays,
        known: Micros,
        late: pa.Table,
        *,
        actions: Callable[[str], PriceActions | None],
        closes_at: Callable[[date], int],
        close_only: bool,
    ) -> None:
        self._arrays = arrays
        self._known = known
        self._late = late
        self._actions = actions
        self._closes_at = closes_at
        self._close_only = close_only
        self._column = {symbol: index for index, symbol in enumerate(arrays.symbols)}
        self._series: dict[str, Series] = {}

    def __contains__(self, instrument: object) -> bool:
        return instrument in self._column

    def __getitem__(self, instrument: str) -> Series:
        series = self._series.get(instrument)
        if series is None:
            series = self._series[instrument] = Series(
                self._base(self._column[instrument]),
                self._revisions_of(instrument),
                self._actions(instrument),
                close_only=self._close_only,
            )
        return series

    @cached_property
    def revised(self) -> frozenset[str]:
        """Return the instruments that ever have a late or restated bar."""
        return frozenset(codes(self._late, "instrument")[1]) & self._column.keys()

    def _base(self, column: int) -> Columns:
        arrays = self._arrays
        rows = np.flatnonzero(~np.isnan(arrays.close[:, column]))
        # Without gaps a slice is a view; only instruments with gaps are copied, once.
        gapless = len(rows) and rows[-1] - rows[0] + 1 == len(rows)
        kept = slice(int(rows[0]), int(rows[-1]) + 1) if gapless else rows

        def pick(values: Floats) -> Floats:
            return frozen(values[kept, column])

        close = pick(arrays.close)
        return Columns(
            days=frozen(arrays.sessions[kept]),
            known=frozen(self._known[kept]),
            open=close if self._close_only else pick(arrays.open),
            high=close if self._close_only else pick(arrays.high),
            low=close if self._close_only else pick(arrays.low),
            close=close,
            volume=pick(arrays.volume),
        )

    @cached_property
    def _late_rows(self) -> dict[str, np.ndarray]:
        code, words = codes(self._late, "instrument")
        return {words[one]: rows for one, rows in grouped(code).items()}

    def _revisions_of(self, instrument: str) -> Revisions | None:
        if not len(self._late) or instrument not in self._late_rows:
            return None
        rows = self._late.take(pa.array(self._late_rows[instrument]))
        days = days_of(rows, "session").astype("datetime64[D]")
        closes = np.array([self._closes_at(day) for day in days.tolist()], dtype=np.int64)
        stated = instants(rows, "known_time")
        # Nothing is known of a session before its close, whatever a source may say.
        known = np.maximum(np.where(stated == NEVER, closes, stated), closes)
        values = np.column_stack([floats(rows, name) for name in _FIELDS])
        order = np.argsort(known, kind="stable")
        return Revisions(known[order], days[order], closes[order], values[order])


def _revised(base: Columns, late: Revisions, count: int, vintage: Vintage) -> Columns:
    """Return the bars with the first `count` of the later publications among them."""
    rows = np.arange(count)
    if vintage == "first":
        rows = rows[~np.isin(late.days[:count], base.days)][::-1]
    days = np.concatenate([base.days, late.days[rows]])
    # Of a session the last one stays: the newest, or of those in reverse the oldest.
    kept = len(days) - 1 - np.unique(days[::-1], return_index=True)[1]

    def merged(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        return frozen(np.concatenate([ours, theirs[rows]])[kept])

    close = merged(base.close, late.values[:, 3])
    fields = {
        name: merged(getattr(base, name), late.values[:, at]) for at, name in enumerate(_FIELDS)
    }
    if base.open is base.close:
        fields |= dict.fromkeys(("open", "high", "low"), close)
    return replace(
        base,
        days=frozen(days[kept]),
        known=merged(base.known, late.closes),
        **(fields | {"close": close}),
    )
