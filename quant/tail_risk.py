"""Value at risk and expected shortfall of one session, by three methods.

Conventions. Losses are positive: a value at risk of 0.03 at 95 % says that in one session of
twenty at least 3 % is lost; a negative one, that even then something is gained. Returns are simple,
close to close, oldest or newest first (no method looks at their order). With a tail of
p = 1 - confidence:

- `historical`: with n returns sorted from the worst, the value at risk is the loss of number
  ⌈n·p⌉ (the lower quantile, as in Hull's tables), the expected shortfall the mean loss of the worst
  n·p, the last of them counted in part (Acerbi & Tasche 2002), so that it is coherent.
- `gaussian`: -(m + z·s) and -m + s·φ(z)/p, with the mean m, the sample deviation s (ddof 1) and
  z = Φ⁻¹(p).
- `cornish_fisher`: as `gaussian`, with z replaced by the expansion of Cornish & Fisher (1938) in
  the skewness and excess kurtosis of the returns (of the population), and the shortfall integrated
  over its tail (Maillard 2012). The expansion is a distribution only where it rises everywhere:
  Maillard's condition. Outside of it the historical figures are given, and `TailLoss` says so.

Whatever the method, the shortfall is no less than the value at risk, and neither falls when the
confidence rises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_matrix, finite_vector
from schemas.errors import InvalidRequest

Method = Literal["historical", "gaussian", "cornish_fisher"]
_NORMAL = NormalDist()
_WHOLE = 1e-9
"""n·p this close to a whole number is that number: 100 × (1 - 0.95) is not 5 in floats."""
_STILL = 1e-12
"""A deviation of returns that is rounding."""


@dataclass(frozen=True, slots=True)
class TailLoss:
    """What may be lost in a session, as shares; `method` is the one that was used."""

    var: float
    expected_shortfall: float
    method: Method
    note: str | None = None
    """Why another method was used than the one asked for."""


def tail_loss(
    returns: ArrayLike, *, confidence: float = 0.95, method: Method = "historical"
) -> TailLoss:
    """Return value at risk and expected shortfall of (T,) returns, T ≥ 2.

    Raises InvalidRequest for NaN, fewer returns, a confidence outside of [0.5, 1) or an unknown
    method. Source: Acerbi & Tasche (2002); McNeil, Frey & Embrechts (2005), 2.2; Maillard (2012).
    """
    values = finite_vector(returns, "returns", at_least=2)
    if not 0.5 <= confidence < 1.0:
        raise InvalidRequest("confidence must be at least 0.5 and below 1.")
    if method == "historical":
        return _historical(values, 1.0 - confidence)
    if method == "gaussian":
        return _expanded(values, 1.0 - confidence, 0.0, 0.0)
    if method != "cornish_fisher":
        raise InvalidRequest("method must be historical, gaussian or cornish_fisher.")
    skewness, kurtosis = _shape(values)
    if cornish_fisher_is_valid(skewness, kurtosis):
        loss = _expanded(values, 1.0 - confidence, skewness, kurtosis)
        return TailLoss(loss.var, loss.expected_shortfall, "cornish_fisher")
    fallen = _historical(values, 1.0 - confidence)
    note = (
        f"a skewness of {skewness:.2f} with an excess kurtosis of {kurtosis:.2f} lies outside of "
        "the domain of Cornish and Fisher's expansion: the historical figures are used"
    )
    return TailLoss(fallen.var, fallen.expected_shortfall, "historical", note)


def value_at_risk(
    returns: ArrayLike, *, confidence: float = 0.95, method: Method = "historical"
) -> float:
    """Return the loss that is exceeded in a share 1 - confidence of sessions; see `tail_loss`."""
    return tail_loss(returns, confidence=confidence, method=method).var


def expected_shortfall(
    returns: ArrayLike, *, confidence: float = 0.95, method: Method = "historical"
) -> float:
    """Return the mean loss of the worst share 1 - confidence of sessions; see `tail_loss`."""
    return tail_loss(returns, confidence=confidence, method=method).expected_shortfall


def portfolio_tail_loss(
    returns: ArrayLike,
    weights: ArrayLike,
    *,
    confidence: float = 0.95,
    method: Method = "historical",
) -> TailLoss:
    """Return the tail of a portfolio with (N,) weights of equity over (T, N) past returns.

    The weights are those of now, held through every past session (what is left of 1 is cash
    without interest; negative ones are short). Raises InvalidRequest as `tail_loss`, and for
    unequal lengths.
    """
    scenarios = finite_matrix(returns, "returns", at_least=2)
    shares = finite_vector(weights, "weights")
    if len(shares) != scenarios.shape[1]:
        raise InvalidRequest("weights must have one element for each column of returns.")
    return tail_loss(scenarios @ shares, confidence=confidence, method=method)


def cornish_fisher_is_valid(skewness: float, excess_kurtosis: float) -> bool:
    """Say whether the expansion with these parameters rises everywhere, so has a distribution.

    Its slope in z is (K/8 - S²/6)·z² + (S/3)·z + (1 - K/8 + 5S²/36), which may have no two roots:
    S²/9 ≤ 4·(K/8 - S²/6)·(1 - K/8 + 5S²/36). So |S| ≤ 6(√2 - 1), and 0 ≤ K ≤ 8 where S is 0.
    Source: Maillard (2012), "A User's Guide to the Cornish Fisher Expansion".
    """
    square = skewness * skewness
    bend = excess_kurtosis / 8.0 - square / 6.0
    middle = 1.0 - excess_kurtosis / 8.0 + 5.0 * square / 36.0
    return bend >= 0.0 and middle >= 0.0 and square / 9.0 <= 4.0 * bend * middle


def cornish_fisher_quantile(
    probability: float, *, skewness: float = 0.0, excess_kurtosis: float = 0.0
) -> float:
    """Return the expansion's quantile, in deviations from the mean.

    z + (z²-1)S/6 + (z³-3z)K/24 - (2z³-5z)S²/36 with z = Φ⁻¹(probability). Raises InvalidRequest for
    a probability outside of (0, 1). Source: Cornish & Fisher (1938).
    """
    if not 0.0 < probability < 1.0:
        raise InvalidRequest("probability must lie between 0 and 1.")
    return _quantile(_NORMAL.inv_cdf(probability), skewness, excess_kurtosis)


def pairwise_correlations(returns: ArrayLike, *, at_least: int = 20) -> Floats:
    """Return (N, N) Pearson correlations of (T, N) returns, each over the rows both have.

    A NaN in `returns` is a session without a return. A pair with fewer than `at_least` common rows
    is NaN: not known. One that never moved is uncorrelated with the others; the diagonal is 1.
    """
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise InvalidRequest("returns must have two dimensions and at least one column.")
    known = np.isfinite(values)
    counts = np.maximum(known.sum(axis=0), 1.0)
    # Centred first, so that the sums below do not cancel.
    filled = np.where(known, values, 0.0)
    filled = np.where(known, filled - filled.sum(axis=0) / counts, 0.0)
    if known.all():
        common, mean = np.full((filled.shape[1],) * 2, float(len(filled))), 0.0
        spread = np.broadcast_to(filled.std(axis=0)[:, None], common.shape)
    else:
        present = known.astype(np.float64)
        common = present.T @ present
        shared = np.maximum(common, 1.0)
        mean = (filled.T @ present) / shared  # [i, j]: of i over the rows it shares with j
        square = ((filled * filled).T @ present) / shared - mean * mean
        spread, mean = np.sqrt(np.maximum(square, 0.0)), mean * mean.T
    still = (spread <= _STILL) | (spread.T <= _STILL)
    scale = np.where(still, 1.0, spread * spread.T)
    matrix = ((filled.T @ filled) / np.maximum(common, 1.0) - mean) / scale
    matrix = np.where(still, 0.0, np.clip(matrix, -1.0, 1.0))
    matrix[common < at_least] = np.nan
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _historical(values: Floats, tail: float) -> TailLoss:
    share = len(values) * tail
    count = math.ceil(share - _WHOLE)
    worst = np.partition(values, count - 1)[:count]
    last = float(worst[count - 1])
    inside = (float(worst[: count - 1].sum()) + (share - (count - 1)) * last) / share
    # A sum of equal losses may differ from their product by an ulp.
    return TailLoss(-last, max(-inside, -last), "historical")


def _expanded(values: Floats, tail: float, skewness: float, kurtosis: float) -> TailLoss:
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    z = _NORMAL.inv_cdf(tail)
    density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    shape = (
        1.0
        + z * skewness / 6.0
        + (z * z - 1.0) * kurtosis / 24.0
        - (2.0 * z * z - 1.0) * skewness * skewness / 36.0
    )
    return TailLoss(
        var=-(mean + deviation * _quantile(z, skewness, kurtosis)),
        expected_shortfall=-mean + deviation * density / tail * shape,
        method="gaussian",
    )


def _quantile(z: float, skewness: float, kurtosis: float) -> float:
    return (
        z
        + (z * z - 1.0) * skewness / 6.0
        + (z**3 - 3.0 * z) * kurtosis / 24.0
        - (2.0 * z**3 - 5.0 * z) * skewness * skewness / 36.0
    )


def _shape(values: Floats) -> tuple[float, float]:
    """Skewness and excess kurtosis of the population; of equal values none."""
    residual = values - values.mean()
    largest = float(np.abs(residual).max())
    if largest == 0.0 or values.max() == values.min():
        return 0.0, 0.0
    residual = residual / largest  # so that the fourth powers of tiny returns are no zeros
    square = residual * residual
    variance = float(square.mean())
    skewness = float((square * residual).mean()) / variance**1.5
    return skewness, float((square * square).mean()) / (variance * variance) - 3.0
