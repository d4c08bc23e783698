"""Choosing assets as quadratic unconstrained binary optimisation (QUBO), with honest energies.

A QUBO is  minimise x·Q·x + offset  over x in {0,1}^n: what annealers, quantum or simulated, take.
Ours equals the portfolio objective on every choice of the right size, and every choice of the
wrong size costs more than the best one: the optimum is never "nothing" (see `_penalty`).

Timing: mean and covariance are estimated by the caller from rows known at the moment. Source:
Lucas (2014), Ising formulations; the weights in slices after Rosenberg et al. (2016).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quant.arrays import Floats, finite_matrix, finite_vector
from schemas.errors import InvalidRequest, UntrustworthyData

if TYPE_CHECKING:
    import dimod

States = NDArray[np.int8]

MOST_VARIABLES = 400
"""Most variables of an allocation: its matrix is dense, and samplers slow with its square."""


@dataclass(frozen=True, slots=True)
class Qubo:
    """Energy x·matrix·x + offset; the number of ones that a valid answer has is `choose`."""

    matrix: Floats
    """(n, n), symmetric."""

    offset: float
    choose: int

    @property
    def size(self) -> int:
        """The number n of binary variables."""
        return len(self.matrix)


def selection_objective(
    states: ArrayLike, mean: ArrayLike, covariance: ArrayLike, *, choose: int, risk_aversion: float
) -> Floats:
    """Return the (S,) objective of (S, n) selections held at weight 1/choose each; lower is better.

    risk_aversion/2 · w·C·w - m·w  with w = x/choose: the negative of mean-variance utility per
    period of `mean` (n,) and `covariance` (n, n).
    """
    weights = np.atleast_2d(np.asarray(states, dtype=np.float64)) / choose
    center = np.asarray(mean, dtype=np.float64)
    spread = np.asarray(covariance, dtype=np.float64)
    risk = np.einsum("si,ij,sj->s", weights, spread, weights, optimize=True)
    return risk_aversion / 2.0 * risk - weights @ center


def selection_qubo(
    mean: ArrayLike, covariance: ArrayLike, *, choose: int, risk_aversion: float
) -> Qubo:
    """Build the QUBO of choosing `choose` of n assets at equal weights.

    Parameters
    ----------
    mean : (n,) expected returns per period.
    covariance : (n, n), symmetric, per the same period.
    choose : 1..n.
    risk_aversion : ≥ 0.

    Returns
    -------
    Qubo whose energy equals `selection_objective` on every state with `choose` ones.

    Raises
    ------
    InvalidRequest : shapes that disagree, NaN, an impossible `choose`, a negative aversion.
    """
    center = finite_vector(mean, "mean")
    spread = finite_matrix(covariance, "covariance")
    count = len(center)
    rounding = 1e-9 * float(np.abs(spread).max())
    if spread.shape != (count, count) or float(np.abs(spread - spread.T).max()) > rounding:
        raise InvalidRequest(f"covariance must be symmetric, {count} by {count}.")
    if not 1 <= choose <= count:
        raise InvalidRequest(f"choose must lie between 1 and {count}.")
    if not (math.isfinite(risk_aversion) and risk_aversion >= 0.0):
        raise InvalidRequest("risk_aversion must be a number not below zero.")
    objective = risk_aversion / (2.0 * choose**2) * (spread + spread.T) / 2.0
    objective[np.diag_indices(count)] -= center / choose
    penalty = _penalty(objective)
    # penalty·(Σx - choose)² spelled out, with x² = x on the diagonal.
    matrix = objective + penalty
    matrix[np.diag_indices(count)] -= 2.0 * choose * penalty
    return Qubo(matrix=matrix, offset=penalty * choose**2, choose=choose)


def allocation_qubo(
    mean: ArrayLike, covariance: ArrayLike, *, slices: int, cap: float, risk_aversion: float
) -> Qubo:
    """Build the QUBO of weights in `slices` equal slices, none above `cap`.

    Each asset owns floor(cap·slices) variables, one a slice of weight 1/slices; choosing `slices`
    of them all is a selection among copies of the assets, so nothing new needs proof.
    `allocation_weights` reads an answer. Raises InvalidRequest if the cap leaves too few
    slices, or for more than `MOST_VARIABLES`.
    """
    center, spread = finite_vector(mean, "mean"), finite_matrix(covariance, "covariance")
    each = _slices_each(slices, cap)
    if each * len(center) < slices:
        raise InvalidRequest(
            f"{len(center)} asset(s) of at most {each} slice(s) cannot hold {slices} slices; "
            "raise the cap or the number of slices."
        )
    if each * len(center) > MOST_VARIABLES:
        raise InvalidRequest(
            f"this takes {each * len(center)} variables, more than {MOST_VARIABLES}: "
            "name fewer assets or slices, or lower the cap."
        )
    copies = np.ones((each, each))
    return selection_qubo(
        np.repeat(center, each),
        np.kron(spread, copies),
        choose=slices,
        risk_aversion=risk_aversion,
    )


def allocation_weights(state: ArrayLike, *, slices: int, cap: float) -> Floats:
    """Return the (N,) weights, whole multiples of 1/slices, of one state of `allocation_qubo`."""
    chosen = np.asarray(state, dtype=np.float64).reshape(-1, _slices_each(slices, cap))
    return chosen.sum(axis=1) / slices


def energies(qubo: Qubo, states: ArrayLike) -> Floats:
    """Return the (S,) energies of (S, n) states of zeros and ones."""
    ones = np.atleast_2d(np.asarray(states, dtype=np.float64))
    return np.einsum("si,ij,sj->s", ones, qubo.matrix, ones, optimize=True) + qubo.offset


def checked_states(qubo: Qubo, states: ArrayLike, claimed: ArrayLike) -> States:
    """Return a sampler's (S, n) states, best first by our own energies, or refuse its answer.

    `claimed` are the (S,) energies it says they have, without the offset. Raises UntrustworthyData
    for no answer, another shape, anything but zeros and ones, or an energy that is not the state's
    own: nothing a sampler says is believed.
    """
    answer = np.asarray(states)
    said = np.asarray(claimed, dtype=np.float64)
    if answer.ndim != 2 or answer.shape[1] != qubo.size or said.shape != answer.shape[:1]:
        raise UntrustworthyData("the sampler answered in another shape than the question.")
    if len(answer) == 0:
        raise UntrustworthyData("the sampler answered without a single sample.")
    if not np.isin(answer, (0, 1)).all():
        raise UntrustworthyData("the sampler answered with values other than 0 and 1.")
    true = energies(qubo, answer)
    tolerance = 1e-9 * (1.0 + float(np.abs(qubo.matrix).sum()))
    if not (np.abs(said + qubo.offset - true) <= tolerance).all():
        raise UntrustworthyData("the sampler claimed energies that its samples do not have.")
    return answer[np.argsort(true, kind="stable")].astype(np.int8)


def to_bqm(matrix: ArrayLike) -> dimod.BinaryQuadraticModel:
    """Return x·matrix·x as a binary quadratic model of dimod, variables 0..n-1."""
    # Imported here: dimod takes half a second, and only samplers need it.
    import dimod

    square = finite_matrix(matrix, "matrix")
    if square.shape[0] != square.shape[1]:
        raise InvalidRequest("matrix must be square.")
    model = dimod.BinaryQuadraticModel(len(square), "BINARY")
    model.add_linear_from_array(np.diag(square).tolist())
    both = np.triu(square + square.T, 1)
    model.add_quadratic_from_dense(both)
    return model


def _slices_each(slices: int, cap: float) -> int:
    if slices < 1 or not 0.0 < cap <= 1.0:
        raise InvalidRequest("slices must be at least 1, and cap above 0 and at most 1.")
    return math.floor(cap * slices + 1e-9)


def _penalty(objective: Floats) -> float:
    """Return a penalty that makes every wrong-sized state dearer than some right-sized one.

    Adding or removing one asset changes x·objective·x by its diagonal plus twice the sum of its
    row over the others held; no such change is larger than the bound below. From any state of the
    wrong size one step towards the right size saves at least one penalty and costs at most the
    bound, so with penalty > bound no wrong-sized state, all zeros included, is optimal.
    """
    own = np.diag(objective)
    others = 2.0 * (objective - np.diag(own))
    rise = own + np.maximum(others, 0.0).sum(axis=1)
    fall = own + np.minimum(others, 0.0).sum(axis=1)
    bound = float(np.maximum(np.abs(rise), np.abs(fall)).max())
    return 1.01 * bound if bound > 0.0 else 1.0
