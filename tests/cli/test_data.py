"""Importing one's own prices: what is said about them, and what is decided about splits."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from adapters.calendar import ExchangeCalendar
from adapters.store.connect import Store
from tests.cli.conftest import Outcome
from tests.contracts.store_messages import a_job

Run = Callable[..., Outcome]
HEADER = "date,symbol,open,high,low,close,volume\n"
DAYS = ExchangeCalendar("XNYS").sessions(date(2021, 6, 1), date(2021, 7, 30))
SPLIT = date(2021, 6, 15)


def rows(symbol: str = "ZZZ", *, split: bool = False) -> list[str]:
    price = {day: 20.0 if split and day >= SPLIT else 300.0 for day in DAYS}
    return [f"{day},{symbol},{p},{p},{p},{p},500\n" for day, p in price.items()]


def held(run: Run, name: str, start: str = "2021-06-07") -> Outcome:
    return run(
        *("simulate", "--models", "baseline:buy-and-hold", "--data", name, "--json"),
        *("--start", start, "--end", "2021-07-30"),
    )


def test_a_split_is_never_booked_as_a_loss_silently(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(HEADER + "".join(rows(split=True)))
    said = run("data", "import", "p.csv", "--name", "raw")
    assert said.code == 0, said.err
    assert "prices look unadjusted: ZZZ 2021-06-15 moved by 15:1" in said.out
    assert "`--splits accept`" in said.out
    assert "prices look unadjusted" in run("data", "validate", "raw").out
    refused = held(run, "raw")
    assert refused.code == 2
    assert "ZZZ moved on 2021-06-15 as if by a 15:1 split" in refused.err
    assert refused.err.count("\n") == 1
    after = held(run, "raw", start="2021-06-16")
    assert after.code == 2
    assert "1 sessions before the run, which looks back" in after.err

    for splits, final in (("adjust", 100_000), ("accept", 8_000)):
        again = run("data", "import", "p.csv", "--name", splits, "--splits", splits)
        assert again.code == 0, again.err
        assert "ZZZ 2021-06-15 moved by 15:1" in again.out
        assert "are refused" not in again.out
        ran = held(run, splits)
        assert ran.code == 0, ran.err
        run("jobs", "export", ran.json["job_ids"][0], "--out", splits)
        results = json.loads((tmp_path / splits / "results.json").read_text())
        curve = results["jobs"][0]["runs"][0]["curve"]
        assert abs(float(curve["equity"][-1]) - final) < 500
    assert run("data", "import", "p.csv", "--name", "x", "--splits", "guess").code == 2


def test_what_was_done_with_the_rows_is_said(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good.csv").write_text(HEADER + "".join(rows()[::-1]))
    (folder / "bad.csv").write_text("date,volume\n2021-06-01,5\n")
    for words in (("import", "in", "--name", "told"), ("validate", "told")):
        said = run("data", *words).out
        assert "rows were not in order of date and have been sorted" in said
        assert "a file was left out: bad.csv lacks the column close" in said
        assert "Whether prices are adjusted for splits and dividends is not known." in said
        assert "WARNING" not in said
        assert "refused" not in said


def test_few_refusals_are_counted_and_many_are_a_warning(run: Run, tmp_path: Path) -> None:
    good = rows()
    double, other = good[3], good[4].replace("300.0", "301.0")
    (tmp_path / "few.csv").write_text(HEADER + "".join([*good, double]))
    few = run("data", "import", "few.csv", "--name", "few").out
    duplicate = "row duplicates an earlier one of the same symbol and session"
    assert f"1 row refused: {duplicate} (1)" in few
    assert "WARNING" not in few
    spoilt = [good[at].replace("2021-", "soon-") for at in range(3)]
    (tmp_path / "many.csv").write_text(HEADER + "".join([*spoilt, *good, double, other]))
    run("data", "import", "many.csv", "--name", "many")
    many = run("data", "validate", "many").out
    assert "WARNING: 5 rows refused, 10 % of all: date is not an ISO date (3); " in many
    assert "row contradicts an earlier one of the same symbol and session (1)" in many


@pytest.mark.parametrize("user", ["job", "download"])
def test_what_a_job_or_a_download_uses_is_not_replaced(
    run: Run, home: Path, store: Store, tmp_path: Path, user: str
) -> None:
    name = f"used-{user}"
    (tmp_path / "p.csv").write_text(HEADER + "".join(rows()))
    assert run("data", "import", "p.csv", "--name", name).code == 0
    before = run("data", "validate", name, "--json").json["data_hash"]
    (tmp_path / "p.csv").write_text(HEADER + "".join(rows("OTHER")))
    replace = ("data", "import", "p.csv", "--name", name, "--replace")
    if user == "job":
        job = a_job(f"job-{uuid.uuid4().hex[:8]}")
        wanted = job.request.model_copy(update={"data": name})
        store.jobs.create(job.model_copy(update={"request": wanted}))
        known, cancel = job.job_id, ("jobs", "cancel", job.job_id)
    else:
        (home / "files").mkdir(exist_ok=True)  # so that the provider `files` is set up
        span = ("--symbols", "ZZZ", "--start", str(DAYS[0]), "--kinds", "bars")
        known = run("data", "download", name, *span, "--no-wait", "--json").json["download_id"]
        cancel = ("data", "downloads", "--cancel", known)
    refused = run(*replace)
    assert refused.code == 3
    assert f"{user} {known} (queued)" in refused.err
    assert run("data", "validate", name, "--json").json["data_hash"] == before
    run(*cancel)
    assert run(*replace).code == 0
    assert run("data", "symbols", "--data", name).out == "OTHER\n"
