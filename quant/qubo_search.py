"""Classical answers to a QUBO: the exact one where it is small, swaps where it is not.

They are the yardstick that every sampler's answer is reported beside.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats
from quant.qubo import Qubo, States, energies
from schemas.errors import InvalidRequest

EXACT_LIMIT = 20
"""Most variables that are enumerated: 2^20 energies are 8 MB and some milliseconds."""


def enumerate_optimum(qubo: Qubo) -> tuple[States, float]:
    """Return the (n,) state of least energy among all 2^n, and its energy; n ≤ 20.

    Variables are split in two halves: energies of each half, plus one matrix product for the
    terms between them. Ties go to the state that is first when variable 0 counts least. Raises
    InvalidRequest above `EXACT_LIMIT` variables.
    """
    if qubo.size > EXACT_LIMIT:
        raise InvalidRequest(
            f"exact enumeration takes at most {EXACT_LIMIT} variables, not {qubo.size}."
        )
    table = all_energies(qubo)
    best = int(table.argmin())
    state = (best >> np.arange(qubo.size) & 1).astype(np.int8)
    return state, float(energies(qubo, state)[0])


def all_energies(qubo: Qubo) -> Floats:
    """Return the (2^n,) energies; bit i of an index is variable i."""
    low = qubo.size // 2
    first, second = _all_states(low), _all_states(qubo.size - low)
    matrix = qubo.matrix
    inner = _quadratic(first, matrix[:low, :low])
    outer = _quadratic(second, matrix[low:, low:])
    between = second @ (matrix[low:, :low] + matrix[:low, low:].T) @ first.T
    return (outer[:, None] + inner[None, :] + between).ravel() + qubo.offset


def improve_by_swaps(qubo: Qubo, state: ArrayLike) -> States:
    """Improve a (n,) state: mend its size one variable at a time, then swap while that helps.

    Each step takes the best one: greedy addition or removal until `qubo.choose` ones are set, then
    the best exchange of a one for a zero until none lowers the energy. The answer is never worse
    than a right-sized state passed in.
    """
    held = np.asarray(state).astype(bool).copy()
    own = np.diag(qubo.matrix)
    others = qubo.matrix - np.diag(own)
    gain = partial(_marginal, own, others)
    while int(held.sum()) != qubo.choose:
        marginal = gain(held)
        if int(held.sum()) < qubo.choose:
            held[int(np.where(held, np.inf, marginal).argmin())] = True
        else:
            held[int(np.where(held, marginal, -np.inf).argmax())] = False
    threshold = 1e-12 * (1.0 + float(np.abs(qubo.matrix).max()))  # below it a swap is rounding
    while 0 < qubo.choose < qubo.size:
        marginal = gain(held)
        ones, zeros = np.flatnonzero(held), np.flatnonzero(~held)
        change = (
            marginal[zeros][None, :] - marginal[ones][:, None] - 2.0 * others[np.ix_(ones, zeros)]
        )
        leaves, enters = np.unravel_index(int(change.argmin()), change.shape)
        if change[leaves, enters] >= -threshold:
            break
        held[ones[leaves]], held[zeros[enters]] = False, True
    return held.astype(np.int8)


def swap_search(qubo: Qubo, *, starts: int, seed: int) -> States:
    """Return the best of `starts` random right-sized states, each improved by swaps; (n,)."""
    if starts < 1 or seed < 0:
        raise InvalidRequest("starts must be at least 1 and seed must not be negative.")
    generator = np.random.Generator(np.random.PCG64(seed))
    found = np.empty((starts, qubo.size), dtype=np.int8)
    for row in range(starts):
        state = np.zeros(qubo.size, dtype=np.int8)
        state[generator.permutation(qubo.size)[: qubo.choose]] = 1
        found[row] = improve_by_swaps(qubo, state)
    return found[int(energies(qubo, found).argmin())]


def _marginal(own: Floats, others: Floats, held: np.ndarray) -> Floats:
    """Energy that each variable adds, given the others that are held; (n,)."""
    return own + 2.0 * (others @ held)


def _all_states(count: int) -> Floats:
    return (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(np.float64)


def _quadratic(states: Floats, matrix: Floats) -> Floats:
    return np.einsum("si,ij,sj->s", states, matrix, states, optimize=True)
