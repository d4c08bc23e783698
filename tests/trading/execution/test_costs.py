"""Costs are charged against the order, each rounded once; cash buys exactly as much as it can."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import MILLIONTH
from schemas.execution import BpsCommission, ExecutionModel, PerShareCommission, flat_costs
from trading.execution.costs import affordable, charge, fill_price, price_impact, whole

COSTS = st.builds(
    ExecutionModel,
    commission=st.builds(
        PerShareCommission,
        per_share=st.sampled_from([Decimal(0), Decimal("0.005"), Decimal(1)]),
    )
    | st.builds(
        BpsCommission,
        bps=st.sampled_from([Decimal(0), Decimal(1), Decimal("2.5"), Decimal(100)]),
    ),
    fractional=st.booleans(),
)
PRICES = st.decimals("0.000001", "500000", places=6)
CASH = st.decimals("0", "10000000", places=2)


def cents(value: Fraction) -> Fraction:
    """Round half-even to the cent, in integers."""
    return Fraction(round(value * 100), 100)


@given(execution=COSTS, price=PRICES, quantity=st.decimals("0.000001", "100000", places=6))
def test_amount_and_commission_are_each_rounded_once_half_even(
    execution: ExecutionModel, price: Decimal, quantity: Decimal
) -> None:
    exact = Fraction(quantity) * Fraction(price)
    rate = execution.commission
    fee = (
        exact * Fraction(rate.bps) / 10_000
        if rate.kind == "bps"
        else min(Fraction(quantity) * Fraction(rate.per_share), exact)
    )
    found = charge(quantity, price, execution)
    assert Fraction(found.amount) == cents(exact)
    assert Fraction(found.commission) == cents(fee)


@given(execution=COSTS, price=PRICES, cash=CASH)
def test_cash_buys_the_largest_quantity_it_covers_and_not_one_step_more(
    execution: ExecutionModel, price: Decimal, cash: Decimal
) -> None:
    quantity = affordable(cash, price, execution)
    step = MILLIONTH if execution.fractional else Decimal(1)
    assert quantity >= 0
    assert quantity % step == 0
    assert charge(quantity, price, execution).outlay <= cash
    assert cash == 0 or charge(quantity + step, price, execution).outlay > cash


def test_no_cash_buys_nothing() -> None:
    for cash in ("0", "-0.01", "-100"):
        assert affordable(Decimal(cash), Decimal("0.000001"), ExecutionModel()) == 0


@given(execution=COSTS, price=PRICES)
def test_spread_and_slippage_always_work_against_the_order(
    execution: ExecutionModel, price: Decimal
) -> None:
    paid, received = fill_price(price, "buy", execution), fill_price(price, "sell", execution)
    assert received <= price <= paid
    assert paid == (price * Decimal("1.0004")).quantize(MILLIONTH, ROUND_HALF_EVEN)
    assert received >= MILLIONTH


def test_a_price_never_falls_to_zero_however_large_the_costs() -> None:
    execution = flat_costs(half_spread="10000", slippage="10000")
    assert fill_price(Decimal(5), "sell", execution) == MILLIONTH


def test_impact_names_what_spread_and_slippage_took() -> None:
    execution = flat_costs(half_spread="2", slippage="5")
    spread, slippage = price_impact(Decimal(100), Decimal(50), execution)
    assert (spread, slippage) == (Decimal("1.00"), Decimal("2.50"))


@pytest.mark.parametrize(
    ("fractional", "expected"), [(True, "3.999999"), (False, "3")], ids=["fractional", "whole"]
)
def test_quantities_are_cut_down_never_up(fractional: bool, expected: str) -> None:
    execution = ExecutionModel(fractional=fractional)
    assert whole(Decimal("3.9999999"), execution) == Decimal(expected)
