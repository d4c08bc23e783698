"""`audit`: what a run's model was sent, how its trades came about, and exit codes for both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from adapters.store.connect import Store
from tests.orchestrator.explained import DENIED, FIRST, Lived, lived

Run = Callable[..., Any]
FRI = date(2020, 1, 10)
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


def test_naming_the_kind_of_audit_changes_nothing(run: Run, jobs: dict[bool, str]) -> None:
    job_id = job_of(run, jobs, mask=True)
    assert run("audit", "prompts", job_id).out == run("audit", job_id).out
    assert run("audit", "--json", job_id).json == run("audit", "prompts", job_id, "--json").json


@pytest.fixture(scope="module")
def traded(store: Store) -> Lived:
    """A stored job with an order filled in two parts and one that was denied."""
    made = lived(store, "explained")
    store.jobs.create(made.job)
    return made


def test_the_orders_of_a_job_are_listed_with_their_ids(run: Run, traded: Lived) -> None:
    said = run("audit", "trades", "explained")
    assert said.code == 0, said.err
    filled, denied = (line for line in said.out.splitlines() if FIRST in line or DENIED in line)
    assert {"buy", "15", "AAA", "filled", "1500.00", "2.60"} <= set(filled.split())
    assert "denied" in denied
    rows = run("audit", "trades", "explained", "--json").json["trades"]
    assert [row["order_id"] for row in rows] == [FIRST, DENIED]


def test_a_trade_is_told_link_by_link(run: Run, traded: Lived) -> None:
    said = run("audit", "trade", "explained", FIRST)
    assert said.code == 0, said.err
    links = (
        "data seen: 2 tool calls",
        "prices_get_bars",
        "memories recalled: 1 search among 1 memory",
        "AAA fell in March. (as answered)",
        "model: some:model as alpha_trading, 4 steps, 900 tokens in, 80 out, 0.001234 USD",
        "proposal: invest, confidence 0.70: AAA is cheap.",
        "placed by call 3, trading_place_order",
        "gate: passed",
        "order: market day, filled, 15 of 15 units filled; because: it fell",
        "partially_filled",
        "fills: 2 fills",
        "ledger: transaction 1, made: verified",
        "assets:positions:AAA",
        "ledger: transaction 2, made: verified",
    )
    at = -1
    for link in links:
        assert said.out.find(link, at + 1) > at, link
        at = said.out.find(link, at + 1)
    assert "missing" not in said.out
    chain = run("audit", "trade", "explained", FIRST[:8] + "1", "--json").json
    assert chain["order"]["status"] == "filled"
    assert [each["verified"] for each in chain["ledger"]] == [True, True]


def test_a_denied_order_is_told_up_to_the_gate(run: Run, traded: Lived) -> None:
    said = run("audit", "trade", "explained", DENIED).out
    assert "gate: denied" in said
    assert "selling 15 AAA exceeds what is held" in said
    assert "ledger: nothing was booked" in said


def test_an_order_that_is_not_there_is_bad_input_with_a_hint(run: Run, traded: Lived) -> None:
    said = run("audit", "trade", "explained", "nothing")
    assert said.code == 2
    assert "`alphashield audit trades explained` lists its orders" in said.err
    assert run("audit", "trade", "nobody", FIRST).code == 2
    assert run("audit", "trades", "nobody").code == 2


def test_an_altered_ledger_is_told_and_ends_with_5(run: Run, store: Store) -> None:
    made = lived(store, "altered-explained")
    store.jobs.create(made.job)
    made.fill(FRI, FIRST, 1)
    honest = made.days.end(FRI)
    forged = honest.transactions[0].model_copy(update={"description": "another story"})
    store.ticks.commit(made.run.run_id, 1, honest.model_copy(update={"transactions": (forged,)}))
    said = run("audit", "trade", "altered-explained", FIRST)
    assert said.code == 5
    assert "another story: ALTERED at or before it" in said.out
    assert "ledger ALTERED at transaction 3" in said.out
