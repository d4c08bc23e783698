"""A worker that is killed anywhere loses nothing, repeats nothing, and ends with the same bytes."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from adapters.store.locks import Files
from adapters.wiring import System
from schemas.jobs import SimulationRequest
from tests.orchestrator.crash_child import AWAY, CONFLICT
from tests.orchestrator.crashing import Child, Nursery, Point
from tests.orchestrator.runs import Outcome, finish, lending, opened, queue, run, ticks_of, trading

pytestmark = pytest.mark.usefixtures("looked_once")
Undisturbed = Callable[[SimulationRequest], Outcome]


@pytest.fixture(scope="module")
def undisturbed(system: System, looked_once: None) -> Undisturbed:
    """Run a request without disturbance, once."""
    known: dict[str, Outcome] = {}

    def outcome(request: SimulationRequest) -> Outcome:
        key = request.model_dump_json()
        if key not in known:
            known[key] = Outcome.of(system, run(system, request).job_id)
        return known[key]

    return outcome


def is_the_same(outcome: Outcome, undisturbed: Outcome) -> None:
    assert len(set(outcome.order_ids)) == len(outcome.order_ids) > 0
    assert outcome.ledgers == undisturbed.ledgers
    assert {n: outcome.files.get(n) == c for n, c in undisturbed.files.items()} == dict.fromkeys(
        outcome.files, True
    )
    assert outcome == undisturbed


def points(when: str, **numbers: tuple[int, ...]) -> list[Point]:
    return [
        Point(name.replace("__", "."), nth, when)
        for name, every in numbers.items()
        for nth in every
    ]


# Of twelve ticks the first, one between, the last of the first run, the first of the second, the
# last. Between a tick's compare-and-set and its copy is `after-ticks.commit`.
NAMED = [
    *points("before", jobs__claim=(1,), ticks__commit=(1, 7, 12), artifacts__name=(4,)),
    *points("before", jobs__finish=(1,)),
    *points("after", jobs__claim=(1,), ticks__open=(1,), ticks__commit=(1, 3, 6, 12)),
    *points("after", ticks__copy=(6,), jobs__progress=(2,), artifacts__name=(1,)),
    *points("after", artifacts__piece__insert_one=(1,), jobs__finish=(1,)),
]
LOAN = [
    *points("before", ticks__commit=(1, 5), jobs__finish=(1,)),
    *points("after", ticks__commit=(1, 5)),
]
"""The first tick pays the loan out, the fifth its first instalment."""


@pytest.mark.promise("resume")
@pytest.mark.promise("no-duplicate-order")
@pytest.mark.parametrize("point", NAMED, ids=str)
def test_trading_killed_at_a_write_ends_with_the_same_bytes(
    point: Point, system: System, nursery: Nursery, undisturbed: Undisturbed
) -> None:
    job = queue(system, trading())
    assert nursery.start(system, job.job_id, at=point).ended() == -signal.SIGKILL
    finish(system, job.job_id)
    is_the_same(Outcome.of(system, job.job_id), undisturbed(trading()))


@pytest.mark.promise("resume")
@pytest.mark.parametrize("point", LOAN, ids=str)
def test_a_loan_killed_at_a_write_ends_with_the_same_bytes(
    point: Point, system: System, nursery: Nursery, undisturbed: Undisturbed
) -> None:
    job = queue(system, lending())
    assert nursery.start(system, job.job_id, at=point).ended() == -signal.SIGKILL
    finish(system, job.job_id)
    is_the_same(Outcome.of(system, job.job_id), undisturbed(lending()))


def test_the_small_loan_has_all_that_the_points_are_about(system: System) -> None:
    (ticks,) = ticks_of(system, run(system, lending()))
    assert ticks[0].transactions[0].kind == "disbursement"
    assert ticks[4].transactions[-1].kind == "instalment"
    assert len(ticks) == 6
    assert any(tick.orders for tick in ticks)


@pytest.mark.promise("resume")
@pytest.mark.promise("no-duplicate-order")
@pytest.mark.parametrize("seed", [1])
def test_workers_that_die_one_after_the_other_still_come_to_the_end(
    seed: int, system: System, nursery: Nursery, undisturbed: Undisturbed
) -> None:
    draw, job = random.Random(seed), queue(system, trading())
    for ahead in range(8):
        point = Point("any", draw.randint(4, 20), draw.choice(["before", "after"]))
        nursery.start(system, job.job_id, at=point, ahead=ahead).ended()
    finish(system, job.job_id)
    is_the_same(Outcome.of(system, job.job_id), undisturbed(trading()))


@pytest.mark.promise("no-duplicate-order")
@pytest.mark.promise("fencing")
@pytest.mark.parametrize("seed", [1, 2])
def test_workers_that_race_for_one_job_place_every_order_once(
    seed: int, system: System, nursery: Nursery, undisturbed: Undisturbed
) -> None:
    check_race(random.Random(seed), system, nursery, undisturbed)


def check_race(
    draw: random.Random, system: System, nursery: Nursery, undisturbed: Undisturbed
) -> None:
    """Let each worker be robbed by the next, whose clock is ahead, while it still runs."""
    job = queue(system, trading())
    workers: list[Child] = []
    for ahead in range(5):
        dies = Point("any", draw.randint(6, 60)) if draw.random() < 0.5 else None
        workers.append(nursery.start(system, job.job_id, at=dies, ahead=ahead))
        workers[-1].has_written(draw.randint(1, 12))
    codes = [worker.ended() for worker in workers]
    assert set(codes) <= {0, CONFLICT, -signal.SIGKILL}
    finish(system, job.job_id)
    is_the_same(Outcome.of(system, job.job_id), undisturbed(trading()))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.promise("resume")
@pytest.mark.parametrize("request_", [trading(), lending()], ids=["trading", "loan"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_single_write_it_ends_with_the_same_bytes(
    request_: SimulationRequest,
    when: str,
    system: System,
    nursery: Nursery,
    undisturbed: Undisturbed,
) -> None:
    for nth in count(1):
        job = queue(system, request_)
        code = nursery.start(system, job.job_id, at=Point("any", nth, when)).ended()
        finish(system, job.job_id)
        is_the_same(Outcome.of(system, job.job_id), undisturbed(request_))
        if code == 0:
            break
    assert nth > 20


@pytest.mark.long
@pytest.mark.promise("no-duplicate-order")
@pytest.mark.parametrize("seed", range(10, 60))
def test_many_races_for_one_job_place_every_order_once(
    seed: int, system: System, nursery: Nursery, undisturbed: Undisturbed
) -> None:
    check_race(random.Random(seed), system, nursery, undisturbed)


VICTIMS = ("worker", "server", "supervisor", "worker and server", "everything")


def strike(victim: str, home: Path, worker: Child) -> None:
    """Kill what is named, as `kill -9` does."""
    endpoint = Files(home).read_endpoint()
    assert endpoint is not None
    if victim in {"supervisor", "everything"}:
        os.kill(endpoint.supervisor, signal.SIGKILL)
    if victim in {"server", "worker and server", "everything"} and endpoint.server:
        with suppress(ProcessLookupError):  # it was being replaced already
            os.kill(endpoint.server, signal.SIGKILL)
    if victim in {"worker", "worker and server", "everything"}:
        worker.send(signal.SIGKILL)


def check_strikes(draw: random.Random, victims: Sequence[str], home: Path, kin: Nursery) -> None:
    """Strike once a run is somewhere under way, with nobody else holding the server up."""
    with opened(home, None, "alphashield") as system:
        undisturbed = Outcome.of(system, run(system, trading()).job_id)
    for victim in victims:
        with opened(home, None, "alphashield") as system:
            job = queue(system, trading())
            worker = kin.start(system, job.job_id, embedded=True)
            worker.has_written(draw.randint(1, 40))
            strike(victim, home, worker)
            assert worker.ended() in {0, AWAY, -signal.SIGKILL}
        with opened(home, None, "alphashield") as system:
            if system.store.jobs.get(job.job_id).state == "paused":
                system.store.jobs.resume(job.job_id, now=system.wall.now())
            finish(system, job.job_id)
            is_the_same(Outcome.of(system, job.job_id), undisturbed)


@pytest.mark.promise("resume")
def test_kill_9_of_worker_server_or_all_at_random_moments_loses_nothing(
    tmp_path: Path, nursery: Nursery
) -> None:
    check_strikes(random.Random(5), VICTIMS, tmp_path, nursery)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.promise("resume")
@pytest.mark.parametrize("seed", range(4))
def test_kill_9_at_200_random_moments_loses_nothing(
    seed: int, tmp_path: Path, nursery: Nursery
) -> None:
    draw = random.Random(100 + seed)
    check_strikes(draw, draw.choices(VICTIMS, k=50), tmp_path, nursery)
