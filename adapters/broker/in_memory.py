"""A small honest venue in memory: it keeps an account and fills by a script or at prices given.

It stands for a broker outside our process in tests and trials. Whoever plays the market calls
`quote` and `trade`, or `fill` for one order; `next_session` ends the day. `arrivals` counts how
often each order's id reached it, whatever it answered.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from interfaces.clock import Clock
from schemas.account import AccountMark, LotMark, PositionMark
from schemas.base import ZERO, plain, to_cents
from schemas.errors import Conflict, InvalidRequest, NotFound
from schemas.orders import Cause, Fill, FillConvention, Order, OrderStatus, Side, Terms, Transition
from trading.fill_lots import closed_by_fifo, marked, split_lots, total
from trading.lots import Lot, lot_id
from trading.order_states import content, move

_KNOWN_TYPES = frozenset({"market", "limit", "stop"})
_KNOWN_TIMES = frozenset({"day", "gtc"})


class InMemoryBroker:
    """Implement `Broker`; safe for several threads."""

    def __init__(
        self,
        *,
        clock: Clock,
        session: date,
        cash: Decimal,
        prices: Mapping[str, Decimal],
        currency: str = "USD",
        commission: Decimal = ZERO,
    ) -> None:
        self.arrivals: Counter[str] = Counter()
        self._clock = clock
        self._session = session
        self._currency = currency
        self._commission = commission
        self._cash = cash
        self._prices = dict(prices)
        self._held: dict[str, tuple[Lot, ...]] = {}
        self._orders: dict[str, Order] = {}
        self._fills: list[Fill] = []
        self._lock = threading.RLock()

    def submit(self, order: Order) -> Order:
        """Take an intent and accept or reject it; record a denied order."""
        with self._lock:
            self.arrivals[order.client_order_id] += 1
            if order.status not in ("intent", "denied"):
                raise InvalidRequest(f"an order cannot be handed over as {order.status}")
            known = self._orders.get(order.client_order_id)
            if known is not None:
                if content(known) != content(order):
                    raise Conflict(f"order {order.client_order_id} exists with other content")
                return known
            if order.session != self._session:
                raise InvalidRequest(f"orders are taken for {self._session.isoformat()} only")
            _refuse_terms(order.terms)
            self._orders[order.client_order_id] = order
            if order.status == "denied":
                return order
            self._move(order, "submitted", cause="gate", reason=order.gate)
            refusal = self._refusal(order)
            if refusal is not None:
                return self._move(order, "rejected", reason=refusal)
            return self._move(order, "accepted")

    def cancel(self, client_order_id: str) -> Order:
        """Cancel a working order; `NotFound`; `Conflict` when it has ended."""
        with self._lock:
            order = self.order(client_order_id)
            if not order.is_working:
                raise Conflict(f"order {client_order_id} has ended: {order.status}")
            return self._move(order, "cancelled", reason="cancelled by request")

    def order(self, client_order_id: str) -> Order:
        """Return the order; `NotFound`."""
        with self._lock:
            order = self._orders.get(client_order_id)
        if order is None:
            raise NotFound(f"the venue has no order {client_order_id!r}")
        return order

    def orders(self) -> tuple[Order, ...]:
        """Return the session's orders and older ones that work, oldest session first."""
        with self._lock:
            shown = [o for o in self._orders.values() if o.is_working or o.session == self._session]
        return tuple(sorted(shown, key=lambda order: order.session))

    def fills(self, *, since: date | None = None) -> tuple[Fill, ...]:
        """Return the fills from a session on, as they were made."""
        with self._lock:
            first = since or self._session
            return tuple(fill for fill in self._fills if fill.session >= first)

    def session(self) -> date:
        """Return the session orders are placed for."""
        return self._session

    def account(self) -> AccountMark:
        """Return the account valued at the newest quotes."""
        with self._lock:
            marks = [
                PositionMark(
                    symbol=symbol,
                    quantity=units,
                    cost=cost,
                    price=self._prices[symbol],
                    market_value=to_cents(units * self._prices[symbol]),
                )
                for symbol, lots in sorted(self._held.items())
                for units, cost in (total(lots),)
            ]
            value = sum((mark.market_value for mark in marks), ZERO)
            return AccountMark(
                session=self._session,
                currency=self._currency,
                cash=self._cash,
                market_value=value,
                equity=self._cash + value,
                positions=tuple(marks),
            )

    def lots(self, symbol: str) -> tuple[LotMark, ...]:
        """Return what is left of each purchase once sales have closed the oldest first."""
        with self._lock:
            lots = self._held.get(symbol, ())
            return marked(lots, self._prices[symbol]) if lots else ()

    def quote(self, symbol: str, price: Decimal) -> None:
        """Set the market's price of a symbol."""
        self._prices[symbol] = price

    def trade(self, *, most: Decimal | None = None) -> tuple[Fill, ...]:
        """Let the market trade: fill the working orders that the prices reach, `most` units each.

        A fill is made at the quoted price, which for a limit order is its limit or better.
        """
        with self._lock:
            made: list[Fill] = []
            for order in [each for each in self._orders.values() if each.is_working]:
                price = self._prices[order.symbol]
                if _reaches(order, price):
                    units = order.remaining if most is None else min(most, order.remaining)
                    made.append(self.fill(order.client_order_id, units))
            return tuple(made)

    def fill(
        self, client_order_id: str, quantity: Decimal | None = None, price: Decimal | None = None
    ) -> Fill:
        """Fill a part of a working order, by default all of it at the quoted price."""
        with self._lock:
            order = self.order(client_order_id)
            if not order.is_working:
                raise Conflict(f"order {client_order_id} has ended: {order.status}")
            units = order.remaining if quantity is None else quantity
            filled = order.filled_quantity + units
            if units <= 0 or filled > order.quantity:
                raise InvalidRequest(f"{plain(units)} units of {client_order_id} cannot be filled")
            made = self._book(order, units, self._prices[order.symbol] if price is None else price)
            whole = filled == order.quantity
            self._move(order, "filled" if whole else "partially_filled", filled=filled)
            return made

    def trade_by_hand(
        self, name: str, symbol: str, side: Side, *, quantity: Decimal, price: Decimal
    ) -> Fill:
        """Trade as a person would at the broker's own screen: an order we never placed."""
        with self._lock:
            order = Order(
                client_order_id=name,
                agent="",
                sequence=0,
                session=self._session,
                symbol=symbol,
                side=side,
                quantity=quantity,
                reason="by hand",
                status="accepted",
                placed_as_of=self._clock.now(),
            )
            self._orders[name] = order
            self._prices.setdefault(symbol, price)
            return self.fill(name, quantity, price)

    def pay(self, amount: Decimal) -> None:
        """Credit a dividend or interest; a negative amount charges a fee."""
        with self._lock:
            self._cash += to_cents(amount)

    def split(self, symbol: str, ratio: Decimal) -> None:
        """Split a held position: `ratio` units for each."""
        with self._lock:
            self._held[symbol] = split_lots(self._held[symbol], ratio)

    def next_session(self, session: date) -> None:
        """End the session: day orders expire, those until cancelled go on."""
        with self._lock:
            for order in [each for each in self._orders.values() if each.is_working]:
                if order.terms.time_in_force == "day":
                    self._move(order, "expired", reason="the session ended")
            self._session = session

    def _refusal(self, order: Order) -> str | None:
        price = self._prices.get(order.symbol)
        if price is None:
            return f"{order.symbol} is not traded here"
        if order.side == "sell":
            held = total(self._held.get(order.symbol, ()))[0]
            offered = sum((o.remaining for o in self._working(order) if o.side == "sell"), ZERO)
            if order.quantity + offered > held:
                return f"{plain(held - offered)} {order.symbol} can be sold"
            return None
        wanted = sum(
            (o.remaining * self._prices[o.symbol] for o in self._working() if o.side == "buy"), ZERO
        )
        if order.quantity * price + wanted > self._cash:
            return f"{plain(self._cash)} {self._currency} are not enough for it"
        return None

    def _working(self, like: Order | None = None) -> list[Order]:
        return [
            order
            for order in self._orders.values()
            if order.is_working and (like is None or order.symbol == like.symbol)
        ]

    def _book(self, order: Order, units: Decimal, price: Decimal) -> Fill:
        amount = to_cents(units * price)
        count = sum(fill.client_order_id == order.client_order_id for fill in self._fills)
        made = Fill(
            fill_id=f"{order.client_order_id}-{count}",
            client_order_id=order.client_order_id,
            agent=order.agent,
            session=self._session,
            symbol=order.symbol,
            side=order.side,
            quantity=units,
            reference_price=price,
            price=price,
            amount=amount,
            commission=self._commission,
            spread_cost=ZERO,
            slippage_cost=ZERO,
            convention=_CONVENTIONS.get(order.terms.order_type, "open"),
        )
        self._cash -= self._commission + (amount if order.side == "buy" else -amount)
        name = lot_id(self._session, len(self._fills))
        left = closed_by_fifo(self._held.get(order.symbol, ()), made, name=name)
        if left:
            self._held[order.symbol] = left
        else:
            self._held.pop(order.symbol, None)
        self._fills.append(made)
        return made

    def _move(
        self,
        order: Order,
        status: OrderStatus,
        *,
        cause: Cause = "venue",
        reason: str | None = None,
        filled: Decimal | None = None,
    ) -> Order:
        to = Transition(at=self._clock.now(), status=status, cause=cause, reason=reason)
        moved = move(self._orders[order.client_order_id], to, filled=filled)
        self._orders[order.client_order_id] = moved
        return moved


_CONVENTIONS: Mapping[str, FillConvention] = {"market": "open", "limit": "limit", "stop": "stop"}


def _refuse_terms(terms: Terms) -> None:
    if terms.order_type not in _KNOWN_TYPES or terms.time_in_force not in _KNOWN_TIMES:
        raise InvalidRequest(f"no {terms.order_type} {terms.time_in_force} orders are taken here")
    if terms.notional is not None or terms.parent_id or terms.oco_group:
        raise InvalidRequest("orders for money, brackets and groups are not taken here")


def _reaches(order: Order, price: Decimal) -> bool:
    buys, terms = order.side == "buy", order.terms
    if terms.limit_price is not None:
        return price <= terms.limit_price if buys else price >= terms.limit_price
    if terms.stop_price is not None:
        return price >= terms.stop_price if buys else price <= terms.stop_price
    return True
