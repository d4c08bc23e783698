"""Which lots a sale should close so that it costs the least tax, and an estimate of that tax.

Gains are taxed at the rate of their term, losses count at the same rate as if they offset gains of
their kind elsewhere, and a loss that a wash sale disallows counts for nothing. Commissions, the
netting of terms and losses carried over are left out: it is an estimate.

Source: IRC sections 1222 (terms) and 1091 (wash sales, marked by `trading.wash_sales`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from schemas.base import ZERO, to_cents
from schemas.errors import InvalidRequest
from schemas.orders import Terms
from trading.account import Holding
from trading.holding_periods import held_over_a_year
from trading.lots import Lot, Part, pick_lots
from trading.orders import OrderIntent
from trading.wash_sales import WINDOW, Closed, Opened, mark_wash_sales

MOST_NAMED = 100
"""An order names no more lots; what is beyond them is closed by the account's own method."""

LotOrder = Literal["losses_first", "least_tax"]
"""`losses_first`: losses, then long-term, then short-term gains, each by cost a unit, the highest
first. `least_tax`: by the tax of a unit at the given rates. In both a loss that would be a wash
sale goes last."""


@dataclass(frozen=True, slots=True)
class TaxRates:
    """What is paid on a gain, as decimals (0.35 is 35 %)."""

    short_term: Decimal
    long_term: Decimal

    def __post_init__(self) -> None:
        """Refuse what is no rate."""
        if not all(0 <= rate <= 1 for rate in (self.short_term, self.long_term)):
            raise InvalidRequest("tax rates lie between 0 and 1")


DEFAULT_RATES = TaxRates(short_term=Decimal("0.24"), long_term=Decimal("0.15"))
"""US federal, of somebody in the 24 % bracket; states and the net investment income tax left out.

Sources: IRC section 1(j)(2) for short-term gains, 1(h) for long-term ones."""


@dataclass(frozen=True, slots=True)
class LotSale:
    """Units of one lot sold, before commission."""

    lot_id: str
    quantity: Decimal
    gain: Decimal
    long_term: bool
    disallowed: Decimal
    """The part of a loss that a wash sale puts off; zero or above."""
    tax: Decimal
    """Not rounded; negative where a loss saves tax."""


@dataclass(frozen=True, slots=True)
class LotChoice:
    """The lots to close, in their order, and what that comes to."""

    lots: tuple[str, ...]
    sales: tuple[LotSale, ...]
    gain: Decimal
    tax: Decimal
    """Rounded once, to the cent; negative where losses save tax."""


@dataclass(frozen=True, slots=True)
class Sale:
    """Units to be sold, the price they are expected to bring, and when."""

    quantity: Decimal
    price: Decimal
    session: date


def choose_lots(
    lots: Sequence[Lot], sale: Sale, *, rates: TaxRates, order: LotOrder = "losses_first"
) -> LotChoice:
    """Choose the lots that a sale should close.

    `lots` are the long lots of one symbol. A loss is a wash sale where another lot, bought within
    30 days, is still held when the sale is over; a purchase in the 30 days to come is not foreseen.
    """
    held = {lot.lot_id: lot for lot in lots if lot.quantity > 0}

    def turn(lot: Lot) -> tuple[object, ...]:
        gain, long_term = sale.price - _unit_cost(lot), held_over_a_year(lot.opened, sale.session)
        washed = gain < 0 and _replaced(lot, held.values(), sale.session)
        if order == "least_tax":
            rank = gain * (rates.long_term if long_term else rates.short_term)
        else:
            rank = Decimal(0 if gain < 0 else 1 if long_term else 2)
        return washed, rank, -_unit_cost(lot), lot.opened, lot.lot_id

    names = [lot.lot_id for lot in sorted(held.values(), key=turn)]
    oldest = sorted(held.values(), key=lambda lot: (lot.opened, lot.lot_id))
    parts = pick_lots(oldest, sale.quantity, method="specific", chosen=names)
    return _choice(parts, held.values(), sale, rates)


@dataclass(frozen=True, slots=True)
class TaxLots:
    """Names the lots of every sale; `holdings` are the account's, with their lots."""

    rates: TaxRates
    holdings: Mapping[str, Holding]
    session: date
    order: LotOrder = "losses_first"

    def choice(self, intent: OrderIntent, price: Decimal) -> LotChoice:
        """Return the lots a sale should close."""
        holding = self.holdings.get(intent.symbol, Holding())
        sale = Sale(intent.quantity, price, self.session)
        return choose_lots(holding.lots, sale, rates=self.rates, order=self.order)

    def named(self, intent: OrderIntent, price: Decimal) -> OrderIntent:
        """Return the sale with its lots named; as it is where there is nothing to choose from."""
        holding = self.holdings.get(intent.symbol, Holding())
        if len(holding.lots) < 2 or intent.quantity >= holding.quantity:
            return intent
        lots = self.choice(intent, price).lots[:MOST_NAMED]
        return replace(intent, terms=Terms(lots=lots))


def _choice(parts: Sequence[Part], held: Iterable[Lot], sale: Sale, rates: TaxRates) -> LotChoice:
    gains = {part.lot.lot_id: to_cents(part.quantity * sale.price) - part.cost for part in parts}
    disallowed = _disallowed(parts, gains, held, session=sale.session)
    sales: list[LotSale] = []
    for part in parts:
        name = part.lot.lot_id
        long_term = held_over_a_year(part.lot.opened, sale.session)
        counted = gains[name] + disallowed[name]
        tax = counted * (rates.long_term if long_term else rates.short_term)
        sales.append(LotSale(name, part.quantity, gains[name], long_term, disallowed[name], tax))
    return LotChoice(
        lots=tuple(each.lot_id for each in sales),
        sales=tuple(sales),
        gain=sum((each.gain for each in sales), ZERO),
        tax=to_cents(sum((each.tax for each in sales), ZERO)),
    )


def _disallowed(
    parts: Sequence[Part], gains: Mapping[str, Decimal], held: Iterable[Lot], *, session: date
) -> dict[str, Decimal]:
    """Return the loss of each lot that is put off, by the account's present lots alone."""
    symbol = "SOLD"  # one symbol is asked about; its name does not matter
    opened = [Opened(symbol, lot.lot_id, lot.quantity) for lot in held]
    closed = [
        Closed(symbol, part.lot.lot_id, part.quantity, session, 0, gains[part.lot.lot_id])
        for part in parts
    ]
    found = {part.lot.lot_id: ZERO for part in parts}
    for sale in mark_wash_sales(opened, closed).wash_sales:
        found[sale.sold_lot] += sale.disallowed
    return found


def _unit_cost(lot: Lot) -> Decimal:
    return lot.cost / lot.quantity


def _replaced(lot: Lot, held: Iterable[Lot], session: date) -> bool:
    """Tell whether another lot was bought so near to the sale that it may replace this one."""
    return any(other.lot_id != lot.lot_id and session - other.opened <= WINDOW for other in held)
