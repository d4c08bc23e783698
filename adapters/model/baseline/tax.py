"""Tax rules: the year's federal estimate; at year end, positions below cost are candidates.

A position is a candidate for harvesting when it lies more than 5 % and 50 in money below its cost.
"""

from __future__ import annotations

from decimal import Decimal

from adapters.model.baseline.policy import Ask
from schemas.agents import TaxAssessment

MIN_LOSS = Decimal(50)
MIN_SHARE = Decimal("0.05")


def decide(ask: Ask) -> TaxAssessment:
    """Estimate the year's tax on the household's income, and name losses at year end."""
    application = ask.tool("lending_get_application")
    year = int(str(ask.task["session"])[:4])
    income = Decimal(application["income_monthly_gross"]) * 12
    estimate = ask.tool(
        "lending_estimate_tax",
        year=year,
        filing_status=application["filing_status"],
        ordinary_income=str(income),
    )
    losers = _losers(ask) if "year_end" in ask.task["events"] else ()
    total = Decimal(estimate["total_tax"])
    return TaxAssessment(
        action="harvest" if losers else "none",
        rationale=(
            f"Federal income tax on {income} is estimated at {total} for {year} "
            f"({estimate['source']})." + (f" Below cost: {', '.join(losers)}." if losers else "")
        )[:2000],
        confidence=0.8,
        tax_year=year,
        estimated_tax=total,
        effective_rate=Decimal(str(estimate["effective_rate"])),
        harvest_symbols=losers,
        features={"gross_income": float(income), "tax": float(total)},
    )


def _losers(ask: Ask) -> tuple[str, ...]:
    answer = ask.tool("trading_get_positions")
    rows = zip(answer["symbols"], answer["costs"], answer["unrealised_gains"], strict=True)
    return tuple(
        symbol
        for symbol, cost, gain in rows
        if -Decimal(gain) > max(MIN_LOSS, Decimal(cost) * MIN_SHARE)
    )
