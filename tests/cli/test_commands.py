"""The other commands: help, jobs, data, keys, tool servers, ledger, doctor."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from pymongo import MongoClient

from adapters.store.connect import Store
from tests.cli.conftest import ROOT, Outcome

Run = Callable[..., Outcome]
QUICK = (
    *("simulate", "--models", "baseline:equal-weight", "--start", "2020-01-02"),
    *("--end", "2020-01-10", "--universe", "AAPL,KO", "--json"),
)
CSV = """date,symbol,open,high,low,close,volume
2020-01-02,ABC,10,11,9,10.5,100
2020-01-03,ABC,10.5,12,10,11,100
2020-01-06,ABC,11,10,12,11,100
2020-01-07,ABC,11,12,10,11.5,100
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The id of one finished job, made on first use."""
    return {}


@pytest.fixture
def job_id(run: Run, done: dict[str, str]) -> str:
    if not done:
        done["id"] = run(*QUICK).json["job_ids"][0]
    return done["id"]


def test_help_names_the_commands_and_loads_nothing_heavy() -> None:
    heavy = [
        "numpy",
        "pandas",
        "pydantic",
        "pymongo",
        "flask",
        "langgraph",
        "mcp",
        "numba",
        "cvxpy",
        "rich.progress",
    ]
    code = f"import sys, cli.main; print([m for m in {heavy!r} if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"


def test_without_a_command_the_help_is_shown(run: Run) -> None:
    shown = run()
    assert shown.code == 0
    for name in ("demo", "simulate", "serve", "worker", "jobs", "data", "mcp", "keys", "doctor"):
        assert name in shown.out


@pytest.mark.parametrize("words", [("nonsense",), ("jobs",), ("jobs", "show"), ("keys", "create")])
def test_a_command_line_that_is_none_exits_2(run: Run, words: tuple[str, ...]) -> None:
    refused = run(*words)
    assert refused.code == 2
    assert refused.err.startswith("alphashield: ")


def test_a_finished_job_is_listed_shown_and_exported(run: Run, job_id: str, tmp_path: Path) -> None:
    assert job_id in [job["job_id"] for job in run("jobs", "list", "--json").json["jobs"]]
    assert job_id in run("jobs", "list", "--state", "completed").out
    assert run("jobs", "show", job_id, "--json").json["state"] == "completed"
    assert run("jobs", "watch", job_id).code == 0
    exported = run("jobs", "export", job_id, "--out", "all", "--json").json
    assert {path.name for path in (tmp_path / "all").iterdir()} == set(exported["files"])
    assert run("jobs", "report", job_id, "--out", "one/r.html").code == 0
    assert (tmp_path / "one" / "r.html").read_bytes().startswith(b"<!doctype html>")


def test_a_job_that_has_ended_cannot_be_cancelled_or_resumed(run: Run, job_id: str) -> None:
    for command in ("cancel", "resume"):
        refused = run("jobs", command, job_id)
        assert refused.code == 3
        assert refused.err.startswith("alphashield: ")


def test_an_unknown_job_or_state_is_bad_input(run: Run) -> None:
    for words in (
        ("show", "nope"),
        ("export", "nope"),
        ("cancel", "nope"),
        ("list", "--state", "x"),
    ):
        assert run("jobs", *words).code == 2


@pytest.mark.promise("ledger-tamper")
def test_an_altered_entry_is_found_by_ledger_verify(run: Run, store: Store) -> None:
    job_id = run(*QUICK).json["job_ids"][0]
    sound = run("ledger", "verify", job_id, "--json")
    assert sound.code == 0
    assert sound.json["runs"][0]["verification"]["fault"] is None
    ticks: Any = MongoClient(store.uri)[store.database]["ticks"]
    row = ticks.find_one({"run_id": f"{job_id}-0", "n": 0})
    entry = row["tick"]["transactions"][0]["entries"][0]
    entry[next(name for name in entry if name.startswith("amount"))] += 1
    ticks.replace_one({"_id": row["_id"]}, row)
    ticks.database.client.close()
    altered = run("ledger", "verify", job_id, "--json")
    assert altered.code == 5
    assert altered.json["runs"][0]["verification"]["fault"]["transaction"] == 0


def test_data_sets_are_described_with_their_limits(run: Run) -> None:
    shown = run("data", "coverage")
    assert shown.code == 0
    assert "survived to 2022" in shown.out
    assert "AAPL" in run("data", "symbols").out
    assert run("data", "validate").code == 0
    assert run("data", "coverage", "--data", "nowhere").code == 2


def test_prices_of_ones_own_are_imported_checked_and_simulated_on(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(CSV)
    imported = run("data", "import", "mine.csv", "--name", "mine", "--json")
    assert imported.code == 0, imported.err
    assert (imported.json["rows_kept"], imported.json["rows_rejected"]) == (3, 1)
    assert run("data", "import", "mine.csv", "--name", "mine").code == 3
    said = run("data", "validate", "mine").out
    assert "'mine': 3 of 4 rows kept, 1 symbol, data hash" in said
    ran = run(
        *("simulate", "--models", "baseline:buy-and-hold", "--data", "mine", "--json"),
        *("--start", "2020-01-02", "--end", "2020-01-03"),
    )
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    "words",
    [("none.csv", "--name", "x"), ("empty.csv", "--name", "x"), ("mine.csv", "--name", "../x")],
)
def test_an_import_of_nothing_is_refused(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "mine.csv").write_text(CSV)
    refused = run("data", "import", *words)
    assert refused.code == 2, refused.err
    assert refused.err.count("\n") == 1


def test_servers_are_listed_and_plugged_in_by_json(run: Run, home: Path) -> None:
    names = [server["name"] for server in run("mcp", "list", "--json").json["servers"]]
    assert names == ["prices", "search", "trading", "memory", "quantum", "lending"]
    every = run("mcp", "config").json["mcpServers"]
    assert set(every) == {f"alphashield-{name}" for name in names}
    one = run("mcp", "config", "prices").json["mcpServers"]["alphashield-prices"]
    assert one["args"] == ["-m", "mcp_servers", "prices"]
    assert one["env"]["ALPHASHIELD_HOME"] == str(home)
    assert run("mcp", "config", "nope").code == 2
    assert run("mcp", "serve", "nope").code == 2


def test_a_server_looks_at_a_finished_run_as_it_stands(
    run: Run, job_id: str, environment: dict[str, str], tmp_path: Path
) -> None:
    run("jobs", "export", job_id, "--out", "all")
    results = json.loads((tmp_path / "all" / "results.json").read_text())
    curve = results["jobs"][0]["runs"][0]["curve"]
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "mcp_servers", "trading", "--run", f"{job_id}-0"],
        env=environment,
        cwd=tmp_path,
    )

    async def account() -> Any:
        async with Client(stdio_client(command)) as client:
            return (await client.call_tool("trading_get_account", {})).structured_content

    seen = asyncio.run(account())
    assert seen["equity"] == curve["equity"][-1]
    assert seen["session"] == "2020-01-13"


def test_a_missing_database_is_unavailable_in_one_sentence(run: Run) -> None:
    away = run(
        "jobs",
        "list",
        MONGODB_URI="mongodb://user:hunter2@127.0.0.1:9/?serverSelectionTimeoutMS=200",
    )
    assert away.code == 4
    assert away.err.count("\n") == 1
    assert "hunter2" not in away.err


def test_a_setting_that_is_none_refuses_to_start(run: Run) -> None:
    refused = run("jobs", "list", ALPACA_PAPER="maybe")
    assert (refused.code, refused.err.count("\n")) == (3, 1)
    assert "ALPACA_PAPER" in refused.err


@pytest.mark.promise("secrets")
def test_the_doctor_names_what_is_missing_and_shows_no_secret(run: Run) -> None:
    said = run(
        "doctor", "--json", ANTHROPIC_API_KEY="canary-9f86d081", ALPHASHIELD_LOG_LEVEL="DEBUG"
    )
    assert "canary" not in said.out + said.err
    settings = {each["variable"]: each["shown"] for each in said.json["settings"]}
    assert settings["ANTHROPIC_API_KEY"] == "set"
    findings = {each["what"]: each for each in said.json["findings"]}
    assert findings["store"]["state"] == "ok"
    assert findings["vendors"]["state"] == "note"
    assert findings["vendors"]["says"].endswith("set in vain: ANTHROPIC_API_KEY")


def test_the_doctor_promises_nothing_of_a_vendor_that_no_model_or_adapter_serves(run: Run) -> None:
    said = run("doctor", "--json").json
    vendors = next(each for each in said["findings"] if each["what"] == "vendors")
    assert "no adapter" in vendors["says"]
    meanings = {each["variable"]: each["meaning"] for each in said["settings"]}
    for variable in ("ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "DWAVE_API_TOKEN", "SENTRY_DSN"):
        assert "its adapter is not in this version" in meanings[variable]
    asked = (
        "simulate",
        "--models",
        "anthropic:any",
        "--start",
        "2020-01-02",
        "--end",
        "2020-01-10",
    )
    refused = run(*asked, ANTHROPIC_API_KEY="canary-9f86d081")
    assert (refused.code, "unknown model 'anthropic:any'" in refused.err) == (2, True)


def test_the_doctor_reports_a_store_that_is_away_and_goes_on(run: Run) -> None:
    said = run("doctor", "--json", MONGODB_URI="mongodb://127.0.0.1:9")
    assert said.code == 4
    store = next(each for each in said.json["findings"] if each["what"] == "store")
    assert store["state"] == "problem"


def test_json_is_json_for_every_listing(run: Run) -> None:
    for words in (("jobs", "list"), ("keys", "list"), ("data", "coverage"), ("data", "symbols")):
        assert json.loads(run(*words, "--json").out)
