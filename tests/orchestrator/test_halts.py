"""A tick that met a halt is given up and says why."""

from __future__ import annotations

import pytest

from adapters.kill_switch import MemoryKillSwitch
from orchestrator.halts import HaltWatch
from schemas.errors import Unavailable
from schemas.risk import Halt
from tests.contracts.kill_switch import LATER, NOW, a_halt


def test_a_tick_without_a_halt_is_committed() -> None:
    watch = HaltWatch(MemoryKillSwitch())
    watch.begin()
    assert watch.halted() is None
    watch.refuse()
    watch.refuse_now()


def test_a_tick_that_met_a_halt_is_refused_though_it_was_released_since() -> None:
    switch = MemoryKillSwitch()
    watch = HaltWatch(switch)
    watch.begin()
    switch.pull(a_halt())
    assert watch.halted() == a_halt()
    switch.release(by="Grace Hopper", now=LATER)
    assert watch.halted() == a_halt()
    with pytest.raises(Unavailable) as refusal:
        watch.refuse()
    assert str(refusal.value) == (
        "trading is halted by Ada Lovelace since 2026-11-21 04:00:00 UTC: the feed is lost; "
        "release it with `alphashield halt off --by NAME` and resume the job"
    )
    watch.begin()
    watch.refuse()
    assert watch.halted() is None


def test_a_halt_in_a_tick_without_orders_changes_nothing() -> None:
    switch = MemoryKillSwitch()
    watch = HaltWatch(switch)
    watch.begin()
    switch.pull(a_halt())
    watch.refuse()


def test_a_halt_that_comes_after_an_order_is_met_before_the_tick_ends() -> None:
    switch = MemoryKillSwitch()
    watch = HaltWatch(switch)
    watch.begin()
    assert watch.halted() is None
    switch.pull(a_halt())
    with pytest.raises(Unavailable, match="Ada Lovelace"):
        watch.refuse()


def test_a_switch_that_cannot_be_asked_is_not_to_be_released() -> None:
    class Lost:
        def halted(self) -> Halt:
            return Halt(by="the kill switch", reason="no answer", since=NOW, source="unknown")

    with pytest.raises(Unavailable, match=r"no answer; see to it and resume the job$"):
        HaltWatch(Lost()).refuse_now()
