"""`simulate`: a run from request to files, refusals, and stopping in the middle."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.store.connect import Store
from orchestrator import worker
from schemas.canaries import CanaryReport
from tests.cli.conftest import ROOT, Outcome

Run = Callable[..., Outcome]
BORROWER = str(ROOT / "examples" / "borrowers" / "maria-santos.json")
FILES = {
    "report.html",
    "results.json",
    "equity.csv",
    "trades.csv",
    "trips.csv",
    "ledger.csv",
    "manifest.json",
}
MONTH = ("--start", "2020-01-02", "--end", "2020-01-31", "--universe", "AAPL,KO,XOM")


def test_a_simulation_writes_its_files_and_prints_every_model(run: Run, tmp_path: Path) -> None:
    models = "baseline:buy-and-hold,baseline:equal-weight"
    done = run("simulate", "--models", models, *MONTH, "--out", "mine")
    assert done.code == 0, done.err
    assert {path.name for path in (tmp_path / "mine").iterdir()} == FILES
    assert "baseline:buy-and-hold" in done.out
    assert "Report: mine/report.html" in done.out
    results = json.loads((tmp_path / "mine" / "results.json").read_text())
    assert [each["model"] for each in results["jobs"][0]["runs"]] == models.split(",")


@pytest.mark.promise("determinism")
def test_the_same_request_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    words = ("simulate", "--models", "baseline:momentum", *MONTH, "--json", "--out")
    first, second = run(*words, "one"), run(*words, "two")
    assert first.json["runs"] == second.json["runs"]
    assert first.json["job_ids"] != second.json["job_ids"]
    for name in FILES - {"manifest.json"}:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    manifests = [
        json.loads((tmp_path / each / "manifest.json").read_text()) for each in ("one", "two")
    ]
    for manifest in manifests:
        manifest.pop("execution")
    assert manifests[0] == manifests[1]


def test_a_loan_is_decided_and_serviced(run: Run) -> None:
    done = run(
        *("simulate", "--models", "baseline:rules", "--mode", "loan", "--application", BORROWER),
        *("--start", "2019-12-02", "--end", "2020-02-10", "--universe", "bundled-20", "--json"),
    )
    assert done.code == 0, done.err
    assert done.json["runs"][0]["loan_status"] == "active"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--models", "baseline:rulez"), "did you mean 'baseline:rules'?"),
        (("--models", "rules"), "--models.0: must match pattern"),
        (("--universe", "AAPL,NOPE"), "unknown symbol 'NOPE'"),
        (("--universe", "tiny-3"), "unknown universe 'tiny-3'; known: bundled-20"),
        (("--data", "nowhere"), "there is no imported data set 'nowhere'"),
        (("--start", "2020-02-01"), "alphashield: --end lies before --start\n"),
        (("--start", "2020-13-01"), "--start: Input should be a valid date"),
        (("--start", "2020-01-04", "--end", "2020-01-05"), "has no session of XNYS"),
        (("--start", "2031-01-02", "--end", "2031-02-03"), "2031"),
        (("--cash", "-5"), "--cash: Input should be greater than 0"),
        (("--cadence", "hourly"), "--cadence: Input should be 'daily', 'weekly' or 'monthly'"),
        (("--mode", "loan"), "loan mode needs --application, trading mode takes none"),
        (("--application", BORROWER), "loan mode needs --application, trading mode takes none"),
        (("--mode", "loan", "--application", "none.json"), "none.json cannot be read"),
        (("--mask", "--mode", "loan"), "loan mode needs --application, trading mode takes none"),
        (("--seed", "many"), "--seed"),
        (("--colour", "blue"), "No such option"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2_and_leaves_nothing(
    run: Run, store: Store, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    before = store.jobs.list(limit=1)
    refused = run("simulate", "--models", "baseline:rules", *MONTH, *words)
    assert refused.code == 2, refused.err
    assert said in refused.err
    assert refused.err.startswith("alphashield: ")
    assert refused.err.count("\n") == 1
    assert refused.out == ""
    assert store.jobs.list(limit=1) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b'{"application": {"principal": "NaN"}}', b"[" * 99_999],
)
def test_a_file_that_is_no_borrowers_is_refused(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.json").write_bytes(content)
    words = ("simulate", "--models", "baseline:rules", *MONTH, "--mode", "loan")
    refused = run(*words, "--application", "b.json")
    assert refused.code == 2, refused.err
    assert refused.err.startswith("alphashield: b.json: ")
    assert refused.err.count("\n") == 1


def decide(run: Run, borrower: str, *words: str) -> Outcome:
    return run(
        *("simulate", "--models", "baseline:rules", "--mode", "loan", "--application"),
        *(str(ROOT / "examples" / "borrowers" / f"{borrower}.json"), "--universe", "AAPL,KO"),
        *("--start", "2019-12-02", "--end", "2020-02-10", *words),
    )


@pytest.mark.parametrize(
    ("borrower", "decision", "said"),
    [
        ("devon-clarke", "refused", "- Housing, debts and the instalment take 58.5% of gross"),
        ("james-okafor", "refused", "- The contract's APR is 4.27%; by Regulation Z it is 8.00%."),
        ("yuki-tanaka", "referred", "- There are 2 full months of transactions; a decision"),
    ],
)
def test_a_loan_that_was_not_granted_shows_every_reason_and_nothing_paid(
    run: Run, *, borrower: str, decision: str, said: str
) -> None:
    told = decide(run, borrower, "--json").json
    assert told["runs"][0]["loan_decision"] == decision
    for shown in (decide(run, borrower), run("jobs", "show", told["job_ids"][0])):
        assert shown.code == 0
        assert f"· baseline:rules: {decision}\n" in shown.out
        assert f"\n{said}" in shown.out
        for reason in told["runs"][0]["loan_reasons"]:
            assert f"\n- {reason}\n" in shown.out
        assert "paid" not in shown.out
        assert "invested" not in shown.out


def test_a_loan_that_was_paid_out_shows_its_decision_and_what_was_paid(run: Run) -> None:
    shown = decide(run, "maria-santos").out
    assert "· baseline:rules: approved\n- " in shown
    assert "4,000.00 / 6,000.00" in shown
    assert "2 of 36" in shown


def test_an_error_is_an_object_when_json_is_asked_for(run: Run) -> None:
    refused = run("simulate", "--models", "baseline:rulez", *MONTH, "--json")
    error = json.loads(refused.err)["error"]
    assert (error["code"], error["exit_code"], refused.code) == ("not-found", 2, 2)


def test_an_out_folder_that_cannot_be_written_is_told_before_any_work(
    run: Run, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file")
    words = ("simulate", "--models", "baseline:rules", *MONTH, "--out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "report.html").write_text("mine")
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "notes.txt").write_text("mine")
    before = store.jobs.list(limit=1)
    for out, code, said in (
        ("taken", 2, "is a file"),
        ("taken/below", 4, "cannot write to taken/below"),
        ("/proc/nowhere", 4, "cannot write to /proc/nowhere"),
        ("full", 2, "full holds report.html, which is no earlier report's"),
        ("mixed", 2, "mixed holds notes.txt, which is no earlier report's"),
    ):
        refused = run(*words, out)
        assert (refused.code, refused.err.count("\n")) == (code, 1), refused.err
        assert said in refused.err
    assert store.jobs.list(limit=1) == before
    assert (tmp_path / "taken").read_text() == "a file"
    assert (tmp_path / "full" / "report.html").read_text() == "mine"


def test_a_request_that_is_refused_leaves_no_folder(run: Run, tmp_path: Path) -> None:
    words = ("simulate", "--models", "baseline:rulez", *MONTH)
    assert run(*words, "--out", "new/below").code == 2
    assert run(*words).code == 2
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_report_is_replaced(run: Run, tmp_path: Path) -> None:
    words = ("simulate", *MONTH, "--out", "mine", "--models")
    assert run(*words, "baseline:equal-weight").code == 0
    first = (tmp_path / "mine" / "results.json").read_bytes()
    assert run(*words, "baseline:buy-and-hold").code == 0
    assert (tmp_path / "mine" / "results.json").read_bytes() != first


def test_files_that_cannot_be_written_at_the_end_are_named_with_how_to_get_them(
    run: Run, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def displace(*_: object) -> CanaryReport:
        (tmp_path / "mine").rmdir()
        (tmp_path / "mine").write_text("in the way")
        return checked(*_)

    checked = worker.check_canaries
    monkeypatch.setattr(worker, "check_canaries", displace)
    words = ("simulate", "--models", "baseline:rules", *MONTH, "--out")
    refused = run(*words, "mine")
    job_id = store.jobs.list(limit=1)[0].job_id
    assert refused.code == 2
    assert f"`alphashield jobs export {job_id} --out DIR`" in refused.err
    assert run("jobs", "export", job_id, "--out", "elsewhere").code == 0
    assert {path.name for path in (tmp_path / "elsewhere").iterdir()} == FILES


def test_a_canarys_alarm_is_delivered_with_its_report(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = worker.check_canaries

    def loud(*asked: Any) -> CanaryReport:
        report = checked(*asked)
        first, *others = report.canaries
        sang = first.model_copy(update={"passed": False, "says": "it sang."})
        return report.model_copy(update={"canaries": (sang, *others)})

    monkeypatch.setattr(worker, "check_canaries", loud)
    words = ("simulate", "--models", "baseline:rules", *MONTH)
    done = run(*words, "--out", "mine", "--json")
    assert done.code == 5
    assert done.json["state"] == "failed"
    assert "it sang." in done.json["error"]
    assert done.json["runs"][0]["state"] == "failed"
    assert {path.name for path in (tmp_path / "mine").iterdir()} == FILES
    assert "it sang." in (tmp_path / "mine" / "report.html").read_text()
    shown = run(*words, "--out", "mine")
    assert shown.code == 5
    assert "Report: mine/report.html" in shown.out


@pytest.mark.promise("resume")
def test_ctrl_c_leaves_a_job_that_goes_on_to_the_same_result(
    start: Callable[..., subprocess.Popen[str]], run: Run, tmp_path: Path
) -> None:
    span = ("--start", "2018-01-02", "--end", "2020-12-31", "--universe", "AAPL,KO,XOM")
    words = ("simulate", "--models", "baseline:equal-weight", *span)
    process = start(*words)
    assert process.stderr is not None
    job_id = process.stderr.readline().removeprefix("job ").partition(":")[0]
    assert "running" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    assert process.wait(60) == 130
    assert f"alphashield jobs resume {job_id}" in said
    assert not (tmp_path / "out" / job_id / "results.json").exists()

    resumed = run("jobs", "resume", job_id, "--out", "resumed", "--json")
    assert resumed.code == 0, resumed.err
    undisturbed = run(*words, "--out", "undisturbed", "--json")
    assert resumed.json["runs"] == undisturbed.json["runs"]
    assert (tmp_path / "resumed" / "results.json").read_bytes() == (
        tmp_path / "undisturbed" / "results.json"
    ).read_bytes()


def test_a_killed_run_shows_what_it_committed_and_says_when_it_can_go_on(
    start: Callable[..., subprocess.Popen[str]], run: Run, store: Store
) -> None:
    span = ("--start", "2010-01-04", "--end", "2020-12-31", "--universe", "AAPL,KO,XOM")
    process = start("simulate", "--models", "baseline:equal-weight", *span)
    assert process.stderr is not None
    job_id = process.stderr.readline().removeprefix("job ").partition(":")[0]
    assert "running" in process.stderr.readline()
    process.kill()
    process.wait()
    committed = list(store.ticks.ticks(f"{job_id}-0"))
    shown = run("jobs", "show", job_id, "--json").json["runs"][0]
    assert shown["sessions_done"] == len(committed)
    assert shown["last_session"] == str(committed[-1].session)

    refused = run("jobs", "resume", job_id)
    assert refused.code == 3
    lease = store.jobs.get(job_id).lease_until
    assert lease is not None
    assert f"lasts until {lease:%Y-%m-%d %H:%M:%S} UTC" in refused.err
    assert "try again then" in refused.err
