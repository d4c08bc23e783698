"""The ledger: append-only double entry, every entry hash-chained to the one before.

An entry's hash is the SHA-256 of a JSON array without blanks, UTF-8: [previous hash, transaction
id, sequence, kind, session, description, position in the transaction, entries in it, account,
amount, currency, symbol, quantity, lot]. Numbers of the chain are integers; amounts (two places)
and quantities (six) are strings; what an entry does not have is null.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring as quoted

from schemas.base import CENT, MILLIONTH, plain
from schemas.errors import InvalidRequest
from schemas.ledger import Entry, LedgerFault, Transaction, TransactionKind, Verification
from trading.lots import lot_id

GENESIS = hashlib.sha256(b"alphashield ledger, version 2").hexdigest()
"""What the first entry of every ledger names as the one before."""

POSITIONS = "assets:positions:"
"""What the account of a symbol's position begins with."""


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
    """One signed movement to be entered: an amount, and units of a lot where positions move."""

    account: str
    amount: Decimal
    symbol: str | None = None
    quantity: Decimal | None = None
    lot: str | None = None


def transaction_id(scope: str, tick: int, cause: str) -> str:
    """Derive a transaction's id from the run key (or account), the tick and its cause."""
    text = json.dumps([scope, tick, cause], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def append(tip: Tip, heading: Heading, *, movements: Sequence[Movement]) -> Transaction:
    """Build the transaction that follows `tip`; `tip.after(it)` is the next tip.

    `InvalidRequest` when there are fewer than two movements, they do not sum to zero, an amount
    has no whole cents, or a movement of a position does not name its lot and units.
    """
    exact = [_whole(movement.amount, CENT, heading) for movement in movements]
    total = sum(exact, Decimal())
    if total or len(movements) < 2:
        raise InvalidRequest(
            f"a transaction needs two or more entries that sum to zero; {len(movements)} of "
            f"{heading.description!r} sum to {plain(total)} {heading.currency}"
        )
    head = _head(heading, tip.sequence)
    previous = tip.hash
    entries: list[Entry] = []
    for position, (movement, amount) in enumerate(zip(movements, exact, strict=True)):
        units = movement.quantity
        line = _Line(
            movement.account,
            amount,
            heading.currency,
            movement.symbol,
            None if units is None else _whole(units, MILLIONTH, heading),
            movement.lot,
        )
        if misfit := _misfit(line):
            raise InvalidRequest(f"an entry of {heading.description!r} {misfit}")
        digest = _digest(previous, head, line, place=f"{position},{len(movements)}")
        entries.append(
            Entry(
                account=line.account,
                amount=amount,
                currency=line.currency,
                symbol=line.symbol,
                quantity=line.quantity,
                lot=line.lot,
                previous=previous,
                hash=digest,
            )
        )
        previous = digest
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

    Any changed field, removed, inserted or moved transaction or entry breaks it there. A chain
    that somebody forged throughout is still held to ids that occur once, to sums of zero, and to
    lots: an entry must name a lot that its own transaction opens or an earlier one left open, and
    take no more than is in it. Cutting off the end leaves a sound chain: give `tip`, the newest
    hash as a tick keeps it, to see that.
    """
    read = entries = 0
    reader = _Reader()
    for transaction in transactions:
        read += 1
        before = reader.newest
        wrong = reader.take(transaction)
        if wrong is not None:
            place, what = wrong
            entries += place or 0
            sound = transaction.entries[place - 1].hash if place else before
            name = transaction.transaction_id
            fault = LedgerFault(transaction=read - 1, transaction_id=name, entry=place, what=what)
            return Verification(transactions=read, entries=entries, ledger_hash=sound, fault=fault)
        entries += len(transaction.entries)
    newest, fault = reader.newest, None
    if tip is not None and tip != newest:
        what = "the ledger ends here, but its newest entry should have another hash"
        fault = LedgerFault(transaction=read, transaction_id="", entry=None, what=what)
    return Verification(transactions=read, entries=entries, ledger_hash=newest, fault=fault)


_Wrong = tuple[int | None, str]
"""The entry's position, None for the transaction as a whole, and a sentence."""


class _Reader:
    """Follows a chain from its first transaction, with the lots that are open."""

    def __init__(self) -> None:
        self.newest = GENESIS
        self._sequence = 0
        self._ids: set[str] = set()
        self._lots: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}

    def take(self, transaction: Transaction) -> _Wrong | None:
        """Check the next transaction; None when it is sound."""
        if transaction.sequence != self._sequence:
            found, wanted = transaction.sequence, self._sequence
            return None, f"its sequence is {found} where {wanted} should follow"
        if len(transaction.entries) < 2:
            return None, "it has fewer than two entries"
        if transaction.transaction_id in self._ids:
            return None, "an earlier transaction has the same id"
        self._ids.add(transaction.transaction_id)
        return self._chain(transaction) or self._sums(transaction) or self._fits(transaction)

    def _chain(self, transaction: Transaction) -> _Wrong | None:
        head = _head(transaction, transaction.sequence)
        entries, previous = transaction.entries, self.newest
        count = len(entries)
        for position, entry in enumerate(entries):
            if entry.previous != previous:
                return position, "it does not follow the entry before it"
            previous = _digest(previous, head, entry, place=f"{position},{count}")
            if entry.hash != previous:
                return position, "its content is not what was hashed"
        self.newest = previous
        self._sequence += 1
        return None

    def _sums(self, transaction: Transaction) -> _Wrong | None:
        entries = transaction.entries
        currency, total = entries[0].currency, Decimal()
        for entry in entries:
            total += entry.amount
            if entry.currency != currency:
                return None, "its entries do not sum to zero in one currency"
        return (None, "its entries do not sum to zero in one currency") if total else None

    def _fits(self, transaction: Transaction) -> _Wrong | None:
        moved: dict[tuple[str, str], int] = {}
        for position, entry in enumerate(transaction.entries):
            misfit = _misfit(entry)
            if misfit is not None:
                return position, f"it {misfit}"
            if entry.lot is not None:
                moved[entry.account, entry.lot] = position
        return self._lots_after(transaction, moved) if moved else None

    def _lots_after(
        self, transaction: Transaction, moved: dict[tuple[str, str], int]
    ) -> _Wrong | None:
        lots = self._lots
        own = lot_id(transaction.session, transaction.sequence)
        known = {own, *(lot for account, lot in moved if (account, lot) in lots)}
        before = {key: lots.get(key, _NOTHING) for key in moved}
        for entry in transaction.entries:
            if entry.lot is not None and entry.quantity is not None:
                units, cost = lots.get((entry.account, entry.lot), _NOTHING)
                lots[entry.account, entry.lot] = units + entry.quantity, cost + entry.amount
        for key, position in moved.items():
            units, cost = lots[key]
            if key[1] not in known:
                return position, f"it names the lot {key[1]}, which was never opened"
            if before[key][0] * units < 0:
                return position, f"it takes more of the lot {key[1]} than there is"
            if not units:
                if cost:
                    return position, f"it empties the lot {key[1]} and leaves {cost} of its cost"
                del lots[key]
        return None


_NOTHING = (Decimal(), Decimal())


@dataclass(frozen=True, slots=True)
class _Line:
    """The content of an entry before it has a hash."""

    account: str
    amount: Decimal
    currency: str
    symbol: str | None
    quantity: Decimal | None
    lot: str | None


def _whole(value: Decimal, step: Decimal, heading: Heading) -> Decimal:
    """Return a number in steps, never a negative zero: a store of integers knows none."""
    try:
        exact = value.quantize(step) + 0
    except InvalidOperation:
        exact = None
    if exact is None or exact != value:
        raise InvalidRequest(f"{heading.description!r} moves {value}, no whole number of {step}")
    return exact


def _misfit(entry: Entry | _Line) -> str | None:
    """Say what is wrong with the parts of an entry taken together."""
    account = entry.account
    if not account.startswith(POSITIONS):
        if entry.quantity is None and entry.lot is None:
            return None
        return "moves units of a lot on an account that is no position"
    if entry.symbol != account[len(POSITIONS) :]:
        return f"is on {account} and of {entry.symbol}"
    if entry.quantity is None or entry.lot is None:
        return f"is on {account} and does not say how many units of which lot it moves"
    return None


def _head(said: Heading | Transaction, sequence: int) -> str:
    """Return what all entries of a transaction have in common, as it stands in the array."""
    return (
        f"{quoted(said.transaction_id)},{sequence},{quoted(said.kind)},"
        f'"{said.session.isoformat()}",{quoted(said.description)}'
    )


def _digest(previous: str, head: str, entry: Entry | _Line, *, place: str) -> str:
    # Written out: the general encoder takes as long as all the rest of a check.
    # A decimal of two or six places is never printed with an exponent.
    text = (
        f'["{previous}",{head},{place},{quoted(entry.account)},"{entry.amount!s}",'
        f"{quoted(entry.currency)},"
    )
    if entry.symbol is None and entry.lot is None and entry.quantity is None:
        text += "null,null,null]"
    else:
        symbol = "null" if entry.symbol is None else quoted(entry.symbol)
        units = "null" if entry.quantity is None else f'"{entry.quantity!s}"'
        lot = "null" if entry.lot is None else quoted(entry.lot)
        text += f"{symbol},{units},{lot}]"
    return hashlib.sha256(text.encode()).hexdigest()
