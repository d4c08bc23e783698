"""The lending server through a client in memory, on a sample borrower and real prices."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import mcp
import pytest

from adapters.calendar import ExchangeCalendar
from adapters.clock import SimulatedClock
from adapters.market.bundled import load_bundled
from interfaces.market import MarketData
from mcp_servers.lending import build_lending_server
from schemas.loan import BorrowerFile

BORROWERS = Path(__file__).parents[2] / "examples" / "borrowers"
DECISION_DAY = datetime(2019, 12, 2, 12, tzinfo=UTC)
TOOLS = {
    "lending_get_amortization_schedule",
    "lending_get_apr",
    "lending_assess_affordability",
    "lending_simulate_coverage",
    "lending_review_terms",
    "lending_estimate_tax",
    "lending_list_transactions",
    "lending_get_borrower_documents",
    "lending_get_application",
    "lending_assess_underwriting",
    "lending_assess_budget",
    "lending_compare_plain_loan",
    "lending_find_anomalies",
    "lending_get_coverage",
}


@cache
def bundled() -> MarketData:
    return load_bundled(ExchangeCalendar())


def borrower(name: str) -> BorrowerFile:
    return BorrowerFile.model_validate_json((BORROWERS / f"{name}.json").read_bytes())


def ask(
    tool: str,
    *,
    name: str | None = "maria-santos",
    at: datetime = DECISION_DAY,
    market: MarketData | None = None,
    **arguments: Any,
) -> dict[str, Any]:
    """Call one tool; a refusal comes back as {"error": sentence}."""

    async def call() -> dict[str, Any]:
        server = build_lending_server(
            clock=SimulatedClock(at), borrower=borrower(name) if name else None, market=market
        )
        async with mcp.Client(server) as client:
            result = await client.call_tool(f"lending_{tool}", arguments)
        if result.is_error:
            return {"error": "".join(getattr(part, "text", "") for part in result.content)}
        assert result.structured_content is not None
        return result.structured_content

    return anyio.run(call)


def test_every_tool_is_listed_as_reading_with_a_schema_and_described_arguments():
    async def listed():
        server = build_lending_server(
            clock=SimulatedClock(DECISION_DAY), borrower=None, market=None
        )
        async with mcp.Client(server) as client:
            return (await client.list_tools()).tools

    tools = anyio.run(listed)
    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is True
        assert tool.output_schema is not None
        assert tool.description
        for argument in tool.input_schema["properties"].values():
            assert argument["description"]


def test_the_sample_loan_is_scheduled_and_rated_as_the_law_says():
    schedule = ask("get_amortization_schedule")
    assert schedule["instalments"][0]["payment"] == "313.36"
    assert schedule["instalments"][-1]["due_on"] == "2022-12-02"
    assert schedule["instalments"][-1]["balance"] == "0.00"
    assert round(ask("get_apr")["apr_annual"], 4) == 0.08
    assert round(ask("get_apr", origination_fee="300")["apr_annual"], 4) == 0.1008


def test_explicit_arguments_need_no_borrower():
    loan = {"principal": "10000", "rate_annual": 0.08, "term_months": 36}
    assert ask("get_apr", name=None, **loan)["rate_annual"] == 0.08
    coverage = ask(
        "get_coverage", name=None, **loan, invested="6000", disposable_income_monthly="400"
    )
    assert round(coverage["fund_coverage"], 2) == 0.16
    assert coverage["funds_itself"] is False
    tax = ask("estimate_tax", name=None, year=2019, filing_status="single", ordinary_income="60000")
    assert tax["total_tax"] == "6374.50"
    household = {
        "income_monthly_net": "4200",
        "income_monthly_gross": "5400",
        "expenses_monthly": "3050",
        "debt_payments_monthly": "220",
    }
    assert ask("assess_affordability", name=None, **loan, invested="6000", **household)[
        "affordable"
    ]


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("get_apr", "pass principal, rate_annual, term_months"),
        ("list_transactions", "No borrower is loaded"),
        ("get_application", "no loan application"),
        ("assess_underwriting", "no loan application"),
        ("review_terms", "pass contract_text"),
    ],
)
def test_without_a_borrower_the_sentence_says_what_to_do(tool: str, words: str):
    assert words in ask(tool, name=None)["error"]


def test_bad_arguments_are_refused_in_a_sentence():
    later = ask("estimate_tax", year=2020)["error"]
    assert later == "look-ahead: No tax table after 2019 is known yet."
    assert "no federal tax table for 1999" in ask("estimate_tax", year=1999)["error"]
    backwards = ask("get_apr", first_due_on="2019-01-01")["error"]
    assert "cannot run backwards" in backwards
    assert "whole cents" in ask("get_apr", principal="0.10", term_months=480)["error"]
    assert "error" in ask("get_apr", rate_annual=7)


@pytest.mark.parametrize(
    ("name", "decision", "code"),
    [
        ("maria-santos", "approve", None),
        ("devon-clarke", "refuse", "payment_coverage_emergency"),
        ("yuki-tanaka", "refer", "history_too_short"),
        ("james-okafor", "refuse", "contract_violation"),
    ],
)
def test_the_sample_borrowers_are_decided_by_the_rules(name: str, decision: str, code: str | None):
    result = ask("assess_underwriting", name=name)
    assert result["decision"] == decision
    codes = [reason["code"] for reason in result["reasons"]]
    assert codes[-1:] == ([code] if code else [])
    assert result["affordability"]["coverage"]["fund_coverage"] < 1


@pytest.mark.promise("no-look-ahead")
@pytest.mark.parametrize("at", [date(2019, 12, 2), date(2021, 3, 15), date(2022, 2, 1)])
def test_nothing_dated_on_or_after_the_clocks_date_is_shown(at: date):
    moment = datetime(at.year, at.month, at.day, 13, tzinfo=UTC)
    rows = ask("list_transactions", at=moment, limit=2000)
    assert rows["posted_on"]
    assert max(rows["posted_on"]) < at.isoformat()
    documents = ask("get_borrower_documents", at=moment)["documents"]
    assert max(paper["issued_on"] for paper in documents) < at.isoformat()
    anomalies = ask("find_anomalies", at=moment)["anomalies"]
    assert all(each["transaction"]["posted_on"] < at.isoformat() for each in anomalies)


@pytest.mark.promise("no-look-ahead")
def test_asking_for_later_transactions_names_the_simulated_date_alone():
    refusal = ask("list_transactions", until="2022-06-30")["error"]
    assert "look-ahead" in refusal
    assert "2019-12-02" in refusal
    assert "2022" not in refusal


def test_before_it_was_made_there_is_no_application():
    early = datetime(2019, 11, 1, 12, tzinfo=UTC)
    assert "no loan application" in ask("get_application", at=early)["error"]
    assert "no loan application" in ask("assess_underwriting", at=early)["error"]


@pytest.mark.promise("no-look-ahead")
def test_fund_paths_come_from_months_before_the_clock_and_repeat_with_the_seed():
    first = ask("simulate_coverage", market=bundled(), seed=7, paths=500)
    again = ask("simulate_coverage", market=bundled(), seed=7, paths=500)
    other = ask("simulate_coverage", market=bundled(), seed=8, paths=500)
    assert first == again
    assert first["residual_at_maturity"] != other["residual_at_maturity"]
    assert first["source"]["history_last_on"] < "2019-12-01"
    assert first["months"] == 36
    assert len(first["monthly_shortfall"]["p95"]) == 36


def test_a_borrower_with_nothing_left_falls_short_more_often_than_one_with_an_income():
    poor = ask(
        "simulate_coverage", market=bundled(), seed=1, paths=500, disposable_income_monthly="0"
    )
    rich = ask("simulate_coverage", market=bundled(), seed=1, paths=500)
    assert poor["probability_any_shortfall"] > 0.9
    assert rich["probability_any_shortfall"] == 0
    assert Decimal(poor["expected_total_shortfall"]) > 1000


def test_without_prices_no_fund_is_simulated():
    assert "No market data" in ask("simulate_coverage", seed=1)["error"]


def test_an_instruction_inside_a_contract_is_a_finding():
    result = ask("review_terms", name="james-okafor")
    assert result["acceptable"] is False
    assert "embedded_instruction" in {each["rule"] for each in result["findings"]}


def test_the_comparison_and_the_budget_speak_plainly():
    assert "does not fund itself" in ask("compare_plain_loan")["statement"]
    assert ask("assess_budget")["income_monthly"] == "4200.00"
