"""Every shipped sampler passes the contract, and a sampler that lies does not."""

from __future__ import annotations

import dataclasses

import dimod
import numpy as np
import pytest

from adapters.sampler.annealing import SimulatedAnnealing
from adapters.sampler.exact import ExactEnumeration
from adapters.sampler.steepest import SteepestDescent
from interfaces.sampler import Sampler, Samples
from schemas.errors import InvalidRequest, UntrustworthyData
from tests.contracts.sampler import SamplerContract, question


class TestSimulatedAnnealing(SamplerContract):
    @staticmethod
    def make() -> Sampler:
        return SimulatedAnnealing(sweeps=200)

    def test_no_sweeps_are_refused(self):
        with pytest.raises(InvalidRequest, match="sweeps"):
            SimulatedAnnealing(sweeps=0)


class TestSteepestDescent(SamplerContract):
    @staticmethod
    def make() -> Sampler:
        return SteepestDescent()


class TestExactEnumeration(SamplerContract):
    @staticmethod
    def make() -> Sampler:
        return ExactEnumeration()

    def test_its_answers_are_the_best_of_all(self):
        matrix = question(8, 2)
        model = dimod.BinaryQuadraticModel.from_qubo(dict(np.ndenumerate(matrix)))
        everything = np.sort(dimod.ExactSolver().sample(model).record.energy)
        answer = self.make().sample(matrix, reads=40, seed=0)
        np.testing.assert_allclose(answer.energies, everything[:40], atol=1e-12)

    def test_more_than_twenty_variables_are_refused(self):
        with pytest.raises(InvalidRequest, match="at most 20"):
            self.make().sample(np.eye(21), reads=1, seed=0)


class _Boaster(ExactEnumeration):
    """Claims less energy than its samples have."""

    def sample(self, matrix: np.ndarray, *, reads: int, seed: int) -> Samples:
        true = super().sample(matrix, reads=reads, seed=seed)
        return dataclasses.replace(true, energies=true.energies - 1e-3)


@pytest.mark.promise("optimiser-honest")
def test_the_contract_catches_a_sampler_that_lies():
    class Lying(SamplerContract):
        make = staticmethod(_Boaster)

    with pytest.raises(UntrustworthyData, match="claimed energies"):
        Lying().test_what_it_claims_is_true_and_best_comes_first(seed=7)
