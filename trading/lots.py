"""Lots: what a position is made of, each opened at one moment for one cost, and which go first.

Units and cost are signed: a short lot has negative units and a negative cost, which is what was
received for it. A part of a lot takes its share of the cost that is left, rounded half-even to the
cent, and the last part takes the rest, so that parts always sum to the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from schemas.base import ZERO, plain
from schemas.errors import InvalidRequest
from schemas.execution import LotMethod

_ID = re.compile(r"(\d{8})-(0|[1-9]\d*)")


@dataclass(frozen=True, slots=True)
class Lot:
    """Units opened together. Splits change the units, a new ticker nothing; the id stays."""

    lot_id: str
    opened: date
    quantity: Decimal
    cost: Decimal

    @property
    def cost_per_unit(self) -> Fraction:
        """What a unit cost, exactly; of short lots minus what it brought."""
        return Fraction(self.cost) / abs(Fraction(self.quantity))


@dataclass(frozen=True, slots=True)
class Part:
    """Units taken out of a lot with their cost, both signed as the lot is."""

    lot: Lot
    quantity: Decimal
    cost: Decimal


def lot_id(session: date, sequence: int) -> str:
    """Name the lot opened by the transaction of that sequence in the ledger."""
    return f"{session.isoformat().replace('-', '')}-{sequence}"


def read_lot_id(name: str) -> tuple[date, int]:
    """Return the session that opened a lot and its transaction's sequence; `InvalidRequest`."""
    match = _ID.fullmatch(name)
    try:
        if match is not None:
            return date.fromisoformat(match[1]), int(match[2])
    except ValueError:
        pass
    raise InvalidRequest(f"{name[:40]!r} is no lot: a lot is named like 20200131-7")


def new_lot(name: str, quantity: Decimal, cost: Decimal) -> Lot:
    """Return a lot opened at what its name says."""
    return Lot(name, read_lot_id(name)[0], quantity, cost)


def oldest_first(lots: Sequence[Lot]) -> tuple[Lot, ...]:
    """Return the lots in the order they were opened in."""
    return tuple(sorted(lots, key=lambda lot: read_lot_id(lot.lot_id)))


def with_lot(lots: tuple[Lot, ...], lot: Lot) -> tuple[Lot, ...]:
    """Return lots, oldest first, with another one in its place: usually the last."""
    if not lots or read_lot_id(lots[-1].lot_id) < read_lot_id(lot.lot_id):
        return (*lots, lot)
    return oldest_first((*lots, lot))


def share_of(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return the part's share of an amount in cents, rounded once, half-even, from the exact one.

    Part and whole are in millionths, as quantities are. The whole has the whole amount.
    """
    if part == whole:
        return amount
    # In whole numbers: it is asked for every lot of every fill, and fractions take four times that.
    count, of = int(amount.scaleb(2)) * int(part.scaleb(6)), int(whole.scaleb(6))
    found, rest = divmod(count, of)
    found += 2 * abs(rest) > abs(of) or (2 * rest == of and found % 2)
    return Decimal(found).scaleb(-2)


def split_amount(amount: Decimal, weights: Sequence[Decimal]) -> Iterator[Decimal]:
    """Yield an amount's shares by weight (above zero): they sum to it, each is within a cent.

    What all up to a share come to is rounded, not the share.
    """
    whole, upto, given = sum(weights, Decimal()), Decimal(), ZERO
    for weight in weights:
        upto += weight
        reached = share_of(amount, upto, whole)
        yield reached - given
        given = reached


def cents(value: Fraction) -> Decimal:
    """Round an exact amount once, half-even, to the cent."""
    count = round(value * 100)
    return Decimal(count).scaleb(-2) if count else ZERO


def pick_lots(
    lots: Sequence[Lot],
    quantity: Decimal,
    *,
    method: LotMethod = "fifo",
    chosen: Sequence[str] = (),
) -> tuple[Part, ...]:
    """Return the parts that close that many units (above zero), at most all there are.

    `lots` are oldest first and of one sign. Chosen ones go first, in their order, then the rest:
    `fifo` and `specific` oldest first, `lifo` newest first, `highest_cost` by cost a unit, the
    oldest of equals first; of short lots that is the one that brought least. `InvalidRequest` for
    a chosen lot that is not among them.
    """
    parts: list[Part] = []
    left = quantity
    for lot in _in_turn(lots, method, chosen):
        if left <= 0:
            break
        units = min(left, abs(lot.quantity))
        signed = units if lot.quantity > 0 else -units
        parts.append(Part(lot, signed, share_of(lot.cost, signed, lot.quantity)))
        left -= units
    return tuple(parts)


def _in_turn(lots: Sequence[Lot], method: LotMethod, chosen: Sequence[str]) -> Iterable[Lot]:
    if method == "lifo":
        lots = lots[::-1]
    elif method == "highest_cost":
        lots = sorted(lots, key=lambda lot: -lot.cost_per_unit)
    if not chosen:
        return lots
    named = {lot.lot_id: lot for lot in lots}
    for name in chosen:
        if name not in named:
            there = ", ".join(sorted(named)[:5]) or "none"
            raise InvalidRequest(f"there is no lot {name[:40]!r} to close; there are: {there}")
    first = dict.fromkeys(chosen)
    return [*(named[name] for name in first), *(lot for lot in lots if lot.lot_id not in first)]


def units_text(quantity: Decimal) -> str:
    """Write units as a sentence shows them: without a sign, and `short` said."""
    return plain(quantity) if quantity >= 0 else f"{plain(-quantity)} short"
