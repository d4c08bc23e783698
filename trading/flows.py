"""Money put into an account or taken out of it, told apart from what it gains and loses."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from schemas.base import ZERO
from schemas.ledger import Transaction
from trading.account import CASH

_OUTSIDE = ("equity:", "lender:", "borrower:", "loan:")
_BEFORE_THE_ORDERS = frozenset({"deposit", "disbursement"})


def outside_flows(transactions: Iterable[Transaction]) -> tuple[Decimal, Decimal]:
    """Return the money paid in before a session's orders and the money paid out after them.

    Money that moves between cash and the accounts of capital, lender, borrower or loan comes from
    outside or goes there; whatever else moves cash was gained or lost.
    """
    paid_in = paid_out = ZERO
    for transaction in transactions:
        entries = transaction.entries
        if not any(entry.account.startswith(_OUTSIDE) for entry in entries):
            continue
        moved = sum((entry.amount for entry in entries if entry.account == CASH), start=ZERO)
        if transaction.kind in _BEFORE_THE_ORDERS:
            paid_in += moved
        else:
            paid_out -= moved
    return paid_in, paid_out
