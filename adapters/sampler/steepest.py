"""Steepest descent by dwave-samplers: fast, and stuck in the first valley it finds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adapters.sampler.question import check_question, from_dimod
from interfaces.sampler import Samples
from quant.qubo import to_bqm


class SteepestDescent:
    """Descends from one random state a read, flipping the best single variable each step."""

    name = "steepest-descent"

    def sample(self, matrix: NDArray[np.float64], *, reads: int, seed: int) -> Samples:
        """Sample; the same seed gives the same answer."""
        from dwave.samplers import SteepestDescentSampler

        square = check_question(matrix, reads, seed)
        answer = SteepestDescentSampler().sample(to_bqm(square), num_reads=reads, seed=seed)
        return from_dimod(answer, len(square))
