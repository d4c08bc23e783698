"""A simulation that meets a halt pauses, and ends with the bytes it would have had."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.kill_switch import MemoryKillSwitch
from adapters.wiring import System
from schemas.risk import Halt
from tests.contracts.kill_switch import LATER, a_halt
from tests.orchestrator.runs import Outcome, finish, queue, run, trading

pytestmark = pytest.mark.usefixtures("looked_once")


class PulledAt(MemoryKillSwitch):
    """A kill switch that somebody pulls just before its n-th question, once."""

    def __init__(self, nth: int) -> None:
        super().__init__()
        self.asked = 0
        self._nth = nth

    def halted(self) -> Halt | None:
        self.asked += 1
        if self.asked == self._nth:
            self.pull(a_halt())
        return super().halted()


@pytest.fixture(scope="module")
def undisturbed(system: System, looked_once: None) -> tuple[Outcome, int]:
    """What comes of it when nobody halts, and how often the switch was asked."""
    switch = PulledAt(0)
    job = run(replace(system, kill_switch=switch), trading())
    return Outcome.of(system, job.job_id), switch.asked


@pytest.mark.promise("risk-limits")
@pytest.mark.promise("determinism")
@pytest.mark.parametrize("part", [0.0, 0.5, 1.0], ids=["first", "middle", "last"])
def test_a_run_that_met_a_halt_leaves_no_trace_of_it(
    system: System, undisturbed: tuple[Outcome, int], part: float
) -> None:
    outcome, asked = undisturbed
    assert asked >= 3
    switch = PulledAt(1 + round(part * (asked - 1)))
    halted = replace(system, kill_switch=switch)
    job = finish(halted, queue(halted, trading()).job_id)
    assert job.state == "paused"
    assert job.error is not None
    assert job.error.startswith("trading is halted by Ada Lovelace since 2026-11-21 04:00:00 UTC")
    assert "alphashield halt off --by NAME" in job.error
    stored = [
        order
        for each in job.runs
        for tick in system.store.ticks.ticks(each.run_id)
        for order in tick.orders
    ]
    assert not any("halt" in (order.status_reason or "") for order in stored)
    switch.release(by="Grace Hopper", now=LATER)
    system.store.jobs.resume(job.job_id, now=system.wall.now())
    assert finish(halted, job.job_id).state == "completed"
    assert Outcome.of(system, job.job_id) == outcome


def test_a_job_that_is_resumed_while_trading_is_still_halted_pauses_again(system: System) -> None:
    switch = PulledAt(1)
    halted = replace(system, kill_switch=switch)
    job = finish(halted, queue(halted, trading()).job_id)
    for _ in range(2):
        system.store.jobs.resume(job.job_id, now=system.wall.now())
        job = finish(halted, job.job_id)
        assert job.state == "paused"
