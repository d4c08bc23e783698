"""From target weights to the orders that bring the account there.

Everything is valued at the last known closes. Buys are kept small enough that, costs included,
they still fit the cash if prices rise by `PRICE_ALLOWANCE` before the fill: all of them are scaled
by one factor when they do not. So buys are normally not cut when they settle, and an account that
is to be fully invested keeps about that share of the first purchase in cash until the next time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from schemas.base import ZERO, to_cents
from trading.costs import whole
from trading.gate import Book
from trading.orders import OrderIntent

PRICE_ALLOWANCE = Decimal("0.015")
MIN_ORDER = Decimal("1.00")
MIN_ORDER_SHARE = Decimal("0.0005")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A symbol that gets no order, and why."""

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Sells by symbol, then buys by symbol; and what was left out."""

    intents: tuple[OrderIntent, ...]
    skipped: tuple[Skipped, ...]


def rebalance(
    targets: Mapping[str, Decimal], book: Book, *, min_order: Decimal = MIN_ORDER
) -> Plan:
    """Return the orders that bring the book to the target weights of its equity.

    What is held and not named is sold. A change below `min_order` money, or below
    `MIN_ORDER_SHARE` of equity, is left alone without a word, but a position is always closed
    whole. A symbol without a price is skipped.
    """
    smallest = max(min_order, to_cents(book.equity * MIN_ORDER_SHARE))
    sells: list[OrderIntent] = []
    wanted: dict[str, Decimal] = {}
    skipped: list[Skipped] = []
    held = {symbol for symbol, quantity in book.projected.items() if quantity > 0}
    for symbol in sorted(held | {symbol for symbol, weight in targets.items() if weight}):
        price = book.prices.get(symbol)
        if price is None:
            skipped.append(Skipped(symbol, "no price yet"))
            continue
        target = targets.get(symbol, ZERO)
        change = target * book.equity - book.projected.get(symbol, ZERO) * price
        if not target:
            sells.append(OrderIntent(symbol, "sell", book.sellable.get(symbol, Decimal())))
        elif change >= smallest:
            wanted[symbol] = change
        elif change <= -smallest:
            sells.append(_sell(symbol, book, money=-change))
    sells = [intent for intent in sells if intent.quantity > 0]
    buys, small = _buys(wanted, book, sells=sells, smallest=smallest)
    return Plan((*sells, *buys), tuple(sorted((*skipped, *small), key=lambda one: one.symbol)))


def _sell(symbol: str, book: Book, *, money: Decimal) -> OrderIntent:
    quantity = whole(money / book.prices[symbol], book.rules.execution)
    return OrderIntent(symbol, "sell", min(quantity, book.sellable.get(symbol, Decimal())))


def _buys(
    wanted: Mapping[str, Decimal], book: Book, *, sells: list[OrderIntent], smallest: Decimal
) -> tuple[list[OrderIntent], list[Skipped]]:
    execution = book.rules.execution
    for intent in sells:
        book = book.with_order(intent)
    full = [
        OrderIntent(symbol, "buy", whole(money / book.prices[symbol], execution))
        for symbol, money in wanted.items()
    ]
    outlay = sum((book.estimate(intent).outlay for intent in full), ZERO)
    needed = outlay * (1 + PRICE_ALLOWANCE)
    # The room that earlier buys of the session were given stays theirs.
    room = max(book.cash - book.committed * PRICE_ALLOWANCE, ZERO)
    factor = room / needed if needed > room else Decimal(1)
    buys: list[OrderIntent] = []
    skipped: list[Skipped] = []
    for intent in full:
        quantity = whole(intent.quantity * factor, execution)
        if quantity * book.prices[intent.symbol] >= smallest:
            buys.append(OrderIntent(intent.symbol, "buy", quantity))
        else:
            skipped.append(Skipped(intent.symbol, "what the cash buys is too small an order"))
    return buys, skipped
