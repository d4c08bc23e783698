"""The desk: gate and broker together, the only place where an intent becomes an order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from interfaces.broker import Broker
from interfaces.calendar import TradingCalendar
from interfaces.clock import Clock
from interfaces.kill_switch import HaltQuestion
from interfaces.market import MarketData
from mcp_servers.risk_history import load_history, sessions_needed
from mcp_servers.trading_answers import as_placed
from mcp_servers.trading_arguments import read_quantity
from mcp_servers.trading_sizing import money_by_rule
from schemas.base import MILLIONTH, to_micro
from schemas.errors import Conflict, InvalidRequest, NotFound
from schemas.orders import Order, Side, Terms, Transition
from schemas.trading import PlacedOrder
from trading.breakers.watch import Watch
from trading.execution.costs import whole
from trading.gate import (
    Book,
    Denial,
    EquityHistory,
    Moment,
    Rules,
    SessionRisk,
    Verdict,
    examine,
    open_book,
)
from trading.order_states import intend, move
from trading.orders import OrderIntent, client_order_id, keyed_order_id


@dataclass(frozen=True, slots=True)
class Wish:
    """An order as its agent wants it: the intent, why, and the agent's own key for it."""

    intent: OrderIntent
    reason: str
    client_key: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """What a tool was asked to trade; the quantity may be anything at all, or not given."""

    symbol: str
    side: Side
    quantity: object
    terms: Terms
    client_key: str | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """What stands over an account beside its limits; what is not given is not watched."""

    halts: HaltQuestion | None = None
    watch: Callable[[], Watch | None] = lambda: None
    """The state of the account's circuit breakers."""
    equity: Callable[[], EquityHistory | None] = lambda: None
    """What losses and drawdowns are measured from; asked only where a limit needs it."""
    calendar: TradingCalendar | None = None


NO_GUARD = Guard()


@dataclass(frozen=True, slots=True)
class Desk:
    """One account's gate and broker, for one agent."""

    clock: Clock
    market: MarketData
    broker: Broker
    rules: Rules
    scope: str
    tick: Callable[[], int]
    agent: str
    guard: Guard = NO_GUARD
    past: dict[date, SessionRisk] = field(default_factory=dict[date, SessionRisk])
    """The newest session's figures of risk, kept while it lasts."""

    def book(self, symbols: Iterable[str]) -> Book:
        """Return the book with the last closes of these symbols and of all working orders."""
        orders = self.broker.orders()
        account = self.broker.account()
        view = self.market.view(self.clock.now())
        prices: dict[str, Decimal] = {}
        made: dict[str, date] = {}
        for symbol in {*symbols, *(order.symbol for order in orders)} & self.rules.tradable:
            with suppress(NotFound):  # of a universe it is to enter later: as unknown as any
                last = view.last_close(symbol)
                if last is not None:
                    made[symbol], prices[symbol] = last[0], to_micro(last[1])
        for order in orders:  # one that works on in what is traded here no more
            if order.symbol not in prices and order.is_working:
                with suppress(NotFound):
                    last = view.last_close(order.symbol)
                    if last is not None:
                        prices[order.symbol] = to_micro(last[1])
        held = (position.symbol for position in account.positions)
        rules = replace(
            self.rules,
            listed=frozenset(view.symbols()),
            risk=self._risk((*prices, *held)),
        )
        return open_book(account, orders, prices=prices, rules=rules, moment=self._moment(made))

    def _moment(self, made: Mapping[str, date]) -> Moment:
        limits, guard = self.rules.limits, self.guard
        session, now = self.broker.session(), self.clock.now()
        losses = limits.max_day_loss, limits.max_drawdown
        needed = any(each is not None for each in losses) or any(
            rule.measure in ("drawdown", "day_loss") for rule in limits.rules
        )
        is_open = ages = None
        if guard.calendar is not None and limits.market_hours != "any":
            opens, closes = guard.calendar.opens_at(session), guard.calendar.closes_at(session)
            is_open = opens <= now < closes
        if guard.calendar is not None and limits.max_price_age_sessions is not None:
            before = guard.calendar.previous(session)
            ages = {
                symbol: len(guard.calendar.sessions(day, before)) - 1
                for symbol, day in made.items()
            }
        return Moment(
            session=session,
            now=now,
            is_open=is_open,
            agent=self.agent,
            breakers=guard.watch(),
            equity=guard.equity() if needed else None,
            ages=ages,
        )

    def _risk(self, symbols: Iterable[str]) -> SessionRisk:
        session = self.broker.session()
        known = self.past.get(session)
        if known is None:
            view = self.market.view(self.clock.now())
            wanted = sorted({*self.rules.tradable, *symbols})
            sessions = sessions_needed(self.rules.limits)
            known = SessionRisk(lambda: load_history(view, wanted, sessions))
            self.past.clear()
            self.past[session] = known
        return known

    def halted(self) -> bool:
        """Say whether the kill switch is on."""
        return self.guard.halts is not None and self.guard.halts.halted() is not None

    def judged(self, intent: OrderIntent, book: Book) -> Verdict:
        """Return what the gate says; the kill switch is asked for each order anew."""
        halts = self.guard.halts
        halt = None if halts is None else halts.halted()
        if halt is not None:
            book = replace(book, moment=replace(book.moment, halt=halt))
        return examine(intent, book)

    def place(self, wish: Wish, book: Book) -> tuple[PlacedOrder, Book]:
        """Pass the gate, hand the order to the broker, and return it with the book after it."""
        placed = self.broker.orders()
        order = self._order(wish, placed)
        name = order.client_order_id
        known = next((each for each in placed if each.client_order_id == name), None)
        if known is not None:  # the same call once more
            return as_placed(self.broker.submit(_as_trimmed(order, known)), None), book
        self._refuse_lots(wish.intent)
        verdict = self.judged(wish.intent, book)
        if verdict.denial is not None:
            return self._deny(order, verdict.denial, len(placed)), book.with_denial()
        passed = verdict.intent
        order = order.model_copy(
            update={
                "quantity": passed.quantity,
                "terms": passed.terms,
                "gate": verdict.remark[:300],
            }
        )
        return as_placed(self.broker.submit(order), None), book.with_order(passed, order_id=name)

    def place_bracket(self, wish: Wish, exits: Mapping[str, Terms], book: Book) -> PlacedOrder:
        """Place an entry with its exits, which wait until it has filled: all of them, or none.

        `exits` are named as the tool's arguments. An entry whose exit does not pass is denied with
        it; one whose exit fails later is cancelled: it must not work unguarded.
        """
        placed = self.broker.orders()
        order = self._order(wish, placed)
        name = order.client_order_id
        if all(each.client_order_id != name for each in placed):
            denial = self._denied_exit(wish.intent, exits, book, name=name)
            if denial is not None:
                return self._deny(order, denial, len(placed))
        entry, book = self.place(wish, book)
        if entry.status == "denied":
            return entry
        ids: list[str] = []
        for kind, terms in exits.items():
            intent = _exit(OrderIntent(entry.symbol, entry.side, entry.quantity), terms, name)
            try:
                done, book = self.place(Wish(intent, wish.reason, f"{name} {kind}"), book)
            except InvalidRequest:  # this venue takes no such order
                self._call_off(name)
                raise
            if done.status in ("denied", "rejected"):
                called_off = self._call_off(name) or entry
                return called_off.model_copy(update={"denied": done.denied})
            ids.append(done.client_order_id)
        return entry.model_copy(update={"exit_ids": tuple(ids)})

    def _denied_exit(
        self, entry: OrderIntent, exits: Mapping[str, Terms], book: Book, *, name: str
    ) -> Denial | None:
        """Return why an exit could not be placed beside its entry; None also when the entry fails.

        The entry's own denial is the better answer then.
        """
        verdict = self.judged(entry, book)
        if verdict.denial is not None:
            return None
        after = book.with_order(verdict.intent, order_id=name)
        for kind, terms in exits.items():
            intent = _exit(verdict.intent, terms, name)
            denial = _met_at_once(intent, entry, book) or self.judged(intent, after).denial
            if denial is not None:
                return replace(denial, message=f"its {kind}: {denial.message}")
            after = after.with_order(intent)
        return None

    def _call_off(self, name: str) -> PlacedOrder | None:
        with suppress(Conflict):  # it has ended already
            return as_placed(self.broker.cancel(name), None)
        return None

    def intent(self, ask: Ask, book: Book) -> OrderIntent:
        """Return what is wanted: units as given, what a notional buys, or by the sizing rule."""
        symbol, side, terms = ask.symbol, ask.side, ask.terms
        if ask.quantity is not None:
            if terms.notional is not None:
                raise InvalidRequest("give either a quantity or a notional")
            return OrderIntent(symbol, side, read_quantity(ask.quantity), terms)
        money = terms.notional
        if money is None:
            known = self._known(ask)
            if known is not None:  # asked again: by now the sizing rule would say something else
                return OrderIntent(symbol, side, known.quantity, terms)
            money = self._sized(symbol, side, book)
        price = book.prices.get(symbol)
        units = None if price is None else whole(money / price, self.rules.execution)
        # Without a price the gate denies it, whatever its size.
        return OrderIntent(symbol, side, units or MILLIONTH, terms)

    def _known(self, ask: Ask) -> Order | None:
        if ask.client_key is None:
            return None
        name = keyed_order_id(self.scope, self.tick(), self.agent, key=ask.client_key)
        found = (each for each in self.broker.orders() if each.client_order_id == name)
        return next(found, None)

    def _refuse_lots(self, intent: OrderIntent) -> None:
        """Refuse lots that the order could not close: at the fill it would be too late to say."""
        if not intent.terms.lots:
            return
        there = {
            lot.lot_id
            for lot in self.broker.lots(intent.symbol)
            if (lot.quantity > 0) == (intent.side == "sell")
        }
        for name in intent.terms.lots:
            if name not in there:
                raise InvalidRequest(
                    f"there is no lot {name[:40]!r} of {intent.symbol} that this order could "
                    "close: trading_get_lots names those there are"
                )

    def _sized(self, symbol: str, side: Side, book: Book) -> Decimal:
        sizing = self.rules.limits.sizing
        if sizing is None or side == "sell":
            raise InvalidRequest("give a quantity or a notional")
        view = self.market.view(self.clock.now())
        return money_by_rule(sizing, symbol, book=book, view=view)

    def group(self, name: str) -> str:
        """Return what an agent's own name for a group of orders is at the broker."""
        content = "\x00".join((self.scope, self.agent, name))
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    def _order(self, wish: Wish, placed: tuple[Order, ...]) -> Order:
        session = self.broker.session()
        sequence = sum(order.agent == self.agent and order.session == session for order in placed)
        intent = wish.intent
        if wish.client_key is None:
            order_id = client_order_id(
                self.scope, self.tick(), self.agent, intent=intent, sequence=sequence
            )
        else:
            order_id = keyed_order_id(self.scope, self.tick(), self.agent, key=wish.client_key)
        return intend(
            Order(
                client_order_id=order_id,
                agent=self.agent,
                sequence=sequence,
                session=session,
                symbol=intent.symbol,
                side=intent.side,
                quantity=intent.quantity,
                terms=intent.terms,
                reason=wish.reason,
                placed_as_of=self.clock.now(),
            )
        )

    def _deny(self, order: Order, denial: Denial, placed: int) -> PlacedOrder:
        refused = Transition(
            at=self.clock.now(), status="denied", cause="gate", reason=denial.message
        )
        order = move(order, refused)
        # Denials are recorded too, but a model that never stops must not fill the tick with them.
        if placed < 2 * self.rules.limits.max_orders_per_session:
            order = self.broker.submit(order)
        return as_placed(order, denial)


def _as_trimmed(order: Order, known: Order) -> Order:
    """Return an order that is sent again, cut as a rule cut it the first time."""
    if "trimmed by rule" not in (known.gate or "") or known.quantity >= order.quantity:
        return order
    notional = known.terms.notional
    terms = (
        order.terms if notional is None else order.terms.model_copy(update={"notional": notional})
    )
    return order.model_copy(update={"quantity": known.quantity, "terms": terms})


def _exit(entry: OrderIntent, terms: Terms, name: str) -> OrderIntent:
    """Return an exit of a bracket: the other way, for all units of the entry of that id."""
    side = "sell" if entry.side == "buy" else "buy"
    waiting = terms.model_copy(update={"parent_id": name, "oco_group": name})
    return OrderIntent(entry.symbol, side, entry.quantity, waiting)


def _met_at_once(leaves: OrderIntent, entry: OrderIntent, book: Book) -> Denial | None:
    """Deny a take-profit on the wrong side of the entry's price; the gate knows of stops."""
    wanted = leaves.terms.limit_price
    if wanted is None:
        return None
    price = entry.terms.limit_price or entry.terms.stop_price or book.prices[entry.symbol]
    if wanted > price if entry.side == "buy" else wanted < price:
        return None
    away = "above" if entry.side == "buy" else "below"
    message = f"of a {entry.side} it lies {away} its price; this one would be met at once"
    return Denial("terms", message)
