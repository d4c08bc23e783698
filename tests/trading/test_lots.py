"""Which lots go first, and that no cent is lost when they are divided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidRequest
from schemas.execution import LotMethod
from trading.lots import (
    Lot,
    lot_id,
    new_lot,
    oldest_first,
    pick_lots,
    read_lot_id,
    share_of,
    split_amount,
)

DAY = date(2020, 1, 2)
HALF_CENT = Fraction(1, 200)


def lots(*told: tuple[str, str], sign: int = 1) -> tuple[Lot, ...]:
    """Return lots of (units, price), one a transaction."""
    return tuple(
        new_lot(lot_id(DAY, n), sign * Decimal(units), sign * Decimal(units) * Decimal(price))
        for n, (units, price) in enumerate(told)
    )


BOUGHT = (("100", "20"), ("100", "30"), ("100", "25"))


@pytest.mark.parametrize(
    ("method", "chosen", "taken", "cost"),
    [
        ("fifo", (), ((0, 100), (1, 50)), "3500"),
        ("lifo", (), ((2, 100), (1, 50)), "4000"),
        ("highest_cost", (), ((1, 100), (2, 50)), "4250"),
        ("specific", (), ((0, 100), (1, 50)), "3500"),
        ("specific", (2,), ((2, 100), (0, 50)), "3500"),
        ("specific", (2, 1, 2), ((2, 100), (1, 50)), "4000"),
        ("lifo", (0,), ((0, 100), (2, 50)), "3250"),
    ],
)
def test_a_sale_of_150_takes_the_lots_its_method_says(
    method: LotMethod, chosen: Sequence[int], taken: Sequence[tuple[int, int]], cost: str
) -> None:
    names = [lot_id(DAY, n) for n in chosen]
    parts = pick_lots(lots(*BOUGHT), Decimal(150), method=method, chosen=names)
    assert [(each.lot.lot_id, each.quantity) for each in parts] == [
        (lot_id(DAY, n), units) for n, units in taken
    ]
    assert sum(each.cost for each in parts) == Decimal(cost)


def test_of_short_lots_the_highest_cost_is_the_one_that_brought_least() -> None:
    sold = lots(*BOUGHT, sign=-1)
    (first, second) = pick_lots(sold, Decimal(150), method="highest_cost")
    assert (first.lot, first.quantity, first.cost) == (sold[0], -100, -2000)
    assert (second.lot, second.quantity, second.cost) == (sold[2], -50, -1250)


def test_of_equal_costs_the_oldest_goes_first() -> None:
    (part,) = pick_lots(lots(("5", "2"), ("5", "2")), Decimal(5), method="highest_cost")
    assert part.lot.lot_id == lot_id(DAY, 0)


def test_a_lot_that_is_not_there_is_refused_with_a_sentence() -> None:
    with pytest.raises(InvalidRequest, match="there is no lot '20200102-9' to close; there are: "):
        pick_lots(lots(*BOUGHT), Decimal(1), method="specific", chosen=["20200102-9"])
    with pytest.raises(InvalidRequest, match="there are: none"):
        pick_lots((), Decimal(1), method="specific", chosen=["20200102-0"])


def test_no_more_is_taken_than_there_is() -> None:
    parts = pick_lots(lots(*BOUGHT), Decimal(1000))
    assert sum(each.quantity for each in parts) == 300


@pytest.mark.parametrize("name", ["", "x", "20200102", "20201332-1", "20200102-01", "20200102--1"])
def test_an_id_that_names_no_session_is_none(name: str) -> None:
    with pytest.raises(InvalidRequest, match="is no lot"):
        read_lot_id(name)


def test_an_id_says_the_session_and_the_transaction() -> None:
    assert lot_id(date(2020, 1, 31), 7) == "20200131-7"
    assert read_lot_id("20200131-7") == (date(2020, 1, 31), 7)


def test_lots_are_ordered_by_time_and_not_by_text() -> None:
    made = [new_lot(name, Decimal(1), Decimal(1)) for name in ("20200102-10", "20200102-9")]
    assert [lot.lot_id for lot in oldest_first(made)] == ["20200102-9", "20200102-10"]


UNITS = st.integers(1, 10**13).map(lambda count: Decimal(count).scaleb(-6))
MONEY = st.integers(-(10**15), 10**15).map(lambda count: Decimal(count).scaleb(-2))


@given(MONEY, UNITS, UNITS)
def test_a_share_is_the_exact_one_rounded_once_half_even(
    amount: Decimal, part: Decimal, more: Decimal
) -> None:
    exact = Fraction(amount) * Fraction(part) / Fraction(part + more)
    share = share_of(amount, part, part + more)
    assert abs(Fraction(share) - exact) <= HALF_CENT
    if abs(Fraction(share) - exact) == HALF_CENT:
        assert int(share * 100) % 2 == 0


@given(MONEY, st.lists(UNITS, min_size=1, max_size=8))
def test_shares_sum_to_the_whole_and_each_is_within_a_cent(
    amount: Decimal, weights: list[Decimal]
) -> None:
    shares = list(split_amount(amount, weights))
    assert sum(shares) == amount
    whole = sum(map(Fraction, weights))
    for share, weight in zip(shares, weights, strict=True):
        exact = Fraction(amount) * Fraction(weight) / whole
        assert abs(Fraction(share) - exact) <= 2 * HALF_CENT


@given(
    st.lists(st.tuples(UNITS, MONEY.map(abs)), min_size=1, max_size=5),
    st.lists(st.fractions(0, 1), max_size=6),
    st.sampled_from(["fifo", "lifo", "highest_cost"]),
    st.sampled_from([1, -1]),
)
def test_selling_in_any_parts_takes_out_what_was_put_in(
    told: list[tuple[Decimal, Decimal]], shares: list[Fraction], method: LotMethod, sign: int
) -> None:
    held = tuple(
        new_lot(lot_id(DAY, n), sign * units, sign * cost) for n, (units, cost) in enumerate(told)
    )
    left = sum((abs(lot.quantity) for lot in held), Decimal())
    taken = Decimal()
    for share in (*shares, Fraction(1)):
        units = Decimal(int(share * int(left * 1_000_000))).scaleb(-6)
        parts = pick_lots(held, units, method=method)
        assert sum(abs(part.quantity) for part in parts) == units
        by_id = {part.lot.lot_id: part for part in parts}
        rest: list[Lot] = []
        for lot in held:
            part = by_id.get(lot.lot_id)
            quantity = lot.quantity - (part.quantity if part else 0)
            cost = lot.cost - (part.cost if part else 0)
            assert quantity or not cost
            if quantity:
                rest.append(Lot(lot.lot_id, lot.opened, quantity, cost))
        held = tuple(rest)
        left -= units
        taken += sum((part.cost for part in parts), Decimal())
    assert held == ()
    assert taken == sign * sum(cost for _, cost in told)
