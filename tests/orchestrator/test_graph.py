"""The DAG: who is asked on which event, who waits for whom, who overrules whom."""

import asyncio
import datetime as dt
from decimal import Decimal

import pytest
from pydantic import JsonValue

from orchestrator.graph import TickContext, TickState, build_graph, in_order, overrule
from schemas.agents import (
    AgentDecision,
    AgentName,
    AnyOutput,
    BudgetAssessment,
    ContractReview,
    LenderDecision,
    SpendingReview,
    TaxAssessment,
    TradingDecision,
)
from schemas.tick import Event

GRAPH = build_graph()
SAID = {"rationale": "because", "confidence": 1.0}
CALM: dict[AgentName, AnyOutput] = {
    "contract": ContractReview(action="accept", **SAID),
    "budget": BudgetAssessment(
        action="affordable",
        disposable_income=Decimal(900),
        expense_ratio=Decimal("0.6"),
        available_for_instalment=Decimal(900),
        **SAID,
    ),
    "tax": TaxAssessment(
        action="none", tax_year=2019, estimated_tax=Decimal(0), effective_rate=Decimal(0), **SAID
    ),
    "spending_guard": SpendingReview(action="clear", **SAID),
    "lender": LenderDecision(action="approve", **SAID),
    "alpha_trading": TradingDecision(action="hold", **SAID),
}


class Run:
    """Runs the graph once and remembers who was asked, with what, and what was approved."""

    def __init__(
        self,
        *events: Event,
        loan: bool = True,
        answers: dict[AgentName, AnyOutput | None] | None = None,
    ) -> None:
        self.asked: list[AgentName] = []
        self.tasks: dict[AgentName, dict[str, JsonValue]] = {}
        self.approved: list[LenderDecision] = []
        self._answers = {**CALM, **(answers or {})}
        final = asyncio.run(
            GRAPH.ainvoke(
                TickState(events=events, facts={"loan": {}} if loan else {}, decisions=()),
                context=TickContext(
                    session=dt.date(2020, 1, 2),
                    as_of=dt.datetime(2020, 1, 2, 14, 30, tzinfo=dt.UTC),
                    ask=self._ask,
                    approved=self.approved.append,
                ),
            )
        )
        self.decisions = in_order(final["decisions"])

    async def _ask(self, agent: AgentName, task: dict[str, JsonValue]) -> AgentDecision:
        self.asked.append(agent)
        self.tasks[agent] = task
        output = self._answers[agent]
        return AgentDecision(
            agent=agent,
            model="scripted:test",
            output=output,
            abstention=None if output else "silent",
            steps=1,
        )

    @property
    def lender(self) -> LenderDecision:
        output = next(d.output for d in self.decisions if d.agent == "lender")
        assert isinstance(output, LenderDecision)
        return output


def test_an_application_is_seen_by_four_before_the_lender_decides() -> None:
    run = Run("application", "trading_day")
    assert set(run.asked[:4]) == {"contract", "budget", "tax", "spending_guard"}
    assert run.asked[4:] == ["lender", "alpha_trading"]
    assert set(run.tasks["lender"]["findings"]) == {"contract", "budget", "tax", "spending_guard"}
    assert run.approved


def test_a_refusal_invests_nothing() -> None:
    run = Run("application", answers={"lender": LenderDecision(action="refuse", **SAID)})
    assert "alpha_trading" not in run.asked
    assert not run.approved


@pytest.mark.parametrize(
    ("agent", "veto"),
    [
        ("contract", ContractReview(action="object", **SAID)),
        ("budget", CALM["budget"].model_copy(update={"action": "unaffordable"})),
        ("spending_guard", SpendingReview(action="alert", **SAID)),
    ],
)
def test_a_veto_overrules_an_approval(agent: AgentName, veto: AnyOutput) -> None:
    run = Run("application", answers={agent: veto})
    assert run.lender.action == "refuse"
    assert run.lender.reasons
    assert not run.approved
    assert "alpha_trading" not in run.asked


@pytest.mark.parametrize("agent", ["contract", "budget", "spending_guard"])
def test_an_approval_without_a_needed_answer_is_referred(agent: AgentName) -> None:
    run = Run("application", answers={agent: None})
    assert run.lender.action == "refer"
    assert agent in run.lender.reasons[0].sentence
    assert not run.approved


def test_a_silent_tax_agent_does_not_stop_an_approval() -> None:
    assert Run("application", answers={"tax": None}).lender.action == "approve"


def test_month_end_goes_guard_budget_lender_trading() -> None:
    assert Run("month_end", "trading_day").asked == [
        "spending_guard",
        "budget",
        "lender",
        "alpha_trading",
    ]


def test_year_end_adds_tax_and_still_asks_the_lender_once() -> None:
    run = Run("year_end", "month_end", "trading_day")
    assert sorted(run.asked) == ["alpha_trading", "budget", "lender", "spending_guard", "tax"]
    assert run.asked[-2:] == ["lender", "alpha_trading"]


def test_an_instalment_is_serviced_before_trading() -> None:
    assert Run("instalment_due", "trading_day").asked == ["lender", "alpha_trading"]


def test_an_account_without_a_loan_is_traded_and_nothing_else() -> None:
    assert Run("year_end", "month_end", "trading_day", loan=False).asked == ["alpha_trading"]


def test_an_abstaining_lender_approves_nothing() -> None:
    run = Run("application", answers={"lender": None})
    assert not run.approved
    assert "alpha_trading" not in run.asked


def test_overruling_never_touches_a_refusal() -> None:
    refusal = AgentDecision(
        agent="lender", model="m", output=LenderDecision(action="refuse", **SAID), steps=1
    )
    assert overrule(refusal, ()) is refusal
