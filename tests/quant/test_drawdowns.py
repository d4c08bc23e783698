"""Falls of a curve are found whole, ranked, and their time under water is counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skfolio import measures

from quant.drawdowns import drawdown, drawdown_curve, drawdown_table, under_water
from schemas.errors import InvalidRequest

CURVES = st.lists(st.integers(1, 40), min_size=2, max_size=60).map(
    lambda levels: np.array(levels, dtype=np.float64)
)


def falls_by_walking(levels: np.ndarray) -> list[tuple[float, int, int, int | None]]:
    """(depth, peak, trough, recovery) of every fall, by going from point to point."""
    falls: list[tuple[float, int, int, int | None]] = []
    peak = trough = 0
    for point, level in enumerate(levels):
        if level >= levels[peak]:
            if trough > peak:
                falls.append((levels[trough] / levels[peak] - 1, peak, trough, point))
            peak = trough = point
        elif trough == peak or level < levels[trough]:
            trough = point
    if trough > peak:
        falls.append((levels[trough] / levels[peak] - 1, peak, trough, None))
    return falls


@given(CURVES, st.integers(1, 8))
def test_the_table_lists_the_deepest_falls_that_a_walk_along_the_curve_meets(levels, top):
    walked = sorted(falls_by_walking(levels), key=lambda fall: fall[0])[:top]
    table = drawdown_table(levels, top=top)
    assert [row.depth for row in table] == pytest.approx([fall[0] for fall in walked])
    assert [row.rank for row in table] == list(range(1, len(table) + 1))
    met = {fall[1:] for fall in falls_by_walking(levels)}
    for row in table:
        assert (row.peak_index, row.trough_index, row.recovery_index) in met
        end = len(levels) if row.recovery_index is None else row.recovery_index
        assert row.periods_to_trough == row.trough_index - row.peak_index
        assert row.periods_under_water == end - row.peak_index - 1
        assert (row.periods_to_recovery is None) == (row.recovery_index is None)


@given(CURVES)
def test_the_first_row_is_the_deepest_drawdown(levels):
    table, deepest = drawdown_table(levels), drawdown(levels)
    if not table:
        assert deepest.depth == 0.0
        return
    assert table[0].model_dump(include=set(type(deepest).model_fields)) == deepest.model_dump()


@given(CURVES)
def test_the_drawdown_names_its_peak_trough_and_recovery(levels):
    fall = drawdown(levels)
    assert levels[fall.trough_index] / levels[fall.peak_index] - 1 == pytest.approx(fall.depth)
    assert fall.depth == pytest.approx(drawdown_curve(levels).min())
    assert levels[fall.peak_index] == levels[: fall.trough_index + 1].max()
    after = levels[fall.trough_index :]
    if fall.recovery_index is None:
        assert after.max() < levels[fall.peak_index]
    else:
        assert levels[fall.recovery_index] >= levels[fall.peak_index]
        assert (levels[fall.trough_index : fall.recovery_index] < levels[fall.peak_index]).all()


def test_a_hand_drawn_curve_has_three_falls_of_which_the_last_is_open():
    table = drawdown_table([100, 110, 110, 88, 99, 112, 105, 112, 100.8])
    rows = [(r.peak_index, r.trough_index, r.recovery_index) for r in table]
    assert rows == [(2, 3, 5), (7, 8, None), (5, 6, 7)]
    assert [r.depth for r in table] == pytest.approx([-0.2, -0.1, -0.0625])
    assert [r.periods_to_recovery for r in table] == [2, None, 1]
    assert [r.periods_under_water for r in table] == [2, 1, 1]


@given(CURVES)
def test_time_under_water_adds_up_the_falls(levels):
    water, table = under_water(levels), drawdown_table(levels, top=len(levels))
    assert water.falls == len(table)
    assert water.periods == sum(row.periods_under_water for row in table)
    assert water.longest == max((row.periods_under_water for row in table), default=0)
    still_open = [row.periods_under_water for row in table if row.recovery_index is None]
    assert water.current == sum(still_open)
    assert water.share == water.periods / (len(levels) - 1)


@given(CURVES)
def test_pain_and_ulcer_equal_a_second_library(levels):
    drawdowns = measures.get_drawdowns(levels[1:] / levels[:-1] - 1, compounded=True)
    water = under_water(levels)
    assert water.ulcer_index == pytest.approx(float(measures.ulcer_index(drawdowns)), abs=1e-12)
    assert water.pain_index == pytest.approx(float(measures.average_drawdown(drawdowns)), abs=1e-12)


def test_a_curve_that_never_falls_has_an_empty_table_and_is_never_under_water():
    assert drawdown_table([1, 1, 2, 3]) == ()
    water = under_water([1, 1, 2, 3])
    assert (water.periods, water.share, water.longest, water.current) == (0, 0.0, 0, 0)
    assert (water.pain_index, water.ulcer_index) == (0.0, 0.0)


def test_a_table_of_no_rows_is_refused():
    with pytest.raises(InvalidRequest, match="top"):
        drawdown_table([1.0, 2.0], top=0)
