"""The files of a finished job, as bytes.

All but `manifest.json`, which also has the `execution` block, depend on the results alone. Amounts
are exact decimals. In a CSV a text that a spreadsheet would take for a formula is led by an
apostrophe.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal

from pydantic import BaseModel

from orchestrator.report.html import render_report
from schemas.base import plain
from schemas.ledger import Transaction
from schemas.results import Manifest, ResultsBundle

FILES = (
    *("report.html", "results.json", "equity.csv", "trades.csv", "trips.csv", "ledger.csv"),
    "manifest.json",
)
TRIPS = (
    *(("symbol", "symbols"), ("last_symbol", "last_symbols"), ("direction", "directions")),
    *(("opened", "opened"), ("closed", "closed"), ("days_held", "days_held")),
    *(("entries", "entries"), ("exits", "exits"), ("day_trade", "day_trades")),
    *(("long_hold", "long_holds"), ("units_opened", "units_opened")),
    *(("units_closed", "units_closed"), ("units_by_actions", "units_by_actions")),
    *(("units_open", "units_open"), ("entry_amount", "entry_amounts")),
    *(("exit_amount", "exit_amounts"), ("commission", "commissions")),
    *(("price_costs", "price_costs"), ("realised_gain", "realised_gains"), ("gain", "gains")),
    *(("dividends", "dividends"), ("gain_share", "gain_shares"), ("mae", "mae"), ("mfe", "mfe")),
)
"""Columns of `trips.csv`, and the fields of `RoundTrips` they are of."""
_UNITS = frozenset(name for name, _ in TRIPS if name.startswith("units_"))
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
        "trips.csv": _csv(_trips(bundle)),
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
        *("job", "run", "session", "agent", "client_order_id", "fill_id", "symbol", "side"),
        *("order_type", "time_in_force", "requested_quantity", "quantity", "reference_price"),
        *("price", "amount", "commission", "spread_cost", "slippage_cost", "impact_cost"),
        *("realised_gain", "convention", "reason", "status_reason"),
    )
    for job in bundle.jobs:
        for run in job.runs:
            for trade in run.trades:
                fill = trade.fill
                gain = "" if fill.realised_gain is None else fill.realised_gain
                yield (
                    *(_text(job.title), run.model, fill.session, _text(fill.agent)),
                    *(_text(fill.client_order_id), _text(fill.fill_id), fill.symbol, fill.side),
                    *(trade.terms.order_type, trade.terms.time_in_force),
                    *(plain(trade.requested_quantity), plain(fill.quantity)),
                    *(plain(fill.reference_price), plain(fill.price), fill.amount),
                    *(fill.commission, fill.spread_cost, fill.slippage_cost, fill.impact_cost),
                    *(gain, fill.convention, _text(trade.reason), _text(trade.status_reason)),
                )


def _trips(bundle: ResultsBundle) -> Iterable[Sequence[object]]:
    yield ("job", "run", *(name for name, _ in TRIPS))
    for job in bundle.jobs:
        for run in job.runs:
            if run.score is None:
                continue
            columns = [getattr(run.score.trips, column) for _, column in TRIPS]
            for row in zip(*columns, strict=True):
                cells = (_trip(name, value) for (name, _), value in zip(TRIPS, row, strict=True))
                yield (_text(job.title), run.model, *cells)


def _trip(name: str, value: object) -> object:
    """Write one value of a trip: units without needless zeros, shares as in the JSON, yes or no."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return plain(value) if name in _UNITS else float(value) if name == "gain_share" else value
    return value


def _ledger(transactions: Iterable[tuple[str, Transaction]]) -> Iterable[Sequence[object]]:
    yield (
        *("run", "sequence", "transaction_id", "kind", "session", "description"),
        *("account", "amount", "currency", "symbol", "quantity", "lot", "previous", "hash"),
    )
    for model, transaction in transactions:
        for entry in transaction.entries:
            yield (
                *(model, transaction.sequence, _text(transaction.transaction_id)),
                *(transaction.kind, transaction.session, _text(transaction.description)),
                *(_text(entry.account), entry.amount, entry.currency, entry.symbol or ""),
                "" if entry.quantity is None else plain(entry.quantity),
                *(_text(entry.lot), entry.previous, entry.hash),
            )
