"""All metrics of a ten-year daily curve: ours beside empyrical; bootstrap intervals beside arch.

`python -m benchmarks.metrics` prints p10, median and p90 in milliseconds and the ratios, all taken
in turns in one run, and fails when everything together takes 20 ms or more.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

from quant.drawdowns import drawdown_table, under_water
from quant.exposure import exposure, rolling_exposure, rolling_turnover
from quant.intervals import Resampling, intervals
from quant.metrics import curve_returns, performance, turnover
from quant.rolling_metrics import rolling_metrics
from quant.trade_statistics import rolling_trade_statistics, trade_statistics

LIMIT_MS = 20.0
POINTS, WINDOW, ROUNDS = 2_520, 252, 30


def _curves() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(7)
    market = generator.standard_t(4, POINTS - 1) * 0.007 + 0.0003
    own = 0.8 * market + generator.normal(0.0001, 0.005, POINTS - 1)
    curve, index = (1e5 * np.concatenate([[1.0], np.cumprod(1 + r)]) for r in (own, market))
    return curve, index


def _everything(curve: np.ndarray, index: np.ndarray) -> Callable[[], object]:
    generator = np.random.default_rng(8)
    traded, longs = generator.uniform(0, 1, (2, POINTS)) * curve
    gains, days = generator.normal(20, 500, 800), generator.integers(0, 90, 800)

    def score() -> object:
        return (
            performance(curve, benchmark=index),
            drawdown_table(curve, top=10),
            under_water(curve),
            turnover(traded, curve),
            exposure(longs, longs * 0.0, curve),
            trade_statistics(gains, days),
            rolling_metrics(curve, window=WINDOW, benchmark=index),
            rolling_turnover(traded, curve, window=WINDOW),
            rolling_exposure(longs, longs * 0.0, curve, window=WINDOW),
            rolling_trade_statistics(gains, days, window=50),
        )

    return score


def _shared() -> tuple[dict[str, Callable[..., object]], dict[str, Callable[..., object]]]:
    """Return empyrical's rolling figures that we have too: alone, and beside a benchmark."""
    import empyrical  # imported late: it is slow to start, and only this rival needs it

    alone = {
        "max_drawdown": empyrical.roll_max_drawdown,
        "annual_volatility": empyrical.roll_annual_volatility,
        "sharpe": empyrical.roll_sharpe_ratio,
        "sortino": empyrical.roll_sortino_ratio,
    }
    beside = {
        "beta": empyrical.roll_beta_aligned,
        "alpha_annual": empyrical.roll_alpha_aligned,
        "up_capture": empyrical.roll_up_capture,
        "down_capture": empyrical.roll_down_capture,
    }
    return alone, beside


def _timed(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if number:  # the first round pays for imports
                taken[name].append((time.perf_counter() - start) * 1e3)
    for name, times in taken.items():
        low, median, high = np.percentile(times, [10, 50, 90])
        print(f"{name:34} {low:9.2f} {median:9.2f} {high:9.2f} ms")
    return {name: np.array(times) for name, times in taken.items()}


def _metrics(curve: np.ndarray, index: np.ndarray) -> float:
    everything = _timed({"all metrics": _everything(curve, index)}, ROUNDS)["all metrics"]
    alone, beside = _shared()
    own, market = curve_returns(curve), curve_returns(index)
    names = (*alone, *beside)

    def theirs() -> list[object]:
        return [
            *(function(own, WINDOW) for function in alone.values()),
            *(function(own, market, WINDOW) for function in beside.values()),
        ]

    def ours() -> object:
        return rolling_metrics(curve, window=WINDOW, benchmark=index, figures=names)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        taken = _timed({"8 rolling figures": ours, "8 rolling figures, empyrical": theirs}, 3)
        rolled = rolling_metrics(curve, window=WINDOW, benchmark=index, figures=names)
        apart = max(
            float(np.nanmax(np.abs(rolled[name][WINDOW:] - np.asarray(values, dtype=np.float64))))
            for name, values in zip(names, theirs(), strict=True)
        )
    ratio = np.median(taken["8 rolling figures, empyrical"]) / np.median(taken["8 rolling figures"])
    print(f"empyrical takes {ratio:.0f} times as long; figures differ by at most {apart:.1e}")
    return float(np.median(everything))


def _intervals(curve: np.ndarray) -> None:
    from arch.bootstrap import StationaryBootstrap  # imported late, as above

    returns = curve_returns(curve)
    figures = ("sharpe", "annual_return", "annual_volatility", "cvar_95")
    one = Resampling(figures=figures[:1], resamples=2_000, mean_block=10.0)
    four = Resampling(figures=figures, resamples=2_000, mean_block=10.0)

    def sharpe(rows: np.ndarray) -> float:
        return float(rows.mean() / rows.std(ddof=1) * np.sqrt(252))

    def rivals_four(rows: np.ndarray) -> np.ndarray:
        deviation = rows.std(ddof=1)
        worst = int((len(rows) - 1) * 0.05)
        return np.array(
            [
                rows.mean() / deviation * np.sqrt(252),
                np.prod(1 + rows) ** (252 / len(rows)) - 1,
                deviation * np.sqrt(252),
                np.partition(rows, worst)[: worst + 1].mean(),
            ]
        )

    def rival(function: Callable[[np.ndarray], object]) -> Callable[[], object]:
        return lambda: StationaryBootstrap(10.0, returns, seed=1).conf_int(
            function, 2_000, method="percentile"
        )

    taken = _timed(
        {
            "interval of Sharpe": lambda: intervals(curve, seed=1, resampling=one),
            "interval of Sharpe, arch": rival(sharpe),
            "intervals of 4 figures": lambda: intervals(curve, seed=1, resampling=four),
            "intervals of 4 figures, arch": rival(rivals_four),
        },
        5,
    )
    for name in ("interval of Sharpe", "intervals of 4 figures"):
        ratio = np.median(taken[f"{name}, arch"]) / np.median(taken[name])
        print(f"{name}, 2 000 resamples: arch takes {ratio:.2f} times as long")


def main() -> int:
    """Time everything, the rivals in turns; 1 when the limit is passed."""
    curve, index = _curves()
    median = _metrics(curve, index)
    _intervals(curve)
    verdict = "within" if median < LIMIT_MS else "BEYOND"
    print(f"all metrics of {POINTS} points: {median:.1f} ms, {verdict} {LIMIT_MS:.0f} ms")
    return 0 if median < LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
