"""Excess return over a benchmark by what was decided: allocation, selection, interaction.

Timing: weights are those at the start of a period, returns are over the period.

Source: Brinson & Fachler (1985), Measuring non-US equity portfolio performance; Brinson, Hood &
Beebower (1986) for the three effects; Cariño (1999) for several periods.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_matrix
from quant.attribution.linking import carino
from schemas.attribution import BrinsonAttribution, BrinsonGroup
from schemas.errors import InvalidRequest

_ROUNDING = 1e-6 + 1e-12  # weights are quantised to millionths on their way


def brinson(
    portfolio_weights: ArrayLike,
    benchmark_weights: ArrayLike,
    portfolio_returns: ArrayLike,
    benchmark_returns: ArrayLike,
    *,
    groups: Sequence[str],
) -> BrinsonAttribution:
    """Split excess return over G groups, for one period or linked over T.

    Parameters
    ----------
    portfolio_weights, benchmark_weights : (G,) or (T, G) shares at the start of each period; they
        sum to 1 within a millionth a group (cash is a group; a loan is negative cash).
    portfolio_returns, benchmark_returns : the same shape; simple returns of each group. NaN is
        allowed where the weight is 0: a group that is held on one side only takes the return of
        the other side, so all it adds is allocation or is not there.
    groups : G names, no two alike.

    Returns
    -------
    Effects of group i in a period: allocation (w - v)(b - B), selection v(r - b), interaction
    (w - v)(r - b), with weights w, v and returns r, b of portfolio and benchmark, B the
    benchmark's return. Over periods each is weighed by Cariño's coefficient. All effects sum to
    the compounded return less the benchmark's.

    Raises
    ------
    InvalidRequest : shapes or names that do not fit, weights that do not sum to 1, NaN with a
        weight, a period that loses everything.
    """
    weights, base_weights = (
        _weights(values, name)
        for values, name in (
            (portfolio_weights, "portfolio_weights"),
            (benchmark_weights, "benchmark_weights"),
        )
    )
    returns, base_returns = _returns(
        _matrix(portfolio_returns), _matrix(benchmark_returns), weights, base_weights
    )
    if len(groups) != weights.shape[1] or len(set(groups)) != len(groups):
        raise InvalidRequest("groups must name each column once.")
    own, base = (weights * returns).sum(axis=1), (base_weights * base_returns).sum(axis=1)
    link = carino(own, base)
    scale = link.weights[:, None]
    apart, better = weights - base_weights, returns - base_returns
    allocation = (scale * apart * (base_returns - base[:, None])).sum(axis=0)
    selection = (scale * base_weights * better).sum(axis=0)
    interaction = (scale * apart * better).sum(axis=0)
    return BrinsonAttribution(
        periods=len(own),
        linking="none" if len(own) == 1 else "carino",
        portfolio_return=link.one,
        benchmark_return=link.other,
        allocation=float(allocation.sum()),
        selection=float(selection.sum()),
        interaction=float(interaction.sum()),
        total=link.one - link.other,
        groups=tuple(
            BrinsonGroup(
                group=name,
                portfolio_weight=float(weights[:, i].mean()),
                benchmark_weight=float(base_weights[:, i].mean()),
                portfolio_return=float(np.prod(1.0 + returns[:, i]) - 1.0),
                benchmark_return=float(np.prod(1.0 + base_returns[:, i]) - 1.0),
                allocation=float(allocation[i]),
                selection=float(selection[i]),
                interaction=float(interaction[i]),
                total=float(allocation[i] + selection[i] + interaction[i]),
            )
            for i, name in enumerate(groups)
        ),
    )


def _matrix(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    return array[None, :] if array.ndim == 1 else array


def _weights(values: ArrayLike, name: str) -> Floats:
    matrix = finite_matrix(_matrix(values), name, at_least=1)
    sums = matrix.sum(axis=1)
    if float(np.abs(sums - 1.0).max()) > _ROUNDING * matrix.shape[1]:
        raise InvalidRequest(f"{name} must sum to 1 in every period.")
    return matrix / sums[:, None]


def _returns(
    own: Floats, base: Floats, weights: Floats, base_weights: Floats
) -> tuple[Floats, Floats]:
    """Fill what is unknown where nothing was held from the other side."""
    if not own.shape == base.shape == weights.shape == base_weights.shape:
        raise InvalidRequest("weights and returns must have the same shape.")
    own_filled = np.where(np.isnan(own) & (weights == 0.0), base, own)
    base_filled = np.where(np.isnan(base) & (base_weights == 0.0), own_filled, base)
    # A group that neither side holds may be unknown on both.
    nowhere = (weights == 0.0) & (base_weights == 0.0)
    return (
        finite_matrix(np.where(nowhere & np.isnan(own_filled), 0.0, own_filled), "returns"),
        finite_matrix(np.where(nowhere & np.isnan(base_filled), 0.0, base_filled), "returns"),
    )
