"""Commissions are those of the order, however many fills it takes; against published schedules."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.execution import (
    BpsCommission,
    Commission,
    PerOrderCommission,
    PerShareCommission,
    Tier,
    TieredCommission,
)
from trading.execution.commissions import UNTRADED, Traded, commission_policy, next_fee

BROKER = PerShareCommission(
    per_share=Decimal("0.005"), minimum=Decimal("1.00"), max_share=Decimal("0.01")
)
"""The fixed schedule that Interactive Brokers publishes for US stocks."""

TIERS = TieredCommission(
    tiers=(
        Tier(up_to=Decimal(1_000), bps=Decimal(50)),
        Tier(up_to=Decimal(10_000), bps=Decimal(20)),
        Tier(up_to=None, bps=Decimal(5)),
    )
)


def fee(terms: Commission, units: str, price: str) -> Decimal:
    money = Decimal(units) * Decimal(price)
    return next_fee(commission_policy(terms), Decimal(units), money)


@pytest.mark.parametrize(
    ("units", "price", "expected"),
    [
        ("100", "25", "1.00"),  # the floor
        ("1000", "25", "5.00"),
        ("1000", "0.25", "2.50"),  # the cap of 1 %
        ("10", "0.20", "0.02"),  # the cap goes before the floor
    ],
)
def test_the_published_examples_of_a_per_share_schedule(
    units: str, price: str, expected: str
) -> None:
    assert fee(BROKER, units, price) == Decimal(expected)


def test_basis_points_have_a_floor_an_order() -> None:
    terms = BpsCommission(bps=Decimal(3), minimum=Decimal("2.00"))
    assert fee(terms, "100", "10") == Decimal("2.00")
    assert fee(terms, "1000", "10") == Decimal("3.00")


def test_an_order_fee_is_paid_once_with_the_first_fill() -> None:
    policy = commission_policy(PerOrderCommission(fee=Decimal("4.95")))
    first = next_fee(policy, Decimal(10), Decimal(100))
    assert first == Decimal("4.95")
    paid = Traded(Decimal(10), Decimal(100), first, 1)
    assert next_fee(policy, Decimal(90), Decimal(900), before=paid) == 0


def test_tiers_are_marginal() -> None:
    # 1 000 at 50 bps, 9 000 at 20 bps, 2 500 at 5 bps: 5 + 18 + 1.25.
    assert fee(TIERS, "100", "125") == Decimal("24.25")
    assert fee(TIERS, "100", "10") == Decimal("5.00")
    assert fee(TIERS, "1", "999.99") == Decimal("5.00")


COMMISSIONS = st.one_of(
    st.just(BROKER),
    st.just(TIERS),
    st.builds(PerOrderCommission, fee=st.decimals("0", "20", places=2)),
    st.builds(
        BpsCommission,
        bps=st.decimals("0", "50", places=1),
        minimum=st.decimals("0", "5", places=2),
    ),
)


@given(
    terms=COMMISSIONS,
    fills=st.lists(
        st.tuples(st.decimals("1", "5000", places=6), st.decimals("0.01", "300", places=6)),
        min_size=1,
        max_size=6,
    ),
)
def test_the_fees_of_several_fills_sum_to_the_fee_of_the_order(
    terms: Commission, fills: list[tuple[Decimal, Decimal]]
) -> None:
    policy, traded = commission_policy(terms), UNTRADED
    for units, price in fills:
        paid = next_fee(policy, units, units * price, before=traded)
        assert paid >= 0
        traded = Traded(
            traded.units + units,
            traded.money + units * price,
            traded.fees + paid,
            traded.fills + 1,
        )
    assert traded.fees == next_fee(policy, traded.units, traded.money)
    assert Fraction(traded.fees) == expected(terms, traded)


def expected(terms: Commission, traded: Traded) -> Fraction:
    """Compute an order's fee in fractions, from the schedule's own words."""
    units, money = Fraction(traded.units), Fraction(traded.money)
    match terms:
        case PerOrderCommission():
            exact = Fraction(terms.fee)
        case BpsCommission():
            exact = max(money * Fraction(terms.bps) / 10_000, Fraction(terms.minimum))
        case PerShareCommission():
            exact = max(units * Fraction(terms.per_share), Fraction(terms.minimum))
            exact = min(exact, money * Fraction(terms.max_share))
        case TieredCommission():
            exact = min(money, Fraction(1000)) * Fraction(50, 10_000)
            exact += max(min(money, Fraction(10_000)) - 1000, Fraction()) * Fraction(20, 10_000)
            exact += max(money - 10_000, Fraction()) * Fraction(5, 10_000)
    return Fraction(round(exact * 100), 100)
