"""The files of a job: exact, repeatable, and on the disk as a whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from decimal import Decimal
from functools import cache

from orchestrator.report.files import FILES, render_files
from schemas.base import ZERO
from schemas.results import Manifest, ResultsBundle
from tests.orchestrator.report_sample import bundle, ledger, manifest, small_bundle


@cache
def files() -> dict[str, bytes]:
    results = small_bundle()
    return render_files(results, manifest(results), ledger(results))


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files()[name].decode())))


def test_every_file_is_there() -> None:
    assert set(files()) == set(FILES)


def test_only_the_execution_block_of_the_manifest_may_differ() -> None:
    results = small_bundle()
    other = render_files(results, manifest(results, second=7), ledger(results))
    assert {name for name in FILES if other[name] != files()[name]} == {"manifest.json"}
    mine, theirs = json.loads(files()["manifest.json"]), json.loads(other["manifest.json"])
    assert mine.pop("execution") != theirs.pop("execution")
    assert mine == theirs


def test_results_read_back_as_they_were() -> None:
    found = ResultsBundle.model_validate_json(files()["results.json"])
    assert found.model_dump_json() == small_bundle().model_dump_json()


def test_the_manifest_has_the_hash_of_every_other_file() -> None:
    found = Manifest.model_validate_json(files()["manifest.json"]).files
    assert set(found) == set(FILES) - {"manifest.json"}
    for name, digest in found.items():
        assert hashlib.sha256(files()[name]).hexdigest() == digest


def test_equity_has_every_session_of_every_run_and_yardstick() -> None:
    found = rows("equity.csv")
    for job in small_bundle().jobs:
        for run in job.runs:
            mine = [r for r in found if (r["job"], r["run"]) == (job.title, run.model)]
            assert [Decimal(r["equity"]) for r in mine] == list(run.curve.equity)
            assert all(
                Decimal(r["cash"]) + Decimal(r["market_value"]) == Decimal(r["equity"])
                for r in mine
            )
        for benchmark in job.benchmarks:
            mine = [r for r in found if (r["job"], r["run"]) == (job.title, benchmark.name)]
            assert [Decimal(r["equity"]) for r in mine] == list(benchmark.equity)


def test_trades_add_up_to_the_costs_of_the_results() -> None:
    found = rows("trades.csv")
    for run in (run for job in bundle(*small_bundle().jobs).jobs for run in job.runs):
        mine = [r for r in found if r["run"] == run.model]
        assert len(mine) == len(run.trades)
        amounts = sum((Decimal(r["amount"]) for r in mine), ZERO)
        assert amounts == sum((trade.fill.amount for trade in run.trades), ZERO)
        fees = sum((Decimal(r["commission"]) for r in mine), ZERO)
        assert fees == sum((trade.fill.commission for trade in run.trades), ZERO)


def test_the_ledger_has_every_entry_and_balances() -> None:
    found = rows("ledger.csv")
    booked = ledger(small_bundle())
    assert len(found) == sum(len(transaction.entries) for _, transaction in booked)
    assert sum((Decimal(r["amount"]) for r in found), ZERO) == 0
    assert [r["hash"] for r in found] == [e.hash for _, t in booked for e in t.entries]


def test_a_text_that_looks_like_a_formula_is_disarmed() -> None:
    assert {r["description"] for r in rows("ledger.csv")} == {"'=1+1 looks like a formula"}
