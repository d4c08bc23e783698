"""What is said about an import: the data set's limits, what was kept, what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from adapters.market.actions import Statements
from adapters.market.compare import Compared
from adapters.market.facts import Facts
from adapters.market.instruments import EPOCH
from adapters.market.screen import RowScreen
from schemas.errors import InvalidRequest
from schemas.market import DatasetInfo, ImportReport, RefusedRows, SuspectedSplit

Adjustment = Literal["raw", "split", "split_dividend", "unknown"]
_SAID = 20
_UNKNOWN_HASH = "0" * 64  # until the set is written
_WAYS_OUT = (
    "runs over a day on which prices look unadjusted are refused: import again with "
    "`--splits adjust` to record splits there, or `--splits accept` if the moves are real"
)
OUT_OF_DOUBT = (
    "runs over a day on which the volume contradicts a split are refused: tell two companies apart "
    "by `--listings`, or by a delisting in `--actions`; state a split there was in `--actions`; or "
    "say `--splits accept` if the move is real"
)


@dataclass(frozen=True, slots=True)
class Imported:
    """Everything that one import found out."""

    screen: RowScreen
    compared: Compared
    said: Statements
    facts: Facts
    suspects: tuple[SuspectedSplit, ...]
    decision: Literal["adjust", "accept"] | None
    doubtful: tuple[SuspectedSplit, ...] = ()
    """Suspects that `adjust` leaves open."""


def info_of(
    name: str,
    read: Imported,
    *,
    source: str,
    currency: str,
    benchmarks: Sequence[str],
) -> DatasetInfo:
    """Describe the data set; what follows from its content is filled in when it is written."""
    symbols = {symbol for each in read.compared.instruments.bearings for symbol in (each.symbol,)}
    for symbol in benchmarks:
        if symbol not in symbols:
            raise InvalidRequest(f"the benchmark {symbol!r} is not among the imported symbols")
    return DatasetInfo(
        name=name,
        description=f"imported from {source}",
        data_hash=_UNKNOWN_HASH,
        calendar=read.screen.calendar.name,
        currency=currency,
        close_only=read.screen.close_only,
        adjustment=adjustment_of(read),
        symbols=(),
        benchmarks=tuple(benchmarks),
        caveats=(*_caveats(read), *_about_splits(read)),
        suspected_splits=_by_ticker(
            read, read.suspects if read.decision is None else read.doubtful
        ),
    )


def report_of(info: DatasetInfo, read: Imported) -> ImportReport:
    """Say what was kept and what was refused."""
    screen, quarantine = read.screen, read.screen.quarantine
    ways_out = (_WAYS_OUT,) if info.suspected_splits else ()
    if read.doubtful:
        ways_out = (OUT_OF_DOUBT,)
    return ImportReport(
        name=info.name,
        rows_read=screen.read,
        rows_kept=screen.read - quarantine.count,
        rows_rejected=quarantine.count,
        notes=(*quarantine.notes, *_about_splits(read), *ways_out),
        caveats=info.caveats,
        suspected_splits=info.suspected_splits,
        reasons=tuple(
            RefusedRows(reason=reason, rows=rows)
            for reason, rows in quarantine.reasons.most_common()
        ),
        rejected=tuple(sorted(quarantine.rows, key=lambda row: (row.source, row.line))),
        symbols=read.compared.arrays.symbols,
        data_hash=info.data_hash,
    )


def adjustment_of(read: Imported) -> Adjustment:
    """Tell what the stored prices are adjusted for."""
    said, ids = read.said, set(read.compared.arrays.symbols)
    if said.scaled >= ids:
        return "split_dividend"
    if said.scaled:
        return "unknown"
    if said.judged.adjusted and not said.judged.shown:
        return "split"
    stated = ids <= said.splits.symbols and ids <= said.told
    inferred = bool(read.suspects) and read.decision == "adjust"
    return "raw" if stated or said.judged.shown or inferred else "unknown"


def _caveats(read: Imported) -> tuple[str, ...]:
    screen, adjustment = read.screen, adjustment_of(read)
    lines = [
        "The symbols were chosen by whoever imported them; companies that failed may be missing."
    ]
    dividends = bool(read.said.dividends) or any(
        action.kind == "cash_dividend" for _, action in read.said.table
    )
    if adjustment == "split_dividend":
        lines.append(
            "Prices are scaled to the source's adjusted close; back-adjusted prices carry the "
            "future in their level."
        )
    elif adjustment == "unknown":
        lines.append("Whether prices are adjusted for splits and dividends is not known.")
    elif adjustment == "split":
        lines.append(
            "The source adjusted its prices for splits; back-adjusted prices carry the future in "
            "their level."
        )
    if adjustment in ("raw", "split") and not dividends and not read.said.told:
        lines.append("Dividends are not known: returns leave them out.")
    if read.said.scaled and adjustment != "split_dividend":
        lines.append("Some files have adjusted closes and others have not.")
    if screen.close_only:
        lines.append("There are closes only, at least in part: orders fill at the close.")
    if screen.quarantine.count:
        lines.append(f"{screen.quarantine.count} of {screen.read} rows were refused at import.")
    return tuple(lines)


def _about_splits(read: Imported) -> tuple[str, ...]:
    decided = about_splits(_by_ticker(read, read.suspects), read.decision)
    return (*decided, *about_splits(_by_ticker(read, read.doubtful), "doubtful"))


def about_splits(
    suspects: Sequence[SuspectedSplit], decision: Literal["adjust", "accept", "doubtful"] | None
) -> tuple[str, ...]:
    """Say what was done about each split-like move; the first 20, oldest first."""
    what = {
        "adjust": "a split was inferred from the prices",
        "accept": "a move like a split is real, says whoever imported it",
        "doubtful": "the volume contradicts a split, so none was inferred (another company, or a "
        "collapse?)",
        None: "prices look unadjusted",
    }[decision]
    lines = [
        f"{what}: {split.symbol} {split.session} moved by {split.said()}"
        for split in suspects[:_SAID]
    ]
    if len(suspects) > _SAID:
        lines.append(f"{what}: and {len(suspects) - _SAID} further moves")
    return tuple(lines)


def _by_ticker(read: Imported, suspects: Sequence[SuspectedSplit]) -> tuple[SuspectedSplit, ...]:
    """Return suspects by the ticker of their day, not by their instrument."""
    instruments = read.compared.instruments
    return tuple(
        each.model_copy(
            update={"symbol": instruments.symbol_of(each.symbol, (each.session - EPOCH).days)}
        )
        for each in suspects
    )
