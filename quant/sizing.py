"""How large a position should be: fixed, by volatility, by growth, by equal risk.

Shares are of equity, long only, never above the cap and never above 1 in all: what is not held is
cash. Timing: an answer uses exactly the last `window` rows it is given and speaks of the period
after them; with fewer rows there is no answer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import lsq_linear, root_scalar

from quant.arrays import Floats, finite_matrix, finite_vector
from quant.portfolio.covariance import sample_covariance, shrunk_covariance
from quant.portfolio.inverse_volatility import inverse_volatility
from quant.portfolio.risk_parity import risk_parity
from schemas.errors import InvalidRequest
from schemas.risk import Sizing

PERIODS_PER_YEAR = 252.0


def position_share(sizing: Sizing, returns: ArrayLike, *, others: ArrayLike | None = None) -> float:
    """Return the share of equity for one name with (T,) simple returns per session, latest last.

    - fixed: `share`.
    - volatility_target: `target_annual` over the sample deviation, annualised with √252.
    - kelly: `kelly_fraction` × mean/variance (see `kelly_shares`).
    - risk_parity: its weight beside the (T, K) returns of `others`; everything when alone.

    Raises InvalidRequest for fewer rows than the window, NaN, and returns that never move.
    """
    if sizing.method == "fixed":
        return float(min(sizing.share, sizing.cap))
    column = finite_vector(returns, "returns", at_least=0)[:, None]
    if sizing.method == "risk_parity" and others is not None:
        rest = finite_matrix(others, "others")
        if len(rest) != len(column):
            raise InvalidRequest("returns and others must be equally long.")
        column = np.hstack((column, rest))
    return float(weights(sizing, column)[0])


def weights(sizing: Sizing, returns: ArrayLike) -> Floats:
    """Return the (N,) shares of equity for N names with (T, N) simple returns, latest last.

    As `position_share`, but together: `volatility_target` scales inverse-volatility weights until
    the portfolio's ex-ante volatility √(w'Sw·252) is the target, or all of the equity is used;
    `kelly` and `risk_parity` take the shrunk covariance of several names. Then each is cut to the
    cap: a cut is not handed on to the others, so the volatility stays below the target.
    """
    matrix = _recent(sizing, returns)
    cap = float(sizing.cap)
    if sizing.method == "fixed":
        count = matrix.shape[1]
        return np.full(count, min(float(sizing.share), cap, 1.0 / count))
    moved = np.ptp(matrix, axis=0) > 0.0
    if not moved.all():
        raise InvalidRequest(
            f"column {int(np.argmin(moved))} of returns never moves; its risk is not known."
        )
    if sizing.method == "kelly":
        estimate = sample_covariance if matrix.shape[1] == 1 else shrunk_covariance
        return kelly_shares(
            matrix.mean(axis=0),
            estimate(matrix),
            fraction=float(sizing.kelly_fraction),
            cap=cap,
        )
    if sizing.method == "risk_parity":
        return np.minimum(risk_parity(matrix), cap)
    base = inverse_volatility(matrix)
    deviation = float(np.sqrt(base @ sample_covariance(matrix) @ base * PERIODS_PER_YEAR))
    # Two names that offset each other have no deviation: then all of the equity is used.
    scale = min(float(sizing.target_annual) / deviation, 1.0) if deviation > 0.0 else 1.0
    return np.minimum(base * scale, cap)


def kelly_bet(probability: float, *, gain: float, loss: float = 1.0) -> float:
    """Return p/loss − (1 − p)/gain: the part of the wealth to stake on one bet, 0 at least.

    The bet gains `gain` per unit staked with that probability, and otherwise loses `loss` of it.
    Above 1 the stake is borrowed. Source: Kelly (1956), A new interpretation of information rate;
    Thorp (2006), The Kelly criterion in blackjack, sports betting and the stock market.
    """
    if not 0.0 <= probability <= 1.0:
        raise InvalidRequest("probability must lie between 0 and 1.")
    if not (0.0 < gain < np.inf and 0.0 < loss < np.inf):
        raise InvalidRequest("gain and loss must be finite and above zero.")
    return max(0.0, probability / loss - (1.0 - probability) / gain)


def kelly_shares(
    mean: ArrayLike, covariance: ArrayLike, *, fraction: float = 1.0, cap: float = 1.0
) -> Floats:
    """Return the (N,) shares f that maximise fraction·m'f − f'Sf/2, 0 ≤ f ≤ cap and sum(f) ≤ 1.

    `mean` (N,) returns in excess of cash and their (N, N) `covariance`, both per period. Without
    the bounds f is fraction·S⁻¹m: for `fraction` 1 it maximises the growth rate m'f − f'Sf/2 of
    wealth that is rebalanced continuously; half of it keeps three quarters of the growth. Raises
    InvalidRequest for a covariance that is not positive definite.

    A mean estimated from a few hundred rows is mostly noise, and full Kelly bets on it: take a
    fraction. Source: Thorp (2006), sections 7 and 8; MacLean, Thorp & Ziemba (2010), Long-term
    capital growth: the good and bad properties of the Kelly criteria.
    """
    excess = finite_vector(mean, "mean")
    matrix = finite_matrix(covariance, "covariance")
    if matrix.shape != (len(excess), len(excess)) or not np.allclose(matrix, matrix.T):
        raise InvalidRequest("covariance must be symmetric and as large as mean.")
    if not (0.0 < fraction <= 1.0 and 0.0 < cap <= 1.0):
        raise InvalidRequest("fraction and cap must be above 0 and at most 1.")
    try:
        root = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError as error:
        raise InvalidRequest("covariance must be positive definite; shrink it.") from error

    def bounded(price: float) -> Floats:
        """Solve with `price` to be paid for every unit of equity used."""
        target = np.linalg.solve(root, fraction * excess - price)
        if len(excess) == 1:
            return np.clip(target / root[0], 0.0, cap)
        return np.clip(lsq_linear(root.T, target, bounds=(0.0, cap), method="bvls").x, 0.0, cap)

    free = bounded(0.0)
    if float(free.sum()) <= 1.0:
        return free
    # The price at which all of the equity is used: the sum falls as it rises, and is 0 at the end.
    dearest = fraction * float(excess.max())
    used_up = root_scalar(
        lambda price: float(bounded(price).sum()) - 1.0, bracket=(0.0, dearest), xtol=1e-16
    )
    shares = bounded(float(used_up.root))
    return shares / max(1.0, float(shares.sum()))


def growth_rate(shares: ArrayLike, mean: ArrayLike, covariance: ArrayLike) -> float:
    """Return m'f − f'Sf/2, the growth of log wealth per period above cash. See `kelly_shares`."""
    held = finite_vector(shares, "shares")
    return float(held @ finite_vector(mean, "mean") - held @ np.asarray(covariance) @ held / 2.0)


def _recent(sizing: Sizing, returns: ArrayLike) -> Floats:
    if sizing.method == "fixed":
        return finite_matrix(returns, "returns", at_least=0)
    matrix = finite_matrix(returns, "returns", at_least=0)
    if len(matrix) < sizing.window:
        raise InvalidRequest(
            f"{sizing.method} sizing needs {sizing.window} returns; {len(matrix)} are known."
        )
    return matrix[-sizing.window :]
