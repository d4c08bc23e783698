"""The DAG of the six agents, on one screen.

A session's events decide where it enters; nobody is asked twice in a session:

    application   contract | budget | tax | spending_guard  ->  lender  ->  alpha_trading (approved)
    month_end     spending_guard -> budget  ->  lender  ->  alpha_trading
    year_end      tax  ->  lender  ->  alpha_trading
    instalment_due                              lender  ->  alpha_trading
    trading_day                                             alpha_trading

Who may overrule whom: a contract violation, an unaffordable budget and a spending alert overrule
an approval (`VETOES`); the risk gate overrules every order; an abstention where an answer was
needed refers the application to a human.
"""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Protocol, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from pydantic import JsonValue

from schemas.agents import AGENTS, AgentDecision, AgentName, LenderDecision, Reason
from schemas.tick import Event

VETOES: Mapping[AgentName, tuple[str, str, str]] = {
    "contract": ("object", "contract_violation", "The contract breaks law or policy."),
    "budget": ("unaffordable", "unaffordable", "The household cannot carry the instalment."),
    "spending_guard": ("alert", "spending_alert", "Recent spending must be looked at first."),
}
"""Agent -> (its action, reason code, sentence): each overrules the lender's approval."""

JUDGES: tuple[AgentName, ...] = ("contract", "budget", "spending_guard")
"""Whose answer an approval needs; the tax estimate informs it only."""


class TickState(TypedDict):
    """What flows through the graph in one session."""

    events: tuple[Event, ...]
    facts: dict[str, JsonValue]
    decisions: Annotated[tuple[AgentDecision, ...], operator.add]


@dataclass(frozen=True, slots=True)
class TickContext:
    """What a run hands to the nodes: how an agent is asked, and what approval sets in motion."""

    session: date
    as_of: datetime
    ask: Callable[[AgentName, dict[str, JsonValue]], Awaitable[AgentDecision]]
    approved: Callable[[LenderDecision], None]


class _Node(Protocol):
    async def __call__(self, state: TickState, runtime: Runtime[TickContext]) -> dict[str, Any]: ...


def _node(agent: AgentName) -> _Node:
    async def ask(state: TickState, runtime: Runtime[TickContext]) -> dict[str, Any]:
        context = runtime.context
        task: dict[str, JsonValue] = {
            "session": context.session.isoformat(),
            "as_of": context.as_of.isoformat(),
            "events": list(state["events"]),
            "facts": state["facts"],
        }
        if state["decisions"]:
            task["findings"] = {d.agent: _summary(d) for d in in_order(state["decisions"])}
        return {"decisions": (await context.ask(agent, task),)}

    return ask


async def _lender(state: TickState, runtime: Runtime[TickContext]) -> dict[str, Any]:
    answer = await _node("lender")(state, runtime)
    decision = answer["decisions"][0]
    if "application" in state["events"]:
        decision = overrule(decision, state["decisions"])
        if isinstance(decision.output, LenderDecision) and decision.output.action == "approve":
            runtime.context.approved(decision.output)
    return {"decisions": (decision,)}


def overrule(lender: AgentDecision, others: tuple[AgentDecision, ...]) -> AgentDecision:
    """Apply the table: a veto turns an approval into a refusal, a missing judge into a referral."""
    output = lender.output
    if not isinstance(output, LenderDecision) or output.action != "approve":
        return lender
    by_agent = {d.agent: d for d in others}
    vetoes = [
        Reason(code=code, sentence=sentence)
        for agent, (action, code, sentence) in VETOES.items()
        if (found := by_agent.get(agent)) and found.output and found.output.action == action
    ]
    silent = [a for a in JUDGES if a not in by_agent or by_agent[a].output is None]
    if vetoes:
        change = {"action": "refuse", "reasons": (*vetoes, *output.reasons)}
    elif silent:
        gap = Reason(code="missing_evidence", sentence=f"No answer from: {', '.join(silent)}.")
        change = {"action": "refer", "reasons": (gap, *output.reasons)}
    else:
        return lender
    return lender.model_copy(update={"output": output.model_copy(update=change)})


def _enter(state: TickState) -> list[str]:
    events = state["events"]
    if "application" in events:
        return ["contract", "budget", "tax", "spending_guard"]
    has_loan = "loan" in state["facts"]
    first = ["spending_guard"] if has_loan and "month_end" in events else []
    if has_loan and "year_end" in events:
        first.append("tax")
    if first:
        return first
    return ["lender"] if "instalment_due" in events else ["alpha_trading"]


def _after_guard(state: TickState) -> str:
    return "lender" if "application" in state["events"] else "budget"


def _after_lender(state: TickState) -> str:
    decision = next(d for d in reversed(state["decisions"]) if d.agent == "lender")
    if "application" not in state["events"]:
        return "alpha_trading"
    approved = decision.output is not None and decision.output.action == "approve"
    return "alpha_trading" if approved else END


def build_graph() -> CompiledStateGraph[TickState, TickContext, TickState, TickState]:
    """Compile the graph; one serves all runs of a process."""
    graph = StateGraph(TickState, context_schema=TickContext)
    for agent in ("contract", "budget", "tax", "spending_guard", "alpha_trading"):
        graph.add_node(agent, _node(agent))  # pyright: ignore[reportUnknownMemberType]  # untyped default
    # Deferred: the lender waits for all who were asked before it.
    graph.add_node("lender", _lender, defer=True)  # pyright: ignore[reportUnknownMemberType]  # untyped default
    graph.add_conditional_edges(START, _enter, list(AGENTS))
    graph.add_conditional_edges("spending_guard", _after_guard, ["budget", "lender"])
    for agent in ("contract", "budget", "tax"):
        graph.add_edge(agent, "lender")
    graph.add_conditional_edges("lender", _after_lender, ["alpha_trading", END])
    graph.add_edge("alpha_trading", END)
    return graph.compile()  # pyright: ignore[reportUnknownMemberType]  # untyped default


def in_order(decisions: tuple[AgentDecision, ...]) -> tuple[AgentDecision, ...]:
    """Sort decisions by agent, so that parallel nodes leave no trace of their timing."""
    return tuple(sorted(decisions, key=lambda d: AGENTS.index(d.agent)))


def _summary(decision: AgentDecision) -> JsonValue:
    if decision.output is None:
        return {"abstained": decision.abstention}
    return decision.output.model_dump(mode="json", exclude={"evidence", "features"})
