"""One agent's turn: tools, validation, one re-ask, abstention."""

import asyncio
from collections.abc import Sequence

import pytest

from adapters.model.scripted import ScriptedModel
from agents.agent import Agent, Bounds
from agents.records import RECORDS
from interfaces.model import Said, ToolCall, ToolResult, ToolSpec, Turn
from schemas.agents import AGENTS, AgentDecision, SpendingReview, Usage
from schemas.errors import BadModelOutput, Unavailable

GOOD = SpendingReview(action="clear", rationale="nothing unusual", confidence=0.9)


class Tools:
    """A tool session that answers everything and keeps what it was asked."""

    def __init__(self, *, broken: bool = False) -> None:
        self.calls: list[ToolCall] = []
        self._broken = broken

    def specs(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        return tuple(ToolSpec(name=n, description=n, input_schema={}) for n in names)

    async def call(self, call: ToolCall) -> ToolResult:
        if self._broken:
            raise Unavailable("no server")
        self.calls.append(call)
        return ToolResult(
            call_id=call.call_id, tool=call.tool, structured={"n": 1}, text='{"n": 1}'
        )


def ask(*script: Turn | BadModelOutput, tools: Tools | None = None, bounds: Bounds | None = None):
    model = ScriptedModel(script)
    agent = Agent(RECORDS["spending_guard"], bounds=bounds)
    session = tools or Tools()
    decision = asyncio.run(
        agent.decide({"session": "2020-01-02"}, model=model, tools=session, seed=0)
    )
    return decision, model, session


def call(tool: str, n: int = 0) -> Turn:
    return Turn(calls=(ToolCall(call_id=f"call-{n}", tool=tool, arguments={}),))


def answer(output: SpendingReview = GOOD) -> Turn:
    return Turn(answer=output.model_dump_json(), usage=Usage(input_tokens=10, output_tokens=5))


def test_a_valid_answer_is_the_decision() -> None:
    decision, _, _ = ask(answer())
    assert decision.output == GOOD
    assert decision.abstention is None
    assert decision.usage.input_tokens == 10


def test_tool_calls_are_made_and_recorded_by_hash_and_size() -> None:
    decision, model, tools = ask(call("lending_find_anomalies"), answer())
    assert [c.tool for c in tools.calls] == ["lending_find_anomalies"]
    assert decision.tool_calls[0].result_bytes == len('{"n": 1}')
    assert any(isinstance(m, ToolResult) for m in model.seen[1].messages)


def test_a_tool_outside_the_record_is_refused_and_never_called() -> None:
    decision, _, tools = ask(call("trading_place_order"), answer())
    assert tools.calls == []
    assert decision.tool_calls[0].is_error
    assert decision.output == GOOD


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "no json",
        "{}",
        "[1]",
        '{"action": "clear"}',
        '{"kind": "lender"}',
        "null",
        "\x00",
        "NaN",
    ],
)
def test_an_invalid_answer_is_asked_again_once_with_the_error(garbage: str) -> None:
    decision, model, _ = ask(Turn(answer=garbage), answer())
    assert decision.output == GOOD
    last = model.seen[1].messages[-1]
    assert isinstance(last, Said)
    assert "no valid answer" in last.text


def test_a_second_invalid_answer_is_an_abstention_with_its_reason() -> None:
    decision, _, _ = ask(Turn(answer="?"), Turn(answer="?"))
    assert decision.output is None
    assert "twice" in (decision.abstention or "")


def test_a_refusing_model_is_an_abstention() -> None:
    decision, _, _ = ask(BadModelOutput("the model refused"))
    assert decision.abstention == "the model refused"


def test_an_endless_tool_loop_ends_in_abstention() -> None:
    script = [call("lending_find_anomalies", n) for n in range(50)]
    decision, model, _ = ask(*script, bounds=Bounds(steps=4))
    assert decision.abstention == "no answer within 4 steps"
    assert len(model.seen) == 4


def test_more_tool_calls_than_the_budget_end_in_abstention() -> None:
    many = Turn(
        calls=tuple(
            ToolCall(call_id=str(n), tool="lending_find_anomalies", arguments={}) for n in range(9)
        )
    )
    decision, _, tools = ask(many, bounds=Bounds(tool_calls=8))
    assert "more than 8 tool calls" in (decision.abstention or "")
    assert tools.calls == []


def test_an_unreachable_tool_server_decides_nothing() -> None:
    with pytest.raises(Unavailable):
        ask(call("lending_find_anomalies"), tools=Tools(broken=True))


def test_nothing_random_reaches_the_model() -> None:
    _, first, _ = ask(call("lending_find_anomalies"), answer())
    _, second, _ = ask(call("lending_find_anomalies"), answer())
    assert first.seen == second.seen


def test_there_are_six_records_each_with_a_prompt_and_its_own_tools() -> None:
    assert set(RECORDS) == set(AGENTS)
    for record in RECORDS.values():
        assert len(record.prompt()) > 200
        assert len(set(record.tools)) == len(record.tools)


def test_only_the_trading_agent_can_place_orders() -> None:
    writers = {
        name
        for name, record in RECORDS.items()
        if any(tool.startswith(("trading_place", "trading_rebal")) for tool in record.tools)
    }
    assert writers == {"alpha_trading"}


def test_a_decision_round_trips_through_json() -> None:
    decision, _, _ = ask(answer())
    assert AgentDecision.model_validate_json(decision.model_dump_json()) == decision
