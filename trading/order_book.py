"""The orders of a run as the venue keeps them: those that work or wait, their ties, and the past.

A bracket's child waits as `intent` until its parent has filled, whole or as far as it ever will,
and is cancelled when the parent ends without a fill; of an `oco_group` the first fill cancels the
others. A buy `after_sells` is cancelled with the first sell before it that ends short. The book
knows no price and no account; it is rebuilt from ticks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from schemas.base import plain
from schemas.errors import Conflict, NotFound, UntrustworthyData
from schemas.execution import FillConvention
from schemas.facts import CorporateAction
from schemas.orders import ENDED, WORKING, Cause, Fill, Order, OrderStatus, Transition
from schemas.tick import Tick
from trading.execution.commissions import UNTRADED, Traded
from trading.execution.latency import Presence
from trading.order_actions import restate
from trading.order_pages import OrderPages
from trading.order_states import content, move
from trading.order_ties import exit_units, exits, is_resized, makes_room, why_unsold


@dataclass(frozen=True, slots=True)
class Standing:
    """An order with what it has done so far."""

    order: Order
    traded: Traded = UNTRADED
    since: date | None = None
    """The session it works from; None while it waits for its parent."""
    first: Presence = "whole"
    """What it was there for, of that session."""
    age: int = 0
    """How many sessions have begun since then."""

    @property
    def waits(self) -> bool:
        """Whether it waits for its parent."""
        return self.order.status == "intent"

    @property
    def lives(self) -> bool:
        """Whether it works or waits."""
        return self.order.status in WORKING or self.waits


@dataclass(frozen=True, slots=True)
class Step:
    """A move to be made."""

    status: OrderStatus
    reason: str | None = None
    cause: Cause = "venue"


class OrderBook:
    """All orders of a run; one thread at a time."""

    def __init__(self) -> None:
        self._pages = OrderPages()
        self._standing: dict[str, Standing] = {}
        self._asked: dict[str, Order] = {}
        self._changed: dict[str, None] = {}
        self._fills: list[Fill] = []
        self._put_away = False
        self._session = date.min
        self._opened: datetime | None = None

    def begin(self, session: date, opened: datetime) -> None:
        """Start a session: what has ended is put away, the rest is a session older."""
        self._session, self._opened = session, opened
        self._changed, self._fills, self._put_away = {}, [], False
        if not self._standing:
            return
        living = [one for one in self._standing.values() if one.lives]
        living.sort(key=lambda one: (one.order.session, one.order.agent, one.order.sequence))
        self._standing = {
            one.order.client_order_id: one if one.waits else replace(one, age=one.age + 1)
            for one in living
        }

    def end(self) -> tuple[tuple[Order, ...], tuple[Fill, ...]]:
        """Put the session away; return its orders, placed or changed, oldest first, and fills."""
        self._put_away = True
        if not self._changed:
            return (), ()
        orders = [self._standing[name].order for name in self._changed]
        orders.sort(key=lambda one: (one.session, one.agent, one.sequence))
        ended = [order for order in orders if order.status in ENDED]
        self._pages.add(self._session, ended, self._fills)
        return tuple(orders), tuple(self._fills)

    def replay(self, tick: Tick) -> None:
        """Take up what a committed tick says of orders; ticks come from the first on."""
        self.begin(tick.session, tick.as_of)
        self._fills = list(tick.fills)
        for order in tick.orders:
            name = order.client_order_id
            known = self._standing.get(name)
            if known is not None and content(known.order) != content(order):
                self._asked.setdefault(name, known.order)
            self._put(self._taken_up(known or Standing(order), order))
        for fill in tick.fills:
            one = self._standing.get(fill.client_order_id)
            if one is None:
                raise UntrustworthyData(f"tick {tick.n} has a fill of no order: {fill.fill_id}")
            self._standing[fill.client_order_id] = replace(one, traded=_after(one.traded, fill))
        self.end()

    def find(self, client_order_id: str) -> Order | None:
        """Return an order as it stands; None for an id that was never placed."""
        one = self._standing.get(client_order_id)
        return self._pages.order(client_order_id) if one is None else one.order

    def known(self, order: Order) -> Order | None:
        """Return what was placed under an order's id, if anything was.

        `Conflict` when that was something else.
        """
        there = self.find(order.client_order_id)
        if there is None:
            return None
        asked, wanted = self._asked.get(order.client_order_id, there), order
        if is_resized(there):
            # How many units it asked for is not kept for good: its parent's fill has the say.
            wanted = order.model_copy(update={"quantity": asked.quantity})
        if content(asked) != content(wanted):
            raise Conflict(f"order {order.client_order_id} exists with other content")
        return there

    def orders(self) -> tuple[Order, ...]:
        """Return the orders of the session and older ones that work or wait, oldest first."""
        return tuple(one.order for one in self._standing.values())

    def fills(self, since: date | None) -> tuple[Fill, ...]:
        """Return the fills from that session on; without it those of the current session."""
        if since is None:
            return tuple(self._fills)
        fresh = () if self._put_away or since > self._session else self._fills
        return (*self._pages.fills(since), *fresh)

    def working(self) -> list[Standing]:
        """Return the orders that work in the order they meet the market in a phase of the session.

        Sells before buys, older sessions first, then by agent and sequence.
        """
        found = [one for one in self._standing.values() if one.order.status in WORKING]
        found.sort(key=_turn)
        return found

    def place(self, order: Order, at: datetime) -> Order:
        """Record an intent or a denied order; the intent is accepted, or waits for its parent."""
        one = Standing(order)
        self._put(one)
        if order.status == "denied":
            return order
        parent_id = order.terms.parent_id
        if parent_id is None:
            return self._accept(one, at).order
        parent = self.find(parent_id)
        if parent is None or (parent.status in ENDED and not parent.filled_quantity):
            told = "is not known" if parent is None else "ended without a fill"
            self.step(order.client_order_id, Step("submitted", cause="gate"), at)
            refused = Step("rejected", f"its parent {parent_id} {told}")
            return self.step(order.client_order_id, refused, at)
        return self._woken(one, parent, at).order if parent.status in ENDED else order

    def awaited(self, order: Order) -> Order | None:
        """Return a sell that has yet to fill before the order may; None: nothing is in its way.

        None of those before it has ended short: that would have cancelled it.
        """
        if not order.terms.after_sells:
            return None
        sells = (one.order for one in self._standing.values() if one.order.status in WORKING)
        return next((sell for sell in sells if makes_room(sell, order)), None)

    def cancel(self, client_order_id: str, at: datetime) -> Order:
        """Cancel an order that works or waits; `NotFound`; `Conflict` when it has ended."""
        order = self.find(client_order_id)
        if order is None:
            raise NotFound(f"there is no order {client_order_id[:40]!r}")
        one = self._standing.get(client_order_id)
        if one is None or not one.lives:
            raise Conflict(f"order {client_order_id} has ended: {order.status}")
        done = self.step(client_order_id, Step("cancelled", "cancelled by request", "agent"), at)
        self.settle_ties(done, at)
        return done

    def standing(self, client_order_id: str) -> Standing:
        """Return an order of the session, or an older one that works or waits."""
        return self._standing[client_order_id]

    def step(
        self, client_order_id: str, step: Step, at: datetime, *, filled: Decimal | None = None
    ) -> Order:
        """Move an order; `Conflict` when it cannot go there."""
        one = self._standing[client_order_id]
        to = Transition(at=at, status=step.status, cause=step.cause, reason=step.reason)
        order = move(one.order, to, filled=filled)
        self._put(replace(one, order=order))
        return order

    def remark(self, client_order_id: str, reason: str) -> None:
        """Note why an order that goes on working was not filled."""
        one = self._standing[client_order_id]
        if one.order.status_reason != reason:
            told = one.order.model_copy(update={"status_reason": reason})
            self._put(replace(one, order=told))

    def take(self, fill: Fill) -> None:
        """Note a fill; the order's move is a step of its own."""
        one = self._standing[fill.client_order_id]
        self._fills.append(fill)
        self._standing[fill.client_order_id] = replace(one, traded=_after(one.traded, fill))

    def settle_ties(self, order: Order, at: datetime, *, both: bool = False) -> list[Standing]:
        """Do what an order's fill or end means for others; return the children it has woken.

        To be called after each fill and each end. `both`: others of its group met the same bar, and
        nothing tells which came first.
        """
        woken: list[Standing] = []
        if order.filled_quantity and order.terms.oco_group is not None:
            woken += self._cancel_group(order, at, both=both)
        if order.status not in ENDED:
            return woken
        name = order.client_order_id
        if order.side == "sell" and order.status != "filled":
            unsold = Step("cancelled", why_unsold(order))
            for buy in self._names(lambda one: makes_room(order, one.order)):
                if self._standing[buy].lives:
                    woken += self.settle_ties(self.step(buy, unsold, at), at)
        for child in self._names(lambda one: one.order.terms.parent_id == name):
            one = self._standing[child]
            if not one.waits:
                continue
            if order.filled_quantity:
                woken.append(self._woken(one, order, at))
            else:
                why = Step("cancelled", f"its parent {name} ended without a fill")
                woken += self.settle_ties(self.step(child, why, at), at)
        return woken

    def act(
        self, symbol: str, action: CorporateAction, *, step: Decimal, at: datetime
    ) -> tuple[Order, ...]:
        """Let a corporate action of a symbol's instrument take hold of orders that work or wait.

        Returns those that it has cancelled.
        """
        ended: list[Order] = []
        for name, one in tuple(self._standing.items()):
            order = one.order
            if order.symbol != symbol or not one.lives:
                continue
            if action.ratio is not None and order.session > action.ex_date:
                continue  # it became known late: the order was placed in new units
            after = restate(order, action, step=step)
            if isinstance(after, str):
                ended.append(self.step(name, Step("cancelled", after), at))
            elif after is not None:
                self._asked.setdefault(name, order)
                self._put(replace(one, order=after))
        for order in ended:
            self.settle_ties(order, at)
        return tuple(ended)

    def _put(self, one: Standing) -> None:
        name = one.order.client_order_id
        self._standing[name] = one
        self._changed[name] = None

    def _accept(
        self,
        one: Standing,
        at: datetime,
        *,
        first: Presence = "whole",
        reason: str | None = None,
    ) -> Standing:
        order = one.order
        sent = Transition(at=at, status="submitted", cause="gate", reason=order.gate)
        taken = Transition(at=at, status="accepted", cause="venue", reason=reason)
        done = replace(one, order=move(move(order, sent), taken), since=self._session, first=first)
        self._put(done)
        return done

    def _woken(self, one: Standing, parent: Order, at: datetime) -> Standing:
        """Let a child work; it exits what its parent has entered, or as much of that as it asks."""
        order, why = one.order, None
        units = order.quantity
        if exits(order, parent):
            units = exit_units(order, parent, is_whole=self._is_whole(order, parent))
        if units != order.quantity:
            done = "cut" if units < order.quantity else "raised"
            why = f"{done} to the {plain(units)} that its parent filled"
            self._asked.setdefault(order.client_order_id, order)
            one = replace(one, order=order.model_copy(update={"quantity": units}))
        first = self._presence(parent.client_order_id, at)
        return self._accept(one, at, first=first, reason=why)

    def _is_whole(self, child: Order, parent: Order) -> bool:
        """Whether a child asked for all units of its parent, in whatever units that was."""
        asked = [self._asked.get(one.client_order_id, one) for one in (child, parent)]
        if asked[0].session != asked[1].session:
            asked = [child, parent]
        return asked[0].quantity == asked[1].quantity

    def _cancel_group(self, order: Order, at: datetime, *, both: bool) -> list[Standing]:
        group, own = order.terms.oco_group, order.client_order_id
        said = f"{own} of its group has filled"
        if both:
            said += "; the bar reached more than one of them, the worse for the account was taken"
        woken: list[Standing] = []
        for name in self._names(lambda one: one.order.terms.oco_group == group):
            if name != own and self._standing[name].lives:
                woken += self.settle_ties(self.step(name, Step("cancelled", said), at), at)
        return woken

    def _names(self, among: Callable[[Standing], bool]) -> list[str]:
        """Return the ids of such orders now; what is done to one of them may change the others."""
        return [name for name, one in self._standing.items() if among(one)]

    def _presence(self, parent_id: str, at: datetime) -> Presence:
        """Return what a child sees of the session in which it begins to work."""
        made = [fill for fill in self._fills if fill.client_order_id == parent_id]
        if made:
            return _AFTER.get(made[-1].convention, "after")
        return "whole" if self._opened is None or at <= self._opened else "none"

    def _taken_up(self, one: Standing, order: Order) -> Standing:
        """Return a standing once its order has become what a tick says."""
        begun = one.since
        if begun is not None or order.status in ("intent", "denied"):
            return replace(one, order=order)
        parent_id = order.terms.parent_id
        if parent_id is None:
            return replace(one, order=order, since=self._session)
        at = next((each.at for each in order.history if each.status == "accepted"), None)
        if at is None:
            return replace(one, order=order)
        first = self._presence(parent_id, at)
        return replace(one, order=order, since=self._session, first=first)


_AFTER: Mapping[FillConvention, Presence] = {"open": "whole", "close": "none"}
"""What is left of a bar for the child of an order that filled at a price of it."""


def _turn(one: Standing) -> tuple[bool, date, str, int]:
    order = one.order
    return (order.side == "buy", order.session, order.agent, order.sequence)


def _after(traded: Traded, fill: Fill) -> Traded:
    return Traded(
        traded.units + fill.quantity,
        traded.money + fill.quantity * fill.price,
        traded.fees + fill.commission,
        traded.fills + 1,
    )
