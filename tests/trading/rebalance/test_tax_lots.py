"""Sales close the lots that cost the least tax, and the tax is what the rates say."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lending.tax import estimate_tax, tax_tables
from schemas.errors import InvalidRequest
from trading.account import Holding
from trading.lots import Lot, new_lot
from trading.orders import OrderIntent
from trading.rebalance import DEFAULT_RATES, Sale, TaxLots, TaxRates, choose_lots

DAY = date(2020, 6, 1)
RATES = TaxRates(short_term=Decimal("0.35"), long_term=Decimal("0.15"))


def lot(opened: date, cost_per_unit: str, units: str = "10", sequence: int = 0) -> Lot:
    quantity = Decimal(units)
    name = f"{opened:%Y%m%d}-{sequence}"
    return new_lot(name, quantity, (quantity * Decimal(cost_per_unit)).quantize(Decimal("0.01")))


OLD, NEW = date(2018, 1, 2), date(2020, 3, 2)
LOSS_LONG = lot(OLD, "120", sequence=1)
LOSS_SHORT = lot(NEW, "110", sequence=2)
GAIN_LONG = lot(OLD, "80", sequence=3)
GAIN_LONG_SMALL = lot(OLD, "95", sequence=4)
GAIN_SHORT = lot(NEW, "99", sequence=5)
ALL = (LOSS_LONG, GAIN_LONG, GAIN_LONG_SMALL, LOSS_SHORT, GAIN_SHORT)


def sale(units: str) -> Sale:
    return Sale(Decimal(units), Decimal(100), DAY)


def test_losses_go_first_then_long_term_then_short_term_gains_the_dearest_first() -> None:
    chosen = choose_lots(ALL, sale("50"), rates=RATES)
    turn = (LOSS_LONG, LOSS_SHORT, GAIN_LONG_SMALL, GAIN_LONG, GAIN_SHORT)
    assert chosen.lots == tuple(each.lot_id for each in turn)
    assert [each.gain for each in chosen.sales] == [-200, -100, 50, 200, 10]
    assert [each.long_term for each in chosen.sales] == [True, False, True, True, False]
    # −200·15 % − 100·35 % + 250·15 % + 10·35 %
    assert (chosen.gain, chosen.tax) == (Decimal(-40), Decimal("-24.00"))


def test_by_least_tax_the_rates_decide() -> None:
    chosen = choose_lots(ALL, sale("50"), rates=RATES, order="least_tax")
    # A unit: −10·35 % = −3.50, −20·15 % = −3.00, 1·35 % = 0.35, 5·15 % = 0.75, 20·15 % = 3.00.
    turn = (LOSS_SHORT, LOSS_LONG, GAIN_SHORT, GAIN_LONG_SMALL, GAIN_LONG)
    assert chosen.lots == tuple(each.lot_id for each in turn)


def test_only_as_many_lots_are_named_as_the_sale_needs() -> None:
    chosen = choose_lots(ALL, sale("12"), rates=RATES)
    assert chosen.lots == (LOSS_LONG.lot_id, LOSS_SHORT.lot_id)
    assert [each.quantity for each in chosen.sales] == [10, 2]
    assert chosen.tax == Decimal("-37.00")


def test_a_loss_that_would_be_a_wash_sale_goes_last_and_saves_nothing() -> None:
    bought_again = lot(DAY - timedelta(days=30), "90", sequence=9)
    held = (LOSS_LONG, GAIN_LONG, bought_again)
    chosen = choose_lots(held, sale("20"), rates=RATES)
    assert chosen.lots == (GAIN_LONG.lot_id, bought_again.lot_id)
    dear = choose_lots((LOSS_LONG, bought_again), sale("15"), rates=RATES)
    assert dear.lots == (bought_again.lot_id, LOSS_LONG.lot_id)
    # Nothing of the replacement is left once the sale is over, so the loss stands.
    assert [each.disallowed for each in dear.sales] == [0, 0]


def test_a_purchase_older_than_thirty_days_replaces_nothing() -> None:
    bought_again = lot(DAY - timedelta(days=31), "90", sequence=9)
    chosen = choose_lots((LOSS_LONG, bought_again), sale("10"), rates=RATES)
    assert chosen.lots == (LOSS_LONG.lot_id,)
    assert chosen.sales[0].disallowed == 0
    assert chosen.tax == Decimal("-30.00")


def test_the_replacement_goes_first_so_that_the_loss_stands() -> None:
    older = lot(OLD, "120", sequence=1)
    newer = lot(DAY - timedelta(days=5), "101", "4", sequence=9)
    chosen = choose_lots((older, newer), sale("10"), rates=RATES)
    assert chosen.lots == (newer.lot_id, older.lot_id)
    assert [each.disallowed for each in chosen.sales] == [0, 0]


def test_what_a_wash_sale_puts_off_is_no_loss_now() -> None:
    # Each was bought within thirty days and replaces the other: four of ten units are kept.
    first = lot(DAY - timedelta(days=10), "120", "4", sequence=1)
    second = lot(DAY - timedelta(days=5), "130", "10", sequence=2)
    chosen = choose_lots((first, second), sale("10"), rates=RATES)
    (only,) = chosen.sales
    assert (only.lot_id, only.gain, only.disallowed) == (second.lot_id, -300, 120)
    assert chosen.tax == Decimal("-63.00")  # 180 at 35 %


lots_held = st.lists(
    st.tuples(
        st.dates(date(2018, 1, 1), date(2020, 2, 28)),
        st.decimals("1", "200", places=2),
        st.integers(1, 20),
    ),
    min_size=1,
    max_size=5,
)


@given(held=lots_held, share=st.integers(1, 100))
def test_no_other_order_of_the_lots_costs_less_tax_than_the_least(
    held: list[tuple[date, Decimal, int]], share: int
) -> None:
    lots = [
        lot(opened, str(cost), str(units), sequence=n)
        for n, (opened, cost, units) in enumerate(held)
    ]
    units = sum((each.quantity for each in lots), Decimal()) * share / 100
    units = max(units.quantize(Decimal("0.01")), Decimal("0.01"))
    asked = Sale(units, Decimal(100), DAY)
    best = choose_lots(lots, asked, rates=RATES, order="least_tax")
    assert sum(each.quantity for each in best.sales) == units
    assert best.tax <= choose_lots(lots, asked, rates=RATES).tax + Decimal("0.05")
    for turn in permutations(lots):
        left, tax = units, Decimal()
        for each in turn:
            sold = min(left, each.quantity)
            gain = sold * (Decimal(100) - each.cost / each.quantity)
            long_term = each.opened.replace(year=each.opened.year + 1) < DAY
            tax += gain * (RATES.long_term if long_term else RATES.short_term)
            left -= sold
        assert best.tax <= tax + Decimal("0.05")  # gains are rounded to the cent, lot by lot


def test_an_order_names_lots_only_where_there_is_a_choice() -> None:
    two = Holding((LOSS_LONG, GAIN_LONG))
    taxes = TaxLots(RATES, {"AAA": two, "BBB": Holding((GAIN_LONG,))}, DAY)
    some = taxes.named(OrderIntent("AAA", "sell", Decimal(5)), Decimal(100))
    assert some.terms.lots == (LOSS_LONG.lot_id,)
    for symbol, units in (("AAA", 20), ("BBB", 5), ("CCC", 5)):
        plain = OrderIntent(symbol, "sell", Decimal(units))
        assert taxes.named(plain, Decimal(100)) == plain


def test_what_is_no_rate_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="between 0 and 1"):
        TaxRates(Decimal("1.5"), Decimal("0.15"))


def test_the_default_rates_are_those_of_the_24_per_cent_bracket_of_the_federal_tables() -> None:
    years = sorted(tax_tables().years)
    for year in (years[0], years[-1]):
        tax = estimate_tax(
            year=year,
            filing_status="single",
            ordinary_income=Decimal(140_000),
            long_term_gains=Decimal(1_000),
        )
        assert tax.marginal_rate == DEFAULT_RATES.short_term
        assert tax.gains_tax == 1_000 * DEFAULT_RATES.long_term
