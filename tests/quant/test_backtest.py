"""Target weights earn what arithmetic says, and costs are paid once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant.backtest import buy_and_hold_curve, target_weights_curve
from quant.metrics import performance
from schemas.errors import InvalidRequest


def prices(rows: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    marks = 20 * np.cumprod(1 + generator.normal(0, 0.02, (rows, count)), axis=0)
    return marks * generator.uniform(0.99, 1.01, (rows, count)), marks


def decisions(rows: int, count: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    targets = generator.dirichlet(np.ones(count + 1), rows)[:, :count]
    targets[generator.random(rows) < 0.6] = np.nan
    return targets


def test_holding_without_costs_is_the_mean_of_the_price_ratios():
    fills, marks = prices(50, 4, 1)
    curve = buy_and_hold_curve(fills, marks, cash=10_000)
    np.testing.assert_allclose(curve.equity, 10_000 * (marks / fills[0]).mean(axis=1), rtol=1e-12)


def test_a_first_purchase_at_ten_basis_points_costs_exactly_that():
    fills, marks = prices(5, 3, 2)
    curve = buy_and_hold_curve(fills, marks, cash=10_000, cost_bps=10)
    assert curve.costs[0] == pytest.approx(10_000 - 10_000 / 1.001, rel=1e-12)
    assert curve.costs[1:].sum() == 0


def test_daily_rebalancing_at_the_close_compounds_the_weighted_returns():
    _, marks = prices(60, 3, 3)
    weights = np.array([0.5, 0.3, 0.2])
    curve = target_weights_curve(marks, marks, np.tile(weights, (60, 1)))
    growth = np.cumprod(1 + (marks[1:] / marks[:-1] - 1) @ weights)
    np.testing.assert_allclose(curve.equity, np.concatenate([[1.0], growth]), rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30), st.integers(1, 5), st.integers(0, 10**6), st.sampled_from([0, 5, 200, 4e3])
)
def test_equity_equals_a_ledger_of_every_trade(rows, count, seed, bps):
    """Cash, units and costs re-derived day by day from the fills that the targets imply."""
    fills, marks = prices(rows, count, seed)
    targets = decisions(rows, count, seed)
    curve = target_weights_curve(fills, marks, targets, cash=1_000, cost_bps=bps)
    units, cash = np.zeros(count), 1_000.0
    for row in range(rows):
        if not np.isnan(targets[row]).any():
            before = cash + units @ fills[row]
            wanted = targets[row] * (before - curve.costs[row]) / fills[row]
            cash -= (wanted - units) @ fills[row] + curve.costs[row]
            traded = np.abs(wanted - units) @ fills[row]
            assert curve.traded_value[row] == pytest.approx(traded, rel=1e-9, abs=1e-9)
            assert curve.costs[row] == pytest.approx(bps / 1e4 * traded, rel=1e-9, abs=1e-9)
            units = wanted
        assert cash >= -1e-9
        assert curve.equity[row] == pytest.approx(cash + units @ marks[row], rel=1e-9)


def test_no_past_equity_changes_when_later_prices_do():
    fills, marks = prices(40, 3, 5)
    targets = decisions(40, 3, 5)
    later_fills, later_marks = fills.copy(), marks.copy()
    later_fills[25:] *= 3
    later_marks[25:] *= 0.5
    first = target_weights_curve(fills, marks, targets, cost_bps=7).equity
    second = target_weights_curve(later_fills, later_marks, targets, cost_bps=7).equity
    np.testing.assert_array_equal(first[:25], second[:25])
    assert not np.array_equal(first, second)


def test_without_any_decision_the_cash_stays():
    fills, marks = prices(10, 2, 6)
    curve = target_weights_curve(fills, marks, np.full((10, 2), np.nan), cash=5.0)
    assert performance(curve.equity).total_return == 0.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"targets": [[0.6, 0.6]]}, "sum to at most 1"),
        ({"targets": [[-0.1, 0.6]]}, "between 0 and 1"),
        ({"targets": [[np.nan, 0.6]]}, "throughout"),
        ({"targets": [[0.5]]}, "same shape"),
        ({"fills": [[0.0, 1.0]]}, "fills must be above zero"),
        ({"marks": [[np.nan, 1.0]]}, "NaN"),
        ({"cash": 0.0}, "cash"),
        ({"cost_bps": -1.0}, "cost_bps"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_one_sentence(change, sentence):
    given_ = {"fills": [[1.0, 1.0]], "marks": [[1.0, 1.0]], "targets": [[0.5, 0.5]]} | change
    with pytest.raises(InvalidRequest, match=sentence):
        target_weights_curve(
            given_.pop("fills"), given_.pop("marks"), given_.pop("targets"), **given_
        )
