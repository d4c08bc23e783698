"""Bootstrap intervals equal second libraries' where those can follow, and keep to their seed."""

from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap
from scipy import stats

from quant.figures import FIGURES, RELATIVE_FIGURES, Conventions
from quant.intervals import Resampling, evaluate_without_blocks, intervals
from quant.metrics import curve_returns, performance, whole_curve
from schemas.errors import InvalidRequest


def curve_of(returns: np.ndarray) -> np.ndarray:
    return 100 * np.concatenate([[1.0], np.cumprod(1 + returns)])


def skewed(seed: int, count: int) -> np.ndarray:
    return (np.random.default_rng(seed).exponential(1.0, count) - 0.95) / 100


def ends(curve: np.ndarray, name: str, **options: object) -> tuple[float, float]:
    found = intervals(curve, seed=3, resampling=Resampling(figures=(name,), **options))[0]
    assert found.lower is not None
    assert found.upper is not None
    return found.lower, found.upper


@pytest.mark.parametrize("method", ["percentile", "basic", "bca"])
def test_intervals_without_memory_equal_scipys(method):
    returns = skewed(1, 50)
    theirs = stats.bootstrap(
        (returns,),
        lambda rows, axis: rows.mean(axis=axis) / rows.std(axis=axis, ddof=1) * np.sqrt(252),
        n_resamples=20_000,
        method=method,
        rng=np.random.default_rng(5),
    ).confidence_interval
    ours = ends(curve_of(returns), "sharpe", method=method, resamples=20_000, mean_block=1.0)
    width = theirs.high - theirs.low
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.03 * width)


def test_intervals_with_memory_equal_archs():
    generator = np.random.default_rng(2)
    returns = np.zeros(300)
    for step in range(1, 300):
        returns[step] = 0.5 * returns[step - 1] + generator.normal(0.0005, 0.01)
    rival = StationaryBootstrap(9.0, returns, seed=4)
    low, high = rival.conf_int(
        lambda rows: rows.std(ddof=1) * np.sqrt(252), 3_000, method="percentile"
    ).ravel()
    ours = ends(curve_of(returns), "annual_volatility", resamples=6_000, mean_block=9.0)
    assert ours == pytest.approx((low, high), abs=0.06 * (high - low))


def test_the_basic_interval_is_the_percentile_one_reflected_at_the_estimate():
    curve = curve_of(skewed(3, 120))
    estimate = performance(curve).sharpe
    low, high = ends(curve, "sharpe", method="percentile")
    assert estimate is not None
    assert ends(curve, "sharpe", method="basic") == pytest.approx(
        (2 * estimate - high, 2 * estimate - low)
    )


def test_every_figure_has_an_interval_that_is_the_same_whatever_else_is_asked():
    curve, market = curve_of(skewed(4, 200)), curve_of(skewed(5, 200))
    names = (*FIGURES, *RELATIVE_FIGURES)
    asked = Resampling(figures=names, resamples=200)
    together = intervals(curve, seed=1, benchmark=market, resampling=asked)
    scored = performance(curve, benchmark=market)
    assert [found.figure for found in together] == list(names)
    for found in together:
        assert found.estimate == pytest.approx(getattr(scored, found.figure))
        assert found.lower is not None
        assert found.upper is not None
        assert found.lower <= found.upper
        assert found.standard_error is not None
    alone = Resampling(figures=("beta",), resamples=200)
    assert intervals(curve, seed=1, benchmark=market, resampling=alone)[0] in together


def test_the_same_seed_gives_the_same_interval_and_another_does_not():
    curve = curve_of(skewed(6, 100))
    first, again, other = (intervals(curve, seed=seed) for seed in (8, 8, 9))
    assert first == again
    assert first[0].lower != other[0].lower


def test_a_benchmark_is_drawn_together_with_the_curve():
    market = np.random.default_rng(1).normal(0, 0.01, 150)
    found = intervals(
        curve_of(2 * market),
        seed=0,
        benchmark=curve_of(market),
        resampling=Resampling(figures=("beta", "correlation"), resamples=100),
    )
    for estimate, exact in zip(found, (2.0, 1.0), strict=True):
        assert (estimate.lower, estimate.upper) == pytest.approx((exact, exact))


def test_leaving_blocks_out_equals_scoring_what_is_left():
    returns = skewed(7, 61)
    whole = whole_curve(curve_of(returns), None, Conventions())
    left = evaluate_without_blocks(whole, 8.2, ("sharpe", "max_drawdown"))
    starts = range(0, 61 - 8 + 1, 8)
    assert len(left["sharpe"]) == len(starts)
    for place, start in enumerate(starts):
        scored = performance(curve_of(np.delete(returns, slice(start, start + 8))))
        assert left["sharpe"][place] == pytest.approx(scored.sharpe)
        assert left["max_drawdown"][place] == pytest.approx(scored.max_drawdown)


def test_a_figure_that_most_resamples_lack_has_no_interval():
    returns = np.full(40, 0.01)
    returns[7] = -0.02
    found = intervals(
        curve_of(returns), seed=0, resampling=Resampling(figures=("sortino", "sharpe"))
    )
    sortino, _ = found
    assert sortino.estimate is not None
    assert sortino.undefined > 0.05 * sortino.resamples
    assert (sortino.lower, sortino.upper, sortino.standard_error) == (None, None, None)
    flat = intervals(np.full(40, 5.0), seed=0, resampling=Resampling(figures=("sharpe",)))[0]
    assert (flat.estimate, flat.lower, flat.undefined) == (None, None, flat.resamples)


def coverage(histories: int, *, seed: int) -> float:
    """How often the interval of the mean holds the truth, for returns with memory."""
    generator = np.random.default_rng(seed)
    hits = 0
    for number in range(histories):
        noise = generator.normal(0, 0.01, 600)
        returns = np.zeros(600)
        for step in range(1, 600):
            returns[step] = 0.3 * returns[step - 1] + noise[step]
        curve = np.exp(np.concatenate([[0.0], np.cumsum(returns[100:])]))
        found = intervals(
            curve, seed=number, resampling=Resampling(figures=("total_return",), resamples=400)
        )[0]
        assert found.lower is not None
        assert found.upper is not None
        hits += found.lower <= 0.0 <= found.upper
    return hits / histories


def test_an_interval_of_returns_with_memory_mostly_holds_the_truth():
    assert coverage(40, seed=1) >= 0.85


@pytest.mark.long
def test_a_95_percent_interval_of_500_sessions_holds_the_truth_nine_times_in_ten():
    assert 0.90 <= coverage(1_000, seed=2) <= 0.98


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Resampling(confidence=1.0), "confidence"),
        (lambda: Resampling(resamples=99), "resamples"),
        (lambda: Resampling(mean_block=0.5), "mean_block"),
        (lambda: Resampling(mean_block=float("nan")), "mean_block"),
        (lambda: intervals(np.arange(1.0, 11.0), seed=0), "at least 11 points"),
        (lambda: intervals(np.arange(1.0, 31.0), seed=-1), "seed"),
        (
            lambda: intervals(
                np.arange(1.0, 31.0), seed=0, resampling=Resampling(figures=("beta",))
            ),
            "beta needs a benchmark",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_sentence(make, sentence):
    with pytest.raises(InvalidRequest, match=sentence):
        make()


def test_the_history_is_never_written_to():
    curve = curve_of(skewed(9, 60))
    before = curve.copy()
    intervals(curve, seed=0, resampling=Resampling(method="bca"))
    np.testing.assert_array_equal(curve, before)
    assert len(curve_returns(curve)) == 60
