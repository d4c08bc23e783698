"""The QUBO says what the portfolio objective says, and its optimum is never nothing."""

from __future__ import annotations

from itertools import combinations

import dimod
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant.qubo import (
    Qubo,
    allocation_qubo,
    allocation_weights,
    checked_states,
    energies,
    selection_objective,
    selection_qubo,
    to_bqm,
)
from quant.qubo_search import (
    all_energies,
    enumerate_optimum,
    improve_by_swaps,
    swap_search,
)
from schemas.errors import InvalidRequest, UntrustworthyData


def moments(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    returns = generator.normal(0.0003, 0.015, (90, count)) + generator.normal(0, 0.01, (90, 1))
    return returns.mean(axis=0) * generator.choice([-3, 1, 5]), np.atleast_2d(np.cov(returns.T))


def subsets(count: int, choose: int) -> np.ndarray:
    states = np.zeros((0, count))
    for chosen in combinations(range(count), choose):
        row = np.zeros(count)
        row[list(chosen)] = 1
        states = np.vstack([states, row])
    return states


PROBLEMS = {
    "count": st.integers(1, 9),
    "share": st.floats(0, 1),
    "aversion": st.floats(0, 50),
    "seed": st.integers(0, 10**6),
}


@pytest.mark.promise("optimiser-honest")
@settings(max_examples=60, deadline=None)
@given(**PROBLEMS)
def test_energy_is_the_objective_and_the_optimum_has_the_size_asked_for(
    count, share, aversion, seed
):
    choose = 1 + round(share * (count - 1))
    mean, covariance = moments(count, seed)
    qubo = selection_qubo(mean, covariance, choose=choose, risk_aversion=aversion)
    right = subsets(count, choose)
    objective = selection_objective(right, mean, covariance, choose=choose, risk_aversion=aversion)
    np.testing.assert_allclose(energies(qubo, right), objective, atol=1e-12)
    state, energy = enumerate_optimum(qubo)
    assert int(state.sum()) == choose
    assert energy == pytest.approx(objective.min(), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(**PROBLEMS)
def test_every_selection_of_a_wrong_size_costs_more_than_the_best(count, share, aversion, seed):
    choose = 1 + round(share * (count - 1))
    mean, covariance = moments(count, seed)
    qubo = selection_qubo(mean, covariance, choose=choose, risk_aversion=aversion)
    sizes = np.array([int(index).bit_count() for index in range(2**count)])
    table = all_energies(qubo)
    assert table[sizes != choose].min() > table[sizes == choose].min()


def test_enumeration_equals_dimod_on_any_matrix():
    for count in range(1, 9):
        matrix = np.random.default_rng(count).normal(size=(count, count))
        qubo = Qubo(matrix=(matrix + matrix.T) / 2, offset=0.5, choose=1)
        other = dimod.ExactSolver().sample(to_bqm(qubo.matrix)).first
        state, energy = enumerate_optimum(qubo)
        assert energy == pytest.approx(other.energy + 0.5)
        assert state.tolist() == [other.sample[index] for index in range(count)]


def test_twenty_variables_are_enumerated_and_twenty_one_refused():
    mean, covariance = moments(21, 3)
    qubo = selection_qubo(mean[:20], covariance[:20, :20], choose=6, risk_aversion=5)
    state, energy = enumerate_optimum(qubo)
    assert int(state.sum()) == 6
    assert energy <= energies(qubo, swap_search(qubo, starts=20, seed=0))[0] + 1e-12
    with pytest.raises(InvalidRequest, match="at most 20"):
        enumerate_optimum(selection_qubo(mean, covariance, choose=6, risk_aversion=5))


@pytest.mark.promise("optimiser-honest")
@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(0, 10**6), st.floats(0, 20))
def test_swaps_mend_any_state_and_never_make_a_valid_one_worse(count, seed, aversion):
    mean, covariance = moments(count, seed)
    choose = 1 + seed % count
    qubo = selection_qubo(mean, covariance, choose=choose, risk_aversion=aversion)
    start = np.random.default_rng(seed).integers(0, 2, count)
    better = improve_by_swaps(qubo, start)
    assert int(better.sum()) == choose
    again = improve_by_swaps(qubo, better)
    assert energies(qubo, again)[0] <= energies(qubo, better)[0] + 1e-12
    if start.sum() == choose:
        assert energies(qubo, better)[0] <= energies(qubo, start)[0] + 1e-12


def test_swaps_from_twenty_starts_reach_the_exact_optimum():
    for seed in range(15):
        mean, covariance = moments(14, seed)
        qubo = selection_qubo(mean, covariance, choose=5, risk_aversion=6)
        found = energies(qubo, swap_search(qubo, starts=20, seed=1))[0]
        assert found == pytest.approx(enumerate_optimum(qubo)[1], abs=1e-15)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 20))
def test_weights_in_slices_have_the_energy_of_their_utility_and_keep_the_cap(seed, aversion):
    mean, covariance = moments(4, seed)
    qubo = allocation_qubo(mean, covariance, slices=5, cap=0.6, risk_aversion=aversion)
    state, energy = enumerate_optimum(qubo)
    weights = allocation_weights(state, slices=5, cap=0.6)
    assert weights.sum() == pytest.approx(1.0)
    assert weights.max() <= 0.6 + 1e-12
    utility = mean @ weights - aversion / 2 * weights @ covariance @ weights
    assert energy == pytest.approx(-utility, abs=1e-12)
    grid = [
        np.array(parts) / 5
        for parts in np.ndindex(4, 4, 4, 4)
        if sum(parts) == 5  # every way to deal five slices, at most three to an asset
    ]
    best = min(aversion / 2 * w @ covariance @ w - mean @ w for w in grid)
    assert energy == pytest.approx(best, abs=1e-12)


@pytest.mark.promise("optimiser-honest")
@pytest.mark.parametrize(
    ("states", "claimed", "sentence"),
    [
        ([[1, 0, 0]], [-9.0], "claimed energies"),
        ([[1, 0, 0]], [float("nan")], "claimed energies"),
        ([[2, 0, 0]], [0.0], "other than 0 and 1"),
        ([[1, 0]], [0.0], "another shape"),
        ([[1, 0, 0]], [0.0, 0.0], "another shape"),
        (np.zeros((0, 3)), [], "without a single sample"),
    ],
)
def test_a_lying_sampler_is_caught(states, claimed, sentence):
    mean, covariance = moments(3, 1)
    qubo = selection_qubo(mean, covariance, choose=1, risk_aversion=1)
    with pytest.raises(UntrustworthyData, match=sentence):
        checked_states(qubo, states, claimed)


def test_an_honest_answer_is_put_in_the_order_of_its_energies():
    mean, covariance = moments(5, 2)
    qubo = selection_qubo(mean, covariance, choose=2, risk_aversion=3)
    states = np.random.default_rng(0).integers(0, 2, (12, 5))
    ordered = checked_states(qubo, states, energies(qubo, states) - qubo.offset)
    assert (np.diff(energies(qubo, ordered)) >= 0).all()
    assert sorted(map(tuple, ordered.tolist())) == sorted(map(tuple, states.tolist()))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"choose": 0}, "choose must lie between 1 and 3"),
        ({"choose": 4}, "choose must lie between 1 and 3"),
        ({"risk_aversion": -1.0}, "risk_aversion"),
        ({"risk_aversion": float("nan")}, "risk_aversion"),
        ({"mean": [0.1, float("nan"), 0.1]}, "NaN"),
        ({"mean": [0.1, 0.1]}, "2 by 2"),
        ({"covariance": [[1, 2, 0], [0, 1, 0], [0, 0, 1]]}, "symmetric"),
    ],
)
def test_a_problem_that_makes_no_sense_is_refused_in_one_sentence(change, sentence):
    problem = {"mean": [0.1] * 3, "covariance": np.eye(3), "choose": 1, "risk_aversion": 1.0}
    problem |= change
    with pytest.raises(InvalidRequest, match=sentence):
        selection_qubo(problem.pop("mean"), problem.pop("covariance"), **problem)


def test_slices_that_cannot_add_up_are_refused():
    mean, covariance = moments(3, 1)
    cases = ((10, 0.3, "cannot hold 10"), (0, 0.5, "at least 1"), (999, 1.0, "more than 400"))
    for slices, cap, sentence in cases:
        with pytest.raises(InvalidRequest, match=sentence):
            allocation_qubo(mean, covariance, slices=slices, cap=cap, risk_aversion=1)
