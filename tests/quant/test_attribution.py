"""Effects sum to what they explain, and equal the figures of the textbooks."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quant.attribution.brinson import brinson
from quant.attribution.costs import cost_attribution, without_costs
from quant.attribution.linking import carino
from quant.attribution.trades import trade_attribution
from quant.metrics import performance
from schemas.errors import InvalidRequest

BACON = {
    "portfolio_weights": [0.40, 0.30, 0.30],
    "benchmark_weights": [0.40, 0.20, 0.40],
    "portfolio_returns": [0.20, -0.05, 0.06],
    "benchmark_returns": [0.10, -0.04, 0.08],
}
"""Bacon (2008), chapter 5: UK, Japanese and US equities; 8.3 % against 6.4 %."""
COUNTRIES = ("UK", "Japan", "US")


@st.composite
def holdings(draw: st.DrawFn) -> dict[str, np.ndarray]:
    shape = (draw(st.integers(1, 6)), draw(st.integers(1, 5)))
    parts = hnp.arrays(np.float64, shape, elements=st.integers(1, 100).map(float))
    returns = hnp.arrays(
        np.float64, shape, elements=st.floats(-0.3, 0.4).map(lambda x: round(x, 5))
    )
    sizes = {"portfolio_weights": draw(parts), "benchmark_weights": draw(parts)}
    return {
        **{name: part / part.sum(axis=1, keepdims=True) for name, part in sizes.items()},
        "portfolio_returns": draw(returns),
        "benchmark_returns": draw(returns),
    }


def names(count: int) -> tuple[str, ...]:
    return tuple(f"group {number}" for number in range(count))


def test_bacons_example_comes_out_as_printed():
    found = brinson(**BACON, groups=COUNTRIES)
    assert (found.portfolio_return, found.benchmark_return) == pytest.approx((0.083, 0.064))
    assert found.linking == "none"
    assert [group.allocation for group in found.groups] == pytest.approx([0, -0.0104, -0.0016])
    assert [group.selection for group in found.groups] == pytest.approx([0.04, -0.002, -0.008])
    assert [group.interaction for group in found.groups] == pytest.approx([0, -0.001, 0.002])
    effects = (found.allocation, found.selection, found.interaction, found.total)
    assert effects == pytest.approx((-0.012, 0.030, 0.001, 0.019))


@settings(max_examples=50, deadline=None)
@given(holdings())
def test_effects_sum_to_the_compounded_excess_return(made):
    found = brinson(**made, groups=names(made["portfolio_returns"].shape[1]))
    own = np.prod(1 + (made["portfolio_weights"] * made["portfolio_returns"]).sum(axis=1)) - 1
    base = np.prod(1 + (made["benchmark_weights"] * made["benchmark_returns"]).sum(axis=1)) - 1
    assert found.portfolio_return == pytest.approx(own, abs=1e-12)
    assert found.total == pytest.approx(own - base, abs=1e-12)
    assert found.allocation + found.selection + found.interaction == pytest.approx(
        found.total, abs=1e-12
    )
    for effect in ("allocation", "selection", "interaction", "total"):
        parts = math.fsum(getattr(group, effect) for group in found.groups)
        assert parts == pytest.approx(getattr(found, effect), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(holdings(), st.randoms(use_true_random=False))
def test_the_order_of_groups_does_not_matter(made, chance):
    order = list(range(made["portfolio_returns"].shape[1]))
    chance.shuffle(order)
    labels = names(len(order))
    straight = brinson(**made, groups=labels)
    turned = brinson(
        **{name: values[:, order] for name, values in made.items()},
        groups=[labels[i] for i in order],
    )
    by_name = {group.group: group for group in turned.groups}
    for group in straight.groups:
        other = by_name[group.group]
        assert other.allocation == pytest.approx(group.allocation, abs=1e-12)
        assert other.interaction == pytest.approx(group.interaction, abs=1e-12)


def test_holding_the_benchmark_has_no_effect():
    same = [0.5, 0.3, 0.2], [0.1, -0.2, 0.05]
    found = brinson(same[0], same[0], same[1], same[1], groups=COUNTRIES)
    assert (found.allocation, found.selection, found.interaction, found.total) == (0, 0, 0, 0)


def test_two_periods_are_linked_by_carinos_coefficients():
    one, other = np.array([0.10, -0.04]), np.array([0.05, 0.02])
    link = carino(one, other)
    whole = (1.10 * 0.96 - 1, 1.05 * 1.02 - 1)
    overall = (math.log(1.10 * 0.96) - math.log(1.05 * 1.02)) / (whole[0] - whole[1])
    single = [
        (math.log(1 + r) - math.log(1 + b)) / (r - b) for r, b in zip(one, other, strict=True)
    ]
    assert link.weights == pytest.approx(np.array(single) / overall)
    assert link.weights @ (one - other) == pytest.approx(whole[0] - whole[1], abs=1e-15)


@given(st.floats(-0.5, 0.5), st.floats(1e-17, 1e-6))
def test_a_link_is_smooth_where_the_difference_vanishes(base, apart):
    one = np.array([base, base + apart])
    link = carino(one, np.array([base, base]))
    assert link.weights[0] == pytest.approx(link.weights[1], rel=2 * apart / (1 + base) + 1e-12)


def test_a_group_held_on_one_side_only_needs_no_return_on_the_other():
    nan = float("nan")
    found = brinson(
        [0.5, 0.5, 0.0, 0.0],
        [0.6, 0.0, 0.4, 0.0],
        [0.10, 0.08, nan, nan],
        [0.10, nan, 0.02, nan],
        groups=("both", "ours", "theirs", "nobody's"),
    )
    assert (found.selection, found.interaction) == (0.0, 0.0)
    assert found.allocation == pytest.approx(0.09 - 0.068)
    assert found.groups[3].total == 0.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"portfolio_weights": [0.4, 0.3, 0.2]}, "portfolio_weights must sum to 1"),
        ({"portfolio_weights": [0.5, 0.5]}, "same shape"),
        ({"portfolio_returns": [0.1, float("nan"), 0.1]}, "returns must not hold NaN"),
        ({"portfolio_returns": [-1.0, -1.0, -1.0]}, "above -1"),
        ({"groups": ("a", "a", "b")}, "name each column once"),
        ({"groups": ("a", "b")}, "name each column once"),
        ({"benchmark_weights": [[float("inf"), 0, 1]]}, "benchmark_weights must not hold"),
    ],
)
def test_what_cannot_be_attributed_is_refused(change, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        brinson(**{**BACON, "groups": COUNTRIES, **change})


@st.composite
def accounts(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    count = draw(st.integers(1, 30))
    cents = st.integers(-100, 200).map(lambda value: value / 100)
    gross = draw(hnp.arrays(np.float64, count, elements=st.floats(-0.03, 0.1)))
    kinds = draw(
        st.lists(st.sampled_from(["commission", "spread", "financing"]), min_size=1, unique=True)
    )
    paid = {kind: draw(hnp.arrays(np.float64, count, elements=cents)) for kind in kinds}
    base, growth = [1_000.0], [1.0]
    for step in range(count):
        after = base[-1] * (1 + gross[step]) - sum(values[step] for values in paid.values())
        growth.append(growth[-1] * after / base[-1])
        base.append(after)
    return np.array(growth), np.array(base[:-1]), paid


@settings(max_examples=50, deadline=None)
@given(accounts())
def test_contributions_of_costs_sum_from_the_gross_to_the_net_return(made):
    growth, base, paid = made
    found = cost_attribution(growth, base, paid)
    assert found.net_return == pytest.approx(growth[-1] - 1, abs=1e-12)
    assert found.gross_return == pytest.approx(without_costs(growth, base, paid)[-1] - 1, abs=1e-12)
    assert found.drag == pytest.approx(found.gross_return - found.net_return, abs=1e-15)
    assert math.fsum(cost.contribution for cost in found.costs) == pytest.approx(
        found.drag, abs=1e-12
    )
    for cost in found.costs:
        assert float(cost.amount) == pytest.approx(paid[cost.cost].sum(), abs=1e-6)
    assert found.amount == sum(cost.amount for cost in found.costs)


def test_a_year_of_costs_by_hand():
    """1 000 grows by 10 % before costs of 1 % of the base, then by 20 % before 2 % and 1 %."""
    growth = [1.0, 1.09, 1.09 * 1.17]
    found = cost_attribution(
        growth, [1_000, 1_090], {"commission": [10, 21.80], "model_spend": [0, 10.90]}
    )
    assert found.gross_return == pytest.approx(1.10 * 1.20 - 1)
    assert found.net_return == pytest.approx(1.09 * 1.17 - 1)
    assert [cost.amount for cost in found.costs] == [Decimal("31.80"), Decimal("10.90")]
    assert found.costs[0].contribution > 2 * found.costs[1].contribution > 0


def test_the_account_without_its_models_spend_can_be_scored():
    growth, spend = np.array([1.0, 1.01, 0.99, 1.03]), {"model_spend": [5.0, 0.0, 5.0]}
    gross = without_costs(growth, [1_000, 1_010, 990], spend)
    with_spend, without = performance(growth), performance(gross)
    assert without.total_return > with_spend.total_return
    assert gross[1] == pytest.approx(1.01 + 0.005)


def test_costs_that_are_zero_take_nothing():
    found = cost_attribution([1.0, 1.1], [100.0], {"commission": [0.0]})
    assert (found.drag, found.amount, found.costs[0].contribution) == (0.0, 0, 0.0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([1.0, 1.1], [100.0], {}), "at least one kind"),
        (([1.0, 1.1], [100.0], {"fee": [1.0, 2.0]}), "one value for each session"),
        (([1.0, 1.1], [0.0], {"fee": [1.0]}), "base must be above zero"),
        (([1.0, 1.1], [100.0], {"fee": [float("nan")]}), "fee must not hold NaN"),
        (([1.0, 1.1], [100.0], {"fee": [-500.0]}), "above -1"),
    ],
)
def test_costs_that_cannot_be_are_refused(arguments, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        cost_attribution(*arguments)


def test_earnings_beyond_all_there_was_cannot_be_left_out():
    with pytest.raises(InvalidRequest, match="lost everything"):
        without_costs([1.0, 1.1], [100.0], {"financing": [-500.0]})


def test_a_profit_is_split_over_symbols_and_what_is_no_trades():
    found = trade_attribution(
        ["AAPL", "MSFT", "AAPL", "KO"],
        [120.50, -40.25, 30.00, 0.00],
        capital=10_000.0,
        profit=125.25,
    )
    assert [(row.label, row.trades, row.gain) for row in found.rows] == [
        ("AAPL", 2, Decimal("150.50")),
        ("KO", 1, Decimal("0.00")),
        ("MSFT", 1, Decimal("-40.25")),
    ]
    assert found.other_gain == Decimal("15.00")
    assert found.simple_return == pytest.approx(0.012525)


@given(
    st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(-(10**6), 10**6)), max_size=30),
    st.integers(-(10**6), 10**6),
)
def test_contributions_of_trades_sum_to_the_return(trades, profit):
    found = trade_attribution(
        [label for label, _ in trades],
        [cents / 100 for _, cents in trades],
        capital=5_000.0,
        profit=profit / 100,
    )
    assert sum(row.gain for row in found.rows) + found.other_gain == found.profit
    assert math.fsum(row.contribution for row in found.rows) + found.other_contribution == (
        pytest.approx(found.simple_return, abs=1e-12)
    )


@pytest.mark.parametrize(
    ("labels", "gains", "capital", "sentence"),
    [
        (["A"], [1.0, 2.0], 1.0, "same length"),
        (["A"], [1.0], 0.0, "capital must be above zero"),
        (["A"], [1e300], 1.0, "within"),
        (["A"], [1.0], float("nan"), "within"),
    ],
)
def test_trades_that_cannot_be_attributed_are_refused(labels, gains, capital, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        trade_attribution(labels, gains, capital=capital, profit=0.0)
