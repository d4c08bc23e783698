"""The six files: exact, repeatable, and on the disk as a whole or not at all."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from orchestrator.report.files import FILES, render_files, write_files, write_outputs
from schemas.base import ZERO
from schemas.errors import InvalidRequest, Unavailable
from schemas.results import Manifest, ResultsBundle
from tests.orchestrator.report_sample import bundle, ledger, loan_job, manifest, small_bundle


@cache
def files() -> dict[str, bytes]:
    results = small_bundle()
    return render_files(results, manifest(results), ledger(results))


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files()[name].decode())))


def test_all_six_are_there() -> None:
    assert set(files()) == set(FILES)


def test_only_the_execution_block_of_the_manifest_may_differ() -> None:
    results = small_bundle()
    other = render_files(results, manifest(results, second=7), ledger(results))
    assert {name for name in FILES if other[name] != files()[name]} == {"manifest.json"}
    mine, theirs = json.loads(files()["manifest.json"]), json.loads(other["manifest.json"])
    assert mine.pop("execution") != theirs.pop("execution")
    assert mine == theirs


def test_results_read_back_as_they_were() -> None:
    assert ResultsBundle.model_validate_json(files()["results.json"]) == small_bundle()


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


def test_a_folder_is_written_as_a_whole(tmp_path: Path) -> None:
    results = bundle(loan_job(approve=False))
    place = tmp_path / "deep" / "out"
    assert write_outputs(results, manifest(results), place, transactions=[]) == place
    assert {entry.name for entry in place.iterdir()} == set(FILES)
    assert [entry.name for entry in place.parent.iterdir()] == ["out"]


def test_an_earlier_report_is_replaced_and_an_empty_folder_filled(tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.mkdir()
    write_files(files(), place)
    changed = {**files(), "ledger.csv": b"new\n"}
    write_files(changed, place)
    assert (place / "ledger.csv").read_bytes() == b"new\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["notes.txt", "report.html", "manifest.json"])
def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(InvalidRequest, match="other things"):
        write_files(files(), tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_report_with_the_users_notes_beside_it_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "out"
    write_files(files(), place)
    (place / "notes.txt").write_text("mine")
    with pytest.raises(InvalidRequest, match="name another"):
        write_files(files(), place)
    assert (place / "notes.txt").read_text() == "mine"


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InvalidRequest, match="is a file"):
        write_files(files(), tmp_path / "out")
    with pytest.raises(InvalidRequest, match="Cannot write"):
        write_files(files(), tmp_path / "out" / "below")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("nth", range(len(FILES)))
@pytest.mark.parametrize(
    ("code", "error"), [(errno.ENOSPC, Unavailable), (errno.EROFS, InvalidRequest)]
)
def test_a_disk_that_fails_at_any_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int, code: int, error: type[Exception]
) -> None:
    place = tmp_path / "out"
    write_files(files(), place)
    write, done = Path.write_bytes, 0

    def failing(self: Path, data: bytes) -> int:
        nonlocal done
        done += 1
        if done > nth:
            raise OSError(code, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", failing)
    with pytest.raises(error, match="out"):
        write_files({**files(), "ledger.csv": b"new\n"}, place)
    monkeypatch.undo()
    assert {entry.name: entry.read_bytes() for entry in place.iterdir()} == files()
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_move_that_fails_puts_the_old_report_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "out"
    write_files(files(), place)
    move, done = Path.rename, 0

    def failing(self: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done == 2:
            raise OSError(errno.EIO, "Input/output error")
        return move(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(Unavailable, match="input/output error"):
        write_files({**files(), "ledger.csv": b"new\n"}, place)
    monkeypatch.undo()
    assert {entry.name: entry.read_bytes() for entry in place.iterdir()} == files()
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
