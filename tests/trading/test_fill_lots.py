"""Lots that follow from fills alone: first in, first out, long and short."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from schemas.base import ZERO, to_cents
from schemas.orders import Fill, Side
from trading.fill_lots import lots_of_fills, marked, split_lots, total

DAY = date(2026, 3, 2)


def fill(side: Side, units: str, price: str, *, day: int = 0, n: int = 0) -> Fill:
    quantity = Decimal(units)
    return Fill(
        fill_id=f"f{n}",
        client_order_id="o",
        agent="a",
        session=DAY + timedelta(days=day),
        symbol="AAA",
        side=side,
        quantity=quantity,
        reference_price=Decimal(price),
        price=Decimal(price),
        amount=to_cents(quantity * Decimal(price)),
        commission=ZERO,
        spread_cost=ZERO,
        slippage_cost=ZERO,
        convention="open",
    )


def test_a_sale_closes_the_oldest_first_and_what_is_beyond_is_short() -> None:
    fills = [
        fill("buy", "10", "3.00"),
        fill("buy", "4", "5.00"),
        fill("sell", "11", "9.00", day=1),
        fill("sell", "5", "7.00", day=2),
    ]
    after = lots_of_fills(fills[:3])
    assert [(lot.lot_id, lot.quantity, lot.cost) for lot in after] == [("20260302-2", 3, 15)]
    (short,) = lots_of_fills(fills)
    assert (short.lot_id, short.opened) == ("20260304-1", DAY + timedelta(days=2))
    assert (short.quantity, short.cost) == (Decimal(-2), Decimal("-14.00"))
    assert lots_of_fills([*fills, fill("buy", "2", "1.00", day=3)]) == ()


def test_a_split_changes_the_units_and_no_cost() -> None:
    lots = split_lots(lots_of_fills([fill("buy", "3", "10"), fill("buy", "1", "12")]), Decimal(2))
    assert [(lot.quantity, lot.cost) for lot in lots] == [(6, 30), (2, 12)]


FILLS = st.lists(
    st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 10**9), st.integers(1, 10**5)),
    max_size=12,
)


@given(FILLS, st.integers(1, 10**8))
def test_units_and_cash_are_those_of_the_fills_and_values_sum_to_the_whole(
    trades: list[tuple[Side, int, int]], price: int
) -> None:
    fills = [
        fill(side, str(Decimal(units).scaleb(-6)), str(Decimal(cents).scaleb(-2)), day=n // 3, n=n)
        for n, (side, units, cents) in enumerate(trades)
    ]
    lots = lots_of_fills(fills)
    signs = {"buy": 1, "sell": -1}
    units = sum((signs[each.side] * each.quantity for each in fills), Decimal())
    assert total(lots)[0] == units
    assert len({lot.quantity > 0 for lot in lots}) <= 1
    assert [lot.lot_id for lot in lots] == sorted((lot.lot_id for lot in lots), key=_by_age)
    if all(each.side == "buy" for each in fills):
        assert total(lots)[1] == sum((each.amount for each in fills), ZERO)
    at = Decimal(price).scaleb(-6)
    assert sum((mark.market_value for mark in marked(lots, at)), ZERO) == to_cents(units * at)


def _by_age(name: str) -> tuple[str, int]:
    day, _, number = name.partition("-")
    return day, int(number)
