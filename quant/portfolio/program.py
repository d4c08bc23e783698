"""Convex programs, solved by Clarabel through cvxpy and never taken on trust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from quant.arrays import Floats
from quant.portfolio.weights import nearest_feasible
from schemas.errors import InvalidRequest

if TYPE_CHECKING:
    import cvxpy as cp

_TOLERANCE = 1e-11  # tight enough that two machines' answers agree when rounded to millionths


def long_only(count: int, cap: float) -> tuple[cp.Variable, list[Any]]:
    """Return a variable of `count` weights and what binds it: none short, none above `cap`."""
    import cvxpy as cp

    weights = cp.Variable(count)
    return weights, [cp.sum(weights) == 1, weights >= 0, weights <= cap]


def solve(problem: cp.Problem, weights: cp.Variable, *, cap: float) -> Floats:
    """Solve, and return feasible (N,) weights or raise InvalidRequest with the solver's status."""
    import cvxpy as cp

    try:
        problem.solve(
            solver=cp.CLARABEL,
            tol_gap_abs=_TOLERANCE,
            tol_gap_rel=_TOLERANCE,
            tol_feas=_TOLERANCE,
        )
    except cp.SolverError as error:
        raise InvalidRequest("the optimiser gave up on these returns.") from error
    if weights.value is None:
        raise InvalidRequest(f"the optimiser found no portfolio: {problem.status}.")
    return nearest_feasible(np.asarray(weights.value, dtype=np.float64), cap=cap)
