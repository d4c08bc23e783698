"""What target weights would have earned: an independent check of a simulation's equity.

Units are fractional and costs proportional, in float64. It shares no line with the order path, so
that agreement between the two means something; money itself is kept in Decimal elsewhere.

Timing: row t of the targets was decided before the open of session t; it is filled at row t of
`fills` (the open, or the close where a source has nothing else) and marked at row t of `marks`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_matrix, require_positive
from schemas.errors import InvalidRequest

_ITERATIONS = 200


@dataclass(frozen=True, slots=True)
class Curve:
    """What became of the capital; arrays of shape (T,) in the unit of the starting cash."""

    equity: Floats
    """Cash plus units at the marks, after the session's trades."""

    traded_value: Floats
    """Bought plus sold in the session, at fill prices, before costs."""

    costs: Floats
    """Paid in the session."""


def target_weights_curve(
    fills: ArrayLike,
    marks: ArrayLike,
    targets: ArrayLike,
    *,
    cash: float = 1.0,
    cost_bps: float = 0.0,
) -> Curve:
    """Follow target weights and hold the units in between.

    Parameters
    ----------
    fills, marks : (T, N) prices above zero.
    targets : (T, N) shares of equity at the fill, each ≥ 0, sum at most 1; a row of NaN leaves the
        units as they are. What is not invested stays in cash without interest.
    cash : capital before the first session, above zero.
    cost_bps : cost of a trade in basis points of its value, at least 0 and below 10 000. Costs are
        paid out of the capital before it is divided, so the targets hold after them.

    Returns
    -------
    Curve over the T sessions.

    Raises
    ------
    InvalidRequest : shapes that disagree, prices that are not positive, targets out of range.
    """
    bought_at, marked_at = finite_matrix(fills, "fills"), finite_matrix(marks, "marks")
    wanted = np.asarray(targets, dtype=np.float64)
    if not bought_at.shape == marked_at.shape == wanted.shape:
        raise InvalidRequest("fills, marks and targets must have the same shape.")
    require_positive(bought_at, "fills")
    require_positive(marked_at, "marks")
    if not (math.isfinite(cash) and cash > 0.0 and 0.0 <= cost_bps < 10_000.0):
        raise InvalidRequest("cash must be above 0, and cost_bps from 0 to below 10000.")
    rebalanced = _decided(wanted)
    rate = cost_bps / 10_000.0
    units, free = np.zeros(bought_at.shape[1]), cash
    equity = np.full(len(wanted), cash, dtype=np.float64)
    traded, costs = np.zeros(len(wanted)), np.zeros(len(wanted))
    for start, end in pairwise([*rebalanced, len(wanted)]):
        price = bought_at[start]
        held = units * price
        capital = _capital_after_costs(free + float(held.sum()), held, wanted[start], rate)
        traded[start] = float(np.abs(wanted[start] * capital - held).sum())
        costs[start] = rate * traded[start]
        units = wanted[start] * capital / price
        free = capital * (1.0 - float(wanted[start].sum()))
        equity[start:end] = free + marked_at[start:end] @ units
    return Curve(equity, traded, costs)


def buy_and_hold_curve(
    fills: ArrayLike, marks: ArrayLike, *, cash: float = 1.0, cost_bps: float = 0.0
) -> Curve:
    """Buy equal weights at the first fills and never trade again; shapes as above."""
    shape = np.shape(fills)
    targets = np.full(shape, np.nan)
    if len(shape) == 2 and shape[0]:
        targets[0] = 1.0 / shape[1]
    return target_weights_curve(fills, marks, targets, cash=cash, cost_bps=cost_bps)


def _decided(targets: Floats) -> list[int]:
    """Return the rows that hold a decision, or raise InvalidRequest for one out of range."""
    silent = np.isnan(targets).all(axis=1)
    rows = targets[~silent]
    if not np.isfinite(rows).all():
        raise InvalidRequest("a row of targets must be numbers throughout, or NaN throughout.")
    if rows.size and (float(rows.min()) < 0.0 or float(rows.sum(axis=1).max()) > 1.0 + 1e-9):
        raise InvalidRequest("targets must lie between 0 and 1 and sum to at most 1 in a row.")
    return np.flatnonzero(~silent).tolist()


def _capital_after_costs(capital: float, held: Floats, wanted: Floats, rate: float) -> float:
    """Solve  after + rate·Σ|wanted·after - held| = capital  for what is left after costs.

    The left side grows in `after` (rate is below 1), so the root is unique; Newton's steps on a
    convex, piecewise linear function end exactly on it after few kinks.
    """
    after = capital
    for _ in range(_ITERATIONS):
        change = wanted * after - held
        slope = 1.0 + rate * float((wanted * np.sign(change)).sum())
        excess = after + rate * float(np.abs(change).sum()) - capital
        if abs(excess) <= 1e-15 * capital:
            break
        after -= excess / slope
    return after
