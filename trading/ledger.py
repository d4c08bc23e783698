"""The ledger: append-only double entry, every entry hash-chained to the one before.

An entry's hash is the SHA-256 of a JSON array without blanks, UTF-8: [previous hash, transaction
id, sequence, kind, session, description, position in the transaction, entries in it, account,
amount, currency, symbol, quantity, lot]. Numbers of the chain are integers, decimals are strings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from schemas.base import plain
from schemas.errors import InvalidRequest
from schemas.ledger import Entry, LedgerFault, Transaction, TransactionKind, Verification

GENESIS = hashlib.sha256(b"alphashield ledger, version 2").hexdigest()
"""What the first entry of every ledger names as the one before."""

POSITIONS = "assets:positions:"
"""What the account of a symbol's position begins with."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of a ledger: how many transactions it holds, and the newest entry's hash."""

    sequence: int = 0
    hash: str = GENESIS

    def after(self, transaction: Transaction) -> Tip:
        """Return the tip once this transaction is appended."""
        return Tip(transaction.sequence + 1, transaction.entries[-1].hash)


@dataclass(frozen=True, slots=True)
class Heading:
    """What a transaction says of itself before its entries."""

    transaction_id: str
    kind: TransactionKind
    session: date
    description: str
    currency: str


@dataclass(frozen=True, slots=True)
class Movement:
    """One signed movement to be entered: an amount, and units where positions move."""

    account: str
    amount: Decimal
    symbol: str | None = None
    quantity: Decimal | None = None
    lot: str | None = None


def transaction_id(scope: str, tick: int, cause: str) -> str:
    """Derive a transaction's id from the run key (or account), the tick and its cause."""
    return hashlib.sha256(_encode([scope, tick, cause]).encode()).hexdigest()[:32]


def append(tip: Tip, heading: Heading, *, movements: Sequence[Movement]) -> Transaction:
    """Build the transaction that follows `tip`; `tip.after(it)` is the next tip.

    `InvalidRequest` when there are fewer than two movements or they do not sum to zero.
    """
    total = sum((movement.amount for movement in movements), Decimal())
    if total or len(movements) < 2:
        raise InvalidRequest(
            f"a transaction needs two or more entries that sum to zero; {len(movements)} of "
            f"{heading.description!r} sum to {plain(total)} {heading.currency}"
        )
    common = _common(heading, tip.sequence)
    previous = tip.hash
    entries: list[Entry] = []
    for position, movement in enumerate(movements):
        entry = Entry(
            account=movement.account,
            amount=movement.amount + 0,  # a store of integers knows no negative zero
            currency=heading.currency,
            symbol=movement.symbol,
            quantity=None if movement.quantity is None else movement.quantity + 0,
            lot=movement.lot,
            previous=previous,
            hash=GENESIS,  # stands in: the validated content is what is hashed
        )
        if misfit := _misfit(entry):
            raise InvalidRequest(f"an entry of {heading.description!r} {misfit}")
        previous = _digest(previous, common, entry, position=position, count=len(movements))
        entries.append(entry.model_copy(update={"hash": previous}))
    return Transaction(
        transaction_id=heading.transaction_id,
        sequence=tip.sequence,
        kind=heading.kind,
        session=heading.session,
        description=heading.description,
        entries=tuple(entries),
    )


def verify(transactions: Iterable[Transaction], *, tip: str | None = None) -> Verification:
    """Recompute the whole chain from its first transaction and name the first altered entry.

    Any changed field, removed, inserted or moved transaction or entry breaks it there. Cutting
    off the end leaves a sound chain: give `tip`, the newest hash as a tick keeps it, to see that.
    """
    expected = Tip()
    read = entries = 0
    for transaction in transactions:
        read += 1
        fault = _fault(transaction, expected)
        if fault is not None:
            entries += fault.entry or 0
            sound = transaction.entries[fault.entry - 1].hash if fault.entry else expected.hash
            return Verification(transactions=read, entries=entries, ledger_hash=sound, fault=fault)
        entries += len(transaction.entries)
        expected = expected.after(transaction)
    fault = None
    if tip is not None and tip != expected.hash:
        what = "the ledger ends here, but its newest entry should have another hash"
        fault = LedgerFault(transaction=read, transaction_id="", entry=None, what=what)
    return Verification(transactions=read, entries=entries, ledger_hash=expected.hash, fault=fault)


def _fault(transaction: Transaction, expected: Tip) -> LedgerFault | None:
    entry, what = _first_wrong(transaction, expected)
    if what is None:
        return None
    return LedgerFault(
        transaction=expected.sequence,
        transaction_id=transaction.transaction_id,
        entry=entry,
        what=what,
    )


def _first_wrong(transaction: Transaction, expected: Tip) -> tuple[int | None, str | None]:
    if transaction.sequence != expected.sequence:
        found = f"its sequence is {transaction.sequence} where {expected.sequence} should follow"
        return None, found
    entries = transaction.entries
    first = entries[0]
    common = _common(
        Heading(
            transaction.transaction_id,
            transaction.kind,
            transaction.session,
            transaction.description,
            first.currency,
        ),
        transaction.sequence,
    )
    previous = expected.hash
    for position, entry in enumerate(entries):
        if entry.previous != previous:
            return position, "it does not follow the entry before it"
        digest = _digest(previous, common, entry, position=position, count=len(entries))
        if entry.hash != digest:
            return position, "its content is not what was hashed"
        previous = digest
    currencies = {entry.currency for entry in entries}
    if len(currencies) > 1 or sum(entry.amount for entry in entries):
        return None, "its entries do not sum to zero in one currency"
    return None, None


def _misfit(entry: Entry) -> str | None:
    """Say what is wrong with the parts of an entry taken together."""
    if not entry.account.startswith(POSITIONS):
        if entry.quantity is None and entry.lot is None:
            return None
        return "moves units of a lot on an account that is no position"
    if entry.symbol != entry.account[len(POSITIONS) :]:
        return f"on {entry.account} is of {entry.symbol}"
    if entry.quantity is None or entry.lot is None:
        return f"on {entry.account} does not say which lot it moves by how many units"
    return None


def _common(heading: Heading, sequence: int) -> tuple[str, int, str, str, str]:
    return (
        heading.transaction_id,
        sequence,
        heading.kind,
        heading.session.isoformat(),
        heading.description,
    )


def _digest(
    previous: str,
    common: tuple[str, int, str, str, str],
    entry: Entry,
    *,
    position: int,
    count: int,
) -> str:
    quantity = None if entry.quantity is None else format(entry.quantity, "f")
    content = _encode(
        [
            previous,
            *common,
            position,
            count,
            entry.account,
            format(entry.amount, "f"),
            entry.currency,
            entry.symbol,
            quantity,
            entry.lot,
        ]
    )
    return hashlib.sha256(content.encode()).hexdigest()
