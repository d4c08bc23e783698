"""Corporate actions change units, tickers and cash, and leave an account's value as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import ZERO, to_cents
from schemas.facts import CorporateAction
from schemas.ledger import Transaction
from tests.trading.books import lots_of
from trading.account import CASH, DIVIDENDS, REALISED, AccountState, Holding, MarginTerms
from trading.corporate_actions import (
    LATE_SESSIONS,
    PAYABLE,
    Booking,
    PastHoldings,
    Stake,
    book_action,
    payments_due,
    price_after,
)
from trading.ledger import Heading, Tip, append
from trading.lots import lot_id, new_lot

EX = date(2024, 6, 10)
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
UNIT, MILLIONTH = Decimal(1), Decimal("0.000001")
RATIOS = [(2, 1), (15, 1), (1, 10), (3, 2), (21, 20), (7, 3), (1, 3)]


def action(kind: str, instrument: str = "AAA", *, on: date = EX, **terms: Any) -> CorporateAction:
    numbers = ("new_units", "old_units", "cash")
    values = {name: Decimal(v) if name in numbers else v for name, v in terms.items()}
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


def stake(*lots: tuple[str, str], price: str = "0", step: Decimal = UNIT) -> Stake:
    """Return a stake in lots of (units, cost), all of it entitled."""
    holding, _ = lots_of(*lots)
    return Stake("AAA", holding, holding, Decimal(price), step)


def after(found: Stake, booking: Booking | None) -> AccountState:
    """Return an account of that holding alone, and cash to pay for it, once it is booked."""
    short = MarginTerms(allow_short=found.holding.quantity < 0)
    state = AccountState("USD", {}, {found.symbol: found.holding}, short)
    return state if booking is None else state.apply(entered(booking))


def entered(booking: Booking) -> Transaction:
    heading = Heading("id", booking.kind, EX, booking.description, "USD")
    return append(Tip(), heading, movements=booking.movements)


def shape(state: AccountState) -> list[tuple[str, Decimal, Decimal]]:
    """Return the lots as (number, units, cost)."""
    lots = state.holdings.get("AAA", Holding()).lots
    return [(lot.lot_id[9:], lot.quantity, lot.cost) for lot in lots]


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
    found = stake(("7", "630.00"), price="100")
    state = after(found, book_action(action("split", new_units=new, old_units=old), found))
    assert (state.held("AAA"), state.cash) == (Decimal(units), Decimal(cash))


def test_the_fraction_leaves_at_its_share_of_the_cost_and_the_rest_is_a_gain() -> None:
    found = stake(("7", "630.00"), price="100")
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
    found = stake((str(quantity), "1.00"), price="0", step=step)
    found = replace(found, price=told)
    split = action("split", new_units=str(new), old_units=str(old))
    state = after(found, book_action(split, found))
    before = (quantity * price).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    worth = (state.held("AAA") * told).quantize(Decimal("0.01"), ROUND_HALF_EVEN) + state.cash
    assert abs(worth - before) <= Decimal("0.01")
    assert state.held("AAA") % step == 0
    kept = state.holdings["AAA"].cost if state.held("AAA") else Decimal()
    assert kept + state.cash + state.balances.get(REALISED, Decimal()) == found.holding.cost


def test_where_fractions_can_be_held_nothing_is_paid_for_them() -> None:
    found = stake(("7.5", "75.00"), price="10", step=MILLIONTH)
    state = after(found, book_action(action("split", new_units="1", old_units="3"), found))
    assert (state.held("AAA"), state.cash) == (Decimal("2.5"), 0)


def test_a_stock_dividend_is_a_small_split() -> None:
    found = stake(("100", "900.00"), price="9")
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
    found = stake((units, "10.00"))
    booking = book_action(action("cash_dividend", cash=cash), found)
    if paid is None:
        assert booking is None
        return
    state = after(found, booking)
    assert state.balances[CASH] == -state.balances[DIVIDENDS] == Decimal(paid)
    assert state.holdings["AAA"] == found.holding


def test_a_ticker_change_moves_the_holding_with_its_cost() -> None:
    found = stake(("7", "630.00"))
    state = after(found, book_action(action("ticker_change", new_symbol="NEW"), found))
    assert state.holdings == {"NEW": found.holding}
    assert state.cash == 0


@pytest.mark.parametrize("kind", ["cash_merger", "delisting"])
def test_a_buy_out_turns_the_holding_to_cash_and_books_the_gain(kind: str) -> None:
    found = stake(("7", "630.00"))
    state = after(found, book_action(action(kind, cash="100.125"), found))
    assert (state.holdings, state.cash) == ({}, Decimal("700.88"))
    assert state.balances[REALISED] == Decimal("-70.88")


def test_a_delisting_for_nothing_is_a_loss_and_one_without_a_word_moves_nothing() -> None:
    found = stake(("7", "630.00"))
    lost = after(found, book_action(action("delisting", cash="0"), found))
    assert (lost.holdings, lost.cash) == ({}, 0)
    assert lost.balances[REALISED] == Decimal("630.00")
    assert book_action(action("delisting"), found) is None


def test_the_past_goes_by_the_new_ticker() -> None:
    found = stake(("7", "630.00"))
    booking = book_action(action("ticker_change", new_symbol="NEW"), found)
    assert booking is not None
    past = PastHoldings()
    past.remember(date(2024, 6, 7), {"AAA": found.holding})
    past.remember(EX, {})
    past.follow(entered(booking))
    late = action("cash_dividend", on=date(2024, 6, 8), cash="1")
    assert past.entitled(("NEW", late), Holding()).quantity == 7
    assert past.entitled(("AAA", late), Holding()) == Holding()


def test_a_fraction_is_paid_at_the_price_before_the_days_dividend() -> None:
    rest = [
        action("split", new_units="2", old_units="1"),
        action("cash_dividend", cash="0.5"),
    ]
    assert price_after(rest, date(2024, 6, 7), Decimal(49)) == Decimal(99)
    assert price_after(rest, EX, Decimal(49)) == Decimal(49)


@pytest.mark.promise("corporate-actions")
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("ratio", "lots", "price", "expected", "money"),
    [
        # 3.5 + 1.5 + 4.5 are 9.5: half a unit of the oldest is paid at 10.
        ("1:2", (7, 3, 9), "10", (("0", "3", "120"), ("1", "1.5", "60"), ("2", "4.5", "180")), 5),
        ("3:2", (1, 1), "10", (("0", "1.5", "20"), ("1", "1.5", "20")), 0),
        # 0.1 + 0.2 make no unit: all is paid, the lots are gone.
        ("1:10", (1, 2), "100", (), 30),
        # The fraction is more than the oldest lot has: 0.1 + 1.8 are 1.9.
        ("1:10", (1, 18), "100", (("1", "1", "200"),), 90),
    ],
)
def test_a_split_restates_each_lot_and_pays_one_fraction_of_the_whole(
    ratio: str,
    lots: tuple[int, ...],
    price: str,
    expected: tuple[tuple[str, str, str], ...],
    money: int,
    *,
    sign: int,
) -> None:
    new, old = ratio.split(":")
    found = stake(*((str(sign * n), str(sign * n * 20)) for n in lots), price=price)
    state = after(found, book_action(action("split", new_units=new, old_units=old), found))
    assert shape(state) == [
        (number, sign * Decimal(units), sign * Decimal(cost)) for number, units, cost in expected
    ]
    account = CASH if sign > 0 else f"{PAYABLE}{EX}"
    assert state.balances.get(account, ZERO) == sign * money
    held = state.holdings.get("AAA", Holding())
    lost = found.holding.cost - held.cost
    assert state.balances.get(REALISED, ZERO) == lost - sign * money


@pytest.mark.promise("corporate-actions")
@given(
    ratio=st.sampled_from(RATIOS),
    units=st.lists(st.integers(1, 5_000_000), min_size=1, max_size=6),
    price=st.decimals("0.01", "5000", places=2),
    sign=st.sampled_from([1, -1]),
    fractional=st.booleans(),
)
def test_lots_and_shorts_are_split_without_a_change_of_value(
    ratio: tuple[int, int], units: list[int], price: Decimal, sign: int, *, fractional: bool
) -> None:
    new, old = ratio
    scale = 0 if not fractional else -6
    told = [(str(sign * Decimal(n).scaleb(scale)), f"{sign * (n % 977)}.00") for n in units]
    then = Fraction(price) * old / new
    at = Decimal(then.numerator) / Decimal(then.denominator)
    found = replace(stake(*told, step=MILLIONTH if fractional else UNIT), price=at)
    split = action("split", new_units=str(new), old_units=str(old))
    state = after(found, book_action(split, found))
    before = to_cents(found.holding.quantity * price)
    held = state.holdings.get("AAA", Holding())
    worth = to_cents(held.quantity * at) + state.cash + state.accrued
    assert abs(worth - before) <= Decimal("0.01")
    assert held.quantity % found.step == 0
    lost = state.cash + state.accrued + state.balances.get(REALISED, ZERO)
    assert held.cost + lost == found.holding.cost
    dates = {lot.lot_id: lot.opened for lot in found.holding.lots}
    for lot in held.lots:
        assert dates[lot.lot_id] == lot.opened
        (was,) = (one for one in found.holding.lots if one.lot_id == lot.lot_id)
        assert abs(lot.quantity) <= abs(was.quantity) * new / old + MILLIONTH


@pytest.mark.promise("corporate-actions")
def test_a_dividend_paid_later_is_due_until_then_and_counts_at_once() -> None:
    found = stake(("100", "900.00"))
    pay = date(2024, 6, 28)
    state = after(found, book_action(action("cash_dividend", cash="0.25", pay_date=pay), found))
    assert (state.cash, state.accrued) == (0, 25)
    assert state.balances["assets:receivable:2024-06-28"] == 25
    assert payments_due(state, date(2024, 6, 27)) == ()
    # The pay date was no session: the next one pays.
    (payment,) = payments_due(state, date(2024, 7, 1))
    assert (payment.kind, payment.description) == (
        *("payment", "Payment of what was due on 2024-06-28"),
    )
    paid = state.apply(entered(payment))
    assert (paid.cash, paid.accrued) == (25, 0)
    assert payments_due(paid, date(2024, 7, 2)) == ()


@pytest.mark.parametrize("pay", [None, EX, date(2024, 6, 1)])
def test_a_dividend_paid_by_its_ex_date_is_cash(pay: date | None) -> None:
    found = stake(("100", "900.00"))
    state = after(found, book_action(action("cash_dividend", cash="0.25", pay_date=pay), found))
    assert (state.cash, state.accrued) == (25, 0)


@pytest.mark.promise("corporate-actions")
@pytest.mark.parametrize(
    ("pay", "account"),
    [
        (None, "liabilities:payable:2024-06-10"),
        (date(2024, 6, 28), "liabilities:payable:2024-06-28"),
    ],
)
def test_who_is_short_owes_the_dividend(pay: date | None, account: str) -> None:
    found = stake(("-100", "-900.00"))
    state = after(found, book_action(action("cash_dividend", cash="0.25", pay_date=pay), found))
    assert (state.cash, state.balances[account], state.accrued) == (0, -25, -25)
    assert state.balances["expenses:dividends"] == 25


def test_what_is_owed_is_paid_as_far_as_the_cash_reaches_and_after_what_comes_in() -> None:
    balances = {
        CASH: Decimal(10),
        "assets:receivable:2024-06-12": Decimal(5),
        "liabilities:payable:2024-06-10": Decimal(-8),
        "liabilities:payable:2024-06-11": Decimal(-9),
        "liabilities:payable:2024-06-13": Decimal(-1),
        "liabilities:model_spend": Decimal(-3),
    }
    state = AccountState("USD", balances)
    bookings = payments_due(state, date(2024, 6, 12))
    assert [each.movements[0].amount for each in bookings] == [5, -8, -7]
    for each in bookings:
        state = state.apply(entered(each))
    assert state.cash == 0
    assert state.balances["liabilities:payable:2024-06-11"] == -2
    assert payments_due(state, date(2024, 6, 12)) == ()
    margin = MarginTerms(allow_leverage=True)
    rich = payments_due(AccountState("USD", state.balances, terms=margin), date(2024, 6, 13))
    assert [each.movements[0].amount for each in rich] == [-2, -1]


def test_a_new_ticker_keeps_every_lot_with_its_date() -> None:
    found = stake(("7", "630.00"), ("2", "5.00"))
    state = after(found, book_action(action("ticker_change", new_symbol="NEW"), found))
    assert state.holdings == {"NEW": found.holding}


@pytest.mark.promise("corporate-actions")
@pytest.mark.parametrize("kind", ["cash_merger", "delisting"])
def test_a_buy_out_of_a_short_position_is_owed(kind: str) -> None:
    found = stake(("-7", "-630.00"), ("-1", "-50.00"))
    state = after(found, book_action(action(kind, cash="100.125"), found))
    assert (state.holdings, state.cash) == ({}, 0)
    assert state.balances[f"{PAYABLE}{EX}"] == Decimal("-801.00")
    assert state.balances[REALISED] == Decimal("121.00")


def held(*units: int) -> Holding:
    """Return a holding of one lot for each number of units, at ten a unit; zero is no lot."""
    lots = (new_lot(lot_id(EX, n), Decimal(each), Decimal(10 * each))
            for n, each in enumerate(units) if each)  # fmt: skip
    return Holding(tuple(lots))


@pytest.fixture
def past() -> PastHoldings:
    """Ten units on the Friday before, four on the ex-date, two more the day after."""
    found = PastHoldings()
    for day, units in ((7, (10,)), (10, (4,)), (11, (4, 2))):
        found.remember(date(2024, 6, day), {"AAA": held(*units)})
    return found


@pytest.mark.promise("corporate-actions")
def test_an_action_known_late_counts_for_what_was_held_at_its_ex_date(past: PastHoldings) -> None:
    dividend = action("cash_dividend", cash="1")
    split = action("split", new_units="2", old_units="1")
    now = held(4, 2)
    assert past.entitled(("AAA", dividend), Holding()).quantity == 10
    assert past.entitled(("AAA", split), now) == held(4)
    assert past.entitled(("AAA", action("cash_merger", cash="1")), now) == now
    assert past.entitled(("BBB", dividend), now) == Holding()
    # What was bought in new units is not split again.
    late = Stake("AAA", now, past.entitled(("AAA", split), now), Decimal(5), UNIT)
    state = after(late, book_action(split, late))
    assert shape(state) == [("0", 8, 40), ("1", 2, 20)]


def test_a_late_split_counts_for_the_units_of_a_lot_that_were_never_sold(
    past: PastHoldings,
) -> None:
    split = action("split", new_units="2", old_units="1")
    # Of the old lot one is left; it had four in between. A new one takes no part.
    assert past.entitled(("AAA", split), held(1, 50)) == held(1)
    assert past.entitled(("AAA", split), held(9)) == held(4)
    assert past.entitled(("AAA", split), held(0, 2)) == Holding()


def test_an_action_on_time_counts_for_what_is_held(past: PastHoldings) -> None:
    tomorrow = action("cash_dividend", on=date(2024, 6, 12), cash="1")
    assert past.entitled(("AAA", tomorrow), held(9)) == held(9)
    assert PastHoldings().entitled(("AAA", tomorrow), held(9)) == held(9)


def test_what_was_held_before_the_run_was_nothing_but_what_is_forgotten_is_not() -> None:
    early = action("cash_dividend", on=date(2020, 1, 1), cash="1")
    holdings = {"AAA": held(3)}
    past = PastHoldings()
    past.remember(EX, holdings)
    assert past.entitled(("AAA", early), held(3)) == Holding()
    for _ in range(LATE_SESSIONS):
        past.remember(EX, holdings)
    assert past.entitled(("AAA", early), held(3)) == held(3)
