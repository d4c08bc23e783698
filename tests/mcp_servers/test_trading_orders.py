"""Orders of every kind through the tools: terms, brackets, groups, lots, explanations."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from schemas.errors import InvalidRequest
from schemas.execution import ExecutionModel
from schemas.orders import Order
from schemas.risk import RiskLimits, Rule, Sizing
from tests.mcp_servers.desks import Call, Desk, order
from tests.trading.samples import FREE

KINDS: tuple[dict[str, Any], ...] = (
    *({"time_in_force": each} for each in ("day", "gtc", "ioc", "fok", "at_open", "at_close")),
    *(
        {"order_type": "limit", "limit_price": "95", "time_in_force": each}
        for each in ("day", "gtc", "ioc", "fok", "at_open", "at_close")
    ),
    *(
        {**kind, "time_in_force": each}
        for each in ("day", "gtc")
        for kind in (
            {"order_type": "stop", "stop_price": "110"},
            {"order_type": "stop_limit", "stop_price": "110", "limit_price": 111.5},
            {"order_type": "trailing_stop", "trail_amount": "4"},
            {"order_type": "trailing_stop", "trail_share": 0.05},
        )
    ),
    {"quantity": None, "notional": "250.00"},
    {"quantity": None, "notional": 250, "order_type": "limit", "limit_price": "95"},
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))
def test_every_kind_of_order_reaches_the_broker_as_it_was_asked_for(kind: dict[str, Any]) -> None:
    desk = Desk()
    asked = {**kind, "client_key": "mine"}
    answer = desk.place(**asked)
    assert answer["status"] == "accepted"
    (order,) = desk.run.exchange.orders()
    terms = order.terms
    assert terms.order_type == kind.get("order_type", "market")
    assert terms.time_in_force == kind.get("time_in_force", "day")
    for name in ("limit_price", "stop_price", "trail_amount", "trail_share", "notional"):
        found = getattr(terms, name)
        assert (None if found is None else float(found)) == (
            float(kind[name]) if name in kind else None
        )
    assert [step.status for step in order.history] == ["intent", "submitted", "accepted"]
    assert order.history[1].reason == order.gate
    assert "nearest limit" in (order.gate or "")
    assert desk.place(**asked) == answer
    assert len(desk.run.exchange.orders()) == 1


BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({"order_type": "limit"}, "a limit order needs a limit_price"),
    ({"order_type": "stop"}, "a stop order needs a stop_price"),
    ({"order_type": "stop_limit", "stop_price": "110"}, "needs a limit_price"),
    ({"limit_price": "95"}, "a market order takes no limit_price"),
    ({"stop_price": "95"}, "a market order takes no stop_price"),
    ({"order_type": "limit", "limit_price": "95", "stop_price": "9"}, "takes no stop_price"),
    ({"notional": "100"}, "either a quantity or a notional"),
    ({"quantity": None}, "give a quantity or a notional"),
    ({"order_type": "trailing_stop"}, "one of trail_amount and trail_share"),
    (
        {"order_type": "trailing_stop", "trail_amount": "1", "trail_share": "0.1"},
        "one of trail_amount and trail_share",
    ),
    ({"trail_share": "0.1"}, "does not trail"),
    ({"order_type": "trailing_stop", "trail_share": 2}, "trail_share: .* less than 1"),
    ({"order_type": "stop", "stop_price": "110", "time_in_force": "fok"}, "good for the day"),
    ({"order_type": "iceberg"}, "order_type"),
    ({"time_in_force": "forever"}, "time_in_force"),
    ({"oco_group": "g" * 37}, "oco_group: .* at most 36"),
    ({"side": "sell", "lots": ["20200102-1"]}, "no lot '20200102-1' of AAA .*trading_get_lots"),
    ({"side": "sell", "lots": ["x" * 200]}, "no lot 'x{40}' of AAA"),
    ({"lots": "20200102-1"}, "lots"),
    ({"side": "sell", "lots": ["1"] * 101}, "lots: .* at most 100"),
)


def test_what_does_not_go_together_is_refused_in_a_sentence() -> None:
    desk = Desk()

    async def script(call: Call) -> None:
        for change, says in BAD:
            said = await call("place_order", **order(**change))
            assert isinstance(said, str), change
            assert re.match(f"invalid-request: .*{says}", said), said
            assert "\n" not in said

    desk.use(script)
    assert desk.run.exchange.orders() == ()


NO_NUMBERS: tuple[object, ...] = (
    1e308,
    "1e308",
    -1,
    "-0.01",
    0,
    "0",
    "1e-9",
    "NaN",
    "Infinity",
    True,
    [5],
    {},
    "five",
)


@pytest.mark.parametrize(
    ("name", "order_type"),
    [
        ("notional", "market"),
        ("limit_price", "limit"),
        ("stop_price", "stop"),
        ("trail_amount", "trailing_stop"),
        ("trail_share", "trailing_stop"),
        ("take_profit", "market"),
        ("stop_loss", "market"),
    ],
)
def test_a_number_that_is_none_is_refused_wherever_one_is_asked_for(
    name: str, order_type: str
) -> None:
    desk = Desk()

    async def script(call: Call) -> None:
        for number in NO_NUMBERS:
            said = await call("place_order", **order(order_type=order_type, **{name: number}))
            assert said.startswith(f"invalid-request: {name} must"), (number, said)

    desk.use(script)
    assert desk.run.exchange.orders() == ()


def exits_of(desk: Desk, entry: dict[str, Any]) -> list[Order]:
    return [desk.run.exchange.order(name) for name in entry["exit_ids"]]


@pytest.mark.promise("no-duplicate-order")
def test_a_bracket_is_three_orders_however_often_it_is_asked_for() -> None:
    desk = Desk()
    asked = {"take_profit": "120", "stop_loss": "80", "client_key": "mine"}
    entry = desk.place(**asked)
    profit, loss = exits_of(desk, entry)
    assert (profit.terms.order_type, loss.terms.order_type) == ("limit", "stop")
    for leaves in (profit, loss):
        assert (leaves.status, leaves.side, leaves.quantity) == ("intent", "sell", 10)
        assert leaves.terms.parent_id == leaves.terms.oco_group == entry["client_order_id"]
        assert leaves.terms.time_in_force == "gtc"
    assert desk.place(**asked) == entry
    assert len(desk.run.exchange.orders()) == 3
    desk.next()
    assert {each.status for each in exits_of(desk, entry)} == {"accepted"}
    desk.call("cancel_order", client_order_id=profit.client_order_id)
    assert [each.status for each in exits_of(desk, entry)] == ["cancelled", "accepted"]


def test_exits_end_with_an_entry_that_never_filled() -> None:
    desk = Desk()
    entry = desk.place(order_type="limit", limit_price="60", take_profit="120", stop_loss="50")
    desk.next()
    assert desk.run.exchange.order(entry["client_order_id"]).status == "expired"
    assert {each.status for each in exits_of(desk, entry)} == {"cancelled"}


@pytest.mark.parametrize(
    ("change", "limit"),
    [
        ({"side": "sell", "take_profit": "80"}, "allow_short"),
        ({"take_profit": "60"}, "terms"),
        ({"stop_loss": "140"}, "terms"),
        ({"take_profit": "120", "stop_loss": "140"}, "terms"),
        ({"order_type": "limit", "limit_price": "90", "take_profit": "85"}, "terms"),
        ({"take_profit": "999"}, "price_collar"),
        ({"symbol": "LATE", "stop_loss": "1"}, "symbol"),
        ({"quantity": "100000", "stop_loss": "80"}, "allow_leverage"),
    ],
)
def test_a_bracket_is_placed_whole_or_not_at_all(change: dict[str, Any], limit: str) -> None:
    desk = Desk()
    entry = desk.place(**change)
    assert (entry["status"], entry["denied"]["limit"]) == ("denied", limit)
    assert entry["exit_ids"] == []
    assert [order.status for order in desk.run.exchange.orders()] == ["denied"]
    assert desk.run.end().fills == ()


def test_an_entry_whose_exit_the_venue_refuses_does_not_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk()
    real = desk.run.exchange.submit

    def submit(order: Order) -> Order:
        if order.terms.parent_id is not None:
            raise InvalidRequest("brackets are not taken here")
        return real(order)

    monkeypatch.setattr(desk.run.exchange, "submit", submit)
    assert "brackets are not taken here" in desk.place(stop_loss="80")
    assert [order.status for order in desk.run.exchange.orders()] == ["cancelled"]


def test_of_a_group_the_first_that_fills_cancels_the_others() -> None:
    desk = Desk()
    resting = {"order_type": "limit", "limit_price": "60", "time_in_force": "gtc"}
    low = desk.place(**resting, oco_group="either")
    now = desk.place(oco_group="either")
    other = desk.place(**resting, oco_group="another")
    desk.run.end()
    names = [each["client_order_id"] for each in (now, low, other)]
    found = [desk.run.exchange.order(name).status for name in names]
    assert found == ["filled", "cancelled", "accepted"]


def bought_twice(desk: Desk) -> list[str]:
    """Buy ten units and then five; return the ids of the lots."""
    desk.place()
    desk.next()
    desk.place(quantity="5")
    desk.next()
    lots = desk.call("get_lots", symbol="AAA")
    assert lots["quantities"] == ["10", "5"]
    return lots["lots"]


def test_lots_are_shown_and_the_ones_that_are_named_go_first() -> None:
    desk = Desk(execution=FREE)
    old, new = bought_twice(desk)
    lots, held = desk.call("get_lots", symbol="AAA"), desk.call("get_positions")
    assert lots["opened"] == [f"{each[:4]}-{each[4:6]}-{each[6:8]}" for each in (old, new)]
    for name in ("costs", "unrealised_gains"):
        assert sum(map(Decimal, lots[name])) == Decimal(held[name][0])
    assert lots["method"] == "fifo"
    assert desk.place(side="sell", quantity="4", lots=[new])["status"] == "accepted"
    (sale,) = desk.run.end().fills
    desk.run.begin()
    assert desk.call("get_lots", symbol="AAA")["quantities"] == ["10", "1"]
    cost = Decimal(lots["costs"][1]) * 4 / 5
    assert abs(sale.amount - cost - (sale.realised_gain or 0)) <= Decimal("0.01")
    assert desk.call("get_lots", symbol="BBB")["lots"] == []
    assert "of BBB" in desk.place(symbol="BBB", side="sell", lots=[old])
    assert "of AAA that this order could close" in desk.place(lots=[old])


def test_a_trade_is_explained_as_far_as_it_has_come() -> None:
    desk = Desk(execution=ExecutionModel())
    placed = desk.place(order_type="limit", limit_price="120", time_in_force="gtc")
    name = placed["client_order_id"]
    before = desk.call("explain_trade", client_order_id=name)
    assert before["moves"]["statuses"] == ["intent", "submitted", "accepted"]
    assert before["moves"]["causes"] == ["agent", "gate", "venue"]
    assert before["moves"]["reasons"][1] == before["gate"]
    assert before["fills"]["prices"] == []
    assert (before["reason"], before["limit_price"]) == ("cheap", "120")
    (fill,) = desk.run.end().fills
    desk.run.begin()
    after = desk.call("explain_trade", client_order_id=name)
    assert after["moves"]["statuses"][-1] == after["status"] == "filled"
    told = after["fills"]
    assert Decimal(told["prices"][0]) == fill.price
    costs = ("amounts", "commissions", "spread_costs", "slippage_costs", "impact_costs")
    fields = ("amount", "commission", "spread_cost", "slippage_cost", "impact_cost")
    for column, field in zip(costs, fields, strict=True):
        assert Decimal(told[column][0]) == getattr(fill, field)
    assert told["sessions"] == [fill.session.isoformat()]
    denied = desk.place(symbol="NONE")["client_order_id"]
    refused = desk.call("explain_trade", client_order_id=denied)
    assert refused["moves"]["causes"] == ["agent", "gate"]
    assert refused["status_reason"] == refused["moves"]["reasons"][1]
    assert "not-found" in desk.call("explain_trade", client_order_id="f" * 32)


def test_a_sized_order_asked_for_again_is_the_same_order() -> None:
    desk = Desk(RiskLimits(sizing=Sizing(share=Decimal("0.2"))), execution=FREE)
    asked = {"quantity": None, "client_key": "mine"}
    first = desk.place(**asked)
    close = Decimal(desk.call("preview_order", symbol="AAA", side="buy", quantity=1)["last_close"])
    assert abs(Decimal(first["quantity"]) * close - 2000) < Decimal("0.01")
    assert desk.place(**asked) == first
    assert "as large as its sizing rule lets it be" in desk.place(quantity=None)
    assert "give a quantity or a notional" in desk.place(quantity=None, side="sell")


def test_a_trimmed_order_asked_for_again_is_the_same_order() -> None:
    rule = Rule(id="small", action="trim", measure="order_share", max=Decimal("0.05"))
    desk = Desk(RiskLimits(rules=(rule,)))
    first = desk.place(client_key="mine")
    assert Decimal(first["quantity"]) < 10
    assert desk.place(client_key="mine") == first
    (order,) = desk.run.exchange.orders()
    assert "trimmed by rule small" in (order.gate or "")
    assert "conflict" in desk.place(client_key="mine", quantity="1")


PREVIEWED: tuple[dict[str, Any], ...] = (
    {},
    {"quantity": "2"},
    {"quantity": None, "notional": "1000"},
    {"quantity": None, "notional": "100.10"},
    {"quantity": "20", "order_type": "limit", "limit_price": "95"},
    {"quantity": "20", "order_type": "stop", "stop_price": "110"},
    {"quantity": None, "notional": "900", "order_type": "limit", "limit_price": "95"},
    {"quantity": None, "notional": "300", "side": "sell"},
    {"side": "sell", "quantity": "1"},
    {"side": "sell", "quantity": "4", "symbol": "BBB"},
    {"quantity": None},
    {"quantity": None, "notional": "1000", "symbol": "CCC"},
    {"quantity": "90000"},
)


@pytest.mark.parametrize("asked", PREVIEWED, ids=lambda kind: "-".join(map(str, kind.values())))
@pytest.mark.parametrize("trims", [False, True])
def test_a_preview_is_what_placing_the_order_does(asked: dict[str, Any], trims: bool) -> None:
    small = Rule(id="small", action="trim", measure="order_share", max=Decimal("0.05"))
    sizing = Sizing(share=Decimal("0.2"))
    desk = Desk(RiskLimits(rules=(small,) if trims else (), sizing=sizing, restricted=("CCC",)))
    desk.place(symbol="BBB", quantity="20")
    desk.next()
    wanted = order(**asked)
    seen = desk.call("preview_order", **{k: v for k, v in wanted.items() if k != "reason"})
    before = Decimal(desk.call("get_account")["cash"])
    placed = desk.call("place_order", **wanted)
    assert (seen["accepted"], seen["quantity"]) == (
        placed["status"] == "accepted",
        placed["quantity"],
    )
    assert seen["denied"] == placed["denied"]
    # What nobody may trade changes nothing: its preview tells the cash as it stands by then.
    probe = desk.call("preview_order", symbol="CCC", side="buy", quantity="1")
    assert probe["denied"]["limit"] == "restricted"
    assert seen["cash_after"] == probe["cash_after"]
    spent = Decimal(seen["amount"]) + Decimal(seen["commission"])
    if seen["accepted"] and wanted["side"] == "buy":
        assert Decimal(seen["cash_after"]) == before - spent
    if trims and seen["accepted"] and wanted["side"] == "buy":
        assert Decimal(seen["amount"]) < Decimal("0.06") * before
    told = desk.call("explain_trade", client_order_id=placed["client_order_id"])
    if told["notional"] is not None and seen["accepted"]:
        assert Decimal(seen["amount"]) == Decimal(told["notional"])
