"""What a session did to positions, lot by lot, read from its ledger and its fills.

The ledger says which lots moved and at what cost, the fills at what price and with what costs; the
n-th `trade` of a session's ledger is its n-th fill. A fill's money is shared among the lots it
moved by units, in the ledger's order, as the account does it (`trading.account.match_lots`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from schemas.base import ZERO
from schemas.errors import UntrustworthyData
from schemas.ledger import Entry, Transaction
from schemas.orders import Fill
from schemas.tick import Tick
from trading.account import REALISED
from trading.ledger import POSITIONS
from trading.lots import split_amount

Phase = Literal["open", "during", "close"]
"""When in a session something happened; `during`: nobody knows when between open and close."""

LotKey = tuple[str, str | None]
"""A ticker and a lot of it."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of one lot opened or closed, or its units changed by a corporate action."""

    key: LotKey
    kind: Literal["open", "close", "adjust"]
    """`adjust`: a corporate action changed the units of a lot that is still held."""
    units: Decimal
    """Signed change."""
    phase: Phase
    amount: Decimal = ZERO
    """Money traded or paid out, zero or above."""
    commission: Decimal = ZERO
    price_costs: Decimal = ZERO
    gain: Decimal = ZERO
    """Realised, less the commission, where it closes."""
    price: Decimal | None = None
    """Of the fill; None for a corporate action."""
    cause: str = ""
    """The fill, or the transaction of the corporate action."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """A lot goes by another ticker, or another name, from now on."""

    key: LotKey
    new: LotKey


@dataclass(frozen=True, slots=True)
class Paid:
    """A dividend on a symbol: received, or owed where negative."""

    symbol: str
    amount: Decimal


Movement = Leg | Renamed | Paid

_PHASES: dict[str, Phase] = {"open": "open", "close": "close"}


class LotBook:
    """The open lots, as the ledger read so far leaves them."""

    def __init__(self) -> None:
        self._units: dict[LotKey, Decimal] = {}

    def units(self, key: LotKey) -> Decimal:
        """Return the signed units of a lot; zero when there is none."""
        return self._units.get(key, Decimal())

    def read(self, tick: Tick) -> tuple[Movement, ...]:
        """Return what the tick did, in the order of its ledger.

        `UntrustworthyData` when its fills and its ledger do not belong together.
        """
        trades = [each for each in tick.transactions if each.kind == "trade"]
        if len(trades) != len(tick.fills):
            raise UntrustworthyData(
                f"tick {tick.n} has {len(tick.fills)} fills, but {len(trades)} trades in its ledger"
            )
        fills = iter(tick.fills)
        found: list[Movement] = []
        for transaction in tick.transactions:
            if transaction.kind == "trade":
                found.extend(self._trade(transaction, next(fills)))
            else:
                found.extend(self._action(transaction))
        return tuple(found)

    def _trade(self, transaction: Transaction, fill: Fill) -> Iterable[Leg]:
        moved = _positions(transaction)
        if {entry.symbol for entry in moved} != {fill.symbol}:
            raise UntrustworthyData(
                f"transaction {transaction.sequence} does not trade {fill.symbol}, its fill does"
            )
        opening = [self._opens(entry) for entry in moved]
        weights = [abs(entry.quantity or ZERO) for entry in moved]
        amounts = tuple(split_amount(fill.amount, weights))
        commissions = tuple(split_amount(fill.commission, weights))
        inside = fill.spread_cost + fill.slippage_cost + fill.impact_cost
        hidden = tuple(split_amount(inside, weights))
        for n, entry in enumerate(moved):
            brought = amounts[n] if fill.side == "sell" else -amounts[n]
            yield Leg(
                key=_key(entry),
                kind="open" if opening[n] else "close",
                units=entry.quantity or ZERO,
                phase=_PHASES.get(fill.convention, "during"),
                amount=amounts[n],
                commission=commissions[n],
                price_costs=hidden[n],
                gain=ZERO if opening[n] else brought + entry.amount - commissions[n],
                price=fill.price,
                cause=fill.fill_id,
            )
            self._move(entry)

    def _action(self, transaction: Transaction) -> Iterable[Movement]:
        for entry in transaction.entries:
            if entry.symbol is not None and entry.account.endswith(":dividends"):
                yield Paid(entry.symbol, -entry.amount)
        before = {_key(entry): self.units(_key(entry)) for entry in _positions(transaction)}
        costs: dict[LotKey, Decimal] = {}
        for entry in _positions(transaction):
            self._move(entry)
            costs[_key(entry)] = costs.get(_key(entry), ZERO) + entry.amount
        gone = [key for key, units in before.items() if units and not self.units(key)]
        new = [key for key, units in before.items() if not units and self.units(key)]
        renamed = tuple(zip(gone, new, strict=False))
        for old, name in renamed:
            yield Renamed(old, name)
        names = dict(renamed)
        rest = [key for key in before if key not in names and key not in names.values()]
        # What was paid, or is due: all that is neither a position nor a gain.
        gain = -sum((one.amount for one in transaction.entries if one.account == REALISED), ZERO)
        paid = gain - sum(costs.values(), ZERO)
        weights = [abs(costs[key]) if self.units(key) else abs(before[key]) for key in rest]
        for key, cash in zip(rest, _shared(paid, weights), strict=True):
            yield Leg(
                key=key,
                kind="adjust" if self.units(key) else "close",
                units=self.units(key) - before[key],
                phase="open",
                amount=abs(cash),
                gain=cash + costs[key],
                cause=transaction.transaction_id,
            )

    def _opens(self, entry: Entry) -> bool:
        held = self.units(_key(entry))
        return not held or (held > 0) == ((entry.quantity or ZERO) > 0)

    def _move(self, entry: Entry) -> None:
        key = _key(entry)
        units = self.units(key) + (entry.quantity or ZERO)
        if units:
            self._units[key] = units
        else:
            self._units.pop(key, None)


def _positions(transaction: Transaction) -> list[Entry]:
    return [each for each in transaction.entries if each.account.startswith(POSITIONS)]


def _key(entry: Entry) -> LotKey:
    return str(entry.symbol), entry.lot


def _shared(money: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Share money by weights of which some may be nothing; without any the last takes it all."""
    shares = split_amount(money, [weight for weight in weights if weight])
    if not any(weights):
        return [*([ZERO] * (len(weights) - 1)), money][-len(weights) :] if weights else []
    return [next(shares) if weight else ZERO for weight in weights]
