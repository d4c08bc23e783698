"""The lots that an account's fills leave, where nobody keeps a ledger of them: first in, first out.

A real venue may tell positions and no lots; then they follow from its fills. Costs are the fills'
amounts, commissions excluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from schemas.account import LotMark
from schemas.base import ZERO, to_cents, to_micro
from schemas.orders import Fill
from trading.lots import Lot, lot_id, new_lot, pick_lots, split_amount, with_lot


def lots_of_fills(fills: Iterable[Fill], *, opening: Sequence[Lot] = ()) -> tuple[Lot, ...]:
    """Return the lots of one symbol after its fills, which come in the order they were made.

    A lot is named by the session of its fill and the fill's number in that session, from 1 on;
    `opening` are lots from before the first of them.
    """
    lots = tuple(opening)
    count: dict[object, int] = {}
    for fill in fills:
        number = count[fill.session] = count.get(fill.session, 0) + 1
        lots = closed_by_fifo(lots, fill, name=lot_id(fill.session, number))
    return lots


def closed_by_fifo(lots: Sequence[Lot], fill: Fill, *, name: str) -> tuple[Lot, ...]:
    """Return the lots after a fill: it closes the oldest of the other side, the rest opens one.

    What it opens is named `name`.
    """
    sign = 1 if fill.side == "buy" else -1
    against = [lot for lot in lots if lot.quantity * sign < 0]
    parts = {part.lot.lot_id: part for part in pick_lots(against, fill.quantity)}
    left: list[Lot] = []
    for lot in lots:
        part = parts.get(lot.lot_id)
        if part is None:
            left.append(lot)
        elif part.quantity != lot.quantity:
            units, cost = lot.quantity - part.quantity, lot.cost - part.cost
            left.append(Lot(lot.lot_id, lot.opened, units, cost))
    closed = sum((abs(part.quantity) for part in parts.values()), Decimal())
    if closed == fill.quantity:
        return tuple(left)
    *_, amount = split_amount(fill.amount, [*filter(None, [closed]), fill.quantity - closed])
    return with_lot(tuple(left), new_lot(name, sign * (fill.quantity - closed), sign * amount))


def split_lots(lots: Iterable[Lot], ratio: Decimal) -> tuple[Lot, ...]:
    """Return the lots after a split: `ratio` units for each, costs as they were."""
    return tuple(
        Lot(lot.lot_id, lot.opened, to_micro(lot.quantity * ratio), lot.cost) for lot in lots
    )


def total(lots: Iterable[Lot]) -> tuple[Decimal, Decimal]:
    """Return the units and the cost of all lots."""
    units, cost = Decimal(), ZERO
    for lot in lots:
        units, cost = units + lot.quantity, cost + lot.cost
    return units, cost


def marked(lots: Iterable[Lot], price: Decimal) -> tuple[LotMark, ...]:
    """Return the lots valued at a price; the values sum to that of all units, to the cent."""
    found: list[LotMark] = []
    units, before = Decimal(), ZERO
    for lot in lots:
        units += lot.quantity
        upto = to_cents(units * price)
        found.append(
            LotMark(
                lot_id=lot.lot_id,
                opened=lot.opened,
                quantity=lot.quantity,
                cost=lot.cost,
                market_value=upto - before,
            )
        )
        before = upto
    return tuple(found)
