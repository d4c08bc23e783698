"""Import the user's own files into a checked, checksummed data set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from adapters.calendar import ExchangeCalendar
from adapters.clock import SystemClock
from adapters.market import stored
from adapters.market.actions import ENDS, ActionWriter, gather
from adapters.market.arrays import PriceArrays
from adapters.market.compare import compare
from adapters.market.described import Imported, info_of, report_of
from adapters.market.facts import Facts, table_of
from adapters.market.implausible import quarantine_bars, sound_later
from adapters.market.instruments import EPOCH, Stated, StatedListing
from adapters.market.later import later_bars
from adapters.market.listings import listings_of
from adapters.market.quarantine import Quarantine
from adapters.market.reading import read_prices, shown_name
from adapters.market.screen import RowScreen
from adapters.market.side_facts import SideTables, StatedAction, ordered
from adapters.market.side_tables import KINDS
from adapters.market.splits import contradicted, find_splits
from adapters.market.table import PriceTable
from schemas.errors import Conflict, InvalidRequest
from schemas.market import ImportReport

RESERVED = ("bundled",)
_NAME = re.compile(r"[a-z0-9-]{1,40}")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to read the files; `benchmarks` are symbols that are shown and never traded.

    `splits` decides about moves that look like a split nobody states: `adjust` records splits,
    `accept` takes the moves for real; without it no run may cross them. `tables` has files of
    facts by kind: `actions listings members macro fundamentals documents`. Of the symbols in
    `same` all bars are of one company, however long the gaps. `macro_lag_days` after a period's
    first day a macro value without a vintage counts as published. `now` is when the facts are
    stored, and until when sessions may have closed; the clock's time when left out.
    """

    calendar: str = "XNYS"
    currency: str = "USD"
    benchmarks: tuple[str, ...] = ()
    replace: bool = False
    splits: Literal["adjust", "accept"] | None = None
    tables: Mapping[str, Path] = field(default_factory=dict[str, Path])
    same: tuple[str, ...] = ()
    macro_lag_days: int | None = None
    now: datetime | None = None


def import_dataset(
    path: Path, name: str, *, home: Path, options: ImportOptions | None = None
) -> ImportReport:
    """Import a CSV or Parquet file, or a folder of such files or of Alpha Vantage daily JSON.

    Prices are kept as traded, and what the source says of corporate actions beside them. Rows that
    cannot be true are quarantined with their reason; files that are no table of prices are refused
    (in a folder: left out, with a note). `InvalidRequest`, `NotFound`, `Conflict` (the name is
    taken, or an import is running) or `Unavailable` (disk); nothing half-written remains.
    """
    options = options or ImportOptions()
    _check(options)
    folder = home / "data" / _allowed(name)
    if folder.exists() and not options.replace:
        raise Conflict(f"a data set called {name!r} exists; replace it, or take another name")
    now = options.now or SystemClock().now()
    manifest, arrays, facts = _prepared(path, name, options, now)
    with stored.alone(home / "data"):
        if folder.exists() and not options.replace:
            raise Conflict(f"a data set called {name!r} has just been made by another import")
        return stored.write(folder, manifest, arrays, facts, stored_time=now).report


def _prepared(
    path: Path, name: str, options: ImportOptions, now: datetime
) -> tuple[stored.Manifest, PriceArrays, Facts]:
    """Return what is to be written, and nothing else of what was read."""
    read = _read(path, options, now)
    arrays = read.compared.arrays
    benchmarks = tuple(sorted({symbol.upper() for symbol in options.benchmarks}))
    shown = read.compared.instruments.bearers(frozenset(benchmarks))
    info = info_of(
        name,
        read,
        source=shown_name(path),
        currency=options.currency,
        benchmarks=benchmarks,
    )
    market = PriceTable(info, arrays, read.screen.calendar, read.facts)
    symbols = sorted(market.tickers_of(set(arrays.symbols) - shown))
    info = info.model_copy(update={"symbols": tuple(symbols)})
    report = report_of(info, read)
    manifest = stored.Manifest(info=info, file="", sha256=info.data_hash, report=report)
    return manifest, arrays, read.facts


def _check(options: ImportOptions) -> None:
    if options.splits not in (None, "adjust", "accept"):  # from a command line
        raise InvalidRequest(f"splits are adjusted or accepted, not {options.splits[:20]!r}")
    if not _CURRENCY.fullmatch(options.currency):
        raise InvalidRequest(f"{options.currency[:20]!r} is no currency code, e.g. USD")
    for kind in options.tables:
        if kind not in KINDS:
            raise InvalidRequest(
                f"{kind[:30]!r} is no kind of table: use one of {', '.join(KINDS)}"
            )
    if options.macro_lag_days is not None and not 0 <= options.macro_lag_days <= 3660:
        raise InvalidRequest("macro_lag_days lies between 0 and 3660")
    if options.now is not None and options.now.tzinfo is None:
        raise InvalidRequest("a moment must have a time zone")


def _allowed(name: str) -> str:
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise InvalidRequest(
            f"{name[:60]!r} cannot name a data set: use 1 to 40 of a-z, 0-9 and '-', "
            "and not 'bundled'"
        )
    return name


def _read(path: Path, options: ImportOptions, now: datetime) -> Imported:
    screen = RowScreen(ExchangeCalendar(options.calendar), Quarantine(), now=now)
    read_prices(path, screen)
    same = _same(options, screen)
    side = SideTables(options.tables, screen, now, options.macro_lag_days)
    listings, actions = side.listings(), side.actions()
    compared = compare(screen, _stated(listings, actions, same))
    said = gather(screen.blocks, list(screen.symbols), compared, actions)
    quarantine_bars(compared, screen, said)
    suspects = find_splits(compared.arrays, said.splits)
    doubtful = contradicted(compared.arrays, suspects) if options.splits == "adjust" else ()
    suspects = tuple(each for each in suspects if each not in doubtful)
    inferred = suspects if options.splits == "adjust" else ()
    writer = ActionWriter(compared, screen.calendar, now, screen.quarantine.notes)
    instruments = compared.instruments
    rows = {
        "actions": writer.write(said, inferred),
        "listings": listings_of(instruments, listings, screen.calendar, now),
        "members": side.members(instruments),
        "macro": side.macro(),
        "fundamentals": side.fundamentals(instruments),
        "documents": side.documents(),
    }
    tables = {kind: table_of(kind, ordered(each)) for kind, each in rows.items()}
    bars = later_bars(sound_later(compared, screen, said), compared.arrays.symbols, now)
    return Imported(
        screen, compared, said, Facts(tables | {"bars": bars}), suspects, options.splits, doubtful
    )


def _same(options: ImportOptions, screen: RowScreen) -> frozenset[str]:
    same = frozenset(symbol.upper() for symbol in options.same)
    for symbol in sorted(same - screen.symbols.keys()):
        raise InvalidRequest(f"{symbol!r}, named as `same`, is not among the imported symbols")
    return same


def _stated(
    listings: list[StatedListing], actions: list[StatedAction], same: frozenset[str]
) -> Stated:
    withdrawn = {each.action_id for each in actions if each.withdrawn}
    ends = tuple(
        (each.symbol, (each.ex_date - EPOCH).days)
        for each in actions
        if each.kind in ENDS and each.action_id not in withdrawn - {None} and not each.withdrawn
    )
    return Stated(
        tuple(listings),
        tuple(
            (each.symbol, each.new_symbol, (each.ex_date - EPOCH).days)
            for each in actions
            if each.new_symbol and not each.withdrawn
        ),
        same,
        ends,
    )
