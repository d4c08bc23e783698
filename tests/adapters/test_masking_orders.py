"""Whatever gate, exchange and desk say of an order, a masked model reads no real unit or price."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from adapters.masking.codebook import Codebook, Known
from adapters.masking.fields import TOOLS
from adapters.masking.prose import Prose
from adapters.masking.translation import Masking, Unmasking
from orchestrator.jobs import _refuse_unmaskable
from schemas.base import plain
from schemas.errors import InvalidRequest
from schemas.execution import ExecutionModel, Participation
from schemas.risk import RiskLimits, Rule
from tests.mcp_servers.desks import Desk
from tests.mcp_servers.test_trading_limits import LONG, long_market
from tests.orchestrator.runs import trading
from tests.trading.samples import SYMBOLS

BOOK = Codebook("3" * 64, Known({s: s for s in SYMBOLS}, {}, {}, (2019, 2021)))
OUT, BACK = (kind(BOOK, Prose(BOOK)) for kind in (Masking, Unmasking))
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\d)")
ODD = "13.717171"
"""Units that nothing else comes to."""


def told(desk: Desk) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what the tools tell of all orders, as it is."""
    listed = desk.call("list_orders")
    names = [order.client_order_id for tick in desk.run.ticks for order in tick.orders]
    names += listed["client_order_ids"]
    return listed, [desk.call("explain_trade", client_order_id=n) for n in dict.fromkeys(names)]


def check(desk: Desk, *answers: dict[str, Any]) -> str:
    """Mask everything told and look for real numbers; return all that was said in sentences."""
    listed, orders = told(desk)
    shown = [("trading_list_orders", listed), *(("trading_explain_trade", o) for o in orders)]
    shown += [("trading_place_order", answer) for answer in answers]
    secret = {ODD}
    for order in orders:
        for name in ("limit_price", "stop_price"):
            secret |= {order[name]} if order[name] is not None else set()
        secret |= {*order["fills"]["prices"], *order["fills"]["quantities"]}
        if order["filled_quantity"] != "0":
            secret.add(order["filled_quantity"])
    secret = {each for each in secret if len(each) > 4}  # shorter ones stand for anything
    said: list[str] = []
    for tool, answer in shown:
        masked = OUT.fields(TOOLS[tool].answer, answer)
        text = json.dumps(masked)
        assert not secret & {*NUMBER.findall(text)}, (tool, answer, masked)
        for real in (*SYMBOLS, "2020-"):
            assert real not in text.replace("_AAA", ""), (tool, masked)
        said.append(json.dumps(answer))
    return "\n".join(said)


def gate_says() -> tuple[Desk, list[Any]]:
    desk = Desk()
    answers = [
        desk.place(side="sell", quantity=ODD),
        desk.place(quantity="900.717171"),
        desk.place(quantity=ODD, order_type="stop", stop_price="50.123"),
        desk.place(quantity=ODD, order_type="limit", limit_price="9.123"),
        desk.place(quantity=ODD, take_profit="60.789"),
        desk.place(quantity=ODD, order_type="limit", limit_price="90.123", stop_loss="91.456"),
    ]
    return desk, answers


def exchange_says() -> tuple[Desk, list[Any]]:
    desk = Desk(cash="1400.00")
    answers = [
        desk.place(quantity=ODD, order_type="limit", limit_price="61.123"),
        desk.place(quantity=ODD, order_type="limit", limit_price="62.123", time_in_force="ioc"),
        desk.place(quantity="1.313131", order_type="stop", stop_price="130.123"),
        desk.place(
            quantity="1.313131", order_type="stop_limit", stop_price="131.2", limit_price="132.4"
        ),
        desk.place(quantity="1.313131", order_type="trailing_stop", trail_share="0.3"),
        desk.place(quantity=ODD, order_type="limit", limit_price="99.123", time_in_force="at_open"),
    ]
    desk.next()
    return desk, answers


def cash_is_short() -> tuple[Desk, list[Any]]:
    """Buy for all of the cash before an open that is above the last close."""
    for first in range(1, 9):
        desk = Desk(cash="1400.00", first=first)
        last = desk.run.market.view(desk.run.clock.now()).last_close("AAA")
        assert last is not None
        units = (Decimal("1399.00") / Decimal(str(last[1]))).quantize(Decimal("0.000001"))
        answer = desk.place(quantity=plain(units))
        desk.next()
        order = desk.run.exchange.order(answer["client_order_id"])
        if "of cash at" in (order.status_reason or ""):
            break
    return desk, [answer]


def volume_is_short() -> tuple[Desk, list[Any]]:
    execution = ExecutionModel(participation=Participation(max_share=Decimal("0.010171")))
    desk = Desk(execution=execution, market=long_market(), sessions=LONG, first=len(LONG) - 5)
    answers = [desk.place(quantity=ODD, stop_loss="40.123")]
    desk.next()
    return desk, answers


SCENES: tuple[tuple[Callable[[], tuple[Desk, list[Any]]], str], ...] = (
    (gate_says, "selling 13.717171 AAA exceeds the 0 held"),
    (exchange_says, "its limit of 61.123 was not reached"),
    (cash_is_short, "of cash at"),
    (volume_is_short, "units fit the session's volume"),
)


@pytest.mark.parametrize(("scene", "says"), SCENES, ids=[scene.__name__ for scene, _ in SCENES])
def test_no_sentence_about_an_order_tells_a_real_unit_or_price(
    scene: Callable[[], tuple[Desk, list[Any]]], says: str
) -> None:
    desk, answers = scene()
    assert says in check(desk, *answers)


SENTENCES = (
    ("cut from 13.5 to 2.25: 2.25 held", "cut from {13.5} to {2.25}: {2.25} held"),
    (
        "cut from 8 to 3: 70 USD of cash at 21.5 plus costs",
        "cut from {8} to {3}: 70 USD of cash at [21.5] plus costs",
    ),
    ("cut to the 12.5 that its parent filled", "cut to the {12.5} that its parent filled"),
    ("7.5 units filled became known after", "{7.5} units filled became known after"),
    ("only 2.5 of 40 units fit the", "only {2.5} of {40} units fit the"),
    ("the open was 12.5, its limit is 12.25", "the open was [12.5], its limit is [12.25]"),
    (
        "its stop of 9.5 was reached, its limit of 9.25 was not",
        "its stop of [9.5] was reached, its limit of [9.25] was not",
    ),
    ("its stop, trailed to 9.5, was not reached", "its stop, trailed to [9.5], was not reached"),
    ("the position in AAA would be worth 708.53", "the position in * would be worth 708.53"),
    ("BBB with what moves with it (0.70 and more)", "+ with what moves with it (0.70 and more)"),
    ("there is no lot '20200131-7' of AAA", "there is no lot '<2020>0131-7' of *"),
)  # fmt: skip


@pytest.mark.parametrize(("real", "masked"), SENTENCES)
def test_numbers_change_where_they_are_units_or_prices_and_nowhere_else(
    real: str, masked: str
) -> None:
    k = BOOK.factor("AAA")
    want = re.sub(r"\{(.*?)\}", lambda found: plain(Decimal(found[1]) / k), masked)
    want = re.sub(r"\[(.*?)\]", lambda found: plain(Decimal(found[1]) * k), want)
    want = want.replace("<2020>", str(2020 + BOOK.shift))
    want = want.replace("*", BOOK.alias("AAA")).replace("+", BOOK.alias("BBB"))
    assert OUT.ours(real, "AAA") == want


def test_lots_and_prices_of_an_order_come_back_as_they_were() -> None:
    arguments = {
        "symbol": "AAA",
        "side": "sell",
        "quantity": "3",
        "limit_price": "12.5",
        "reason": "x",
        "stop_price": "13",
        "trail_amount": "0.5",
        "trail_share": "0.1",
        "notional": "100",
        "take_profit": "10",
        "stop_loss": "15",
        "lots": ["20200131-7", "none", "2020-7"],
    }
    shapes = TOOLS["trading_place_order"].arguments
    masked = OUT.fields(shapes, arguments)
    k, year = BOOK.factor("AAA"), 2020 + BOOK.shift
    assert masked["lots"] == [f"{year}0131-7", "none", "2020-7"]
    assert masked["trail_amount"] == plain(Decimal("0.5") * k)
    assert (masked["notional"], masked["trail_share"]) == ("100", "0.1")
    back = BACK.fields(shapes, masked)
    assert back.keys() == arguments.keys()
    numbers = {"quantity", "limit_price", "stop_price", "trail_amount", "take_profit", "stop_loss"}
    for name, given in arguments.items():
        if name in numbers:
            assert Decimal(back[name]) == Decimal(str(given))
        else:
            assert back[name] == given


def test_limits_name_no_real_symbol() -> None:
    limits = RiskLimits(
        restricted=("AAA",),
        sectors={"BBB": "Tools"},
        rules=(Rule(id="r", measure="order_share", max=Decimal(1), symbols=("CCC",)),),
    )
    mode = Desk(limits).call("get_mode")
    masked = json.dumps(OUT.fields(TOOLS["trading_get_mode"].answer, mode))
    assert not any(real in masked for real in SYMBOLS)
    assert all(BOOK.alias(real) in masked for real in ("AAA", "BBB", "CCC"))


@pytest.mark.parametrize(
    "limits",
    [
        {"max_order_quantity": "5"},
        {"rules": [{"id": "r", "measure": "order_quantity", "max": "5"}]},
    ],
)
def test_limits_that_count_units_are_refused_before_a_masked_run(limits: dict[str, Any]) -> None:
    wanted = RiskLimits.model_validate(limits)
    request = trading("baseline:rules", mask=True, limits=wanted)
    with pytest.raises(InvalidRequest, match="limit on an order's units cannot be masked"):
        _refuse_unmaskable(request)
    own = trading("baseline:rules", mask=True, strategy_limits={"baseline:rules": wanted})
    with pytest.raises(InvalidRequest, match="limit on an order's units cannot be masked"):
        _refuse_unmaskable(own)
