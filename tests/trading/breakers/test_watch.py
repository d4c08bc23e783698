"""The breakers of one account: what trips them, what does not, and what is allowed after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.errors import InvalidRequest
from schemas.risk import BreakerEvent, BreakerLimits, BreakerRelease, Halt, RiskLimits
from trading.breakers.marks import Mark, together
from trading.breakers.watch import Scope, Watch, watch_of

DAY = date(2026, 1, 5)
LIMITS = BreakerLimits(mode="enforce")
QUIET = BreakerLimits(
    mode="enforce",
    day_loss_stop=None,
    day_loss_halt=None,
    portfolio_day_loss_halt=None,
    drawdown_review=None,
    drawdown_retire=None,
    losing_days=None,
    cusum=None,
)
HARDNESS = ("review", "stop_day", "pause", "halt", "retire", "halt_all")


def only(**limits: object) -> BreakerLimits:
    return BreakerLimits.model_validate({**QUIET.model_dump(), **limits})


def day(n: int) -> date:
    return DAY + timedelta(days=n)


def marks(*equities: str, first: int = 0) -> list[Mark]:
    """A deposit of the first one, then closes."""
    found = [Mark(day(first), Decimal(equities[0]), paid_in=Decimal(equities[0]))]
    found += [Mark(day(first + n), Decimal(e)) for n, e in enumerate(equities[1:], 1)]
    return found


def release(breaker: str | None = None, *, by: str = "Ada Lovelace", on: int = 0) -> BreakerRelease:
    return BreakerRelease.model_validate({"session": day(on), "by": by, "breaker": breaker})


def fed(watch: Watch, given_marks: Iterable[Mark]) -> tuple[Watch, list[tuple[BreakerEvent, ...]]]:
    told: list[tuple[BreakerEvent, ...]] = []
    for mark in given_marks:
        watch, events = watch.fed(mark)
        told.append(events)
    return watch, told


def names(told: Sequence[tuple[BreakerEvent, ...]]) -> list[list[str]]:
    return [[event.breaker for event in events] for events in told]


@pytest.mark.parametrize(
    ("equity", "scope", "tripped"),
    [
        ("98000.01", "account", []),
        ("98000.00", "account", ["day_loss_stop"]),
        ("97000.01", "account", ["day_loss_stop"]),
        ("97000.00", "account", ["day_loss_stop", "day_loss_halt"]),
        ("95000.01", "account", ["day_loss_stop", "day_loss_halt"]),
        ("95000.00", "account", ["day_loss_stop", "day_loss_halt", "portfolio_day_loss_halt"]),
        ("95000.00", "strategy", ["day_loss_stop", "day_loss_halt"]),
        ("95000.01", "portfolio", []),
        ("95000.00", "portfolio", ["portfolio_day_loss_halt"]),
        ("120000.00", "account", []),
    ],
)
def test_a_daily_loss_trips_at_its_limit_to_the_cent(
    equity: str, scope: Scope, tripped: list[str]
) -> None:
    _, told = fed(Watch(LIMITS, scope), marks("100000.00", equity))
    assert names(told) == [[], tripped]


def test_an_event_says_what_was_lost_and_from_where_on_it_trips() -> None:
    _, told = fed(Watch(LIMITS), marks("100000.00", "97650.00"))
    (event,) = told[1]
    assert event == BreakerEvent(
        breaker="day_loss_stop",
        action="stop_day",
        value=0.0235,
        limit=0.02,
        message="the session lost 2.35% of the equity; from 2.00% on trading stops for a day",
        enforced=True,
    )


def test_the_first_session_is_measured_against_what_was_put_in() -> None:
    start = Mark(DAY, Decimal("96900.00"), paid_in=Decimal("100000.00"))
    assert names(fed(Watch(LIMITS), [start])[1]) == [["day_loss_stop", "day_loss_halt"]]


def test_a_stop_seen_at_the_close_lasts_the_next_session_and_no_longer() -> None:
    watch, _ = fed(Watch(LIMITS), marks("100000.00", "97500.00"))
    assert watch.allowed() == "reduce_only"
    assert watch.allowed(day(2)) == "reduce_only"
    watch, _ = watch.fed(Mark(day(2), Decimal("97400.00"), closing=False))
    assert watch.allowed() == "reduce_only"
    assert watch.allowed(day(3)) == "all"
    watch, events = watch.fed(Mark(day(2), Decimal("97400.00")))
    assert events == ()
    assert watch.allowed() == "all"


def test_a_stop_seen_within_the_session_ends_with_it() -> None:
    watch, _ = fed(Watch(LIMITS), marks("100000.00"))
    watch, events = watch.fed(Mark(day(1), Decimal("97500.00"), closing=False))
    assert [event.breaker for event in events] == ["day_loss_stop"]
    assert watch.allowed() == "reduce_only"
    assert watch.allowed(day(1)) == "reduce_only"
    assert watch.allowed(day(2)) == "all"
    watch, events = watch.fed(Mark(day(1), Decimal("99000.00"), closing=False))
    assert watch.allowed() == "reduce_only"
    watch, events = watch.fed(Mark(day(1), Decimal("97000.01")))
    assert events == ()  # told before, and its day is over
    assert watch.allowed() == "all"


def test_a_halt_stays_until_a_named_person_releases_it() -> None:
    watch, _ = fed(Watch(LIMITS), marks("100000.00", "96500.00", *["97000.00"] * 5))
    assert watch.allowed() == "reduce_only"
    with pytest.raises(ValidationError, match="person's name"):
        release(by=" ")
    assert watch.released(release("cusum")) == watch
    watch = watch.released(release())
    assert watch.allowed() == "all"
    assert watch.released(release()) == watch


def test_releases_among_the_limits_are_applied_after_their_sessions() -> None:
    fall = marks("100", "90", "91", "80", "81")
    asked = only(day_loss_halt="0.03", releases=[release(on=2).model_dump()])
    allowed = [watch_of(asked, fall[:n]).allowed() for n in range(1, 6)]
    assert allowed == ["all", "reduce_only", "all", "reduce_only", "reduce_only"]
    # On a day without a session: after the first one that follows, and never twice.
    gap = [fall[0], fall[1], *(replace(mark, session=day(n)) for n, mark in ((5, fall[2]),))]
    assert watch_of(asked, gap).allowed() == "all"
    again = [*gap, Mark(day(6), Decimal(80))]
    assert watch_of(asked, again).allowed() == "reduce_only"
    # Too early, or of another breaker: nothing.
    for useless in (release(on=0), release("cusum", on=2)):
        limits = only(day_loss_halt="0.03", releases=[useless.model_dump()])
        assert watch_of(limits, fall[:3]).allowed() == "reduce_only"
    with pytest.raises(ValidationError, match="order of their sessions"):
        only(releases=[release(on=2).model_dump(), release(on=1).model_dump()])


def test_breakers_are_recorded_unless_enforcing_is_said_whatever_the_entrance() -> None:
    for said in ({}, {"breakers": {}}, {"breakers": {"drawdown_retire": 0.3}}):
        assert RiskLimits.model_validate(said).breakers.mode == "record"
    assert BreakerLimits().mode == "record"
    stops = RiskLimits.model_validate({"breakers": {"mode": "enforce"}})
    assert stops.breakers.mode == "enforce"


def test_what_is_halted_already_is_not_told_again_until_it_was_released() -> None:
    watch, told = fed(Watch(only(day_loss_halt="0.03")), marks("100", "90", "80", "81"))
    assert names(told) == [[], ["day_loss_halt"], [], []]
    watch = watch.released(release("day_loss_halt"))
    _, events = watch.fed(Mark(day(9), Decimal(70)))
    assert [event.breaker for event in events] == ["day_loss_halt"]


def test_a_drawdown_is_reviewed_once_and_then_retires_and_counts_anew_after_a_peak() -> None:
    limits = only(drawdown_review="0.15", drawdown_retire="0.20")
    path = ("100", "120", "102.01", "102", "101", "96.01", "96", "90")
    watch, told = fed(Watch(limits), marks(*path))
    assert names(told) == [[], [], [], ["drawdown_review"], [], [], ["drawdown_retire"], []]
    watch = watch.released(release())
    after = [Mark(day(n), Decimal(e)) for n, e in enumerate(("77", "76.5", "90", "76.5"), 10)]
    assert names(fed(watch, after)[1]) == [[], ["drawdown_review"], [], ["drawdown_review"]]


def test_a_fall_through_both_drawdowns_tells_the_review_first() -> None:
    limits = only(drawdown_review="0.15", drawdown_retire="0.20")
    _, told = fed(Watch(limits), marks("100", "70"))
    assert names(told)[1] == ["drawdown_review", "drawdown_retire"]


def test_a_review_stops_nothing() -> None:
    watch, _ = fed(Watch(only(drawdown_review="0.15")), marks("100", "80"))
    assert watch.allowed() == "all"
    assert watch.released(release()) == watch


def test_ten_losing_sessions_in_a_row_pause_and_a_flat_one_breaks_the_row() -> None:
    falling = [str(1000 - n) for n in range(10)]
    limits = only(losing_days=10)
    broken = [*falling, falling[-1], *(str(990 - n) for n in range(9))]
    assert not any(fed(Watch(limits), marks(*broken))[1])
    watch, told = fed(Watch(limits), marks(*falling, "990"))
    assert names(told)[-1] == ["losing_days"]
    assert watch.allowed() == "reduce_only"
    watch = watch.released(release())
    watch, told = fed(watch, [Mark(day(20 + n), Decimal(980 - n)) for n in range(10)])
    assert names(told) == [[]] * 9 + [["losing_days"]]


def test_a_shift_of_returns_pauses_for_investigation_and_starts_from_nought() -> None:
    equity, path = Decimal(100000), ["100000.00"]
    for n in range(90):
        step = "0.004" if n % 2 else "-0.003"
        equity *= 1 + Decimal(step) - (Decimal("0.003") if n >= 60 else 0)
        path.append(f"{equity:.2f}")
    watch, told = fed(Watch(only(cusum=7.0)), marks(*path))
    tripped = [n for n, events in enumerate(told) if events]
    assert len(tripped) == 1
    assert 60 < tripped[0] < 85
    assert told[tripped[0]][0].value > 7.0
    assert watch.allowed() == "reduce_only"
    assert watch.released(release()).cusum.total == 0.0


def test_deposits_and_withdrawals_are_neither_gain_nor_loss() -> None:
    path = [
        Mark(day(0), Decimal(100), paid_in=Decimal(100)),
        Mark(day(1), Decimal(1000), paid_in=Decimal(900)),
        Mark(day(2), Decimal(200), paid_out=Decimal(800)),
        Mark(day(3), Decimal(0), paid_out=Decimal(200)),
        Mark(day(4), Decimal(0)),
        Mark(day(5), Decimal(500), paid_in=Decimal(500)),
    ]
    watch, told = fed(Watch(LIMITS), path)
    assert not any(told)
    assert watch.losing == 0


def test_a_drawdown_is_a_share_of_what_was_left_in() -> None:
    path = [
        *marks("100", "90"),
        Mark(day(2), Decimal(45), paid_out=Decimal(45)),  # half of it
        Mark(day(3), Decimal("42.50")),
        Mark(day(4), Decimal(85), paid_in=Decimal("42.50")),
        Mark(day(5), Decimal("84.99")),
    ]
    limits = only(drawdown_review="0.15")
    assert names(fed(Watch(limits), path)[1]) == [[], [], [], ["drawdown_review"], [], []]
    assert names(fed(Watch(limits), path[:3])[1]) == [[], [], []]


def test_an_account_that_lost_more_than_everything_trips_and_is_not_divided_by_nought() -> None:
    watch, told = fed(Watch(LIMITS), marks("100", "-20", "-30", "0", "10"))
    assert names(told)[1] == [
        *("drawdown_review", "day_loss_stop", "day_loss_halt", "drawdown_retire"),
        "portfolio_day_loss_halt",
    ]
    assert not any(told[2:])
    assert watch.allowed() == "reduce_only"


def test_recording_tells_the_same_and_stops_nothing() -> None:
    path = marks("100000.00", "97500.00", "90000.00", "80000.00")
    watch, told = fed(Watch(LIMITS.model_copy(update={"mode": "record"})), path)
    assert watch.allowed() == "all"
    assert watch.latched == ()
    assert names(told)[:3] == names(fed(Watch(LIMITS), path)[1])[:3]
    assert not any(event.enforced for events in told for event in events)
    # Nobody releases what only was recorded: it is told each time.
    assert "day_loss_halt" in names(told)[3]


@pytest.mark.parametrize("mode", ["enforce", "record"])
def test_a_pulled_kill_switch_allows_nothing(mode: str) -> None:
    watch = Watch(LIMITS.model_copy(update={"mode": mode}))
    halt = Halt(by="Ada", reason="x", since=datetime(2026, 1, 5, tzinfo=UTC), source="cli")
    assert watch.allowed() == "all"
    assert watch.allowed(halt=halt) == "nothing"


def test_a_mark_of_a_session_that_is_over_is_refused() -> None:
    watch, _ = fed(Watch(LIMITS), marks("100", "101"))
    for late in (day(0), day(1)):
        with pytest.raises(InvalidRequest, match="comes after"):
            watch.fed(Mark(late, Decimal(100)))


def test_strategies_added_up_are_one_portfolio() -> None:
    a = [Mark(day(0), Decimal(100), paid_in=Decimal(100)), Mark(day(1), Decimal(91))]
    b = [Mark(day(0), Decimal(100), paid_in=Decimal(100)), Mark(day(1), Decimal(99))]
    whole = [together(pair) for pair in zip(a, b, strict=True)]
    _, told = fed(Watch(LIMITS, "portfolio"), whole)
    assert names(told) == [[], ["portfolio_day_loss_halt"]]
    with pytest.raises(InvalidRequest):
        together([a[0], b[1]])
    with pytest.raises(InvalidRequest):
        together([])


steps = st.lists(st.decimals("-0.08", "0.08", places=4), min_size=1, max_size=40)


def path_of(returns: list[Decimal]) -> list[Mark]:
    equity, path = Decimal("100000.00"), ["100000.00"]
    for each in returns:
        equity = (equity * (1 + each)).quantize(Decimal("0.01"))
        path.append(str(equity))
    return marks(*path)


@given(steps)
@pytest.mark.promise("risk-limits")
def test_every_breaker_trips_where_its_limit_is_reached_and_nowhere_else(
    drawn: list[Decimal],
) -> None:
    """Told again by hand: from the closes alone, in whole fractions, without a state."""
    path = path_of(drawn)
    closes = [mark.equity for mark in path]
    watch = Watch(LIMITS)
    latched: set[str] = set()
    told_since_peak: set[str] = set()
    for n, mark in enumerate(path):
        was = watch
        watch, events = watch.fed(mark)
        base = closes[n - 1] if n else mark.paid_in
        loss, peak = (base - closes[n]) / base, max([path[0].paid_in, *closes[: n + 1]])
        fall = (peak - closes[n]) / peak
        if fall == 0:
            told_since_peak.clear()
        before = [path[0].paid_in, *closes[:n]]
        losses = [a > b for a, b in zip(before, closes[: n + 1], strict=True)]
        streak = n + 1 - max([i + 1 for i, lost in enumerate(losses) if not lost], default=0)
        expected = {
            "day_loss_stop": loss >= Decimal("0.02"),
            "day_loss_halt": loss >= Decimal("0.03"),
            "portfolio_day_loss_halt": loss >= Decimal("0.05"),
            "drawdown_review": fall >= Decimal("0.15"),
            "drawdown_retire": fall >= Decimal("0.20"),
            "losing_days": streak == 10,
        }
        due = {name for name, reached in expected.items() if reached}
        told = {event.breaker for event in events} - {"cusum"}
        assert told == due - latched - told_since_peak
        order = [HARDNESS.index(event.action) for event in events]
        assert order == sorted(order)
        told_since_peak |= told & {"drawdown_review", "drawdown_retire"}
        latched |= told - {"day_loss_stop", "drawdown_review"}
        stops = [event for event in events if event.action != "review"]
        assert watch.allowed() == ("reduce_only" if stops or was.latched else "all")


@given(steps, st.integers(0, 40), st.data())
def test_a_watch_rebuilt_from_its_marks_is_the_same_one(
    drawn: list[Decimal], cut: int, data: st.DataObject
) -> None:
    path = path_of(drawn)
    watch, releases = Watch(LIMITS), list[BreakerRelease]()
    for n, mark in enumerate(path):
        watch, _ = watch.fed(mark)
        if watch.latched and data.draw(st.booleans()):
            releases.append(release(on=n))
            watch = watch.released(release())
    asked = LIMITS.model_copy(update={"releases": tuple(releases)})
    assert watch_of(asked, path) == replace(watch, limits=asked)
    begun = watch_of(LIMITS, path[:cut])
    for mark in path[cut:]:
        begun, _ = begun.fed(mark)
    assert begun == watch_of(LIMITS, path)


@given(steps, st.decimals("0.1", "10", places=2))
def test_what_is_paid_in_or_out_trips_nothing_by_itself(
    drawn: list[Decimal], share: Decimal
) -> None:
    """The same returns on twice the money, or half of it, from the middle on."""
    plain = path_of([each.quantize(Decimal("0.001")) for each in drawn])
    half = len(plain) // 2
    moved = [
        Mark(
            mark.session,
            mark.equity * (share if n >= half else 1),
            paid_in=mark.paid_in + (plain[n - 1].equity * (share - 1) if n == half > 0 else 0),
        )
        for n, mark in enumerate(plain)
    ]
    limits = LIMITS.model_copy(update={"cusum": None})
    if half:
        assert names(fed(Watch(limits), moved)[1]) == names(fed(Watch(limits), plain)[1])
