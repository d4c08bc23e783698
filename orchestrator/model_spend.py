"""What a model's tokens cost, taken out of the account that it trades.

The price of each call is exact to the millionth of a dollar; what is charged is the rounded total
so far less what was charged before, so no cent is lost or invented over a run. What the cash cannot
pay is owed, and paid as soon as there is cash.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

from interfaces.broker import Posting, SimulatedExchange
from schemas.agents import AgentDecision
from schemas.base import CENT, ZERO
from schemas.jobs import SimulationRequest
from schemas.tick import Tick

CASH = "assets:cash"
SPENT = "expenses:model_spend"
OWED = "liabilities:model_spend"
CURRENCY = "USD"
"""What models are priced in. An account in another currency is not charged: nothing converts it."""


class ModelSpend:
    """The spend of one run so far; rebuilt from its ticks."""

    def __init__(self) -> None:
        self._exact = 0
        self._charged = ZERO
        self._owed = ZERO

    def restore(self, tick: Tick) -> None:
        """Take up what a committed tick spent, charged and owed."""
        self._exact += _cost(tick.decisions)
        for transaction in tick.transactions:
            for entry in transaction.entries:
                if entry.account == SPENT:
                    self._charged += entry.amount
                elif entry.account == OWED:
                    self._owed -= entry.amount

    def charge(self, decisions: Iterable[AgentDecision], exchange: SimulatedExchange) -> None:
        """Post what these decisions cost, and pay what is owed as far as the cash reaches."""
        self._exact += _cost(decisions)
        total = (Decimal(self._exact) / 1_000_000).quantize(CENT, rounding=ROUND_HALF_EVEN)
        due = total - self._charged
        if not due and not self._owed:
            return
        cash = max(exchange.account().cash, ZERO)
        paid = min(cash, due + self._owed)
        if not due and not paid:
            return
        owed = due + self._owed - paid
        moved = (
            Posting(CASH, -paid),
            Posting(SPENT, due),
            Posting(OWED, self._owed - owed),
        )
        exchange.post("model_spend", "Model tokens", tuple(each for each in moved if each.amount))
        self._charged, self._owed = total, owed


def spend_of(request: SimulationRequest, currency: str) -> ModelSpend | None:
    """Return what charges a run for its model; None where nothing is to be charged."""
    return ModelSpend() if request.charge_model_spend and currency == CURRENCY else None


def _cost(decisions: Iterable[AgentDecision]) -> int:
    return sum(each.usage.cost_usd_micro for each in decisions)
