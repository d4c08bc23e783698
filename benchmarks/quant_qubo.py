"""Choose 12 of 50 assets: samplers alone, with swaps, and swaps alone, beside the best known.

`python -m benchmarks.quant_qubo` prints median milliseconds and the gap in energy to the best
answer of all methods, as a share of the distance between it and a random choice; and how long the
exact optimum of 20 variables takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from adapters.sampler.annealing import SimulatedAnnealing
from adapters.sampler.steepest import SteepestDescent
from interfaces.sampler import Sampler
from quant.qubo import Qubo, energies, selection_qubo
from quant.qubo_search import enumerate_optimum, improve_by_swaps, swap_search

_COUNT, _CHOOSE, _PROBLEMS = 50, 12, 10


def _problem(seed: int, count: int, choose: int) -> Qubo:
    generator = np.random.default_rng(seed)
    loading = generator.uniform(0.5, 1.5, count)
    returns = generator.normal(0.0004, 0.01, (252, 1)) * loading
    returns += generator.normal(0.0002, 0.015, (252, count))
    return selection_qubo(returns.mean(axis=0), np.cov(returns.T), choose=choose, risk_aversion=5.0)


def _sampled(sampler: Sampler, *, swaps: bool) -> Callable[[Qubo], np.ndarray]:
    def answer(qubo: Qubo) -> np.ndarray:
        states = sampler.sample(qubo.matrix, reads=100, seed=1).states
        if swaps:
            return np.stack([improve_by_swaps(qubo, state) for state in states[:20]])
        valid = states[states.sum(axis=1) == qubo.choose]
        return valid if len(valid) else improve_by_swaps(qubo, states[0])[None]

    return answer


def main() -> None:
    """Answer ten problems by every method."""
    annealing, steepest = SimulatedAnnealing(), SteepestDescent()
    ways: dict[str, Callable[[Qubo], np.ndarray]] = {
        "annealing": _sampled(annealing, swaps=False),
        "annealing + swaps": _sampled(annealing, swaps=True),
        "steepest": _sampled(steepest, swaps=False),
        "steepest + swaps": _sampled(steepest, swaps=True),
        "20 starts + swaps": lambda qubo: swap_search(qubo, starts=20, seed=1),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    gaps: dict[str, list[float]] = {name: [] for name in ways}
    for seed in range(_PROBLEMS):
        qubo = _problem(seed, _COUNT, _CHOOSE)
        found: dict[str, float] = {}
        for name, way in ways.items():
            start = time.perf_counter()
            states = way(qubo)
            taken[name].append((time.perf_counter() - start) * 1e3)
            found[name] = float(energies(qubo, states).min())
        shuffled = np.random.default_rng(seed).permuted(
            np.tile(np.arange(_COUNT) < _CHOOSE, (500, 1)), axis=1
        )
        best, chance = min(found.values()), float(energies(qubo, shuffled).mean())
        for name, energy in found.items():
            gaps[name].append((energy - best) / (chance - best))
    for name in ways:
        print(f"{name:18} {np.median(taken[name]):8.1f} ms   gap {max(gaps[name]):6.2%} at worst")
    small = _problem(0, 20, 6)
    start = time.perf_counter()
    enumerate_optimum(small)
    print(f"exact, 20 variables {(time.perf_counter() - start) * 1e3:7.1f} ms")


if __name__ == "__main__":
    main()
