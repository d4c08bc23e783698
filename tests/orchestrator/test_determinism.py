"""The same requests give the same bytes, whatever the hash seed and however many workers."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.market.catalog import LocalCatalog
from adapters.wiring import System
from schemas.jobs import Job
from tests.orchestrator.crashing import Nursery
from tests.orchestrator.runs import Outcome, lending, opened, queue, run, trading

QUEUE = (
    trading(),
    trading("baseline:min-variance", "baseline:buy-and-hold"),
    lending(),
    trading("baseline:equal-weight", cadence="weekly", seed=7),
)


@pytest.fixture(scope="module")
def other_nursery() -> Iterator[Nursery]:
    with Nursery(PYTHONHASHSEED="12345") as nursery:
        yield nursery


def drained(system: System, nursery: Nursery, *, workers: int) -> list[Outcome]:
    """Let so many workers take the queue's jobs and return what became of each."""
    jobs: list[Job] = [queue(system, request) for request in QUEUE]
    children = [nursery.start(system, None, embedded=True) for _ in range(workers)]
    while sum(len(child.writes("jobs.finish")) for child in children) < len(jobs):
        nursery.read()
    for child in children:
        child.send(signal.SIGTERM)
    assert [child.ended() for child in children] == [0] * workers
    return [Outcome.of(system, job.job_id) for job in jobs]


@pytest.mark.promise("determinism")
def test_one_worker_and_four_in_another_home_with_another_hash_seed_write_the_same_bytes(
    tmp_path: Path, catalog: LocalCatalog, nursery: Nursery, other_nursery: Nursery
) -> None:
    found: list[list[Outcome]] = []
    for name, kin, workers in (("one", nursery, 1), ("four", other_nursery, 4)):
        with opened(tmp_path / name, None, "alphashield", catalog=catalog) as system:
            found.append(drained(system, kin, workers=workers))
    for one, four in zip(*found, strict=True):
        assert one.state == "completed"
        assert set(one.files) == {
            "equity.csv",
            "ledger.csv",
            "manifest.json",
            "report.html",
            "results.json",
            "trades.csv",
            "trips.csv",
        }
        same(one, four)


@pytest.mark.promise("determinism")
def test_a_run_does_not_depend_on_the_models_beside_it(system: System) -> None:
    both = Outcome.of(system, run(system, trading()).job_id)
    alone = [
        Outcome.of(system, run(system, trading(model)).job_id)
        for model in ("baseline:momentum", "baseline:equal-weight")
    ]
    assert sorted(both.ledgers) == sorted(hash_ for each in alone for hash_ in each.ledgers)


@pytest.mark.promise("determinism")
@pytest.mark.parametrize(
    "other",
    [
        lambda: trading(seed=1),
        lambda: trading(cash="100000.01"),
        lambda: trading(cadence="weekly"),
        lambda: trading(universe=("AAPL", "JPM")),
    ],
    ids=["seed", "cash", "cadence", "universe"],
)
def test_another_request_is_another_run(system: System, other: Callable[..., object]) -> None:
    one, two = queue(system, trading()), queue(system, other())  # type: ignore[arg-type]
    assert not {r.run_key for r in one.runs} & {r.run_key for r in two.runs}


def same(one: Outcome, other: Outcome) -> None:
    assert one.ledgers == other.ledgers
    assert one.ticks == other.ticks
    assert [n for n in one.files if one.files[n] != other.files[n]] == []
    assert one == other
