"""Orders of every type on the simulated exchange, over sessions whose bars are written down."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.errors import Conflict
from schemas.execution import (
    ExecutionModel,
    Participation,
    PerOrderCommission,
    SquareRootImpact,
)
from tests.adapters.acted import split
from tests.adapters.bar_markets import FLAT
from tests.adapters.order_runs import (
    CAPPED,
    CARRIED,
    killed,
    made,
    now,
    running,
    step,
    terms,
    way,
)
from tests.trading.samples import DAYS, FREE, NYSE


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
