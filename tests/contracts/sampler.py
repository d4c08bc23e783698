"""What every `Sampler` must do; an adapter's test subclasses the suite and gives the sampler."""

from __future__ import annotations

import numpy as np
import pytest

from interfaces.sampler import Sampler
from quant.qubo import Qubo, checked_states, energies, selection_qubo
from schemas.errors import InvalidRequest


def question(size: int, seed: int) -> np.ndarray:
    """A random matrix, not symmetric: a sampler takes x·matrix·x as it stands."""
    return np.random.default_rng(seed).normal(size=(size, size))


def plain(matrix: np.ndarray) -> Qubo:
    return Qubo(matrix=(matrix + matrix.T) / 2, offset=0.0, choose=0)


class SamplerContract:
    """Subclasses give `make`, which builds the sampler."""

    @staticmethod
    def make() -> Sampler:
        raise NotImplementedError

    @pytest.mark.promise("optimiser-honest")
    @pytest.mark.parametrize("seed", range(24))
    def test_what_it_claims_is_true_and_best_comes_first(self, seed):
        size, reads = 1 + seed % 12, 1 + seed * 7 % 20
        matrix = question(size, seed)
        answer = self.make().sample(matrix, reads=reads, seed=seed)
        checked_states(plain(matrix), answer.states, answer.energies)
        assert 1 <= len(answer.states) <= reads
        assert (np.diff(answer.energies) >= 0).all()

    def test_the_same_question_and_seed_have_the_same_answer(self):
        matrix = question(10, 4)
        first, second = (self.make().sample(matrix, reads=8, seed=5) for _ in range(2))
        np.testing.assert_array_equal(first.states, second.states)
        np.testing.assert_array_equal(first.energies, second.energies)

    def test_an_easy_question_is_answered_right(self):
        wanted = np.array([1, 0, 1, 1, 0])
        answer = self.make().sample(np.diag(np.where(wanted, -1.0, 1.0)), reads=5, seed=0)
        assert answer.states[0].tolist() == wanted.tolist()
        assert answer.energies[0] == pytest.approx(-3.0)

    def test_it_finds_a_portfolio_of_the_size_asked_for(self):
        returns = np.random.default_rng(3).normal(0.001, 0.02, (100, 10))
        mean, covariance = returns.mean(axis=0), np.cov(returns.T)
        qubo = selection_qubo(mean, covariance, choose=4, risk_aversion=5)
        answer = self.make().sample(qubo.matrix, reads=30, seed=1)
        assert answer.states[0].sum() == 4
        assert energies(qubo, answer.states)[0] == pytest.approx(
            answer.energies[0] + qubo.offset, abs=1e-12
        )

    def test_a_matrix_of_zeros_has_only_zero_energies(self):
        assert not self.make().sample(np.zeros((4, 4)), reads=3, seed=0).energies.any()

    @pytest.mark.parametrize(
        ("matrix", "reads", "seed", "sentence"),
        [
            (np.zeros((2, 3)), 1, 0, "square"),
            (np.full((2, 2), np.nan), 1, 0, "NaN"),
            (np.zeros((0, 0)), 1, 0, "at least 1 row"),
            (np.eye(2), 0, 0, "reads"),
            (np.eye(2), 10**9, 0, "reads"),
            (np.eye(2), 1, -1, "seed"),
        ],
    )
    def test_a_question_that_makes_no_sense_is_refused(self, matrix, reads, seed, sentence):
        with pytest.raises(InvalidRequest, match=sentence):
            self.make().sample(matrix, reads=reads, seed=seed)

    def test_it_has_a_name_for_results(self):
        assert self.make().name
