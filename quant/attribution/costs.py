"""From the return before costs to the return after, cost by cost.

Timing: cost t is what session t paid; base t is the money the session began with, what was put in
at its open included. A session's gross return is its net return plus its costs over its base: what
was not paid stays invested at the next session's gross return.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from quant.amounts import as_money, exact_sum
from quant.arrays import Floats, finite_vector, require_positive
from quant.attribution.linking import carino
from quant.metrics import curve_returns
from schemas.attribution import CostAttribution, CostContribution
from schemas.base import ZERO
from schemas.errors import InvalidRequest


def cost_attribution(
    growth: ArrayLike, base: ArrayLike, costs: Mapping[str, ArrayLike]
) -> CostAttribution:
    """Split what costs took from the return over the kinds of cost.

    Parameters
    ----------
    growth : (T+1,) the net growth curve as it is scored, any unit, above zero.
    base : (T,) money at the start of each session, above zero.
    costs : kind -> (T,) money paid in each session, in the money of `base`; negative: earned.

    Returns
    -------
    Gross and net return of all sessions; the contributions sum to their difference (linked by
    Cariño's coefficients).

    Raises
    ------
    InvalidRequest : lengths that do not fit, NaN, no kind of cost, earnings beyond all there was.
    """
    net, shares = _sessions(growth, base, costs)
    gross = net + sum(shares.values())
    link = carino(gross, net)
    amounts = {
        kind: as_money(exact_sum(np.asarray(values, dtype=np.float64)))
        for kind, values in costs.items()
    }
    return CostAttribution(
        gross_return=link.one,
        net_return=link.other,
        drag=link.one - link.other,
        amount=sum(amounts.values(), start=ZERO),
        costs=tuple(
            CostContribution(
                cost=kind, amount=amounts[kind], contribution=float(link.weights @ share)
            )
            for kind, share in shares.items()
        ),
    )


def without_costs(growth: ArrayLike, base: ArrayLike, costs: Mapping[str, ArrayLike]) -> Floats:
    """Return the (T+1,) growth curve as it would be without the given costs, from the same start.

    Arguments and errors as `cost_attribution`; score it with `performance` to see what, say,
    the models' own spend did to every figure.
    """
    net, shares = _sessions(growth, base, costs)
    gross = net + sum(shares.values())
    if float(gross.min()) <= -1.0:
        raise InvalidRequest("without what it earned the account would have lost everything.")
    start = finite_vector(growth, "growth")[:1]
    return start * np.concatenate([[1.0], np.cumprod(1.0 + gross)])


def _sessions(
    growth: ArrayLike, base: ArrayLike, costs: Mapping[str, ArrayLike]
) -> tuple[Floats, dict[str, Floats]]:
    net = curve_returns(growth, "growth")
    money = finite_vector(base, "base")
    require_positive(money, "base")
    paid = {kind: finite_vector(values, kind) for kind, values in costs.items()}
    if not paid:
        raise InvalidRequest("name at least one kind of cost.")
    if any(len(values) != len(net) for values in (money, *paid.values())):
        raise InvalidRequest("base and costs must have one value for each session.")
    return net, {kind: values / money for kind, values in paid.items()}
