"""Trips add up to the fills they are made of, and say how they stood while they lasted."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UntrustworthyData
from schemas.trades import Matching, RoundTrips
from tests.trading.trip_days import Days
from trading.account import REALISED
from trading.round_trips import Bar, round_trips

MON, TUE, WED = date(2020, 1, 6), date(2020, 1, 7), date(2020, 1, 8)


def money(*values: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(value) for value in values)


def test_a_trip_runs_from_nothing_to_nothing_whatever_is_added_on_the_way() -> None:
    days = Days()
    days.trade(MON, "AAA", "buy", 10, 100, commission="1.00", spread="0.20")
    days.end(MON)
    days.trade(TUE, "AAA", "buy", 5, 110, commission="1.00")
    days.trade(TUE, "AAA", "sell", 3, 120, commission="0.50")
    days.end(TUE)
    days.trade(WED, "AAA", "sell", 12, 90, commission="1.50", spread="0.30")
    days.end(WED)
    trips = round_trips(days.ticks)
    assert trips.symbols == ("AAA",)
    assert (trips.opened, trips.closed, trips.days_held) == ((MON,), (WED,), (2,))
    assert (trips.entries, trips.exits) == ((2,), (2,))
    assert trips.entry_amounts == money("1550.00")
    assert trips.exit_amounts == money("1440.00")
    assert trips.commissions == money("4.00")
    assert trips.price_costs == money("0.50")
    assert trips.gains == money("-114.00")  # 1440 − 1550 − 4
    assert trips.realised_gains == money("-112.00")  # the entries' commissions left out
    assert trips.gain_shares[0] == pytest.approx(Decimal(-114) / Decimal(1550))


def test_matched_by_lot_each_purchase_is_a_trip() -> None:
    days = Days(method="lifo")
    days.trade(MON, "AAA", "buy", 10, 100)
    days.end(MON)
    days.trade(TUE, "AAA", "buy", 10, 120)
    days.end(TUE)
    days.trade(WED, "AAA", "sell", 15, 110, commission="1.50")
    days.end(WED)
    trips = round_trips(days.ticks, matching="lot")
    first, second = (lot for lot in trips.lots if lot is not None)
    assert (first[:8], second[:8]) == ("20200106", "20200107")
    assert trips.closed == (None, WED)
    assert trips.units_closed == money("5", "10")
    assert trips.units_open == money("5", "0")
    # Newest first: ten lose 10 each and a dollar of commission, five gain 10 each less 50 cents.
    assert trips.realised_gains == money("49.50", "-101.00")
    assert trips.exits == (1, 1)


def test_an_order_that_turns_a_position_round_ends_one_trip_and_begins_another() -> None:
    days = Days()
    days.trade(MON, "AAA", "buy", 10, 100)
    days.end(MON)
    days.trade(TUE, "AAA", "sell", 15, 110, commission="3.00")
    days.end(TUE)
    days.trade(WED, "AAA", "buy", 5, 100)
    days.end(WED)
    trips = round_trips(days.ticks)
    assert trips.directions == ("long", "short")
    assert trips.opened == (MON, TUE)
    assert trips.closed == (TUE, WED)
    assert trips.commissions == money("2.00", "1.00")
    assert trips.gains == money("98.00", "49.00")


def test_day_trades_and_holds_over_a_year_are_told_apart() -> None:
    days = Days()
    days.trade(MON, "AAA", "buy", 1, 10)
    days.trade(MON, "AAA", "sell", 1, 11)
    days.trade(MON, "BBB", "buy", 1, 10)
    days.trade(MON, "CCC", "buy", 1, 10)
    days.end(MON)
    anniversary = date(2021, 1, 6)
    days.trade(anniversary, "BBB", "sell", 1, 10)
    days.end(anniversary)
    days.trade(anniversary + timedelta(days=1), "CCC", "sell", 1, 10)
    days.end(anniversary + timedelta(days=1))
    trips = round_trips(days.ticks)
    assert trips.symbols == ("AAA", "BBB", "CCC")
    assert trips.day_trades == (True, False, False)
    assert trips.long_holds == (False, False, True)  # more than a year, not a year


@pytest.mark.parametrize("matching", ["flat_to_flat", "lot"])
def test_splits_and_new_tickers_are_followed(matching: Matching) -> None:
    days = Days()
    days.trade(MON, "OLD", "buy", 10, 100)
    days.end(MON)
    days.act(TUE, "OLD", kind="split", new_units=2, old_units=1)
    days.act(TUE, "OLD", kind="ticker_change", new_symbol="NEW")
    days.act(TUE, "NEW", kind="cash_dividend", cash=1)
    days.end(TUE)
    days.trade(WED, "NEW", "sell", 20, 60)
    days.end(WED)
    trips = round_trips(days.ticks, matching=matching)
    assert (trips.symbols, trips.last_symbols) == (("OLD",), ("NEW",))
    assert (trips.opened, trips.closed) == ((MON,), (WED,))
    assert trips.units_by_actions == money("10")
    assert trips.gains == money("200.00")
    assert trips.dividends == money("20.00")


def test_a_buy_out_closes_what_is_held_and_a_fraction_is_paid_out() -> None:
    days = Days()
    days.trade(MON, "AAA", "buy", "0.000003", "1000000")
    days.trade(MON, "BBB", "buy", 10, 100)
    days.end(MON)
    days.act(TUE, "AAA", kind="split", new_units=1, old_units=2, price="2000000")
    days.act(TUE, "BBB", kind="cash_merger", cash=105)
    days.end(TUE)
    trips = round_trips(days.ticks)
    assert trips.closed == (None, TUE)
    assert trips.exits == (0, 1)
    assert trips.units_by_actions[0] == Decimal("-0.000002")
    assert trips.exit_amounts == money("1.00", "1050.00")
    assert trips.realised_gains == money("0.00", "50.00")


BARS = {
    ("AAA", MON): Bar(Decimal(104), Decimal(95), Decimal(98)),
    ("AAA", TUE): Bar(Decimal(130), Decimal(97), Decimal(108)),
    ("AAA", WED): Bar(Decimal(200), Decimal(50), Decimal(100)),
}


def excursions(days: Days) -> tuple[Decimal | None, Decimal | None]:
    trips = round_trips(days.ticks, bars=lambda symbol, day: BARS.get((symbol, day)))
    return trips.mae[0], trips.mfe[0]


def test_excursions_count_the_bars_held_from_open_to_close() -> None:
    days = Days()
    days.trade(MON, "AAA", "buy", 10, 100)
    days.end(MON)
    days.end(TUE)
    days.trade(WED, "AAA", "sell", 10, 105)
    days.end(WED)
    # Monday's low is 5 below the entry, Tuesday's high 30 above; Wednesday it is gone at the open.
    assert excursions(days) == (Decimal("-50.00"), Decimal("300.00"))


def test_excursions_of_a_short_trip_are_the_other_way_round() -> None:
    days = Days()
    days.trade(MON, "AAA", "sell", 10, 100)
    days.end(MON)
    days.trade(TUE, "AAA", "buy", 10, 100, convention="close")
    days.end(TUE)
    assert excursions(days) == (Decimal("-300.00"), Decimal("50.00"))


def test_a_bar_in_which_nobody_knows_what_came_first_gives_no_high_and_low() -> None:
    days = Days()
    days.trade(MON, "AAA", "buy", 10, 97, convention="limit")
    days.end(MON)
    days.trade(TUE, "AAA", "sell", 10, 110, convention="limit")
    days.end(TUE)
    # Monday's close is 1 above the entry, the exit 13.
    assert excursions(days) == (Decimal("0.00"), Decimal("130.00"))


def test_excursions_follow_what_was_taken_off_before() -> None:
    days = Days()
    days.trade(MON, "AAA", "buy", 10, 100)
    days.end(MON)
    days.trade(TUE, "AAA", "sell", 5, 110)
    days.end(TUE)
    # Five are sold 10 above the entry at Tuesday's open; five more stand 30 above at its high.
    assert excursions(days) == (Decimal("-50.00"), Decimal("200.00"))


def test_without_bars_there_are_no_excursions() -> None:
    days = Days()
    days.trade(MON, "AAA", "buy", 10, 100)
    days.end(MON)
    assert round_trips(days.ticks).mae == (None,)


def test_fills_that_are_not_those_of_the_ledger_are_refused() -> None:
    days = Days()
    days.trade(MON, "AAA", "buy", 10, 100)
    tick = days.end(MON)
    with pytest.raises(UntrustworthyData, match="tick 0 has 0 fills"):
        round_trips([tick.model_copy(update={"fills": ()})])
    other = tick.fills[0].model_copy(update={"symbol": "BBB"})
    with pytest.raises(UntrustworthyData, match="does not trade BBB"):
        round_trips([tick.model_copy(update={"fills": (other,)})])


steps = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell", "split", "rename", "dividend", "end"]),
        st.sampled_from(["AAA", "BBB"]),
        st.decimals("0.01", "50", places=2),
        st.decimals("0.01", "200", places=4),
        st.sampled_from(["0.00", "0.01", "1.37"]),
    ),
    max_size=40,
)


def lived(plan: list[tuple[str, str, Decimal, Decimal, str]], method: str) -> Days:
    """Carry out a random plan; a renamed symbol goes by its new ticker from then on."""
    days, day = Days(method=method), MON
    names = {"AAA": "AAA", "BBB": "BBB"}
    for what, which, units, price, fee in plan:
        symbol = names[which]
        if what in {"buy", "sell"}:
            side = "buy" if what == "buy" else "sell"
            if (units * price).quantize(Decimal("0.01")):
                days.trade(day, symbol, side, units, price, commission=fee)
        elif what == "split":
            new, old = (3, 2) if units > 25 else (1, 3)
            days.act(day, symbol, kind="split", new_units=new, old_units=old, price=str(price))
        elif what == "dividend":
            days.act(day, symbol, kind="cash_dividend", cash="0.37")
        elif what == "rename":
            names[which] = f"{which}{len(days.ticks)}X"
            if names[which] != symbol:
                days.act(day, symbol, kind="ticker_change", new_symbol=names[which])
        else:
            days.end(day)
            day += timedelta(days=1)
    days.end(day)
    return days


def flat_gain(trips: RoundTrips, n: int) -> Decimal:
    came_in = trips.exit_amounts[n] - trips.entry_amounts[n]
    return (came_in if trips.directions[n] == "long" else -came_in) - trips.commissions[n]


@given(plan=steps, method=st.sampled_from(["fifo", "lifo", "highest_cost"]))
def test_trips_add_up_to_fills_and_ledger(
    plan: list[tuple[str, str, Decimal, Decimal, str]],
    method: Literal["fifo", "lifo", "highest_cost"],
) -> None:
    days = lived(plan, method)
    posted = [each for tick in days.ticks for each in tick.transactions]
    acted = -sum(
        entry.amount
        for each in posted
        for entry in each.entries
        if each.kind != "trade" and entry.account == REALISED
    )
    told = sum(fill.realised_gain or Decimal() for fill in days.fills) + acted
    dividends = -sum(
        entry.amount for each in posted for entry in each.entries if ":dividends" in entry.account
    )
    for matching in ("flat_to_flat", "lot"):
        trips = round_trips(
            days.ticks,
            matching=matching,
            bars=lambda _, __: Bar(Decimal(9), Decimal(8), Decimal(8)),
        )
        assert sum(trips.realised_gains) == told
        assert sum(trips.commissions) == sum(fill.commission for fill in days.fills)
        assert sum(trips.dividends) == dividends
        assert all(low is not None and low <= 0 for low in trips.mae)
        assert all(high is not None and high >= 0 for high in trips.mfe)
        held: dict[str, Decimal] = {}
        for n, symbol in enumerate(trips.last_symbols):
            left = trips.units_opened[n] + trips.units_by_actions[n] - trips.units_closed[n]
            assert left == trips.units_open[n]
            assert (trips.closed[n] is None) == bool(left)
            signed = left if trips.directions[n] == "long" else -left
            held[symbol] = held.get(symbol, Decimal()) + signed
        for symbol, units in held.items():
            assert units == days.state.held(symbol)


@given(plan=steps)
def test_what_a_closed_trip_gained_is_what_came_in_less_what_went_out(
    plan: list[tuple[str, str, Decimal, Decimal, str]],
) -> None:
    days = lived([step for step in plan if step[0] in ("buy", "sell", "end")], "fifo")
    trips = round_trips(days.ticks)
    for n, closed in enumerate(trips.closed):
        if closed is not None:
            assert trips.gains[n] == flat_gain(trips, n)
