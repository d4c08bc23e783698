"""The simulated exchange: fills orders from the bars of sessions and keeps the books.

It is a pure function of the committed ticks, the market and what is called: no randomness, no wall
time. Bars of the session are read only when settling, from the market as the clock then sees it.
Corporate actions are booked when a session begins, before any order, and take hold of the orders
that rest; one that becomes known during the session is booked when it is settled. A symbol that
is split only then is not traded in that session. Interest and borrow fees are booked as a session
ends, on what stood at the end of the session before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from adapters.broker.floor import Floor
from adapters.broker.session_prices import SessionPrices
from interfaces.broker import Posting, Settled
from interfaces.clock import Clock
from interfaces.market import MarketData, MarketView
from schemas.account import AccountMark, LotMark
from schemas.base import ZERO, plain
from schemas.errors import (
    Conflict,
    InvalidRequest,
    LimitBreached,
    NotFound,
    UntrustworthyData,
)
from schemas.execution import ExecutionModel
from schemas.facts import CorporateAction
from schemas.ledger import Transaction, TransactionKind
from schemas.orders import ENDED, Fill, Order
from schemas.risk import RiskLimits
from schemas.tick import Tick
from trading.account import CASH, AccountState, Holding, movements_of
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
from trading.execution.financing import financing_of
from trading.execution.policies import Policies
from trading.fills import gross_room, terms_of
from trading.ledger import POSITIONS, Heading, Movement, Tip, append, transaction_id
from trading.order_book import OrderBook

Phase = Literal["idle", "open", "settled"]

ONCE = -1
"""Stands for the tick in an action's transaction id: it happens once in a run, whenever that is."""

_HANDED_OVER = (("intent",), ("intent", "denied"))


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
        limits: RiskLimits | None = None,
    ) -> None:
        """Take a run's terms; of the limits, what they say of borrowing money and units."""
        self._clock = clock
        self._market = market
        self._run_key = run_key
        self._currency = currency
        self._policies = Policies(execution)
        self._terms = terms_of(limits)
        self._state = AccountState(currency, terms=self._terms.margin)
        self._tip = Tip()
        self._marked: AccountMark | None = None
        self._mark: tuple[AccountState, datetime, AccountMark] | None = None
        self._acted_at: datetime | None = None
        self._acted: set[str] = set()
        self._past = PastHoldings()
        self._orders = OrderBook()
        self._phase: Phase = "idle"
        self._tick = -1
        self._session: date | None = None
        self._prices: SessionPrices | None = None
        self._transactions: list[Transaction] = []
        self._posted = 0

    def restore(self, ticks: Iterable[Tick]) -> None:
        """Rebuild everything from the committed ticks; `UntrustworthyData` names a broken one."""
        state, tip = AccountState(self._currency, terms=self._terms.margin), Tip()
        self._past, self._acted, self._orders = PastHoldings(), set(), OrderBook()
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
            self._orders.replay(tick)
            last = tick
        self._state, self._tip = state, tip
        self._acted_at = last.as_of if last else None
        self._marked = last.mark if last else None
        self._tick = last.n if last else -1
        self._phase, self._session, self._mark = "idle", None, None
        self._transactions, self._posted = [], 0

    def begin(self, tick: int, session: date) -> None:
        """Start a session and book the actions that took effect since the one before began.

        `Conflict` when one is under way or this one lies in the past.
        """
        if self._phase != "idle":
            raise Conflict("the session before has not ended")
        last = self._marked.session if self._marked else None
        if tick <= self._tick or (last is not None and session <= last):
            raise Conflict(f"tick {tick} of {session.isoformat()} does not follow the last one")
        view = self._market.view(self._clock.now())
        self._tick, self._session, self._phase = tick, session, "open"
        self._transactions, self._posted = [], 0
        self._prices = SessionPrices(
            self._market, self._policies, session=session, opened=view.as_of
        )
        self._orders.begin(session, view.as_of)
        for symbol, action in self._act(view):
            self._orders.act(symbol, action, step=self._policies.step, at=view.as_of)
        self._acted_at = view.as_of
        for booking in payments_due(self._state, session):
            account = booking.movements[-1].account
            self._append(booking, transaction_id(self._run_key, tick, f"payment:{account}"))

    def submit(self, order: Order) -> Order:
        """Record an order once; the same id with other content raises `Conflict`."""
        known = self._orders.known(order)
        if known is not None:
            return known
        self._require("open", "orders are taken")
        if order.session != self._session:
            raise InvalidRequest(f"orders are taken for {self.session().isoformat()} only")
        way = tuple(each.status for each in order.history)
        if way not in _HANDED_OVER or way[-1] != order.status:
            raise InvalidRequest(f"an order cannot be handed over as {order.status}")
        return self._orders.place(order, self._clock.now())

    def cancel(self, client_order_id: str) -> Order:
        """Cancel an order that works or waits; a second call raises `Conflict`."""
        if self._phase == "idle" and self.order(client_order_id).status not in ENDED:
            raise Conflict("orders are cancelled within a session; none has begun")
        return self._orders.cancel(client_order_id, self._clock.now())

    def order(self, client_order_id: str) -> Order:
        """Return an order of this session or any before it, as it stands."""
        found = self._orders.find(client_order_id)
        if found is None:
            raise NotFound(f"there is no order {client_order_id[:40]!r}")
        return found

    def orders(self) -> tuple[Order, ...]:
        """Return the session's orders and older ones that work or wait, oldest session first."""
        return self._orders.orders()

    def fills(self, *, since: date | None = None) -> tuple[Fill, ...]:
        """Return the fills from that session on; without it those of the current session."""
        return self._orders.fills(since)

    def session(self) -> date:
        """Return the session orders are placed for; `Conflict` when none has begun."""
        if self._session is None:
            raise Conflict("no session has begun")
        return self._session

    def account(self) -> AccountMark:
        """Return the account valued at the last closes known at the clock's moment."""
        marked = self._marked.session if self._marked else None
        return self._mark_at(self._session if self._phase == "settled" else marked)

    def lots(self, symbol: str) -> tuple[LotMark, ...]:
        """Return the lots of a holding as the ledger has them, at the closes of `account`."""
        if symbol not in self._state.holdings:
            return ()
        closes = self._closes(self._market.view(self._clock.now()))
        return tuple(
            LotMark(
                lot_id=each.lot.lot_id,
                opened=each.lot.opened,
                quantity=each.lot.quantity,
                cost=each.lot.cost,
                market_value=each.value,
            )
            for each in self._state.lot_values(closes)
            if each.symbol == symbol
        )

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
        movements = [Movement(posting.account, posting.amount) for posting in postings]
        self._refuse_debt(description, movements)
        self._posted += 1
        return self._book(kind, description, f"post:{self._posted}", movements=movements)

    def settle(self) -> None:
        """Fill the session's orders from its bars; `LookAhead` when it has not closed yet."""
        self._require("open", "a session is settled once")
        view = self._market.view(self._clock.now())
        prices = self._prices_of_session()
        prices.close(view)
        split = [symbol for symbol, action in self._act(view) if action.ratio is not None]
        floor = Floor(self._orders, prices, self._policies, terms=self._terms, at=self._clock.now())
        floor.trade(lambda: self._state, self._book_fill, suspended=split)
        self._phase = "settled"

    def end(self) -> Settled:
        """Book what the days since the last session cost, mark at the closes, hand over all."""
        self._require("settled", "a session ends once it is settled")
        session = self.session()
        interest, fee = self._policies.financing.due(self._marked, session)
        for booking in financing_of(self._state, interest, fee, session):
            self._append(booking, transaction_id(self._run_key, self._tick, booking.kind))
        self._marked = self._mark_at(session)
        self._past.remember(session, self._state.holdings)
        orders, fills = self._orders.end()
        self._phase = "idle"
        return Settled(
            orders=orders,
            fills=fills,
            transactions=tuple(self._transactions),
            mark=self._marked,
            ledger_hash=self._tip.hash,
        )

    def _require(self, phase: Phase, rule: str) -> None:
        if self._phase != phase:
            raise Conflict(f"{rule}; the session is {self._phase}")

    def _prices_of_session(self) -> SessionPrices:
        if self._prices is None:
            raise Conflict("no session has begun")
        return self._prices

    def _refuse_debt(self, description: str, movements: Sequence[Movement]) -> None:
        """Let borrowed money go out only as far as the positions may be worth of the equity."""
        out = sum((each.amount for each in movements if each.account == CASH), ZERO)
        if out >= 0 or self._state.cash + out >= 0 or not self._terms.margin.allow_leverage:
            return
        prices = self._closes(self._market.view(self._clock.now()))
        room = gross_room(self._state, self._terms, prices) + self._terms.max_gross_share * out
        if room < 0:
            raise LimitBreached(
                f"{description!r} would take the cash to {plain(self._state.cash + out)} "
                f"{self._currency}, which is more debt than {plain(self._terms.max_gross_share)} "
                "times the equity allows"
            )

    def _book_fill(self, order: Order, fill: Fill) -> None:
        movements = movements_of(
            fill, self._state, method=self._policies.execution.lots, chosen=order.terms.lots
        )
        said = f"{fill.side} {plain(fill.quantity)} {fill.symbol} at {plain(fill.price)}"
        self._book("trade", said, fill.client_order_id, movements=movements)

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

    def _act(self, view: MarketView) -> tuple[Applied, ...]:
        """Book what took effect since the last session began and is not booked yet; tell all."""
        if self._acted_at is None:
            return ()
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
        return tuple(applied)

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
        return Stake(symbol, holding, entitled, price, self._policies.step)

    def _note(self, transaction: Transaction) -> None:
        """Remember that an action is booked, and by which tickers the past goes now."""
        if transaction.kind in ACTION_KINDS:
            self._acted.add(transaction.transaction_id)
            self._past.follow(transaction)

    def _mark_at(self, session: date | None) -> AccountMark:
        now = self._clock.now()
        if self._mark is not None:
            state, at, mark = self._mark
            if state is self._state and at == now and mark.session == session:
                return mark
        mark = self._state.mark(session, self._closes(self._market.view(now)))
        self._mark = (self._state, now, mark)
        return mark

    def _closes(self, view: MarketView) -> dict[str, Decimal]:
        found = ((symbol, view.last_close(symbol)) for symbol in self._state.holdings)
        return {symbol: _exact(last[1]) for symbol, last in found if last is not None}


def _exact(price: float) -> Decimal:
    # A dividend of all that a unit was worth leaves a price of nothing, never one below.
    return max(Decimal(repr(float(price))), Decimal())
