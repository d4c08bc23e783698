"""Whoever proposes low-energy answers to a QUBO: an annealer, a search, a quantum computer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Samples:
    """What a sampler answers; `energies[i]` is its claim about `states[i]`, to be checked."""

    states: NDArray[np.int8]
    """(S, n) of zeros and ones, S ≥ 1."""

    energies: NDArray[np.float64]
    """(S,) of x·matrix·x, best first."""


class Sampler(Protocol):
    """Proposes states x in {0,1}^n of low energy x·matrix·x; promises no optimum."""

    name: str
    """Its name in results, e.g. `simulated-annealing`."""

    def sample(self, matrix: NDArray[np.float64], *, reads: int, seed: int) -> Samples:
        """Return between 1 and `reads` samples of a finite (n, n) matrix, best first.

        The same matrix, reads and seed give the same samples unless the sampler is a physical
        device. `InvalidRequest` for a matrix that is not square and finite, for reads below 1, a
        negative seed, or more variables than it takes; `Unavailable` when a service does not
        answer. Nobody trusts the energies: the caller computes its own.
        """
        ...
