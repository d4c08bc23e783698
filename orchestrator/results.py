"""From committed ticks to results: curve, metrics, costs, trades, decisions, and the loan.

Performance is time-weighted: money put in at the open or taken out after the close is no return,
what holdings pay (dividends, a buy-out) is.
The growth curve that is scored begins with the capital before the first session, so the costs of
the first day count; its point k is the close of session k-1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

import numpy as np

from orchestrator.model_spend import SPENT
from quant.metrics import performance, turnover
from schemas.base import ZERO
from schemas.errors import InvalidRequest
from schemas.jobs import RunProgress
from schemas.ledger import Transaction
from schemas.metrics import PerformanceMetrics
from schemas.results import (
    CostSummary,
    DecisionRecord,
    EquityCurve,
    LoanResult,
    PositionAction,
    RunResult,
    Scorecard,
    Trade,
)
from schemas.tick import Tick
from trading.account import CASH, REALISED
from trading.corporate_actions import ACTION_KINDS
from trading.flows import outside_flows

FINANCING = ("expenses:interest", "expenses:borrow")
INTEREST = "income:interest"
_MONEY = (CASH, "assets:receivable:", "liabilities:payable:")
"""Where what an action brings arrives: at once, or on its pay date."""


def run_result(
    run: RunProgress,
    ticks: Sequence[Tick],
    *,
    benchmark: dict[date, float] | None = None,
    loan: LoanResult | None = None,
    score: Scorecard | None = None,
) -> RunResult:
    """Build one run's result; `benchmark` maps sessions to levels for the relative figures."""
    actions = [
        _action(transaction)
        for tick in ticks
        for transaction in tick.transactions
        if transaction.kind in ACTION_KINDS
    ]
    return RunResult(
        model=run.model,
        run_key=run.run_key,
        state=run.state,
        error=run.error,
        curve=_curve(ticks),
        metrics=_metrics(ticks, benchmark),
        costs=_costs(ticks),
        trades=_trades(ticks),
        actions=tuple(actions),
        dividends=_total(action.cash for action in actions if action.kind == "dividend"),
        refused_orders=tuple(
            order
            for tick in ticks
            for order in tick.orders
            if order.status in {"denied", "rejected", "cancelled", "expired"}
            and not order.filled_quantity
        ),
        decisions=tuple(
            DecisionRecord(session=t.session, as_of=t.as_of, events=t.events, decision=d)
            for t in ticks
            for d in t.decisions
        ),
        abstentions=sum(d.output is None for t in ticks for d in t.decisions),
        ledger_hash=ticks[-1].ledger_hash if ticks else "0" * 64,
        ledger_entries=sum(len(x.entries) for t in ticks for x in t.transactions),
        score=score,
        loan=loan,
    )


def growth(ticks: Sequence[Tick]) -> list[float]:
    """Return the time-weighted growth of one unit: T+1 points, the first before any session.

    Stops at the session where nothing is left in the account.
    """
    points = [1.0]
    for base, end in worked_with(ticks):
        points.append(points[-1] * float(end / base))
    return points


def worked_with(ticks: Iterable[Tick]) -> Iterator[tuple[Decimal, Decimal]]:
    """Yield the money each session began with, deposits included, and what it became.

    Stops at the session where nothing is left in the account.
    """
    before = ZERO
    for tick in ticks:
        put_in, taken_out = outside_flows(tick.transactions)
        base = before + put_in
        if base <= 0:
            return
        yield base, tick.mark.equity + taken_out
        before = tick.mark.equity


def score(
    points: Sequence[float], benchmark: Sequence[float] | None = None
) -> PerformanceMetrics | None:
    """Score a growth curve, or return None when it has too few points or touches zero."""
    try:
        return performance(points, benchmark=benchmark)
    except InvalidRequest:
        return None


def _metrics(
    ticks: Sequence[Tick], benchmark: dict[date, float] | None
) -> PerformanceMetrics | None:
    points = growth(ticks)
    sessions = [tick.session for tick in ticks[: len(points) - 1]]
    if benchmark is None or not all(session in benchmark for session in sessions):
        return score(points)
    return score(points, [1.0, *(benchmark[session] for session in sessions)])


def _curve(ticks: Sequence[Tick]) -> EquityCurve:
    return EquityCurve(
        sessions=tuple(t.session for t in ticks),
        cash=tuple(t.mark.cash for t in ticks),
        market_value=tuple(t.mark.market_value for t in ticks),
        equity=tuple(t.mark.equity for t in ticks),
    )


def _costs(ticks: Sequence[Tick]) -> CostSummary:
    fills = [fill for tick in ticks for fill in tick.fills]
    commission = _total(f.commission for f in fills)
    impact = _total(f.impact_cost for f in fills)
    booked = {
        account: _total(_moved(each, account) for t in ticks for each in t.transactions)
        for account in FINANCING
    }
    financing = _total(booked.values())
    earned = -_total(_moved(each, INTEREST) for t in ticks for each in t.transactions)
    spend = _total(_moved(each, SPENT) for t in ticks for each in t.transactions)
    spread = _total(f.spread_cost for f in fills)
    slippage = _total(f.slippage_cost for f in fills)
    equity = np.array([float(t.mark.equity) for t in ticks], dtype=np.float64)
    invested = np.array([float(t.mark.market_value) for t in ticks], dtype=np.float64)
    traded = np.array([float(_total(f.amount for f in t.fills)) for t in ticks], dtype=np.float64)
    alive = equity > 0
    some = bool(alive.any())
    return CostSummary(
        commission=commission,
        spread=spread,
        slippage=slippage,
        impact=impact,
        financing=financing,
        model_spend=spend,
        interest_earned=earned,
        total=commission + spread + slippage + impact + financing + spend,
        turnover_annual=turnover(traded[alive], equity[alive]) if some else 0.0,
        mean_exposure=float((invested[alive] / equity[alive]).mean()) if some else 0.0,
        model_cost_usd_micro=sum(d.usage.cost_usd_micro for t in ticks for d in t.decisions),
    )


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, start=ZERO)


def _action(transaction: Transaction) -> PositionAction:
    """Read an action from its entries; the one with the old ticker comes first."""
    names = [entry.symbol for entry in transaction.entries if entry.symbol is not None]
    units = [entry.quantity for entry in transaction.entries if entry.quantity is not None]
    return PositionAction(
        session=transaction.session,
        kind=transaction.kind,
        symbol=names[0],
        new_symbol=names[-1] if names[-1] != names[0] else None,
        units=sum(units, start=Decimal()),
        cash=_total(
            entry.amount for entry in transaction.entries if entry.account.startswith(_MONEY)
        ),
        realised_gain=-_moved(transaction, REALISED),
        description=transaction.description,
    )


def _moved(transaction: Transaction, account: str) -> Decimal:
    return _total(entry.amount for entry in transaction.entries if entry.account == account)


def _trades(ticks: Sequence[Tick]) -> tuple[Trade, ...]:
    trades: list[Trade] = []
    for tick in ticks:
        orders = {order.client_order_id: order for order in tick.orders}
        for fill in tick.fills:
            order = orders[fill.client_order_id]
            trades.append(
                Trade(
                    fill=fill,
                    reason=order.reason,
                    requested_quantity=order.quantity,
                    status_reason=order.status_reason,
                    terms=order.terms,
                )
            )
    return tuple(trades)
