"""The six files of a finished job, as bytes and on a disk.

`results.json`, `equity.csv`, `trades.csv`, `ledger.csv` and `report.html` depend on the results
alone; `manifest.json` also has the `execution` block. Amounts are exact decimals. In a CSV a text
that a spreadsheet would take for a formula is led by an apostrophe.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from orchestrator.report.html import render_report
from schemas.base import plain
from schemas.errors import AlphaShieldError, InvalidRequest, Unavailable
from schemas.ledger import Transaction
from schemas.results import Manifest, ResultsBundle

FILES = (
    *("report.html", "results.json", "equity.csv", "trades.csv", "ledger.csv"),
    "manifest.json",
)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WRONG_PLACE = {
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR),
    *(errno.ENAMETOOLONG, errno.EEXIST, errno.ELOOP),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render_files(
    bundle: ResultsBundle, manifest: Manifest, transactions: Iterable[tuple[str, Transaction]]
) -> dict[str, bytes]:
    """Return every file by name; `transactions` are (model, transaction) in ledger order.

    The manifest's `files` is filled with the SHA-256 of the others.
    """
    found = {
        "report.html": render_report(bundle, manifest_repeat=manifest.repeat).encode(),
        "results.json": _json(bundle),
        "equity.csv": _csv(_equity(bundle)),
        "trades.csv": _csv(_trades(bundle)),
        "ledger.csv": _csv(_ledger(transactions)),
    }
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    return {**found, "manifest.json": _json(manifest.model_copy(update={"files": hashes}))}


def write_outputs(
    bundle: ResultsBundle,
    manifest: Manifest,
    out_dir: Path,
    *,
    transactions: Iterable[tuple[str, Transaction]],
) -> Path:
    """Render every file and write them as one folder; see `write_files`."""
    return write_files(render_files(bundle, manifest, transactions), out_dir)


def write_files(files: Mapping[str, bytes], out_dir: Path) -> Path:
    """Write a folder whole or not at all: beside its place first, then moved there.

    A folder that holds an earlier report of ours is replaced, an empty one is filled, any other is
    left alone. `InvalidRequest` when the place cannot be written to, `Unavailable` when the disk
    is full or fails; nothing is left behind.
    """
    try:
        place = out_dir.resolve()
        _require_ours(place, out_dir)
        place.parent.mkdir(parents=True, exist_ok=True)
        staged = place.with_name(f".{place.name}.{uuid4().hex}")
        try:
            staged.mkdir()
            for name, content in files.items():
                (staged / name).write_bytes(content)
            _move(staged, place)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    except OSError as error:
        raise _refusal(error, out_dir) from error
    return out_dir


def _refusal(error: OSError, out_dir: Path) -> AlphaShieldError:
    if error.errno in _FULL:
        return Unavailable(
            f"The disk of the output folder '{out_dir}' is full; nothing was written."
        )
    why = (error.strerror or "it does not answer").lower()
    kind = InvalidRequest if error.errno in _WRONG_PLACE else Unavailable
    return kind(f"Cannot write the output folder '{out_dir}': {why}.")


def _require_ours(place: Path, named: Path) -> None:
    if not place.exists():
        return
    if not place.is_dir():
        raise InvalidRequest(f"'{named}' is a file; name a folder to write to.")
    present = {entry.name for entry in place.iterdir()}
    if not present or (present <= set(FILES) and _is_manifest(place / "manifest.json")):
        return
    raise InvalidRequest(
        f"The folder '{named}' has other things in it than an earlier report; name another one."
    )


def _is_manifest(path: Path) -> bool:
    try:
        Manifest.model_validate_json(path.read_bytes())
    except (ValidationError, FileNotFoundError, IsADirectoryError):
        return False
    return True


def _move(staged: Path, place: Path) -> None:
    """Put the new folder in place; an old one is moved aside first, and back if that fails."""
    if not place.exists():
        staged.rename(place)
        return
    aside = place.with_name(f".{place.name}.{uuid4().hex}")
    place.rename(aside)
    try:
        staged.rename(place)
    except OSError:
        aside.rename(place)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _json(message: BaseModel) -> bytes:
    text = json.dumps(
        message.model_dump(mode="json"),
        sort_keys=True,
        indent=1,
        ensure_ascii=False,
        allow_nan=False,
    )
    return (text + "\n").encode()


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def _text(value: str | None) -> str:
    """Disarm a text that a spreadsheet would run."""
    return f"'{value}" if value and value.startswith(_FORMULA) else value or ""


def _equity(bundle: ResultsBundle) -> Iterable[Sequence[object]]:
    yield ("job", "run", "session", "cash", "market_value", "equity")
    for job in bundle.jobs:
        title = _text(job.title)
        for run in job.runs:
            curve = run.curve
            columns = (curve.sessions, curve.cash, curve.market_value, curve.equity)
            for row in zip(*columns, strict=True):
                yield (title, run.model, *row)
        for benchmark in job.benchmarks:
            for session, equity in zip(benchmark.sessions, benchmark.equity, strict=True):
                yield (title, _text(benchmark.name), session, "", "", equity)


def _trades(bundle: ResultsBundle) -> Iterable[Sequence[object]]:
    yield (
        *("job", "run", "session", "agent", "client_order_id", "symbol", "side"),
        *("requested_quantity", "quantity", "reference_price", "price", "amount", "commission"),
        *("spread_cost", "slippage_cost", "realised_gain", "convention", "reason"),
        "status_reason",
    )
    for job in bundle.jobs:
        for run in job.runs:
            for trade in run.trades:
                fill = trade.fill
                gain = "" if fill.realised_gain is None else fill.realised_gain
                yield (
                    *(_text(job.title), run.model, fill.session, _text(fill.agent)),
                    *(_text(fill.client_order_id), fill.symbol, fill.side),
                    *(plain(trade.requested_quantity), plain(fill.quantity)),
                    *(plain(fill.reference_price), plain(fill.price), fill.amount),
                    *(fill.commission, fill.spread_cost, fill.slippage_cost, gain),
                    *(fill.convention, _text(trade.reason), _text(trade.status_reason)),
                )


def _ledger(transactions: Iterable[tuple[str, Transaction]]) -> Iterable[Sequence[object]]:
    yield (
        *("run", "sequence", "transaction_id", "kind", "session", "description"),
        *("account", "amount", "currency", "symbol", "quantity", "previous", "hash"),
    )
    for model, transaction in transactions:
        for entry in transaction.entries:
            yield (
                *(model, transaction.sequence, _text(transaction.transaction_id)),
                *(transaction.kind, transaction.session, _text(transaction.description)),
                *(_text(entry.account), entry.amount, entry.currency, entry.symbol or ""),
                "" if entry.quantity is None else plain(entry.quantity),
                *(entry.previous, entry.hash),
            )
