"""The policies of a run, chosen by its execution model."""

from __future__ import annotations

from decimal import Decimal

from schemas.base import MILLIONTH
from schemas.execution import ExecutionModel
from trading.execution.commissions import commission_policy
from trading.execution.fill_policies import fill_rule
from trading.execution.financing import Financier
from trading.execution.impacts import impact_policy
from trading.execution.latency import Latency
from trading.execution.participation import ParticipationCap
from trading.execution.slippage import slippage_policy
from trading.execution.spreads import spread_policy


class Policies:
    """One policy of each kind; made once a run."""

    def __init__(self, execution: ExecutionModel) -> None:
        self.execution = execution
        self.fills = fill_rule(execution.fills)
        self.commission = commission_policy(execution.commission)
        self.spread = spread_policy(execution.spread)
        self.slippage = slippage_policy(execution.slippage)
        self.impact = impact_policy(execution.impact)
        self.participation = ParticipationCap(execution.participation)
        self.financing = Financier(execution.financing)
        self.latency = Latency(execution.latency_seconds)
        self.step = MILLIONTH if execution.fractional else Decimal(1)
        window = self.impact.window
        self.past_sessions = max(self.spread.sessions, window + 1 if window else 0)
        """How many sessions before the one that is priced they need."""

    def most(self, volume: Decimal | None) -> Decimal | None:
        """Return how many units of a bar may be traded in all; None: any number."""
        caps = [self.slippage.most(volume), self.participation.most(volume)]
        known = [cap for cap in caps if cap is not None]
        return min(known) if known else None
