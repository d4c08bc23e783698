"""Corporate actions change units, tickers and cash, and leave an account's value as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.facts import CorporateAction
from schemas.ledger import Transaction
from trading.account import CASH, DIVIDENDS, REALISED, AccountState, Holding
from trading.corporate_actions import (
    LATE_SESSIONS,
    Booking,
    PastHoldings,
    Stake,
    book_action,
    price_after,
)
from trading.ledger import Heading, Tip, append

EX = date(2024, 6, 10)
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
UNIT, MILLIONTH = Decimal(1), Decimal("0.000001")
RATIOS = [(2, 1), (15, 1), (1, 10), (3, 2), (21, 20), (7, 3), (1, 3)]


def action(kind: str, instrument: str = "AAA", *, on: date = EX, **terms: Any) -> CorporateAction:
    values = {name: Decimal(v) if name != "new_symbol" else v for name, v in terms.items()}
    return CorporateAction.model_validate(
        {
            "known_time": NOON,
            "stored_time": NOON,
            "provider": "test",
            "action_id": f"{instrument}-{kind}-{on}",
            "instrument": instrument,
            "kind": kind,
            "ex_date": on,
            **values,
        }
    )


def stake(units: str, cost: str, *, price: str = "0", step: Decimal = UNIT) -> Stake:
    holding = Holding(Decimal(units), Decimal(cost))
    return Stake("AAA", holding, holding.quantity, Decimal(price), step)


def after(found: Stake, booking: Booking | None) -> AccountState:
    """Return an account of that holding alone, and cash to pay for it, once it is booked."""
    state = AccountState("USD", {}, {found.symbol: found.holding})
    return state if booking is None else state.apply(entered(booking))


def entered(booking: Booking) -> Transaction:
    heading = Heading("id", booking.kind, EX, booking.description, "USD")
    return append(Tip(), heading, movements=booking.movements)


@pytest.mark.parametrize(
    ("new", "old", "units", "cash"),
    [
        ("2", "1", "14", "0"),
        ("15", "1", "105", "0"),
        ("1", "10", "0", "70"),
        ("3", "2", "10", "50"),
    ],
)
def test_a_split_gives_whole_units_and_pays_the_fraction(
    new: str, old: str, units: str, cash: str
) -> None:
    found = stake("7", "630.00", price="100")
    state = after(found, book_action(action("split", new_units=new, old_units=old), found))
    assert (state.held("AAA"), state.cash) == (Decimal(units), Decimal(cash))


def test_the_fraction_leaves_at_its_share_of_the_cost_and_the_rest_is_a_gain() -> None:
    found = stake("7", "630.00", price="100")
    state = after(found, book_action(action("split", new_units="3", old_units="2"), found))
    assert state.cash == Decimal("50.00")
    assert state.holdings["AAA"].cost == Decimal("600.00")
    assert state.balances[REALISED] == Decimal("-20.00")


@pytest.mark.promise("corporate-actions")
@given(
    ratio=st.sampled_from(RATIOS),
    units=st.integers(1, 10_000_000),
    price=st.decimals("0.01", "5000", places=2),
    fractional=st.booleans(),
)
def test_a_split_never_changes_the_value_by_more_than_a_cent(
    ratio: tuple[int, int], units: int, price: Decimal, *, fractional: bool
) -> None:
    new, old = ratio
    quantity = Decimal(units) / 1_000_000 if fractional else Decimal(units)
    then = Fraction(price) * old / new
    told = Decimal(then.numerator) / Decimal(then.denominator)
    step = MILLIONTH if fractional else UNIT
    found = Stake("AAA", Holding(quantity, Decimal("1.00")), quantity, told, step)
    split = action("split", new_units=str(new), old_units=str(old))
    state = after(found, book_action(split, found))
    before = (quantity * price).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    worth = (state.held("AAA") * told).quantize(Decimal("0.01"), ROUND_HALF_EVEN) + state.cash
    assert abs(worth - before) <= Decimal("0.01")
    assert state.held("AAA") % step == 0
    kept = state.holdings["AAA"].cost if state.held("AAA") else Decimal()
    assert kept + state.cash + state.balances.get(REALISED, Decimal()) == found.holding.cost


def test_where_fractions_can_be_held_nothing_is_paid_for_them() -> None:
    found = stake("7.5", "75.00", price="10", step=MILLIONTH)
    state = after(found, book_action(action("split", new_units="1", old_units="3"), found))
    assert (state.held("AAA"), state.cash) == (Decimal("2.5"), 0)


def test_a_stock_dividend_is_a_small_split() -> None:
    found = stake("100", "900.00", price="9")
    booking = book_action(action("stock_dividend", new_units="21", old_units="20"), found)
    assert booking is not None
    assert (booking.kind, after(found, booking).held("AAA")) == ("split", 105)
    assert booking.description.startswith("Stock dividend 21:20: 100 AAA became 105")


@pytest.mark.promise("corporate-actions")
@pytest.mark.parametrize(
    ("units", "cash", "paid"),
    [
        ("12.5", "0.24", "3.00"),
        ("3", "0.005", "0.02"),
        ("5", "0.005", "0.02"),
        ("1", "0.005", None),
    ],
)
def test_a_dividend_is_rounded_once_half_even(units: str, cash: str, paid: str | None) -> None:
    found = stake(units, "10.00")
    booking = book_action(action("cash_dividend", cash=cash), found)
    if paid is None:
        assert booking is None
        return
    state = after(found, booking)
    assert state.balances[CASH] == -state.balances[DIVIDENDS] == Decimal(paid)
    assert state.holdings["AAA"] == found.holding


def test_a_ticker_change_moves_the_holding_with_its_cost() -> None:
    found = stake("7", "630.00")
    state = after(found, book_action(action("ticker_change", new_symbol="NEW"), found))
    assert state.holdings == {"NEW": found.holding}
    assert state.cash == 0


@pytest.mark.parametrize("kind", ["cash_merger", "delisting"])
def test_a_buy_out_turns_the_holding_to_cash_and_books_the_gain(kind: str) -> None:
    found = stake("7", "630.00")
    state = after(found, book_action(action(kind, cash="100.125"), found))
    assert (state.holdings, state.cash) == ({}, Decimal("700.88"))
    assert state.balances[REALISED] == Decimal("-70.88")


def test_a_delisting_for_nothing_is_a_loss_and_one_without_a_word_moves_nothing() -> None:
    found = stake("7", "630.00")
    lost = after(found, book_action(action("delisting", cash="0"), found))
    assert (lost.holdings, lost.cash) == ({}, 0)
    assert lost.balances[REALISED] == Decimal("630.00")
    assert book_action(action("delisting"), found) is None


def test_the_past_goes_by_the_new_ticker() -> None:
    found = stake("7", "630.00")
    booking = book_action(action("ticker_change", new_symbol="NEW"), found)
    assert booking is not None
    past = PastHoldings()
    past.remember(date(2024, 6, 7), {"AAA": found.holding})
    past.remember(EX, {})
    past.follow(entered(booking))
    late = action("cash_dividend", on=date(2024, 6, 8), cash="1")
    assert past.entitled(("NEW", late), Decimal()) == 7
    assert past.entitled(("AAA", late), Decimal()) == 0


def test_a_fraction_is_paid_at_the_price_before_the_days_dividend() -> None:
    rest = [
        action("split", new_units="2", old_units="1"),
        action("cash_dividend", cash="0.5"),
    ]
    assert price_after(rest, date(2024, 6, 7), Decimal(49)) == Decimal(99)
    assert price_after(rest, EX, Decimal(49)) == Decimal(49)


@pytest.fixture
def past() -> PastHoldings:
    """Ten units on the Friday before, four on the ex-date, six the day after."""
    found = PastHoldings()
    for day, units in ((7, 10), (10, 4), (11, 6)):
        found.remember(date(2024, 6, day), {"AAA": Holding(Decimal(units), Decimal(0))})
    return found


@pytest.mark.promise("corporate-actions")
def test_an_action_known_late_counts_for_what_was_held_at_its_ex_date(past: PastHoldings) -> None:
    dividend = action("cash_dividend", cash="1")
    split = action("split", new_units="2", old_units="1")
    assert past.entitled(("AAA", dividend), Decimal(0)) == 10
    assert past.entitled(("AAA", split), Decimal(6)) == 4
    assert past.entitled(("AAA", action("cash_merger", cash="1")), Decimal(6)) == 6
    assert past.entitled(("BBB", dividend), Decimal(6)) == 0
    # What was bought in new units is not split again.
    entitled = past.entitled(("AAA", split), Decimal(6))
    late = Stake("AAA", Holding(Decimal(6), Decimal("60.00")), entitled, Decimal(5), UNIT)
    state = after(late, book_action(split, late))
    assert state.holdings["AAA"] == Holding(Decimal(10), Decimal("60.00"))


def test_an_action_on_time_counts_for_what_is_held(past: PastHoldings) -> None:
    tomorrow = action("cash_dividend", on=date(2024, 6, 12), cash="1")
    assert past.entitled(("AAA", tomorrow), Decimal(9)) == 9
    assert PastHoldings().entitled(("AAA", tomorrow), Decimal(9)) == 9


def test_what_was_held_before_the_run_was_nothing_but_what_is_forgotten_is_not() -> None:
    early = action("cash_dividend", on=date(2020, 1, 1), cash="1")
    held = {"AAA": Holding(Decimal(3), Decimal(0))}
    past = PastHoldings()
    past.remember(EX, held)
    assert past.entitled(("AAA", early), Decimal(3)) == 0
    for _ in range(LATE_SESSIONS):
        past.remember(EX, held)
    assert past.entitled(("AAA", early), Decimal(3)) == 3
