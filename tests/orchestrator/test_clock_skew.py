"""Wall clocks that jump by ten minutes, here or elsewhere, run nothing twice and skip nothing."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.clock import SystemClock
from adapters.wiring import System
from interfaces.store import CLOCKS_APART
from orchestrator.lease_watch import LeaseWatch
from orchestrator.worker import Worker
from tests.orchestrator.runs import Outcome, queue, run, ticks_of, trading

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LENGTH = timedelta(seconds=30)
JUMP = timedelta(minutes=10)
jumps = st.timedeltas(-JUMP, JUMP)


class Hands:
    """A wall clock that shows whatever it is set to, over a steady one."""

    def __init__(self) -> None:
        self.steady = 0.0
        self.skew = timedelta()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.steady) + self.skew

    def monotonic(self) -> float:
        return self.steady


class Jumping(SystemClock):
    """The machine's time, up to ten minutes wrong, otherwise wrong at each look."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return super().now() + JUMP * self._random.uniform(-1, 1)


@pytest.mark.promise("clock-skew")
@given(st.lists(st.tuples(jumps, jumps, st.floats(0.1, 7.4)), min_size=1, max_size=40))
def test_a_living_holder_is_never_taken_for_dead(
    steps: list[tuple[timedelta, timedelta, float]],
) -> None:
    holder, watcher = Hands(), Hands()
    watch = LeaseWatch(watcher, length=LENGTH)
    for held_by, watched_by, pause in steps:  # a holder extends four times within a length
        holder.skew, watcher.skew = held_by, watched_by
        until = holder.now() + LENGTH
        assert not watch.silent("job", until)
        holder.steady += pause
        watcher.steady += pause
        assert not watch.silent("job", until)


@pytest.mark.promise("clock-skew")
@given(jumps, st.lists(jumps, min_size=6, max_size=6))
def test_a_dead_holder_is_found_after_one_length_however_the_clocks_jump(
    held_by: timedelta, watched_by: list[timedelta]
) -> None:
    watcher = Hands()
    watch = LeaseWatch(watcher, length=LENGTH)
    until = START + held_by
    found: list[bool] = []
    for skew in watched_by:
        watcher.skew = skew
        found.append(watch.silent("job", until))
        watcher.steady += LENGTH.total_seconds() / 5
    assert found[-1]
    assert (
        True not in found[:5] or (watched_by[found.index(True)] - held_by) > CLOCKS_APART - LENGTH
    )


@pytest.mark.promise("clock-skew")
def test_two_workers_with_jumping_clocks_run_each_job_once(system: System) -> None:
    plain = Outcome.of(system, run(system, trading()).job_id)
    jobs = [queue(system, trading()) for _ in range(4)]
    drain = threading.Event()
    crew = [
        Worker(replace(system, wall=Jumping(seed)), name=f"jumping-{seed}", drain=drain)
        for seed in (1, 2)
    ]
    threads = [threading.Thread(target=worker.run_forever) for worker in crew]
    for thread in threads:
        thread.start()
    waited = threading.Event()
    while any(system.store.jobs.get(job.job_id).state in {"queued", "running"} for job in jobs):
        waited.wait(0.05)
    drain.set()
    for thread in threads:
        thread.join()
    for job in jobs:
        ended = system.store.jobs.get(job.job_id)
        assert ended.fence == 1  # claimed once, by one of the two
        assert Outcome.of(system, job.job_id).ticks == plain.ticks
        for ticks in ticks_of(system, ended):
            assert [tick.n for tick in ticks] == list(range(len(ticks)))
