"""Import daily bars from the user's own files into a checked, checksummed data set."""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from adapters.calendar import ExchangeCalendar
from adapters.market import stored
from adapters.market.alphavantage import read_alpha_vantage
from adapters.market.compare import compare
from adapters.market.csv_rows import read_csv
from adapters.market.quarantine import Quarantine
from adapters.market.rows import RawRows
from adapters.market.screen import RowScreen
from adapters.market.splits import back_adjust, find_splits
from adapters.market.table import PriceArrays
from schemas.errors import Conflict, InvalidRequest, NotFound, Unavailable
from schemas.market import DatasetInfo, ImportReport, RefusedRows, SuspectedSplit

RESERVED = ("bundled",)
_NAME = re.compile(r"[a-z0-9-]{1,40}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_TABLES = (".csv", ".txt", ".tsv")
_LARGEST = 1 << 30
_SAID = 20
_WAYS_OUT = (
    "runs over a day on which prices look unadjusted are refused: import again with "
    "`--splits adjust` to adjust the earlier prices, or `--splits accept` if the moves are real"
)


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to read the files; `benchmarks` are symbols that are shown and never traded.

    `splits` decides about moves that look like a split: `adjust` divides the earlier prices,
    `accept` takes the moves for real; without it no run may cross them.
    """

    calendar: str = "XNYS"
    currency: str = "USD"
    benchmarks: tuple[str, ...] = ()
    replace: bool = False
    splits: Literal["adjust", "accept"] | None = None


@dataclass(frozen=True, slots=True)
class _Prices:
    """What was read, as it will be stored, and the split-like moves that were found in it."""

    screen: RowScreen
    arrays: PriceArrays
    splits: tuple[SuspectedSplit, ...]


def import_dataset(
    path: Path, name: str, *, home: Path, options: ImportOptions | None = None
) -> ImportReport:
    """Import a CSV file, a folder of one CSV a symbol, or of Alpha Vantage daily JSON files.

    Rows that cannot be true are quarantined with their reason; files that are no table of prices
    are refused (in a folder: left out, with a note). `InvalidRequest`, `NotFound`, `Conflict` (the
    name is taken, or an import is running) or `Unavailable` (disk); nothing half-written remains.
    """
    options = options or ImportOptions()
    if options.splits not in (None, "adjust", "accept"):  # from a command line
        raise InvalidRequest(f"splits are adjusted or accepted, not {options.splits[:20]!r}")
    if not _CURRENCY.fullmatch(options.currency):
        raise InvalidRequest(f"{options.currency[:20]!r} is no currency code, e.g. USD")
    folder = home / "data" / _allowed(name)
    if folder.exists() and not options.replace:
        raise Conflict(f"a data set called {name!r} exists; replace it, or take another name")
    screen = RowScreen(ExchangeCalendar(options.calendar), Quarantine())
    _read(path, screen)
    arrays = compare(screen)
    splits = find_splits(arrays, screen.stated)
    if options.splits == "adjust":
        arrays = back_adjust(arrays, splits)
    read = _Prices(screen, arrays, splits)
    info = _info(name, path.name, options, read)
    report = _report(info, read, _about_splits(read, options))
    manifest = stored.Manifest(info=info, file="", sha256=info.data_hash, report=report)
    with _alone(home / "data"):
        if folder.exists() and not options.replace:
            raise Conflict(f"a data set called {name!r} has just been made by another import")
        stored.write(folder, manifest, arrays)
    return report


def _allowed(name: str) -> str:
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise InvalidRequest(
            f"{name[:60]!r} cannot name a data set: use 1 to 40 of a-z, 0-9 and '-', "
            "and not 'bundled'"
        )
    return name


def _read(path: Path, screen: RowScreen) -> None:
    if not path.exists():
        raise NotFound(f"there is no file or folder {path.name!r}")
    if not path.is_dir():
        _read_file(path, screen)
        return
    files = sorted(file for file in _listed(path) if file.suffix.lower() in (*_TABLES, ".json"))
    if not files:
        raise InvalidRequest(f"the folder {path.name!r} holds no .csv and no .json file")
    refused: list[str] = []
    for file in files:
        try:
            _read_file(file, screen)
        except InvalidRequest as error:
            screen.drop_file()
            refused.append(str(error))
            screen.quarantine.notes.append(f"a file was left out: {error}")
    if len(refused) == len(files):
        raise InvalidRequest(f"not one file of {path.name!r} can be used; the first: {refused[0]}")


def _listed(folder: Path) -> list[Path]:
    try:
        return [file for file in folder.iterdir() if not file.name.startswith(".")]
    except OSError as error:
        raise InvalidRequest(f"the folder {folder.name!r} cannot be read") from error


def _read_file(path: Path, screen: RowScreen) -> None:
    if not path.is_file():
        raise InvalidRequest(f"{path.name!r} is no ordinary file")
    if path.stat().st_size > _LARGEST:
        raise InvalidRequest(f"{path.name!r} is larger than 1 GiB: split it by symbol")
    screen.start_file(path.name)
    rows = read_alpha_vantage(path) if path.suffix.lower() == ".json" else read_csv(path)
    try:
        for block in rows:
            if isinstance(block, RawRows):
                screen.add(block, file_symbol=path.stem)
            else:
                screen.add_broken(block)
    except OSError as error:
        raise InvalidRequest(f"{path.name!r} cannot be read") from error


def _info(name: str, source: str, options: ImportOptions, read: _Prices) -> DatasetInfo:
    screen, arrays = read.screen, read.arrays
    benchmarks = tuple(sorted({symbol.upper() for symbol in options.benchmarks}))
    for symbol in benchmarks:
        if symbol not in arrays.symbols:
            raise InvalidRequest(f"the benchmark {symbol!r} is not among the imported symbols")
    adjustment = _adjustment(read, options)
    return DatasetInfo(
        name=name,
        description=f"imported from {source}",
        data_hash=arrays.digest(),
        calendar=screen.calendar.name,
        currency=options.currency,
        close_only=screen.close_only,
        adjustment=adjustment,
        symbols=tuple(symbol for symbol in arrays.symbols if symbol not in benchmarks),
        benchmarks=benchmarks,
        caveats=(*_caveats(screen, adjustment), *_about_splits(read, options)),
        suspected_splits=read.splits if options.splits is None else (),
    )


def _adjustment(
    read: _Prices, options: ImportOptions
) -> Literal["split", "split_dividend", "unknown"]:
    if read.screen.adjusted == {True}:
        return "split_dividend"
    return "split" if read.splits and options.splits == "adjust" else "unknown"


def _about_splits(read: _Prices, options: ImportOptions) -> tuple[str, ...]:
    """Say what was done about each split-like move; the first 20, oldest first."""
    what = {
        "adjust": "earlier prices were adjusted for a split",
        "accept": "a move like a split is real, says whoever imported it",
        None: "prices look unadjusted",
    }[options.splits]
    said = [
        f"{what}: {split.symbol} {split.session} moved by {split.said()}"
        for split in read.splits[:_SAID]
    ]
    if len(read.splits) > _SAID:
        said.append(f"{what}: and {len(read.splits) - _SAID} further moves")
    if read.splits and options.splits == "adjust":
        said.append(
            "Earlier prices were divided by those ratios and volumes multiplied: back-adjusted "
            "prices carry the future in their level."
        )
    return tuple(said)


def _caveats(screen: RowScreen, adjustment: str) -> tuple[str, ...]:
    said = [
        "The symbols were chosen by whoever imported them; companies that failed may be missing."
    ]
    if screen.adjusted == {True}:
        said.append(
            "Prices are scaled to the source's adjusted close; back-adjusted prices carry the "
            "future in their level."
        )
    else:
        what = "dividends" if adjustment == "split" else "splits and dividends"
        said.append(f"Whether prices are adjusted for {what} is not known.")
    if len(screen.adjusted) > 1:
        said.append("Some files have adjusted closes and others have not.")
    if screen.close_only:
        said.append("There are closes only, at least in part: orders fill at the close.")
    if screen.quarantine.count:
        said.append(f"{screen.quarantine.count} of {screen.read} rows were refused at import.")
    return tuple(said)


def _report(info: DatasetInfo, read: _Prices, splits: tuple[str, ...]) -> ImportReport:
    screen, quarantine = read.screen, read.screen.quarantine
    return ImportReport(
        name=info.name,
        rows_read=screen.read,
        rows_kept=screen.read - quarantine.count,
        rows_rejected=quarantine.count,
        notes=(*quarantine.notes, *splits, *((_WAYS_OUT,) if info.suspected_splits else ())),
        caveats=info.caveats,
        suspected_splits=info.suspected_splits,
        reasons=tuple(
            RefusedRows(reason=reason, rows=rows)
            for reason, rows in quarantine.reasons.most_common()
        ),
        rejected=tuple(sorted(quarantine.rows, key=lambda row: (row.source, row.line))),
        symbols=read.arrays.symbols,
        data_hash=info.data_hash,
    )


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Hold the only right to write data sets in this home."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise Unavailable("the data folder cannot be written: nothing was imported") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("another import is running; try again when it has ended") from error
        for stale in folder.glob(".import-*"):  # left by an import that was killed
            shutil.rmtree(stale, ignore_errors=True)
        yield
