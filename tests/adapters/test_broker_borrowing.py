"""Money and units that are borrowed: how far, and what they cost by the day."""

from __future__ import annotations

from decimal import Decimal

import pytest

from interfaces.broker import Posting
from schemas.errors import LimitBreached
from schemas.execution import (
    Financing,
)
from schemas.risk import RiskLimits
from tests.adapters.bar_markets import FLAT
from tests.adapters.order_runs import (
    SHORT,
    killed,
    made,
    now,
    running,
    step,
)
from tests.trading.samples import DAYS, FREE
from trading.account import CAPITAL, CASH


def test_a_short_sale_pays_its_fee_by_calendar_day_and_buys_back() -> None:
    fees = Financing(borrow_fee_annual=Decimal("0.36"), cash_rate_annual=Decimal("0.018"))
    execution = FREE.model_copy(update={"financing": fees})
    bars = ["100 100 100 100", "90 90 90 90", "80 80 80 80", FLAT]
    run = running(*bars, execution=execution, limits=SHORT, cash="1000.00")
    run.submit("AAA", "sell", "10")
    settled = step(run)
    assert settled.mark.cash == Decimal("2000.00")
    assert settled.mark.market_value == Decimal("-1000.00")
    assert settled.mark.equity == Decimal("1000.00")
    # From Friday to Monday three days: 1000 × 0.36 × 3 ÷ 360 = 3.00, 2000 × 0.018 × 3 ÷ 360 = 0.30.
    assert (DAYS[2] - DAYS[1]).days == 3
    run = killed(run)
    settled = step(run)
    assert [each.kind for each in settled.transactions] == ["interest", "borrow_fee"]
    assert settled.mark.cash == Decimal("1997.30")
    run = killed(run)
    back = run.submit("AAA", "buy", "10")
    settled = step(run)
    (fill,) = settled.fills
    assert fill.realised_gain == Decimal("200.00")
    # One day: 900 × 0.36 ÷ 360 = 0.90 and 1997.30 × 0.018 ÷ 360 = 0.099865.
    assert settled.mark.cash == Decimal("1997.30") - 800 + Decimal("0.10") - Decimal("0.90")
    assert now(run, back).status == "filled"
    assert settled.mark.positions == ()


def test_a_short_sale_is_cut_to_what_may_be_borrowed() -> None:
    run = running(FLAT, FLAT, limits=SHORT, cash="1000.00")
    asked = run.submit("AAA", "sell", "30")
    step(run)
    assert now(run, asked).filled_quantity == 10
    assert "times the equity" in str(now(run, asked).status_reason)
    run = running(FLAT, FLAT, cash="1000.00")
    asked = run.submit("AAA", "sell", "30")
    step(run)
    assert (now(run, asked).status, made(run)) == ("rejected", [])


def test_a_fee_that_the_cash_does_not_cover_is_owed_and_paid_later() -> None:
    fees = Financing(borrow_fee_annual=Decimal("3.6"))
    execution = FREE.model_copy(update={"financing": fees})
    run = running(FLAT, FLAT, FLAT, execution=execution, limits=SHORT, cash="1000.00")
    run.submit("AAA", "sell", "10")
    step(run)
    run.exchange.post(
        "deposit", "out", [Posting(CASH, Decimal(-2000)), Posting(CAPITAL, Decimal(2000))]
    )
    settled = step(run)
    # 1000 × 3.6 × 3 ÷ 360.
    assert (settled.mark.cash, settled.mark.accrued) == (0, Decimal("-30.00"))
    run.deposit("100.00")
    settled = step(run)  # a day's fee of 10 is paid at its end; what is owed, by the next open
    assert (settled.mark.cash, settled.mark.accrued) == (Decimal("90.00"), Decimal("-30.00"))
    settled = step(killed(run))
    assert (settled.mark.cash, settled.mark.accrued) == (Decimal("50.00"), 0)


LEVERED = RiskLimits(allow_leverage=True, max_gross_share=Decimal(2))


def test_money_is_borrowed_up_to_the_gross_limit_and_costs_interest() -> None:
    debt = Financing(debit_rate_annual=Decimal("0.072"))
    execution = FREE.model_copy(update={"financing": debt})
    run = running(FLAT, FLAT, FLAT, execution=execution, limits=LEVERED, cash="1000.00")
    asked = run.submit("AAA", "buy", "30")
    settled = step(run)
    assert now(run, asked).filled_quantity == 20
    assert settled.mark.cash == Decimal("-1000.00")
    with pytest.raises(LimitBreached, match="more debt than 2 times"):
        run.exchange.post(
            "deposit", "out", [Posting(CASH, Decimal(-1)), Posting(CAPITAL, Decimal(1))]
        )
    run = killed(run)
    # 1000 × 0.072 × 3 ÷ 360.
    assert step(run).mark.cash == Decimal("-1000.60")
