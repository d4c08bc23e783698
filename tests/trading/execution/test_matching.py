"""Where orders and bars meet, type by type, against bars worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.execution import CloseFills, FillPolicy, LimitTouchFills, OpenFills, VwapFills
from schemas.orders import Side, Terms
from tests.trading.execution.bars import bar, order
from trading.execution.bars import SessionBar
from trading.execution.fill_policies import fill_rule
from trading.execution.latency import Presence
from trading.execution.matching import FRESH, Encounter, Meeting, Missed, Past, meet

BAR = bar("100 110 90 105")


def terms(kind: str = "market", force: str = "day", **prices: str) -> Terms:
    return Terms.model_validate({"order_type": kind, "time_in_force": force, **prices})


def met(
    side: Side,
    asked: Terms,
    against: SessionBar = BAR,
    *,
    policy: FillPolicy | None = None,
    presence: Presence = "whole",
    past: Past = FRESH,
) -> tuple[str, str] | str:
    """Return (price, convention), or why there is none."""
    found = meet(
        Encounter(
            order(side, terms=asked), against, fill_rule(policy or OpenFills()), presence, past
        )
    )
    if isinstance(found, Missed):
        return found.reason
    return str(found.price.normalize() + 0), found.convention


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (OpenFills(), ("100", "open")),
        (CloseFills(), ("105", "close")),
        (VwapFills(), ("101.25", "vwap")),  # (100 + 110 + 90 + 105) ÷ 4
        (LimitTouchFills(), ("100", "open")),
    ],
)
def test_a_market_order_takes_the_price_of_the_policy(
    policy: FillPolicy, expected: tuple[str, str]
) -> None:
    assert met("buy", terms(), policy=policy) == expected
    assert met("sell", terms(), policy=policy) == expected


def test_orders_at_open_and_close_take_these_prices_whatever_the_policy() -> None:
    for policy in (OpenFills(), CloseFills(), VwapFills()):
        assert met("buy", terms(force="at_open"), policy=policy) == ("100", "open")
        assert met("buy", terms(force="at_close"), policy=policy) == ("105", "close")


@pytest.mark.parametrize(
    ("side", "limit", "expected"),
    [
        ("buy", "101", ("100", "open")),  # the open is better
        ("buy", "100", ("100", "open")),
        ("buy", "95", ("95", "limit")),
        ("buy", "90", ("90", "limit")),  # touched
        ("buy", "89.99", "its limit of 89.99 was not reached"),
        ("sell", "99", ("100", "open")),
        ("sell", "110", ("110", "limit")),
        ("sell", "110.01", "its limit of 110.01 was not reached"),
    ],
)
def test_a_limit_order_takes_the_open_or_its_own_price(
    side: Side, limit: str, expected: object
) -> None:
    assert met(side, terms("limit", limit_price=limit)) == expected


@pytest.mark.parametrize(
    ("side", "limit", "expected"),
    [
        ("buy", "90.9", ("90.9", "limit")),  # 1 % below is 89.991: passed by the low of 89.99
        ("buy", "90.91", ("90.91", "limit")),
        ("buy", "90.89", "its limit of 90.89 was not reached"),
        ("buy", "101", ("100", "open")),
        ("buy", "100", ("100", "limit")),  # at the open it was only touched, later it was passed
        ("sell", "108.9", ("108.9", "limit")),
        ("sell", "109", "its limit of 109 was not reached"),
    ],
)
def test_penetration_asks_that_the_bar_passes_a_resting_limit(
    side: Side, limit: str, expected: object
) -> None:
    policy = LimitTouchFills(penetration_bps=Decimal(100))
    against = bar("100 110 89.99 105")
    assert met(side, terms("limit", limit_price=limit), against, policy=policy) == expected


@pytest.mark.parametrize(
    ("force", "policy", "limit", "expected"),
    [
        ("ioc", OpenFills(), "100", ("100", "open")),
        ("ioc", OpenFills(), "99", "the open was 100, its limit is 99"),
        ("fok", VwapFills(), "102", ("101.25", "vwap")),
        ("at_open", OpenFills(), "99", "the open was 100, its limit is 99"),
        ("at_close", OpenFills(), "105", ("105", "close")),
        ("at_close", OpenFills(), "104", "the close was 105, its limit is 104"),
    ],
)
def test_a_limit_order_that_does_not_rest_takes_one_price_or_none(
    force: str, policy: FillPolicy, limit: str, expected: object
) -> None:
    asked = terms("limit", force, limit_price=limit)
    assert met("buy", asked, policy=policy) == expected


@pytest.mark.parametrize(
    ("side", "stop", "expected"),
    [
        ("sell", "95", ("95", "stop")),
        ("sell", "90", ("90", "stop")),
        ("sell", "89", "its stop of 89 was not reached"),
        ("sell", "100", ("100", "open")),
        ("sell", "103", ("100", "open")),  # the gap: the open was beyond it
        ("buy", "108", ("108", "stop")),
        ("buy", "97", ("100", "open")),
        ("buy", "111", "its stop of 111 was not reached"),
    ],
)
def test_a_stop_fills_at_its_price_and_through_a_gap_at_the_open(
    side: Side, stop: str, expected: object
) -> None:
    assert met(side, terms("stop", stop_price=stop)) == expected


@pytest.mark.parametrize(
    ("side", "stop", "limit", "expected"),
    [
        ("buy", "108", "109", ("108", "stop")),
        ("buy", "98", "101", ("100", "open")),  # a gap within the limit
        ("buy", "98", "95", ("95", "limit")),  # a gap beyond it, and the bar comes back
        ("buy", "98", "89", "its limit of 89 was not reached"),
        ("buy", "111", "112", "its stop of 111 was not reached"),
        # Touched inside the bar; whether it came back to the limit after that only the close tells.
        ("buy", "108", "106", ("106", "limit")),
        ("buy", "108", "104", "its stop of 108 was reached, its limit of 104 was not"),
        ("sell", "92", "91", ("92", "stop")),
        ("sell", "92", "104", ("104", "limit")),
        ("sell", "92", "106", "its stop of 92 was reached, its limit of 106 was not"),
        ("sell", "102", "99", ("100", "open")),
    ],
)
def test_a_stop_limit_is_a_limit_from_the_touch_on(
    side: Side, stop: str, limit: str, expected: object
) -> None:
    assert met(side, terms("stop_limit", stop_price=stop, limit_price=limit)) == expected


def test_a_stop_that_was_hit_before_is_a_market_or_a_limit_order() -> None:
    hit = Past(is_hit=True)
    assert met("sell", terms("stop", stop_price="50"), past=hit) == ("100", "open")
    asked = terms("stop_limit", stop_price="200", limit_price="92")
    assert met("buy", asked, past=hit) == ("92", "limit")


@pytest.mark.parametrize(
    ("side", "trail", "best", "expected"),
    [
        # A sale begins to trail at the open; the high of its own bar does not raise it.
        ("sell", {"trail_amount": "8"}, None, ("92", "stop")),
        ("sell", {"trail_amount": "12"}, None, "its stop, trailed to 88, was not reached"),
        ("sell", {"trail_share": "0.05"}, None, ("95", "stop")),
        ("sell", {"trail_amount": "8"}, "104", ("96", "stop")),
        ("sell", {"trail_amount": "8"}, "109", ("100", "open")),  # 101: the open is below it
        ("sell", {"trail_amount": "8"}, "97", ("92", "stop")),  # the open raises it to 92
        ("buy", {"trail_amount": "8"}, None, ("108", "stop")),
        ("buy", {"trail_amount": "8"}, "95", ("103", "stop")),
        ("buy", {"trail_share": "0.02"}, "95", ("100", "open")),  # 96.9
        ("buy", {"trail_share": "0.2"}, None, "its stop, trailed to 120, was not reached"),
    ],
)
def test_a_trailing_stop_trails_by_what_was_known_before_the_bar(
    side: Side, trail: dict[str, str], best: str | None, expected: object
) -> None:
    past = Past(best=None if best is None else Decimal(best))
    assert met(side, terms("trailing_stop", **trail), past=past) == expected


def test_where_only_closes_exist_everything_meets_the_close_alone() -> None:
    close = bar("100", close_only=True)

    def found(side: Side, kind: str = "market", force: str = "day", **prices: str) -> object:
        return met(side, terms(kind, force, **prices), close)

    assert found("buy") == found("buy", force="at_open") == ("100", "close")
    assert found("buy", "limit", limit_price="101") == ("100", "close")
    assert found("buy", "limit", limit_price="99") == "its limit of 99 was not reached"
    assert found("sell", "stop", stop_price="101") == ("100", "close")
    assert found("sell", "stop", stop_price="99") == "its stop of 99 was not reached"
    assert found("buy", "stop_limit", stop_price="99", limit_price="98") == (
        "its limit of 98 was not reached"
    )
    assert found("sell", "trailing_stop", trail_amount="1") == "it begins to trail at the close"
    trailing = terms("trailing_stop", trail_amount="1")
    assert met("sell", trailing, close, past=Past(best=Decimal(102))) == ("100", "close")
    assert met("sell", trailing, close, past=Past(best=Decimal("100.5"))) == (
        "its stop of 99.50 was not reached"
    )
    passed = LimitTouchFills(penetration_bps=Decimal(100))
    asked = terms("limit", limit_price="100.5")
    assert met("buy", asked, close, policy=passed) == "its limit of 100.50 was not reached"


def test_an_order_that_comes_after_the_open_takes_the_rest_of_the_day() -> None:
    def found(side: Side, kind: str = "market", force: str = "day", **prices: str) -> object:
        return met(side, terms(kind, force, **prices), presence="rest")

    assert found("buy") == ("101.25", "vwap")
    assert found("buy", force="at_close") == ("105", "close")
    assert found("buy", force="at_open") == "it came after the open"
    assert found("buy", "limit", limit_price="102") == ("102", "limit")
    assert found("sell", "stop", stop_price="103") == ("103", "stop")
    assert found("sell", "trailing_stop", trail_amount="1") == "it begins to trail at the close"
    late = met("buy", terms(), presence="none")
    assert late == "it came after the close"


def test_after_a_fill_inside_the_bar_a_stop_is_feared_and_a_gain_needs_the_close() -> None:
    def found(side: Side, kind: str, **prices: str) -> object:
        return met(side, terms(kind, **prices), presence="after")

    assert found("sell", "stop", stop_price="91") == ("91", "stop")
    assert found("sell", "limit", limit_price="109") == "its limit of 109 was not reached"
    assert found("sell", "limit", limit_price="104") == ("104", "limit")
    assert found("buy", "limit", limit_price="95") == "its limit of 95 was not reached"
    assert found("sell", "market") == ("105", "close")


PRICES = st.decimals("1", "200", places=2)


@st.composite
def bars(draw: st.DrawFn) -> SessionBar:
    numbers = sorted(draw(st.lists(PRICES, min_size=4, max_size=4)))
    inner = draw(st.permutations(numbers[1:3]))
    return SessionBar(BAR.session, inner[0], numbers[3], numbers[0], inner[1], None)


@st.composite
def asked_terms(draw: st.DrawFn) -> Terms:
    kind = draw(st.sampled_from(["market", "limit", "stop", "stop_limit", "trailing_stop"]))
    rests = ["day", "gtc"]
    forces = [*rests, "ioc", "fok", "at_open", "at_close"] if kind in ("market", "limit") else rests
    values: dict[str, Any] = {"order_type": kind, "time_in_force": draw(st.sampled_from(forces))}
    if kind in ("limit", "stop_limit"):
        values["limit_price"] = draw(PRICES)
    if kind in ("stop", "stop_limit"):
        values["stop_price"] = draw(PRICES)
    if kind == "trailing_stop":
        values["trail_amount"] = draw(PRICES)
    return Terms.model_validate(values)


@given(
    asked=asked_terms(),
    side=st.sampled_from(["buy", "sell"]),
    against=bars(),
    presence=st.sampled_from(["whole", "rest", "after"]),
    best=st.none() | PRICES,
    policy=st.sampled_from([OpenFills(), CloseFills(), VwapFills(), LimitTouchFills()]),
)
def test_no_order_meets_a_price_outside_the_bar_or_beyond_its_limit(
    asked: Terms,
    side: Side,
    against: SessionBar,
    presence: Presence,
    best: Decimal | None,
    policy: FillPolicy,
) -> None:
    encounter = Encounter(
        order(side, terms=asked), against, fill_rule(policy), presence, Past(best=best)
    )
    found = meet(encounter)
    if not isinstance(found, Meeting):
        assert found.reason
        return
    assert against.low <= found.price <= against.high
    if asked.limit_price is not None:
        assert found.limit == asked.limit_price
        better = asked.limit_price - found.price
        assert better * (1 if side == "buy" else -1) >= 0
    if asked.stop_price is not None and found.convention in ("stop", "open"):
        worse = found.price - asked.stop_price
        assert worse * (1 if side == "buy" else -1) >= 0 or found.convention == "open"
