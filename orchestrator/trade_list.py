"""The orders of a job, and finding one by its id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from interfaces.store import TickStore
from schemas.audit import TradeRow
from schemas.base import ZERO, Money
from schemas.errors import InvalidRequest, NotFound
from schemas.jobs import Job, RunProgress
from schemas.orders import Fill, Order
from schemas.tick import Tick

SHORTEST_PREFIX = 6


def list_trades(job: Job, ticks: TickStore) -> tuple[TradeRow, ...]:
    """Return every order of a job's runs, in the order they were placed, run by run."""
    return tuple(row for run in job.runs for row in _rows(run, ticks.ticks(run.run_id)))


def find_order(job: Job, order_id: str, ticks: TickStore) -> tuple[RunProgress, str]:
    """Return the run that placed an order, and the order's whole id.

    The first characters are enough where they name one order alone. `NotFound`; `InvalidRequest`
    when several begin so.
    """
    found = {
        order.client_order_id: run
        for run in job.runs
        for tick in ticks.ticks(run.run_id)
        for order in tick.orders
        if order.client_order_id.startswith(order_id)
    }
    if order_id in found:
        return found[order_id], order_id
    if not found or len(order_id) < SHORTEST_PREFIX:
        raise NotFound(
            f"job {job.job_id} has no order {order_id[:40]!r}; "
            f"`alphashield audit trades {job.job_id}` lists its orders"
        )
    if len(found) > 1:
        raise InvalidRequest(
            f"{len(found)} orders of job {job.job_id} begin with {order_id!r}; give more of the id"
        )
    ((name, run),) = found.items()
    return run, name


def _rows(run: RunProgress, ticks: Iterable[Tick]) -> Iterator[TradeRow]:
    orders: dict[str, Order] = {}
    fills: dict[str, list[Fill]] = {}
    for tick in ticks:
        for order in tick.orders:
            orders[order.client_order_id] = order
        for fill in tick.fills:
            fills.setdefault(fill.client_order_id, []).append(fill)
    for name, order in orders.items():
        made = fills.get(name, [])
        gains = [each.realised_gain for each in made if each.realised_gain is not None]
        yield TradeRow(
            order_id=name,
            run_id=run.run_id,
            model=run.model,
            session=order.session,
            agent=order.agent,
            symbol=order.symbol,
            side=order.side,
            quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            status=order.status,
            amount=sum((each.amount for each in made), ZERO),
            costs=sum((_costs(each) for each in made), ZERO),
            realised_gain=sum(gains, ZERO) if gains else None,
        )


def _costs(fill: Fill) -> Money:
    return fill.commission + fill.spread_cost + fill.slippage_cost + fill.impact_cost
