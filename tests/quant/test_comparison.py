"""Methods stand on one yardstick, and a QUBO's answers stand beside the exact one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant.comparison import (
    CLASSICAL,
    Preferences,
    answer_qubo,
    classical_portfolio,
    classical_portfolios,
    estimate_moments,
    qubo_portfolios,
)
from quant.qubo import energies, selection_qubo
from schemas.errors import InvalidRequest, UntrustworthyData

RETURNS = np.random.default_rng(0).normal(0.0005, 0.01, (252, 5)) * [1, 1.5, 2, 2.5, 3]


def guesses(matrix: np.ndarray, *, reads: int = 6, seed: int = 1):
    """An honest sampler without any skill."""
    states = np.random.default_rng(seed).integers(0, 2, (reads, len(matrix)))
    return states, np.einsum("si,ij,sj->s", states, matrix, states)


@pytest.mark.promise("optimiser-honest")
@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.floats(0, 20), st.integers(0, 10**6))
def test_no_method_beats_the_exact_answer_and_swaps_never_spoil_a_sample(choose, aversion, seed):
    moments = estimate_moments(RETURNS)
    qubo = selection_qubo(moments.mean, moments.covariance, choose=choose, risk_aversion=aversion)
    found, _ = answer_qubo(qubo, lambda matrix: guesses(matrix, seed=seed), Preferences())
    energy = {answer.method: answer.energy for answer in found}
    assert all(int(answer.state.sum()) == choose for answer in found)
    assert all(energies(qubo, item.state)[0] == pytest.approx(item.energy) for item in found)
    assert min(energy.values()) >= energy["exact"] - 1e-15
    assert energy["sampler_swaps"] <= energy.get("sampler", np.inf) + 1e-15
    assert energy["swap_search"] == pytest.approx(energy["exact"], abs=1e-15)


@pytest.mark.promise("optimiser-honest")
def test_a_sampler_that_lies_has_no_answer():
    moments = estimate_moments(RETURNS)
    qubo = selection_qubo(moments.mean, moments.covariance, choose=2, risk_aversion=5)

    def boasts(matrix: np.ndarray):
        states, energy = guesses(matrix)
        return states, energy - 1.0

    with pytest.raises(UntrustworthyData, match="claimed energies"):
        answer_qubo(qubo, boasts, Preferences())


def test_a_sampler_without_a_valid_sample_is_named_and_mended():
    moments = estimate_moments(RETURNS)
    qubo = selection_qubo(moments.mean, moments.covariance, choose=2, risk_aversion=5)
    found, refused = answer_qubo(qubo, lambda m: (np.zeros((1, 5)), np.zeros(1)), Preferences())
    assert [item.method for item in refused] == ["sampler"]
    assert "sampler" not in {item.method for item in found}
    mended = next(item for item in found if item.method == "sampler_swaps")
    assert int(mended.state.sum()) == 2


def test_mean_variance_has_the_highest_utility_of_all():
    wanted = Preferences(risk_aversion=4.0, cap=0.5, slices=4)
    moments = estimate_moments(RETURNS)
    classical, refused = classical_portfolios(RETURNS, wanted)
    sampled, _ = qubo_portfolios(moments, guesses, wanted)
    assert refused == []
    assert set(classical) == set(CLASSICAL)
    utility = {
        name: moments.utility_annual(weights, 4.0)
        for name, weights in (classical | sampled).items()
    }
    assert max(utility.values()) <= utility["mean_variance"] + 1e-9
    for weights in (classical | sampled).values():
        assert weights.sum() == pytest.approx(1.0, abs=1e-9)
        assert weights.max() <= 0.5 + 1e-9


def test_a_method_that_knows_no_cap_is_refused_rather_than_cut():
    _, refused = classical_portfolios(RETURNS, Preferences(cap=0.22))
    assert {item.method for item in refused} == {"inverse_volatility", "risk_parity"}
    with pytest.raises(InvalidRequest, match="knows no cap"):
        classical_portfolio("risk_parity", RETURNS, Preferences(cap=0.22))
