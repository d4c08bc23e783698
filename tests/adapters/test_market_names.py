"""Tickers over time: changes, reuse, late news, and what positions are told of them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from adapters.market.universe import UniverseMarket
from schemas.errors import NotFound
from tests.adapters.market_worlds import NYSE, TICK, World, action, after_close, at_open, listing

DAYS = NYSE.sessions(date(2022, 6, 1), date(2022, 6, 30))
RENAMED = date(2022, 6, 9)
NAN = float("nan")
MOST = [float(100 + row) for row in range(len(DAYS))]


def changes(view, since: date = DAYS[0]) -> list[tuple[str, str | None]]:
    return [(old, one.new_symbol) for old, one in view.applied(at_open(since) - TICK)]


@pytest.mark.promise("corporate-actions")
@pytest.mark.parametrize("told_by", ["action", "listings", "both"])
def test_facebook_is_fb_until_it_is_meta(told_by: str) -> None:
    change = action("FB", "ticker_change", RENAMED, new_symbol="META")
    names = [
        listing("FB", "FB", date(2012, 5, 18), last_session=date(2022, 6, 8)),
        listing("FB", "META", RENAMED, name="Meta Platforms"),
    ]
    facts = {"actions": [change] if told_by != "listings" else []}
    facts |= {"listings": names if told_by != "action" else []}
    table = World(DAYS, {"FB": MOST, "KO": MOST}, facts).table()
    assert table.info().symbols == ("FB", "KO", "META")
    eve, morning = table.view(at_open(RENAMED) - TICK), table.view(at_open(RENAMED))
    assert eve.symbols() == ("FB", "KO")
    assert morning.symbols() == ("KO", "META")
    assert eve.last_close("META") is None
    assert len(eve.bars("META").close) == 0
    assert morning.last_close("META") == eve.last_close("FB")
    assert morning.bars("META").sessions[0].item() == DAYS[0]
    assert morning.last_close("FB") is None
    assert morning.closes(["KO", "META"], 2).values.shape == (2, 2)
    assert changes(eve) == []
    assert changes(morning) == [("FB", "META")]
    assert morning.applied(at_open(RENAMED)) == ()
    assert [one.symbol for one in morning.listings("META")] == ["FB", "META"]
    assert [one.symbol for one in eve.listings("FB")] == ["FB"]
    assert {one.instrument for one in morning.listings("META")} == {"FB"}
    with pytest.raises(NotFound):
        morning.bars("MSFT")


def reused(*, told: date | None = None) -> World:
    """FOO trades until row 8; from row 12 on another company does under the same ticker."""
    first, second = DAYS[0], DAYS[12]
    known = at_open(told) if told else at_open(DAYS[0])
    return World(
        DAYS,
        {
            "FOO": [*MOST[:9], *[NAN] * (len(DAYS) - 9)],
            "FOO.2": [*[NAN] * 12, *[7.0] * (len(DAYS) - 12)],
        },
        {
            "listings": [
                listing("FOO", "FOO", first, known=at_open(first)),
                listing("FOO.2", "FOO", second, known=known),
            ]
        },
    )


@pytest.mark.promise("corporate-actions")
def test_a_ticker_taken_over_means_the_newcomer_and_the_other_goes_on_beside_it() -> None:
    table = reused().table()
    assert table.info().symbols == ("FOO", "FOO.1")
    eve, morning = table.view(at_open(DAYS[12]) - TICK), table.view(at_open(DAYS[12]))
    assert eve.last_close("FOO") == (DAYS[8], 108.0)
    assert eve.last_close("FOO.1") is None
    assert morning.last_close("FOO") is None  # the newcomer's first bar is yet to come
    assert morning.last_close("FOO.1") == (DAYS[8], 108.0)
    assert morning.symbols() == ("FOO.1",)
    assert changes(eve) == []
    assert changes(morning) == [("FOO", "FOO.1")]
    later = table.view(after_close(DAYS[-1]))
    assert later.last_close("FOO") == (DAYS[-1], 7.0)
    assert later.bars("FOO").sessions[0].item() == DAYS[12]
    assert later.symbols() == ("FOO",)
    assert later.bars("FOO.1").close.tolist() == MOST[:9]
    assert [one.symbol for one in later.listings("FOO.1")] == ["FOO", "FOO.1"]
    assert [one.instrument for one in later.listings("FOO")] == ["FOO.2"]
    with pytest.raises(NotFound):
        later.bars("FOO.2")  # an id is no ticker


def test_a_newcomer_without_a_known_listing_goes_by_its_id_until_it_is_told() -> None:
    table = reused(told=DAYS[15]).table()
    before, after = table.view(at_open(DAYS[15])), table.view(at_open(DAYS[15]) + TICK)
    assert before.symbols() == ("FOO", "FOO.2")
    assert after.symbols() == ("FOO", "FOO.1")
    assert changes(after) == [("FOO", "FOO.1"), ("FOO.2", "FOO")]


def test_a_ticker_that_was_given_up_can_be_taken_without_displacing_anybody() -> None:
    table = World(
        DAYS,
        {"FB": MOST, "NEW": [*[NAN] * 10, *MOST[10:]]},
        {
            "actions": [action("FB", "ticker_change", RENAMED, new_symbol="META")],
            "listings": [listing("NEW", "FB", DAYS[10])],
        },
    ).table()
    view = table.view(after_close(DAYS[-1]))
    assert view.symbols() == ("FB", "META")
    assert view.bars("FB").sessions[0].item() == DAYS[10]
    assert changes(view) == [("FB", "META")]


def test_two_companies_that_swap_tickers_on_one_day_are_followed_one_step_at_a_time() -> None:
    swap = [
        action("AAA", "ticker_change", RENAMED, new_symbol="BBB"),
        action("BBB", "ticker_change", RENAMED, new_symbol="AAA"),
    ]
    prices = {"AAA": [1.0] * len(DAYS), "BBB": [2.0] * len(DAYS)}
    table = World(DAYS, prices, {"actions": swap}).table()
    view = table.view(at_open(RENAMED))
    held = {"AAA": "first", "BBB": "second"}
    for old, new in changes(view):
        assert new is not None
        assert new not in held
        held[new] = held.pop(old)
    assert held == {"BBB": "first", "AAA": "second"}
    assert view.last_close("BBB") == (DAYS[5], 1.0)
    assert view.symbols() == ("AAA", "BBB")


def test_the_one_who_gives_a_ticker_up_goes_before_the_one_who_takes_it() -> None:
    chain = [
        action("AAA", "ticker_change", RENAMED, new_symbol="BBB"),
        action("BBB", "ticker_change", RENAMED, new_symbol="CCC"),
    ]
    view = World(DAYS, {"AAA": MOST, "BBB": MOST}, {"actions": chain}).view(at_open(RENAMED))
    assert changes(view) == [("BBB", "CCC"), ("AAA", "BBB")]


def test_an_old_listing_that_is_told_late_takes_no_ticker_from_a_later_company() -> None:
    told = at_open(DAYS[10])
    listings = [
        listing("NEW", "FOO", DAYS[3]),
        listing("OLD", "FOO", date(2000, 1, 3), known=told, last_session=date(2005, 1, 3)),
    ]
    world = World(DAYS, {"NEW": MOST, "OLD": MOST}, {"listings": listings})
    before, after = world.view(told), world.view(told + TICK)
    assert before.symbols() == ("FOO", "OLD")
    assert after.symbols() == ("FOO", "FOO.1")
    assert after.bars("FOO").symbol == "FOO"
    assert changes(after, DAYS[10]) == [("OLD", "FOO.1")]


def test_a_change_of_ticker_that_is_called_off_leaves_the_old_one() -> None:
    made = action("FB", "ticker_change", RENAMED, new_symbol="META", action_id="x")
    off = {"withdrawn": True, "known_time": at_open(DAYS[2])}
    view = World(DAYS, {"FB": MOST}, {"actions": [made, made.model_copy(update=off)]}).view(
        after_close(DAYS[-1])
    )
    assert view.symbols() == ("FB",)
    assert changes(view) == []
    late = {"withdrawn": True, "known_time": at_open(DAYS[10])}
    view = World(DAYS, {"FB": MOST}, {"actions": [made, made.model_copy(update=late)]}).view(
        after_close(DAYS[-1])
    )
    assert view.symbols() == ("FB",)
    assert changes(view) == [("FB", "META"), ("META", "FB")]


def test_an_action_is_told_under_the_ticker_before_it() -> None:
    facts = [
        action("FB", "split", RENAMED, new_units="2", old_units="1"),
        action("FB", "ticker_change", RENAMED, new_symbol="META"),
        action("KO", "delisting", RENAMED),
        action("KO", "cash_dividend", DAYS[8], cash="1"),
    ]
    view = World(DAYS, {"FB": MOST, "KO": MOST}, {"actions": facts}).view(after_close(DAYS[-1]))
    told = [(old, one.kind) for old, one in view.applied(at_open(DAYS[0]))]
    assert told == [
        ("FB", "split"), ("KO", "delisting"), ("FB", "ticker_change"), ("KO", "cash_dividend"),
    ]  # fmt: skip


def test_what_is_applied_is_the_same_however_often_it_is_asked() -> None:
    facts = reused()
    table = World(
        DAYS, facts.closes, {**facts.facts, "actions": [
            action("FOO", "cash_dividend", DAYS[4], cash="1"),
            action("FOO.2", "split", DAYS[14], new_units="2", old_units="1"),
        ]},
    ).table()  # fmt: skip
    moments = [at_open(day) for day in DAYS]
    whole = table.view(moments[-1]).applied(moments[0])
    steps = [table.view(b).applied(a) for a, b in pairwise(moments)]
    assert tuple(one for step in steps for one in step) == whole
    assert len(whole) == 3


def test_a_listing_named_for_a_day_to_come_is_not_borne_yet() -> None:
    view = World(DAYS, {"FB": MOST}, {"listings": [listing("FB", "META", RENAMED)]}).view(
        at_open(DAYS[2])
    )
    assert view.symbols() == ("FB",)
    assert [one.symbol for one in view.listings("FB")] == ["FB"]


@pytest.mark.promise("no-look-ahead")
def test_a_company_to_come_claims_no_ticker_by_its_id() -> None:
    facts = {
        "actions": [action("AAA", "ticker_change", DAYS[5], new_symbol="XXX")],
        "listings": [listing("XXX", "XXX", DAYS[10], known=at_open(DAYS[9]))],
    }
    table = World(DAYS, {"AAA": MOST, "XXX": [*[NAN] * 10, *MOST[10:]]}, facts).table()
    view = table.view(at_open(DAYS[9]))
    assert view.symbols() == ("XXX",)
    assert changes(view) == [("AAA", "XXX")]
    assert changes(table.view(at_open(DAYS[10]))) == [("AAA", "XXX"), ("XXX", "XXX.1")]


def test_a_name_beside_a_ticker_is_never_that_of_another_company() -> None:
    prices = {"FOO": MOST, "FOO.1": MOST, "NEW": MOST}
    table = World(DAYS, prices, {"listings": [listing("NEW", "FOO", DAYS[5])]}).table()
    assert table.view(at_open(DAYS[6])).symbols() == ("FOO", "FOO.1", "FOO.2")
    assert changes(table.view(at_open(DAYS[6]))) == [("FOO", "FOO.2"), ("NEW", "FOO")]


def test_a_company_listed_later_under_such_a_name_takes_it_over() -> None:
    prices = {"FOO": MOST, "FOO.1": [*[NAN] * 10, *MOST[10:]], "NEW": MOST}
    table = World(DAYS, prices, {"listings": [listing("NEW", "FOO", DAYS[5])]}).table()
    assert table.view(at_open(DAYS[6])).symbols() == ("FOO", "FOO.1")
    view = table.view(after_close(DAYS[-1]))
    assert view.symbols() == ("FOO", "FOO.1", "FOO.1.1")
    assert changes(view) == [("FOO", "FOO.1"), ("NEW", "FOO"), ("FOO.1", "FOO.1.1")]


def test_actions_of_one_day_are_in_the_order_of_their_instruments() -> None:
    facts = [action(who, "cash_dividend", DAYS[3], cash="1") for who in ("BBB", "AAA")]
    view = World(DAYS, {"AAA": MOST, "BBB": MOST}, {"actions": facts}).view(at_open(DAYS[4]))
    assert [one.instrument for one in view.actions()] == ["AAA", "BBB"]
    assert [ticker for ticker, _ in view.applied(at_open(DAYS[0]))] == ["AAA", "BBB"]


def test_benchmarks_are_shown_and_never_traded_whatever_they_are_called() -> None:
    change = action("IDX", "ticker_change", RENAMED, new_symbol="IDY")
    table = World(DAYS, {"AAA": MOST, "IDX": MOST}, {"actions": [change]}, benchmarks=("IDX",))
    view = table.view(after_close(DAYS[-1]))
    assert view.symbols() == ("AAA",)
    assert view.last_close("IDY") is not None


# A run's universe.


def test_a_universe_covers_whoever_bears_one_of_its_tickers_during_the_run() -> None:
    facts = {"actions": [action("FB", "ticker_change", RENAMED, new_symbol="META")]}
    table = World(DAYS, {"FB": MOST, "KO": MOST}, facts).table()
    run = UniverseMarket(table, ["META"], start=DAYS[0], end=DAYS[-1])
    assert run.info().symbols == ("FB", "META")
    assert run.view(at_open(DAYS[2])).symbols() == ("FB",)
    assert run.view(at_open(RENAMED)).symbols() == ("META",)
    assert run.view(at_open(RENAMED)).applied(at_open(DAYS[0]))[0][0] == "FB"
    short = UniverseMarket(table, ["META"], start=DAYS[0], end=RENAMED - timedelta(days=1))
    assert short.info().symbols == ()
    for outside in ("KO", "META"):
        with pytest.raises(NotFound, match=f"'{outside}' is not in the universe of this run"):
            short.view(at_open(DAYS[2])).bars(outside)
    with pytest.raises(NotFound, match="'KO' is not in the universe of this run"):
        run.view(at_open(RENAMED)).quote("KO")
    assert UniverseMarket(table, ["FB"]).view(at_open(RENAMED)).symbols() == ("META",)


def test_a_universe_of_a_reused_ticker_has_those_who_bear_it_in_the_run() -> None:
    table = reused().table()
    whole = UniverseMarket(table, ["FOO"], start=DAYS[0], end=DAYS[-1])
    assert whole.info().symbols == ("FOO", "FOO.1")
    late = UniverseMarket(table, ["FOO"], start=DAYS[14], end=DAYS[-1])
    view = late.view(after_close(DAYS[-1]))
    assert late.info().symbols == ("FOO",)
    assert view.last_close("FOO") == (DAYS[-1], 7.0)
    with pytest.raises(NotFound):
        view.last_close("FOO.1")


def test_a_universe_shows_the_facts_of_its_own_instruments_alone() -> None:
    facts = {
        "actions": [
            action("AAA", "cash_dividend", DAYS[3], cash="1"),
            action("BBB", "cash_dividend", DAYS[3], cash="1"),
        ]
    }
    table = World(DAYS, {"AAA": MOST, "BBB": MOST}, facts).table()
    view = UniverseMarket(table, ["AAA"]).view(after_close(DAYS[-1]))
    assert {one.instrument for one in view.actions()} == {"AAA"}
    assert [ticker for ticker, _ in view.applied(at_open(DAYS[0]))] == ["AAA"]
    for ask in (view.actions, view.listings, view.fundamentals):
        with pytest.raises(NotFound):
            ask("BBB")
    with pytest.raises(NotFound):
        view.documents("", symbol="BBB")
