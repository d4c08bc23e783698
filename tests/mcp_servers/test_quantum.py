"""A client asks the quantum server for portfolios and is never answered from the future."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Any

import anyio
import mcp
import numpy as np
import pyarrow as pa
import pytest
from sklearn.covariance import LedoitWolf

from adapters.calendar import ExchangeCalendar
from adapters.clock import SimulatedClock
from adapters.market.facts import SCHEMAS, Facts
from adapters.market.table import PriceArrays, PriceTable
from adapters.sampler.annealing import SimulatedAnnealing
from adapters.sampler.exact import ExactEnumeration
from interfaces.sampler import Sampler, Samples
from mcp_servers.quantum import build_quantum_server
from quant.portfolio.minimum_variance import min_variance
from quant.portfolio.weights import quantise_weights
from schemas.market import DatasetInfo
from schemas.portfolio import AssetSelection, MethodComparison, OptimisedPortfolio
from tests.adapters.market_worlds import late_bar

SYMBOLS = tuple(f"S{letter}" for letter in "ABCDEFGH")
TODAY = date(2021, 3, 1)
NYSE = ExchangeCalendar("XNYS")


def prices() -> PriceArrays:
    days = NYSE.sessions(date(2020, 1, 2), date(2021, 12, 31))
    generator = np.random.default_rng(11)
    shocks = generator.normal(0.0005, 0.012, (len(days), 8)) * np.linspace(0.5, 2.0, 8)
    closes = 100 * np.cumprod(1 + shocks + generator.normal(0, 0.006, (len(days), 1)), axis=0)
    volume = np.full_like(closes, np.nan)
    return PriceArrays(SYMBOLS, np.array(days, "datetime64[D]"), *([closes] * 4), volume)


def market(arrays: PriceArrays, facts: Facts | None = None) -> PriceTable:
    info = DatasetInfo(
        name="made",
        description="generated",
        data_hash=arrays.digest(),
        calendar="XNYS",
        currency="USD",
        close_only=True,
        adjustment="raw",
        symbols=SYMBOLS,
        benchmarks=(),
        caveats=(),
    )
    return PriceTable(info, arrays, NYSE, facts or Facts())


def server(
    arrays: PriceArrays | None = None,
    sampler: Sampler | None = None,
    day: date = TODAY,
    facts: Facts | None = None,
):
    return build_quantum_server(
        clock=SimulatedClock(NYSE.opens_at(day)),
        market=market(arrays or prices(), facts),
        sampler=sampler or SimulatedAnnealing(sweeps=100),
    )


async def _ask(asked: Any, tool: str, arguments: dict[str, Any]) -> Any:
    async with mcp.Client(asked) as client:
        return await client.call_tool(tool, arguments)


def ask(tool: str, asked: Any = None, **arguments: Any) -> Any:
    request = {"symbols": list(SYMBOLS[:5])} | arguments
    return anyio.run(_ask, asked or server(), f"quantum_{tool}", request)


def answered(result: Any) -> Any:
    assert not result.is_error, result.content
    return result.structured_content


def refused(result: Any) -> str:
    assert result.is_error
    return result.content[0].text


@pytest.mark.parametrize("method", ["equal_weight", "min_variance", "risk_parity", "qubo"])
def test_a_portfolio_is_long_only_decimal_and_sums_to_one(method):
    answer = answered(ask("optimize_portfolio", method=method, cap=0.6, reads=10))
    portfolio = OptimisedPortfolio.model_validate(answer)
    assert all(isinstance(weight, str) for weight in answer["portfolio"]["weights"])
    for item in (portfolio.portfolio, *portfolio.beside):
        assert sum(item.weights) == 1
        assert Decimal(0) <= min(item.weights)
        assert max(item.weights) == item.largest_weight <= Decimal("0.6")


def test_weights_are_those_of_the_closes_known_before_the_open():
    arrays = prices()
    known = int(np.searchsorted(arrays.sessions, np.datetime64(TODAY)))
    closes = arrays.close[known - 101 : known, :5]
    expected = quantise_weights(min_variance(closes[1:] / closes[:-1] - 1, cap=0.5))
    answer = OptimisedPortfolio.model_validate(
        answered(ask("optimize_portfolio", cap=0.5, lookback=100))
    )
    assert answer.portfolio.weights == tuple(expected)
    assert answer.window.last_session == NYSE.previous(TODAY)
    assert answer.window.returns == 100


QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("optimize_portfolio", {"method": "mean_variance"}),
    ("optimize_portfolio", {"method": "qubo", "reads": 5, "cap": 0.5}),
    ("select_assets", {"choose": 2, "reads": 5}),
    ("compare_methods", {"reads": 5, "cap": 0.5}),
]


@pytest.mark.promise("no-look-ahead")
@pytest.mark.parametrize(("tool", "arguments"), QUESTIONS)
def test_no_answer_changes_when_the_future_does(tool, arguments):
    arrays = prices()
    future = arrays.sessions >= np.datetime64(TODAY)
    changed = arrays.close.copy()
    changed[future] *= np.random.default_rng(3).uniform(0.2, 5.0, changed[future].shape)
    other = replace(arrays, open=changed, high=changed, low=changed, close=changed)
    first = answered(ask(tool, server(arrays), **arguments))
    assert first == answered(ask(tool, server(other), **arguments))


@pytest.mark.promise("no-look-ahead")
@pytest.mark.parametrize(("tool", "arguments"), QUESTIONS)
def test_no_digit_tells_that_a_bar_will_be_restated(tool, arguments):
    arrays = prices()
    late = late_bar("SB", date(2021, 6, 1), 55.0, NYSE.opens_at(date(2021, 6, 3)))
    facts = Facts({"bars": pa.Table.from_pylist([late], schema=SCHEMAS["bars"])})
    first = answered(ask(tool, server(arrays), **arguments))
    assert first == answered(ask(tool, server(arrays, facts=facts), **arguments))


@pytest.mark.promise("optimiser-honest")
def test_a_qubo_stands_beside_the_best_classical_answer_and_the_exact_optimum():
    options = {"method": "qubo", "slices": 4, "cap": 1.0, "reads": 20, "risk_aversion": 6.0}
    answer = OptimisedPortfolio.model_validate(answered(ask("optimize_portfolio", **options)))
    beside = {item.method: item for item in answer.beside}
    assert answer.sampler == "simulated-annealing"
    assert {"equal_weight", "mean_variance", "qubo_exact"} <= set(beside)
    assert answer.portfolio.utility_annual <= beside["qubo_exact"].utility_annual + 1e-12
    assert beside["qubo_exact"].utility_annual <= beside["mean_variance"].utility_annual + 1e-6
    assert all(weight % Decimal("0.25") == 0 for weight in answer.portfolio.weights)


@pytest.mark.promise("optimiser-honest")
def test_a_selection_is_the_best_of_every_choice():
    answer = AssetSelection.model_validate(
        answered(ask("select_assets", symbols=list(SYMBOLS), choose=3, reads=20))
    )
    arrays = prices()
    known = int(np.searchsorted(arrays.sessions, np.datetime64(TODAY)))
    closes = arrays.close[known - 253 : known]
    returns = closes[1:] / closes[:-1] - 1
    covariance = LedoitWolf().fit(returns).covariance_

    def utility(chosen: tuple[int, ...]) -> float:
        weights = np.bincount(chosen, minlength=8) / 3
        return float(252 * (returns.mean(axis=0) @ weights - 2.5 * weights @ covariance @ weights))

    best = max(combinations(range(8), 3), key=utility)
    assert answer.chosen == tuple(SYMBOLS[index] for index in best)
    assert answer.proven_optimal
    exact = next(item for item in answer.answers if item.method == "exact")
    assert exact.utility_annual == round(utility(best), 10)
    assert exact.gap_to_best == 0
    assert sum(answer.weights) == 1


def test_every_method_is_compared_best_first():
    answer = MethodComparison.model_validate(answered(ask("compare_methods", slices=4, reads=10)))
    utilities = [item.utility_annual for item in answer.answers]
    assert utilities == sorted(utilities, reverse=True)
    assert answer.best_classical == "mean_variance"
    assert answer.best_qubo.startswith("qubo_")
    assert {"equal_weight", "min_variance", "risk_parity", "qubo_exact", "qubo_swap_search"} <= {
        item.method for item in answer.answers
    }


def test_a_problem_too_large_to_enumerate_says_so():
    answer = answered(ask("compare_methods", slices=10, reads=5, cap=0.5))
    assert [item["method"] for item in answer["refused"]] == ["qubo_exact"]


def test_the_same_question_has_the_same_answer():
    options = {"method": "qubo", "cap": 0.4, "seed": 9, "reads": 10}
    first, second = (answered(ask("optimize_portfolio", **options)) for _ in range(2))
    assert first == second


class _Boaster(ExactEnumeration):
    def sample(self, matrix: np.ndarray, *, reads: int, seed: int) -> Samples:
        true = super().sample(matrix, reads=reads, seed=seed)
        return replace(true, energies=true.energies - 1.0)


@pytest.mark.promise("optimiser-honest")
def test_a_lying_sampler_is_reported_and_never_answers():
    result = ask("select_assets", server(sampler=_Boaster()), choose=2)
    assert "untrustworthy-data: the sampler claimed energies" in refused(result)


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("optimize_portfolio", {"symbols": ["SA", "SA"]}, "each symbol once"),
        ("optimize_portfolio", {"symbols": ["NOPE"]}, "not-found"),
        ("optimize_portfolio", {"cap": 0.1}, "raise the cap"),
        ("optimize_portfolio", {"method": "risk_parity", "cap": 0.21}, "knows no cap"),
        ("optimize_portfolio", {"method": "oracle"}, "method"),
        ("optimize_portfolio", {"method": "qubo", "slices": 3, "cap": 0.3}, "number of slices"),
        ("select_assets", {"choose": 6}, "between 1 and 5"),
        ("select_assets", {"choose": 0}, "choose"),
        ("compare_methods", {"lookback": 5}, "lookback"),
        ("compare_methods", {"symbols": []}, "symbols"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_one_sentence(tool, arguments, sentence):
    assert sentence in refused(ask(tool, **arguments))


def test_too_short_a_past_is_refused():
    early = server(day=date(2020, 1, 21))
    assert "common closes so far" in refused(ask("optimize_portfolio", early))
