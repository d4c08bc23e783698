"""Exposure and turnover are shares of equity, and roll without looking ahead."""

from __future__ import annotations

import numpy as np
import pytest

from quant.exposure import exposure, rolling_exposure, rolling_turnover
from quant.metrics import turnover
from schemas.errors import InvalidRequest


def test_a_book_of_four_sessions_by_hand():
    found = exposure([0, 50, 120, 80], [0, 0, 30, 80], [100, 100, 100, 80])
    assert found.mean_gross == pytest.approx((0 + 0.5 + 1.5 + 2.0) / 4)
    assert found.mean_net == pytest.approx((0 + 0.5 + 0.9 + 0.0) / 4)
    assert (found.mean_long, found.mean_short) == pytest.approx((2.7 / 4, 1.3 / 4))
    assert (found.highest_gross, found.highest_net, found.lowest_net) == pytest.approx((2, 0.9, 0))
    assert found.invested_share == 0.75


def test_rolling_figures_are_those_of_their_windows_and_of_nothing_later():
    generator = np.random.default_rng(3)
    longs, shorts, equity = generator.uniform(0, 100, (3, 50)) + np.array([[0], [0], [50]])
    rolled = rolling_exposure(longs, shorts, equity, window=12)
    turned = rolling_turnover(longs, equity, window=12)
    assert all(np.isnan(values[:11]).all() for values in (*rolled.values(), turned))
    for point in range(11, 50):
        inside = slice(point - 11, point + 1)
        whole = exposure(longs[inside], shorts[inside], equity[inside])
        for name, values in rolled.items():
            assert values[point] == pytest.approx(getattr(whole, name)), name
        assert turned[point] == pytest.approx(turnover(longs[inside], equity[inside]))


@pytest.mark.parametrize(
    ("longs", "shorts", "equity", "sentence"),
    [
        ([1.0], [1.0, 2.0], [1.0], "same number"),
        ([-1.0], [0.0], [1.0], "sizes"),
        ([1.0], [0.0], [0.0], "equity must be above zero"),
        ([float("inf")], [0.0], [1.0], "long_value must not hold NaN"),
    ],
)
def test_a_book_that_cannot_be_is_refused(longs, shorts, equity, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        exposure(longs, shorts, equity)


@pytest.mark.parametrize("window", [0, 4])
def test_a_window_out_of_range_is_refused(window):
    with pytest.raises(InvalidRequest, match="window"):
        rolling_turnover([1.0] * 3, [1.0] * 3, window=window)
