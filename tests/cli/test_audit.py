"""`audit`: what a run's model was sent, and an exit code for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]
DAYS = ("--start", "2020-01-31", "--end", "2020-02-03", "--universe", "AAPL,KO", "--json")


@pytest.fixture(scope="module")
def jobs() -> dict[bool, str]:
    """The jobs of this module by whether they are masked; simulated at first use."""
    return {}


def job_of(run: Run, jobs: dict[bool, str], *, mask: bool) -> str:
    if mask not in jobs:
        words = ("simulate", "--models", "baseline:equal-weight", *DAYS)
        jobs[mask] = run(*words, *(["--mask"] if mask else [])).json["job_ids"][0]
    return jobs[mask]


def test_a_masked_run_says_nothing_real_and_ends_with_0(run: Run, jobs: dict[bool, str]) -> None:
    job_id = job_of(run, jobs, mask=True)
    said = run("audit", job_id)
    assert said.code == 0, said.err
    assert said.out.startswith(f"{job_id}-0 (baseline:equal-weight, masked): nothing real was said")
    (audit,) = run("audit", f"{job_id}-0", "--json").json["runs"]
    assert audit["findings"] == []
    assert audit["sessions"] == 2


def test_a_plain_run_names_everything_and_ends_with_3(run: Run, jobs: dict[bool, str]) -> None:
    said = run("audit", job_of(run, jobs, mask=False))
    assert said.code == 3
    assert "not masked" in said.out
    assert "AAPL" in said.out
    (audit,) = run("audit", job_of(run, jobs, mask=False), "--json").json["runs"]
    found = {(each["kind"], each["what"]) for each in audit["findings"]}
    assert {("ticker", "KO"), ("date", "2020")} <= found


def test_a_run_that_is_not_there_is_bad_input(run: Run, jobs: dict[bool, str]) -> None:
    for name in ("nothing", f"{job_of(run, jobs, mask=True)}-7"):
        said = run("audit", name)
        assert said.code == 2
        assert said.err.count("\n") == 1
