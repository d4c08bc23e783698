"""The account as it would stand once its working orders have filled.

Positions are valued at the last known closes. Orders that fill for certain (plain market orders)
count as filled: cash from working sells may be spent. Whether a resting order fills nobody knows,
so it counts the worse way: what it takes is taken, what it would free is not free yet; so does
every buy where there are shorts, and what is left of an older session's orders. Of a group that
cancels one another the largest counts, once. A child that waits for its parent may turn back what
the parent does, so what the parent frees is not free; and a buy takes its cash, unless it merely
closes what its parent opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from schemas.account import AccountMark
from schemas.base import ZERO, to_cents
from schemas.errors import InvalidRequest
from schemas.execution import ExecutionModel
from schemas.orders import ENDED, WORKING, Order
from schemas.risk import Halt, RiskLimits
from trading.breakers.watch import Watch
from trading.execution.costs import Charge
from trading.gate.family import Entry, Family
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
    waiting_children: Mapping[tuple[str, str], Decimal] = field(
        default_factory=dict[tuple[str, str], Decimal]
    )
    """Units of orders that wait for their parents, by symbol and side."""
    sure_sells: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    """Units of working sells that count as filled."""
    proceeds: Decimal = ZERO
    """What these bring; a part of the cash."""
    sold: bool = True
    """False: none counts as filled; what there is once they have was looked at before."""
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
        return max(self.units(intent) - self.family.known(intent)[0], NONE)

    def fresh_outlay(self, intent: OrderIntent) -> Decimal:
        """Return the cash a buy takes beyond what is counted for an order of the same group."""
        return max(self.estimate(intent).outlay - self.family.known(intent)[1], ZERO)

    def waits(self, intent: OrderIntent) -> bool:
        """Say whether the order waits for a parent that has not filled yet."""
        return self.family.parent(intent) is not None

    def reduces(self, intent: OrderIntent) -> bool:
        """Say whether the order can do nothing but make a position smaller.

        One that waits makes smaller what its parent opens, and nothing else.
        """
        parent = self.family.parent(intent)
        if parent is not None:
            return self.family.claims(intent) + self.fresh(intent) <= parent.opens
        room = self.coverable(intent.symbol)
        if intent.side == "sell":
            room = self.sellable.get(intent.symbol, NONE)
        # Of a group each on its own: another one that is larger need not be the one that fills.
        return self.units(intent) <= max(room + self.family.known(intent)[0], NONE)

    def with_order(
        self, intent: OrderIntent, *, order_id: str | None = None, sure: bool = True
    ) -> Book:
        """Return the book once this order works too.

        `order_id` makes it the parent that later orders of a bracket name. `sure` is false for an
        order that may not be at the venue at all, or has failed to fill before.
        """
        # What a cover would free is not free either: sales come before it.
        shorts = self.rules.limits.allow_short or self.held.get(intent.symbol, NONE) < 0
        sure = sure and not (intent.side == "buy" and shorts)
        return self._with(intent, order_id=order_id, sure=sure)

    def filled(self, intent: OrderIntent) -> Book:
        """Return the book once this order works, and has filled if it does so for certain."""
        return self._with(intent)

    def _with(self, intent: OrderIntent, *, order_id: str | None = None, sure: bool = True) -> Book:
        parent = self.family.parent(intent)
        sure = sure and parent is None and _is_sure(intent)
        changes = (
            self._working(intent, sure=sure) if parent is None else self._waiting(intent, parent)
        )
        family = changes.pop("family", self.family)
        if order_id is not None:
            family = family.with_parent(order_id, Entry(intent, self._opens(intent), sure))
        one_more = {"orders": self.orders + 1, "recent": self.recent + 1}
        return replace(self, family=family, **changes, **one_more)

    def unsold(self, intent: OrderIntent) -> Book:
        """Return the book as if no sale were sure to fill, but for the one that the order awaits.

        For the question whether an order is within the limits whatever becomes of the sales.
        """
        waiting = dict(self.waiting_sells)
        for symbol, units in self.sure_sells.items():
            waiting[symbol] = waiting.get(symbol, NONE) + units
        kept, parent = ZERO, self.family.parent(intent)
        if parent is not None and parent.sure and parent.intent.side == "sell":
            kept = self._brought(parent, self.fresh(intent))
        return replace(
            self,
            cash=self.cash - max(self.proceeds - kept, ZERO),
            waiting_sells=waiting,
            sure_sells={},
            proceeds=ZERO,
            sold=False,
            family=self.family.unsold(),
        )

    def _working(self, intent: OrderIntent, *, sure: bool) -> dict[str, Any]:
        """Return what changes with an order that may fill at any time."""
        units, symbol = self.fresh(intent), intent.symbol
        if intent.side == "sell":
            changes: dict[str, Any] = {
                "projected": _plus(self.projected, symbol, -units),
                "sellable": _plus(self.sellable, symbol, -units),
            }
            outlay = ZERO
            if sure:
                brought = self.estimate(intent).proceeds
                changes |= {
                    "cash": self.cash + brought,
                    "proceeds": self.proceeds + brought,
                    "sure_sells": _plus(self.sure_sells, symbol, units),
                }
            else:
                changes["waiting_sells"] = _plus(self.waiting_sells, symbol, units)
        else:
            outlay = self.fresh_outlay(intent)
            changes = {
                "projected": _plus(self.projected, symbol, units),
                "cash": self.cash - outlay,
                "committed": self.committed + outlay,
            }
            if not sure:
                changes["waiting_buys"] = _plus(self.waiting_buys, symbol, units)
        if intent.terms.oco_group is not None:
            changes["family"] = self.family.with_units(intent, units, outlay)
        return changes

    def _waiting(self, intent: OrderIntent, parent: Entry) -> dict[str, Any]:
        """Return what changes with a child: what its parent does may be turned back.

        With one that rests that is so already: it may not fill. Of one that has filled in part the
        child may turn back more than is still to be filled.
        """
        symbol, units, claimed = intent.symbol, self.fresh(intent), self.family.claims(intent)
        left = max(self.units(parent.intent) - claimed, NONE)
        within = min(units, left)
        back = units if parent.sure else units - within
        key, outlay = (symbol, intent.side), ZERO
        cash, proceeds, committed = self.cash, self.proceeds, self.committed
        changes: dict[str, Any] = {}
        merely = self.reduces(intent)
        if parent.intent.side == "sell":
            changes["waiting_sells"] = _plus(self.waiting_sells, symbol, back)
            if parent.sure:
                brought = self._brought(parent, within)
                proceeds = max(proceeds - brought, ZERO)
                cash -= brought if merely else ZERO
                changes["sure_sells"] = _plus(self.sure_sells, symbol, -within)
            if not merely:
                outlay = self.fresh_outlay(intent)
        else:
            changes["waiting_buys"] = _plus(self.waiting_buys, symbol, back)
        children = {
            **self.waiting_children,
            key: self.waiting_children.get(key, NONE) + units,
        }
        return {
            **changes,
            "cash": cash - outlay,
            "committed": committed + outlay,
            "proceeds": proceeds,
            "waiting_children": children,
            "family": self.family.with_units(intent, units, outlay),
        }

    def _brought(self, parent: Entry, units: Decimal) -> Decimal:
        """Return what so many units of a sale bring."""
        share = min(units / self.units(parent.intent), Decimal(1))
        return to_cents(self.estimate(parent.intent).proceeds * share)

    def _opens(self, intent: OrderIntent) -> Decimal:
        """Return the units beyond what the order closes, or turns back of what its parent opens."""
        units = self.units(intent)
        parent = self.family.parent(intent)
        if parent is not None:
            room = parent.opens - self.family.claims(intent)
        elif intent.side == "sell":
            room = self.sellable.get(intent.symbol, NONE)
        else:
            room = self.coverable(intent.symbol)
        return max(units - max(room + self.family.known(intent)[0], NONE), NONE)

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
    filled: dict[str, Entry | None] = {
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
    session = book.moment.session
    # What is left over from another session has shown that it may not fill.
    sure = order.status in WORKING and session in (None, order.session)
    return book.with_order(rest, order_id=order.client_order_id, sure=sure)


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
