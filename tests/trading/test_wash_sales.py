"""Wash sales against the examples of IRS Publication 550 and 26 CFR 1.1091-1 and -2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidRequest
from schemas.facts import CorporateAction
from tests.trading.books import Books, fill
from trading.account import MarginTerms, match_lots, movements_of
from trading.corporate_actions import Stake, book_action
from trading.wash_sales import Closed, Marked, mark_wash_sales, read_lots

MARGIN = MarginTerms(allow_short=True, allow_leverage=True)


class Trader:
    """Buys and sells for round sums of money, as the examples are told."""

    def __init__(self) -> None:
        self.books = Books("1000000", MARGIN)
        self.gains: list[Decimal] = []

    def buy(self, day: str, units: int, cost: str, **rest: Any) -> str:
        return self.trade("buy", day, units, cost, **rest)

    def sell(self, day: str, units: int, proceeds: str, **rest: Any) -> str:
        return self.trade("sell", day, units, proceeds, **rest)

    def trade(self, side: Any, day: str, units: int, money: str, **rest: Any) -> str:
        """Trade, and return the id of the lot that it opened if it did."""
        on, fee = date.fromisoformat(day), rest.pop("commission", "0")
        made = fill(side, str(units), "1", commission=fee, session=on)
        made = made.model_copy(update={"amount": Decimal(money)})
        self.gains += [one.gain for one in match_lots(made, self.books.state, **rest).closed]
        self.books.enter(movements_of(made, self.books.state, **rest), day=on)
        return f"{on:%Y%m%d}-{self.books.tip.sequence - 1}"

    def act(self, day: str, kind: str, **terms: Any) -> None:
        known = f"{day}T00:00:00Z"
        action = CorporateAction.model_validate(
            dict(known_time=known, stored_time=known, provider="test", action_id="x",
                 instrument="AAA", kind=kind, ex_date=day, **terms)
        )  # fmt: skip
        ((symbol, holding),) = self.books.state.holdings.items()
        booking = book_action(action, Stake(symbol, holding, holding, Decimal(1), Decimal(1)))
        assert booking is not None
        self.books.enter(booking.movements, booking.kind, date.fromisoformat(day))

    def marked(self) -> Marked:
        opened, closed = read_lots(self.books.made)
        assert [one.gain for one in closed] == self.gains
        return mark_wash_sales(opened, closed)


def told(marked: Marked) -> list[tuple[str, Decimal, Decimal]]:
    return [(one.replacement_lot, one.quantity, one.disallowed) for one in marked.wash_sales]


def counted(marked: Marked) -> list[Decimal]:
    return [one.gain for one in marked.closings]


def test_publication_550_stock_bought_back_within_30_days() -> None:
    """100 bought for 1,000, sold for 750, bought again for 800: the new basis is 1,050."""
    trader = Trader()
    trader.buy("2022-03-01", 100, "1000")
    trader.sell("2022-06-01", 100, "750")
    again = trader.buy("2022-06-20", 100, "800")
    marked = trader.marked()
    assert told(marked) == [(again, 100, 250)]
    assert counted(marked) == [0]
    (lot,) = trader.books.state.holdings["AAA"].lots
    assert lot.cost + marked.wash_sales[0].disallowed == 1050
    # The ledger's own books are as they were.
    assert lot.cost == 800


def test_publication_550_more_sold_than_bought() -> None:
    """Of a loss of 1,000 on 100 units 750 are disallowed: 50 and 25 were bought before."""
    trader = Trader()
    trader.buy("2022-09-24", 100, "5000")
    first = trader.buy("2022-12-21", 50, "2750")
    second = trader.buy("2022-12-28", 25, "1125")
    trader.sell("2023-01-04", 100, "4000")
    marked = trader.marked()
    assert told(marked) == [(first, 50, 500), (second, 25, 250)]
    assert counted(marked) == [-250]
    basis = {lot.lot_id: lot.cost for lot in trader.books.state.holdings["AAA"].lots}
    for one in marked.wash_sales:
        basis[one.replacement_lot] += one.disallowed
    assert basis == {first: 3250, second: 1375}


def test_publication_550_more_bought_than_sold_and_the_holding_period() -> None:
    """50 units on each of four days: the first two days replace; they count as held since 2022."""
    trader = Trader()
    trader.buy("2022-09-24", 100, "5000")
    trader.sell("2023-02-03", 100, "4000")
    lots = [trader.buy(f"2023-02-{day}", 50, "2000") for day in (13, 14, 15, 16)]
    marked = trader.marked()
    assert told(marked) == [(lots[0], 50, 500), (lots[1], 50, 500)]
    assert counted(marked) == [0]
    held = date(2023, 2, 3) - date(2022, 9, 24)
    assert [one.held_from for one in marked.wash_sales] == [
        *(date(2023, 2, 13) - held, date(2023, 2, 14) - held),
    ]


def test_regulation_example_1_a_purchase_before_the_sale_disallows_all() -> None:
    trader = Trader()
    trader.buy("1954-12-01", 100, "10000")
    second = trader.buy("1954-12-15", 100, "9000")
    trader.sell("1955-01-03", 100, "9000")
    marked = trader.marked()
    assert told(marked) == [(second, 100, 1000)]
    assert counted(marked) == [0]


@pytest.mark.parametrize(("cost", "basis"), [("90", 110), ("70", 90)])
def test_regulation_1_1091_2_basis_of_the_new_share(cost: str, basis: int) -> None:
    trader = Trader()
    trader.buy("1935-06-03", 1, "100")
    trader.sell("1955-01-15", 1, "80")
    trader.buy("1955-02-01", 1, cost)
    (sale,) = trader.marked().wash_sales
    (lot,) = trader.books.state.holdings["AAA"].lots
    assert lot.cost + sale.disallowed == basis


@pytest.mark.parametrize(("days", "washed"), [(-31, 0), (-30, 1), (0, 1), (30, 1), (31, 0)])
def test_the_window_is_30_calendar_days_to_either_side(days: int, washed: int) -> None:
    sold = date(2023, 5, 31)
    around = str(sold + timedelta(days=days))
    trader = Trader()
    old = trader.buy("2022-01-03", 10, "100")
    if days <= 0:
        trader.buy(around, 10, "90")
    trader.sell(str(sold), 10, "50", method="specific", chosen=[old])
    if days > 0:
        trader.buy(around, 10, "90")
    marked = trader.marked()
    assert len(marked.wash_sales) == washed
    assert counted(marked) == [-50 * (1 - washed)]


def test_units_of_the_lot_itself_and_units_sold_before_replace_nothing() -> None:
    trader = Trader()
    trader.buy("2023-03-01", 100, "1000")
    trader.sell("2023-03-10", 60, "500")
    assert told(trader.marked()) == []
    trader = Trader()
    old = trader.buy("2023-01-02", 10, "100")
    other = trader.buy("2023-03-01", 10, "100")
    trader.sell("2023-03-05", 10, "120", method="specific", chosen=[other])
    trader.sell("2023-03-10", 10, "50", method="specific", chosen=[old])
    assert told(trader.marked()) == []


def test_what_is_sold_together_does_not_replace_itself_but_what_stays_of_it_does() -> None:
    trader = Trader()
    trader.buy("2023-01-02", 10, "100")
    second = trader.buy("2023-03-01", 10, "100")
    trader.sell("2023-03-10", 14, "70")
    marked = trader.marked()
    # Ten of the first lot lose 50, six of the second stay and replace six of them.
    assert told(marked) == [(second, 6, 30)]
    assert counted(marked) == [-20, -20]


def test_a_washed_loss_is_carried_on_and_may_be_washed_again() -> None:
    trader = Trader()
    trader.buy("2023-01-02", 10, "100")
    trader.sell("2023-03-01", 10, "60")
    second = trader.buy("2023-03-10", 10, "60")
    trader.sell("2023-03-20", 10, "70")
    third = trader.buy("2023-04-01", 10, "70")
    trader.sell("2023-09-01", 10, "90")
    marked = trader.marked()
    # 40 lost; then 10 gained less the 40 carried: 30 lost; then 20 gained less those 30.
    assert told(marked) == [(second, 10, 40), (third, 10, 30)]
    assert counted(marked) == [0, 0, -10]
    carried = (date(2023, 3, 1) - date(2023, 1, 2)) + (date(2023, 3, 20) - date(2023, 3, 10))
    assert marked.wash_sales[1].held_from == date(2023, 4, 1) - carried


def test_a_unit_replaces_once_and_the_earliest_loss_comes_first() -> None:
    trader = Trader()
    trader.buy("2023-01-02", 10, "100")
    trader.buy("2023-01-03", 10, "120")
    trader.sell("2023-03-01", 10, "60")
    trader.sell("2023-03-02", 10, "60")
    again = trader.buy("2023-03-10", 15, "90")
    marked = trader.marked()
    assert told(marked) == [(again, 10, 40), (again, 5, 30)]
    assert counted(marked) == [0, -30]


def test_gains_are_never_disallowed_and_the_commission_of_the_sale_counts() -> None:
    trader = Trader()
    trader.buy("2023-01-02", 10, "100", commission="5")
    trader.sell("2023-03-01", 10, "101", commission="3")
    again = trader.buy("2023-03-02", 10, "100")
    assert told(trader.marked()) == [(again, 10, 2)]
    trader = Trader()
    trader.buy("2023-01-02", 10, "100")
    trader.sell("2023-03-01", 10, "101")
    trader.buy("2023-03-02", 10, "100")
    assert told(trader.marked()) == []


def test_short_lots_are_matched_with_short_lots() -> None:
    trader = Trader()
    trader.sell("2023-01-02", 10, "100")
    trader.buy("2023-03-01", 10, "130")
    again = trader.sell("2023-03-05", 10, "125")
    marked = trader.marked()
    assert told(marked) == [(again, 10, 30)]
    trader = Trader()
    trader.sell("2023-01-02", 10, "100")
    trader.buy("2023-03-01", 25, "325")  # closes ten and opens fifteen: other units, the other way
    assert told(trader.marked()) == []


def test_units_are_followed_through_a_split_and_a_new_ticker() -> None:
    trader = Trader()
    trader.buy("2023-01-02", 100, "1000")
    kept = trader.buy("2023-01-03", 10, "100")
    trader.sell("2023-03-01", 100, "500")
    trader.act("2023-03-06", "split", new_units=2, old_units=1)
    trader.act("2023-03-07", "ticker_change", new_symbol="NEW")
    made = fill("buy", "50", "2", symbol="NEW", session=date(2023, 3, 10))
    trader.books.enter(movements_of(made, trader.books.state), day=date(2023, 3, 10))
    marked = trader.marked()
    again = f"20230310-{trader.books.tip.sequence - 1}"
    # Fifty new units replace 25 of the 100 old ones: a quarter of the loss of 500.
    assert told(marked) == [(again, 50, 125)]
    assert kept in {lot.lot_id for lot in trader.books.state.holdings["NEW"].lots}


def test_a_buy_out_is_a_sale() -> None:
    trader = Trader()
    trader.buy("2023-01-02", 10, "100")
    other = trader.buy("2023-03-01", 3, "33")
    ((symbol, holding),) = trader.books.state.holdings.items()
    assert (symbol, len(holding.lots)) == ("AAA", 2)
    trader.act("2023-03-06", "cash_merger", cash="5")
    opened, closed = read_lots(trader.books.made)
    assert [(one.lot_id, one.gain) for one in closed] == [
        *((holding.lots[0].lot_id, -50), (other, -18)),
    ]
    assert mark_wash_sales(opened, closed).wash_sales == ()


def test_a_closing_of_what_was_never_opened_is_refused() -> None:
    stray = Closed("AAA", "20230102-1", Decimal(1), date(2023, 1, 3), 2, Decimal(-1))
    with pytest.raises(InvalidRequest, match="never opened"):
        mark_wash_sales((), (stray,))


@dataclass
class Unit:
    """One single unit, for the second count."""

    lot: int
    day: int
    cost: int
    carried: int = 0
    used: bool = False
    sold: bool = False


Trade = tuple[int, bool, int, int]
"""Day, whether it is a purchase, units, price."""


def unit_by_unit(trades: Sequence[Trade]) -> list[int]:
    """Return the gains that count, one a lot closed, by looking at every unit for itself.

    First in first out, whole prices, so that everything is exact. The last number is what open
    units carry in the end.
    """
    units = [
        Unit(number, day, price)
        for number, (day, is_buy, count, price) in enumerate(trades)
        for _ in range(count if is_buy else 0)
    ]
    gains: list[int] = []
    for number, (day, is_buy, count, price) in enumerate(trades):
        if is_buy:
            continue
        held = [unit for unit in units if unit.lot < number and not unit.sold]
        gone = sorted(held, key=lambda unit: (unit.lot, not unit.used))[:count]
        for unit in gone:
            unit.sold = True
        by_lot: dict[int, int] = {}
        for unit in gone:
            gain = price - unit.cost - unit.carried
            around = (
                one
                for one in units
                if one.lot != unit.lot and abs(one.day - day) <= 30 and not (one.used or one.sold)
            )
            other = next(around, None) if gain < 0 else None
            if other is not None:
                other.used, other.carried, gain = True, -gain, 0
            by_lot[unit.lot] = by_lot.get(unit.lot, 0) + gain
        gains += by_lot.values()
    return [*gains, sum(unit.carried for unit in units if not unit.sold)]


@st.composite
def histories(draw: st.DrawFn) -> list[Trade]:
    """Purchases and sales over some months; no more is sold than is held."""
    day, held, trades = 0, 0, list[Trade]()
    for _ in range(draw(st.integers(2, 14))):
        day += draw(st.integers(0, 25))
        is_buy = not held or draw(st.booleans())
        units = draw(st.integers(1, 9 if is_buy else held))
        held += units if is_buy else -units
        trades.append((day, is_buy, units, draw(st.integers(1, 20))))
    return trades


@given(histories())
def test_any_history_is_marked_as_unit_by_unit(trades: list[Trade]) -> None:
    trader = Trader()
    for day, is_buy, units, price in trades:
        on = str(date(2023, 1, 1) + timedelta(days=day))
        trader.trade("buy" if is_buy else "sell", on, units, str(units * price))
    marked = trader.marked()
    carried = sum((one.carried for one in marked.closings), Decimal())
    put_off = sum((one.disallowed for one in marked.wash_sales), Decimal())
    assert [*counted(marked), put_off - carried] == unit_by_unit(trades)
    # What is put off is put off and not lost.
    assert sum(counted(marked)) == sum(trader.gains, Decimal()) + put_off - carried
