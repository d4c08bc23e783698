"""The trading server is the one door: nothing passes it that the gate denies, and no price does."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import mcp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.market.catalog import LocalCatalog
from adapters.market.files import ImportOptions, import_dataset
from mcp_servers.trading import build_trading_server
from schemas.errors import BadConfiguration
from schemas.risk import RiskLimits
from tests.mcp_servers.desks import ORDER, Call, Desk
from tests.trading.samples import DAYS, SYMBOLS, Run, table


def test_the_tools_say_what_they_may_do() -> None:
    async def listed() -> dict[str, Any]:
        async with mcp.Client(Desk().server) as client:
            return {tool.name: tool for tool in (await client.list_tools()).tools}

    tools = anyio.run(listed)
    names = "get_mode get_account get_positions preview_order place_order"
    names += " rebalance_to_weights cancel_order list_orders get_lots explain_trade"
    assert set(tools) == {f"trading_{name}" for name in names.split()}
    writes = {name for name, tool in tools.items() if not tool.annotations.read_only_hint}
    assert writes == {
        "trading_place_order",
        "trading_rebalance_to_weights",
        "trading_cancel_order",
    }
    assert tools["trading_cancel_order"].annotations.destructive_hint
    for tool in tools.values():
        assert tool.description
        assert tool.output_schema
    quantity = tools["trading_place_order"].input_schema["properties"]["quantity"]
    assert {each["type"] for each in _choices(quantity)} == {"string", "number", "null"}


def _choices(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the ways a value may be, choices within choices taken apart."""
    if "anyOf" not in schema:
        return [schema]
    return [one for each in schema["anyOf"] for one in _choices(each)]


def test_an_order_is_accepted_without_a_price_and_fills_when_the_session_is_over() -> None:
    desk = Desk()
    answer = desk.call("place_order", **ORDER)
    assert answer["status"] == "accepted"
    assert "price" not in json.dumps(answer)
    (order,) = desk.run.exchange.orders()
    assert (order.agent, order.reason, order.sequence) == ("alpha_trading", "cheap", 0)
    assert len(order.client_order_id) <= 36
    (fill,) = desk.run.end().fills
    assert fill.client_order_id == answer["client_order_id"]


def test_order_over_a_limit_never_reaches_the_market_but_is_recorded() -> None:
    desk = Desk(RiskLimits(max_position_share=Decimal("0.05")))
    answer = desk.call("place_order", **ORDER)
    assert answer["status"] == "denied"
    assert answer["denied"]["limit"] == "max_position_share"
    assert Decimal(answer["denied"]["excess"]) > 0
    settled = desk.run.end()
    assert settled.fills == ()
    assert [order.status for order in settled.orders] == ["denied"]
    assert settled.orders[0].status_reason == answer["denied"]["message"]


def test_the_kill_switch_acts_on_the_next_order() -> None:
    desk = Desk(RiskLimits(halted=True))
    assert desk.call("get_mode")["halted"] is True
    assert desk.call("place_order", **ORDER)["denied"]["limit"] == "halted"
    answer = desk.call("rebalance_to_weights", weights={"AAA": 0.5}, reason="why")
    assert answer["statuses"] == ["denied"]
    assert desk.run.end().fills == ()


@pytest.mark.promise("no-duplicate-order")
def test_a_call_repeated_with_its_key_is_one_order() -> None:
    desk = Desk()

    async def script(call: Call) -> None:
        first = await call("place_order", **ORDER, client_key="mine")
        assert await call("place_order", **ORDER, client_key="mine") == first
        other = await call("place_order", **ORDER | {"quantity": "11"}, client_key="mine")
        assert "conflict" in other
        other = await call("place_order", **ORDER | {"symbol": "BBB"}, client_key="mine")
        assert "conflict" in other
        await call("cancel_order", client_order_id=first["client_order_id"])
        again = await call("place_order", **ORDER, client_key="mine")
        assert again == first | {
            "status": "cancelled",
            "status_reason": "cancelled by request",
        }

    desk.use(script)
    assert len(desk.run.exchange.orders()) == 1


def test_calls_without_a_key_are_orders_of_their_own() -> None:
    desk = Desk()
    ids = {desk.call("place_order", **ORDER)["client_order_id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.promise("determinism")
def test_the_same_calls_give_the_same_ids() -> None:
    first, second = (
        [
            desk.call("place_order", **ORDER),
            desk.call("rebalance_to_weights", weights={"BBB": 0.3}, reason="w"),
        ]
        for desk in (Desk(), Desk())
    )
    assert first == second


def test_a_rebalance_is_one_call_and_the_second_finds_nothing_to_do() -> None:
    desk = Desk()
    weights = {"AAA": "0.5", "BBB": 0.25, "CCC": "0.25"}

    async def script(call: Call) -> None:
        answer = await call("rebalance_to_weights", weights=weights, reason="start")
        assert answer["symbols"] == ["AAA", "BBB", "CCC"]
        assert answer["statuses"] == ["accepted"] * 3
        again = await call("rebalance_to_weights", weights=weights, reason="start")
        assert again["order_ids"] == []

    desk.use(script)
    settled = desk.run.end()
    assert {order.status for order in settled.orders} == {"filled"}
    assert settled.mark.cash < settled.mark.equity * Decimal("0.03")
    desk.run.begin()
    closing = desk.call("rebalance_to_weights", weights={}, reason="out")
    assert closing["sides"] == ["sell"] * 3
    assert desk.run.end().mark.positions == ()


def test_a_rebalance_names_the_symbols_without_a_price() -> None:
    desk = Desk()
    answer = desk.call("rebalance_to_weights", weights={"LATE": 0.5, "NONE": 0.1}, reason="x")
    assert answer["order_ids"] == []
    assert answer["skipped"] == [
        {"symbol": "LATE", "reason": "no price yet"},
        {"symbol": "NONE", "reason": "no price yet"},
    ]


def test_account_and_positions_agree_with_the_broker() -> None:
    desk = Desk()
    desk.call("rebalance_to_weights", weights={"AAA": "0.5", "BBB": "0.4"}, reason="start")
    mark = desk.run.end().mark
    desk.run.begin()
    account, positions = desk.call("get_account"), desk.call("get_positions")
    assert Decimal(account["equity"]) == mark.equity == mark.cash + mark.market_value
    assert account["positions"]["symbols"] == positions["symbols"] == ["AAA", "BBB"]
    assert account["positions"]["quantities"] == positions["quantities"]
    assert account["marked_at"] == desk.run.sessions[desk.run.row - 1].isoformat()
    for value, cost, gain in zip(
        positions["market_values"], positions["costs"], positions["unrealised_gains"], strict=True
    ):
        assert Decimal(value) - Decimal(cost) == Decimal(gain)
    assert sum(map(Decimal, positions["weights"])) < 1


def test_a_preview_places_nothing_and_says_what_the_gate_would() -> None:
    desk = Desk()
    good = desk.call("preview_order", symbol="AAA", side="buy", quantity=10)
    assert good["accepted"] is True
    spent = Decimal(good["amount"]) + Decimal(good["commission"])
    assert Decimal(good["cash_after"]) == Decimal("10000.00") - spent
    bad = desk.call("preview_order", symbol="AAA", side="sell", quantity=10)
    assert (bad["accepted"], bad["denied"]["limit"]) == (False, "allow_short")
    late = desk.call("preview_order", symbol="LATE", side="buy", quantity=1)
    assert (late["denied"]["limit"], late["last_close"]) == ("symbol", None)
    assert desk.run.exchange.orders() == ()


def test_a_cancelled_order_is_listed_and_does_not_fill() -> None:
    desk = Desk()
    placed = desk.call("place_order", **ORDER)["client_order_id"]
    assert desk.call("cancel_order", client_order_id=placed)["status"] == "cancelled"
    assert "conflict" in desk.call("cancel_order", client_order_id=placed)
    assert "not-found" in desk.call("cancel_order", client_order_id="nothing")
    listed = desk.call("list_orders")
    assert (listed["client_order_ids"], listed["statuses"]) == ([placed], ["cancelled"])
    assert listed["reasons"] == ["cheap"]
    assert desk.run.end().fills == ()


BAD_QUANTITIES = [
    float("nan"), float("inf"), float("-inf"), 1e308, -1, 0, "0", "-5", "1e308", "NaN", "inf", "",
    "ten", "1,000", "0x10", "1_000", "١٢", "1e-9", "9" * 400, 10**400, True, None, [], {}, "1 2",
]  # fmt: skip


@pytest.mark.parametrize("quantity", BAD_QUANTITIES, ids=lambda value: repr(value)[:20])
def test_a_quantity_that_is_none_is_refused_in_a_sentence(quantity: object) -> None:
    desk = Desk()
    said = desk.call("place_order", **ORDER | {"quantity": quantity})
    # What is no JSON number reaches the server as null, as if it had not been given.
    assert re.search("invalid-request: (quantity must|give a quantity or a notional)", said)
    assert desk.run.exchange.orders() == ()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"symbol": "aaa"}, "symbol"),
        ({"symbol": "$(rm)"}, "symbol"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": "A" * 17}, "symbol"),
        ({"symbol": None}, "symbol"),
        ({"side": "hold"}, "side"),
        ({"side": "BUY"}, "side"),
        ({"reason": ""}, "reason"),
        ({"reason": " \n"}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"client_key": "k" * 101}, "client_key"),
    ],
)
def test_other_bad_arguments_are_refused_and_named(change: dict[str, Any], word: str) -> None:
    desk = Desk()
    assert word in desk.call("place_order", **ORDER | change)
    assert desk.run.exchange.orders() == ()


@pytest.mark.parametrize(
    ("weights", "word"),
    [
        ({"AAA": 0.6, "BBB": 0.6}, "sum to 1.20"),
        ({"AAA": -0.1}, "between 0 and 1"),
        ({"AAA": 1.1}, "between 0 and 1"),
        ({"AAA": float("nan")}, "finite"),
        ({"AAA": 1e308}, "within"),
        ({"AAA": "half"}, "finite"),
        ({"aaa": 0.1}, "ticker"),
        ("AAA", "weights"),
        (None, "weights"),
    ],
)
def test_bad_weights_are_refused_and_nothing_is_placed(weights: object, word: str) -> None:
    desk = Desk()
    assert word in desk.call("rebalance_to_weights", weights=weights, reason="x")
    assert desk.run.exchange.orders() == ()


def test_weights_rounded_up_to_six_places_are_not_too_much() -> None:
    weights = dict.fromkeys(("AAA", "BBB", "CCC"), "0.333334")
    answer = Desk().call("rebalance_to_weights", weights=weights, reason="x")
    assert answer["statuses"] == ["accepted"] * 3


def test_a_model_that_never_stops_cannot_fill_the_tick() -> None:
    desk = Desk(RiskLimits(max_orders_per_session=3))

    async def flood(call: Call) -> None:
        for number in range(20):
            answer = await call("place_order", **ORDER | {"quantity": "1"})
            assert answer["status"] == ("accepted" if number < 3 else "denied")
        assert answer["denied"]["limit"] == "max_orders_per_session"

    desk.use(flood)
    assert len(desk.run.exchange.orders()) == 6
    assert len(desk.run.end().fills) == 3


def test_an_unknown_mode_refuses_to_start() -> None:
    run = Run()
    for mode in ("maybe", "", "LIVE"):
        with pytest.raises(BadConfiguration, match="trading mode"):
            build_trading_server(
                clock=run.clock,
                market=run.market,
                broker=run.exchange,
                limits=RiskLimits(),
                execution=run.execution,
                scope="s",
                tick=lambda: 0,
                mode=mode,
            )


@pytest.mark.promise("no-look-ahead")
def test_no_tool_answers_differently_when_the_future_does() -> None:
    def answers(gaps: list[tuple[int, str]]) -> list[Any]:
        desk = Desk()
        desk.run = Run(table(gaps=gaps))
        desk.run.begin()
        desk.run.deposit("10000.00")
        desk.server = build_trading_server(
            clock=desk.run.clock,
            market=desk.run.market,
            broker=desk.run.exchange,
            limits=RiskLimits(),
            execution=desk.run.execution,
            scope="s",
            tick=lambda: 0,
            mode="simulation",
        )
        calls: list[tuple[str, dict[str, Any]]] = [
            ("get_mode", {}),
            ("preview_order", {"symbol": "AAA", "side": "buy", "quantity": 1}),
            ("place_order", {**ORDER}),
            ("place_order", {**ORDER, "symbol": "LATE"}),
            ("rebalance_to_weights", {"weights": {"BBB": 0.4, "LATE": 0.1}, "reason": "x"}),
            ("get_account", {}),
            ("get_positions", {}),
            ("list_orders", {}),
        ]
        return [desk.call(name, **arguments) for name, arguments in calls]

    assert answers([]) == answers([(row, name) for row in range(1, 30) for name in SYMBOLS])


STREAM = st.lists(
    st.tuples(
        st.sampled_from(SYMBOLS),
        st.sampled_from(["buy", "sell"]),
        st.one_of(st.integers(-5, 200), st.floats(), st.decimals("0.001", "99999", places=3)),
        st.booleans(),
    ),
    max_size=25,
)


def _stream_breaks_no_limit(stream: list[tuple[str, str, Any, bool]]) -> None:
    limits = RiskLimits(max_position_share=Decimal("0.4"), max_orders_per_session=8)
    desk = Desk(limits)
    for symbol, side, quantity, over in stream:
        given = str(quantity) if isinstance(quantity, Decimal) else quantity
        desk.call("place_order", symbol=symbol, side=side, quantity=given, reason="r")
        working = [order for order in desk.run.exchange.orders() if order.status == "accepted"]
        assert len(working) <= limits.max_orders_per_session
        if over:
            before = desk.run.exchange.account()
            settled = desk.run.end()
            assert settled.mark.cash >= 0
            bought = {fill.symbol for fill in settled.fills if fill.side == "buy"}
            held = {p.symbol: p.quantity for p in settled.mark.positions}
            assert all(quantity > 0 for quantity in held.values())
            for position in settled.mark.positions:
                if position.symbol in bought:  # prices move some per cent in a session
                    most = before.equity * limits.max_position_share * Decimal("1.1")
                    assert position.market_value <= most
            if desk.run.row >= len(desk.run.sessions) - 1:
                return
            desk.run.begin()


@settings(max_examples=15)
@given(stream=STREAM)
def test_no_stream_of_orders_breaches_a_limit(stream: list[tuple[str, str, Any, bool]]) -> None:
    _stream_breaks_no_limit(stream)


@pytest.mark.long
@settings(max_examples=400)
@given(stream=STREAM)
def test_no_long_stream_of_orders_breaches_a_limit(
    stream: list[tuple[str, str, Any, bool]],
) -> None:
    _stream_breaks_no_limit(stream)


def test_a_holding_whose_ticker_another_company_took_is_no_unknown_symbol(tmp_path: Path) -> None:
    lines = ["date,symbol,open,high,low,close,volume"]
    for row, day in enumerate(DAYS):
        rest = f"{20 + row % 3},{21 + row % 3},19,{20 + row % 2},500"
        taken = "FOO" if row >= 12 else "BAR"
        lines += [f"{day},{taken},{rest}", *([f"{day},FOO,{rest}"] if row < 9 else [])]
    (tmp_path / "p.csv").write_text("\n".join(lines))
    change = f"symbol,kind,ex_date,new_symbol\nBAR,ticker_change,{DAYS[12]},FOO\n"
    (tmp_path / "a.csv").write_text(change)
    options = ImportOptions(tables={"actions": tmp_path / "a.csv"})
    import_dataset(tmp_path / "p.csv", "mine", home=tmp_path, options=options)
    desk = Desk(market=LocalCatalog(tmp_path).open("mine"))
    assert desk.call("place_order", **ORDER | {"symbol": "FOO"})["status"] == "accepted"
    desk.run.end()
    while desk.run.row < 14:
        desk.run.begin()
        desk.run.end()
    desk.run.begin()
    assert desk.call("get_positions")["symbols"] == ["FOO.1"]
    sale = {"symbol": "FOO.1", "side": "sell", "quantity": "10", "reason": "gone"}
    assert desk.call("place_order", **sale)["status"] == "accepted"
    settled = desk.run.end()
    assert not settled.fills
    (order,) = (order for order in settled.orders if order.side == "sell")
    assert order.status == "cancelled"
    assert order.status_reason == f"FOO.1 has no price in the session of {DAYS[14]}"
