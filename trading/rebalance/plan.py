"""From target weights to the orders that bring the account there.

Everything is valued at the last known closes. Buys are kept small enough that, costs included,
they still fit the cash if prices rise by `PRICE_ALLOWANCE` before the fill: all of them are scaled
by one factor when they do not. So buys are normally not cut when they settle, and an account that
is to be fully invested keeps about that share of the first purchase in cash until the next time.
The cash reserve of the limits is left alone, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from schemas.base import MILLIONTH, ZERO, plain, to_cents
from trading.execution.costs import whole
from trading.gate import Book
from trading.orders import OrderIntent
from trading.rebalance.policies import TO_TARGET, Drift, Leave, Policy
from trading.rebalance.tax_lots import TaxLots

PRICE_ALLOWANCE = Decimal("0.015")
MIN_ORDER = Decimal("1.00")
MIN_ORDER_SHARE = Decimal("0.0005")
_NOTHING_TO_SELL = "what is held is in working orders already, or is less than what can be traded"


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
    """Wanted, but it could not be: no price, or what the cash buys is too small an order."""
    left_alone: tuple[Skipped, ...] = ()
    """As it should be: at its target, too small a change, or held back by the policy."""


def rebalance(
    targets: Mapping[str, Decimal],
    book: Book,
    *,
    min_order: Decimal = MIN_ORDER,
    policy: Policy = TO_TARGET,
    tax_lots: TaxLots | None = None,
) -> Plan:
    """Return the orders that bring the book to the target weights of its equity.

    What is held and not named is closed; it never waits for a band. A change below `min_order`
    money, or below `MIN_ORDER_SHARE` of equity, is left alone, but a position is always closed
    whole. A symbol without a price is skipped. With `tax_lots` sales name the lots they close.
    """
    smallest = max(min_order, to_cents(book.equity * MIN_ORDER_SHARE))
    sells: list[OrderIntent] = []
    buys: list[OrderIntent] = []
    skipped: list[Skipped] = []
    left: list[Skipped] = []
    held = {symbol for symbol, quantity in book.projected.items() if quantity}
    for symbol in sorted(held | {symbol for symbol, weight in targets.items() if weight}):
        if symbol not in book.prices:
            skipped.append(Skipped(symbol, "no price yet"))
            continue
        found = _wanted(symbol, targets.get(symbol, ZERO), book, policy=policy, smallest=smallest)
        if isinstance(found, Leave):
            left.append(Skipped(symbol, found.reason))
        elif found.side == "sell":
            sells.append(found if tax_lots is None else tax_lots.named(found, book.prices[symbol]))
        else:
            buys.append(found)
    fitting, small = _fitted(buys, book, sells=sells, smallest=smallest)
    skipped.extend(small)
    by_symbol = sorted(skipped, key=lambda one: one.symbol)
    return Plan((*sells, *fitting), tuple(by_symbol), tuple(left))


def _wanted(
    symbol: str, target: Decimal, book: Book, *, policy: Policy, smallest: Decimal
) -> OrderIntent | Leave:
    units, price = book.projected.get(symbol, Decimal()), book.prices[symbol]
    value = units * price
    if target and book.equity <= 0:
        return Leave("the account is worth nothing, so no weight can be bought")
    weight = value / book.equity if book.equity > 0 else Decimal(1)
    gap = abs(target * book.equity - value)
    aim = policy.aim(Drift(symbol, weight, target, _round_trip(symbol, gap, book)))
    if isinstance(aim, Leave):
        return aim
    if not aim:
        return _closed(symbol, units, book)
    change = aim * book.equity - value
    if abs(change) < smallest:
        said = f"a change of {plain(to_cents(abs(change)))} is below the smallest, {smallest}"
        return Leave(said if to_cents(change) else "it is at its target")
    quantity = whole(abs(change) / price, book.rules.execution)
    if change > 0:
        return OrderIntent(symbol, "buy", quantity)
    if aim > 0 or not book.rules.limits.allow_short:
        quantity = min(quantity, book.sellable.get(symbol, Decimal()))
    return OrderIntent(symbol, "sell", quantity) if quantity > 0 else Leave(_NOTHING_TO_SELL)


def _closed(symbol: str, units: Decimal, book: Book) -> OrderIntent | Leave:
    """Return the order that closes the position whole, as far as no working order does already."""
    if units < 0:
        short = min(-units, book.coverable(symbol))
        return OrderIntent(symbol, "buy", short) if short > 0 else Leave(_NOTHING_TO_SELL)
    rest = book.sellable.get(symbol, Decimal())
    return OrderIntent(symbol, "sell", rest) if rest > 0 else Leave(_NOTHING_TO_SELL)


def _round_trip(symbol: str, money: Decimal, book: Book) -> Decimal:
    """Return what buying and selling units for so much money costs, as a share of the money."""
    execution = book.rules.execution
    least = MILLIONTH if execution.fractional else Decimal(1)
    quantity = max(whole(money / book.prices[symbol], execution), least)
    bought = book.estimate(OrderIntent(symbol, "buy", quantity)).outlay
    sold = book.estimate(OrderIntent(symbol, "sell", quantity)).proceeds
    return min(max(1 - sold / bought, Decimal()), Decimal(1)) if bought else Decimal()


def _fitted(
    wanted: Sequence[OrderIntent], book: Book, *, sells: Sequence[OrderIntent], smallest: Decimal
) -> tuple[list[OrderIntent], list[Skipped]]:
    """Scale the buys to what the cash buys once the sells have worked."""
    for intent in sells:
        book = book.with_order(intent)
    outlay = sum((book.estimate(intent).outlay for intent in wanted), ZERO)
    needed = outlay * (1 + PRICE_ALLOWANCE)
    # The room that earlier buys of the session were given stays theirs.
    reserve = max(book.equity, ZERO) * book.rules.limits.min_cash_share
    room = max(book.cash - book.committed * PRICE_ALLOWANCE - reserve, ZERO)
    factor = room / needed if needed > room else Decimal(1)
    buys: list[OrderIntent] = []
    skipped: list[Skipped] = []
    for intent in wanted:
        quantity = intent.quantity
        if factor < 1:
            quantity = whole(quantity * factor, book.rules.execution)
        large = quantity * book.prices[intent.symbol] >= smallest
        if quantity > 0 and (large or book.reduces(intent)):
            buys.append(replace(intent, quantity=quantity))
        else:
            skipped.append(Skipped(intent.symbol, "what the cash buys is too small an order"))
    return buys, skipped
