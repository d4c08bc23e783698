"""What a committed session came to, with what was put in and taken out told apart."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from schemas.account import AccountMark
from schemas.ledger import Entry, Transaction, TransactionKind
from schemas.tick import Tick
from trading.breakers.marks import Mark, mark_of

DAY = date(2026, 1, 5)
HASH = "a" * 64


def transaction(kind: TransactionKind, **accounts: str) -> Transaction:
    """Accounts are named with `__` for a colon."""
    entries = tuple(
        Entry(
            account=name.replace("__", ":"),
            amount=Decimal(amount),
            currency="USD",
            previous=HASH,
            hash=HASH,
        )
        for name, amount in accounts.items()
    )
    return Transaction(
        transaction_id=kind, sequence=0, kind=kind, session=DAY, description=kind, entries=entries
    )


def tick(equity: str, *transactions: Transaction) -> Tick:
    mark = AccountMark(
        session=DAY,
        currency="USD",
        cash=Decimal(equity),
        market_value=Decimal("0.00"),
        equity=Decimal(equity),
    )
    return Tick(
        n=0,
        session=DAY,
        as_of=datetime(2026, 1, 5, 14, 30, tzinfo=UTC),
        events=("trading_day",),
        transactions=transactions,
        mark=mark,
        ledger_hash=HASH,
    )


DEPOSIT = transaction("deposit", assets__cash="100.00", equity__capital="-100.00")
DISBURSED = transaction(
    "disbursement",
    lender__funding="-100.00",
    assets__cash="60.00",
    borrower__paid_out="40.00",
    loan__principal="100.00",
    borrower__owes="-100.00",
)
INSTALMENT = transaction(
    "instalment",
    assets__cash="-7.00",
    borrower__paid_in="-3.00",
    lender__collected="10.00",
)


@pytest.mark.parametrize(
    ("moved", "paid_in", "paid_out"),
    [
        ([], "0.00", "0.00"),
        ([DEPOSIT], "100.00", "0.00"),
        ([DISBURSED], "60.00", "0.00"),
        ([INSTALMENT], "0.00", "7.00"),
        ([DEPOSIT, DISBURSED, INSTALMENT], "160.00", "7.00"),
        (
            [transaction("reversal", assets__cash="-100.00", equity__capital="100.00")],
            "0.00",
            "100.00",
        ),
    ],
)
def test_what_comes_from_outside_is_put_in_or_taken_out(
    moved: list[Transaction], paid_in: str, paid_out: str
) -> None:
    expected = Mark(DAY, Decimal("500.00"), Decimal(paid_in), Decimal(paid_out))
    assert mark_of(tick("500.00", *moved)) == expected


@pytest.mark.parametrize(
    "earned",
    [
        transaction("trade", assets__cash="-10.00", assets__positions__AAPL="10.00"),
        transaction("dividend", assets__cash="1.00", income__dividends="-1.00"),
        transaction("interest", assets__cash="-1.00", expenses__interest="1.00"),
        transaction("borrow_fee", assets__cash="-1.00", expenses__borrow="1.00"),
        transaction("payment", assets__cash="5.00", assets__receivable="-5.00"),
        transaction("model_spend", assets__cash="-1.00", expenses__model_spend="1.00"),
    ],
    ids=lambda each: each.kind,
)
def test_what_the_account_earns_or_spends_is_gain_or_loss(earned: Transaction) -> None:
    assert mark_of(tick("500.00", earned)) == Mark(DAY, Decimal("500.00"))
