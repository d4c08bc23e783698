"""Orders through corporate actions, under their ids for good, and absurd ones."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.errors import Conflict, InvalidRequest, NotFound
from schemas.execution import (
    AlmgrenChrissImpact,
    PerOrderCommission,
    SquareRootImpact,
    VolumeShareSlippage,
)
from schemas.risk import RiskLimits
from tests.adapters.acted import action, split
from tests.adapters.bar_markets import FLAT
from tests.adapters.order_runs import (
    SHORT,
    killed,
    made,
    now,
    running,
    step,
    terms,
)
from tests.trading.samples import DAYS, FREE, NYSE


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
