"""The two sides of a reconciliation: our books of an account, and what its broker tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from schemas.account import AccountMark
from schemas.ledger import Transaction
from schemas.orders import Fill, Order

Units = dict[str, Decimal]
"""Units by symbol."""


@dataclass(frozen=True, slots=True)
class Booked:
    """What our ledger holds of the account since its opening."""

    ledger: Sequence[Transaction] = ()
    """Its trades are compared with the fills, when it has any."""
    splits: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    """Units after ÷ units before, of splits known to have taken effect and not booked yet."""


@dataclass(frozen=True, slots=True)
class Ours:
    """Our books of the account."""

    opening: AccountMark
    """What it held before our first order."""
    orders: Sequence[Order] = ()
    fills: Sequence[Fill] = ()
    booked: Booked = Booked()


@dataclass(frozen=True, slots=True)
class Theirs:
    """What the broker tells: orders it was asked about included, fills from `since` on."""

    session: date | None
    since: date
    mark: AccountMark
    orders: Sequence[Order] = ()
    fills: Sequence[Fill] = ()


def units_of(fill: Fill) -> Decimal:
    """Return the units a fill adds to the position."""
    return fill.quantity if fill.side == "buy" else -fill.quantity


def cash_of(fill: Fill) -> Decimal:
    """Return the money a fill adds to the cash."""
    amount = -fill.amount if fill.side == "buy" else fill.amount
    return amount - fill.commission


def positions_after(opening: AccountMark, fills: Iterable[Fill]) -> Units:
    """Return the units held after the fills, by symbol, zeros left out."""
    units = {each.symbol: each.quantity for each in opening.positions}
    for fill in fills:
        units[fill.symbol] = units.get(fill.symbol, Decimal()) + units_of(fill)
    return {symbol: held for symbol, held in units.items() if held}


def belongs(fill: Fill, order: Order) -> bool:
    """Tell whether a fill can be one of the order."""
    return (fill.client_order_id, fill.symbol, fill.side) == (
        order.client_order_id,
        order.symbol,
        order.side,
    )
