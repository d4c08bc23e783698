"""What every sampler checks before it answers, and how dimod's answer becomes ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from interfaces.sampler import Samples
from quant.arrays import finite_matrix
from schemas.errors import InvalidRequest

if TYPE_CHECKING:
    import dimod

MOST_READS = 10_000


def check_question(matrix: NDArray[np.float64], reads: int, seed: int) -> NDArray[np.float64]:
    """Return the matrix as float64, or raise InvalidRequest for what cannot be sampled."""
    square = finite_matrix(matrix, "matrix")
    if square.shape[0] != square.shape[1]:
        raise InvalidRequest("matrix must be square.")
    if not 1 <= reads <= MOST_READS:
        raise InvalidRequest(f"reads must lie between 1 and {MOST_READS}.")
    if not 0 <= seed < 2**31:
        raise InvalidRequest("seed must lie between 0 and 2147483647.")
    return square


def from_dimod(answer: dimod.SampleSet, size: int) -> Samples:
    """Translate a sample set over variables 0..size-1, best first."""
    columns = [list(answer.variables).index(variable) for variable in range(size)]
    order = np.argsort(answer.record.energy, kind="stable")
    states = np.asarray(answer.record.sample[order][:, columns], dtype=np.int8)
    return Samples(states, np.asarray(answer.record.energy[order], dtype=np.float64))
