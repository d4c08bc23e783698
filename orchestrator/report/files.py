"""The six files of a finished job, as bytes.

`results.json`, `equity.csv`, `trades.csv`, `ledger.csv` and `report.html` depend on the results
alone; `manifest.json` also has the `execution` block. Amounts are exact decimals. In a CSV a text
that a spreadsheet would take for a formula is led by an apostrophe.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Sequence

from pydantic import BaseModel

from orchestrator.report.html import render_report
from schemas.base import plain
from schemas.ledger import Transaction
from schemas.results import Manifest, ResultsBundle

FILES = (
    *("report.html", "results.json", "equity.csv", "trades.csv", "ledger.csv"),
    "manifest.json",
)
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
