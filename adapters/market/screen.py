"""What may become a price: every row that cannot be true is quarantined with its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from adapters.calendar import ExchangeCalendar
from adapters.market.days import Zone, read_day
from adapters.market.numbers import read_numbers
from adapters.market.quarantine import Quarantine
from adapters.market.rows import PRICES, BrokenRow, RawRows
from adapters.market.splits import StatedSplits
from adapters.market.table import Floats
from schemas.errors import InvalidRequest

Mask: TypeAlias = NDArray[np.bool_]
_HOPELESS = 200_000  # after so many rows of a file with next to none usable: stop reading
_USABLE = 0.01
_LEAST, _MOST = 1e-6, 1e9  # what exact prices in millionths can hold, with room to spare
_MOST_VOLUME = 1e15
_ROUNDING = 1e-6  # sources round adjusted prices after adjusting each
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.\-^=]{0,15}")
_NO_DAY = np.datetime64("NaT", "D")


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that are sound by themselves; all arrays have as many rows.

    `source` and `symbol` are indices into the screen's lists; `values` has shape (rows, 5): open,
    high, low, close, volume.
    """

    source: NDArray[np.int32]
    line: NDArray[np.int64]
    symbol: NDArray[np.int32]
    day: NDArray[np.datetime64]
    zone: NDArray[np.int8]
    values: Floats

    def take(self, rows: NDArray[Any]) -> Block:
        """Return these rows, by index or mask."""
        return Block(
            self.source[rows],
            self.line[rows],
            self.symbol[rows],
            self.day[rows],
            self.zone[rows],
            self.values[rows],
        )


class _Faults:
    """The first fault found of each row of a block."""

    def __init__(self, rows: int) -> None:
        self._code = np.zeros(rows, dtype=np.int16)
        self._sentences = [""]

    def mark(self, rows: Mask, sentence: str) -> None:
        fresh = rows & (self._code == 0)
        if fresh.any():
            self._sentences.append(sentence)
            self._code[fresh] = len(self._sentences) - 1

    def none(self) -> Mask:
        return self._code == 0

    def of(self, row: int) -> str:
        return self._sentences[self._code[row]]

    def counts(self, rows: NDArray[np.intp]) -> dict[str, int]:
        counted = np.bincount(self._code[rows], minlength=len(self._sentences)).tolist()
        return {why: n for why, n in zip(self._sentences, counted, strict=True) if n}


@dataclass(slots=True)
class RowScreen:
    """Takes blocks of raw rows, keeps those that are sound, and remembers the others."""

    calendar: ExchangeCalendar
    quarantine: Quarantine
    read: int = 0
    close_only: bool = False
    adjusted: set[bool] = field(default_factory=set[bool])
    stated: StatedSplits = field(default_factory=StatedSplits)
    blocks: list[Block] = field(default_factory=list[Block])
    symbols: dict[str, int] = field(default_factory=dict[str, int])
    sources: list[str] = field(default_factory=list[str])
    _days: dict[str, tuple[np.datetime64, Zone, str]] = field(
        default_factory=dict[str, tuple[np.datetime64, Zone, str]]
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
        faults = _Faults(len(rows.lines))
        days, zones = self._read_days(rows.cells["date"], faults)
        symbols = self._read_symbols(rows, file_symbol, faults)
        values = self._read_values(rows.cells, faults)
        self._refuse(rows, file_symbol, faults)
        if rows.source not in self.sources[-1:]:
            self.sources.append(rows.source)
        source = np.full(len(rows.lines), len(self.sources) - 1, dtype=np.int32)
        sound = Block(source, rows.lines, symbols, days, zones, values).take(faults.none())
        self.blocks.append(sound)
        if "split" in rows.cells:
            self._note_splits(rows.cells["split"], symbols, days)
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

    def _refuse(self, rows: RawRows, file_symbol: str, faults: _Faults) -> None:
        refused = np.flatnonzero(~faults.none())
        shown = self.quarantine.room
        named = rows.cells.get("symbol")
        for row in refused[:shown].tolist():
            symbol = file_symbol if named is None else named[row].as_py()
            cells = (symbol, rows.cells["date"][row].as_py())
            self.quarantine.add(rows.source, int(rows.lines[row]), cells, faults.of(row))
        self.quarantine.reasons.update(faults.counts(refused[shown:]))

    def _read_days(self, cell: Any, faults: _Faults) -> tuple[Any, Any]:
        coded = cell.dictionary_encode()
        known = [self._day(text) for text in coded.dictionary.to_pylist()]
        index = coded.indices.to_numpy(zero_copy_only=False)
        for reason in sorted({reason for *_, reason in known if reason}):
            faults.mark(np.array([why == reason for *_, why in known])[index], reason)
        days = np.array([day for day, *_ in known], dtype="datetime64[D]")
        zones = np.array([zone for _, zone, _ in known], dtype=np.int8)
        return days[index], zones[index]

    def _day(self, text: str) -> tuple[np.datetime64, Zone, str]:
        found = self._days.get(text)
        if found is None:
            read = read_day(text, self.calendar.zone)
            reason = read.reason or self._no_session(read.day)
            day = _NO_DAY if reason or read.day is None else np.datetime64(read.day, "D")
            found = (day, read.zone, reason)
            if len(self._days) > _HOPELESS:
                self._days.clear()
            self._days[text] = found
        return found

    def _no_session(self, day: date | None) -> str:
        try:
            if day is None or self.calendar.is_session(day):
                return ""
        except InvalidRequest:
            return f"date lies outside the calendar of {self.calendar.name}"
        return f"date is no trading session of {self.calendar.name}"

    def _read_symbols(self, rows: RawRows, file_symbol: str, faults: _Faults) -> Any:
        if "symbol" not in rows.cells:
            codes = np.full(len(rows.lines), self._symbol(file_symbol), dtype=np.int32)
        else:
            coded = rows.cells["symbol"].dictionary_encode()
            names = [self._symbol(text) for text in coded.dictionary.to_pylist()]
            index = coded.indices.to_numpy(zero_copy_only=False)
            codes = np.array(names, dtype=np.int32)[index]
        faults.mark(codes < 0, "symbol is missing or no ticker")
        return codes

    def _note_splits(self, cell: Any, symbols: Any, days: Any) -> None:
        """Remember what the source says about splits; what is no ratio says that there was none."""
        ratios = read_numbers(cell, "split", _Faults(len(days)).mark)
        names = list(self.symbols)
        self.stated.symbols.update(names[code] for code in np.unique(symbols) if code >= 0)
        telling = (ratios > 0) & (ratios != 1) & (symbols >= 0) & ~np.isnat(days)
        for row in np.flatnonzero(telling).tolist():
            self.stated.ratios[names[symbols[row]], days[row].item()] = float(ratios[row])

    def _symbol(self, text: str) -> int:
        symbol = text.strip().upper()
        if not _SYMBOL.fullmatch(symbol):
            return -1
        return self.symbols.setdefault(symbol, len(self.symbols))

    def _read_values(self, cells: dict[str, Any], faults: _Faults) -> Floats:
        numbers = {
            name: read_numbers(cells[name], name, faults.mark)
            for name in (*PRICES, "adjusted", "volume")
            if name in cells
        }
        for name in (name for name in (*PRICES, "adjusted") if name in numbers):
            faults.mark(numbers[name] <= 0, f"{name} is not above zero")
            faults.mark(numbers[name] < _LEAST, f"{name} is below a millionth")
            faults.mark(numbers[name] > _MOST, f"{name} is above a billion")
        close = numbers["close"]
        self.close_only |= "open" not in numbers
        self.adjusted.add("adjusted" in numbers)
        opened, high, low = (numbers.get(name, close) for name in ("open", "high", "low"))
        faults.mark(high < low, "high is below low")
        top, bottom = np.maximum(opened, close), np.minimum(opened, close)
        faults.mark(high < top * (1 - _ROUNDING), "high is below open or close")
        faults.mark(low > bottom * (1 + _ROUNDING), "low is above open or close")
        volume = numbers.get("volume", np.full_like(close, np.nan))
        faults.mark(volume < 0, "volume is negative")
        faults.mark(volume > _MOST_VOLUME, "volume is above a million billions")
        adjusted = numbers.get("adjusted", close)
        with np.errstate(all="ignore"):  # rows that failed above carry nonsense
            factor = adjusted / close
            faults.mark(low * factor < _LEAST, "low, once adjusted, is below a millionth")
        return np.column_stack([opened * factor, high * factor, low * factor, adjusted, volume])


def _without_blank_lines(rows: RawRows) -> RawRows:
    # pyarrow is slow to import; only an import of data needs it.
    from pyarrow import compute

    pc: Any = compute  # its functions are made at run time, unknown to type checkers

    blank = pc.and_(pc.equal(rows.cells["date"], ""), pc.equal(rows.cells["close"], ""))
    if "symbol" in rows.cells:
        blank = pc.and_(blank, pc.equal(rows.cells["symbol"], ""))
    if not pc.any(blank).as_py():
        return rows
    kept = pc.invert(blank)
    cells = {name: cell.filter(kept) for name, cell in rows.cells.items()}
    return RawRows(rows.source, rows.lines[kept.to_numpy(zero_copy_only=False)], cells)
