"""Exact enumeration dressed as a sampler: for small problems and for tests of the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adapters.sampler.question import check_question
from interfaces.sampler import Samples
from quant.qubo import Qubo
from quant.qubo_search import EXACT_LIMIT, all_energies
from schemas.errors import InvalidRequest


class ExactEnumeration:
    """Answers the `reads` states of least energy of all 2^n; n ≤ 20; needs no seed."""

    name = "exact-enumeration"

    def sample(self, matrix: NDArray[np.float64], *, reads: int, seed: int) -> Samples:
        """Sample; the first answer is the optimum."""
        square = check_question(matrix, reads, seed)
        size = len(square)
        if size > EXACT_LIMIT:
            raise InvalidRequest(f"exact enumeration takes at most {EXACT_LIMIT} variables.")
        table = all_energies(Qubo(matrix=(square + square.T) / 2.0, offset=0.0, choose=0))
        best = np.argsort(table, kind="stable")[:reads]
        states = (best[:, None] >> np.arange(size) & 1).astype(np.int8)
        return Samples(states, table[best])
