"""What may become a price: every row that cannot be true is quarantined with its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.calendar import ExchangeCalendar
from adapters.market.blocks import AT_CLOSE, Block, Faults, Told, pooled
from adapters.market.days import Zone, read_day, read_moment
from adapters.market.instruments import EPOCH
from adapters.market.moments import micros
from adapters.market.numbers import read_numbers
from adapters.market.quarantine import Quarantine
from adapters.market.rows import PRICES, BrokenRow, RawRows
from adapters.market.table import Floats
from schemas.errors import InvalidRequest

_HOPELESS = 200_000  # after so many rows of a file with next to none usable: stop reading
_USABLE = 0.01
LEAST, MOST = 1e-6, 1e9  # what exact prices in millionths can hold, with room to spare
_MOST_VOLUME = 1e15
_ROUNDING = 1e-6  # sources round adjusted prices after adjusting each
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.\-^=]{0,15}")
NO_DAY = np.iinfo(np.int32).min


def symbol_of(text: str) -> str | None:
    """Return a ticker in capitals; None when it is none."""
    symbol = text.strip().upper()
    return symbol if _SYMBOL.fullmatch(symbol) else None


@dataclass(slots=True)
class RowScreen:
    """Takes blocks of raw rows, keeps those that are sound, and remembers the others.

    Bars of sessions that had not closed `now` are none, where that is given.
    """

    calendar: ExchangeCalendar
    quarantine: Quarantine
    read: int = 0
    close_only: bool = False
    now: datetime | None = None
    blocks: list[Block] = field(default_factory=list[Block])
    symbols: dict[str, int] = field(default_factory=dict[str, int])
    identities: dict[str, int] = field(default_factory=dict[str, int])
    sources: list[str] = field(default_factory=list[str])
    _days: dict[tuple[str, bool], tuple[int, Zone, str]] = field(
        default_factory=dict[tuple[str, bool], tuple[int, Zone, str]]
    )
    last_source: str = ""
    _mark: tuple[int, int] = (0, 0)

    def start_file(self, source: str) -> None:
        """Remember where the file begins, for `drop_file`."""
        self.last_source = source
        self._mark = (len(self.blocks), self.read)
        self.quarantine.start_file()

    def drop_file(self) -> None:
        """Forget every row of the file that was started last."""
        blocks, self.read = self._mark
        del self.blocks[blocks:]
        self.quarantine.drop_file()

    def add(self, rows: RawRows, *, file_symbol: str) -> None:
        """Screen one block; `file_symbol` serves where the file has no symbol column."""
        rows = _without_blank_lines(rows)
        self.read += len(rows.lines)
        faults = Faults(len(rows.lines))
        days, zones = self._read_days(rows.cells["date"], faults, month_first=rows.month_first)
        symbols = self._read_symbols(rows, file_symbol, faults)
        values, adjusted = self._read_values(rows.cells, faults)
        known = self._read_known(rows.cells, days, faults)
        told = _told(rows.cells, symbols, days, faults)
        self._refuse(rows, file_symbol, faults)
        if rows.source not in self.sources[-1:]:
            self.sources.append(rows.source)
        block = Block(
            source=len(self.sources) - 1,
            line=rows.lines.astype(np.int32),
            symbol=symbols,
            day=days,
            zone=zones,
            values=values,
            identity=self._read_identities(rows.cells),
            known=known,
            adjusted=adjusted,
            scaled="adjusted" in rows.cells and adjusted is None,
            tells_splits="split" in rows.cells,
            tells_dividends="dividend" in rows.cells,
            told=told,
            symbols=tuple(np.flatnonzero(np.bincount(symbols[symbols >= 0])).tolist()),
        )
        sound = faults.none()
        self.blocks.append(block if sound.all() else block.take(sound))
        self._give_up_on_garbage(rows.source)

    def add_broken(self, row: BrokenRow) -> None:
        """Quarantine a line that has not the header's columns; a blank line is no row."""
        if row.text:
            self.read += 1
            self.quarantine.add(row.source, row.line, (row.text, ""), row.reason)
            self._give_up_on_garbage(row.source)

    def _give_up_on_garbage(self, source: str) -> None:
        blocks, before = self._mark
        read, kept = self.read - before, sum(len(block.line) for block in self.blocks[blocks:])
        if read > _HOPELESS and kept < read * _USABLE:
            raise self.quarantine.nothing_usable(source, self.read)

    def _refuse(self, rows: RawRows, file_symbol: str, faults: Faults) -> None:
        refused = np.flatnonzero(~faults.none())
        shown = self.quarantine.room
        named = rows.cells.get("symbol")
        for row in refused[:shown].tolist():
            symbol = file_symbol if named is None else named[row].as_py()
            cells = (symbol, rows.cells["date"][row].as_py())
            self.quarantine.add(rows.source, int(rows.lines[row]), cells, faults.of(row))
        self.quarantine.reasons.update(faults.counts(refused[shown:]))

    def _read_days(self, cell: Any, faults: Faults, *, month_first: bool) -> tuple[Any, Any]:
        texts, index = _coded(cell)
        known = [self._day(text, month_first=month_first) for text in texts]
        for reason in sorted({reason for *_, reason in known if reason}):
            faults.mark(np.array([why == reason for *_, why in known])[index], reason)
        days = np.array([day for day, *_ in known], dtype=np.int32)
        zones = np.array([zone for _, zone, _ in known], dtype=np.int8)
        return days[index], zones[index]

    def _day(self, text: str, *, month_first: bool) -> tuple[int, Zone, str]:
        found = self._days.get((text, month_first))
        if found is None:
            read = read_day(text, self.calendar.zone, month_first=month_first)
            reason = read.reason or self._no_session(read.day)
            day = NO_DAY if reason or read.day is None else (read.day - EPOCH).days
            found = (day, read.zone, reason)
            if len(self._days) > _HOPELESS:
                self._days.clear()
            self._days[text, month_first] = found
        return found

    def _no_session(self, day: date | None) -> str:
        try:
            if day is not None and not self.calendar.is_session(day):
                return f"date is no trading session of {self.calendar.name}"
            if day is None or self.now is None or self.calendar.closes_at(day) <= self.now:
                return ""
        except InvalidRequest:
            return f"date lies outside the calendar of {self.calendar.name}"
        return "date is of a session that had not closed at the import"

    def _read_symbols(self, rows: RawRows, file_symbol: str, faults: Faults) -> Any:
        if "symbol" not in rows.cells:
            codes = np.full(len(rows.lines), self._symbol(file_symbol), dtype=np.int32)
        else:
            texts, index = _coded(rows.cells["symbol"])
            codes = np.array([self._symbol(text) for text in texts], dtype=np.int32)[index]
        faults.mark(codes < 0, "symbol is missing or no ticker")
        return codes

    def _symbol(self, text: str) -> int:
        symbol = symbol_of(text)
        return -1 if symbol is None else self.symbols.setdefault(symbol, len(self.symbols))

    def _read_identities(self, cells: dict[str, Any]) -> NDArray[np.int32] | None:
        """Return codes of what the source calls the instrument; -1 where it says nothing."""
        if "identifier" not in cells:
            return None
        texts, index = _coded(cells["identifier"])
        known = self.identities
        codes = [known.setdefault(t, len(known)) if (t := text.strip()) else -1 for text in texts]
        return np.array(codes, dtype=np.int32)[index]

    def _read_known(
        self, cells: dict[str, Any], days: NDArray[np.int32], faults: Faults
    ) -> NDArray[np.int64] | None:
        if "known_time" not in cells:
            return None
        texts, index = _coded(cells["known_time"])
        moments = [read_moment(text) if text.strip() else AT_CLOSE for text in texts]
        for reason in sorted({each for each in moments if isinstance(each, str)}):
            wrong = np.array([each == reason for each in moments])[index]
            faults.mark(wrong, f"known_time {reason}")
        plain = [micros(each) if isinstance(each, datetime) else AT_CLOSE for each in moments]
        known = np.array(plain, dtype=np.int64)[index]
        told_days, at = np.unique(days, return_inverse=True)
        closes = np.array([self._close(day) for day in told_days.tolist()], dtype=np.int64)[at]
        by_day = np.array([len(text.strip()) <= len("2020-01-02") for text in texts])[index]
        # A day alone means its end, in UTC; of the bar's own day, the close.
        known[by_day & (known == (days.astype(np.int64) + 1) * 86_400_000_000)] = AT_CLOSE
        known[known == closes] = AT_CLOSE
        early = (known != AT_CLOSE) & (known < closes)
        faults.mark(early, "known_time lies before the session's close")
        return known

    def _close(self, day: int) -> int:
        if day == NO_DAY:
            return AT_CLOSE
        return micros(self.calendar.closes_at(EPOCH + timedelta(days=day)))

    def _read_values(
        self, cells: dict[str, Any], faults: Faults
    ) -> tuple[list[Floats], Floats | None]:
        """Return five columns of values and, where they are left as traded, the adjusted close."""
        numbers = {
            name: read_numbers(cells[name], name, faults.mark)
            for name in (*PRICES, "adjusted", "volume")
            if name in cells
        }
        for name in (name for name in (*PRICES, "adjusted") if name in numbers):
            faults.mark(numbers[name] <= 0, f"{name} is not above zero")
            faults.mark(numbers[name] < LEAST, f"{name} is below a millionth")
            faults.mark(numbers[name] > MOST, f"{name} is above a billion")
        close = numbers["close"]
        self.close_only |= "open" not in numbers
        opened, high, low = (numbers.get(name, close) for name in ("open", "high", "low"))
        faults.mark(high < low, "high is below low")
        top, bottom = np.maximum(opened, close), np.minimum(opened, close)
        faults.mark(high < top * (1 - _ROUNDING), "high is below open or close")
        faults.mark(low > bottom * (1 + _ROUNDING), "low is above open or close")
        volume = numbers.get("volume", np.full_like(close, np.nan))
        faults.mark(volume < 0, "volume is negative")
        faults.mark(volume > _MOST_VOLUME, "volume is above a million billions")
        if "adjusted" not in numbers or "dividend" in cells:
            traded = [pooled(column) for column in (opened, high, low, close, volume)]
            return traded, numbers.get("adjusted")
        # Its dividends are in the adjusted close alone: without scaling they would be lost.
        adjusted = numbers["adjusted"]
        with np.errstate(all="ignore"):  # rows that failed above carry nonsense
            factor = adjusted / close
            faults.mark(low * factor < LEAST, "low, once adjusted, is below a millionth")
            scaled = [opened * factor, high * factor, low * factor, adjusted, volume]
        return [pooled(column) for column in scaled], None


def _told(cells: dict[str, Any], symbols: Any, days: Any, faults: Faults) -> Told | None:
    """Take up what rows say about splits and dividends, even where the prices beside it are bad."""
    if "split" not in cells and "dividend" not in cells:
        return None
    said = {name: np.full(len(days), np.nan) for name in ("split", "dividend")}
    for name, values in said.items():
        if name in cells:
            values[:] = read_numbers(cells[name], name, faults.mark)
            faults.mark(values < 0, f"{name} is negative")
    split, dividend = said["split"], said["dividend"]
    split[~(split > 0) | (split == 1)] = np.nan  # 0 and 1 are ways to say that there was none
    dividend[~(dividend > 0)] = np.nan
    telling = (symbols >= 0) & (days != NO_DAY) & ~(np.isnan(split) & np.isnan(dividend))
    return Told(symbols[telling], days[telling], split[telling], dividend[telling])


def _coded(cell: Any) -> tuple[list[str], NDArray[Any]]:
    """Return the different texts of a column, and for each row the place of its own."""
    coded = cell.dictionary_encode()
    return coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False)


def _without_blank_lines(rows: RawRows) -> RawRows:
    # pyarrow is slow to import; only an import of data needs it.
    from pyarrow import compute

    pc: Any = compute  # its functions are made at run time, unknown to type checkers

    if rows.cells["close"].type in ("double", "float"):  # a typed table has no blank lines
        return rows
    blank = pc.and_(pc.equal(rows.cells["date"], ""), pc.equal(rows.cells["close"], ""))
    if "symbol" in rows.cells:
        blank = pc.and_(blank, pc.equal(rows.cells["symbol"], ""))
    if not pc.any(blank).as_py():
        return rows
    kept = pc.invert(blank)
    cells = {name: cell.filter(kept) for name, cell in rows.cells.items()}
    return RawRows(
        rows.source, rows.lines[kept.to_numpy(zero_copy_only=False)], cells, rows.month_first
    )
