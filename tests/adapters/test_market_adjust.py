"""Prices in today's units: splits and dividends by hand, as they became known, and by an oracle."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interfaces.market import AS_TRADED, Reading
from schemas.facts import CorporateAction
from tests.adapters import acted
from tests.adapters.market_worlds import (
    NYSE,
    TICK,
    World,
    after_close,
    at_open,
    dividend,
    late_bar,
    split,
)
from tests.adapters.market_worlds import action as fact

pytestmark = pytest.mark.promise("corporate-actions")

DAYS = NYSE.sessions(date(2020, 6, 22), date(2020, 7, 10))  # Friday 3 July is a holiday
EX = date(2020, 7, 1)
BEFORE = DAYS.index(EX)
SPLIT_ONLY = Reading(adjustment="split")


def world(closes: list[float], *actions: CorporateAction) -> World:
    return World(DAYS, {"AAA": closes}, {"actions": actions})


def stepped(before: float, after: float, ex: date = EX) -> list[float]:
    return [before if day < ex else after for day in DAYS]


@pytest.mark.parametrize(
    ("kind", "new", "old", "before", "after"),
    [
        ("split", "15", "1", 3000.0, 200.0),
        ("split", "3", "2", 90.0, 60.0),
        ("split", "1", "10", 0.5, 5.0),
        ("stock_dividend", "105", "100", 105.0, 100.0),
    ],
)
def test_prices_before_a_change_of_units_are_shown_in_the_new_ones(
    kind: str, new: str, old: str, before: float, after: float
) -> None:
    made = world(stepped(before, after), fact("AAA", kind, EX, new_units=new, old_units=old))
    for how in (Reading(), SPLIT_ONLY):
        bars = made.view(after_close(DAYS[-1])).bars("AAA", how=how)
        assert bars.close == pytest.approx(np.full(len(DAYS), after), rel=1e-12)
        assert bars.open == pytest.approx(bars.close * 0.99, rel=1e-12)
        assert bars.volume[0] == pytest.approx(1000 * int(new) / int(old), rel=1e-12)
        assert bars.volume[-1] == 1000
    raw = made.view(after_close(DAYS[-1])).bars("AAA", how=AS_TRADED)
    assert raw.close.tolist() == stepped(before, after)


def test_units_change_at_the_open_of_the_ex_date_and_not_before() -> None:
    table = world(stepped(300.0, 20.0), split("AAA", EX, "15")).table()
    eve, morning = table.view(at_open(EX) - TICK), table.view(at_open(EX))
    assert eve.last_close("AAA") == (DAYS[BEFORE - 1], 300.0)
    assert set(eve.bars("AAA").close.tolist()) == {300.0}
    assert morning.last_close("AAA") == (DAYS[BEFORE - 1], 20.0)
    assert set(morning.bars("AAA").close.tolist()) == {20.0}
    assert morning.closes(["AAA"], 2).values.tolist() == [[20.0], [20.0]]
    quote = morning.quote("AAA")
    assert quote is not None
    assert (quote.price, quote.at) == (20.0, NYSE.closes_at(DAYS[BEFORE - 1]))
    assert eve.applied(at_open(DAYS[0])) == ()
    ((ticker, applied),) = morning.applied(at_open(EX) - TICK)
    assert (ticker, applied.kind) == ("AAA", "split")


def test_cash_dividends_take_one_less_d_over_c_off_what_came_before() -> None:
    closes = [100.0] * BEFORE + [99.0, 98.0] + [97.0] * (len(DAYS) - BEFORE - 2)
    second = DAYS[BEFORE + 2]
    made = world(closes, dividend("AAA", EX, "2"), dividend("AAA", second, "0.49"))
    bars = made.view(after_close(DAYS[-1])).bars("AAA")
    early, late = 1 - 2 / 100, 1 - 0.49 / 98
    assert bars.close[:BEFORE] == pytest.approx(100 * early * late, rel=1e-12)
    assert bars.close[BEFORE : BEFORE + 2] == pytest.approx([99 * late, 98 * late], rel=1e-12)
    assert bars.close[BEFORE + 2 :].tolist() == [97.0] * (len(DAYS) - BEFORE - 2)
    assert bars.volume.tolist() == [1000.0] * len(DAYS)
    only_splits = made.view(after_close(DAYS[-1])).bars("AAA", how=SPLIT_ONLY)
    assert only_splits.close.tolist() == closes
    morning = made.view(at_open(EX)).last_close("AAA")
    assert morning == (DAYS[BEFORE - 1], pytest.approx(98.0, rel=1e-12))


def test_two_actions_on_one_day_count_together_the_dividend_for_each_new_unit() -> None:
    actions = (
        split("AAA", EX, "2"),
        dividend("AAA", EX, "1"),
        dividend("AAA", EX, "4", action_id="b"),
    )
    made = world(stepped(100.0, 45.0), *actions)
    bars = made.view(at_open(EX)).bars("AAA", lookback=1)
    assert bars.close == pytest.approx([50 * (1 - 5 / 50)], rel=1e-12)
    assert [one.kind for _, one in made.view(at_open(EX)).applied(at_open(DAYS[0]))] == [
        "split",
        "cash_dividend",
        "cash_dividend",
    ]


@pytest.mark.parametrize(
    ("first", "second", "then"),
    [
        (("split", "2:1"), ("cash_dividend", "1"), 49.0),  # 1 of each new unit, which is worth 50
        (("cash_dividend", "2"), ("split", "2:1"), 49.0),
        (("cash_dividend", "2"), ("cash_dividend", "3"), 95.0),
        (("split", "2:1"), ("split", "1:4"), 200.0),
    ],
)
def test_actions_during_a_halt_build_on_each_other(
    first: tuple[str, str], second: tuple[str, str], then: float
) -> None:
    days = acted.DAYS[:20]
    close = np.full((20, 1), 100.0)
    close[10:12] = np.nan  # no bar between the two
    close[12:] = then
    actions = [
        acted.split("AAA", days[day], terms)
        if kind == "split"
        else acted.action("cash_dividend", "AAA", days[day], cash=terms)
        for day, (kind, terms) in ((10, first), (11, second))
    ]
    held = acted.market(close, close.copy(), ("AAA",), actions=actions, days=days)
    seen = held.view(NYSE.closes_at(days[14])).bars("AAA").close
    assert seen.tolist() == pytest.approx([then] * len(seen), rel=1e-12)
    assert held.view(NYSE.opens_at(days[11])).last_close("AAA") == (
        days[9],
        pytest.approx(then, rel=1e-12),
    )


def test_an_ex_date_on_a_holiday_is_that_of_the_next_session() -> None:
    holiday, monday = date(2020, 7, 3), date(2020, 7, 6)
    assert not NYSE.is_session(holiday)
    table = world(stepped(300.0, 150.0, monday), split("AAA", holiday, "2")).table()
    assert table.view(at_open(monday) - TICK).last_close("AAA") == (date(2020, 7, 2), 300.0)
    assert table.view(at_open(monday)).last_close("AAA") == (date(2020, 7, 2), 150.0)
    assert len(table.view(at_open(monday)).applied(at_open(monday) - TICK)) == 1


def test_an_action_that_becomes_known_late_counts_from_then_on() -> None:
    known = at_open(DAYS[BEFORE + 2]) + timedelta(hours=1)
    table = world(stepped(300.0, 150.0), split("AAA", EX, "2", known=known)).table()
    for moment in (at_open(EX), known):
        view = table.view(moment)
        assert view.bars("AAA").close[0] == 300.0
        assert view.actions() == view.applied(at_open(DAYS[0])) == ()
    view = table.view(known + TICK)
    assert view.bars("AAA").close[0] == 150.0
    assert view.bars("AAA").close[-1] == 150.0
    assert len(view.actions()) == len(view.applied(known)) == 1
    assert view.applied(known + TICK) == ()


def test_an_action_known_just_at_the_open_counts_a_moment_later() -> None:
    table = world(stepped(300.0, 150.0), split("AAA", EX, "2", known=at_open(EX))).table()
    assert table.view(at_open(EX)).last_close("AAA") == (DAYS[BEFORE - 1], 300.0)
    assert table.view(at_open(EX) + TICK).last_close("AAA") == (DAYS[BEFORE - 1], 150.0)


def test_a_correction_replaces_what_was_known_and_is_applied_no_second_time() -> None:
    corrected = at_open(DAYS[BEFORE + 3])
    table = world(
        [100.0] * len(DAYS),
        dividend("AAA", EX, "2", action_id="x"),
        dividend("AAA", EX, "5", action_id="x", known=corrected),
    ).table()
    before, after = table.view(corrected), table.view(corrected + TICK)
    assert before.bars("AAA").close[0] == pytest.approx(98.0)
    assert after.bars("AAA").close[0] == pytest.approx(95.0)
    assert [float(one.cash or 0) for one in before.actions()] == [2.0]
    assert [float(one.cash or 0) for one in after.actions("AAA")] == [5.0]
    assert [float(one.cash or 0) for _, one in after.applied(at_open(DAYS[0]))] == [2.0]
    assert after.applied(corrected - TICK) == ()


def test_an_action_moved_before_its_day_is_applied_once_on_the_later_day() -> None:
    later = DAYS[BEFORE + 3]
    table = world(
        stepped(100.0, 50.0, later),
        split("AAA", EX, "2", action_id="x"),
        split("AAA", later, "2", action_id="x", known=at_open(DAYS[BEFORE - 2])),
    ).table()
    assert table.view(at_open(EX)).bars("AAA").close[0] == 100.0
    assert table.view(at_open(later)).bars("AAA").close[0] == 50.0
    ((_, applied),) = table.view(after_close(DAYS[-1])).applied(at_open(DAYS[0]))
    assert applied.ex_date == later


def test_what_was_called_off_vanishes_from_then_on() -> None:
    withdrawn = at_open(DAYS[BEFORE + 3])
    made = [
        split("AAA", EX, "2", action_id="x"),
        split("AAA", EX, "2", action_id="x", known=withdrawn, withdrawn=True),
    ]
    table = world([100.0] * len(DAYS), *made).table()
    assert table.view(withdrawn).bars("AAA").close[0] == 50.0
    view = table.view(withdrawn + TICK)
    assert view.bars("AAA").close[0] == 100.0
    assert view.actions() == ()
    assert view.applied(withdrawn) == ()
    announced = [made[0], made[1].model_copy(update={"known_time": at_open(DAYS[1])})]
    never = world([100.0] * len(DAYS), *announced).view(after_close(DAYS[-1]))
    assert never.applied(at_open(DAYS[0])) == ()


def test_an_announced_action_is_known_and_changes_nothing_yet() -> None:
    view = world([100.0] * len(DAYS), split("AAA", EX, "2")).view(at_open(DAYS[2]))
    assert [one.ex_date for one in view.actions("AAA")] == [EX]
    assert view.actions("AAA", end=EX - timedelta(days=1)) == ()
    assert view.actions("AAA", start=EX, end=EX) == view.actions("AAA")
    assert view.bars("AAA").close.tolist() == [100.0, 100.0]


def test_a_payment_of_more_than_the_price_leaves_prices_as_they_are() -> None:
    made = world([10.0] * len(DAYS), dividend("AAA", EX, "10"))
    assert made.view(after_close(DAYS[-1])).bars("AAA").close.tolist() == [10.0] * len(DAYS)


def test_an_action_before_the_first_bar_changes_nothing() -> None:
    early = DAYS[0] - timedelta(days=30)
    actions = split("AAA", early, "2"), dividend("AAA", date(1960, 1, 4), "1")
    bars = world([10.0] * len(DAYS), *actions).view(after_close(DAYS[-1])).bars("AAA")
    assert bars.close.tolist() == [10.0] * len(DAYS)


def test_the_dividend_factor_takes_the_close_as_it_is_known() -> None:
    eve = DAYS[BEFORE - 1]
    restated = at_open(DAYS[BEFORE + 2])
    made = World(
        DAYS,
        {"AAA": [100.0] * len(DAYS)},
        {
            "actions": [dividend("AAA", EX, "2")],
            "bars": [late_bar("AAA", eve, 80.0, restated)],
        },
    ).table()
    assert made.view(restated).bars("AAA").close[0] == pytest.approx(98.0)
    view = made.view(restated + TICK)
    assert view.bars("AAA").close[0] == pytest.approx(100 * (1 - 2 / 80))
    assert view.bars("AAA", how=Reading(vintage="first")).close[0] == pytest.approx(98.0)
    assert view.bars("AAA", start=eve, end=eve).close == pytest.approx([78.0])


def test_nothing_is_copied_while_nothing_has_changed() -> None:
    table = World(
        DAYS,
        {"AAA": [100.0] * len(DAYS), "BBB": [5.0] * len(DAYS)},
        {"actions": [dividend("AAA", EX, "2"), fact("AAA", "ticker_change", EX, new_symbol="CCC")]},
    ).table()
    held = table.view(at_open(EX) - TICK).bars("AAA", how=AS_TRADED).close
    assert np.shares_memory(table.view(at_open(EX) - TICK).bars("AAA").close, held)
    later = table.view(after_close(DAYS[-1]))
    assert np.shares_memory(later.bars("CCC", how=AS_TRADED).close, held)
    assert np.shares_memory(later.bars("CCC", how=SPLIT_ONLY).close, held)
    assert np.shares_memory(later.bars("CCC").close, later.bars("CCC").close)


events = st.lists(
    st.tuples(
        st.integers(1, len(DAYS) - 1),
        st.sampled_from([("2", "1"), ("3", "2"), ("1", "10"), ("15", "1"), None]),
        st.sampled_from(["0.01", "0.25", "1.5"]),
    ),
    max_size=5,
    unique_by=lambda one: one[0],
)
prices = st.lists(st.floats(20, 400), min_size=len(DAYS), max_size=len(DAYS))


@given(prices, events)
@settings(max_examples=60)
def test_adjusted_closes_grow_as_wealth_does(
    closes: list[float], happened: list[tuple[int, tuple[str, str] | None, str]]
) -> None:
    actions: list[CorporateAction] = []
    units = 1.0
    wealth = [closes[0]]
    returns: list[float] = []
    at = {row: (ratio, cash) for row, ratio, cash in happened}
    for row in range(1, len(DAYS)):
        ratio, cash = at.get(row, (None, "0"))
        new, old = map(int, ratio or ("1", "1"))
        paid = float(cash) if row in at else 0.0
        theoretical = closes[row - 1] * old / new - paid  # what a unit is worth without it
        units *= new / old * (1 + paid / theoretical)
        wealth.append(units * closes[row])
        returns.append((closes[row] + paid) * new / old / closes[row - 1] - 1)
        if row in at:
            actions += [split("AAA", DAYS[row], *ratio)] if ratio else []
            actions.append(dividend("AAA", DAYS[row], cash))
    view = world(closes, *actions).view(after_close(DAYS[-1]))
    adjusted = view.bars("AAA").close
    assert adjusted / adjusted[0] == pytest.approx(np.array(wealth) / wealth[0], rel=1e-9)
    # Paid out at the day's close instead, the return differs by (D/C) × (the day's move) alone.
    moves = adjusted[1:] / adjusted[:-1] - 1
    for row, (ours, theirs) in enumerate(zip(moves, returns, strict=True), start=1):
        ratio, cash = at.get(row, (None, "0"))
        new, old = map(int, ratio or ("1", "1"))
        share = (float(cash) if row in at else 0.0) / (closes[row - 1] * old / new)
        assert ours - theirs == pytest.approx(share * ours, abs=1e-9)


@given(prices, st.integers(0, len(DAYS) - 1), events)
@settings(max_examples=40)
def test_the_newest_bar_is_as_traded_after_its_close(
    closes: list[float], row: int, happened: list[tuple[int, tuple[str, str] | None, str]]
) -> None:
    actions = [split("AAA", DAYS[n], *ratio) for n, ratio, _ in happened if ratio]
    view = world(closes, *actions).view(after_close(DAYS[row]))
    assert view.last_close("AAA") == (DAYS[row], closes[row])
    assert view.bars("AAA").close[-1] == closes[row]
