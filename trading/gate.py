"""The risk gate: every order intent passes here first, or is denied with the limit it breaks.

All values are taken at the last known closes; the price of the session is not known yet. Working
orders of the session count as if they filled there: cash from working sells may be spent, units in
working sells may not be sold again. Because the session's price will differ, a buy may exceed the
cash so counted by `CASH_ALLOWANCE`; settling cuts it to what the cash buys, so there is never a
debt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from schemas.account import AccountMark
from schemas.base import ZERO, plain, to_cents
from schemas.execution import ExecutionModel
from schemas.orders import Order
from schemas.risk import RiskLimits
from trading.costs import Charge, charge, fill_price
from trading.orders import OrderIntent

CASH_ALLOWANCE = Decimal("0.01")
MAX_QUANTITY = Decimal(1_000_000_000)

LimitName = Literal[
    "halted",
    "quantity",
    "symbol",
    "max_orders_per_session",
    "allow_short",
    "allow_leverage",
    "max_order_share",
    "max_position_share",
]


@dataclass(frozen=True, slots=True)
class Denial:
    """Why an intent may not become a working order."""

    limit: LimitName
    message: str
    excess: Decimal | None = None
    """By how much: units for a quantity, a holding or a count of orders, money otherwise."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What does not change within a session: limits, execution, what is tradable."""

    limits: RiskLimits
    execution: ExecutionModel
    tradable: frozenset[str]
    listed: frozenset[str] | None = None
    """What can be bought at the moment; None: all that is tradable."""


@dataclass(frozen=True, slots=True)
class Book:
    """The account as it would stand had the session's working orders filled at the last closes."""

    rules: Rules
    prices: Mapping[str, Decimal]
    equity: Decimal
    cash: Decimal
    sellable: Mapping[str, Decimal]
    """Units held and in no working sell."""
    projected: Mapping[str, Decimal]
    """Units held after all working orders."""
    committed: Decimal
    """What the working buys take, costs included."""
    orders: int
    """Orders placed in the session, whatever became of them."""

    def estimate(self, intent: OrderIntent) -> Charge:
        """Return what the order comes to at the last close plus costs; its price must be known."""
        execution = self.rules.execution
        price = fill_price(self.prices[intent.symbol], intent.side, execution)
        return charge(intent.quantity, price, execution)

    def with_order(self, intent: OrderIntent) -> Book:
        """Return the book once this order works too."""
        symbol, quantity = intent.symbol, intent.quantity
        cost = self.estimate(intent)
        projected = self.projected.get(symbol, Decimal())
        if intent.side == "buy":
            return replace(
                self,
                cash=self.cash - cost.outlay,
                committed=self.committed + cost.outlay,
                projected={**self.projected, symbol: projected + quantity},
                orders=self.orders + 1,
            )
        sellable = self.sellable.get(symbol, Decimal())
        return replace(
            self,
            cash=self.cash + cost.proceeds,
            sellable={**self.sellable, symbol: sellable - quantity},
            projected={**self.projected, symbol: projected - quantity},
            orders=self.orders + 1,
        )


def open_book(
    account: AccountMark, orders: Iterable[Order], *, prices: Mapping[str, Decimal], rules: Rules
) -> Book:
    """Build the book of an account and the session's orders so far.

    `prices` are last closes: of the symbols to be asked about and of every working order.
    """
    placed = tuple(orders)
    held = {position.symbol: position.quantity for position in account.positions}
    book = Book(
        rules=rules,
        prices={**{position.symbol: position.price for position in account.positions}, **prices},
        equity=account.equity,
        cash=account.cash,
        sellable=held,
        projected=held,
        committed=ZERO,
        orders=sum(order.status != "accepted" for order in placed),
    )
    for order in placed:
        if order.status == "accepted":
            book = book.with_order(OrderIntent(order.symbol, order.side, order.quantity))
    return book


def check(intent: OrderIntent, book: Book) -> Denial | None:
    """Return the first limit the intent breaks, or None when it may work."""
    for rule in (_halted, _quantity, _symbol, _count, _holding, _cash, _order_share, _position):
        if denial := rule(intent, book):
            return denial
    return None


def _halted(_: OrderIntent, book: Book) -> Denial | None:
    if book.rules.limits.halted:
        return Denial("halted", "trading is halted by the kill switch; no order is accepted")
    return None


def _quantity(intent: OrderIntent, book: Book) -> Denial | None:
    quantity = intent.quantity
    if not quantity.is_finite():
        return Denial("quantity", "the quantity must be a finite number")
    if quantity <= 0:
        return Denial("quantity", "the quantity must be above zero", -quantity)
    if quantity > MAX_QUANTITY:
        return Denial(
            "quantity", f"the quantity must not exceed {MAX_QUANTITY}", quantity - MAX_QUANTITY
        )
    held_in_full = intent.side == "sell" and quantity == book.sellable.get(intent.symbol)
    if not book.rules.execution.fractional and quantity % 1 and not held_in_full:
        return Denial("quantity", "only whole units are traded here", quantity % 1)
    return None


def _symbol(intent: OrderIntent, book: Book) -> Denial | None:
    # One sentence for both: that a symbol will have a price one day is news from the future.
    rules, symbol = book.rules, intent.symbol
    if symbol not in rules.tradable or symbol not in book.prices:
        return Denial("symbol", f"{symbol} is no tradable symbol with a known price")
    if intent.side == "buy" and rules.listed is not None and symbol not in rules.listed:
        return Denial("symbol", f"{symbol} can be sold but not bought: it is not listed now")
    return None


def _count(_: OrderIntent, book: Book) -> Denial | None:
    limit = book.rules.limits.max_orders_per_session
    if book.orders < limit:
        return None
    message = f"the session has had {book.orders} orders; max_orders_per_session is {limit}"
    return Denial("max_orders_per_session", message, Decimal(book.orders + 1 - limit))


def _holding(intent: OrderIntent, book: Book) -> Denial | None:
    if intent.side == "buy":
        return None
    sellable = book.sellable.get(intent.symbol, Decimal())
    excess = intent.quantity - sellable
    if excess <= 0:
        return None
    message = (
        f"selling {plain(intent.quantity)} {intent.symbol} exceeds the {plain(sellable)} held and "
        f"not in working sells by {plain(excess)}; there is no short selling"
    )
    return Denial("allow_short", message, excess)


def _cash(intent: OrderIntent, book: Book) -> Denial | None:
    if intent.side == "sell":
        return None
    cost = book.estimate(intent)
    if not cost.amount:
        return Denial("quantity", "the order is worth less than a cent at the last close")
    excess = cost.outlay - book.cash
    if cost.outlay <= book.cash * (1 + CASH_ALLOWANCE):
        return None
    message = (
        f"at the last close the order takes {plain(cost.outlay)} with costs; the cash, working "
        f"orders counted, is {plain(book.cash)}: {plain(excess)} short; there is no leverage"
    )
    return Denial("allow_leverage", message, excess)


def _order_share(intent: OrderIntent, book: Book) -> Denial | None:
    limit = book.rules.limits.max_order_share
    notional = intent.quantity * book.prices[intent.symbol]
    return _above(notional, limit, book=book, limit_name="max_order_share", what="the order")


def _position(intent: OrderIntent, book: Book) -> Denial | None:
    if intent.side == "sell":
        return None
    limit = book.rules.limits.max_position_share
    units = book.projected.get(intent.symbol, Decimal()) + intent.quantity
    notional = units * book.prices[intent.symbol]
    what = f"the position in {intent.symbol}"
    return _above(notional, limit, book=book, limit_name="max_position_share", what=what)


def _above(
    notional: Decimal, limit: Decimal, *, book: Book, limit_name: LimitName, what: str
) -> Denial | None:
    most = max(book.equity, ZERO) * limit
    if notional <= most:
        return None
    message = (
        f"{what} would be worth {plain(to_cents(notional))} at the last close; {limit_name} of "
        f"{plain(limit)} allows {plain(to_cents(most))} of an equity of {plain(book.equity)}"
    )
    return Denial(limit_name, message, to_cents(notional - most))
