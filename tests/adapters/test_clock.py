"""The simulated clock moves forward only; the system clock is aware."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from adapters.clock import SimulatedClock, SystemClock
from schemas.errors import InvalidRequest

MOMENT = datetime(2020, 1, 2, 14, 30, tzinfo=UTC)


def test_simulated_clock_stands_still_until_moved() -> None:
    clock = SimulatedClock(MOMENT)
    assert clock.now() == clock.now() == MOMENT
    clock.move_to(MOMENT)
    clock.move_to(MOMENT + timedelta(days=1))
    assert clock.now() == MOMENT + timedelta(days=1)


def test_simulated_clock_never_goes_back() -> None:
    clock = SimulatedClock(MOMENT)
    with pytest.raises(InvalidRequest, match="never goes back"):
        clock.move_to(MOMENT - timedelta(microseconds=1))
    assert clock.now() == MOMENT


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="time zone"):
        SimulatedClock(datetime(2020, 1, 2))  # noqa: DTZ001 - the mistake under test


def test_other_zones_are_told_in_utc() -> None:
    clock = SimulatedClock(datetime(2020, 1, 2, 9, 30, tzinfo=timezone(timedelta(hours=-5))))
    assert clock.now().isoformat() == "2020-01-02T14:30:00+00:00"


def test_system_clock_is_aware_and_monotonic() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()
