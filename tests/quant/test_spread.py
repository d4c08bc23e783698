"""The spread that highs and lows give away."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant.spread import corwin_schultz
from schemas.errors import InvalidRequest


def plainly(high, low, close):
    """Do the paper's steps one pair of days at a time."""
    found = [math.nan]
    k = 3 - 2 * math.sqrt(2)
    for t in range(1, len(high)):
        h, lo = high[t], low[t]
        if lo > close[t - 1]:
            h, lo = h - (lo - close[t - 1]), close[t - 1]
        elif h < close[t - 1]:
            h, lo = close[t - 1], lo + (close[t - 1] - h)
        beta = math.log(high[t - 1] / low[t - 1]) ** 2 + math.log(h / lo) ** 2
        gamma = math.log(max(h, high[t - 1]) / min(lo, low[t - 1])) ** 2
        alpha = (math.sqrt(2 * beta) - math.sqrt(beta)) / k - math.sqrt(gamma / k)
        found.append(max(0.0, 2 * (math.exp(alpha) - 1) / (1 + math.exp(alpha))))
    return found


@st.composite
def bars(draw):
    days = draw(st.integers(2, 12))
    price = st.floats(1.0, 100.0)
    rows = [sorted((draw(price), draw(price), draw(price))) for _ in range(days)]
    return [row[2] for row in rows], [row[0] for row in rows], [row[1] for row in rows]


@given(bars())
def test_estimate_equals_the_steps_of_the_paper_done_one_by_one(prices):
    assert corwin_schultz(*prices)[1:] == pytest.approx(plainly(*prices)[1:], abs=1e-12)


@given(bars(), st.integers(1, 11))
def test_estimate_never_looks_ahead(prices, now):
    before = corwin_schultz(*prices)[:now]
    changed = [[*column[:now], *(7.0 for _ in column[now:])] for column in prices]
    assert np.array_equal(before, corwin_schultz(*changed)[:now], equal_nan=True)


def test_range_that_is_nothing_but_bounce_is_the_spread_exactly():
    # Bid 99 and ask 101 on both days: no variance, so high − low over the mid-price is the spread.
    estimate = corwin_schultz([101.0, 101.0], [99.0, 99.0], [101.0, 99.0])
    assert np.isnan(estimate[0])
    assert estimate[1] == pytest.approx(2 / 100)


def test_overnight_gap_is_no_spread_and_no_variance():
    level = corwin_schultz([101.0, 101.0], [99.0, 99.0], [101.0, 99.0])[1]
    up = corwin_schultz([101.0, 112.0], [99.0, 110.0], [99.0, 111.0])[1]  # moved down by 11
    down = corwin_schultz([101.0, 90.0], [99.0, 88.0], [101.0, 89.0])[1]  # moved up by 11
    assert (up, down) == pytest.approx((level, level))


def test_range_without_bounce_gives_zero_and_never_less():
    # Two days that each move on steadily: the joint range is the sum of both.
    assert corwin_schultz([105.0, 110.0], [100.0, 105.0], [105.0, 110.0])[1] == 0.0


@pytest.mark.parametrize(("spread", "volatility"), [(0.08, 0.03), (0.05, 0.03), (0.02, 0.01)])
def test_known_spread_on_a_random_walk_is_recovered(spread, volatility):
    rng = np.random.default_rng(20120328)
    days, trades = 1_500, 390
    steps = rng.normal(0.0, volatility / math.sqrt(trades), days * trades)
    mids = 50.0 * np.exp(np.cumsum(steps)).reshape(days, trades)
    paid = mids * (1.0 + spread / 2.0 * rng.choice((-1.0, 1.0), mids.shape))
    estimate = corwin_schultz(paid.max(axis=1), paid.min(axis=1), paid[:, -1])
    assert np.nanmean(estimate) == pytest.approx(spread, rel=0.06)


@pytest.mark.parametrize(
    ("high", "low", "close"),
    [
        ([1.0, 0.0], [1.0, 0.0], [1.0, 1.0]),
        ([1.0, math.nan], [1.0, 1.0], [1.0, 1.0]),
        ([1.0, 1.0], [2.0, 1.0], [1.0, 1.0]),
        ([1.0, 1.0], [1.0], [1.0, 1.0]),
        ([], [], []),
    ],
)
def test_estimate_refuses_bars_that_cannot_be(high, low, close):
    with pytest.raises(InvalidRequest):
        corwin_schultz(high, low, close)
