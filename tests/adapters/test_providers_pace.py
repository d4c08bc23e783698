"""A vendor is asked no more often than it allows, and again only where that may help."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.providers.pace import Limits, Pace, TryAgain, retry_after
from schemas.errors import BadConfiguration, Unavailable, UntrustworthyData
from tests.vendors.timing import NOON, StillClock


def pace(folder: Path, clock: StillClock, limits: Limits, *, chance: float = 0.5) -> Pace:
    state = folder / "vendor.json"
    return Pace("vendor", limits, state=state, timing=clock.timing(chance))


class Vendor:
    """Fails as told, then answers; notes when it was asked."""

    def __init__(self, clock: StillClock, *failures: Exception) -> None:
        self.clock = clock
        self.failures = list(failures)
        self.asked: list[float] = []
        self.given: list[float] = []

    def __call__(self, left: float) -> str:
        self.asked.append(self.clock.at.timestamp())
        self.given.append(left)
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def test_the_sixth_request_within_a_minute_waits_until_the_first_is_a_minute_old(tmp_path: Path):
    clock = StillClock()
    vendor, paced = Vendor(clock), pace(tmp_path, clock, Limits(per_minute=5))
    for _ in range(6):
        clock.pass_by(1)
        assert paced.call(vendor) == "answer"
    assert vendor.asked[5] - vendor.asked[0] == 60


@settings(max_examples=40)
@given(
    gaps=st.lists(st.floats(0, 40), min_size=1, max_size=40),
    per_minute=st.integers(1, 6),
    per_day=st.integers(1, 30),
)
def test_no_window_ever_holds_more_requests_than_allowed(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[float], per_minute: int, per_day: int
):
    clock = StillClock()
    vendor = Vendor(clock)
    limits = Limits(per_minute=per_minute, per_day=per_day, deadline_seconds=100)
    paced = pace(tmp_path_factory.mktemp("pace"), clock, limits)
    refused = 0
    for gap in gaps:
        clock.pass_by(gap)
        try:
            paced.call(vendor)
        except Unavailable:
            refused += 1
    assert len(vendor.asked) + refused == len(gaps)
    assert len(vendor.asked) == min(len(gaps), per_day)
    for first in vendor.asked:
        # Half a millisecond for the float of a POSIX time.
        assert sum(0 <= moment - first < 59.9995 for moment in vendor.asked) <= per_minute


def test_processes_share_a_limit_and_a_day_that_is_used_up_is_said_at_once(tmp_path: Path):
    clock = StillClock()
    limits = Limits(per_day=3)
    vendor = Vendor(clock)
    one, other = pace(tmp_path, clock, limits), pace(tmp_path, clock, limits)
    one.call(vendor)
    clock.pass_by(60)
    other.call(vendor)
    one.call(vendor)
    assert other.quota().left_today == 0
    with pytest.raises(
        Unavailable, match=r"not be asked before 2024-06-13 12:00:00 UTC: .* 3 requests in 24 hours"
    ):
        other.call(vendor)
    assert clock.slept == []
    clock.pass_by(86_400 - 60)
    assert other.call(vendor) == "answer"
    assert one.quota().left_today == 0


def test_what_may_pass_is_tried_three_times_in_all_with_growing_jittered_pauses(tmp_path: Path):
    clock = StillClock()
    vendor = Vendor(clock, *[TryAgain("answers 503") for _ in range(9)])
    with pytest.raises(Unavailable, match=r"^vendor answers 503 \(asked 3 times\)$") as caught:
        pace(tmp_path, clock, Limits(), chance=0.9).call(vendor)
    assert len(vendor.asked) == 3
    assert clock.slept == [pytest.approx(0.9), pytest.approx(1.8)]
    assert caught.value.__context__ is None


def test_the_second_attempt_may_succeed(tmp_path: Path):
    clock = StillClock()
    vendor = Vendor(clock, TryAgain("was cut off"))
    assert pace(tmp_path, clock, Limits()).call(vendor) == "answer"
    assert len(vendor.asked) == 2


def test_what_cannot_pass_is_not_tried_again(tmp_path: Path):
    clock = StillClock()
    vendor = Vendor(clock, BadConfiguration("KEY is refused"))
    with pytest.raises(BadConfiguration):
        pace(tmp_path, clock, Limits()).call(vendor)
    assert len(vendor.asked) == 1


def test_a_failure_may_say_what_it_is_when_it_does_not_pass(tmp_path: Path):
    clock = StillClock()
    cut = [TryAgain("broke off", at_last=UntrustworthyData) for _ in range(3)]
    with pytest.raises(UntrustworthyData):
        pace(tmp_path, clock, Limits()).call(Vendor(clock, *cut))


def test_retry_after_is_obeyed_by_everybody_who_shares_the_limit(tmp_path: Path):
    clock = StillClock()
    vendor = Vendor(clock, TryAgain("answers 429", after=30))
    limits = Limits(attempts=1)
    with pytest.raises(Unavailable):
        pace(tmp_path, clock, limits).call(vendor)
    pace(tmp_path, clock, limits).call(vendor)
    assert vendor.asked[1] - vendor.asked[0] == 30


def test_a_retry_after_beyond_the_deadline_ends_the_call_at_once(tmp_path: Path):
    clock = StillClock()
    vendor = Vendor(clock, TryAgain("answers 429", after=3_600))
    with pytest.raises(Unavailable, match="answers 429, and may not be asked again in time"):
        pace(tmp_path, clock, Limits(deadline_seconds=100), chance=0).call(vendor)
    assert len(vendor.asked) == 1
    with pytest.raises(Unavailable, match="13:00:00 UTC: it asked to be left alone"):
        pace(tmp_path, clock, Limits(), chance=0).call(vendor)


def test_no_attempt_begins_after_the_deadline_and_each_is_told_what_is_left(tmp_path: Path):
    clock = StillClock()

    class Slow(Vendor):
        def __call__(self, left: float) -> str:
            clock.pass_by(25)
            return super().__call__(left)

    vendor = Slow(clock, *[TryAgain("timed out") for _ in range(3)])
    with pytest.raises(Unavailable, match="timed out"):
        pace(tmp_path, clock, Limits(deadline_seconds=50), chance=0.99).call(vendor)
    assert len(vendor.asked) == 2
    assert vendor.given[0] == 50
    assert vendor.given[1] == pytest.approx(50 - 25 - 0.99)


def test_after_three_calls_in_vain_nobody_asks_for_a_minute(tmp_path: Path):
    clock = StillClock()
    limits = Limits(attempts=2)
    vendor = Vendor(clock, *[TryAgain("answers 500") for _ in range(6)])
    for _ in range(3):
        with pytest.raises(Unavailable, match="answers 500"):
            pace(tmp_path, clock, limits).call(vendor)
    with pytest.raises(Unavailable, match="did not answer 3 calls in a row"):
        pace(tmp_path, clock, limits).call(vendor)
    assert len(vendor.asked) == 6
    clock.pass_by(61)
    assert pace(tmp_path, clock, limits).call(vendor) == "answer"


def test_a_refusal_is_an_answer_and_ends_a_row_of_failures(tmp_path: Path):
    clock = StillClock()
    down = [TryAgain("answers 500"), TryAgain("answers 500")]
    vendor = Vendor(clock, *down, BadConfiguration("KEY is refused"), *down)
    paced = pace(tmp_path, clock, Limits(attempts=1))
    for expected in (Unavailable, Unavailable, BadConfiguration, Unavailable, Unavailable):
        with pytest.raises(expected):
            paced.call(vendor)
    assert paced.call(vendor) == "answer"


@pytest.mark.promise("clock-skew")
@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_jumps_neither_stops_the_asking_nor_frees_the_day(
    tmp_path: Path, minutes: int
):
    clock = StillClock()
    vendor, paced = Vendor(clock), pace(tmp_path, clock, Limits(per_minute=2, per_day=4))
    paced.call(vendor)
    paced.call(vendor)
    clock.at += timedelta(minutes=minutes)
    paced.call(vendor)
    paced.call(vendor)
    assert sum(clock.slept) <= 60
    with pytest.raises(Unavailable, match="4 requests in 24 hours"):
        paced.call(vendor)


def test_a_broken_state_file_is_an_empty_one(tmp_path: Path):
    (tmp_path / "vendor.json").write_bytes(b'{"stamps": [\xff')
    clock = StillClock()
    assert pace(tmp_path, clock, Limits(per_day=1)).call(Vendor(clock)) == "answer"


@pytest.mark.promise("disk-full")
def test_a_request_that_cannot_be_written_down_is_not_made(tmp_path: Path):
    clock = StillClock()
    vendor = Vendor(clock)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be written down"):
        pace(tmp_path / "file", clock, Limits(per_day=1)).call(vendor)
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        ("0", 0),
        ("Wed, 12 Jun 2024 12:01:30 GMT", 90),
        ("Wed, 12 Jun 2024 11:00:00 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("1e9", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None):
    assert retry_after(header, NOON) == seconds
