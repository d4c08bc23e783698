"""The data set `bundled`: what arrives with skfolio, read from the installed package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from adapters.market.table import Floats, PriceArrays, PriceTable
from interfaces.calendar import TradingCalendar
from schemas.errors import Unavailable
from schemas.market import DatasetInfo

NAME = "bundled"
INDEX = "SPX"
_FILES = {"stocks": "sp500_dataset", "factors": "factors_dataset", "index": "sp500_index"}

CAVEATS = (
    (
        "The 20 stocks were picked by hand among companies that survived to 2022; companies that "
        "failed are missing, which flatters every result."
    ),
    (
        "Prices are dividend-adjusted closes rounded to 3 decimals (AAPL is 0.264 in January "
        "1990), so early returns are coarse."
    ),
    (
        "Back-adjusted prices carry the future in their level: a level is not a price anyone paid, "
        "and only changes from one day to the next are meaningful."
    ),
    "There are closes only: no open, high, low or volume. Orders fill at the close.",
    (
        "The S&P 500 series looks like the price index, without dividends, while the stocks "
        "include theirs: that comparison flatters the stocks. Equal weight is the fairer benchmark."
    ),
    "The five factor funds (MTUM, QUAL, SIZE, USMV, VLUE) begin in January 2014.",
)


def load_bundled(calendar: TradingCalendar) -> PriceTable:
    """Load the 20 stocks, five factor funds and the S&P 500 index; no network, no cache.

    `calendar` is that of XNYS. `Unavailable` when the installed skfolio lacks the files.
    """
    arrays = _read()
    symbols = tuple(symbol for symbol in arrays.symbols if symbol != INDEX)
    info = DatasetInfo(
        name=NAME,
        description="20 S&P 500 stocks 1990-2022, five factor funds and the index, from skfolio",
        data_hash=arrays.digest(),
        calendar=calendar.name,
        currency="USD",
        close_only=True,
        adjustment="split_dividend",
        symbols=symbols,
        benchmarks=(INDEX,),
        caveats=CAVEATS,
    )
    return PriceTable(info, arrays, calendar)


def _read() -> PriceArrays:
    tables = {kind: _csv(name) for kind, name in _FILES.items()}
    sessions = np.unique(np.concatenate([days for days, _ in tables.values()]))
    closes: dict[str, Floats] = {}
    for kind, (days, columns) in tables.items():
        for name, values in columns.items():
            column = np.full(len(sessions), np.nan)
            column[np.searchsorted(sessions, days)] = values
            closes[INDEX if kind == "index" else name] = column
    symbols = tuple(sorted(closes))
    close = np.column_stack([closes[symbol] for symbol in symbols])
    volume = np.full_like(close, np.nan)
    return PriceArrays(symbols, sessions, close, close, close, close, volume)


def _csv(name: str) -> tuple[Any, dict[str, Floats]]:
    # pyarrow is slow to import and skfolio slower still: only its files are read, not its code.
    from pyarrow import csv

    # The loaders of skfolio read these very files; importing them costs three seconds.
    package = find_spec("skfolio")
    if package is None or package.origin is None:
        raise Unavailable("the bundled data needs the package skfolio, which is not installed")
    path = Path(package.origin).parent / "datasets" / "data" / f"{name}.csv.gz"
    try:
        table = csv.read_csv(path)
    except OSError as error:
        raise Unavailable(f"the installed skfolio does not hold the data file {name}") from error
    days = table.column("Date").to_numpy().astype("datetime64[D]")
    names = [column for column in table.column_names if column != "Date"]
    return days, {column: table.column(column).to_numpy() for column in names}
