"""Features equal pandas and numpy, and know nothing of the rows that come later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant.features import correlation, momentum, realised_volatility, simple_returns, trend
from schemas.errors import InvalidRequest

CLOSES = 50 * np.cumprod(1 + np.random.default_rng(0).normal(0.0004, 0.015, (300, 4)), axis=0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 299), st.sampled_from([0.5, 2.0]))
def test_a_feature_reads_its_window_and_nothing_outside_it(row, factor):
    changed = CLOSES.copy()
    changed[row] *= factor
    reads = {
        "momentum": row in (300 - 1 - 10, 300 - 1 - 100),
        "realised_volatility": row >= 300 - 31,
        "trend": row >= 300 - 50,
    }
    features = {
        "momentum": lambda closes: momentum(closes, lookback=100, skip=10),
        "realised_volatility": lambda closes: realised_volatility(closes, window=30),
        "trend": lambda closes: trend(closes, window=50),
    }
    moved = {name: not np.array_equal(f(CLOSES), f(changed)) for name, f in features.items()}
    assert moved == reads


def test_features_equal_pandas():
    frame = pd.DataFrame(CLOSES)
    returns = frame.pct_change().dropna()
    np.testing.assert_allclose(simple_returns(CLOSES), returns, rtol=1e-12)
    np.testing.assert_allclose(momentum(CLOSES), frame.iloc[-22] / frame.iloc[-253] - 1)
    np.testing.assert_allclose(
        realised_volatility(CLOSES), returns.tail(21).std() * np.sqrt(252), rtol=1e-12
    )
    np.testing.assert_allclose(trend(CLOSES), frame.iloc[-1] / frame.tail(200).mean() - 1)
    np.testing.assert_allclose(correlation(returns), returns.corr(), rtol=1e-12)


def test_an_asset_that_never_moves_is_uncorrelated():
    returns = np.column_stack([np.zeros(5), [0.01, -0.02, 0.03, 0.0, 0.01]])
    np.testing.assert_array_equal(correlation(returns), np.eye(2))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: momentum(CLOSES[:252]), "at least 253 row"),
        (lambda: momentum(CLOSES, lookback=5, skip=5), "skip < lookback"),
        (lambda: realised_volatility(CLOSES, window=1), "at least 2"),
        (lambda: realised_volatility(CLOSES[:5], window=5), "at least 6 row"),
        (lambda: trend(CLOSES, window=0), "at least 1"),
        (lambda: simple_returns(CLOSES[:1]), "at least 2 row"),
        (lambda: simple_returns(-CLOSES), "above zero"),
        (lambda: simple_returns(np.full((3, 2), np.nan)), "NaN"),
        (lambda: simple_returns(CLOSES[:, 0]), "dimension"),
    ],
)
def test_prices_that_are_too_few_or_none_are_refused_in_one_sentence(make, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        make()
