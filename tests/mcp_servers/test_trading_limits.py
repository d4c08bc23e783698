"""Every limit reaches the tool's answer with its name and by how much it would be broken."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import anyio
import mcp
import numpy as np
import pytest

from adapters.kill_switch import MemoryKillSwitch
from adapters.market.table import PriceArrays, PriceTable
from mcp_servers import trading_desk
from mcp_servers.risk_history import load_history
from mcp_servers.trading_desk import Guard
from schemas.risk import (
    BreakerLimits,
    Halt,
    RiskLimits,
    TailLimit,
)
from tests.mcp_servers.desks import Desk
from tests.trading.samples import NYSE, SYMBOLS, table
from trading.breakers.marks import Mark
from trading.breakers.watch import Watch, watch_of
from trading.gate import EquityHistory

LONG = NYSE.sessions(date(2019, 9, 3), date(2020, 2, 14))


def share(text: str) -> Decimal:
    return Decimal(text)


def long_market() -> PriceTable:
    """A hundred sessions with volume: AAA and BBB move together, CCC the other way."""
    generator = np.random.default_rng(7)
    moves = generator.normal(0, 0.02, (len(LONG), 1)) * np.array([[1, 1, -1, 0.5]])
    close = np.round(np.array([100.0, 50.0, 20.0, 40.0]) * np.exp(np.cumsum(moves, axis=0)), 4)
    days = np.array(LONG, "datetime64[D]")
    volume = np.full_like(close, 1000.0)
    arrays = PriceArrays(SYMBOLS, days, close, close, close, close, volume)
    info = table().info().model_copy(update={"data_hash": arrays.digest()})
    return PriceTable(info, arrays, NYSE)


def long_desk(limits: RiskLimits) -> Desk:
    return Desk(limits, market=long_market(), sessions=LONG, first=len(LONG) - 5)


SMALL: tuple[tuple[str, dict[str, Any]], ...] = (
    ("max_position_share", {"max_position_share": "0.05"}),
    ("max_order_value", {"max_order_value": "500"}),
    ("max_order_share", {"max_order_share": "0.05"}),
    ("max_gross_share", {"max_gross_share": "0.05"}),
    ("max_net_share", {"max_net_share": "0.05"}),
    ("max_sector_share", {"max_sector_share": "0.05", "sectors": {"AAA": "Tools"}}),
    ("correlation", {"correlation": {"max_share": "0.05", "window": 60}}),
)
"""Limits of 500 on what ten units are worth."""
VAR = {"confidence": "0.95", "max_var": "0.0001"}
CVAR = {"confidence": "0.99", "method": "gaussian", "max_cvar": "0.001"}
TINY = {"id": "tiny", "measure": "order_share", "max": "0.01"}
LOW = {"order_type": "limit", "limit_price": "36"}
OTHERS: tuple[tuple[str, dict[str, Any], dict[str, Any], tuple[str, str]], ...] = (
    ("allow_leverage", {}, {"quantity": "200"}, ("4170", "4190")),
    ("allow_short", {}, {"side": "sell", "quantity": "7.5"}, ("7.5", "7.5")),
    ("max_order_quantity", {"max_order_quantity": "8"}, {}, ("2", "2")),
    ("max_volume_share", {"max_volume_share": "0.005"}, {}, ("0.005", "0.005")),
    ("min_cash_share", {"min_cash_share": "0.95"}, {}, ("208.53", "209.53")),
    ("max_var", {"tail": [VAR]}, {}, ("0.001", "0.005")),
    ("max_cvar", {"tail": [CVAR]}, {}, ("0.001", "0.006")),
    ("price_collar", {"price_collar": "0.1"}, LOW, ("0.39", "0.4")),
    ("rule:tiny", {"rules": [TINY]}, {}, ("0.06", "0.061")),
    ("symbol", {}, {"symbol": "NONE"}, ("0", "0")),
    ("restricted", {"restricted": ["AAA"]}, {}, ("0", "0")),
    ("market_hours", {"market_hours": "session_only"}, {}, ("0", "0")),
)


@pytest.mark.parametrize(("limit", "limits"), SMALL)
def test_a_limit_on_value_is_broken_by_what_the_last_close_says(
    limit: str, limits: dict[str, Any]
) -> None:
    desk = long_desk(RiskLimits.model_validate(limits))
    close = desk.run.market.view(desk.run.clock.now()).last_close("AAA")
    assert close is not None
    denied = desk.place()["denied"]
    assert denied["limit"] == limit
    assert Decimal(denied["excess"]) == (10 * Decimal(str(close[1])) - 500).quantize(share("0.01"))


@pytest.mark.parametrize(
    ("limit", "limits", "change", "by"), OTHERS, ids=[other[0] for other in OTHERS]
)
def test_a_denial_says_which_limit_and_by_how_much(
    limit: str, limits: dict[str, Any], change: dict[str, Any], by: tuple[str, str]
) -> None:
    desk = long_desk(RiskLimits.model_validate(limits))
    answer = desk.place(**change)
    assert answer["status"] == "denied"
    denied = answer["denied"]
    assert denied["limit"] == limit
    assert Decimal(by[0]) <= Decimal(denied["excess"] or 0) <= Decimal(by[1]), denied
    assert denied["message"] == answer["status_reason"]
    preview = {k: v for k, v in change.items() if k in ("order_type", "limit_price")}
    order = {"symbol": "AAA", "side": "buy", "quantity": "10"} | {
        k: v for k, v in change.items() if k in ("symbol", "side", "quantity")
    }
    assert desk.call("preview_order", **order, **preview)["denied"] == denied
    assert desk.run.end().fills == ()


def test_what_cannot_be_judged_for_want_of_a_past_is_denied() -> None:
    desk = Desk(RiskLimits(tail=(TailLimit(max_var=share("0.5")),)))
    denied = desk.place()["denied"]
    assert denied["limit"] == "max_var"
    assert "common sessions of returns are known" in denied["message"]
    desk = Desk(RiskLimits(max_volume_share=share("0.5")))
    assert "volume of AAA over 20 sessions is not known" in desk.place()["denied"]["message"]


def test_the_order_rate_counts_all_orders_of_the_last_minute() -> None:
    desk = Desk(RiskLimits(max_orders_per_minute=2))
    answers = [desk.place(quantity="1") for _ in range(3)]
    assert [each["status"] for each in answers] == ["accepted", "accepted", "denied"]
    assert answers[-1]["denied"]["limit"] == "max_orders_per_minute"
    assert answers[-1]["denied"]["excess"] == "1"


def test_two_agents_cannot_spend_the_same_cash() -> None:
    desk = Desk()
    other = desk.of("somebody_else")
    first = desk.call("place_order", symbol="AAA", side="buy", quantity="90", reason="mine")
    assert first["status"] == "accepted"
    order = {"symbol": "BBB", "side": "buy", "quantity": "500", "reason": "mine too"}
    second = desk.call("place_order", server=other, **order)
    assert second["denied"]["limit"] == "allow_leverage"
    small = desk.call("place_order", server=other, **order | {"quantity": "10"})
    assert small["status"] == "accepted"
    assert small["client_order_id"] != first["client_order_id"]
    agents = desk.call("list_orders", server=other)["agents"]
    assert agents == ["alpha_trading", "somebody_else", "somebody_else"]
    assert desk.run.end().mark.cash >= 0


def test_two_agents_at_once_cannot_spend_the_same_cash_within_one_process() -> None:
    desk = Desk()
    servers = [desk.server, desk.of("somebody_else"), desk.of("a_third")]
    statuses: list[str] = []

    async def buy(server: Any) -> None:
        order = {"symbol": "AAA", "side": "buy", "quantity": "60", "reason": "mine"}
        async with mcp.Client(server) as client:
            answer = await client.call_tool("trading_place_order", order)
            statuses.append((answer.structured_content or {})["status"])

    async def together() -> None:
        async with anyio.create_task_group() as group:
            for server in servers:
                group.start_soon(buy, server)

    anyio.run(together)
    assert sorted(statuses) == ["accepted", "denied", "denied"]
    assert len(desk.run.end().fills) == 1


def test_two_agents_cannot_sell_the_same_units_and_keys_are_each_ones_own() -> None:
    desk = Desk()
    other = desk.of("somebody_else")
    desk.place()
    desk.next()
    sale = {"symbol": "AAA", "side": "sell", "quantity": "6", "reason": "x", "client_key": "k"}
    assert desk.call("place_order", **sale)["status"] == "accepted"
    second = desk.call("place_order", server=other, **sale)
    assert second["denied"]["limit"] == "allow_short"
    assert second["denied"]["excess"] == "2"


class PulledLater(MemoryKillSwitch):
    """A switch that somebody pulls while so many orders are being looked at."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._left = after

    def halted(self) -> Halt | None:
        self._left -= 1
        if self._left == -1:
            at = NYSE.opens_at(LONG[0])
            self.pull(Halt(by="Ann", reason="odd fills", since=at, source="cli"))
        return super().halted()


def test_a_pulled_kill_switch_denies_the_very_next_order_in_the_middle_of_a_rebalance() -> None:
    switch = PulledLater(1)
    desk = Desk(guard=Guard(switch))
    weights = {"AAA": "0.3", "BBB": "0.3", "CCC": "0.3"}
    answer = desk.call("rebalance_to_weights", weights=weights, reason="start")
    assert answer["statuses"] == ["accepted", "denied", "denied"]
    assert {each["limit"] for each in answer["denied"]} == {"halted"}
    assert "Ann: odd fills" in answer["denied"][0]["message"]
    assert desk.call("get_mode")["halted"] is True
    assert desk.place(side="sell")["denied"]["limit"] == "halted"
    desk.call("cancel_order", client_order_id=answer["order_ids"][0])
    switch.release(by="Ann", now=NYSE.opens_at(LONG[1]))
    assert desk.call("get_mode")["halted"] is False
    assert desk.place()["status"] == "accepted"


def test_a_kill_switch_pulled_between_an_entry_and_its_exits_leaves_no_unguarded_entry() -> None:
    for after in range(1, 6):
        desk = Desk(guard=Guard(PulledLater(after)))
        desk.place(take_profit="120", stop_loss="80")
        working = [order for order in desk.run.exchange.orders() if order.status != "denied"]
        if any(order.is_working for order in working):
            assert len(working) == 3
            assert after == 5 or len(desk.run.exchange.orders()) == 3


def stopped(mode: str) -> Watch:
    marks = [
        Mark(LONG[0], Decimal(100), paid_in=Decimal(100)),
        Mark(LONG[1], Decimal(90)),
    ]
    limits = BreakerLimits.model_validate({"mode": mode})
    return watch_of(limits, marks)


def test_breakers_in_force_let_only_reductions_pass_and_recorded_ones_anything() -> None:
    watch: list[Watch | None] = [None]
    desk = Desk(guard=Guard(watch=lambda: watch[0]))
    desk.place()
    desk.next()
    watch[0] = stopped("record")
    assert desk.place(quantity="1")["status"] == "accepted"
    watch[0] = stopped("enforce")
    denied = desk.place(quantity="1")["denied"]
    assert denied["limit"] == "breaker"
    assert "only what makes a position smaller passes" in denied["message"]
    assert desk.place(side="sell", quantity="4")["status"] == "accepted"
    assert desk.place(side="sell", quantity="7")["denied"]["limit"] == "allow_short"
    assert desk.place(symbol="BBB", quantity="1")["denied"]["limit"] == "breaker"


def test_losses_are_measured_from_what_the_account_was_worth() -> None:
    limits = RiskLimits(max_day_loss=share("0.02"), max_drawdown=share("0.5"))
    asked: list[int] = []

    def equity() -> EquityHistory:
        asked.append(1)
        return EquityHistory(previous=Decimal(10500), peak=Decimal(10500))

    denied = Desk(limits, guard=Guard(equity=equity)).place()["denied"]
    assert denied["limit"] == "max_day_loss"
    assert share("0.027") < Decimal(denied["excess"]) < share("0.028")
    assert asked
    assert "not known" in Desk(limits).place()["denied"]["message"]
    asked.clear()
    Desk(guard=Guard(equity=equity)).place()
    assert asked == []


def test_market_hours_and_the_age_of_prices_are_those_of_the_calendar() -> None:
    limits = RiskLimits(market_hours="session_only", max_price_age_sessions=1)
    assert Desk(limits, guard=Guard(calendar=NYSE)).place()["status"] == "accepted"
    gaps = [(row, "AAA") for row in (2, 3, 4)]
    desk = Desk(limits, market=table(gaps=gaps), guard=Guard(calendar=NYSE), first=5)
    denied = desk.place()["denied"]
    assert (denied["limit"], denied["excess"]) == ("max_price_age_sessions", "2")


def test_the_past_is_read_once_a_session_and_only_where_a_limit_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loads: list[int] = []

    def load(*given: Any) -> Any:
        loads.append(1)
        return load_history(*given)

    monkeypatch.setattr(trading_desk, "load_history", load)
    desk = long_desk(RiskLimits(max_volume_share=share("0.5")))
    for _ in range(2):
        for _ in range(3):
            assert desk.place(quantity="1")["status"] == "accepted"
        desk.next()
    assert len(loads) == 2
    free = long_desk(RiskLimits())
    free.place()
    assert len(loads) == 2
