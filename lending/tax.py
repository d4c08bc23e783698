"""US federal income tax of a household with the standard deduction: an estimate, not a return.

Source: 26 U.S.C. 1(h), 1(j), 63(c), 1211(b); each year's thresholds from the Revenue Procedure
named in `federal_tax.json`. Left out, and said so: credits, itemised deductions, the net investment
income tax, the alternative minimum tax, state tax.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files

from pydantic import Field

from schemas.base import ZERO, Message, to_cents
from schemas.errors import InvalidRequest
from schemas.household import TaxEstimate, TaxSlice
from schemas.loan import FilingStatus

ORDINARY_RATES = tuple(Decimal(rate) / 100 for rate in (10, 12, 22, 24, 32, 35, 37))
GAINS_RATES = (Decimal(0), Decimal("0.15"), Decimal("0.20"))
_LEFT_OUT = "without credits, itemised deductions, NIIT, AMT or state tax"

Edges = tuple[int, ...]


class TaxYear(Message):
    """One year's thresholds in dollars, by filing status."""

    source: str
    standard_deduction: dict[FilingStatus, int]
    ordinary: dict[FilingStatus, Edges]
    long_term_gains: dict[FilingStatus, Edges]


class TaxTables(Message):
    """All years at hand."""

    about: str
    years: dict[int, TaxYear] = Field(min_length=1)


@cache
def tax_tables() -> TaxTables:
    """Read the tables that ship beside this module."""
    return TaxTables.model_validate(
        json.loads(files("lending").joinpath("federal_tax.json").read_bytes())
    )


def estimate_tax(
    *,
    year: int,
    filing_status: FilingStatus,
    ordinary_income: Decimal,
    long_term_gains: Decimal = ZERO,
) -> TaxEstimate:
    """Estimate a year's tax on gross ordinary income and net long-term gains.

    A net loss lowers ordinary income by at most 3 000 (1 500 married separately). The deduction is
    taken from ordinary income first, then from gains; gains stack on top of ordinary income. A year
    without a table is an `InvalidRequest`.
    """
    table = _table_of(year)
    if ordinary_income < 0:
        raise InvalidRequest("ordinary_income must not be negative.")
    deduction = Decimal(table.standard_deduction[filing_status])
    loss_limit = Decimal(1500 if filing_status == "married_separate" else 3000)
    gains = max(long_term_gains, ZERO)
    income = max(ordinary_income - min(gains - long_term_gains, loss_limit), ZERO)
    taxable = max(income - deduction, ZERO)
    taxable_gains = max(gains - max(deduction - income, ZERO), ZERO)
    ordinary = _slices(taxable, ZERO, table.ordinary[filing_status], ORDINARY_RATES)
    stacked = _slices(taxable_gains, taxable, table.long_term_gains[filing_status], GAINS_RATES)
    slices = (
        *(_slice("ordinary", rate, amount) for rate, amount in ordinary),
        *(_slice("long_term_gains", rate, amount) for rate, amount in stacked),
    )
    ordinary_tax = sum((part.tax for part in slices if part.kind == "ordinary"), ZERO)
    gains_tax = sum((part.tax for part in slices if part.kind == "long_term_gains"), ZERO)
    received = ordinary_income + gains
    return TaxEstimate(
        year=year,
        filing_status=filing_status,
        standard_deduction=deduction,
        taxable_ordinary=taxable,
        taxable_gains=taxable_gains,
        slices=slices,
        ordinary_tax=ordinary_tax,
        gains_tax=gains_tax,
        total_tax=ordinary_tax + gains_tax,
        marginal_rate=ordinary[-1][0] if ordinary else Decimal(0),
        effective_rate=(ordinary_tax + gains_tax) / received if received else Decimal(0),
        source=f"{table.source}; {_LEFT_OUT}",
    )


def _table_of(year: int) -> TaxYear:
    years = tax_tables().years
    if year not in years:
        raise InvalidRequest(f"There is no federal tax table for {year}.")
    return years[year]


def _slices(
    amount: Decimal, below: Decimal, edges: Edges, rates: Sequence[Decimal]
) -> list[tuple[Decimal, Decimal]]:
    """Cut an amount that begins at `below` into (rate, part) by the bracket's upper edges."""
    parts: list[tuple[Decimal, Decimal]] = []
    start, end = below, below + amount
    for upper, rate in zip((*map(Decimal, edges), end), rates, strict=True):
        part = min(upper, end) - start
        if part > 0:
            parts.append((rate, part))
            start += part
    return parts


def _slice(kind: str, rate: Decimal, amount: Decimal) -> TaxSlice:
    return TaxSlice.model_validate(
        {"kind": kind, "rate": rate, "amount": amount, "tax": to_cents(amount * rate)}
    )
