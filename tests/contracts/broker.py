"""What every simulated exchange must do; an adapter's test subclasses the suite and gives a run."""

from __future__ import annotations

from decimal import Decimal

import pytest

from interfaces.broker import Posting
from schemas.errors import Conflict, InvalidRequest, LimitBreached, LookAhead, NotFound
from schemas.orders import Terms, Transition
from tests.trading.samples import Run
from trading.account import CAPITAL, CASH
from trading.ledger import verify
from trading.order_states import move


class SimulatedExchangeContract:
    """Subclasses give `run`, a `Run` whose exchange has not begun, and `acted`.

    In `acted`, AAA is split 3:2 on the sixth day and pays 0.50 a unit on the seventh.
    """

    @pytest.fixture
    def run(self) -> Run:
        raise NotImplementedError

    @pytest.fixture
    def acted(self) -> Run:
        raise NotImplementedError

    @pytest.fixture
    def opened(self, run: Run) -> Run:
        run.begin()
        run.deposit("10000.00")
        return run

    @pytest.mark.promise("no-duplicate-order")
    def test_the_same_id_submitted_twice_is_one_order(self, opened: Run) -> None:
        order = opened.order("AAA", "buy", "10")
        taken = opened.exchange.submit(order)
        assert opened.exchange.submit(order) == taken
        assert [each.status for each in taken.history] == ["intent", "submitted", "accepted"]
        assert opened.exchange.orders() == (taken,)
        settled = opened.end()
        assert [fill.client_order_id for fill in settled.fills] == [order.client_order_id]
        assert settled.mark.positions[0].quantity == 10

    @pytest.mark.promise("no-duplicate-order")
    def test_the_same_id_after_a_cancel_or_a_fill_does_not_work_again(self, opened: Run) -> None:
        order = opened.submit("AAA", "buy", "10")
        assert opened.exchange.cancel(order.client_order_id).status == "cancelled"
        assert opened.exchange.submit(order).status == "cancelled"
        assert opened.end().fills == ()

    def test_the_same_id_with_other_content_is_a_conflict(self, opened: Run) -> None:
        order = opened.submit("AAA", "buy", "10")
        for change in ({"quantity": Decimal(11)}, {"side": "sell"}, {"symbol": "BBB"}):
            with pytest.raises(Conflict, match="other content"):
                opened.exchange.submit(order.model_copy(update=change))
        assert opened.exchange.orders() == (order,)

    def test_a_denied_order_is_recorded_and_never_worked(self, opened: Run) -> None:
        order = opened.order("AAA", "buy", "10")
        told = Transition(at=order.placed_as_of, status="denied", cause="gate", reason="a limit")
        denied = move(order, told)
        opened.exchange.submit(denied)
        with pytest.raises(Conflict, match="has ended: denied"):
            opened.exchange.cancel(denied.client_order_id)
        settled = opened.end()
        assert settled.orders == (denied,)
        assert (settled.fills, settled.mark.positions) == ((), ())

    def test_orders_are_for_the_current_session_alone(self, opened: Run) -> None:
        order = opened.order("AAA", "buy", "1")
        with pytest.raises(InvalidRequest, match="orders are taken for"):
            opened.exchange.submit(
                order.model_copy(update={"session": opened.sessions[opened.row + 1]})
            )
        with pytest.raises(InvalidRequest, match="handed over as filled"):
            opened.exchange.submit(order.model_copy(update={"status": "filled"}))
        other = opened.submit("AAA", "buy", "1")
        opened.end()
        assert opened.exchange.order(other.client_order_id).status == "filled"
        opened.begin()
        assert opened.exchange.orders() == ()
        assert opened.exchange.order(other.client_order_id).status == "filled"
        assert opened.exchange.session() == opened.session

    def test_cancelling_what_is_not_there_is_told_apart_from_what_has_ended(
        self, opened: Run
    ) -> None:
        with pytest.raises(NotFound, match="no order"):
            opened.exchange.cancel("nothing")
        order = opened.submit("AAA", "buy", "1")
        opened.exchange.cancel(order.client_order_id)
        with pytest.raises(Conflict, match="has ended"):
            opened.exchange.cancel(order.client_order_id)

    @pytest.mark.promise("no-look-ahead")
    def test_settling_before_the_close_is_refused_and_changes_nothing(self, opened: Run) -> None:
        opened.submit("AAA", "buy", "10")
        before = (opened.exchange.account(), opened.exchange.orders())
        with pytest.raises(LookAhead):
            opened.exchange.settle()
        assert (opened.exchange.account(), opened.exchange.orders()) == before
        assert len(opened.end().fills) == 1

    @pytest.mark.promise("no-look-ahead")
    def test_nothing_answered_before_the_close_knows_the_session(self, opened: Run) -> None:
        opened.submit("AAA", "buy", "10")
        opened.end()
        opened.begin()
        last = opened.market.view(opened.clock.now()).last_close("AAA")
        assert last is not None
        assert last[0] < opened.session
        (position,) = opened.exchange.account().positions
        assert position.price == Decimal(str(last[1]))
        assert opened.exchange.account().session == last[0]

    def test_the_phases_of_a_session_are_kept(self, run: Run) -> None:
        with pytest.raises(Conflict, match="no session"):
            run.exchange.session()
        with pytest.raises(Conflict, match="none has begun"):
            run.deposit("1.00")
        with pytest.raises(Conflict):
            run.exchange.settle()
        run.begin()
        with pytest.raises(Conflict, match="has not ended"):
            run.begin()
        with pytest.raises(Conflict, match="once it is settled"):
            run.exchange.end()
        late = run.order("AAA", "buy", "1")
        run.end()
        with pytest.raises(Conflict, match="orders are taken"):
            run.exchange.submit(late)
        for tick, session in ((0, run.session), (1, run.sessions[run.row - 1])):
            with pytest.raises(Conflict, match="does not follow"):
                run.exchange.begin(tick, session)

    @pytest.mark.promise("ledger-balances")
    def test_a_posting_that_does_not_balance_or_overdraws_leaves_no_trace(
        self, opened: Run
    ) -> None:
        before = opened.exchange.account()
        cases = (
            (InvalidRequest, [Posting(CASH, Decimal(1)), Posting(CAPITAL, Decimal("-0.99"))]),
            (LimitBreached, [Posting(CASH, Decimal(-10001)), Posting(CAPITAL, Decimal(10001))]),
            (
                InvalidRequest,
                [Posting("assets:positions:AAA", Decimal(1)), Posting(CASH, Decimal(-1))],
            ),
        )
        for error, postings in cases:
            with pytest.raises(error):
                opened.exchange.post("deposit", "wrong", postings)
        assert opened.exchange.account() == before
        assert len(opened.end().transactions) == 1

    def test_a_rebuilt_exchange_goes_on_to_the_byte(self, run: Run) -> None:
        self._trade(run, sessions=6)
        stored = [tick.model_validate_json(tick.model_dump_json()) for tick in run.ticks]
        expected = self._another_session(run)
        run.ticks.pop()
        run.row -= 1
        again = replace_exchange(run)
        again.exchange.restore(stored)
        assert self._another_session(again) == expected

    def test_an_order_goes_on_over_sessions_and_through_a_crash(self, opened: Run) -> None:
        far = Terms(order_type="limit", time_in_force="gtc", limit_price=Decimal("0.01"))
        kept = opened.submit("AAA", "buy", "10", far)
        placed = opened.session
        assert opened.end().orders == (kept,)
        opened.begin()
        new = opened.submit("BBB", "buy", "1")
        assert opened.exchange.orders() == (kept, new)
        opened.end()
        again = replace_exchange(opened)
        again.exchange.restore(again.ticks)
        again.begin()
        assert again.exchange.orders() == (kept,)
        assert again.exchange.submit(kept.model_copy(update=_AS_PLACED)) == kept
        (fill,) = again.exchange.fills(since=placed)
        assert fill.client_order_id == new.client_order_id
        assert again.exchange.fills() == ()
        gone = again.exchange.cancel(kept.client_order_id)
        assert again.end().orders == (gone,)
        again.begin()
        assert again.exchange.order(kept.client_order_id) == gone

    @pytest.mark.promise("no-duplicate-order")
    def test_an_id_is_one_order_for_good(self, opened: Run) -> None:
        intent = opened.order("AAA", "buy", "10")
        opened.exchange.submit(intent)
        (done,) = opened.end().orders
        for _ in range(3):
            opened = replace_exchange(opened)
            opened.exchange.restore(opened.ticks)
            opened.begin()
            assert opened.exchange.submit(intent) == done
            with pytest.raises(Conflict, match="other content"):
                opened.exchange.submit(intent.model_copy(update={"side": "sell"}))
            assert opened.end().fills == ()

    @pytest.mark.promise("no-look-ahead")
    def test_what_comes_at_the_close_pays_for_nothing_before_it(self, opened: Run) -> None:
        opened.submit("AAA", "buy", "999")  # cut to all that the cash buys
        opened.end()
        opened.begin()
        held = opened.exchange.account().positions[0].quantity
        sold = opened.submit("AAA", "sell", str(held), Terms(time_in_force="at_close"))
        early = opened.submit("BBB", "buy", "1", Terms(time_in_force="at_open"))
        late = opened.submit("BBB", "buy", "1", Terms(time_in_force="at_close"))
        names = [fill.client_order_id for fill in opened.end().fills]
        # Of a source with closes only, everything meets the close.
        paid = [early, late] if opened.market.info().close_only else [late]
        assert names == [each.client_order_id for each in (sold, *paid)]

    def test_a_buy_after_sells_fills_with_them_and_ends_without_them(self, opened: Run) -> None:
        opened.submit("AAA", "buy", "10")
        opened.end()
        opened.begin()
        needs = Terms(after_sells=True)
        opened.submit("AAA", "sell", "1")
        first = opened.submit("BBB", "buy", "1", needs)
        opened.submit("AAA", "sell", "1", Terms(order_type="limit", limit_price=Decimal(9999)))
        second = opened.submit("BBB", "buy", "1", needs)
        opened.end()
        assert opened.exchange.order(first.client_order_id).status == "filled"
        ended = opened.exchange.order(second.client_order_id)
        assert (ended.status, ended.history[-1].cause) == ("cancelled", "venue")

    @pytest.mark.promise("ledger-balances")
    def test_every_session_is_one_sound_balanced_ledger(self, run: Run) -> None:
        self._trade(run, sessions=12)
        made = [each for tick in run.ticks for each in tick.transactions]
        assert verify(made, tip=run.ticks[-1].ledger_hash).fault is None
        for tick in run.ticks:
            mark = tick.mark
            assert mark.equity == mark.cash + mark.market_value + mark.accrued
            assert mark.market_value == sum(p.market_value for p in mark.positions)
            assert mark.cash >= 0

    @pytest.mark.promise("corporate-actions")
    def test_actions_are_booked_before_any_order_and_leave_the_value(self, acted: Run) -> None:
        acted.begin()
        acted.deposit("10000.00")
        acted.submit("AAA", "buy", "21")
        kinds: list[list[str]] = []
        while acted.row < 9:
            before = acted.end().mark.equity
            acted.begin()
            assert abs(acted.exchange.account().equity - before) <= Decimal("0.01")
            assert acted.exchange.orders() == ()
            kinds.append([each.kind for each in acted.ticks[-1].transactions])
        assert kinds[4:6] == [["split"], ["dividend"]]
        assert acted.exchange.account().positions[0].quantity == Decimal("31.5")

    @pytest.mark.promise("corporate-actions")
    def test_a_rebuilt_exchange_books_no_action_twice(self, acted: Run) -> None:
        acted.begin()
        acted.deposit("10000.00")
        acted.submit("AAA", "buy", "21")
        acted.end()
        while acted.row < 9:
            acted = replace_exchange(acted)
            acted.exchange.restore(acted.ticks)
            acted.begin()
            acted.end()
        kinds = [each.kind for tick in acted.ticks for each in tick.transactions]
        assert kinds == ["deposit", "trade", "split", "dividend"]

    def _trade(self, run: Run, *, sessions: int) -> None:
        for number in range(sessions):
            run.begin()
            if number % 5 == 0:
                run.deposit("1000.00")
            run.submit("AAA", "buy", "3")
            run.submit("BBB", "buy", "99999")
            run.submit("CCC", "sell" if number % 3 == 2 else "buy", "50")
            run.end()

    def _another_session(self, run: Run) -> object:
        run.begin()
        marked = run.exchange.account()
        run.submit("AAA", "sell", "1")
        return marked, run.end()


_AS_PLACED = {"status": "intent", "status_reason": None}


def replace_exchange(run: Run) -> Run:
    """Return the run as another process would take it up: the same clock moment, a new exchange."""
    again = Run(run.market, run.execution, first=run.row, sessions=run.sessions, limits=run.limits)
    again.ticks = list(run.ticks)
    return again
