"""Page's cumulative sum against a textbook's table, and its reference without look-ahead."""

from __future__ import annotations

import statistics
from itertools import accumulate

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trading.breakers.cusum import Cusum, low_sum

# Montgomery, Introduction to Statistical Quality Control, example 9.1 (tables 9.1 and 9.2): target
# 10, deviation 1, slack 0.5; the mean shifts to 11 after the twentieth observation.
OBSERVED = (
    *(9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34),
    *(9.03, 11.47, 10.51, 9.40, 10.08, 9.37, 10.62, 10.31, 8.52, 10.84),
    *(10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52),
)
HIGH = (
    *(0.00, 0.00, 0.00, 1.16, 2.82, 2.50, 0.04, 1.00, 0.00, 0.00),
    *(0.00, 0.97, 0.98, 0.00, 0.00, 0.00, 0.12, 0.00, 0.00, 0.34),
    *(0.74, 0.00, 1.79, 2.79, 2.89, 3.47, 3.35, 4.47, 5.28, 5.30),
)
LOW = (
    *(0.05, 1.56, 1.77, 0.00, 0.00, 0.00, 1.46, 0.00, 0.30, 0.00),
    *(0.47, 0.00, 0.00, 0.10, 0.00, 0.13, 0.00, 0.00, 0.98, 0.00),
    *(0.00, 0.17, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00),
)


def sums(deviations: list[float]) -> list[float]:
    return list(accumulate(deviations, lambda s, z: low_sum(s, z, 0.5), initial=0.0))[1:]


def test_both_sides_are_those_of_the_textbook_and_cross_five_at_the_same_observation() -> None:
    deviations = [each - 10 for each in OBSERVED]
    low, high = sums(deviations), sums([-each for each in deviations])
    assert low == pytest.approx(LOW, abs=0.0051)
    assert high == pytest.approx(HIGH, abs=0.0051)
    assert next(n for n, each in enumerate(high, 1) if each > 5) == 29


def after(returns: list[float], *, window: int = 20) -> Cusum:
    cusum = Cusum()
    for each in returns:
        cusum = cusum.after(each, window=window, slack=0.5)
    return cusum


returns = st.builds(
    lambda size, sign: sign * size / 10_000, st.integers(1, 500), st.sampled_from([-1, 1])
)


@settings(max_examples=50)
@given(st.lists(returns, min_size=21, max_size=60))
def test_a_return_is_measured_by_the_window_before_the_sum_left_nought(drawn: list[float]) -> None:
    total, since = 0.0, 20
    for n in range(20, len(drawn)):
        since = n if total == 0.0 else since
        before = drawn[since - 20 : since]
        deviation = statistics.stdev(before)
        assume(not 5e-7 < deviation < 2e-6)  # the very edge of what is judged
        if deviation > 1e-6:
            z = (drawn[n] - statistics.fmean(before)) / deviation
            assume(abs(total - z - 0.5) > 1e-9)  # the very edge of nought
            total = max(0.0, total - z - 0.5)
    assert after(drawn).total == pytest.approx(total, rel=1e-6, abs=1e-9)


@given(st.lists(returns, min_size=30, max_size=50), st.lists(returns, max_size=10))
def test_what_comes_later_changes_no_sum_before_it(drawn: list[float], later: list[float]) -> None:
    def path(values: list[float]) -> list[float]:
        return [after(values[:n]).total for n in range(25, 31)]

    assert path([*drawn[:30], *later]) == path(drawn)


def test_a_shift_is_seen_as_fast_as_if_the_mean_were_known() -> None:
    """The reference does not take up what the sum is to show: 0.8 a session once it runs."""
    before = [0.01 * (-1) ** n for n in range(41)]
    deviation = statistics.stdev(before[-20:])
    drop = [-1.3 * deviation] * 10
    assert after([*before, *drop]).total == pytest.approx(10 * 0.8, rel=1e-6)


@given(st.lists(returns, max_size=40), st.lists(st.just(0.0), max_size=10))
def test_sessions_in_which_nothing_moved_tell_nothing(
    drawn: list[float], still: list[float]
) -> None:
    assert after([*drawn, *still]) == after(drawn)
    assert after([*still, *drawn]) == after(drawn)


def test_a_reference_that_does_not_move_judges_nothing() -> None:
    assert after([0.0001] * 30 + [-0.02]).total == 0.0


def test_the_window_is_full_before_anything_is_judged() -> None:
    alternating = [0.01, -0.01] * 10
    assert after([*alternating[:19], -0.04]).total == 0.0
    assert after([*alternating, -0.04]).total > 3.0
