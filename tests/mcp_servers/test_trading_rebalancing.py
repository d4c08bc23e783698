"""A rebalancing leaves alone what it was told to, says so, and sells the lots it was told to."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from adapters.masking.codebook import Codebook, Known
from adapters.masking.fields import TOOLS
from adapters.masking.prose import Prose
from adapters.masking.translation import Masking
from schemas.base import plain
from schemas.execution import ExecutionModel
from tests.mcp_servers.desks import Call, Desk
from tests.mcp_servers.test_trading_limits import LONG, long_market
from tests.trading.samples import FREE, SYMBOLS

CENT = Decimal("0.01")


def held(execution: ExecutionModel = FREE) -> tuple[Desk, dict[str, Decimal]]:
    """Return a desk that holds AAA and BBB, and their weights as the tools show them."""
    desk = Desk(execution=execution)
    desk.call("rebalance_to_weights", weights={"AAA": "0.4", "BBB": "0.3"}, reason="start")
    desk.next()
    return desk, weights(desk)


def weights(desk: Desk) -> dict[str, Decimal]:
    shown = desk.call("get_positions")
    return dict(zip(shown["symbols"], map(Decimal, shown["weights"]), strict=True))


def rebalance(desk: Desk, targets: dict[str, Decimal], **arguments: Any) -> dict[str, Any]:
    """Rebalance to these weights; what a JSON client sends is text."""
    asked = {symbol: plain(weight) for symbol, weight in targets.items()}
    answer = desk.call("rebalance_to_weights", weights=asked, reason="again", **arguments)
    assert isinstance(answer, dict), answer
    return answer


def traded(desk: Desk, answer: dict[str, Any], symbol: str) -> Decimal:
    """Return the signed share of equity that the orders of a name come to at its last close."""
    close = Decimal(
        desk.call("preview_order", symbol=symbol, side="buy", quantity="1")["last_close"]
    )
    signed = [
        Decimal(units) if side == "buy" else -Decimal(units)
        for name, side, units in zip(
            answer["symbols"], answer["sides"], answer["quantities"], strict=True
        )
        if name == symbol
    ]
    return sum(signed, Decimal()) * close / Decimal(desk.call("get_account")["equity"])


def test_within_the_drift_a_name_is_left_alone_and_the_answer_says_so() -> None:
    desk, now = held()
    targets = {"AAA": now["AAA"] + Decimal("0.04"), "BBB": now["BBB"] - Decimal("0.06")}
    answer = rebalance(desk, targets, drift="0.05")
    assert (answer["symbols"], answer["sides"]) == (["BBB"], ["sell"])
    assert abs(traded(desk, answer, "BBB") + Decimal("0.06")) < Decimal("0.00001")
    (left,) = answer["left_alone"]
    assert left["symbol"] == "AAA"
    assert re.fullmatch(
        r"0\.0(4|39999)\d* from its target of [\d.]+, within the band of 0\.05", left["reason"]
    )


def test_to_the_edge_a_name_is_traded_no_further_than_the_band() -> None:
    desk, now = held()
    targets = {"AAA": now["AAA"] - Decimal("0.08"), "BBB": now["BBB"] + Decimal("0.07")}
    answer = rebalance(desk, targets, drift=0.05, to="edge")
    assert abs(traded(desk, answer, "AAA") + Decimal("0.03")) < Decimal("0.00001")
    assert abs(traded(desk, answer, "BBB") - Decimal("0.02")) < Decimal("0.00001")
    assert answer["left_alone"] == []


def test_to_enter_a_name_or_to_leave_it_waits_for_no_band() -> None:
    desk, now = held()
    answer = rebalance(desk, {"AAA": now["AAA"], "CCC": Decimal("0.02")}, drift=1, cost_aware=True)
    assert (answer["symbols"], answer["sides"]) == (["BBB", "CCC"], ["sell", "buy"])
    assert [each["symbol"] for each in answer["left_alone"]] == ["AAA"]


def test_cost_aware_trades_only_to_the_edge_of_the_no_trade_region() -> None:
    # (3/20 · w²(1−w)² · e)^(1/3) of Gerhold et al. (2014), with w about 0.4 and e about 0.1 %:
    # (0.15 · 0.0576 · 0.001)^(1/3) = 0.0205.
    desk, now = held(ExecutionModel())
    near = {**now, "AAA": now["AAA"] + Decimal("0.012")}
    answer = rebalance(desk, near, cost_aware=True)
    assert answer["symbols"] == []
    reasons = {each["symbol"]: each["reason"] for each in answer["left_alone"]}
    assert "within the no-trade region at a round trip of 0.0009" in reasons["AAA"]
    far = {**now, "AAA": now["AAA"] + Decimal("0.05")}
    width = Decimal("0.05") - traded(desk, rebalance(desk, far, cost_aware=True), "AAA")
    assert Decimal("0.019") < width < Decimal("0.023")
    free, weights = held(FREE)
    near = {**weights, "AAA": weights["AAA"] + Decimal("0.012")}
    assert rebalance(free, near, cost_aware=True)["symbols"] == ["AAA"]


def test_of_drift_and_costs_the_smaller_trade_counts() -> None:
    desk, now = held(ExecutionModel())
    far = {**now, "AAA": now["AAA"] - Decimal("0.05")}
    assert rebalance(desk, far, drift="0.06", cost_aware=True)["symbols"] == []
    sold = -traded(desk, rebalance(desk, far, drift="0.04", cost_aware=True), "AAA")
    assert Decimal("0.02") < sold < Decimal("0.04")


def test_without_being_told_it_leaves_alone_only_what_is_too_small_a_change() -> None:
    asked: list[dict[str, Any]] = [{}, {"drift": "0", "to": "target", "tax_aware": False}]
    answers: list[Any] = []
    for arguments in asked:
        desk, now = held()
        targets = {"AAA": now["AAA"] + Decimal("0.00001"), "BBB": now["BBB"] - Decimal("0.002")}
        answers.append(rebalance(desk, targets, **arguments))
    assert answers[0] == answers[1]
    assert answers[0]["symbols"] == ["BBB"]
    assert answers[0]["left_alone"][0]["symbol"] == "AAA"
    assert "is below the smallest" in answers[0]["left_alone"][0]["reason"]


def bought_twice() -> tuple[Desk, dict[str, Decimal]]:
    """Return a desk with two lots of AAA and what a unit of each cost, the later one more.

    Over thirty days lie between all trades: no loss is a wash sale.
    """
    desk = Desk(execution=FREE, market=long_market(), sessions=LONG, first=42)
    for _ in range(2):
        desk.place(quantity="10")
        for _ in range(25):
            desk.next()
    lots = desk.call("get_lots", symbol="AAA")
    old, new = (Decimal(cost) / 10 for cost in lots["costs"])
    assert old < new
    return desk, dict(zip(lots["lots"], (old, new), strict=True))


def lots_of(desk: Desk, answer: dict[str, Any]) -> list[str]:
    (name,) = answer["order_ids"]
    return desk.call("explain_trade", client_order_id=name)["lots"]


def test_tax_aware_sales_name_the_lot_that_gains_least_and_close_it() -> None:
    desk, cost = bought_twice()
    _, dearest = cost
    part = {"AAA": weights(desk)["AAA"] * 3 / 4}
    answer = rebalance(desk, part, tax_aware=True)
    assert lots_of(desk, answer) == [dearest]
    (sale,) = desk.run.end().fills
    assert sale.realised_gain is not None
    assert abs(sale.amount - sale.quantity * cost[dearest] - sale.realised_gain) <= CENT
    desk, _ = bought_twice()
    assert lots_of(desk, rebalance(desk, part)) == []


def test_tax_aware_a_holding_that_is_closed_whole_names_no_lots() -> None:
    desk, _ = bought_twice()
    assert lots_of(desk, rebalance(desk, {}, tax_aware=True)) == []


def test_tax_aware_names_no_lot_that_another_sale_may_have_closed_before() -> None:
    desk, cost = bought_twice()
    _, dearest = cost
    desk.place(side="sell", quantity="10", lots=[dearest])
    answer = rebalance(desk, {"AAA": weights(desk)["AAA"] / 4}, tax_aware=True)
    assert lots_of(desk, answer) == []
    assert [fill.side for fill in desk.run.end().fills] == ["sell", "sell"]


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"drift": 2}, "drift must lie between 0 and 1, such as 0.05"),
    ({"drift": "-0.05"}, "drift must lie between 0 and 1"),
    ({"drift": "NaN"}, "drift must be a finite number, such as 0.05"),
    ({"drift": float("nan")}, "drift must be a finite number"),
    ({"drift": None}, "drift must be a finite number"),
    ({"drift": "5 %"}, "drift must be a finite number"),
    ({"drift": True}, "drift must be a finite number"),
    ({"drift": 1e308}, "drift must lie within"),
    ({"to": "edge"}, "`to` edge needs a band: give `drift`, such as 0.05"),
    ({"to": "edge", "drift": 0, "cost_aware": True}, "`to` edge needs a band"),
    ({"to": "middle", "drift": "0.05"}, "to: "),
    ({"cost_aware": "perhaps"}, "cost_aware: "),
    ({"tax_aware": None}, "tax_aware: "),
)


def test_what_is_no_band_is_refused_in_a_sentence_and_nothing_is_placed() -> None:
    desk = Desk()

    async def script(call: Call) -> None:
        for arguments, says in REFUSED:
            said = await call(
                "rebalance_to_weights", weights={"AAA": "0.5"}, reason="x", **arguments
            )
            assert isinstance(said, str), arguments
            assert said.startswith("invalid-request: "), said
            assert says in said, said
            assert "\n" not in said

    desk.use(script)
    assert desk.run.exchange.orders() == ()


def test_what_is_left_alone_is_named_behind_the_mask_by_its_alias() -> None:
    desk, now = held()
    answer = rebalance(desk, {**now, "LATE": Decimal("0.1")}, drift="0.05")
    assert {each["symbol"] for each in answer["left_alone"]} == {"AAA", "BBB"}
    book = Codebook("3" * 64, Known({s: s for s in SYMBOLS}, {}, {}, (2019, 2021)))
    tool = TOOLS["trading_rebalance_to_weights"]
    masked = Masking(book, Prose(book)).fields(tool.answer, answer)
    shown = json.dumps(masked)
    assert not any(symbol in shown for symbol in SYMBOLS)
    assert [each["reason"] for each in masked["left_alone"]] == [
        each["reason"] for each in answer["left_alone"]
    ]
