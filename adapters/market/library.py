"""Adding to data sets and taking from them; the caller holds the lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa
from numpy.typing import NDArray

from adapters.calendar import ExchangeCalendar
from adapters.market import stored
from adapters.market.additions import Additions, additions
from adapters.market.arrays import PriceArrays
from adapters.market.bearers import Bearers
from adapters.market.cache import no_prices
from adapters.market.compiled import Rows, cells, compile_set, pc
from adapters.market.described import OUT_OF_DOUBT, about_splits
from adapters.market.facts import SCHEMAS, Facts
from adapters.market.segments import Segment, read_segment
from adapters.market.staging import Chunk
from adapters.market.table import PriceTable
from adapters.market.vetted import Key, Terms
from schemas.downloads import DownloadRequest
from schemas.errors import InvalidRequest, NotFound
from schemas.market import DatasetInfo, ImportReport, RefusedRows, SuspectedSplit

_CAVEAT = "The symbols were chosen by whoever downloaded them; those that failed may be missing."
_WAYS_OUT = (
    "runs over a day on which prices look unadjusted are refused: download the actions of those "
    "symbols too, or give the same command again with `--splits adjust` to record splits there, "
    "or with `--splits accept` if the moves are real"
)
_MOST_SEGMENTS = 32  # of one kind; then they are written as one


@dataclass(frozen=True, slots=True)
class Stored:
    """A data set as it lies in its folder."""

    folder: Path
    manifest: stored.Manifest
    arrays: PriceArrays
    facts: Facts
    calendar: ExchangeCalendar


def extend(
    current: Stored, chunks: Sequence[Chunk], request: DownloadRequest, *, now: datetime
) -> ImportReport:
    """Add what was fetched to a set; one that has no segment yet is made.

    What cannot be true is quarantined, as at an import. `InvalidRequest` when nothing of it can be
    used and there is no set.
    """
    manifest, on_hand = current.manifest, (current.arrays, current.facts)
    info, bearers = manifest.info, Bearers([current.facts])
    terms = Terms(
        span=(request.start_date, request.end_date),
        now=now,
        adjustment=_adjustment(current, chunks),
        close_only=info.close_only,
        suspected=tuple(
            each.model_copy(update={"symbol": bearers.at(each.symbol, each.session)})
            for each in info.suspected_splits
        ),
        splits=request.splits,
    )
    found = additions(chunks, on_hand, current.calendar, terms, held=_rows(current))
    suspected = _by_ticker(found, found.suspected)
    doubtful = _by_ticker(found, found.doubtful)
    changed = {
        "close_only": found.screen.close_only or info.close_only,
        "adjustment": terms.adjustment,
        "suspected_splits": suspected if request.splits is None else doubtful,
        "caveats": (
            *_caveats(info, suspected, request.splits),
            *about_splits(doubtful, "doubtful"),
        ),
    }
    info = info.model_copy(update=changed)
    manifest = manifest.model_copy(update={"info": info, "report": _report(current, found, info)})
    if any(table.num_rows for table in found.rows.values()):
        return _write(current, manifest, found.rows, without=found.spoilt)
    if not current.manifest.segments:
        raise found.screen.quarantine.nothing_usable("the download", found.screen.read)
    if info != current.manifest.info or found.told_apart:
        stored.reword(current.folder, manifest)
    return manifest.report


def begun(folder: Path, request: DownloadRequest, calendar: ExchangeCalendar) -> Stored:
    """Return the empty set that a first download fills."""
    info = DatasetInfo(
        name=request.data,
        description="downloaded",
        data_hash="0" * 64,
        calendar=calendar.name,
        currency=request.currency,
        close_only=False,
        adjustment="raw",
        symbols=(),
        benchmarks=(),
        caveats=(_CAVEAT,),
    )
    report = ImportReport(
        name=request.data,
        rows_read=0,
        rows_kept=0,
        rows_rejected=0,
        caveats=info.caveats,
        rejected=(),
        symbols=(),
        data_hash=info.data_hash,
    )
    manifest = stored.Manifest(info=info, file="", sha256=info.data_hash, report=report)
    return Stored(folder, manifest, no_prices(), Facts(), calendar)


def check_match(info: DatasetInfo, request: DownloadRequest) -> None:
    """Raise `InvalidRequest` where the set keeps other prices than the request would add."""
    if (info.calendar, info.currency) != (request.calendar, request.currency):
        raise InvalidRequest(
            f"the data set {info.name!r} is of {info.calendar} in {info.currency}, the download of "
            f"{request.calendar} in {request.currency}: download into another one"
        )


def _adjustment(current: Stored, chunks: Sequence[Chunk]) -> str:
    """Return what all bars have in common; `InvalidRequest` when they have it not."""
    found: set[str] = {bars.adjustment for chunk in chunks for bars in chunk.rows.bars}
    if current.arrays.symbols or not found:
        found.add(current.manifest.info.adjustment)
    if len(found) > 1:
        raise InvalidRequest(
            f"bars of the data set {current.manifest.info.name!r} and those that were fetched are "
            f"adjusted in different ways ({', '.join(sorted(found))}): download into another one"
        )
    return found.pop()


def shrink(
    current: Stored, symbols: Sequence[str] | None, start: date | None, end: date | None
) -> ImportReport | None:
    """Drop the bars of these tickers, or of all, in `start..end`; None when nothing is left.

    A ticker means whoever bore it on each day. Facts of an instrument go with its last bar.
    `NotFound` for a symbol that the set has not.
    """
    unwanted = _unwanted(current, symbols, start, end)

    def left(table: pa.Table) -> pa.Table:
        row, column, placed = cells(table, current.arrays)
        return table.filter(pa.array(placed & ~unwanted[row, column]))

    bars = [left(table) for table in _rows(current)("bars")]
    names = {name for table in bars for name in pc.unique(table.column("instrument")).to_pylist()}
    gone = pa.array(sorted(set(current.arrays.symbols) - names), pa.string())
    kept = {kind: _joined(kind, _rows(current)(kind)) for kind in SCHEMAS if kind != "bars"}
    kept = {kind: _without(table, gone) for kind, table in kept.items()}
    kept["bars"] = _joined("bars", bars)
    if not any(kept[kind].num_rows for kind in ("bars", "macro", "documents")):
        stored.remove(current.folder)
        return None
    dropped = sum(segment.rows for segment in current.manifest.segments if segment.kind == "bars")
    note = f"{dropped - kept['bars'].num_rows} bars were deleted"
    report = current.manifest.report
    report = report.model_copy(update={"notes": (*report.notes, note)})
    update = {"segments": (), "report": report}
    return _write(current, current.manifest.model_copy(update=update), kept)


def _write(
    current: Stored,
    manifest: stored.Manifest,
    rows: dict[str, pa.Table],
    *,
    without: Sequence[Key] = (),
) -> ImportReport:
    """Store rows beside the manifest's segments, and publish the set they make together.

    Of the bars on hand those `without` are dropped, by instrument and session.
    """
    folder = current.folder
    with stored.disk_errors("changed"), stored.draft_in(folder.parent) as draft:
        many = {
            kind
            for kind in SCHEMAS
            if sum(segment.kind == kind for segment in manifest.segments) >= _MOST_SEGMENTS
        }
        if without:
            many.add("bars")
        old = [segment for segment in manifest.segments if segment.kind in many]
        kept = tuple(segment for segment in manifest.segments if segment.kind not in many)
        given: dict[str, Iterable[pa.Table]] = {
            kind: chain(read_rows([(folder, old)])(kind), [table]) for kind, table in rows.items()
        }
        if without:
            sound = (_unspoilt(table, without) for table in read_rows([(folder, old)])("bars"))
            given["bars"] = chain(sound, [rows["bars"]])
        fresh = stored.write_segments(draft, given)
        arrays, facts = compile_set(read_rows([(folder, kept), (draft, fresh)]), current.calendar)
        named = stored.vouching(
            _redescribed(current, manifest, arrays, facts), (*kept, *fresh), arrays, facts
        )
        return stored.publish(draft, folder, named, content=(arrays, facts)).report


def _unspoilt(table: pa.Table, without: Sequence[Key]) -> pa.Table:
    """Return the bars without those of these instruments and sessions."""
    spoilt = pa.array([f"{who} {day}" for who, day in without])
    words = table.column("instrument").cast(pa.string())
    days = table.column("session").cast(pa.string())
    keys = pc.binary_join_element_wise(words, days, " ")
    return table.filter(pc.invert(pc.is_in(keys, spoilt)))


def read_rows(places: Sequence[tuple[Path, Sequence[Segment]]]) -> Rows:
    """Return a reader of the rows of segments that lie in several folders."""

    def rows(kind: str) -> Iterator[pa.Table]:
        for folder, segments in places:
            for segment in segments:
                if segment.kind == kind:
                    yield from read_segment(folder, segment)

    return rows


def _rows(current: Stored) -> Rows:
    return read_rows([(current.folder, current.manifest.segments)])


def _redescribed(
    current: Stored, manifest: stored.Manifest, arrays: PriceArrays, facts: Facts
) -> stored.Manifest:
    info = manifest.info
    benchmarks = tuple(name for name in info.benchmarks if name in arrays.symbols)
    info = info.model_copy(update={"benchmarks": benchmarks})
    symbols = PriceTable(info, arrays, current.calendar, facts).tickers()
    report = manifest.report.model_copy(update={"symbols": arrays.symbols})
    info = info.model_copy(update={"symbols": symbols})
    return manifest.model_copy(update={"info": info, "report": report})


def _report(current: Stored, found: Additions, info: DatasetInfo) -> ImportReport:
    screen, quarantine = found.screen, found.screen.quarantine
    ways_out = (_WAYS_OUT,) if info.suspected_splits else ()
    if found.doubtful:
        ways_out = (*about_splits(_by_ticker(found, found.doubtful), "doubtful"), OUT_OF_DOUBT)
    return current.manifest.report.model_copy(
        update={
            "rows_read": screen.read,
            "rows_kept": screen.read - quarantine.count,
            "rows_rejected": quarantine.count,
            "notes": (*found.notes(), *ways_out),
            "caveats": info.caveats,
            "suspected_splits": info.suspected_splits,
            "reasons": tuple(
                RefusedRows(reason=reason, rows=rows)
                for reason, rows in quarantine.reasons.most_common()
            ),
            "rejected": tuple(sorted(quarantine.rows, key=lambda row: (row.source, row.line))),
        }
    )


def _by_ticker(found: Additions, suspects: Sequence[SuspectedSplit]) -> tuple[SuspectedSplit, ...]:
    return tuple(
        each.model_copy(update={"symbol": found.bearers.ticker(each.symbol, each.session)})
        for each in suspects
    )


def _caveats(
    info: DatasetInfo,
    suspected: Sequence[SuspectedSplit],
    decision: Literal["adjust", "accept"] | None,
) -> tuple[str, ...]:
    """Return the set's caveats with those about split-like moves brought up to date."""
    fresh = about_splits(suspected, decision)
    unsettled = (
        *about_splits(info.suspected_splits, None),
        *about_splits(info.suspected_splits, "doubtful"),
    )
    kept = [line for line in info.caveats if line not in unsettled and line not in fresh]
    return (*kept, *fresh)


def _unwanted(
    current: Stored, symbols: Sequence[str] | None, start: date | None, end: date | None
) -> NDArray[np.bool_]:
    """Return which cells of the arrays are to go, shape (T, N)."""
    if start and end and end < start:
        raise InvalidRequest("the end lies before the start")
    arrays = current.arrays
    days: list[date] = arrays.sessions.tolist()
    within = np.array([(start or day) <= day <= (end or day) for day in days], dtype=np.bool_)
    if symbols is None:
        return np.repeat(within[:, None], len(arrays.symbols), axis=1)
    unwanted = np.zeros((len(days), len(arrays.symbols)), dtype=np.bool_)
    column_of = {name: column for column, name in enumerate(arrays.symbols)}
    bearers = Bearers([current.facts])
    for symbol in symbols:
        meant = [column_of.get(who, -1) for who in bearers.rename(symbol, arrays.sessions)]
        columns = np.array(meant, dtype=np.int64)
        rows = np.flatnonzero(columns >= 0)
        if not len(rows):
            raise NotFound(f"the data set {current.manifest.info.name!r} has no symbol {symbol!r}")
        unwanted[rows, columns[rows]] = within[rows]
    return unwanted


def _joined(kind: str, tables: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables([SCHEMAS[kind].empty_table(), *tables]).unify_dictionaries()


def _without(table: pa.Table, gone: pa.Array) -> pa.Table:
    if "instrument" not in table.column_names:
        return table
    named = table.column("instrument").cast(pa.string())
    return table.filter(pc.invert(pc.is_in(named, gone)))
