"""The append-only, double-entry, hash-chained ledger as it is stored.

Accounts are colon-separated paths. Of a trading book: `assets:cash`, `assets:positions:SYMBOL`
(carried at cost, each entry of one lot; short lots have negative units and cost),
`assets:receivable:PAYDATE` (dividends between ex-date and payment), `liabilities:payable:DATE`
(what short units owe for corporate actions), `liabilities:model_spend` (what cash could not pay
yet), `equity:capital`, `income:realised`, `income:dividends`, `income:interest`,
`expenses:commission`, `expenses:borrow`, `expenses:interest`, `expenses:dividends` (owed on short
units), `expenses:model_spend`. Of a loan: `borrower:paid_out`, `borrower:paid_in`,
`loan:principal`, `loan:interest_income`, `loan:fees`, `lender:funding`.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from schemas.base import Message, Money, Quantity, Sha256, Symbol

TransactionKind = Literal[
    "deposit",
    "trade",
    "disbursement",
    "instalment",
    "dividend",
    "split",
    "symbol_change",
    "delisting",
    "merger",
    "payment",
    "interest",
    "borrow_fee",
    "model_spend",
    "reversal",
]


class Entry(Message):
    """One signed movement on one account."""

    account: str = Field(max_length=80)
    amount: Money = Field(description="signed; a transaction's entries sum to zero per currency")
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    symbol: Symbol | None = None
    quantity: Quantity | None = Field(default=None, description="signed units moved, for positions")
    lot: str | None = Field(
        default=None, max_length=40, description="which lot of the position; with a quantity"
    )
    previous: Sha256 = Field(description="hash of the entry before this one")
    hash: Sha256 = Field(description="SHA-256 of this entry's canonical content and `previous`")


class Transaction(Message):
    """Entries that belong together and sum to zero."""

    transaction_id: str = Field(description="derived from the run key, tick and cause")
    sequence: int = Field(ge=0, description="position in the ledger, from 0")
    kind: TransactionKind
    session: date
    description: str = Field(max_length=200)
    entries: tuple[Entry, ...] = Field(min_length=2)


class LedgerFault(Message):
    """The first place where a ledger is not what was written."""

    transaction: int = Field(ge=0, description="position in the ledger, from 0")
    transaction_id: str
    entry: int | None = Field(description="position in the transaction; None: the whole of it")
    what: str = Field(description="one sentence")


class Verification(Message):
    """What a check of a whole ledger found."""

    transactions: int = Field(ge=0, description="transactions read")
    entries: int = Field(ge=0, description="entries found sound, up to the fault")
    ledger_hash: Sha256 = Field(description="hash of the newest sound entry")
    fault: LedgerFault | None = Field(description="None: every entry is as it was written")
