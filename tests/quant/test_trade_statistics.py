"""Closed trades are summed up as one would by hand, and streaks follow the order of closing."""

from __future__ import annotations

import itertools
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant.trade_statistics import rolling_trade_statistics, trade_statistics
from schemas.errors import InvalidRequest
from schemas.metrics import TradeStatistics

TRADES = st.lists(
    st.tuples(st.integers(-50_000, 50_000).map(lambda cents: cents / 100), st.integers(0, 400)),
    max_size=40,
)


def test_ten_trades_worked_by_hand():
    gains = [120, -80, 60, 60, -40, -40, -100, 0, 200, 20]
    days = [3, 1, 10, 4, 2, 2, 7, 5, 30, 1]
    stats = trade_statistics(gains, days)
    assert (stats.trades, stats.wins, stats.losses, stats.hit_rate) == (10, 5, 4, 0.5)
    assert (stats.gross_profit, stats.gross_loss, stats.net_profit) == (460, 260, 200)
    assert stats.profit_factor == pytest.approx(460 / 260)
    assert (stats.expectancy, stats.average_win, stats.average_loss) == (20, 92, -65)
    assert stats.payoff_ratio == pytest.approx(92 / 65)
    assert (stats.best, stats.worst) == (200, -100)
    assert (stats.longest_win_streak, stats.longest_loss_streak) == (2, 3)
    assert stats.current_streak == 2
    assert stats.days_held is not None
    assert stats.days_held_wins is not None
    assert stats.days_held_losses is not None
    held = stats.days_held
    assert (held.mean, held.median, held.shortest, held.longest) == (6.5, 3.5, 1, 30)
    assert stats.days_held_wins.mean == pytest.approx(48 / 5)
    assert stats.days_held_losses.median == 2


@given(TRADES)
def test_sums_are_exact_to_the_cent_and_figures_follow_from_them(trades):
    gains = [Decimal(repr(gain)) for gain, _ in trades]
    stats = trade_statistics(gains, [days for _, days in trades])
    assert stats.net_profit == sum(gains, start=Decimal())
    assert stats.gross_profit - stats.gross_loss == stats.net_profit
    assert stats.wins + stats.losses + sum(gain == 0 for gain in gains) == stats.trades
    assert (stats.profit_factor is None) == (stats.losses == 0)
    assert (stats.payoff_ratio is None) == (stats.losses == 0 or stats.wins == 0)
    if gains:
        assert stats.expectancy is not None
        assert abs(stats.expectancy - stats.net_profit / len(gains)) <= Decimal("0.005")
    if stats.payoff_ratio is not None:
        assert stats.profit_factor == pytest.approx(
            stats.payoff_ratio * stats.wins / stats.losses, rel=1e-12
        )
    assert TradeStatistics.model_validate_json(stats.model_dump_json()) == stats


@given(TRADES)
def test_streaks_are_runs_of_one_sign_that_a_break_even_ends(trades):
    signs = np.sign([gain for gain, _ in trades]).tolist()
    runs = [(sign, len(list(group))) for sign, group in itertools.groupby(signs)]
    stats = trade_statistics(
        *([*column] for column in zip(*trades, strict=True)) if trades else ([], [])
    )
    assert stats.longest_win_streak == max([n for sign, n in runs if sign > 0], default=0)
    assert stats.longest_loss_streak == max([n for sign, n in runs if sign < 0], default=0)
    assert stats.current_streak == (runs[-1][0] * runs[-1][1] if runs else 0)


@given(TRADES, st.randoms(use_true_random=False))
def test_the_order_of_trades_matters_to_streaks_alone(trades, chance):
    shuffled = list(trades)
    chance.shuffle(shuffled)
    streaks = {"longest_win_streak", "longest_loss_streak", "current_streak"}
    one, other = (
        trade_statistics([gain for gain, _ in rows], [days for _, days in rows]).model_dump(
            exclude=streaks
        )
        for rows in (trades, shuffled)
    )
    for part in ("days_held", "days_held_wins", "days_held_losses"):
        assert one.pop(part) == pytest.approx(other.pop(part))
    assert one == other


@given(TRADES.filter(len), st.data())
def test_every_rolling_figure_is_that_of_its_window(trades, data):
    gains, days = (np.array(column, dtype=float) for column in zip(*trades, strict=True))
    window = data.draw(st.integers(1, len(trades)))
    last = data.draw(st.integers(window - 1, len(trades) - 1))
    inside = slice(last - window + 1, last + 1)
    stats = trade_statistics(gains[inside], days[inside])
    rolled = rolling_trade_statistics(gains, days, window=window)
    assert stats.days_held is not None
    expected = stats.model_dump() | {"mean_days_held": stats.days_held.mean}
    for name, values in rolled.items():
        assert len(values) == len(trades)
        assert np.isnan(values[: window - 1]).all()
        if expected[name] is None:
            assert np.isnan(values[last]), name
        else:
            # Money in the message is rounded to the cent.
            assert values[last] == pytest.approx(float(expected[name]), rel=1e-9, abs=0.0051), name


def test_a_rolling_figure_sees_no_later_trade():
    gains, days = np.random.default_rng(1).normal(0, 100, (2, 60))
    changed = gains.copy()
    changed[40:] = -9_999.0
    first, second = (
        rolling_trade_statistics(values, abs(days), window=10) for values in (gains, changed)
    )
    for name, values in first.items():
        np.testing.assert_array_equal(values[:40], second[name][:40])


def test_without_trades_every_figure_is_none_and_every_count_zero():
    stats = trade_statistics([], [])
    assert (stats.trades, stats.net_profit, stats.current_streak) == (0, 0, 0)
    undefined = {name for name, value in stats.model_dump().items() if value is None}
    assert undefined == {
        *("hit_rate", "profit_factor", "expectancy", "average_win", "average_loss"),
        *("payoff_ratio", "best", "worst", "days_held", "days_held_wins", "days_held_losses"),
    }


@pytest.mark.parametrize(
    ("gains", "days", "sentence"),
    [
        ([1.0], [1, 2], "same length"),
        ([1.0], [-1], "days_held must not be negative"),
        ([float("nan")], [1], "gains must not hold NaN"),
        ([1e308, 1e308], [1, 1], "gains must not come to more"),
        ([1e17], [1], "gains must not come to more"),
    ],
)
def test_trades_that_cannot_be_are_refused(gains, days, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        trade_statistics(gains, days)


@pytest.mark.parametrize("window", [0, 3])
def test_a_window_of_more_trades_than_there_are_is_refused(window):
    with pytest.raises(InvalidRequest, match="window"):
        rolling_trade_statistics([1.0, 2.0], [1, 1], window=window)
