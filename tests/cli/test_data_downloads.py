"""Fetching, refreshing, checking and deleting data sets from the terminal."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from adapters.calendar import ExchangeCalendar
from adapters.clock import SystemClock
from adapters.store.connect import Store
from tests.cli.conftest import Outcome
from tests.contracts.store_messages import a_job

Run = Callable[..., Outcome]
HEADER = "date,symbol,open,high,low,close,volume\n"
NYSE = ExchangeCalendar("XNYS")
DAYS = NYSE.sessions(date(2024, 1, 2), date(2024, 1, 31))
PERIOD = ("--start", "2024-01-02", "--end", "2024-01-31", "--kinds", "bars")


@pytest.fixture(scope="module")
def shelf(home: Path) -> Path:
    """The folder that the provider `files` reads, with prices of two symbols."""
    folder = home / "files"
    folder.mkdir(exist_ok=True)
    for symbol in ("AAA", "BBB"):
        put(folder, symbol, DAYS)
    return folder


def put(folder: Path, symbol: str, days: tuple[date, ...], *, price: float = 50.0) -> None:
    rows = [
        f"{day},{symbol},{price},{price},{price},{price + i % 3},900\n"
        for i, day in enumerate(days)
    ]
    rows = [
        row.replace(f",{price},{price},{price},", f",{price},{price + 2},{price},") for row in rows
    ]
    (folder / f"{symbol}.csv").write_text(HEADER + "".join(rows))


def bars(run: Run, name: str) -> dict[str, int]:
    found = run("data", "coverage", "--data", name, "--json").json
    return {each["symbol"]: each["bars"] for each in found["symbols"]}


def test_a_download_is_drained_here_and_told(run: Run, shelf: Path) -> None:
    done = run("data", "download", "fetched", "--symbols", "AAA,BBB", *PERIOD)
    assert done.code == 0, done.err
    assert "into 'fetched' is completed: 2 of 2 chunks, 42 rows, from files" in done.out
    assert "2 of 2 chunks, running" in done.err
    assert bars(run, "fetched") == {"AAA": 21, "BBB": 21}
    listed = run("data", "downloads", "--json").json["downloads"]
    assert listed[0]["request"]["data"] == "fetched"
    assert "completed" in run("data", "downloads").out
    assert run("data", "symbols", "--data", "fetched").out == "AAA BBB\n"


def test_what_failed_is_said_and_tried_again_on_resuming(run: Run, shelf: Path) -> None:
    partial = run("data", "download", "part", "--symbols", "AAA,CCC", *PERIOD, "--json")
    assert partial.code == 5
    view = partial.json
    assert (view["state"], view["chunks_done"], view["chunks_failed"]) == ("partial", 1, 1)
    assert view["failures"][0]["item"] == "CCC"
    assert f"data download --resume {view['download_id']}" in partial.err
    put(shelf, "CCC", DAYS)
    resumed = run("data", "download", "--resume", view["download_id"])
    assert resumed.code == 0, resumed.err
    assert "2 of 2 chunks" in resumed.out
    assert bars(run, "part") == {"AAA": 21, "CCC": 21}
    assert run("data", "download", "--resume", view["download_id"]).code == 3
    assert run("data", "download", "x", "--resume", view["download_id"]).code == 2


def test_a_download_left_to_a_worker_goes_on_when_the_command_is_given_again(
    run: Run, shelf: Path
) -> None:
    words = ("data", "download", "later", "--symbols", "AAA", *PERIOD, "--json")
    stored = run(*words, "--no-wait")
    assert (stored.code, stored.json["state"]) == (0, "queued")
    again = run(*words)
    assert (again.code, again.json["state"]) == (0, "completed")
    assert again.json["download_id"] == stored.json["download_id"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("mine", "--symbols", "AAA"), 2, "--start is missing"),
        (("--symbols", "AAA", *PERIOD), 2, "NAME is missing"),
        (("mine", *PERIOD), 2, "need symbols"),
        (("Mine", "--symbols", "AAA", *PERIOD), 2, "NAME: "),
        (("mine", "--symbols", "aaa", *PERIOD), 2, "--symbols"),
        (("mine", "--symbols", "AAA", "--start", "soon"), 2, "--start: "),
        (("bundled", "--symbols", "AAA", *PERIOD), 2, "comes with the program"),
        (("mine", "--symbols", "AAA", *PERIOD, "--provider", "who"), 2, "unknown provider 'who'"),
        (("mine", "--symbols", "AAA", *PERIOD, "--provider", "fred"), 3, "FRED_API_KEY"),
        (("mine", "--series", "GDP", "--start", "2024-01-01"), 3, "offers macro (fred needs"),
        (("--resume", "no-such"), 2, "no such download"),
    ],
)
def test_what_cannot_be_fetched_is_refused_in_one_sentence(
    run: Run, words: tuple[str, ...], code: int, said: str
) -> None:
    refused = run("data", "download", *words)
    assert (refused.code, refused.out) == (code, "")
    assert said in refused.err
    assert refused.err.count("\n") == 1


def test_a_refresh_finds_new_and_restated_bars(run: Run, shelf: Path) -> None:
    today = SystemClock().now().date()
    recent = NYSE.sessions(today - timedelta(days=40), today - timedelta(days=1))
    put(shelf, "FRESH", recent[:-2])
    span = ("--start", str(recent[0]), "--end", str(recent[-3]), "--kinds", "bars")
    assert run("data", "download", "fresh", "--symbols", "FRESH", *span).code == 0
    put(shelf, "FRESH", recent, price=60.0)
    refused = run("data", "refresh", "fresh")
    assert refused.code == 3
    assert "no provider that is set up offers actions (" in refused.err
    assert "alphavantage needs a key: set ALPHAVANTAGE_API_KEY" in refused.err
    refreshed = run("data", "refresh", "fresh", "--kinds", "bars")
    assert refreshed.code == 0, refreshed.err
    assert "2 are new, 5 restated" in refreshed.out.replace("bars are", "are")
    assert bars(run, "fresh") == {"FRESH": len(recent)}
    assert run("data", "refresh", "fresh", "--kinds", "ticks").code == 2


def test_a_suspected_split_of_a_download_is_decided_by_giving_it_again(
    run: Run, shelf: Path
) -> None:
    put(shelf, "CUT", DAYS[:10], price=300.0)
    before = (shelf / "CUT.csv").read_text()
    put(shelf, "CUT", DAYS[10:], price=20.0)
    (shelf / "CUT.csv").write_text(before + (shelf / "CUT.csv").read_text().removeprefix(HEADER))
    words = ("data", "download", "cut", "--symbols", "CUT", *PERIOD)
    assert run(*words).code == 0
    told = run("data", "validate", "cut").out
    assert f"prices look unadjusted: CUT {DAYS[10]} moved by 15:1" in told
    assert "give the same command again with `--splits adjust`" in told
    assert run(*words, "--splits", "guess").code == 2
    done = run(*words, "--splits", "adjust")
    assert done.code == 0, done.err
    told = run("data", "validate", "cut").out
    assert f"a split was inferred from the prices: CUT {DAYS[10]} moved by 15:1" in told
    assert "unadjusted" not in told


def test_a_data_set_is_validated_by_name(run: Run, shelf: Path, home: Path) -> None:
    run("data", "download", "sound", "--symbols", "AAA", *PERIOD)
    sound = run("data", "validate", "sound")
    assert sound.code == 0
    assert "'sound' is whole: 1 instrument" in sound.out
    assert run("data", "validate", "sound", "--json").json["quality"][0]["bars"] == 21
    assert run("data", "validate").out.startswith("'bundled' is whole")
    assert run("data", "validate", "nothing").code == 2
    for path in (home / "data" / "sound").rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[::-1])
    broken = run("data", "validate", "sound", "--json")
    assert (broken.code, broken.json["whole"]) == (5, False)
    assert "damaged" in run("data", "validate", "sound").out


def test_the_heat_map_is_one_page(run: Run, shelf: Path, tmp_path: Path) -> None:
    run("data", "download", "mapped", "--symbols", "AAA,BBB", *PERIOD)
    said = run("data", "coverage", "--data", "mapped", "--html", "map.html")
    assert said.code == 0, said.err
    assert "Heat map: map.html" in said.out
    page = (tmp_path / "map.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "AAA" in page


def test_nothing_is_deleted_by_accident_or_from_under_a_job(
    run: Run, shelf: Path, store: Store
) -> None:
    run("data", "download", "gone", "--symbols", "AAA,BBB", *PERIOD)
    refused = run("data", "delete", "gone")
    assert (refused.code, bars(run, "gone")) == (3, {"AAA": 21, "BBB": 21})
    assert "deletes the whole data set 'gone' for good: say --yes" in refused.err
    some = run("data", "delete", "gone", "--symbols", "BBB", "--end", "2024-01-05", "--yes")
    assert some.code == 0, some.err
    assert bars(run, "gone") == {"AAA": 21, "BBB": 17}
    assert run("data", "delete", "gone", "--start", "soon", "--yes").code == 2
    job = a_job(f"job-{uuid.uuid4().hex[:8]}")
    wanted = job.request.model_copy(update={"data": "gone"})
    store.jobs.create(job.model_copy(update={"request": wanted, "state": "paused"}))
    used = run("data", "delete", "gone", "--yes", "--json")
    assert used.code == 3
    assert f"job {job.job_id} (paused)" in json.loads(used.err)["error"]["message"]
    run("jobs", "cancel", job.job_id)
    assert run("data", "delete", "gone", "--yes").out == "'gone' is gone\n"
    assert run("data", "delete", "gone", "--yes").code == 2


def test_a_queued_download_is_stopped(run: Run, shelf: Path) -> None:
    stored = run(
        "data", "download", "stop", "--symbols", "AAA", *PERIOD, "--no-wait", "--json"
    ).json
    stopped = run("data", "downloads", "--cancel", stored["download_id"], "--json")
    assert stopped.json["downloads"][0]["state"] == "cancelled"
    assert run("data", "downloads", "--cancel", stored["download_id"]).code == 3
