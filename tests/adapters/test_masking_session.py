"""A conversation behind a mask: what the model sees, and what its agent and tools see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from adapters.masking.codebook import Known
from adapters.masking.session import Mask
from adapters.model.scripted import ScriptedModel
from agents.agent import Agent
from agents.records import RECORDS
from interfaces.model import ToolCall, ToolResult, ToolSpec, Turn
from schemas.agents import AgentDecision
from schemas.errors import BadConfiguration

KNOWN = Known(
    instruments={t: t for t in ("AAPL", "KO", "A", "ALL")},
    names={"KO": ("Coca-Cola",)},
    words={},
    years=(1990, 2022),
)
MASK = Mask("7" * 64, KNOWN)
S = {ticker: MASK.book.alias(ticker) for ticker in KNOWN.instruments}
K = {ticker: int(MASK.book.factor(ticker)) for ticker in KNOWN.instruments}
YEAR = 2020 + MASK.book.shift
TASK: dict[str, Any] = {
    "session": "2020-02-29",
    "as_of": "2020-02-29T14:30:00+00:00",
    "events": ["trading_day"],
    "facts": {"first_session": False, "last_asked": None},
}
HOLD = Turn(answer=json.dumps({"action": "hold", "rationale": "-", "confidence": 1}))


class Desk:
    """Tools that answer what they are told to, and keep what they were asked."""

    def __init__(self, *answers: dict[str, Any] | str) -> None:
        self.asked: list[ToolCall] = []
        self._answers = list(answers)

    def specs(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        about = 'e.g. ["AAPL", "KO"], since 2020-01-02; units of 2020 and A to ALL'
        schema: Any = {"properties": {"x": {"description": about, "pattern": "^AAPL$"}}}
        return tuple(ToolSpec(name=name, description=about, input_schema=schema) for name in names)

    async def call(self, call: ToolCall) -> ToolResult:
        self.asked.append(call)
        answer = self._answers.pop(0)
        error = isinstance(answer, str)
        return ToolResult(
            call_id=call.call_id,
            tool=call.tool,
            structured=None if isinstance(answer, str) else answer,
            text=answer if isinstance(answer, str) else json.dumps(answer),
            is_error=error,
        )


def talk(desk: Desk, *turns: Turn, task: dict[str, Any] | None = None) -> tuple[Any, AgentDecision]:
    """Let a scripted model have the conversation; return its last request and the decision."""
    script = ScriptedModel(turns)
    record = RECORDS["alpha_trading"]
    mask = Mask("7" * 64, KNOWN)
    model, tools = mask.around(script, desk, offered=record.tools)
    said = asyncio.run(Agent(record).decide(task or TASK, model=model, tools=tools, seed=1))
    return script.seen[-1], said


def calling(tool: str, **arguments: Any) -> Turn:
    return Turn(calls=(ToolCall(call_id="call-0", tool=tool, arguments=arguments),))


def place(symbol: str, quantity: Any) -> Turn:
    return calling(
        "trading_place_order", symbol=symbol, side="sell", quantity=quantity, reason=f"of {symbol}"
    )


PLACED = {
    "client_order_id": "00",
    "status": "denied",
    "symbol": "A",
    "side": "sell",
    "quantity": "12.5",
    "status_reason": "selling 12.5 A exceeds the 2.5 held and not in working sells by 10; no",
    "denied": {
        "limit": "allow_short",
        "message": "selling 12.5 A exceeds the 2.5 held and not in working sells by 10; no",
        "excess": "10",
    },
}


def test_the_task_the_descriptions_and_the_form_of_the_answer_are_masked() -> None:
    request, _ = talk(Desk(), HOLD)
    task = json.loads(request.messages[1].text)
    assert task["session"] == f"{YEAR}-02-29"
    assert task["as_of"] == f"{YEAR}-02-29T14:30:00+00:00"
    for spec in request.tools:
        about = f'e.g. ["{S["AAPL"]}", "{S["KO"]}"], since {YEAR}-01-02; units of {YEAR} and A to'
        assert spec.description.startswith(about)
        assert spec.input_schema["properties"]["x"]["pattern"] == "^AAPL$"
    assert "AAPL" not in json.dumps(request.output_type.model_json_schema())
    assert request.output_type.__name__ == "TradingDecision"


@pytest.mark.parametrize("quantity", ["3", "0.000001", 3, 0.25, "1e2", "123456.789012"])
def test_an_order_reaches_the_tools_in_real_units_and_its_denial_the_model_in_its_own(
    quantity: Any,
) -> None:
    desk = Desk(PLACED)
    request, decision = talk(desk, place(S["A"], quantity), HOLD)
    (asked,) = desk.asked
    assert asked.arguments["symbol"] == "A"
    assert float(str(asked.arguments["quantity"])) == pytest.approx(float(quantity) * K["A"], abs=0)
    assert asked.arguments["reason"] == "of A"
    assert decision.tool_calls[0].arguments == asked.arguments
    made, result = request.messages[2].calls[0], request.messages[3]
    assert made.arguments["symbol"] == S["A"]
    assert float(made.arguments["quantity"]) == float(quantity)
    units = {key: f"{value / K['A']:f}".rstrip("0") for key, value in (("a", 12.5), ("h", 2.5))}
    assert result.structured["quantity"] == units["a"]
    assert float(result.structured["denied"]["excess"]) == 10 / K["A"]
    said = f"selling {units['a']} {S['A']} exceeds the {units['h']} held"
    assert result.structured["denied"]["message"].startswith(said)
    assert result.structured["status_reason"].startswith(said)
    assert json.loads(result.text) == result.structured


@pytest.mark.parametrize("symbol", ["KO", "A", "S1", "Coca-Cola", "S99999"])
def test_a_real_ticker_is_as_unknown_as_any_that_is_none(symbol: str) -> None:
    desk = Desk()
    request, _ = talk(desk, calling("prices_get_bars", symbols=[S["KO"], symbol]), HOLD)
    assert desk.asked == []
    made, result = request.messages[2], request.messages[3]
    assert made.calls[0].arguments == {"symbols": [S["KO"], symbol]}
    assert result.is_error
    assert result.text.startswith("not-found: no such symbol")


def test_what_a_model_writes_as_json_within_an_argument_is_read() -> None:
    desk = Desk("invalid-request: no", "invalid-request: no")
    weights = json.dumps({S["KO"]: 0.5})
    talk(
        desk,
        calling("prices_get_returns", symbols=json.dumps([S["KO"].lower()]), lookback=5),
        calling("trading_rebalance_to_weights", weights=weights, reason=f"{YEAR} {S['KO']}"),
        HOLD,
    )
    assert desk.asked[0].arguments == {"symbols": ["KO"], "lookback": 5}
    assert desk.asked[1].arguments == {"weights": {"KO": 0.5}, "reason": "2020 KO"}


def test_an_error_that_quotes_a_ticker_which_is_a_word_is_masked() -> None:
    desk = Desk("not-found: no prices of 'ALL' are known; ALL of 2020 units, it is 2020-02-29")
    request, _ = talk(desk, calling("prices_get_quote", symbol=S["ALL"]), HOLD)
    assert request.messages[3].text == (
        f"not-found: no prices of '{S['ALL']}' are known; {S['ALL']} of 2020 units, it is "
        f"{YEAR}-02-29"
    )


def test_arguments_that_no_tool_has_stay_the_models_own_words() -> None:
    desk = Desk("invalid-request: prices_get_quote has no argument 'ticker'")
    request, _ = talk(desk, calling("prices_get_quote", ticker=S["KO"]), HOLD)
    assert desk.asked[0].arguments == {"ticker": S["KO"]}
    assert request.messages[2].calls[0].arguments == {"ticker": S["KO"]}


@pytest.mark.parametrize(
    "answer", ["no JSON about S", '{"kind": "lender"}', '{"target_weights": [{"ticker": "x"}]}']
)
def test_an_invalid_answer_is_asked_for_again_in_masked_words(answer: str) -> None:
    request, decision = talk(Desk(), Turn(answer=answer), HOLD)
    assert json.dumps(request.messages[2].text)[1:8] == json.dumps(answer)[1:8]
    assert request.messages[3].text.startswith("That is no valid answer")
    assert decision.output is not None


def test_the_answer_is_stored_in_real_words() -> None:
    weights = [{"symbol": S["KO"], "weight": "0.5"}]
    answer = {
        **json.loads(HOLD.answer or ""),
        "rationale": f"Company {S['KO']} since March {YEAR}",
        "target_weights": weights,
        "features": {f"trend of {S['AAPL']}": 0.5},
    }
    _, decision = talk(Desk(), Turn(answer=json.dumps(answer)))
    output: Any = decision.output
    assert output.rationale == "Coca-Cola since March 2020"
    assert output.target_weights[0].symbol == "KO"
    assert output.features == {"trend of AAPL": 0.5}


def test_an_answer_or_a_task_with_an_unknown_field_stops_the_run_instead_of_leaking_it() -> None:
    quote = {"as_of": "2020-01-02T00:00:00Z", "symbol": "KO", "mood": "Coca-Cola is up"}
    with pytest.raises(BadConfiguration, match=r"prices_get_quote: .* field 'mood'"):
        talk(Desk(quote), calling("prices_get_quote", symbol=S["KO"]), HOLD)
    with pytest.raises(BadConfiguration, match="field 'weather'"):
        talk(Desk(), HOLD, task={**TASK, "weather": "fair"})
    lender = Agent(RECORDS["lender"])
    model, tools = MASK.around(ScriptedModel([HOLD]), Desk(), offered=())
    with pytest.raises(BadConfiguration, match="lending_get_application"):
        asyncio.run(lender.decide(TASK, model=model, tools=tools, seed=1))
