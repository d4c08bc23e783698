"""The stationary bootstrap keeps mean and memory, and repeats itself under the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quant.bootstrap import block_length, stationary_bootstrap
from schemas.errors import InvalidRequest


def autoregression(count: int, coefficient: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=count)
    series = np.zeros(count)
    for step in range(1, count):
        series[step] = coefficient * series[step - 1] + noise[step]
    return series


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 30), st.floats(1, 50), st.integers(0, 2**32))
def test_a_path_holds_only_returns_that_were_observed(count, horizon, block, seed):
    sample = np.arange(count) / 100
    drawn = stationary_bootstrap(sample, paths=7, horizon=horizon, mean_block=block, seed=seed)
    assert drawn.shape == (7, horizon)
    assert np.isin(drawn, sample).all()


def test_the_same_seed_draws_the_same_paths_and_another_seed_does_not():
    sample = np.random.default_rng(0).normal(size=100)
    options = {"paths": 5, "horizon": 50, "mean_block": 8.0}
    first = stationary_bootstrap(sample, seed=7, **options)
    np.testing.assert_array_equal(first, stationary_bootstrap(sample, seed=7, **options))
    assert not np.array_equal(first, stationary_bootstrap(sample, seed=8, **options))


def test_every_period_of_a_path_is_a_uniform_draw_from_the_sample():
    drawn = stationary_bootstrap(np.arange(20.0), paths=20_000, horizon=6, mean_block=4.0, seed=3)
    for column in drawn.T:
        assert stats.chisquare(np.bincount(column.astype(int), minlength=20)).pvalue > 1e-4


def test_blocks_have_the_geometric_length_that_was_asked_for():
    count, block = 10_000, 12.0
    drawn = stationary_bootstrap(
        np.arange(float(count)), paths=200, horizon=1_000, mean_block=block, seed=11
    )
    continued = np.mean((drawn[:, 1:] - drawn[:, :-1]) % count == 1)
    assert continued == pytest.approx(1 - 1 / block, abs=3e-3)


def test_memory_survives_and_the_ordinary_bootstrap_loses_it():
    series = autoregression(5_000, 0.6, seed=2)

    def lag_one(mean_block: float) -> float:
        drawn = stationary_bootstrap(series, paths=50, horizon=2_000, mean_block=mean_block, seed=1)
        return float(np.corrcoef(drawn[:, :-1].ravel(), drawn[:, 1:].ravel())[0, 1])

    assert lag_one(50.0) == pytest.approx(0.6 * (1 - 1 / 50), abs=0.04)
    assert lag_one(1.0) == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("coefficient", [0.3, 0.5, 0.7])
def test_the_block_length_of_an_autoregression_is_the_one_in_theory(coefficient):
    count = 40_000
    theory = (2 * coefficient / (1 - coefficient**2)) ** (2 / 3) * count ** (1 / 3)
    chosen = block_length(autoregression(count, coefficient, seed=4))
    assert chosen == pytest.approx(theory, rel=0.15)


def test_white_noise_and_a_constant_need_hardly_any_memory():
    assert block_length(np.random.default_rng(6).normal(size=5_000)) < 5
    assert block_length(np.full(50, 0.01)) == 1.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"returns": []}, "at least 1 row"),
        ({"returns": [0.1, float("nan")]}, "NaN"),
        ({"paths": 0}, "at least 1"),
        ({"horizon": 0}, "at least 1"),
        ({"paths": 10**6, "horizon": 10**6}, "must not exceed"),
        ({"mean_block": 0.5}, "mean_block"),
        ({"mean_block": float("inf")}, "mean_block"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_draw_that_makes_no_sense_is_refused_in_one_sentence(change, sentence):
    request = {"returns": [0.1], "paths": 1, "horizon": 1, "mean_block": 1.0, "seed": 0} | change
    with pytest.raises(InvalidRequest, match=sentence):
        stationary_bootstrap(request.pop("returns"), **request)
