"""SIGTERM: the tick under way is committed, the job goes back to the queue, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date
from threading import Event
from time import monotonic

import pytest

from adapters.wiring import System
from config.version import code_version
from tests.orchestrator.crashing import Nursery
from tests.orchestrator.runs import ROOT, Outcome, finish, lending, queue, run, trading

DRAIN_S = 30.0
"""The promise's figure; a drain takes a fraction of a second."""
LONG = trading("baseline:equal-weight", "baseline:buy-and-hold", end_date=date(2020, 4, 9))


@pytest.fixture(scope="module")
def undisturbed(system: System) -> Outcome:
    return Outcome.of(system, run(system, LONG).job_id)


@pytest.mark.promise("drain")
@pytest.mark.parametrize("ticks", [1, 12])
def test_a_drained_job_is_queued_again_and_ends_with_the_same_bytes(
    ticks: int, system: System, nursery: Nursery, undisturbed: Outcome
) -> None:
    job = queue(system, LONG)
    worker = nursery.start(system, None)
    worker.has_written(ticks, "ticks.commit")
    begun = monotonic()
    worker.send(signal.SIGTERM)
    assert worker.ended() == 0
    assert monotonic() - begun < DRAIN_S
    left = system.store.jobs.get(job.job_id)
    assert (left.state, left.worker, left.lease_until) == ("queued", None, None)
    committed = [tick.n for tick in system.store.ticks.ticks(job.runs[0].run_id)]
    assert len(committed) == len(worker.writes("ticks.commit")) >= ticks
    assert left.runs[0].sessions_done == len(committed)
    finish(system, job.job_id)
    assert Outcome.of(system, job.job_id) == undisturbed


@pytest.mark.promise("drain")
def test_a_drain_while_files_are_written_finishes_the_job(system: System, nursery: Nursery) -> None:
    undisturbed = Outcome.of(system, run(system, lending()).job_id)
    job = queue(system, lending())
    worker = nursery.start(system, None)
    worker.has_written(1, "artifacts.name")
    worker.send(signal.SIGTERM)
    assert worker.ended() == 0
    assert Outcome.of(system, job.job_id) == undisturbed


@pytest.mark.promise("drain")
def test_a_drained_worker_takes_no_other_job(system: System, nursery: Nursery) -> None:
    first, second = queue(system, LONG), queue(system, LONG)
    worker = nursery.start(system, None)
    worker.has_written(1, "ticks.commit")
    worker.send(signal.SIGTERM)
    assert worker.ended() == 0
    assert system.store.jobs.get(second.job_id).fence == 0
    assert system.store.jobs.get(first.job_id).state == "queued"
    for job in (first, second):  # the next test's worker is to find the queue empty
        system.store.jobs.request_cancel(job.job_id, now=system.wall.now())


@pytest.mark.promise("drain")
def test_the_worker_command_drains_on_sigterm(system: System) -> None:
    system = replace(system, code_version=code_version())
    job = queue(system, trading("baseline:equal-weight", start_date=date(2010, 1, 4)))
    settings = {
        "ALPHASHIELD_HOME": str(system.settings.home),
        "ALPHASHIELD_DATABASE": system.store.database,
        "MONGODB_URI": system.store.uri,
    }
    worker = subprocess.Popen(
        [sys.executable, "-m", "cli", "worker"], cwd=ROOT, env={**os.environ, **settings}
    )
    try:
        until_it_runs(system, job.job_id, worker)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(DRAIN_S) == 0
    finally:
        worker.kill()
        worker.wait()
    left = system.store.jobs.get(job.job_id)
    assert (left.state, left.worker) == ("queued", None)
    assert 0 < left.runs[0].sessions_done == head(system, job.runs[0].run_id)


def until_it_runs(system: System, job_id: str, worker: subprocess.Popen[bytes]) -> None:
    pause = Event()
    while not (job := system.store.jobs.get(job_id)).runs[0].sessions_done:
        assert worker.poll() is None, "the worker ended by itself"
        assert job.state in {"queued", "running"}, job.error
        pause.wait(0.05)


def head(system: System, run_id: str) -> int:
    return sum(1 for _ in system.store.ticks.ticks(run_id))
