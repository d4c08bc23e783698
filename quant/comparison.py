"""Ways to one portfolio, side by side on one yardstick: mean-variance utility per year.

Timing: everything is estimated from the rows of returns given, for the period after the last.
Whoever samples is handed in as a function, so nothing here knows where samples come from, and no
energy it claims is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from quant.arrays import Floats, finite_matrix
from quant.portfolio.covariance import shrunk_covariance
from quant.portfolio.equal_weight import equal_weight
from quant.portfolio.inverse_volatility import inverse_volatility
from quant.portfolio.mean_variance import mean_variance
from quant.portfolio.minimum_variance import min_variance
from quant.portfolio.risk_parity import risk_parity
from quant.portfolio.weights import check_cap
from quant.qubo import Qubo, States, allocation_qubo, allocation_weights, checked_states, energies
from quant.qubo_search import EXACT_LIMIT, enumerate_optimum, improve_by_swaps, swap_search
from schemas.errors import InvalidRequest

PERIODS_PER_YEAR = 252.0

ClassicalMethod = Literal[
    "equal_weight", "inverse_volatility", "risk_parity", "min_variance", "mean_variance"
]
QuboMethod = Literal["sampler", "sampler_swaps", "swap_search", "exact"]
Propose = Callable[[Floats], tuple[ArrayLike, ArrayLike]]
"""Answers a QUBO's matrix with (S, n) states and the (S,) energies it claims for them."""

CLASSICAL: tuple[ClassicalMethod, ...] = get_args(ClassicalMethod)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the asker wants of a portfolio."""

    risk_aversion: float = 5.0
    cap: float = 1.0
    slices: int = 10
    seed: int = 0
    starts: int = 20


@dataclass(frozen=True, slots=True)
class QuboAnswer:
    """One method's right-sized state and its energy by our own count."""

    method: QuboMethod
    state: States
    energy: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A method that has no answer here, and why."""

    method: str
    reason: str


@dataclass(frozen=True, slots=True)
class Moments:
    """Estimates per period: sample mean (N,) and shrunk covariance (N, N)."""

    mean: Floats
    covariance: Floats

    def expected_return_annual(self, weights: Floats) -> float:
        """Return the mean return per year, not compounded."""
        return float(self.mean @ weights) * PERIODS_PER_YEAR

    def volatility_annual(self, weights: Floats) -> float:
        """Return the deviation per year."""
        return float(np.sqrt(max(0.0, weights @ self.covariance @ weights) * PERIODS_PER_YEAR))

    def utility_annual(self, weights: Floats, risk_aversion: float) -> float:
        """Return expected return less risk_aversion/2 times variance, per year; more is better."""
        variance = self.volatility_annual(weights) ** 2
        return self.expected_return_annual(weights) - risk_aversion / 2.0 * variance


def estimate_moments(returns: ArrayLike) -> Moments:
    """Estimate mean and covariance from (T, N) simple returns, T ≥ 2."""
    matrix = finite_matrix(returns, "returns", at_least=2)
    return Moments(matrix.mean(axis=0), shrunk_covariance(matrix))


def classical_portfolio(
    method: ClassicalMethod, returns: ArrayLike, preferences: Preferences
) -> Floats:
    """Return the (N,) weights of a classical method, none above the cap.

    Raises InvalidRequest where the method refuses the returns, or where it knows no cap and its
    weights pass the one given.
    """
    matrix = finite_matrix(returns, "returns", at_least=2)
    count, cap = matrix.shape[1], preferences.cap
    check_cap(cap, count)
    ways: dict[ClassicalMethod, Callable[[], Floats]] = {
        "equal_weight": lambda: equal_weight(count),
        "inverse_volatility": lambda: inverse_volatility(matrix),
        "risk_parity": lambda: risk_parity(matrix),
        "min_variance": lambda: min_variance(matrix, cap=cap),
        "mean_variance": lambda: mean_variance(
            matrix, risk_aversion=preferences.risk_aversion, cap=cap
        ),
    }
    weights = ways[method]()
    if float(weights.max()) > cap + 1e-9:
        raise InvalidRequest(f"{method} knows no cap and would pass the one of {cap:g}.")
    return weights


def classical_portfolios(
    returns: ArrayLike, preferences: Preferences
) -> tuple[dict[str, Floats], list[Refusal]]:
    """Return every classical method's weights, and the methods that refuse."""
    found: dict[str, Floats] = {}
    refused: list[Refusal] = []
    for method in CLASSICAL:
        try:
            found[method] = classical_portfolio(method, returns, preferences)
        except InvalidRequest as error:
            refused.append(Refusal(method, str(error)))
    return found, refused


def answer_qubo(
    qubo: Qubo, propose: Propose, preferences: Preferences
) -> tuple[list[QuboAnswer], list[Refusal]]:
    """Answer a QUBO by sampling, by sampling and swaps, by swaps alone, and exactly if small.

    The sampler's own answer is its best right-sized sample; if it has none it is refused, and
    swaps mend its best one. Raises UntrustworthyData for a sampler that lies.
    """
    states = checked_states(qubo, *propose(qubo.matrix))
    valid = states[states.sum(axis=1) == qubo.choose]
    chosen: list[tuple[QuboMethod, States]] = []
    refused: list[Refusal] = []
    if len(valid):
        chosen.append(("sampler", valid[0]))
    else:
        refused.append(Refusal("sampler", f"no sample held {qubo.choose} of {qubo.size}."))
    improved = [improve_by_swaps(qubo, state) for state in _distinct(states)[: preferences.starts]]
    chosen.append(("sampler_swaps", _best(qubo, improved)))
    found = swap_search(qubo, starts=preferences.starts, seed=preferences.seed)
    chosen.append(("swap_search", found))
    if qubo.size <= EXACT_LIMIT:
        chosen.append(("exact", enumerate_optimum(qubo)[0]))
    else:
        reason = f"{qubo.size} variables are too many to enumerate; the limit is {EXACT_LIMIT}."
        refused.append(Refusal("exact", reason))
    answers = [
        QuboAnswer(method, state, float(energies(qubo, state)[0])) for method, state in chosen
    ]
    return answers, refused


def qubo_portfolios(
    moments: Moments, propose: Propose, preferences: Preferences
) -> tuple[dict[str, Floats], list[Refusal]]:
    """Return the (N,) weights in slices that each way of answering the QUBO comes to."""
    slices, cap = preferences.slices, preferences.cap
    check_cap(cap, len(moments.mean))
    qubo = allocation_qubo(
        moments.mean,
        moments.covariance,
        slices=slices,
        cap=cap,
        risk_aversion=preferences.risk_aversion,
    )
    answers, refused = answer_qubo(qubo, propose, preferences)
    found = {
        f"qubo_{answer.method}": allocation_weights(answer.state, slices=slices, cap=cap)
        for answer in answers
    }
    return found, [Refusal(f"qubo_{item.method}", item.reason) for item in refused]


def _distinct(states: States) -> States:
    """Drop repeated rows, keeping the first of each in order."""
    _, first = np.unique(states, axis=0, return_index=True)
    return states[np.sort(first)]


def _best(qubo: Qubo, states: Sequence[States]) -> States:
    stacked = np.stack(states)
    return stacked[int(energies(qubo, stacked).argmin())]
