"""Fills and transactions made by hand, for tests of the books without an exchange."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

from schemas.base import to_cents
from schemas.ledger import Entry, Transaction, TransactionKind
from schemas.orders import Fill, Side
from trading.account import CAPITAL, CASH, POSITIONS, AccountState, Holding, MarginTerms
from trading.ledger import Heading, Movement, Tip, append
from trading.lots import lot_id, new_lot

DAY = date(2020, 1, 2)


def fill(
    side: Side,
    quantity: str | Decimal,
    price: str | Decimal,
    *,
    commission: str | Decimal = "0",
    symbol: str = "AAA",
    session: date = DAY,
) -> Fill:
    """Return a fill at that price, without spread or slippage."""
    units, paid = Decimal(quantity), Decimal(price)
    return Fill(
        fill_id="f",
        client_order_id="o",
        agent="tester",
        session=session,
        symbol=symbol,
        side=side,
        quantity=units,
        reference_price=paid,
        price=paid,
        amount=to_cents(units * paid),
        commission=Decimal(commission),
        spread_cost=Decimal(0),
        slippage_cost=Decimal(0),
        convention="open",
    )


class Books:
    """A ledger and the account that follows it."""

    def __init__(self, cash: str = "0", terms: MarginTerms | None = None) -> None:
        self.state = AccountState("USD", terms=terms or MarginTerms())
        self.tip = Tip()
        self.made: list[Transaction] = []
        if Decimal(cash):
            self.flow(CAPITAL, Decimal(cash))

    def enter(
        self, movements: Sequence[Movement], kind: TransactionKind = "trade", day: date = DAY
    ) -> Transaction:
        """Append a transaction; when the account refuses it nothing has changed."""
        heading = Heading(f"t{self.tip.sequence}", kind, day, f"a {kind}", "USD")
        made = append(self.tip, heading, movements=movements)
        self.state, self.tip = self.state.apply(made), self.tip.after(made)
        self.made.append(made)
        return made

    def flow(
        self, other: str, amount: Decimal, kind: TransactionKind = "deposit", day: date = DAY
    ) -> None:
        """Bring cash in from another account, or out to it when negative."""
        self.enter((Movement(CASH, amount), Movement(other, -amount)), kind, day)


def lots_of(*told: tuple[str, str], symbol: str = "AAA") -> tuple[Holding, AccountState]:
    """Return a holding of lots (units, cost), and the account that has nothing else.

    Negative units are short. The account knows neither the money nor where the lots came from.
    """
    lots = tuple(
        new_lot(lot_id(DAY, n), Decimal(units), Decimal(cost))
        for n, (units, cost) in enumerate(told)
    )
    holding = Holding(lots)
    short = MarginTerms(allow_short=any(lot.quantity < 0 for lot in lots))
    balances = {POSITIONS + symbol: holding.cost}
    return holding, AccountState("USD", balances, {symbol: holding}, short)


def flipped(transaction: Transaction) -> Iterator[tuple[str, int | None, Transaction]]:
    """Yield (field, entry to be named, altered) for every field of a transaction and its entries.

    The fields of the transaction itself are in every entry's hash, so the first one is named.
    """
    for name in sorted(set(Transaction.model_fields) - {"entries"}):
        yield name, None if name == "sequence" else 0, _with(transaction, name)
    for position in range(len(transaction.entries)):
        for name in Entry.model_fields:
            entries = list(transaction.entries)
            entries[position] = _with(entries[position], name)
            yield name, position, transaction.model_copy(update={"entries": tuple(entries)})


_M = TypeVar("_M", Entry, Transaction)


def _with(message: _M, name: str) -> _M:
    return message.model_copy(update={name: _other(name, getattr(message, name))})


def _other(name: str, value: object) -> object:
    if isinstance(value, Decimal):
        return value + Decimal("0.01")
    if isinstance(value, date):
        return value + timedelta(days=1)
    if isinstance(value, int):
        return value + 1
    if value is None:
        return {"symbol": "ZZZ", "quantity": Decimal("1.000000"), "lot": "20200102-0"}[name]
    text = str(value)
    return ("0" if text[0] != "0" else "1") + text[1:]
