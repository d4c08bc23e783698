"""Baseline policies: real tool calls, facts from their results alone, and no randomness."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from adapters.model.baseline import TRADING, BaselineModel
from agents.agent import Agent
from agents.records import RECORDS
from interfaces.model import ModelRequest, Said, ToolCall, ToolResult, ToolSpec
from schemas.agents import AgentDecision, AgentName
from schemas.errors import BadConfiguration, BadModelOutput

Answer = dict[str, Any] | str | Callable[[dict[str, Any]], Any]
SYMBOLS = ("AAA", "BBB", "CCC", "DDD")


class Tools:
    """Answers each tool with what the test says; text is the error of a tool that refuses."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.calls: list[ToolCall] = []
        self._answers = answers

    def specs(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        return tuple(ToolSpec(name=name, description=name, input_schema={}) for name in names)

    async def call(self, call: ToolCall) -> ToolResult:
        self.calls.append(call)
        answer = self._answers[call.tool]
        if callable(answer):
            answer = answer(call.arguments)
        refused = isinstance(answer, str)
        return ToolResult(
            call_id=call.call_id,
            tool=call.tool,
            structured=None if refused else answer,
            text=answer if refused else json.dumps(answer),
            is_error=refused,
        )

    @property
    def names(self) -> list[str]:
        return [call.tool for call in self.calls]

    def asked(self, tool: str) -> dict[str, Any]:
        """Return the arguments of the one call of a tool."""
        (call,) = [call for call in self.calls if call.tool == tool]
        return call.arguments


def decide(
    policy: str, agent: AgentName, task: dict[str, Any], answers: dict[str, Answer]
) -> tuple[AgentDecision, Tools]:
    tools = Tools(answers)
    runner = Agent(RECORDS[agent])
    decision = asyncio.run(runner.decide(task, model=BaselineModel(policy), tools=tools, seed=0))
    return decision, tools


def trading_day(*, first: bool = False, before: str = "2020-03-02", **facts: Any) -> dict[str, Any]:
    previous = None if first else before
    return {
        "session": "2020-03-03",
        "as_of": "2020-03-03T14:30:00+00:00",
        "events": ["trading_day"],
        "facts": {"first_session": first, "last_asked": previous, **facts},
    }


def closes(*last: float, sessions: int = 253) -> Answer:
    """Straight lines from 100 to the last close given for each symbol."""
    columns = [
        {"symbol": symbol, "close": [str(round(x, 6)) for x in np.linspace(100, end, sessions)]}
        for symbol, end in zip(SYMBOLS, last, strict=False)
    ]
    return {"columns": columns}


MARKET: dict[str, Answer] = {
    "prices_list_symbols": {"symbols": list(SYMBOLS)},
    "trading_get_account": {"cash": "1000.00", "market_value": "0.00", "equity": "1000.00"},
    "trading_rebalance_to_weights": {"order_ids": ["one", "two"]},
    "prices_get_bars": closes(120, 90, 150, 110),
    "quantum_optimize_portfolio": {
        "portfolio": {"weights": ["0.4", "0.3", "0.2", "0.1"], "volatility_annual": 0.15}
    },
}


def weights(tools: Tools) -> dict[str, Decimal]:
    asked = tools.asked("trading_rebalance_to_weights")["weights"]
    return {symbol: Decimal(weight) for symbol, weight in asked.items()}


@pytest.mark.parametrize("policy", sorted(TRADING))
def test_the_first_session_is_invested_to_99_5_percent_through_the_one_door(policy: str) -> None:
    decision, tools = decide(policy, "alpha_trading", trading_day(first=True), MARKET)
    assert decision.output is not None
    assert decision.output.action == "rebalance"
    assert decision.output.order_ids == ("one", "two")
    assert set(decision.output.evidence) == set(tools.names)
    assert sum(weights(tools).values()) == Decimal("0.995")
    assert all(weight > 0 for weight in weights(tools).values())
    assert decision.propensity == 1


@pytest.mark.parametrize("policy", ["equal-weight", "momentum", "min-variance", "rules"])
def test_within_a_month_nothing_is_traded(policy: str) -> None:
    decision, tools = decide(policy, "alpha_trading", trading_day(), MARKET)
    assert decision.output is not None
    assert decision.output.action == "hold"
    assert "trading_rebalance_to_weights" not in tools.names


@pytest.mark.parametrize("policy", ["equal-weight", "momentum", "min-variance", "rules"])
def test_a_new_month_renews_the_portfolio(policy: str) -> None:
    task = trading_day(before="2020-02-28")
    decision, _ = decide(policy, "alpha_trading", task, MARKET)
    assert decision.output is not None
    assert decision.output.action == "rebalance"


def test_buy_and_hold_never_trades_again() -> None:
    held = {"cash": "5.00", "market_value": "995.00", "equity": "1000.00"}
    task = trading_day(before="2020-02-28")
    decision, tools = decide(
        "buy-and-hold", "alpha_trading", task, {**MARKET, "trading_get_account": held}
    )
    assert decision.output is not None
    assert decision.output.action == "hold"
    assert tools.names == ["trading_get_account"]


def test_momentum_holds_the_strongest_quarter_and_leaves_fallers_alone() -> None:
    _, tools = decide("momentum", "alpha_trading", trading_day(first=True), MARKET)
    assert weights(tools) == {"CCC": Decimal("0.995")}
    falling = {**MARKET, "prices_get_bars": closes(80, 90, 70, 60)}
    _, tools = decide("momentum", "alpha_trading", trading_day(first=True), falling)
    assert weights(tools) == {}


@pytest.mark.parametrize("policy", ["momentum", "min-variance"])
def test_without_a_year_of_prices_nothing_is_guessed(policy: str) -> None:
    young = {**MARKET, "prices_get_bars": closes(120, 90, 150, 110, sessions=200)}
    decision, tools = decide(policy, "alpha_trading", trading_day(first=True), young)
    assert decision.output is not None
    assert decision.output.action == "hold"
    assert "253 known closes" in decision.output.rationale
    assert "trading_rebalance_to_weights" not in tools.names


def test_a_symbol_with_a_short_history_is_left_out() -> None:
    columns = closes(120, 90, 150, 110)["columns"]  # type: ignore[index, call-overload]
    columns[2]["close"] = columns[2]["close"][-100:]
    _, tools = decide(
        "momentum",
        "alpha_trading",
        trading_day(first=True),
        {**MARKET, "prices_get_bars": {"columns": columns}},
    )
    assert set(weights(tools)) == {"AAA"}


def test_the_fund_falls_back_to_equal_weights_when_the_optimiser_refuses() -> None:
    decision, tools = decide(
        "rules",
        "alpha_trading",
        trading_day(first=True),
        {**MARKET, "quantum_optimize_portfolio": "invalid-request: too little history"},
    )
    assert set(weights(tools).values()) == {Decimal("0.24875")}
    assert decision.output is not None
    assert "too little history" in decision.output.rationale


@pytest.mark.parametrize("policy", sorted(TRADING))
def test_a_door_that_refuses_is_an_abstention_with_its_sentence(policy: str) -> None:
    shut = {**MARKET, "trading_rebalance_to_weights": "limit-breached: halted"}
    decision, _ = decide(policy, "alpha_trading", trading_day(first=True), shut)
    assert decision.output is None
    assert decision.abstention is not None
    assert "halted" in decision.abstention


@pytest.mark.parametrize("policy", sorted(TRADING))
def test_without_a_symbol_everything_stays_in_cash(policy: str) -> None:
    empty = {**MARKET, "prices_list_symbols": {"symbols": []}}
    decision, tools = decide(policy, "alpha_trading", trading_day(first=True), empty)
    assert decision.output is not None
    assert decision.output.action == "hold"
    assert "trading_rebalance_to_weights" not in tools.names


LOAN = {
    "status": "active",
    "balance": "9000.00",
    "fund_invested": "6000.00",
    "arrears": "0.00",
    "instalments_paid": 2,
    "instalment": {"number": 3, "due_on": "2020-03-02", "amount_due": "313.36"},
}
APPLICATION = {
    "income_monthly_net": "4200.00",
    "income_monthly_gross": "5400.00",
    "expenses_monthly": "3050.00",
    "debt_payments_monthly": "220.00",
    "fund_floor": "0.00",
    "filing_status": "single",
}


def due(*events: str, **loan: Any) -> dict[str, Any]:
    return {**trading_day(loan={**LOAN, **loan}), "events": ["instalment_due", *events]}


def serviced(equity: str, **application: str) -> Any:
    decision, _ = decide(
        "rules",
        "lender",
        due(),
        {
            "lending_get_application": {**APPLICATION, **application},
            "trading_get_account": {"equity": equity},
        },
    )
    assert decision.output is not None
    return decision.output


@pytest.mark.parametrize(
    ("equity", "application", "payment"),
    [
        ("6500.00", {}, "313.36"),  # income covers it
        ("6100.00", {}, "100.00"),  # income pays what there is, the borrower the rest
        ("5900.00", {}, "0.00"),  # a fund below its principal has no income
        ("5900.00", {"expenses_monthly": "3880.00"}, "213.36"),  # borrower has 100: principal
        ("5900.00", {"expenses_monthly": "3880.00", "fund_floor": "5800.00"}, "100.00"),
        ("0.00", {"expenses_monthly": "3980.00"}, "0.00"),
    ],
)
def test_the_lender_lets_the_fund_pay_by_the_waterfall(
    equity: str, application: dict[str, str], payment: str
) -> None:
    output = serviced(equity, **application)
    assert output.action == "service"
    assert output.fund_payment == Decimal(payment)


def raising(status: str = "accepted", *, fractional: bool = True) -> dict[str, Answer]:
    return {
        "trading_get_account": {"cash": "13.36", "market_value": "990.00", "equity": "1003.36"},
        "trading_get_mode": {"execution": {"fractional": fractional}},
        "trading_get_positions": {
            "symbols": ["AAA", "BBB", "CCC"],
            "quantities": ["2", "10", "5"],
            "prices": ["50", "20", "138"],
            "market_values": ["100.00", "200.00", "690.00"],
        },
        "trading_place_order": lambda order: {
            "client_order_id": f"sell-{order['symbol']}",
            "status": status,
        },
    }


def raise_cash(answers: dict[str, Answer]) -> tuple[AgentDecision, Tools]:
    task = due()
    task["findings"] = {"lender": {"fund_payment": "313.36"}}
    return decide("rules", "alpha_trading", task, answers)


def test_the_fund_sells_its_largest_holding_for_what_cash_lacks() -> None:
    decision, tools = raise_cash(raising())
    order = tools.asked("trading_place_order")
    assert (order["symbol"], order["side"]) == ("CCC", "sell")
    raised = Decimal(order["quantity"]) * 138
    assert Decimal("309.00") <= raised < Decimal("309.01")  # 300 and 3 % for the unknown price
    assert decision.output is not None
    assert decision.output.order_ids == ("sell-CCC",)


def test_a_fund_of_whole_shares_sells_whole_shares() -> None:
    _, tools = raise_cash(raising(fractional=False))
    assert tools.asked("trading_place_order")["quantity"] == "3"


def test_a_denied_sale_is_not_counted_as_raised() -> None:
    decision, tools = raise_cash(raising("denied"))
    asked = [c.arguments["symbol"] for c in tools.calls if c.tool == "trading_place_order"]
    assert asked == ["CCC", "BBB", "AAA"]
    assert decision.output is not None
    assert decision.output.action == "hold"
    assert "fall short" in decision.output.rationale


def test_the_fund_sells_nothing_when_cash_covers_the_payment() -> None:
    task = due()
    task["findings"] = {"lender": {"fund_payment": "313.36"}}
    account = {"cash": "400.00", "market_value": "990.00", "equity": "1390.00"}
    decision, tools = decide("rules", "alpha_trading", task, {"trading_get_account": account})
    assert decision.output is not None
    assert decision.output.action == "hold"
    assert tools.names == ["trading_get_account"]


@pytest.mark.parametrize(
    ("left", "action"),
    [
        ("400.00", "affordable"),
        ("391.70", "affordable"),
        ("391.69", "tight"),
        ("313.36", "tight"),
        ("313.35", "unaffordable"),
        ("-5.00", "unaffordable"),
    ],
)
def test_the_budget_leaves_a_quarter_of_the_instalment_to_spare(left: str, action: str) -> None:
    decision, _ = decide(
        "rules",
        "budget",
        {**trading_day(), "events": ["application"]},
        {
            "lending_get_application": APPLICATION,
            "lending_assess_affordability": {
                "disposable_income_monthly": left,
                "instalment": "313.36",
            },
        },
    )
    assert decision.output is not None
    assert decision.output.action == action


def anomaly(kind: str, posted_on: str) -> dict[str, Any]:
    return {"kind": kind, "sentence": kind, "transaction": {"posted_on": posted_on}}


@pytest.mark.parametrize(
    ("events", "anomalies", "action"),
    [
        (["month_end"], [], "clear"),
        (["month_end"], [anomaly("duplicate", "2020-02-20")], "watch"),
        (["month_end"], [anomaly("high_risk_merchant", "2020-02-20")], "alert"),
        (["month_end"], [anomaly("high_risk_merchant", "2020-01-15")], "clear"),
        (["application"], [anomaly("high_risk_merchant", "2020-01-15")], "alert"),
    ],
)
def test_spending_is_looked_at_as_far_back_as_the_occasion_asks(
    events: list[str], anomalies: list[dict[str, Any]], action: str
) -> None:
    task = {**trading_day(), "events": events}
    answers: dict[str, Answer] = {"lending_find_anomalies": {"anomalies": anomalies}}
    decision, _ = decide("rules", "spending_guard", task, answers)
    assert decision.output is not None
    assert decision.output.action == action


@pytest.mark.parametrize(
    ("costs", "gains", "harvest"),
    [
        (["1000.00", "1000.00"], ["-50.00", "-50.01"], ("BBB",)),
        (["2000.00", "100.00"], ["-100.00", "-50.01"], ("BBB",)),
        (["1000.00", "1000.00"], ["200.00", "0.00"], ()),
    ],
)
def test_losses_are_harvested_at_year_end_beyond_5_percent_and_50(
    costs: list[str], gains: list[str], harvest: tuple[str, ...]
) -> None:
    decision, _ = decide(
        "rules",
        "tax",
        {**trading_day(), "events": ["year_end"]},
        {
            "lending_get_application": APPLICATION,
            "lending_estimate_tax": {
                "total_tax": "8000.00",
                "effective_rate": 0.12,
                "source": "tables of 2020",
            },
            "trading_get_positions": {
                "symbols": ["AAA", "BBB"],
                "costs": costs,
                "unrealised_gains": gains,
            },
        },
    )
    assert decision.output is not None
    assert decision.output.harvest_symbols == harvest
    assert decision.output.action == ("harvest" if harvest else "none")


@pytest.mark.parametrize(
    ("severities", "action"), [((), "accept"), (("remark",), "accept"), (("violation",), "object")]
)
def test_a_contract_is_objected_to_for_violations_alone(
    severities: tuple[str, ...], action: str
) -> None:
    findings = [{"rule": "late fee", "sentence": "Too high.", "severity": s} for s in severities]
    decision, _ = decide(
        "rules",
        "contract",
        {**trading_day(), "events": ["application"]},
        {"lending_review_terms": {"findings": findings, "statement": "Reviewed."}},
    )
    assert decision.output is not None
    assert decision.output.action == action
    assert [r.code for r in decision.output.violations] == ["late_fee"] * (action == "object")


def test_the_same_request_gives_the_same_turn() -> None:
    request = ModelRequest(
        agent="alpha_trading",
        messages=(Said(role="user", text=json.dumps(trading_day(first=True))),),
        tools=(),
        output_type=RECORDS["alpha_trading"].output_type,
        seed=0,
    )
    model = BaselineModel("momentum")
    turns = [asyncio.run(model.complete(request)) for _ in range(3)]
    assert turns[0] == turns[1] == turns[2]
    assert turns[0].calls[0].call_id == "call-0"


def test_a_conversation_without_a_task_is_no_request() -> None:
    request = ModelRequest(
        agent="lender",
        messages=(Said(role="system", text="You are a lender."),),
        tools=(),
        output_type=RECORDS["lender"].output_type,
        seed=0,
    )
    with pytest.raises(BadModelOutput, match="no task"):
        asyncio.run(BaselineModel("rules").complete(request))


def test_an_unknown_policy_names_those_there_are() -> None:
    with pytest.raises(BadConfiguration, match="buy-and-hold, equal-weight"):
        BaselineModel("luck")
