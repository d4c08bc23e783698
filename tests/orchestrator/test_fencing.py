"""A worker that stood still past its lease wakes up, writes nothing, and leaves without a fuss."""

from __future__ import annotations

import signal
from datetime import date
from typing import Any

import pytest

from adapters.wiring import System
from schemas.jobs import SimulationRequest
from tests.orchestrator.crashing import Nursery, Point
from tests.orchestrator.runs import Outcome, finish, lending, queue, trading

pytestmark = pytest.mark.usefixtures("looked_once")
COLLECTIONS = {
    "jobs": "_id",
    "run_heads": "_id",
    "ticks": "run_id",
    "artifacts": "job_id",
}


def everything(system: System, job_id: str) -> dict[str, Any]:
    """Return every document of a job as it is stored, pieces of its files included."""
    tables = system.store._client[system.store.database]
    found: dict[str, Any] = {
        name: list(tables[name].find({field: {"$regex": f"^{job_id}"}}).sort("_id", 1))
        for name, field in COLLECTIONS.items()
    }
    found["pieces"] = sorted(each["_id"] for each in tables["artifact_pieces"].find({}, {"_id": 1}))
    return found


STOPS = [
    Point("jobs.claim", 1, "after"),
    Point("ticks.open", 1, "before"),
    Point("ticks.open", 2, "before"),
    Point("ticks.commit", 3, "before"),
    Point("ticks.commit", 3, "after"),
    Point("ticks.commit", 12, "before"),
    Point("ticks.copy", 4, "after"),
    Point("jobs.progress", 1, "before"),
    Point("jobs.progress", 2, "after"),
    Point("artifacts.piece.insert_one", 2, "before"),
    Point("artifacts.piece.insert_one", 2, "after"),
    Point("artifacts.name", 1, "before"),
    Point("artifacts.name", 4, "before"),
    Point("artifacts.name", 4, "after"),
    Point("artifacts.name", 6, "after"),
    Point("jobs.finish", 1, "before"),
]


def check_fencing(point: Point, request: SimulationRequest, system: System, kin: Nursery) -> None:
    """Let a worker stand still, another finish, and the first go on: nothing may have changed."""
    job = queue(system, request)
    stale = kin.start(system, job.job_id, at=point, by=signal.SIGSTOP)
    stale.stopped()
    assert finish(system, job.job_id).state == "completed"
    stored, before = everything(system, job.job_id), Outcome.of(system, job.job_id)
    assert stored["run_heads"]
    assert stored["ticks"]
    assert stored["artifacts"]
    stale.send(signal.SIGCONT)
    assert stale.ended() == 0
    assert Outcome.of(system, job.job_id) == before
    now = everything(system, job.job_id)
    assert {name: now[name] for name in COLLECTIONS} == {name: stored[name] for name in COLLECTIONS}
    assert set(now["pieces"]) <= set(stored["pieces"])  # it may clear away what it left itself


@pytest.mark.promise("fencing")
@pytest.mark.parametrize("point", STOPS, ids=str)
def test_a_worker_that_stood_still_at_a_write_writes_nothing_when_it_wakes(
    point: Point, system: System, nursery: Nursery
) -> None:
    check_fencing(point, trading(), system, nursery)


@pytest.mark.promise("fencing")
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_heartbeat_that_comes_too_late_gives_no_job_back(
    when: str, system: System, nursery: Nursery
) -> None:
    long = trading("baseline:equal-weight", end_date=date(2020, 4, 1))
    check_fencing(Point("jobs.heartbeat", 1, when), long, system, nursery)


@pytest.mark.promise("fencing")
def test_a_lender_that_stood_still_pays_nothing_twice(system: System, nursery: Nursery) -> None:
    check_fencing(Point("ticks.commit", 5, "before"), lending(), system, nursery)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.promise("fencing")
@pytest.mark.parametrize("when", ["before", "after"])
def test_standing_still_at_every_single_write(when: str, system: System, nursery: Nursery) -> None:
    for nth in range(2, 48):
        check_fencing(Point("any", nth, when), trading(), system, nursery)
