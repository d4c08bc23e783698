"""Deterministic policies behind the chat-model interface: the yardstick of every comparison.

They make real tool calls and validated outputs, need no key and use no randomness. `rules` decides
for all six agents; a trading policy (`momentum`, …) replaces it for the trading agent alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from adapters.model.baseline import (
    budget,
    buy_and_hold,
    contract,
    equal_weight,
    fund,
    lender,
    min_variance,
    momentum,
    spending_guard,
    tax,
)
from adapters.model.baseline.policy import Policy, answer
from interfaces.model import ModelRequest, Turn
from schemas.agents import AgentName
from schemas.errors import BadConfiguration

RULES: Mapping[AgentName, Policy] = MappingProxyType(
    {
        "contract": contract.decide,
        "budget": budget.decide,
        "tax": tax.decide,
        "spending_guard": spending_guard.decide,
        "lender": lender.decide,
        "alpha_trading": fund.decide,
    }
)
TRADING: Mapping[str, Policy] = MappingProxyType(
    {
        "rules": fund.decide,
        "buy-and-hold": buy_and_hold.decide,
        "equal-weight": equal_weight.decide,
        "momentum": momentum.decide,
        "min-variance": min_variance.decide,
    }
)


class BaselineModel:
    """Implement `ChatModel` by policies; the same request always gives the same turn."""

    def __init__(self, policy: str) -> None:
        if policy not in TRADING:
            raise BadConfiguration(
                f"unknown baseline '{policy}'; known: {', '.join(sorted(TRADING))}"
            )
        self.name = f"baseline:{policy}"
        self._policies: dict[AgentName, Policy] = {**RULES, "alpha_trading": TRADING[policy]}

    async def complete(self, request: ModelRequest) -> Turn:
        """Return the policy's turn for the agent that asks."""
        return answer(self._policies[request.agent], request)
