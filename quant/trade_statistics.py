"""What closed trades came to: hit rate, profit factor, expectancy, payoff, streaks, holding.

Trades are given in the order they closed, each with its gain (negative: a loss; costs taken off)
and the days it was held. A rolling figure at trade i is of the last `window` trades up to i.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from quant.amounts import MOST, as_money, exact_sum
from quant.arrays import Floats, finite_vector
from quant.figures import ratio
from quant.stretches import Rows, Windows
from schemas.errors import InvalidRequest
from schemas.metrics import HoldingPeriods, TradeStatistics


def trade_statistics(gains: ArrayLike, days_held: ArrayLike) -> TradeStatistics:
    """Sum up n ≥ 0 closed trades.

    Parameters
    ----------
    gains : (n,) money, signed, after costs, in the order the trades closed.
    days_held : (n,) days from opening to closing, ≥ 0; calendar days or sessions.

    Raises
    ------
    InvalidRequest : unequal lengths, NaN, negative days, more money than an account can hold.
    """
    results, held = _trades(gains, days_held)
    won, lost = results > 0.0, results < 0.0
    profit, loss = math.fsum(results[won]), -math.fsum(results[lost])
    count, wins, losses = len(results), int(won.sum()), int(lost.sum())
    average_win = profit / wins if wins else None
    average_loss = -loss / losses if losses else None
    return TradeStatistics(
        trades=count,
        wins=wins,
        losses=losses,
        hit_rate=wins / count if count else None,
        gross_profit=as_money(profit),
        gross_loss=as_money(loss),
        net_profit=as_money(math.fsum(results)),
        profit_factor=_quotient(profit, loss),
        expectancy=as_money(math.fsum(results) / count) if count else None,
        average_win=None if average_win is None else as_money(average_win),
        average_loss=None if average_loss is None else as_money(average_loss),
        payoff_ratio=_quotient(average_win, average_loss and -average_loss),
        best=as_money(float(results.max())) if count else None,
        worst=as_money(float(results.min())) if count else None,
        longest_win_streak=_longest(won),
        longest_loss_streak=_longest(lost),
        current_streak=_current(won) - _current(lost),
        days_held=_holding(held),
        days_held_wins=_holding(held[won]),
        days_held_losses=_holding(held[lost]),
    )


def rolling_trade_statistics(
    gains: ArrayLike, days_held: ArrayLike, *, window: int
) -> dict[str, Floats]:
    """Return figures of the last `window` trades at each of (n,) trades, 1 ≤ window ≤ n.

    Names are those of `TradeStatistics`; `mean_days_held` is the mean holding. Each is (n,), NaN
    for the first window-1 trades and where undefined. Money stays float64 here.
    """
    results, held = _trades(gains, days_held)
    if not 1 <= window <= len(results):
        raise InvalidRequest("window must be at least 1 and at most the number of trades.")
    windows = Windows(len(results) - window + 1)
    won, lost = results > 0.0, results < 0.0
    profit = windows.total(np.maximum(results, 0.0))
    loss = windows.total(np.maximum(-results, 0.0))
    wins, losses = (np.rint(windows.mean(which) * window) for which in (won, lost))
    average_win, average_loss = ratio(profit, wins), -ratio(loss, losses)
    rolled = {
        "hit_rate": wins / window,
        "gross_profit": profit,
        "gross_loss": loss,
        "net_profit": windows.total(results),
        "profit_factor": ratio(profit, loss),
        "expectancy": windows.mean(results),
        "average_win": average_win,
        "average_loss": average_loss,
        "payoff_ratio": -ratio(average_win, average_loss),
        "best": windows.highest(results),
        "worst": windows.lowest(results),
        "longest_win_streak": windows.longest_run(won),
        "longest_loss_streak": windows.longest_run(lost),
        "mean_days_held": windows.mean(held),
    }
    before = np.full(window - 1, np.nan)
    return {name: np.concatenate([before, values]) for name, values in rolled.items()}


def _trades(gains: ArrayLike, days_held: ArrayLike) -> tuple[Floats, Floats]:
    results = finite_vector(gains, "gains", at_least=0)
    held = finite_vector(days_held, "days_held", at_least=0)
    if len(results) != len(held):
        raise InvalidRequest("gains and days_held must have the same length.")
    if held.size and float(held.min()) < 0.0:
        raise InvalidRequest("days_held must not be negative.")
    if exact_sum(np.abs(results)) > MOST:
        raise InvalidRequest(f"gains must not come to more than {MOST:g}.")
    return results, held


def _quotient(numerator: float | None, denominator: float | None) -> float | None:
    if numerator is None or not denominator:
        return None
    quotient = numerator / denominator
    return quotient if math.isfinite(quotient) else None


def _holding(held: Floats) -> HoldingPeriods | None:
    if not held.size:
        return None
    return HoldingPeriods(
        mean=float(held.mean()),
        median=float(np.median(held)),
        shortest=float(held.min()),
        longest=float(held.max()),
    )


def _longest(inside: np.ndarray) -> int:
    return int(Rows().longest_run(inside[None, :])[0]) if inside.size else 0


def _current(inside: np.ndarray) -> int:
    breaks = np.flatnonzero(~inside)
    return len(inside) - (int(breaks[-1]) + 1 if breaks.size else 0)
