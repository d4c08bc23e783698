"""Daily prices in memory: loaded once, never written, seen only as known at a moment."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from interfaces.calendar import TradingCalendar
from interfaces.market import STALE_AFTER, Bars, Closes
from schemas.base import canonical_json
from schemas.errors import InvalidRequest, LookAhead, NotFound
from schemas.market import DatasetInfo

Floats: TypeAlias = NDArray[np.float64]
Days: TypeAlias = NDArray[np.datetime64]
_Array = TypeVar("_Array", bound=NDArray[np.generic])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PriceArrays:
    """Prices of N symbols on T sessions; NaN in `close` means that there is no bar.

    `sessions` is sorted and unique, shape (T,); the others have shape (T, N), columns in the order
    of `symbols` (sorted). A close-only source passes its closes as open, high and low as well.
    """

    symbols: tuple[str, ...]
    sessions: Days
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def by_column(self) -> PriceArrays:
        """Return the same arrays with each symbol's column contiguous in memory."""
        fields = ("open", "high", "low", "close", "volume")
        return replace(self, **{name: np.asfortranarray(getattr(self, name)) for name in fields})

    def digest(self) -> str:
        """Return the SHA-256 over every symbol, session and value."""
        digest = hashlib.sha256(canonical_json(self.symbols))
        digest.update(self.sessions.astype("datetime64[D]").astype("<i8").tobytes())
        for values in (self.open, self.high, self.low, self.close, self.volume):
            plain = np.where(np.isnan(values), np.nan, values)  # one bit pattern for "no bar"
            digest.update(plain.astype("<f8", copy=False).tobytes("C"))
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Series:
    """One symbol's bars, and the row of the table at which each became known."""

    bars: Bars
    rows: NDArray[np.int64]

    def known(self, rows: int) -> int:
        return int(self.rows.searchsorted(rows))


class PriceTable:
    """Implement `MarketData` over arrays; the bar of a session is known at that session's close.

    Every session of the arrays must be one of the calendar's.
    """

    def __init__(self, info: DatasetInfo, arrays: PriceArrays, calendar: TradingCalendar) -> None:
        self._info = info
        self._calendar = calendar
        self._days = _frozen(arrays.sessions.astype("datetime64[D]"))
        self._dates: list[date] = self._days.tolist()
        self._known_at = np.array(
            [_micros(calendar.closes_at(day)) for day in self._dates], dtype=np.int64
        )
        self._column = {symbol: index for index, symbol in enumerate(arrays.symbols)}
        arrays = arrays.by_column()
        self._close = _frozen(arrays.close)
        self._series = {
            symbol: _series(symbol, arrays, index, close_only=info.close_only)
            for symbol, index in self._column.items()
        }
        self._tradable = [self._column[symbol] for symbol in info.symbols]

    def info(self) -> DatasetInfo:
        """Describe the data set."""
        return self._info

    def view(self, as_of: datetime) -> TableView:
        """Return the market as known strictly before `as_of`; `InvalidRequest` without a zone."""
        if as_of.tzinfo is None:
            raise InvalidRequest("a moment must have a time zone")
        return TableView(self, as_of, int(self._known_at.searchsorted(_micros(as_of))))

    def covers(self, start: date, end: date) -> bool:
        """Tell whether prices exist for the whole range; false when it holds no session."""
        try:
            days = self._calendar.sessions(start, end)
        except InvalidRequest:
            return False
        return bool(days and self._dates) and (
            self._dates[0] <= days[0] and days[-1] <= self._dates[-1]
        )

    def coverage(self) -> tuple[tuple[str, date, date, int], ...]:
        """Return (symbol, first session, last session, bars) for every symbol with a bar."""
        return tuple(
            (symbol, self._dates[series.rows[0]], self._dates[series.rows[-1]], len(series.rows))
            for symbol, series in self._series.items()
            if len(series.rows)
        )

    # The view below reads these; they never leave the module.

    def series_of(self, symbol: str) -> _Series:
        """Return one symbol's whole series; `NotFound`."""
        try:
            return self._series[symbol]
        except KeyError:
            raise NotFound(f"the data set {self._info.name!r} has no symbol {symbol!r}") from None

    def traded(self, rows: int) -> tuple[str, ...]:
        """Return the tradable symbols with a bar in the newest of the first `rows` rows."""
        newest = self._close[max(0, rows - 1 - STALE_AFTER) : rows, self._tradable]
        alive = np.flatnonzero(~np.isnan(newest).all(axis=0))
        return tuple(self._info.symbols[index] for index in alive.tolist())

    def common(self, symbols: Sequence[str], rows: int, lookback: int) -> Closes:
        """Return the last closes that all symbols share within the first `rows` rows."""
        for symbol in symbols:
            self.series_of(symbol)
        columns = [self._column[symbol] for symbol in symbols]
        values = self._close[max(0, rows - lookback) : rows, columns]
        days = self._days[max(0, rows - lookback) : rows]
        if np.isnan(values).any():
            shared = np.flatnonzero(~np.isnan(self._close[:rows, columns]).any(axis=1))[-lookback:]
            values, days = self._close[shared][:, columns], self._days[shared]
        return Closes(tuple(symbols), days, values)

    def first_unseen(self, as_of: datetime) -> date:
        """Return the exchange's first session that has not closed before `as_of`."""
        day = self._calendar.on_or_after(as_of.astimezone(UTC).date() - timedelta(days=1))
        while self._calendar.closes_at(day) < as_of:
            day = self._calendar.on_or_after(day + timedelta(days=1))
        return day


class TableView:
    """Implement `MarketView`: the first `rows` rows of a table, and no others."""

    __slots__ = ("_rows", "_table", "as_of")

    def __init__(self, table: PriceTable, as_of: datetime, rows: int) -> None:
        self.as_of = as_of
        self._table = table
        self._rows = rows

    def symbols(self) -> tuple[str, ...]:
        """Return the tradable symbols that are traded by now, sorted.

        A symbol is, from its first bar on, until its newest bar is more than `STALE_AFTER`
        sessions old, counted in the data set's own sessions: of weekly bars, in weeks. A symbol
        with bars that are further apart than that comes and goes.
        """
        return self._table.traded(self._rows)

    def bars(
        self,
        symbol: str,
        *,
        lookback: int | None = None,
        start: date | None = None,
        end: date | None = None,
    ) -> Bars:
        """Return the bars of `start..end`, of these the last `lookback`; all when none is given."""
        series = self._table.series_of(symbol)
        self._refuse_the_future(start, end)
        first, last = 0, series.known(self._rows)
        days = series.bars.sessions[:last]
        if end is not None:
            last = int(days.searchsorted(np.datetime64(end, "D"), side="right"))
        if start is not None:
            first = int(days.searchsorted(np.datetime64(start, "D")))
        if lookback is not None:
            first = max(first, last - _positive(lookback))
        return _slice(series.bars, first, max(first, last))

    def closes(self, symbols: Sequence[str], lookback: int) -> Closes:
        """Return the last `lookback` sessions on which every one of the symbols has a close."""
        return self._table.common(symbols, self._rows, _positive(lookback))

    def last_close(self, symbol: str) -> tuple[date, float] | None:
        """Return the newest session and its close, or None before the first bar."""
        series = self._table.series_of(symbol)
        known = series.known(self._rows)
        if known == 0:
            return None
        return series.bars.sessions[known - 1].item(), float(series.bars.close[known - 1])

    def _refuse_the_future(self, start: date | None, end: date | None) -> None:
        if start is None and end is None:
            return
        if start is not None and end is not None and end < start:
            raise InvalidRequest("the end lies before the start")
        if max(filter(None, (start, end))) >= self._table.first_unseen(self.as_of):
            raise LookAhead(
                f"it is {self.as_of.date().isoformat()}: nothing later than the last "
                "completed session can be seen"
            )


def _series(symbol: str, arrays: PriceArrays, column: int, *, close_only: bool) -> _Series:
    rows = np.flatnonzero(~np.isnan(arrays.close[:, column]))
    # Without gaps a slice is a view; only symbols with gaps are copied, once.
    gapless = len(rows) and rows[-1] - rows[0] + 1 == len(rows)
    kept = slice(int(rows[0]), int(rows[-1]) + 1) if gapless else rows

    def pick(values: Floats) -> Floats:
        return _frozen(values[kept, column])

    close = pick(arrays.close)
    bars = Bars(
        symbol=symbol,
        interval="1d",
        close_only=close_only,
        sessions=_frozen(arrays.sessions.astype("datetime64[D]")[kept]),
        open=close if close_only else pick(arrays.open),
        high=close if close_only else pick(arrays.high),
        low=close if close_only else pick(arrays.low),
        close=close,
        volume=pick(arrays.volume),
    )
    return _Series(bars, rows)


def _slice(bars: Bars, first: int, last: int) -> Bars:
    return Bars(
        symbol=bars.symbol,
        interval=bars.interval,
        close_only=bars.close_only,
        sessions=bars.sessions[first:last],
        open=bars.open[first:last],
        high=bars.high[first:last],
        low=bars.low[first:last],
        close=bars.close[first:last],
        volume=bars.volume[first:last],
    )


def _positive(lookback: int) -> int:
    if lookback < 1:
        raise InvalidRequest("a lookback must be at least 1")
    return lookback


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _frozen(values: _Array) -> _Array:
    view = values.view()
    view.flags.writeable = False
    return view
