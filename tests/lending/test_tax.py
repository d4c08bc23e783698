"""Federal tax: every table is well formed, and hand-worked and published figures are met."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lending.tax import GAINS_RATES, ORDINARY_RATES, estimate_tax, tax_tables
from schemas.errors import InvalidRequest

STATUSES = ("single", "married_joint", "married_separate", "head_of_household")
YEARS = tuple(range(2019, 2027))


# The base tax printed in each Revenue Procedure's table 3 (unmarried individuals) at the lower
# edge of the 24 % bracket: "$X plus 24 % of the excess over $Y".
@pytest.mark.parametrize(
    ("year", "edge", "base"),
    [
        (2019, 84200, "14382.50"),
        (2020, 85525, "14605.50"),
        (2021, 86375, "14751.00"),
        (2022, 89075, "15213.50"),
        (2023, 95375, "16290.00"),
        (2024, 100525, "17168.50"),
        (2025, 103350, "17651.00"),
    ],
)
def test_the_base_amounts_printed_in_the_revenue_procedures_are_met(year, edge, base):
    deduction = tax_tables().years[year].standard_deduction["single"]
    estimate = estimate_tax(
        year=year, filing_status="single", ordinary_income=Decimal(edge + deduction)
    )
    assert estimate.taxable_ordinary == edge
    assert estimate.total_tax == Decimal(base)


def test_every_year_has_four_statuses_with_rising_edges():
    assert tuple(sorted(tax_tables().years)) == YEARS
    for table in tax_tables().years.values():
        for by_status in (table.ordinary, table.long_term_gains):
            assert set(by_status) == set(STATUSES)
            for edges in by_status.values():
                assert list(edges) == sorted(set(edges))
        assert {len(edges) for edges in table.ordinary.values()} == {len(ORDINARY_RATES) - 1}
        assert {len(edges) for edges in table.long_term_gains.values()} == {len(GAINS_RATES) - 1}
        # 26 U.S.C. 1(j)(2): separate filers' edges are half of joint filers'.
        assert [2 * edge for edge in table.ordinary["married_separate"]] == list(
            table.ordinary["married_joint"]
        )
        assert table.standard_deduction["married_joint"] == 2 * table.standard_deduction["single"]


def test_married_couples_do_not_get_single_brackets():
    joint = estimate_tax(year=2022, filing_status="married_joint", ordinary_income=Decimal(120000))
    single = estimate_tax(year=2022, filing_status="single", ordinary_income=Decimal(120000))
    # (120 000 - 25 900): 2 055 + 12 % of 63 000 + 22 % of 10 550
    assert joint.total_tax == Decimal("11936.00")
    assert single.total_tax > joint.total_tax


def test_gains_stack_on_income_and_losses_are_limited():
    stacked = estimate_tax(
        year=2022,
        filing_status="single",
        ordinary_income=Decimal(52950),
        long_term_gains=Decimal(5000),
    )
    # Taxable 40 000; 1 675 of the gains fit below 41 675 and are free, 3 325 are taxed at 15 %.
    assert stacked.gains_tax == Decimal("498.75")
    loss = estimate_tax(
        year=2022,
        filing_status="single",
        ordinary_income=Decimal(52950),
        long_term_gains=Decimal(-9000),
    )
    assert loss.taxable_ordinary == Decimal(37000)
    free = estimate_tax(
        year=2022,
        filing_status="single",
        ordinary_income=Decimal(0),
        long_term_gains=Decimal(20000),
    )
    assert (free.total_tax, free.taxable_gains) == (0, Decimal(7050))


@given(
    st.sampled_from(YEARS),
    st.sampled_from(STATUSES),
    st.decimals("0", "900000", places=2),
    st.decimals("0", "900000", places=2),
    st.decimals("-5000", "500000", places=2),
)
def test_more_income_is_never_taxed_less_and_tax_never_exceeds_the_top_rate(
    year, status, first, second, gains
):
    low, high = (
        estimate_tax(year=year, filing_status=status, ordinary_income=income, long_term_gains=gains)
        for income in sorted((first, second))
    )
    # Each slice is rounded to the cent by itself: nine slices at most.
    assert low.total_tax <= high.total_tax + Decimal("0.05")
    assert high.total_tax <= (max(first, second) + max(gains, Decimal(0))) * Decimal("0.37") + 1
    taxed = sum(part.amount for part in high.slices)
    assert taxed == high.taxable_ordinary + high.taxable_gains


@pytest.mark.parametrize("year", [2018, 2027])
def test_a_year_without_a_table_is_refused(year):
    with pytest.raises(InvalidRequest, match=f"no federal tax table for {year}"):
        estimate_tax(year=year, filing_status="single", ordinary_income=Decimal(1))
