"""The order path to a broker outside our process: no order twice, none lost, nothing guessed.

An order is kept as an intent before anything else, moved to `submitted` by compare-and-set, and
only whoever made that move sends it. What can come of it:

- an answer: taken in;
- `Unavailable`: nothing happened; tried again a few times, each time asked about first, then it is
  an intent again and the error is raised: the same id may be submitted later;
- `Unresolved`, nonsense, or a crash: it may be there. It is asked about by its id and never sent
  again. Not known after the settling time, it is presumed rejected (cause `recovery`). Should it
  turn up all the same, it is found, its fills are kept, and what still works of it is cancelled:
  whoever placed it was told that it is not there.

Start, reconnecting and what follows a crash are one path, `start`: it takes in what the broker
tells, asks about every order that is not settled, compares the books (`trading/reconcile.py`) and
refuses on a difference that nothing explains. After any answer that was lost the next order goes
that way first. An intent left over is sent by nobody but who submits it again, through the gate; it
expires with its session. Trades by hand before the first start are part of the opening.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import date

from adapters.broker.comparing import BookComparison
from adapters.broker.intake import Intake
from adapters.broker.reading import BrokerReader, Pause, RoutePolicy, no_pause, order_like
from interfaces.broker import Broker
from interfaces.clock import Clock
from interfaces.order_store import OrderStore
from schemas.account import AccountMark, LotMark
from schemas.errors import (
    AlphaShieldError,
    Conflict,
    InvalidRequest,
    NotFound,
    Unavailable,
    Unresolved,
    UntrustworthyData,
)
from schemas.orders import Fill, Order
from schemas.reconciliation import Difference, Reconciliation
from trading.order_states import came_late, intend, is_presumed, is_settled
from trading.reconcile import sentence
from trading.statements import Booked


class RoutedBroker:
    """Implement `Broker` over another one; workers on one account and store may be several."""

    def __init__(
        self,
        inner: Broker,
        *,
        store: OrderStore,
        account: str,
        clock: Clock,
        policy: RoutePolicy | None = None,
        booked: Callable[[], Booked] = Booked,
        pause: Pause = no_pause,
    ) -> None:
        self._inner = inner
        self._store = store
        self._account = account
        self._clock = clock
        self._policy = policy or RoutePolicy()
        self._pause = pause
        self._reader = BrokerReader(inner, attempts=self._policy.attempts, pause=pause)
        self._books = BookComparison(
            self._reader, store, account=account, clock=clock, policy=self._policy, booked=booked
        )
        self._intake = Intake(store, account=account, clock=clock)
        self._connected = False

    def start(self) -> Reconciliation:
        """Take in what happened, compare the books, and be ready for orders.

        `UntrustworthyData` lists what nothing explains; `Unavailable` when the broker does not
        answer. Until it succeeds no order is taken.
        """
        self._connected = False
        found = self._look(wide=False)
        for _ in range(self._policy.looks - 1):
            if found.is_sound:
                break
            found = self._look(wide=True)
        if not found.is_sound:
            raise UntrustworthyData(
                f"account {self._account} differs from the broker's: {sentence(found.unexplained)}"
            )
        self._connected = True
        return found

    def reconnect(self) -> Reconciliation:
        """Do after an outage what is done at the start."""
        return self.start()

    def submit(self, order: Order) -> Order:
        """Keep the intent, send it once, and return what became of it, `unresolved` included.

        The same order again is never sent again: its present state is returned. `Unavailable`: it
        was not sent, and may be submitted again under its id.
        """
        if order.status not in ("intent", "denied") or not order.history:
            raise InvalidRequest(f"an order cannot be handed over as {order.status}")
        if order.status == "denied":
            return self._store.create(self._account, order)
        self._ready()
        kept = self._store.create(self._account, order)
        if kept.status != "intent":
            return self._asked(kept)
        sending = self._intake.claim(kept)
        if sending is None:
            return self._asked(self._store.get(self._account, order.client_order_id))
        return self._send(sending)

    def cancel(self, client_order_id: str) -> Order:
        """Cancel an order; a lost answer is asked about, `Unresolved` when that tells nothing."""
        ours = self._store.get(self._account, client_order_id)
        if ours.status == "intent":
            ours = self._intake.step(ours, "cancelled", "broker", "cancelled before it was sent")
            if ours.status == "cancelled":
                return ours
        if is_settled(ours):
            raise Conflict(f"order {client_order_id} has ended: {ours.status}")
        for attempt in range(self._policy.attempts):
            if attempt:
                self._pause(attempt)
            try:
                answer = order_like(self._inner.cancel(client_order_id), ours)
            except Unavailable:
                continue
            except AlphaShieldError as error:
                return self._cancel_in_doubt(ours, error)
            with self._after_call(client_order_id):
                return self._take(ours, answer)
        self._connected = False
        raise Unavailable(f"the broker does not answer: order {client_order_id} is not cancelled")

    def order(self, client_order_id: str) -> Order:
        """Return the order as it stands, asked about unless it is settled; `NotFound`."""
        return self._asked(self._store.get(self._account, client_order_id))

    def orders(self) -> tuple[Order, ...]:
        """Return the session's orders and older ones that are not settled, oldest first."""
        session = self.refresh()
        older = [
            order
            for order in self._store.unsettled(self._account)
            if order.session < session and not is_presumed(order)
        ]
        return (*older, *self._store.orders(self._account, session=session))

    def fills(self, *, since: date | None = None) -> tuple[Fill, ...]:
        """Return the fills of our orders, as they became known."""
        session = self.refresh(since=since)
        return self._store.fills(self._account, since=since or session)

    def session(self) -> date:
        """Return the session orders are placed for."""
        return self._reader.session()

    def account(self) -> AccountMark:
        """Return the account as the broker tells it, once its units agree with our books.

        `UntrustworthyData` when they do not, also after another look.
        """
        self._ready()
        apart: tuple[Difference, ...] = ()
        for _ in range(self._policy.looks):
            self.refresh()
            mark = self._reader.account()
            apart = self._books.apart(mark)
            if not apart:
                return mark
        self._connected = False
        raise UntrustworthyData(f"account {self._account} is not as told: {sentence(apart)}")

    def lots(self, symbol: str) -> tuple[LotMark, ...]:
        """Return the lots that our fills leave, first in, first out: venues need not tell any.

        `UntrustworthyData` when they do not make the position that the broker tells.
        """
        return self._books.lots(symbol, self.account())

    def refresh(self, *, since: date | None = None) -> date:
        """Take in what the broker tells of orders and fills, and return its session."""
        session = self._reader.session()
        orders = self._reader.orders()
        first = min(self._books.first(session), since or session)
        self._take_in(orders, self._reader.fills(since=first), session)
        return session

    def _ready(self) -> None:
        if not self._connected:
            self.start()

    def _send(self, sending: Order) -> Order:
        """Send what we alone moved to `submitted`."""
        name = sending.client_order_id
        why = "the broker does not answer"
        for attempt in range(self._policy.attempts):
            if attempt:
                self._pause(attempt)
                known = self._known(sending)
                if known is not None:
                    return known
            try:
                answer = self._inner.submit(intend(sending))
            except Unavailable as error:
                why = str(error)
                continue
            except Conflict as error:
                return self._taken_name(sending, error)
            except InvalidRequest as error:
                with self._after_call(name):
                    self._intake.refuse(sending, str(error))
                raise
            except AlphaShieldError as error:
                return self._in_doubt(sending, error)
            try:
                told = order_like(answer, sending)
            except UntrustworthyData as error:
                return self._in_doubt(sending, error)
            with self._after_call(name):
                return self._take(sending, told)
        self._not_sent(sending, why)
        raise Unavailable(f"order {name} was not sent: {why}")

    def _known(self, sending: Order) -> Order | None:
        """Return the order if the broker has it after all."""
        try:
            told = self._reader.order(sending)
        except (NotFound, Unavailable, UntrustworthyData):
            return None
        with self._after_call(sending.client_order_id):
            return self._take(sending, told)

    def _not_sent(self, sending: Order, why: str) -> None:
        """Take back a sending of which nothing happened."""
        self._connected = False
        ours = self._intake.step(sending, "intent", "broker", f"not sent: {why}")
        if ours.history[:-1] == sending.history and ours.status == "unresolved":
            # Another worker took us for dead and asks about what only we could have sent.
            self._intake.step(ours, "cancelled", "broker", f"not sent: {why}")

    def _in_doubt(self, sending: Order, error: AlphaShieldError) -> Order:
        self._connected = False
        with self._after_call(sending.client_order_id):
            return self._asked(self._intake.doubt(sending, "broker", str(error)))

    def _taken_name(self, sending: Order, error: Conflict) -> Order:
        """The broker has that id already: it is ours after all, or somebody else's."""
        with self._after_call(sending.client_order_id):
            try:
                return self._take(sending, self._reader.order(sending))
            except UntrustworthyData:
                self._intake.refuse(sending, str(error))
                raise error from None
            except (NotFound, Unavailable):
                return self._in_doubt(sending, error)

    def _cancel_in_doubt(self, ours: Order, error: AlphaShieldError) -> Order:
        name = ours.client_order_id
        refused = isinstance(error, InvalidRequest)
        with self._after_call(name):
            after = self._asked(ours)
        if not refused:
            self._connected = False
            if after.status == "cancelled":
                return after
        if is_settled(after):
            raise Conflict(f"order {name} has ended: {after.status}") from error
        raise Unresolved(f"order {name} is {after.status}; its cancel may have arrived") from error

    def _asked(self, ours: Order) -> Order:
        """Ask what became of an order and return it; when nobody says, it stays as it was."""
        if is_settled(ours) or ours.status == "intent":
            return ours
        try:
            told = self._reader.order(ours)
        except NotFound:
            return self._intake.absent(ours, settling=self._policy.settling)
        except (Unavailable, UntrustworthyData) as error:
            return self._intake.doubt(ours, "recovery", str(error))
        return self._take(ours, told)

    def _take(self, ours: Order, told: Order) -> Order:
        """Take in an answer about one order, with the fills it speaks of."""
        if told.filled_quantity > ours.filled_quantity:
            try:
                self._intake.fills(self._reader.fills(since=ours.session))
            except (Unavailable, UntrustworthyData):
                self._connected = False  # told again at the next start
        return self._call_off(self._intake.follow(ours, told))

    def _call_off(self, ours: Order) -> Order:
        """Cancel what turned up late; whatever is not answered is asked at the next start."""
        if not came_late(ours) or is_settled(ours) or is_presumed(ours):
            return ours
        try:
            told = order_like(self._inner.cancel(ours.client_order_id), ours)
        except AlphaShieldError:
            return ours
        if told.filled_quantity > ours.filled_quantity:
            return ours
        return self._intake.follow(ours, told)

    def _take_in(self, orders: tuple[Order, ...], fills: tuple[Fill, ...], session: date) -> None:
        """Take in what was told, and ask about every order that was not spoken of."""
        touched = self._intake.fills(fills)
        told = {order.client_order_id: order for order in orders}
        for ours in self._store.unsettled(self._account):
            name = ours.client_order_id
            if name in told or name in touched:
                self._call_off(self._intake.follow(ours, _alike(told.get(name), ours)))
            elif ours.status != "intent":
                self._asked(ours)
            elif ours.session < session:
                reason = "its session was over before it was sent"
                self._intake.step(ours, "expired", "recovery", reason)
            touched -= {name}
        for name in sorted(touched):  # fills of orders that have ended
            self._intake.follow(self._store.get(self._account, name), None)

    def _look(self, *, wide: bool) -> Reconciliation:
        """Compare, take in what differs, and compare again."""
        self._books.begin()
        self._intake.remember(self._store.fills(self._account))
        theirs = self._books.statement(wide=wide)
        before = self._books.compare(theirs)
        self._take_in(tuple(theirs.orders), tuple(theirs.fills), theirs.session or theirs.since)
        orders, fills = self._store.orders(self._account), self._store.fills(self._account)
        self._intake.catch_up(orders, fills)
        after = self._books.compare(theirs)
        left = {(each.subject, each.key, each.cause) for each in after.differences}
        settled = [
            each for each in before.differences if (each.subject, each.key, each.cause) not in left
        ]
        return after.model_copy(update={"taken_in": tuple(settled)})

    @contextmanager
    def _after_call(self, name: str) -> Generator[None]:
        """Say `Unresolved` where a failing store hides what became of a call that was made."""
        try:
            yield
        except Unavailable as error:
            self._connected = False
            raise Unresolved(
                f"the broker was asked for order {name}, and what came of it is not written down"
            ) from error


def _alike(told: Order | None, ours: Order) -> Order | None:
    """Leave out what was told of another order under our id: reconciliation lists it."""
    try:
        return None if told is None else order_like(told, ours)
    except UntrustworthyData:
        return None
