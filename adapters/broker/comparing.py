"""Reading a broker's side of an account and comparing it with our books."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from adapters.broker.reading import BrokerReader, RoutePolicy
from interfaces.clock import Clock
from interfaces.order_store import OrderStore
from schemas.account import AccountMark, LotMark
from schemas.base import ZERO, plain
from schemas.errors import NotFound, UntrustworthyData
from schemas.orders import Fill, Order
from schemas.reconciliation import Difference, Reconciliation
from trading.fill_lots import lots_of_fills, marked, total
from trading.lots import lot_id, new_lot
from trading.order_states import is_presumed
from trading.reconcile import reconcile
from trading.reconcile_account import account_differences, contradictions_of_mark
from trading.statements import Booked, Ours, Theirs


class BookComparison:
    """The two sides of one account; it changes nothing but to keep the opening."""

    def __init__(
        self,
        reader: BrokerReader,
        store: OrderStore,
        *,
        account: str,
        clock: Clock,
        policy: RoutePolicy,
        booked: Callable[[], Booked],
    ) -> None:
        self._reader = reader
        self._store = store
        self._account = account
        self._clock = clock
        self._policy = policy
        self._booked = booked

    def begin(self) -> None:
        """Keep what the account holds before our first order, once."""
        if self._store.opening(self._account) is None:
            self._store.begin(self._account, self._reader.account())

    def compare(self, theirs: Theirs) -> Reconciliation:
        """Compare everything."""
        return reconcile(self._account, self._ours(), theirs, at=self._clock.now())

    def apart(self, mark: AccountMark) -> tuple[Difference, ...]:
        """Return where the units of an account differ from our books, or it does not add up."""
        units = account_differences(self._ours(), mark, ())
        return (
            *contradictions_of_mark(mark),
            *(each for each in units if each.subject == "position"),
        )

    def lots(self, symbol: str, mark: AccountMark) -> tuple[LotMark, ...]:
        """Return the lots that what was there before our first fill and our fills leave, by FIFO.

        `UntrustworthyData` when they are not the position that the broker tells: a split or a
        trade by hand, say, of which no fill speaks.
        """
        ours = self._ours()
        first = ours.opening.session or mark.session or self._reader.session()
        opening = [
            new_lot(lot_id(first, 0), each.quantity, each.cost)
            for each in ours.opening.positions
            if each.symbol == symbol
        ]
        own = [fill for fill in ours.fills if fill.symbol == symbol]
        lots = lots_of_fills(own, opening=opening)
        held = next((each for each in mark.positions if each.symbol == symbol), None)
        units, told = total(lots)[0], held.quantity if held else ZERO
        if units != told:
            raise UntrustworthyData(
                f"the lots of {symbol} are not known: fills make {plain(units)} units of the "
                f"{plain(told)} held"
            )
        if held is None:
            return ()
        return marked(lots, held.price)

    def statement(self, *, wide: bool) -> Theirs:
        """Read the broker's side, again while fills are made between its answers.

        `wide`: of all sessions in which something may have happened unseen.
        """
        session = self._reader.session()
        since = self.first(session)
        if wide:
            since = min(since, session - self._policy.watch)
        fills = self._reader.fills(since=since)
        looks = 0
        while True:
            mark, orders = self._reader.account(), self._known_orders()
            before, fills = fills, self._reader.fills(since=since)
            looks += 1
            if _ids(before) == _ids(fills) or looks >= self._policy.looks:
                return Theirs(session, since, mark, orders, fills)

    def first(self, session: date) -> date:
        """Return the oldest session of which something may still become known."""
        watched = session - self._policy.watch
        waiting = [
            order.session
            for order in self._store.unsettled(self._account)
            if not is_presumed(order) or order.session >= watched
        ]
        return min([session, *waiting])

    def _known_orders(self) -> tuple[Order, ...]:
        """Return the orders told of, and those of ours that it knows when asked."""
        orders = {order.client_order_id: order for order in self._reader.orders()}
        for ours in self._store.unsettled(self._account):
            if ours.client_order_id not in orders and ours.status != "intent":
                try:
                    orders[ours.client_order_id] = self._reader.order(ours)
                except NotFound:
                    continue
        return tuple(orders.values())

    def _ours(self) -> Ours:
        opening = self._store.opening(self._account)
        if opening is None:
            raise NotFound(f"account {self._account} was never started")
        return Ours(
            opening=opening,
            orders=self._store.orders(self._account),
            fills=self._store.fills(self._account),
            booked=self._booked(),
        )


def _ids(fills: tuple[Fill, ...]) -> frozenset[str]:
    return frozenset(fill.fill_id for fill in fills)
