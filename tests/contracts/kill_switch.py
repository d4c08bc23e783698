"""What every kill switch must do.

A test module subclasses this class and provides the fixtures `switch`, one that was never pulled,
and `fresh`, which makes such ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces.kill_switch import KillSwitch
from schemas.errors import Conflict, InvalidRequest
from schemas.risk import Halt

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def a_halt(by: str = "Ada Lovelace", reason: str = "the feed is lost") -> Halt:
    return Halt(by=by, reason=reason, since=NOW, source="cli")


def apply(switch: KillSwitch, steps: Iterable[str]) -> None:
    """Pull and release as told, and compare with what a single name in force would say."""
    in_force: str | None = None
    halts = 0
    for n, step in enumerate(steps):
        if step == "pull":
            halted = switch.pull(a_halt(by=f"Person {'ABCDEFGHIJ'[n % 10]}"))
            halts += in_force is None
            in_force = in_force or halted.by
            assert halted.by == in_force
        elif in_force is None:
            with pytest.raises(Conflict):
                switch.release(by="Grace Hopper", now=LATER)
        else:
            assert switch.release(by="Grace Hopper", now=LATER).by == in_force
            in_force = None
        asked = switch.halted()
        assert (asked.by if asked else None) == in_force
    history = switch.history()
    assert [record.number for record in history] == list(range(halts, 0, -1))
    assert [record.in_force for record in history] == [
        record is history[0] and in_force is not None for record in history
    ]


class KillSwitchContract:
    """`interfaces.kill_switch.KillSwitch`."""

    def test_trading_is_not_halted_before_anybody_halts_it(self, switch: KillSwitch) -> None:
        assert switch.halted() is None
        assert switch.history() == ()

    def test_what_is_pulled_is_told_with_who_why_and_when(self, switch: KillSwitch) -> None:
        assert switch.pull(a_halt()) == a_halt()
        assert switch.halted() == a_halt()
        assert switch.halted() == a_halt()

    def test_the_first_halt_stays_when_others_halt_too(self, switch: KillSwitch) -> None:
        switch.pull(a_halt())
        assert switch.pull(a_halt(by="Grace Hopper", reason="me too")) == a_halt()
        assert switch.halted() == a_halt()
        assert len(switch.history()) == 1

    def test_a_release_is_kept_with_who_and_when(self, switch: KillSwitch) -> None:
        switch.pull(a_halt())
        assert switch.release(by="  Grace\tHopper ", now=LATER) == a_halt()
        assert switch.halted() is None
        (record,) = switch.history()
        assert (record.halt, record.released_by, record.released_at) == (
            a_halt(),
            "Grace Hopper",
            LATER,
        )

    @pytest.mark.parametrize("nobody", ["", "   ", "\n\t", "007", "—", "\x00", "x" * 81])
    def test_nobody_releases_without_a_name(self, switch: KillSwitch, nobody: str) -> None:
        switch.pull(a_halt())
        with pytest.raises(InvalidRequest, match="named person"):
            switch.release(by=nobody, now=LATER)
        assert switch.halted() == a_halt()

    def test_what_is_not_halted_cannot_be_released(self, switch: KillSwitch) -> None:
        for _ in range(2):
            with pytest.raises(Conflict, match="not halted"):
                switch.release(by="Grace Hopper", now=LATER)
            switch.pull(a_halt())
            switch.release(by="Grace Hopper", now=LATER)

    def test_history_is_newest_first_and_no_longer_than_asked_for(self, switch: KillSwitch) -> None:
        for name in ("A", "B", "C"):
            switch.pull(a_halt(by=name))
            switch.release(by=name, now=LATER)
        assert [record.halt.by for record in switch.history()] == ["C", "B", "A"]
        assert [record.halt.by for record in switch.history(limit=2)] == ["C", "B"]

    def test_the_hundredth_halt_is_seen_like_the_first(self, switch: KillSwitch) -> None:
        for n in range(1, 103):
            halt = a_halt(reason=f"for the {n}th time")
            assert switch.pull(halt) == halt
            assert switch.halted() == halt
            switch.release(by="Grace Hopper", now=LATER)
            assert switch.halted() is None
        assert [record.number for record in switch.history(limit=4)] == [102, 101, 100, 99]

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(steps=st.lists(st.sampled_from(["pull", "release"]), max_size=8))
    def test_any_order_of_pulls_and_releases_leaves_one_halt_or_none(
        self, fresh: Callable[[], KillSwitch], steps: list[str]
    ) -> None:
        apply(fresh(), steps)

    def test_of_many_that_halt_at_once_one_is_first(self, switch: KillSwitch) -> None:
        names = [f"Person {letter}" for letter in "ABCDEFGH"]
        with ThreadPoolExecutor(8) as pool:
            in_force = list(pool.map(lambda name: switch.pull(a_halt(by=name)).by, names))
        assert len(set(in_force)) == 1
        assert len(switch.history()) == 1

    def test_of_many_that_release_at_once_one_is_kept(self, switch: KillSwitch) -> None:
        switch.pull(a_halt())

        def release(name: str) -> str | None:
            try:
                switch.release(by=name, now=LATER)
            except Conflict:
                return None
            return name

        with ThreadPoolExecutor(8) as pool:
            done = [name for name in pool.map(release, "ABCDEFGH") if name]
        assert [record.released_by for record in switch.history()] == done
        assert len(done) == 1
