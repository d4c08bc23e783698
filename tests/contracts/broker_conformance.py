"""What every broker must do, ours or a vendor's, seen through the `Broker` protocol alone.

An adapter's test subclasses `BrokerConformance` and gives `desk`, a `Desk` on an account with some
cash and no position. A desk at a real venue places its orders in the venue's sandbox.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from interfaces.broker import Broker
from schemas.base import ZERO, to_cents
from schemas.errors import Conflict, InvalidRequest, NotFound, Unavailable, Unresolved
from schemas.orders import ENDED, MARKET_DAY, WORKING, Fill, Order, Side, Terms, Transition
from trading.order_states import intend, may_become, move


class Desk(ABC):
    """What the suite needs beside the broker: intents, a market that trades, an outage."""

    symbol = "AAA"
    """Traded, and its price is well within `cheap` and `dear`."""
    unknown = "NOSUCH"
    """Never traded."""
    cheap: Decimal
    """A price the market does not fall to."""
    dear: Decimal
    """A price the market does not rise to."""
    broker: Broker

    def __init__(self) -> None:
        self._placed = 0

    def intent(
        self,
        side: Side = "buy",
        quantity: str = "10",
        terms: Terms = MARKET_DAY,
        *,
        symbol: str | None = None,
    ) -> Order:
        """Return a new intent for the present session."""
        self._placed += 1
        return intend(
            Order(
                client_order_id=f"conformance-{self._placed:04d}",
                agent="tester",
                sequence=self._placed,
                session=self.broker.session(),
                symbol=symbol or self.symbol,
                side=side,
                quantity=Decimal(quantity),
                terms=terms,
                reason="because",
                placed_as_of=self.now(),
                gate="nearest limit: none",
            )
        )

    @abstractmethod
    def now(self) -> datetime:
        """Return the moment orders are placed at."""

    @abstractmethod
    def let_trade(self) -> None:
        """Let the market trade what it can of the orders; the session may end by it."""

    @abstractmethod
    def next_session(self) -> None:
        """End the session and begin the next."""

    @abstractmethod
    def restart(self) -> None:
        """Replace the broker's client by a new one on the same account, as after a crash."""

    def outage(self) -> AbstractContextManager[None] | None:
        """Cut the venue off while in the context; None where it cannot be."""
        return None


def limit(price: Decimal, *, gtc: bool = False) -> Terms:
    return Terms(order_type="limit", limit_price=price, time_in_force="gtc" if gtc else "day")


def effect(fills: tuple[Fill, ...]) -> tuple[Decimal, Decimal]:
    """Return the units and the cash that fills move."""
    units = cash = Decimal()
    for fill in fills:
        sign = 1 if fill.side == "buy" else -1
        units += sign * fill.quantity
        cash -= sign * fill.amount + fill.commission
    return units, cash


class BrokerConformance:
    """`interfaces.broker.Broker`."""

    @pytest.fixture
    def desk(self) -> Desk:
        raise NotImplementedError

    def test_an_intent_is_taken_and_its_way_is_kept(self, desk: Desk) -> None:
        order = desk.intent()
        taken = desk.broker.submit(order)
        assert taken.status in WORKING or taken.status == "filled"
        assert taken.history[0] == order.history[0]
        assert [step.status for step in taken.history][:3] == ["intent", "submitted", "accepted"]
        assert taken.history[1].cause == "gate"
        assert taken.history[1].reason == order.gate
        same = ("client_order_id", "agent", "session", "symbol", "side", "quantity", "terms")
        assert [getattr(taken, name) for name in same] == [getattr(order, name) for name in same]
        assert desk.broker.order(order.client_order_id).history[: len(taken.history)] == (
            taken.history
        )

    @pytest.mark.promise("no-duplicate-order")
    def test_the_same_id_submitted_again_is_one_order(self, desk: Desk) -> None:
        order = desk.intent()
        desk.broker.submit(order)
        desk.broker.submit(order)
        desk.let_trade()
        assert desk.broker.submit(order).status == "filled"
        desk.let_trade()
        fills = desk.broker.fills(since=order.session)
        assert effect(fills)[0] == 10
        assert desk.broker.account().positions[0].quantity == 10

    @pytest.mark.promise("no-duplicate-order")
    def test_the_same_id_after_a_cancel_does_not_work_again(self, desk: Desk) -> None:
        order = desk.intent(terms=limit(desk.cheap, gtc=True))
        desk.broker.submit(order)
        desk.broker.cancel(order.client_order_id)
        assert desk.broker.submit(order).status == "cancelled"
        desk.let_trade()
        assert desk.broker.fills(since=order.session) == ()

    def test_the_same_id_with_other_content_is_a_conflict(self, desk: Desk) -> None:
        order = desk.intent()
        desk.broker.submit(order)
        for change in ({"quantity": Decimal(11)}, {"side": "sell"}, {"terms": limit(desk.dear)}):
            with pytest.raises(Conflict, match="other content"):
                desk.broker.submit(order.model_copy(update=change))
        assert desk.broker.order(order.client_order_id).quantity == 10
        assert len(desk.broker.orders()) == 1

    def test_only_intents_and_denied_orders_are_taken(self, desk: Desk) -> None:
        order = desk.intent()
        for status in ("submitted", "accepted", "filled", "unresolved", "cancelled"):
            with pytest.raises(InvalidRequest, match=f"handed over as {status}"):
                desk.broker.submit(order.model_copy(update={"status": status}))
        with pytest.raises(NotFound):
            desk.broker.order(order.client_order_id)

    def test_an_order_for_another_session_is_refused(self, desk: Desk) -> None:
        for days in (-7, 7):
            order = desk.intent()
            wrong = order.model_copy(update={"session": order.session + timedelta(days=days)})
            with pytest.raises(InvalidRequest, match="orders are taken for"):
                desk.broker.submit(wrong)
        desk.let_trade()
        assert desk.broker.account().positions == ()

    def test_a_denied_order_is_recorded_and_never_worked(self, desk: Desk) -> None:
        order = desk.intent()
        at = order.placed_as_of
        denied = move(order, Transition(at=at, status="denied", cause="gate", reason="a limit"))
        assert desk.broker.submit(denied).status == "denied"
        with pytest.raises(Conflict, match="has ended: denied"):
            desk.broker.cancel(order.client_order_id)
        assert [each.status for each in desk.broker.orders()] == ["denied"]
        desk.let_trade()
        assert desk.broker.fills(since=order.session) == ()

    def test_what_the_venue_cannot_trade_ends_with_a_reason_and_without_a_fill(
        self, desk: Desk
    ) -> None:
        wishes: tuple[tuple[Side, str], ...] = (("buy", desk.unknown), ("sell", desk.symbol))
        for side, symbol in wishes:
            order = desk.broker.submit(desk.intent(side, symbol=symbol))
            desk.let_trade()
            after = desk.broker.order(order.client_order_id)
            assert after.status in ENDED - {"filled"}
            assert after.status_reason
            assert after.filled_quantity == 0
        assert desk.broker.account().positions == ()

    def test_cancelling_tells_apart_what_works_what_has_ended_and_what_is_not_there(
        self, desk: Desk
    ) -> None:
        with pytest.raises(NotFound):
            desk.broker.cancel("nothing")
        with pytest.raises(NotFound):
            desk.broker.order("nothing")
        order = desk.broker.submit(desk.intent(terms=limit(desk.cheap)))
        cancelled = desk.broker.cancel(order.client_order_id)
        assert cancelled.status == "cancelled"
        assert desk.broker.order(order.client_order_id) == cancelled
        with pytest.raises(Conflict, match="has ended: cancelled"):
            desk.broker.cancel(order.client_order_id)
        filled = desk.broker.submit(desk.intent())
        desk.let_trade()
        with pytest.raises(Conflict, match="has ended: filled"):
            desk.broker.cancel(filled.client_order_id)

    def test_fills_account_for_what_orders_tell_and_are_told_again_unchanged(
        self, desk: Desk
    ) -> None:
        first = desk.broker.session()
        before = desk.broker.account()
        names = [desk.broker.submit(desk.intent(quantity=q)).client_order_id for q in ("3", "8")]
        desk.let_trade()
        fills = desk.broker.fills(since=first)
        assert desk.broker.fills(since=first) == fills
        assert len({fill.fill_id for fill in fills}) == len(fills)
        assert {fill.client_order_id for fill in fills} == set(names)
        for name in names:
            order = desk.broker.order(name)
            own = [fill for fill in fills if fill.client_order_id == name]
            assert order.filled_quantity == sum(fill.quantity for fill in own) == order.quantity
            assert order.status == "filled"
            assert all((f.symbol, f.side) == (order.symbol, order.side) for f in own)
        for fill in fills:
            assert fill.amount == to_cents(fill.quantity * fill.price)
            assert fill.session >= first
        units, cash = effect(fills)
        after = desk.broker.account()
        assert after.positions[0].quantity == units == 11
        assert after.cash == before.cash + cash
        last = max(fill.session for fill in fills)
        assert desk.broker.fills(since=last + timedelta(days=30)) == ()

    def test_the_account_adds_up_before_and_after_a_round_trip(self, desk: Desk) -> None:
        sides: tuple[Side, ...] = ("buy", "sell")
        for side in sides:
            desk.broker.submit(desk.intent(side, "5"))
            desk.let_trade()
            mark = desk.broker.account()
            value = sum((each.market_value for each in mark.positions), ZERO)
            assert mark.market_value == value
            assert mark.equity == mark.cash + mark.market_value + mark.accrued
        assert desk.broker.account().positions == ()

    def test_the_lots_of_a_holding_make_its_position(self, desk: Desk) -> None:
        assert desk.broker.lots(desk.symbol) == ()
        sides: tuple[tuple[Side, str], ...] = (("buy", "5"), ("buy", "3"), ("sell", "6"))
        for side, quantity in sides:
            desk.broker.submit(desk.intent(side, quantity))
            desk.let_trade()
            lots = desk.broker.lots(desk.symbol)
            (held,) = desk.broker.account().positions
            assert sum(lot.quantity for lot in lots) == held.quantity
            assert sum(lot.market_value for lot in lots) == held.market_value
            assert len({lot.lot_id for lot in lots}) == len(lots)
            assert [lot.opened for lot in lots] == sorted(lot.opened for lot in lots)
        assert [lot.quantity for lot in desk.broker.lots(desk.symbol)] == [2]
        assert desk.broker.lots(desk.unknown) == ()

    def test_a_limit_holds_and_a_day_order_ends_with_the_session(self, desk: Desk) -> None:
        near = desk.broker.submit(desk.intent(terms=limit(desk.dear)))
        far = desk.broker.submit(desk.intent(terms=limit(desk.cheap)))
        until = desk.broker.submit(desk.intent(terms=limit(desk.cheap, gtc=True)))
        desk.let_trade()
        assert desk.broker.order(near.client_order_id).status == "filled"
        bought = [
            f
            for f in desk.broker.fills(since=near.session)
            if f.client_order_id == near.client_order_id
        ]
        assert all(fill.price <= desk.dear for fill in bought)
        desk.next_session()
        ended = desk.broker.order(far.client_order_id)
        assert (ended.status, ended.filled_quantity) == ("expired", 0)
        assert ended.status_reason
        still = desk.broker.order(until.client_order_id)
        assert still.is_working
        assert still in desk.broker.orders()
        assert desk.broker.cancel(until.client_order_id).status == "cancelled"

    def test_orders_come_oldest_session_first_and_as_placed(self, desk: Desk) -> None:
        old = desk.broker.submit(desk.intent(terms=limit(desk.cheap, gtc=True)))
        desk.next_session()
        new = [desk.broker.submit(desk.intent(terms=limit(desk.cheap))) for _ in range(3)]
        told = [order.client_order_id for order in desk.broker.orders()]
        assert told == [order.client_order_id for order in (old, *new)]

    def test_a_history_only_grows_and_every_step_is_a_legal_one(self, desk: Desk) -> None:
        orders = [desk.intent(), desk.intent(terms=limit(desk.cheap, gtc=True))]
        seen = {order.client_order_id: order.history for order in orders}
        for order in orders:
            desk.broker.submit(order)
        for _ in range(3):
            desk.let_trade()
            for order in orders:
                now = desk.broker.order(order.client_order_id)
                before = seen[order.client_order_id]
                assert now.history[: len(before)] == before
                assert now.history[-1].status == now.status
                seen[order.client_order_id] = now.history
        for history in seen.values():
            for earlier, later in pairwise(history):
                was = orders[0].model_copy(update={"status": earlier.status, "history": (earlier,)})
                assert may_become(was, later.status)
                assert earlier.at <= later.at

    def test_a_restarted_client_tells_the_same(self, desk: Desk) -> None:
        first = desk.broker.session()
        filled = desk.broker.submit(desk.intent())
        waiting = desk.broker.submit(desk.intent(terms=limit(desk.cheap, gtc=True)))
        desk.let_trade()
        names = (filled.client_order_id, waiting.client_order_id)

        def told() -> object:
            broker = desk.broker
            orders = [broker.order(name) for name in names]
            return orders, broker.orders(), broker.fills(since=first), broker.account()

        before = told()
        desk.restart()
        assert told() == before
        desk.broker.submit(filled.model_copy(update=_as_intent(filled)))
        desk.let_trade()
        assert effect(desk.broker.fills(since=first))[0] == 10

    @pytest.mark.promise("no-duplicate-order")
    def test_an_order_of_an_outage_is_there_once_or_not_at_all(self, desk: Desk) -> None:
        outage = desk.outage()
        if outage is None:
            pytest.skip("nothing lies between us and this broker")
        order = desk.intent()
        with outage, pytest.raises((Unavailable, Unresolved)):
            desk.broker.submit(order)
        again = desk.broker.submit(order)
        assert again.status in WORKING or again.status == "filled"
        desk.let_trade()
        assert effect(desk.broker.fills(since=order.session))[0] == 10
        assert desk.broker.order(order.client_order_id).status == "filled"


def _as_intent(order: Order) -> dict[str, object]:
    return {"status": "intent", "filled_quantity": ZERO, "history": order.history[:1]}
