"""The simulated exchange: fills a session's orders from its bars and keeps the books.

It is a pure function of the committed ticks, the market and what is called: no randomness, no wall
time. Bars of the session are read only when settling, from the market as the clock then sees it.
Corporate actions are booked when a session begins, before any order; one that becomes known during
the session, when it is settled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import numpy as np

from interfaces.broker import Posting, Settled
from interfaces.clock import Clock
from interfaces.market import MarketData, MarketView
from schemas.account import AccountMark
from schemas.base import MILLIONTH, ZERO, plain, to_micro
from schemas.errors import Conflict, InvalidRequest, NotFound, UntrustworthyData
from schemas.execution import ExecutionModel
from schemas.facts import CorporateAction
from schemas.ledger import Transaction, TransactionKind
from schemas.orders import Fill, Order
from schemas.tick import Tick
from trading.account import POSITIONS, AccountState, Holding, movements_of
from trading.corporate_actions import (
    ACTION_KINDS,
    Applied,
    Booking,
    PastHoldings,
    Stake,
    book_action,
    payments_due,
    price_after,
)
from trading.fills import Reference, fill_order, settle_order
from trading.ledger import Heading, Movement, Tip, append, transaction_id

Phase = Literal["idle", "open", "settled"]

ONCE = -1
"""Stands for the tick in an action's transaction id: it happens once in a run, whenever that is."""


class SimulatedBroker:
    """Implement `SimulatedExchange` for one run; one thread at a time."""

    def __init__(
        self,
        *,
        clock: Clock,
        market: MarketData,
        run_key: str,
        currency: str,
        execution: ExecutionModel,
    ) -> None:
        self._clock = clock
        self._market = market
        self._run_key = run_key
        self._currency = currency
        self._execution = execution
        self._state = AccountState(currency)
        self._tip = Tip()
        self._marked: date | None = None
        self._mark: tuple[AccountState, datetime, AccountMark] | None = None
        self._acted_at: datetime | None = None
        self._acted: set[str] = set()
        self._past = PastHoldings()
        self._phase: Phase = "idle"
        self._tick = -1
        self._session: date | None = None
        self._clear()

    def restore(self, ticks: Iterable[Tick]) -> None:
        """Rebuild everything from the committed ticks; `UntrustworthyData` names a broken one."""
        state, tip = AccountState(self._currency), Tip()
        self._past, self._acted = PastHoldings(), set()
        last: Tick | None = None
        for tick in ticks:
            for transaction in tick.transactions:
                if transaction.entries[0].previous != tip.hash:
                    raise UntrustworthyData(f"the ledger is broken at tick {tick.n}")
                state, tip = state.apply(transaction), tip.after(transaction)
                self._note(transaction)
            if tick.ledger_hash != tip.hash or tick.mark.cash != state.cash:
                raise UntrustworthyData(f"tick {tick.n} does not agree with its ledger")
            self._past.remember(tick.session, state.holdings)
            last = tick
        self._state, self._tip = state, tip
        self._acted_at = last.as_of if last else None
        self._marked = last.session if last else None
        self._tick = last.n if last else -1
        self._phase, self._session, self._mark = "idle", None, None
        self._clear()

    def begin(self, tick: int, session: date) -> None:
        """Start a session and book the actions that took effect since the one before began.

        `Conflict` when one is under way or this one lies in the past.
        """
        if self._phase != "idle":
            raise Conflict("the session before has not ended")
        if tick <= self._tick or (self._marked is not None and session <= self._marked):
            raise Conflict(f"tick {tick} of {session.isoformat()} does not follow the last one")
        self._tick, self._session, self._phase = tick, session, "open"
        self._clear()
        view = self._market.view(self._clock.now())
        self._act(view)
        self._acted_at = view.as_of
        for booking in payments_due(self._state, session):
            account = booking.movements[-1].account
            self._append(booking, transaction_id(self._run_key, tick, f"payment:{account}"))

    def submit(self, order: Order) -> Order:
        """Record an order once; the same id with other content raises `Conflict`."""
        known = self._orders.get(order.client_order_id)
        if known is not None:
            if _content(known) != _content(order):
                raise Conflict(f"order {order.client_order_id} exists with other content")
            return known
        self._require("open", "orders are taken")
        if order.session != self._session:
            raise InvalidRequest(f"orders are taken for {self.session().isoformat()} only")
        if order.status not in ("accepted", "denied"):
            raise InvalidRequest(f"an order cannot be handed over as {order.status}")
        self._orders[order.client_order_id] = order
        return order

    def cancel(self, client_order_id: str) -> Order:
        """Cancel a working order; a second call raises `Conflict`."""
        order = self._orders.get(client_order_id)
        if order is None:
            raise NotFound(f"the session has no order {client_order_id!r}")
        if order.status != "accepted":
            raise Conflict(f"order {client_order_id} has ended: {order.status}")
        return self._close(order, "cancelled", "cancelled by request")

    def orders(self) -> tuple[Order, ...]:
        """Return the orders of the current session, in placing order."""
        return tuple(self._orders.values())

    def session(self) -> date:
        """Return the session orders are placed for; `Conflict` when none has begun."""
        if self._session is None:
            raise Conflict("no session has begun")
        return self._session

    def account(self) -> AccountMark:
        """Return the account valued at the last closes known at the clock's moment."""
        return self._mark_at(self._session if self._phase == "settled" else self._marked)

    def post(
        self, kind: TransactionKind, description: str, postings: Sequence[Posting]
    ) -> Transaction:
        """Post a transaction now; positions move by trades and corporate actions alone."""
        if self._phase == "idle":
            raise Conflict("a transaction is posted within a session; none has begun")
        if any(posting.account.startswith(POSITIONS) for posting in postings):
            raise InvalidRequest(
                "positions are moved by fills and corporate actions, not by posting"
            )
        self._posted += 1
        movements = [Movement(posting.account, posting.amount) for posting in postings]
        return self._book(kind, description, f"post:{self._posted}", movements=movements)

    def settle(self) -> None:
        """Fill the session's orders from its bars; `LookAhead` when it has not closed yet."""
        self._require("open", "a session is settled once")
        view = self._market.view(self._clock.now())
        reference = self._references(view, self.session())
        self._act(view)
        for order in settle_order(self._orders.values()):
            ended, fill = fill_order(
                order, self._state, reference=reference(order.symbol), execution=self._execution
            )
            self._orders[order.client_order_id] = ended
            if fill is not None:
                self._fills.append(fill)
                self._book(
                    "trade",
                    f"{fill.side} {plain(fill.quantity)} {fill.symbol} at {plain(fill.price)}",
                    fill.client_order_id,
                    movements=movements_of(fill, self._state),
                )
        self._phase = "settled"

    def end(self) -> Settled:
        """Mark at the session's closes and hand over everything it did."""
        self._require("settled", "a session ends once it is settled")
        self._marked = self.session()
        self._past.remember(self._marked, self._state.holdings)
        settled = Settled(
            orders=tuple(sorted(self._orders.values(), key=lambda one: (one.agent, one.sequence))),
            fills=tuple(self._fills),
            transactions=tuple(self._transactions),
            mark=self._mark_at(self._marked),
            ledger_hash=self._tip.hash,
        )
        self._phase = "idle"
        return settled

    def _clear(self) -> None:
        self._orders: dict[str, Order] = {}
        self._fills: list[Fill] = []
        self._transactions: list[Transaction] = []
        self._posted = 0

    def _require(self, phase: Phase, rule: str) -> None:
        if self._phase != phase:
            raise Conflict(f"{rule}; the session is {self._phase}")

    def _close(self, order: Order, status: str, reason: str) -> Order:
        ended = order.model_copy(update={"status": status, "status_reason": reason})
        self._orders[order.client_order_id] = ended
        return ended

    def _book(
        self, kind: TransactionKind, description: str, cause: str, *, movements: Sequence[Movement]
    ) -> Transaction:
        identity = transaction_id(self._run_key, self._tick, cause)
        return self._append(Booking(kind, description, tuple(movements)), identity)

    def _append(self, booking: Booking, identity: str) -> Transaction:
        heading = Heading(
            transaction_id=identity,
            kind=booking.kind,
            session=self.session(),
            description=booking.description,
            currency=self._currency,
        )
        transaction = append(self._tip, heading, movements=booking.movements)
        self._state = self._state.apply(transaction)
        self._tip = self._tip.after(transaction)
        self._transactions.append(transaction)
        return transaction

    def _act(self, view: MarketView) -> None:
        """Book what took effect since the last session began and is not booked yet."""
        if self._acted_at is None:
            return
        applied = view.applied(self._acted_at)
        for n, (symbol, action) in enumerate(applied):
            cause = transaction_id(self._run_key, ONCE, f"action:{action.action_id}")
            if cause in self._acted:
                continue
            rest = [each for _, each in applied[n + 1 :] if each.instrument == action.instrument]
            stake = self._stake(view, (symbol, action), rest)
            booking = None if stake is None else book_action(action, stake)
            if booking is not None:
                self._note(self._append(booking, cause))

    def _stake(
        self, view: MarketView, applied: Applied, rest: Sequence[CorporateAction]
    ) -> Stake | None:
        """Return what an action finds of the account, or None when it does not concern it.

        `rest` are the later ones of the same instrument: the price of the moment is after them.
        """
        symbol, action = applied
        holding = self._state.holdings.get(symbol, Holding())
        entitled = self._past.entitled(applied, holding)
        if not entitled.lots:
            return None
        price = ZERO
        if action.ratio is not None:
            names = (each.new_symbol for each in reversed(rest))
            last = view.last_close(next((name for name in names if name), symbol))
            if last is None:
                raise UntrustworthyData(f"{symbol} is split but has no price")
            price = price_after(rest, last[0], _exact(last[1]))
        step = MILLIONTH if self._execution.fractional else Decimal(1)
        return Stake(symbol, holding, entitled, price, step)

    def _note(self, transaction: Transaction) -> None:
        """Remember that an action is booked, and by which tickers the past goes now."""
        if transaction.kind in ACTION_KINDS:
            self._acted.add(transaction.transaction_id)
            self._past.follow(transaction)

    def _references(self, view: MarketView, session: date) -> Callable[[str], Reference | None]:
        # Asked even when there is no order: settling before the close is a mistake to be told.
        for symbol in (*view.symbols()[:1], *self._market.info().benchmarks[:1]):
            view.bars(symbol, start=session, end=session)
        day = np.datetime64(session, "D")

        def reference(symbol: str) -> Reference | None:
            try:
                bars = view.bars(symbol, start=session, end=session)
            except NotFound:  # nobody bears the ticker any more
                return None
            if not len(bars.sessions) or bars.sessions[-1] != day:
                return None
            price = bars.close[-1] if bars.close_only else bars.open[-1]
            return Reference(session, to_micro(price), "close" if bars.close_only else "open")

        return reference

    def _mark_at(self, session: date | None) -> AccountMark:
        now = self._clock.now()
        if self._mark is not None:
            state, at, mark = self._mark
            if state is self._state and at == now and mark.session == session:
                return mark
        view = self._market.view(now)
        prices: dict[str, Decimal] = {}
        for symbol in self._state.holdings:
            last = view.last_close(symbol)
            if last is not None:
                prices[symbol] = _exact(last[1])
        mark = self._state.mark(session, prices)
        self._mark = (self._state, now, mark)
        return mark


def _exact(price: float) -> Decimal:
    # A dividend of all that a unit was worth leaves a price of nothing, never one below.
    return max(Decimal(repr(float(price))), Decimal())


def _content(order: Order) -> tuple[object, ...]:
    # What becomes of an order, when it was placed and why are no part of what was ordered.
    return (order.agent, order.session, order.symbol, order.side, order.quantity)
