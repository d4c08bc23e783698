"""Simulated annealing by dwave-samplers: the classical stand-in for a quantum annealer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adapters.sampler.question import check_question, from_dimod
from interfaces.sampler import Samples
from quant.qubo import to_bqm
from schemas.errors import InvalidRequest


class SimulatedAnnealing:
    """Anneals each read from a random state; `sweeps` passes over all variables a read."""

    name = "simulated-annealing"

    def __init__(self, *, sweeps: int = 1_000) -> None:
        if sweeps < 1:
            raise InvalidRequest("sweeps must be at least 1.")
        self._sweeps = sweeps

    def sample(self, matrix: NDArray[np.float64], *, reads: int, seed: int) -> Samples:
        """Sample; the same seed gives the same answer."""
        from dwave.samplers import SimulatedAnnealingSampler

        square = check_question(matrix, reads, seed)
        if not square.any():  # the library derives its temperatures from the largest term
            return Samples(np.zeros((1, len(square)), dtype=np.int8), np.zeros(1))
        answer = SimulatedAnnealingSampler().sample(
            to_bqm(square), num_reads=reads, num_sweeps=self._sweeps, seed=seed
        )
        return from_dimod(answer, len(square))
