"""Daily bars from a folder of the user's own files: CSV, Parquet, Alpha Vantage JSON.

`data import` reads a whole folder and keeps more of it (adjusted closes, identifiers, times of
publication); this provider lets a download take one symbol from it before any vendor is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from adapters.market.alphavantage import read_alpha_vantage
from adapters.market.csv_rows import read_csv
from adapters.market.days import read_day
from adapters.market.parquet_rows import read_parquet
from adapters.market.rows import RawRows
from adapters.providers.dating import EASTERN
from adapters.providers.offers import not_offered
from interfaces.providers import Quota, RawBars
from schemas.downloads import FactKind
from schemas.errors import InvalidRequest, NotFound, Unavailable, UntrustworthyData
from schemas.facts import CorporateAction, MacroValue, StoredDocument

_TABLES = frozenset({".csv", ".txt", ".tsv", ".parquet", ".json"})
_COLUMNS = ("open", "high", "low", "close", "volume", "split", "dividend")
_BETWEEN = re.compile(r"[^A-Z0-9.\-^=]+")


class Files:
    """Implement `DataProvider` over one folder; without it every symbol is `NotFound`."""

    name = "files"
    offers: frozenset[FactKind] = frozenset({"bars"})

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def bars(self, symbol: str, start: date, end: date) -> Iterator[RawBars]:
        """Yield the symbol's rows of `start..end`, and those whose date cannot be read.

        A file belongs to a symbol when its name has it as a word, or its column `symbol` does.
        """
        found = False
        for path in self._candidates(symbol):
            try:
                for rows in _blocks(path, symbol):
                    found = True
                    columns = _columns(rows, (start, end))
                    if columns["date"]:
                        yield RawBars(self.name, symbol, columns, adjustment="unknown")
            except InvalidRequest as error:
                raise UntrustworthyData(f"{path.name} cannot be used: {error}") from error
            except OSError as error:
                raise Unavailable(f"{path.name} cannot be read") from error
        if not found:
            raise NotFound(f"no file in {self._folder.name!r} has {symbol}")

    def actions(self, symbol: str, start: date, end: date) -> Iterator[CorporateAction]:  # noqa: ARG002 - the port's signature
        """Refuse: files of actions are imported, not downloaded."""
        raise not_offered(self.name, "actions")

    def macro(self, series: str, start: date, end: date) -> Iterator[MacroValue]:  # noqa: ARG002 - the port's signature
        """Refuse: files of macro series are imported, not downloaded."""
        raise not_offered(self.name, "macro")

    def news(self, symbol: str, start: date, end: date) -> Iterator[StoredDocument]:  # noqa: ARG002 - the port's signature
        """Refuse: documents are read from their own folder."""
        raise not_offered(self.name, "news")

    def quota(self) -> Quota:
        """Tell that there is no limit."""
        return Quota(None, None, None)

    def _candidates(self, symbol: str) -> list[Path]:
        """Return the files named after the symbol, or all when there is none."""
        try:
            listed = sorted(
                path
                for path in self._folder.iterdir()
                if path.suffix.lower() in _TABLES and path.is_file() and path.name[0] != "."
            )
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable(f"the folder {self._folder.name!r} cannot be read") from error
        named = [path for path in listed if symbol in _BETWEEN.split(path.stem.upper())]
        return named or listed


def _blocks(path: Path, symbol: str) -> Iterator[RawRows]:
    """Yield the symbol's rows of a file, block by block; nothing from a file about others."""
    readers = {".json": read_alpha_vantage, ".parquet": read_parquet}
    named = symbol in _BETWEEN.split(path.stem.upper())
    for block in readers.get(path.suffix.lower(), read_csv)(path):
        if not isinstance(block, RawRows):
            continue  # a broken line has no symbol and no date
        if "symbol" not in block.cells:
            if not named:
                return
            yield block
            continue
        rows = [
            row
            for row, cell in enumerate(block.cells["symbol"].to_pylist())
            if str(cell).strip().upper() == symbol
        ]
        if rows:
            cells = {name: column.take(rows) for name, column in block.cells.items()}
            yield RawRows(block.source, block.lines[rows], cells, block.month_first)


def _columns(rows: RawRows, asked: tuple[date, date]) -> Mapping[str, list[str]]:
    """Return the rows of the days asked for as text; dates in ISO form where they can be read."""
    start, end = asked
    kept: list[int] = []
    dates: list[str] = []
    for row, text in enumerate(rows.cells["date"].to_pylist()):
        day = read_day(_text(text), EASTERN, month_first=rows.month_first).day
        if day is None or start <= day <= end:
            kept.append(row)
            dates.append(_text(text) if day is None else day.isoformat())
    columns = {"date": dates}
    for name in _COLUMNS:
        if name in rows.cells:
            columns[name] = [_text(cell) for cell in rows.cells[name].take(kept).to_pylist()]
    return columns


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)
