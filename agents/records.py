"""The six agents: what each is called, told, allowed to use, and must answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from schemas.agents import (
    AgentName,
    AgentOutput,
    BudgetAssessment,
    ContractReview,
    LenderDecision,
    SpendingReview,
    TaxAssessment,
    TradingDecision,
)


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """One agent. `tools` is everything it may call; the prompt is `agents/prompts/NAME.md`."""

    name: AgentName
    tools: tuple[str, ...]
    output_type: type[AgentOutput]

    def prompt(self) -> str:
        """Return the agent's instructions."""
        return files("agents").joinpath("prompts", f"{self.name}.md").read_text("utf-8")


_RECORDS = (
    AgentRecord(
        "contract",
        ("lending_get_application", "lending_review_terms", "lending_get_apr"),
        ContractReview,
    ),
    AgentRecord(
        "budget",
        (
            "lending_get_application",
            "lending_assess_affordability",
            "lending_assess_budget",
            "lending_list_transactions",
            "lending_get_borrower_documents",
        ),
        BudgetAssessment,
    ),
    AgentRecord(
        "tax",
        ("lending_get_application", "lending_estimate_tax", "trading_get_positions"),
        TaxAssessment,
    ),
    AgentRecord(
        "spending_guard",
        ("lending_list_transactions", "lending_find_anomalies"),
        SpendingReview,
    ),
    AgentRecord(
        "lender",
        (
            "lending_get_application",
            "lending_get_amortization_schedule",
            "lending_get_apr",
            "lending_get_coverage",
            "lending_assess_underwriting",
            "lending_simulate_coverage",
            "lending_compare_plain_loan",
            "trading_get_account",
        ),
        LenderDecision,
    ),
    AgentRecord(
        "alpha_trading",
        (
            "prices_get_bars",
            "prices_get_quote",
            "prices_get_returns",
            "prices_list_symbols",
            "prices_get_calendar",
            "prices_get_clock",
            "search_news",
            "search_documents",
            "memory_remember",
            "memory_recall",
            "quantum_optimize_portfolio",
            "quantum_select_assets",
            "quantum_compare_methods",
            "trading_get_mode",
            "trading_get_account",
            "trading_get_positions",
            "trading_preview_order",
            "trading_place_order",
            "trading_rebalance_to_weights",
            "trading_cancel_order",
            "trading_list_orders",
        ),
        TradingDecision,
    ),
)

RECORDS: Mapping[AgentName, AgentRecord] = MappingProxyType({r.name: r for r in _RECORDS})
"""The six records by name."""
