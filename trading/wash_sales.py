"""Wash sales: losses that are put off because the same was bought again (IRC section 1091).

A loss is disallowed as far as replacement units were bought within 30 calendar days before or after
the sale (26 CFR 1.1091-1). Losses are taken in the order of the sales, replacements in the order
they were bought, unit by unit, each unit once. What was disallowed is added to the basis of the
replacement, which also takes over the time the sold units were held; sold at a loss itself, it may
be washed in turn, with what it carries.

Replacements must be held once the sale is over (one bought before it and sold by then has no basis
left to add to), and units of the very lot that is sold are none (Rev. Rul. 56-602). Of a lot, the
units that carry a disallowed loss leave first. Short lots are matched likewise with short lots
opened around the day they were closed (section 1091(e)). Losses are those of the books: the
commission of the closing counts, that of the purchase is an expense there.

This only marks: the ledger's books are not changed by it. It sees one account and no options, and
follows splits and new tickers as far as the account held any of it at the time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import TypeVar

from schemas.base import ZERO
from schemas.errors import InvalidRequest
from schemas.ledger import Entry, Transaction
from trading.account import COMMISSION, REALISED
from trading.lots import cents, lot_id, read_lot_id, split_amount

WINDOW = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Opened:
    """Units acquired as one lot; negative when sold short."""

    symbol: str
    lot_id: str
    quantity: Decimal

    @property
    def day(self) -> date:
        """The session that opened it."""
        return read_lot_id(self.lot_id)[0]


@dataclass(frozen=True, slots=True)
class Closed:
    """Units of one lot given up, signed as the lot is, and what that gained by the books."""

    symbol: str
    lot_id: str
    quantity: Decimal
    day: date
    sequence: int
    """Of the transaction in the ledger; what one transaction closes is closed together."""
    gain: Decimal
    """What it brought less the commission and the cost; a loss is negative."""


@dataclass(frozen=True, slots=True)
class WashSale:
    """A loss disallowed on units of one lot, and the lot that replaces them."""

    symbol: str
    sold_lot: str
    sold_on: date
    quantity: Decimal
    """Units matched, above zero."""
    disallowed: Decimal
    """Zero or more; it is added to the basis of the replacement (of a short lot: taken off)."""
    replacement_lot: str
    held_from: date
    """From when on the replacement counts as held: its own day, less the days carried over."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """A closing as it counts for tax."""

    closed: Closed
    carried: Decimal
    """Losses disallowed earlier that its units bore in their basis."""
    disallowed: Decimal

    @property
    def gain(self) -> Decimal:
        """The gain that counts: of the books, less what was carried, without what is put off."""
        return self.closed.gain - self.carried + self.disallowed


@dataclass(frozen=True, slots=True)
class Marked:
    """All closings as they count, in the order of time, and the wash sales among them."""

    closings: tuple[Recognised, ...]
    wash_sales: tuple[WashSale, ...]


def mark_wash_sales(opened: Iterable[Opened], closed: Iterable[Closed]) -> Marked:
    """Find the wash sales among the lots opened and closed; quantities are in units of today."""
    stock = _Stock(opened)
    in_time = sorted(closed, key=lambda one: (one.sequence, *read_lot_id(one.lot_id)))
    closings: list[Recognised] = []
    found: list[WashSale] = []
    for _, together in groupby(in_time, key=lambda one: one.sequence):
        # All of it is gone before any of it is replaced.
        gone = [(each, tuple(_pieces(each, stock.lot(each)))) for each in together]
        for each, parts in gone:
            washed = [sale for part in parts for sale in _washed(each, part, stock.around(each))]
            found += washed
            carried = sum((part.carried for part in parts), ZERO)
            put_off = sum((sale.disallowed for sale in washed), ZERO)
            closings.append(Recognised(each, carried, put_off))
    return Marked(tuple(closings), tuple(found))


@dataclass(slots=True)
class _Block:
    """Units of a lot that share a history."""

    units: Fraction
    carried: Decimal = ZERO
    days: int = 0
    used: bool = False
    """Whether they replaced something: each unit does so once."""


@dataclass(slots=True)
class _Lot:
    name: str
    day: date
    blocks: list[_Block]


class _Stock:
    """The lots of all symbols; those of a symbol and direction in the order of opening."""

    def __init__(self, opened: Iterable[Opened]) -> None:
        self._named: dict[tuple[str, str], _Lot] = {}
        self._lines: dict[tuple[str, bool], list[_Lot]] = {}
        for each in sorted(opened, key=lambda one: read_lot_id(one.lot_id)):
            blocks = [_Block(abs(Fraction(each.quantity)))]
            lot = _Lot(each.lot_id, each.day, blocks)
            self._named[each.symbol, each.lot_id] = lot
            self._lines.setdefault((each.symbol, each.quantity < 0), []).append(lot)

    def lot(self, closed: Closed) -> _Lot:
        """Return the lot that a closing takes from; `InvalidRequest` when none was opened."""
        lot = self._named.get((closed.symbol, closed.lot_id))
        if lot is None:
            raise InvalidRequest(f"{closed.symbol} lot {closed.lot_id} is closed but never opened")
        return lot

    def around(self, closed: Closed) -> Sequence[_Lot]:
        """Return the other lots of the kind opened within the window around a closing."""
        line = self._lines.get((closed.symbol, closed.quantity < 0), [])
        first = bisect_left(line, closed.day - WINDOW, key=lambda lot: lot.day)
        last = bisect_right(line, closed.day + WINDOW, key=lambda lot: lot.day)
        return [lot for lot in line[first:last] if lot.name != closed.lot_id]


@dataclass(slots=True)
class _Piece:
    """Units sold that share a history: what they gained, and what that history is."""

    units: Fraction
    gain: Decimal
    carried: Decimal
    held_days: int


def _pieces(closed: Closed, lot: _Lot) -> Iterable[_Piece]:
    """Take what a closing sells out of its lot; used blocks stand first there."""
    taken: list[_Block] = []
    left = abs(Fraction(closed.quantity))
    while left > 0 and lot.blocks:
        part = _cut(lot.blocks, 0, left)
        lot.blocks.pop(0)
        taken.append(part)
        left -= part.units
    days = (closed.day - lot.day).days
    gains = split_amount(closed.gain, [_decimal(part.units) for part in taken])
    for part, gain in zip(taken, gains, strict=True):
        yield _Piece(part.units, gain - part.carried, part.carried, days + part.days)


def _washed(closed: Closed, piece: _Piece, around: Sequence[_Lot]) -> Iterable[WashSale]:
    """Match a loss with what replaces it, the earliest bought first."""
    left, loss = piece.units, -piece.gain
    if loss <= 0:
        return
    for lot in around:
        place = 0
        while left > 0 and place < len(lot.blocks):
            if lot.blocks[place].used:
                place += 1
                continue
            block = _cut(lot.blocks, place, left)
            part = loss if block.units == left else cents(Fraction(loss) * block.units / left)
            left, loss = left - block.units, loss - part
            block.carried, block.days, block.used = part, piece.held_days, True
            place += 1
            yield WashSale(
                symbol=closed.symbol,
                sold_lot=closed.lot_id,
                sold_on=closed.day,
                quantity=_decimal(block.units),
                disallowed=part,
                replacement_lot=lot.name,
                held_from=lot.day - timedelta(days=piece.held_days),
            )
        # What carries a loss stands first in its lot.
        lot.blocks.sort(key=lambda block: not block.used)


def _cut(blocks: list[_Block], place: int, units: Fraction) -> _Block:
    """Cut the block at a place so that it has at most that many units, and return it."""
    block = blocks[place]
    if block.units > units:
        rest = replace(block, units=block.units - units)
        if block.carried:
            rest.carried = cents(Fraction(block.carried) * rest.units / block.units)
            block.carried -= rest.carried
        block.units = units
        blocks.insert(place + 1, rest)
    return block


def _decimal(value: Fraction) -> Decimal:
    return Decimal(round(value * 1_000_000)).scaleb(-6)


def read_lots(transactions: Iterable[Transaction]) -> tuple[tuple[Opened, ...], tuple[Closed, ...]]:
    """Read from a ledger what lots it opened and closed, in units and tickers of its end.

    Trades, buy-outs and delistings open and close; amounts are shared as
    `trading.account.match_lots` shares them. The fraction of a unit that a split pays out is not
    counted as a sale.
    """
    opened: list[Opened] = []
    closed: list[Closed] = []
    for each in transactions:
        if each.kind == "split":
            symbol, ratio = _split_of(each)
            opened = [_rescaled(one, symbol, ratio) for one in opened]
            closed = [_rescaled(one, symbol, ratio) for one in closed]
        elif each.kind == "symbol_change":
            old, new = str(each.entries[0].symbol), str(each.entries[-1].symbol)
            opened = [replace(one, symbol=new) if one.symbol == old else one for one in opened]
            closed = [replace(one, symbol=new) if one.symbol == old else one for one in closed]
        elif each.kind in ("trade", "merger", "delisting"):
            fresh, gone = _traded(each)
            opened += fresh
            closed += gone
    return tuple(opened), tuple(closed)


def _traded(said: Transaction) -> tuple[list[Opened], list[Closed]]:
    own = lot_id(said.session, said.sequence)
    moves = [entry for entry in said.entries if entry.lot is not None]
    fresh = [entry for entry in moves if entry.lot == own]
    gone = [entry for entry in moves if entry.lot != own]
    opened = [Opened(str(one.symbol), own, _units(one)) for one in fresh]
    if not gone:
        return opened, []
    # The ledger keeps one gain for all: cost and gain are what they brought together.
    brought = -_sum(said, REALISED) - sum((entry.amount for entry in gone), ZERO)
    sign = -1 if _units(gone[0]) > 0 else 1  # short lots are bought back: money goes out
    amount = sign * brought + sum((abs(entry.amount) for entry in fresh), ZERO)
    weights = [abs(_units(entry)) for entry in (*gone, *fresh)]
    amounts = split_amount(amount, weights)
    fees = split_amount(_sum(said, COMMISSION), weights)
    closed = [
        Closed(
            symbol=str(entry.symbol),
            lot_id=str(entry.lot),
            quantity=-_units(entry),
            day=said.session,
            sequence=said.sequence,
            gain=sign * part - fee + entry.amount,
        )
        for entry, part, fee in zip(gone, amounts, fees, strict=False)
    ]
    return opened, closed


def _split_of(said: Transaction) -> tuple[str, Fraction]:
    """Return the symbol of a split and its ratio, read off the newest lot that is left of it."""
    before = {entry.lot: _units(entry) for entry in said.entries[::-1] if entry.lot is not None}
    for entry in said.entries[::-1]:
        if entry.lot is not None and _units(entry) * before[entry.lot] < 0:
            return str(entry.symbol), abs(Fraction(_units(entry)) / Fraction(before[entry.lot]))
    return str(said.entries[0].symbol), Fraction(1)


_Event = TypeVar("_Event", Opened, Closed)


def _rescaled(event: _Event, symbol: str, ratio: Fraction) -> _Event:
    if event.symbol != symbol:
        return event
    return replace(event, quantity=_decimal(Fraction(event.quantity) * ratio))


def _units(entry: Entry) -> Decimal:
    return entry.quantity or Decimal()


def _sum(said: Transaction, account: str) -> Decimal:
    return sum((entry.amount for entry in said.entries if entry.account == account), ZERO)
