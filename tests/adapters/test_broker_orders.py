"""Orders of every type on the simulated exchange, over sessions whose bars are written down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from interfaces.broker import Posting, Settled
from schemas.errors import Conflict, InvalidRequest, LimitBreached, NotFound
from schemas.execution import (
    AlmgrenChrissImpact,
    ExecutionModel,
    Financing,
    Participation,
    PerOrderCommission,
    SquareRootImpact,
    VolumeShareSlippage,
)
from schemas.facts import CorporateAction
from schemas.orders import Order, Terms
from schemas.risk import RiskLimits
from tests.adapters.acted import action, split
from tests.adapters.bar_markets import FLAT, bar_market
from tests.contracts.broker import replace_exchange
from tests.trading.samples import DAYS, FREE, NYSE, Run
from trading.account import CAPITAL, CASH
from trading.order_states import MOVES

SHORT = RiskLimits(allow_short=True)
CAPPED = FREE.model_copy(update={"participation": Participation(max_share=Decimal("0.1"))})
CARRIED = FREE.model_copy(
    update={"participation": Participation(max_share=Decimal("0.1"), carry_sessions=1)}
)


def terms(kind: str = "market", force: str = "day", **rest: Any) -> Terms:
    return Terms.model_validate({"order_type": kind, "time_in_force": force, **rest})


def running(
    *bars: str,
    execution: ExecutionModel = FREE,
    actions: Sequence[CorporateAction] = (),
    limits: RiskLimits | None = None,
    cash: str = "100000.00",
) -> Run:
    """Return a run of AAA that has begun on the first of the bars, a flat session before them."""
    market = bar_market({"AAA": (FLAT, *bars)}, actions=actions)
    run = Run(market, execution, limits=limits)
    run.begin()
    run.deposit(cash)
    return run


def step(run: Run) -> Settled:
    settled = run.end()
    run.begin()
    return settled


def killed(run: Run) -> Run:
    """Return the run as another process takes it up, its session begun."""
    again = replace_exchange(run)
    again.exchange.restore(run.ticks)
    again.begin()
    return again


def now(run: Run, order: Order) -> Order:
    return run.exchange.order(order.client_order_id)


def made(run: Run) -> list[tuple[date, str, str]]:
    """Return (session, units signed, price) of every fill."""
    return [
        (
            fill.session,
            f"{'' if fill.side == 'buy' else '-'}{fill.quantity.normalize():f}",
            f"{fill.price.normalize():f}",
        )
        for fill in run.exchange.fills(since=DAYS[0])
    ]


def way(order: Order) -> list[str]:
    return [each.status for each in order.history]


def test_an_order_until_cancelled_waits_for_its_price_through_sessions_and_a_crash() -> None:
    run = running("100 101 98 99", "99 100 97 98", "96 99 90 95", "95 96 94 95")
    asked = run.submit("AAA", "buy", "10", terms("limit", "gtc", limit_price="95"))
    assert asked.is_working
    step(run)
    assert run.exchange.orders() == (asked,)
    assert run.ticks[0].orders == (asked,)
    assert step(run).orders == ()  # nothing changed: the tick is silent
    run = killed(run)
    assert run.exchange.orders() == (asked,)
    settled = step(run)
    assert made(run) == [(DAYS[3], "10", "95")]
    (done,) = settled.orders
    assert way(done) == ["intent", "submitted", "accepted", "filled"]
    assert [each.at for each in done.history[:3]] == [NYSE.opens_at(DAYS[1])] * 3
    assert done.history[3].at == NYSE.closes_at(DAYS[3]) + timedelta(seconds=1)
    assert run.exchange.orders() == ()
    assert now(run, asked) == done


def test_a_day_order_expires_with_its_session_and_says_what_was_missed() -> None:
    run = running("100 101 98 99", FLAT)
    asked = run.submit("AAA", "buy", "10", terms("limit", limit_price="95"))
    step(run)
    after = now(run, asked)
    assert (after.status, after.status_reason) == ("expired", "its limit of 95 was not reached")
    with pytest.raises(Conflict, match="has ended: expired"):
        run.exchange.cancel(asked.client_order_id)


def test_what_exceeds_the_cash_ends_cancelled_with_what_was_filled() -> None:
    run = running(FLAT, FLAT, cash="500.00")
    asked = run.submit("AAA", "buy", "10")
    step(run)
    after = now(run, asked)
    assert way(after)[-2:] == ["partially_filled", "cancelled"]
    assert (after.filled_quantity.quantize(Decimal("0.001")), after.quantity) == (5, 10)
    assert "500 USD of cash" in str(after.status_reason)
    none = run.submit("AAA", "buy", "10")
    step(run)
    assert (now(run, none).status, now(run, none).filled_quantity) == ("rejected", 0)


def test_a_rest_beyond_the_volume_is_carried_over_as_long_as_the_order_lives() -> None:
    bars = ["100 100 100 100 400", "90 90 90 90 300", "80 80 80 80 200", FLAT]
    run = running(*bars, execution=CAPPED)
    day = run.submit("AAA", "buy", "100")
    step(run)
    after = now(run, day)
    assert way(after)[-2:] == ["partially_filled", "expired"]
    assert after.filled_quantity == 40
    assert after.status_reason == "only 40 of 100 units fit the session's volume"

    run = running(*bars, execution=CARRIED)
    carried = run.submit("AAA", "buy", "100")
    step(run)
    assert now(run, carried).status == "partially_filled"
    run = killed(run)
    step(run)
    assert made(run) == [(DAYS[1], "40", "100"), (DAYS[2], "30", "90")]
    assert (now(run, carried).status, now(run, carried).filled_quantity) == ("expired", 70)

    run = running(*bars, execution=CAPPED)
    until = run.submit("AAA", "buy", "85", terms(force="gtc"))
    for _ in range(3):
        step(run)
        run = killed(run)
    assert made(run)[2:] == [(DAYS[3], "15", "80")]
    assert way(now(run, until)) == [
        *("intent", "submitted", "accepted"),
        *("partially_filled", "partially_filled", "filled"),
    ]
    assert now(run, until).status_reason is None
    fills = run.exchange.fills(since=DAYS[0])
    assert [fill.fill_id for fill in fills] == [f"{until.client_order_id}-{n}" for n in range(3)]
    assert run.exchange.fills(since=DAYS[3]) == fills[2:]


def test_orders_of_one_symbol_share_the_volume_of_a_bar() -> None:
    run = running("100 100 100 100 400", FLAT, execution=CAPPED)
    orders = [run.submit("AAA", "buy", "30") for _ in range(2)]
    step(run)
    assert [now(run, each).filled_quantity for each in orders] == [30, 10]


def test_an_order_fee_is_paid_once_however_many_sessions_it_takes() -> None:
    execution = CAPPED.model_copy(update={"commission": PerOrderCommission(fee=Decimal("4.95"))})
    run = running("100 100 100 100 400", FLAT, FLAT, execution=execution)
    run.submit("AAA", "buy", "50", terms(force="gtc"))
    step(run)
    run = killed(run)
    step(run)
    fees = [fill.commission for fill in run.exchange.fills(since=DAYS[0])]
    assert fees == [Decimal("4.95"), 0]


@pytest.mark.parametrize(
    ("force", "status", "filled"), [("ioc", "cancelled", 40), ("fok", "cancelled", 0)]
)
def test_immediate_orders_never_wait(force: str, status: str, filled: int) -> None:
    run = running("100 100 100 100 400", FLAT, execution=CARRIED)
    asked = run.submit("AAA", "buy", "100", terms(force=force))
    step(run)
    assert (now(run, asked).status, now(run, asked).filled_quantity) == (status, filled)
    assert now(run, asked).status_reason


def test_without_a_known_volume_a_volume_policy_fills_nothing_and_says_why() -> None:
    for change in ({"participation": Participation()}, {"impact": SquareRootImpact()}):
        run = running("100 100 100 100", execution=FREE.model_copy(update=change))
        asked = run.submit("AAA", "buy", "1")
        kept = run.submit("AAA", "buy", "1", terms(force="gtc"))
        step(run)
        told = "its volume in the session is not known"
        assert (now(run, asked).status, now(run, asked).status_reason) == ("expired", told)
        assert (now(run, kept).status, now(run, kept).status_reason) == ("accepted", told)


# --- stops ---


def test_a_stop_limit_that_was_touched_is_a_limit_order_from_then_on() -> None:
    # Touched at 105 on the first day, when the bar did not come back to 102 by its close.
    run = running("100 106 100 104", "103 108 102.5 107", "105 106 101 106", FLAT)
    asked = run.submit(
        "AAA", "buy", "10", terms("stop_limit", "gtc", stop_price="105", limit_price="102")
    )
    for _ in range(3):
        step(run)
        run = killed(run)
    # On the third day the high of 106 would have touched it; on the second it was a limit order.
    assert made(run) == [(DAYS[3], "10", "102")]
    assert now(run, asked).status == "filled"


def test_a_trailing_stop_follows_the_highs_of_sessions_before() -> None:
    # Begins at 100 (91 if nothing comes): high 108 -> 98; high 120 -> 110 from the third day on.
    run = running("100 108 95 107", "107 120 101 119", "119 119 111 112", "112 113 105 106", FLAT)
    run.submit("AAA", "buy", "10")
    asked = run.submit("AAA", "sell", "10", terms("trailing_stop", "gtc", trail_amount="10"))
    step(run)
    for _ in range(3):
        run = killed(run)
        step(run)
    assert made(run)[1:] == [(DAYS[4], "-10", "110")]
    assert now(run, asked).status == "filled"


def test_a_trailing_stop_is_not_stopped_out_by_a_split() -> None:
    bars = ["100 110 99 108", "54 56 52 55", "50 50.5 44 45", FLAT]
    run = running(*bars, actions=[split("AAA", DAYS[2], "2:1")])
    run.submit("AAA", "buy", "10")
    asked = run.submit("AAA", "sell", "10", terms("trailing_stop", "gtc", trail_amount="16"))
    step(run)
    assert now(run, asked).terms.trail_amount == 8
    assert now(run, asked).quantity == 20
    run = killed(run)
    step(run)
    run = killed(run)
    # The highs were 55 and 56 in new units: the stop stands at 48 on the third day.
    step(run)
    assert made(run)[1:] == [(DAYS[3], "-20", "48")]


# --- brackets and groups ---


def bracket(
    run: Run, *, stop: str, target: str, entry: Terms | None = None, units: str = "10"
) -> tuple[Order, Order, Order]:
    parent = run.submit("AAA", "buy", units, entry or terms())
    ties = {"parent_id": parent.client_order_id, "oco_group": "exit"}
    down = run.submit("AAA", "sell", units, terms("stop", "gtc", stop_price=stop, **ties))
    up = run.submit("AAA", "sell", units, terms("limit", "gtc", limit_price=target, **ties))
    return parent, down, up


def test_children_wait_for_their_parent_and_one_exit_cancels_the_other() -> None:
    run = running("100 101 98 99", "99 100 94 96", "96 111 96 110", FLAT)
    entry = terms("limit", "gtc", limit_price="95")
    parent, down, up = bracket(run, stop="90", target="108", entry=entry)
    assert [each.status for each in (parent, down, up)] == ["accepted", "intent", "intent"]
    step(run)
    run = killed(run)
    assert [now(run, each).status for each in (down, up)] == ["intent", "intent"]
    step(run)
    run = killed(run)
    assert [now(run, each).status for each in (parent, down, up)] == [
        "filled",
        "accepted",
        "accepted",
    ]
    step(run)
    assert made(run) == [(DAYS[2], "10", "95"), (DAYS[3], "-10", "108")]
    assert now(run, down).status == "cancelled"
    assert now(run, down).status_reason == f"{up.client_order_id} of its group has filled"


def test_of_stop_and_target_inside_one_bar_the_worse_is_taken_and_said() -> None:
    run = running("100 110 90 105", FLAT)
    _, down, up = bracket(run, stop="95", target="108")
    step(run)
    assert made(run) == [(DAYS[1], "10", "100"), (DAYS[1], "-10", "95")]
    assert now(run, down).status == "filled"
    assert "the worse for the account was taken" in str(now(run, up).status_reason)


def test_what_the_open_decides_comes_before_what_the_bar_may_hold() -> None:
    run = running("100 101 99 100", "112 113 90 95", FLAT)
    _, down, up = bracket(run, stop="95", target="108")
    step(run)
    step(run)
    assert made(run)[1:] == [(DAYS[2], "-10", "112")]
    assert now(run, up).status == "filled"
    assert now(run, down).status_reason == f"{up.client_order_id} of its group has filled"


def test_after_an_entry_inside_the_bar_the_stop_is_feared_and_the_target_needs_the_close() -> None:
    entry = terms("limit", limit_price="95")
    run = running("100 110 89 94", "94 107 94 100", FLAT)
    _, _, up = bracket(run, stop="90", target="108", entry=entry)
    step(run)
    assert made(run) == [(DAYS[1], "10", "95"), (DAYS[1], "-10", "90")]
    run = running("100 110 94 96", "96 107 95 100", FLAT)
    _, down, up = bracket(run, stop="90", target="108", entry=entry)
    step(run)
    run = killed(run)
    step(run)
    assert [now(run, each).status for each in (down, up)] == ["accepted", "accepted"]


def test_children_end_with_a_parent_that_never_filled_and_exit_no_more_than_it_entered() -> None:
    run = running("100 101 98 99", FLAT, FLAT)
    parent, down, _ = bracket(run, stop="90", target="120", entry=terms("limit", limit_price="9"))
    step(run)
    told = f"its parent {parent.client_order_id} ended without a fill"
    assert (now(run, down).status, now(run, down).status_reason) == ("cancelled", told)
    assert way(now(run, down)) == ["intent", "cancelled"]

    run = running("100 100 100 100 40", FLAT, FLAT, execution=CAPPED)
    parent, down, up = bracket(run, stop="90", target="120")
    step(run)
    run = killed(run)
    assert now(run, parent).filled_quantity == 4
    assert [now(run, each).quantity for each in (down, up)] == [4, 4]
    assert now(run, up).status_reason == "cut to the 4 that its parent filled"


def test_cancelling_a_parent_cancels_what_waits_for_it() -> None:
    run = running(FLAT, FLAT)
    entry = terms("limit", "gtc", limit_price="50")
    parent, down, up = bracket(run, stop="40", target="60", entry=entry)
    run.exchange.cancel(parent.client_order_id)
    assert [now(run, each).status for each in (parent, down, up)] == ["cancelled"] * 3
    assert len(run.end().orders) == 3


def test_a_child_of_an_unknown_parent_is_rejected_and_one_of_a_filled_one_works_at_once() -> None:
    run = running(FLAT, FLAT, FLAT)
    orphan = run.submit("AAA", "sell", "1", terms(parent_id="nobody"))
    assert way(orphan) == ["intent", "submitted", "rejected"]
    parent = run.submit("AAA", "buy", "5")
    step(run)
    late = run.submit("AAA", "sell", "5", terms(parent_id=parent.client_order_id))
    assert late.status == "accepted"
    step(run)
    assert now(run, late).status == "filled"


# --- time ---


def delayed(seconds: int) -> ExecutionModel:
    return FREE.model_copy(update={"latency_seconds": seconds})


def test_a_slow_order_takes_the_rest_of_the_day_and_a_slower_one_the_next() -> None:
    bars = ["100 110 90 104", "120 130 110 120", "140 150 130 140", FLAT]
    expected = {
        60: (DAYS[1], "10", "100"),
        61: (DAYS[1], "10", "101"),  # (100 + 110 + 90 + 104) ÷ 4
        7 * 3600: (DAYS[2], "10", "120"),
        2 * 24 * 3600: (DAYS[2], "10", "120"),  # from a Friday to Sunday
        4 * 24 * 3600: (DAYS[3], "10", "140"),
    }
    for seconds, fill in expected.items():
        run = running(*bars, execution=delayed(seconds))
        asked = run.submit("AAA", "buy", "10")
        for _ in range(3):
            step(run)
            run = killed(run)
        assert made(run) == [fill], seconds
        assert now(run, asked).status == "filled"


def test_a_slow_order_at_the_open_comes_too_late_for_it() -> None:
    run = running(FLAT, FLAT, execution=delayed(61))
    asked = run.submit("AAA", "buy", "10", terms(force="at_open"))
    step(run)
    assert now(run, asked).status_reason == "it came after the open"


# --- corporate actions ---


@pytest.mark.promise("corporate-actions")
def test_a_split_restates_resting_orders_and_their_ids_still_mean_the_same() -> None:
    run = running(FLAT, "50 50 50 50", "50 50 47 48", FLAT, actions=[split("AAA", DAYS[2], "2:1")])
    intent = run.order("AAA", "buy", "10", terms("limit", "gtc", limit_price="95"))
    run.exchange.submit(intent)
    step(run)
    run = killed(run)
    after = now(run, intent)
    assert (after.quantity, after.terms.limit_price) == (20, Decimal("47.5"))
    assert run.exchange.submit(intent) == after
    with pytest.raises(Conflict, match="other content"):
        run.exchange.submit(intent.model_copy(update={"quantity": Decimal(20)}))
    step(run)
    run = killed(run)
    assert run.exchange.submit(intent) == after
    step(run)
    assert made(run) == [(DAYS[3], "20", "47.5")]


@pytest.mark.promise("corporate-actions")
def test_a_ticker_change_is_followed_and_a_delisting_cancels() -> None:
    renamed = action("ticker_change", "AAA", DAYS[2], new_symbol="AAB")
    run = running(FLAT, FLAT, "90 90 90 90", FLAT, actions=[renamed])
    asked = run.submit("AAA", "buy", "10", terms("limit", "gtc", limit_price="95"))
    step(run)
    assert now(run, asked).symbol == "AAB"
    run = killed(run)
    step(run)
    step(run)
    assert [fill.symbol for fill in run.exchange.fills(since=DAYS[0])] == ["AAB"]

    gone = action("delisting", "AAA", DAYS[2])
    run = running(FLAT, actions=[gone])
    asked = run.submit("AAA", "buy", "10", terms("limit", "gtc", limit_price="95"))
    step(run)
    assert now(run, asked).status == "cancelled"
    assert now(run, asked).status_reason == f"AAA was delisted on {DAYS[2].isoformat()}"


def test_a_split_of_the_session_itself_keeps_its_symbol_from_being_traded() -> None:
    noon = NYSE.opens_at(DAYS[1]) + timedelta(hours=2)
    late = split("AAA", DAYS[1], "2:1", known=noon)
    run = running("50 50 50 50", "50 50 50 50", FLAT, actions=[late])
    day = run.submit("AAA", "buy", "10")
    kept = run.submit("AAA", "buy", "10", terms("limit", "gtc", limit_price="100"))
    step(run)
    assert made(run) == []
    assert "was split in the course of the session" in str(now(run, day).status_reason)
    run = killed(run)
    assert (now(run, kept).quantity, now(run, kept).terms.limit_price) == (20, 50)
    step(run)
    assert made(run) == [(DAYS[2], "20", "50")]


# --- ids, fills and answers over time ---


def test_an_order_is_known_by_its_id_for_good() -> None:
    run = running(*[FLAT] * 12)
    intent = run.order("AAA", "buy", "1")
    run.exchange.submit(intent)
    first = step(run)
    for _ in range(8):
        run.submit("AAA", "buy", "1")
        step(run)
    for each in (run, killed(run)):
        assert each.exchange.submit(intent) == first.orders[0]
        with pytest.raises(Conflict, match="other content"):
            each.exchange.submit(intent.model_copy(update={"side": "sell"}))
        assert each.exchange.fills(since=DAYS[1])[:1] == first.fills
        assert len(each.exchange.fills(since=DAYS[5])) == 5
        with pytest.raises(NotFound):
            each.exchange.order("nobody")


def test_only_intents_and_denials_are_taken_and_nothing_is_cancelled_between_sessions() -> None:
    run = running(FLAT, FLAT)
    intent = run.order("AAA", "buy", "1")
    with pytest.raises(InvalidRequest, match="handed over as accepted"):
        run.exchange.submit(intent.model_copy(update={"status": "accepted"}))
    with pytest.raises(InvalidRequest, match="handed over as intent"):
        run.exchange.submit(intent.model_copy(update={"history": ()}))
    kept = run.submit("AAA", "buy", "1", terms("limit", "gtc", limit_price="1"))
    run.end()
    with pytest.raises(Conflict, match="within a session"):
        run.exchange.cancel(kept.client_order_id)


@pytest.mark.parametrize("limits", [None, SHORT, RiskLimits(allow_leverage=True)])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"impact": SquareRootImpact(window=2)},
        {"impact": AlmgrenChrissImpact(window=2)},
        {"slippage": VolumeShareSlippage()},
        {"commission": PerOrderCommission(fee=Decimal(5))},
    ],
)
def test_absurd_quantities_end_like_any_other(
    limits: RiskLimits | None, change: dict[str, Any]
) -> None:
    bars = [FLAT, "101 101 101 101 1000", "99 99 99 99 1", FLAT]
    run = running(*bars, execution=FREE.model_copy(update=change), limits=limits)
    run.submit("AAA", "buy", "10")
    step(run)
    step(run)
    for side in ("buy", "sell"):
        for quantity, notional in (("9223372036854.775807", None), ("1", "92233720368547758.07")):
            run.submit("AAA", side, quantity, terms(notional=notional))
    run.submit("AAA", "buy", "0.000001", terms(notional="0.01"))
    run.submit("AAA", "buy", "9223372036854.775807", terms("limit", limit_price="9223372036854"))
    settled = step(run)
    assert all(each.status_reason for each in settled.orders if each.status != "filled")
    assert settled.mark.cash >= 0 or (limits is not None and limits.allow_leverage)
    assert abs(settled.mark.market_value) <= 200_000


# --- what is borrowed ---


def test_a_short_sale_pays_its_fee_by_calendar_day_and_buys_back() -> None:
    fees = Financing(borrow_fee_annual=Decimal("0.36"), cash_rate_annual=Decimal("0.018"))
    execution = FREE.model_copy(update={"financing": fees})
    bars = ["100 100 100 100", "90 90 90 90", "80 80 80 80", FLAT]
    run = running(*bars, execution=execution, limits=SHORT, cash="1000.00")
    run.submit("AAA", "sell", "10")
    settled = step(run)
    assert settled.mark.cash == Decimal("2000.00")
    assert settled.mark.market_value == Decimal("-1000.00")
    assert settled.mark.equity == Decimal("1000.00")
    # From Friday to Monday three days: 1000 × 0.36 × 3 ÷ 360 = 3.00, 2000 × 0.018 × 3 ÷ 360 = 0.30.
    assert (DAYS[2] - DAYS[1]).days == 3
    run = killed(run)
    settled = step(run)
    assert [each.kind for each in settled.transactions] == ["interest", "borrow_fee"]
    assert settled.mark.cash == Decimal("1997.30")
    run = killed(run)
    back = run.submit("AAA", "buy", "10")
    settled = step(run)
    (fill,) = settled.fills
    assert fill.realised_gain == Decimal("200.00")
    # One day: 900 × 0.36 ÷ 360 = 0.90 and 1997.30 × 0.018 ÷ 360 = 0.099865.
    assert settled.mark.cash == Decimal("1997.30") - 800 + Decimal("0.10") - Decimal("0.90")
    assert now(run, back).status == "filled"
    assert settled.mark.positions == ()


def test_a_short_sale_is_cut_to_what_may_be_borrowed() -> None:
    run = running(FLAT, FLAT, limits=SHORT, cash="1000.00")
    asked = run.submit("AAA", "sell", "30")
    step(run)
    assert now(run, asked).filled_quantity == 10
    assert "times the equity" in str(now(run, asked).status_reason)
    run = running(FLAT, FLAT, cash="1000.00")
    asked = run.submit("AAA", "sell", "30")
    step(run)
    assert (now(run, asked).status, made(run)) == ("rejected", [])


def test_a_fee_that_the_cash_does_not_cover_is_owed_and_paid_later() -> None:
    fees = Financing(borrow_fee_annual=Decimal("3.6"))
    execution = FREE.model_copy(update={"financing": fees})
    run = running(FLAT, FLAT, FLAT, execution=execution, limits=SHORT, cash="1000.00")
    run.submit("AAA", "sell", "10")
    step(run)
    run.exchange.post(
        "deposit", "out", [Posting(CASH, Decimal(-2000)), Posting(CAPITAL, Decimal(2000))]
    )
    settled = step(run)
    # 1000 × 3.6 × 3 ÷ 360.
    assert (settled.mark.cash, settled.mark.accrued) == (0, Decimal("-30.00"))
    run.deposit("100.00")
    settled = step(run)  # a day's fee of 10 is paid at its end; what is owed, by the next open
    assert (settled.mark.cash, settled.mark.accrued) == (Decimal("90.00"), Decimal("-30.00"))
    settled = step(killed(run))
    assert (settled.mark.cash, settled.mark.accrued) == (Decimal("50.00"), 0)


LEVERED = RiskLimits(allow_leverage=True, max_gross_share=Decimal(2))


def test_money_is_borrowed_up_to_the_gross_limit_and_costs_interest() -> None:
    debt = Financing(debit_rate_annual=Decimal("0.072"))
    execution = FREE.model_copy(update={"financing": debt})
    run = running(FLAT, FLAT, FLAT, execution=execution, limits=LEVERED, cash="1000.00")
    asked = run.submit("AAA", "buy", "30")
    settled = step(run)
    assert now(run, asked).filled_quantity == 20
    assert settled.mark.cash == Decimal("-1000.00")
    with pytest.raises(LimitBreached, match="more debt than 2 times"):
        run.exchange.post(
            "deposit", "out", [Posting(CASH, Decimal(-1)), Posting(CAPITAL, Decimal(1))]
        )
    run = killed(run)
    # 1000 × 0.072 × 3 ÷ 360.
    assert step(run).mark.cash == Decimal("-1000.60")


# --- always ---


def test_every_history_is_a_path_of_moves() -> None:
    run = running("100 110 90 105 400", "95 120 80 85 300", FLAT, FLAT, execution=CARRIED)
    bracket(run, stop="95", target="108", units="80")
    run.submit("AAA", "buy", "70", terms(force="fok"))
    run.submit("AAA", "sell", "70", terms("trailing_stop", trail_share="0.1"))
    seen: dict[str, Order] = {}
    for _ in range(3):
        for each in step(run).orders:
            seen[each.client_order_id] = each
        run = killed(run)
    assert len(seen) == 5
    for each in seen.values():
        assert each.history[0].status == "intent"
        assert each.history[-1].status == each.status
        for earlier, later in pairwise(each.history):
            assert later.status in MOVES[earlier.status]
            assert earlier.at <= later.at
