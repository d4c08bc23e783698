"""The account as it would stand once its working orders have filled.

Positions are valued at the last known closes. Orders that fill for certain (plain market orders)
count as filled: cash from working sells may be spent. Whether a resting order fills nobody knows,
so it counts the worse way: what it takes is taken, what it would free is not free yet. Of a group
that cancels one another the largest counts, once; what waits for its parent counts with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from schemas.account import AccountMark
from schemas.base import ZERO
from schemas.errors import InvalidRequest
from schemas.execution import ExecutionModel
from schemas.orders import ENDED, WORKING, Order
from schemas.risk import Halt, RiskLimits
from trading.breakers.watch import Watch
from trading.execution.costs import Charge
from trading.gate.history import EquityHistory, SessionRisk
from trading.gate.value import order_charge, order_units
from trading.orders import OrderIntent

NONE = Decimal(0)
_MINUTE = timedelta(minutes=1)
_SURE = frozenset({"day", "gtc", "at_open"})


@dataclass(frozen=True, slots=True)
class Rules:
    """What does not change within a session: limits, execution, what is tradable."""

    limits: RiskLimits
    execution: ExecutionModel
    tradable: frozenset[str]
    listed: frozenset[str] | None = None
    """What can be bought at the moment; None: all that is tradable."""
    risk: SessionRisk | None = None
    """Past returns and volumes; limits that need them deny what they cannot judge without."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is so at the moment the gate is asked; what is not given is not known."""

    session: date | None = None
    """Which orders count as the session's; None: all that are handed over."""
    now: datetime | None = None
    is_open: bool | None = None
    agent: str | None = None
    halt: Halt | None = None
    breakers: Watch | None = None
    """The state of the account's circuit breakers."""
    equity: EquityHistory | None = None
    ages: Mapping[str, int] | None = None
    """How many sessions old the last closes are; 0: of the last session."""
    suspended: frozenset[str] = frozenset()
    """Symbols whose trading the exchange has halted."""


NOW = Moment()


@dataclass(frozen=True, slots=True)
class Family:
    """What orders have to do with one another."""

    parents: Mapping[str, OrderIntent | None] = field(default_factory=dict[str, OrderIntent | None])
    """Orders by id: to be filled, or None where they have."""
    claimed: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    """Units of a parent that its waiting children close."""
    counted: Mapping[tuple[str, str, str], tuple[Decimal, Decimal]] = field(
        default_factory=dict[tuple[str, str, str], tuple[Decimal, Decimal]]
    )
    """Units and outlay counted of a group, for a symbol and a side."""


_ALONE = Family()


@dataclass(frozen=True, slots=True)
class Book:
    """The account as it would stand had the session's working orders filled at the last closes."""

    rules: Rules
    prices: Mapping[str, Decimal]
    equity: Decimal
    cash: Decimal
    """What is left after all working buys, with what sure sells bring."""
    sellable: Mapping[str, Decimal]
    """Units held and in no working sell."""
    projected: Mapping[str, Decimal]
    """Units held after all working orders."""
    committed: Decimal
    """What the working buys take, costs included."""
    orders: int
    """Orders placed in the session, whatever became of them."""
    recent: int = 0
    """Orders placed within the last minute."""
    held: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    """Units held now; negative: short."""
    waiting_buys: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    """Units of working buys that may not fill."""
    waiting_sells: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    family: Family = _ALONE
    moment: Moment = NOW
    known: dict[str, Any] = field(
        default_factory=dict[str, Any], init=False, compare=False, repr=False
    )
    """What `measures` has computed of this book; a book that replaces it begins anew."""

    def estimate(self, intent: OrderIntent) -> Charge:
        """Return what the order comes to at the last close plus costs; its price must be known.

        A buy that names a price, or follows one, is taken at that price: it may have to pay it.
        """
        return order_charge(intent, self.prices[intent.symbol], self.rules.execution)

    def units(self, intent: OrderIntent) -> Decimal:
        """Return how many units the order may come to, its notional at the last close counted."""
        return order_units(intent, self.prices[intent.symbol])

    def coverable(self, symbol: str) -> Decimal:
        """Return the units that are short and in no working buy."""
        bought = self.projected.get(symbol, NONE) - self.sellable.get(symbol, NONE)
        return -self.held.get(symbol, NONE) - bought

    def reach(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Return the fewest and the most units that may be held once all has filled or not."""
        middle = self.projected.get(symbol, NONE)
        return (
            middle - self.waiting_buys.get(symbol, NONE),
            middle + self.waiting_sells.get(symbol, NONE),
        )

    def fresh(self, intent: OrderIntent) -> Decimal:
        """Return the units that are not counted already for an order of the same group."""
        units = self.units(intent)
        group = intent.terms.oco_group
        if group is None:
            return units
        counted = self.family.counted.get((group, intent.symbol, intent.side), (NONE, ZERO))
        return max(units - counted[0], NONE)

    def fresh_outlay(self, intent: OrderIntent) -> Decimal:
        """Return the cash a buy takes beyond what is counted for an order of the same group."""
        outlay = self.estimate(intent).outlay
        group = intent.terms.oco_group
        if group is None:
            return outlay
        counted = self.family.counted.get((group, intent.symbol, intent.side), (NONE, ZERO))
        return max(outlay - counted[1], ZERO)

    def fresh_of_parent(self, intent: OrderIntent) -> Decimal:
        """Return the units of its parent that no other child of the same group closes already."""
        units = self.units(intent)
        if intent.terms.oco_group is None:
            return units
        return max(units - self.family.counted.get(_child_key(intent), (NONE, ZERO))[0], NONE)

    def waits(self, intent: OrderIntent) -> bool:
        """Say whether the order waits for a parent that has not filled yet."""
        parent = intent.terms.parent_id
        return parent is not None and self.family.parents.get(parent) is not None

    def reduces(self, intent: OrderIntent) -> bool:
        """Say whether the order can do nothing but make a position smaller."""
        if self.waits(intent):
            return True
        if intent.side == "sell":
            return self.fresh(intent) <= max(self.sellable.get(intent.symbol, NONE), NONE)
        return self.fresh(intent) <= max(self.coverable(intent.symbol), NONE)

    def with_order(
        self, intent: OrderIntent, *, order_id: str | None = None, sure: bool = True
    ) -> Book:
        """Return the book once this order works too.

        `order_id` makes it the parent that later orders of a bracket name. `sure` is false for an
        order that may not be at the venue at all.
        """
        family = self.family
        if order_id is not None:
            family = replace(family, parents={**family.parents, order_id: intent})
        one_more = {"orders": self.orders + 1, "recent": self.recent + 1}
        if self.waits(intent):
            units = self.fresh_of_parent(intent)
            return replace(self, family=_claimed(family, intent, units), **one_more)
        units, outlay, proceeds = self.fresh(intent), ZERO, ZERO
        sure = sure and _is_sure(intent)
        if intent.side == "buy":
            outlay = self.fresh_outlay(intent)
        elif sure:
            proceeds = self.estimate(intent).proceeds
        if intent.terms.oco_group is not None:
            family = _counted(family, intent, units, outlay=outlay)
        symbol, selling = intent.symbol, intent.side == "sell"
        change = -units if selling else units
        waiting_sells, waiting_buys = self.waiting_sells, self.waiting_buys
        if not sure and selling:
            waiting_sells = _plus(waiting_sells, symbol, units)
        elif not sure:
            waiting_buys = _plus(waiting_buys, symbol, units)
        return replace(
            self,
            cash=self.cash - outlay + proceeds,
            committed=self.committed + outlay,
            sellable=_plus(self.sellable, symbol, change) if selling else self.sellable,
            projected=_plus(self.projected, symbol, change),
            waiting_sells=waiting_sells,
            waiting_buys=waiting_buys,
            family=family,
            **one_more,
        )

    def with_denial(self) -> Book:
        """Return the book once an order was denied: it counts as one of the session."""
        return replace(self, orders=self.orders + 1, recent=self.recent + 1)


def open_book(
    account: AccountMark,
    orders: Iterable[Order],
    *,
    prices: Mapping[str, Decimal],
    rules: Rules,
    moment: Moment = NOW,
) -> Book:
    """Build the book of an account, the session's orders so far and older ones that still work.

    `prices` are last closes: of the symbols to be asked about and of every working order;
    `InvalidRequest` names one that is missing. Orders that have ended count as placed, and a
    filled one as a parent; an unresolved one counts as if it worked.
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
        orders=0,
        held=held,
        moment=moment,
    )
    if not placed:
        return book
    filled = {
        order.client_order_id: None
        for order in placed
        if order.status in ENDED and order.filled_quantity
    }
    book = replace(book, family=Family(parents=filled))
    for order in placed:
        if order.status not in ENDED:
            book = _with_working(book, order)
    return replace(book, orders=_of_session(placed, moment), recent=_of_minute(placed, moment))


def _with_working(book: Book, order: Order) -> Book:
    if order.symbol not in book.prices:
        raise InvalidRequest(f"no last close of {order.symbol} is given, and an order in it works")
    terms = order.terms
    if terms.notional is not None and order.filled_quantity:
        # What is left of the money cannot be told from units; units are counted instead.
        terms = terms.model_copy(update={"notional": None})
    rest = OrderIntent(order.symbol, order.side, order.remaining, terms)
    return book.with_order(rest, order_id=order.client_order_id, sure=order.status in WORKING)


def _of_session(orders: tuple[Order, ...], moment: Moment) -> int:
    if moment.session is None:
        return len(orders)
    return sum(order.session == moment.session for order in orders)


def _of_minute(orders: tuple[Order, ...], moment: Moment) -> int:
    if moment.now is None:
        return len(orders)
    since = moment.now - _MINUTE
    return sum(order.placed_as_of > since for order in orders)


def _is_sure(intent: OrderIntent) -> bool:
    terms = intent.terms
    return (
        terms.order_type == "market"
        and terms.time_in_force in _SURE
        and terms.oco_group is None
        and terms.parent_id is None
    )


def _plus(units: Mapping[str, Decimal], symbol: str, change: Decimal) -> dict[str, Decimal]:
    return {**units, symbol: units.get(symbol, NONE) + change}


def _counted(family: Family, intent: OrderIntent, units: Decimal, *, outlay: Decimal) -> Family:
    key = (intent.terms.oco_group or "", intent.symbol, intent.side)
    before = family.counted.get(key, (NONE, ZERO))
    total = (before[0] + units, before[1] + outlay)
    return replace(family, counted={**family.counted, key: total})


def _claimed(family: Family, intent: OrderIntent, units: Decimal) -> Family:
    counted = family.counted
    if intent.terms.oco_group is not None:
        key = _child_key(intent)
        before = counted.get(key, (NONE, ZERO))[0]
        counted = {**counted, key: (before + units, ZERO)}
    parent = intent.terms.parent_id or ""
    claimed = {**family.claimed, parent: family.claimed.get(parent, NONE) + units}
    return replace(family, counted=counted, claimed=claimed)


def _child_key(intent: OrderIntent) -> tuple[str, str, str]:
    # Apart from the group's own key: what waits takes no units and no cash yet.
    terms = intent.terms
    return f"{terms.parent_id}/{terms.oco_group}", intent.symbol, intent.side
