"""Runs of one name over bars that are written down, and orders for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from interfaces.broker import Settled
from schemas.execution import (
    ExecutionModel,
    Participation,
)
from schemas.facts import CorporateAction
from schemas.orders import Order, Terms
from schemas.risk import RiskLimits
from tests.adapters.bar_markets import FLAT, bar_market
from tests.contracts.broker import replace_exchange
from tests.trading.samples import DAYS, FREE, Run

SHORT = RiskLimits(allow_short=True)
CAPPED = FREE.model_copy(update={"participation": Participation(max_share=Decimal("0.1"))})
CARRIED = FREE.model_copy(
    update={"participation": Participation(max_share=Decimal("0.1"), carry_sessions=1)}
)


def terms(kind: str = "market", force: str = "day", **rest: Any) -> Terms:
    return Terms.model_validate({"order_type": kind, "time_in_force": force, **rest})


def running(
    *bars: str,
    execution: ExecutionModel = FREE,
    actions: Sequence[CorporateAction] = (),
    limits: RiskLimits | None = None,
    cash: str = "100000.00",
) -> Run:
    """Return a run of AAA that has begun on the first of the bars, a flat session before them."""
    market = bar_market({"AAA": (FLAT, *bars)}, actions=actions)
    run = Run(market, execution, limits=limits)
    run.begin()
    run.deposit(cash)
    return run


def step(run: Run) -> Settled:
    settled = run.end()
    run.begin()
    return settled


def killed(run: Run) -> Run:
    """Return the run as another process takes it up, its session begun."""
    again = replace_exchange(run)
    again.exchange.restore(run.ticks)
    again.begin()
    return again


def now(run: Run, order: Order) -> Order:
    return run.exchange.order(order.client_order_id)


def made(run: Run) -> list[tuple[date, str, str]]:
    """Return (session, units signed, price) of every fill."""
    return [
        (
            fill.session,
            f"{'' if fill.side == 'buy' else '-'}{fill.quantity.normalize():f}",
            f"{fill.price.normalize():f}",
        )
        for fill in run.exchange.fills(since=DAYS[0])
    ]


def way(order: Order) -> list[str]:
    return [each.status for each in order.history]
