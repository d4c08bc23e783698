"""One rule for what was put in or taken out, for results and for breakers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from orchestrator.results import worked_with
from schemas.account import AccountMark
from schemas.ledger import Transaction, TransactionKind
from schemas.tick import Tick
from trading.breakers.marks import mark_of
from trading.flows import outside_flows
from trading.ledger import Heading, Movement, Tip, append

DAY = date(2026, 1, 5)


def booked(kind: TransactionKind, amount: str, other: str) -> Transaction:
    value = Decimal(amount)
    heading = Heading("t", kind, DAY, "moved", "USD")
    return append(
        Tip(), heading, movements=[Movement("assets:cash", value), Movement(other, -value)]
    )


@pytest.mark.parametrize(
    ("transaction", "flows"),
    [
        (booked("deposit", "100.00", "equity:capital"), ("100.00", "0")),
        (booked("disbursement", "60.00", "lender:funding"), ("60.00", "0")),
        (booked("instalment", "-7.00", "lender:collected"), ("0", "7.00")),
        (booked("reversal", "-100.00", "equity:capital"), ("0", "100.00")),
        # What is set right of a trade was a gain or a loss, whatever it is called.
        (booked("reversal", "3.00", "expenses:commission"), ("0", "0")),
        (booked("interest", "-1.00", "expenses:interest"), ("0", "0")),
        (booked("dividend", "5.00", "income:dividends"), ("0", "0")),
    ],
)
def test_money_comes_from_outside_by_the_account_it_moves(
    transaction: Transaction, flows: tuple[str, str]
) -> None:
    paid_in, paid_out = map(Decimal, flows)
    assert outside_flows([transaction]) == (paid_in, paid_out)
    mark = AccountMark(
        session=DAY,
        currency="USD",
        cash=Decimal("50.00"),
        market_value=Decimal("0.00"),
        equity=Decimal("50.00"),
    )
    tick = Tick(
        n=0,
        session=DAY,
        as_of="2026-01-05T14:30:00Z",  # type: ignore[arg-type]  -- parsed
        events=(),
        transactions=(transaction,),
        mark=mark,
        ledger_hash="0" * 64,
    )
    # The breakers' mark and the results' growth say the same of it.
    marked = mark_of(tick)
    assert (marked.paid_in, marked.paid_out) == (paid_in, paid_out)
    if paid_in:
        assert list(worked_with([tick])) == [(paid_in, 50 + paid_out)]
