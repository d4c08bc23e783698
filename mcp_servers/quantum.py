"""Optimisers over prices known now: classical, QUBO by a sampler, exact where small.

A QUBO's answer never stands alone: the best classical one is beside it, and the exact optimum
wherever it can be enumerated. Prices are read here, at the clock's moment; a caller passes none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from mcp.server.mcpserver import MCPServer
from numpy.typing import NDArray
from pydantic import Field

from interfaces.clock import Clock
from interfaces.market import Closes, MarketData
from interfaces.sampler import Sampler
from mcp_servers.toolkit import add_tool, new_server
from quant.comparison import (
    ClassicalMethod,
    Moments,
    Preferences,
    Propose,
    Refusal,
    answer_qubo,
    classical_portfolio,
    classical_portfolios,
    estimate_moments,
    qubo_portfolios,
)
from quant.features import simple_returns
from quant.portfolio.weights import quantise_weights
from quant.qubo import selection_qubo
from schemas.base import Symbol
from schemas.errors import InvalidRequest
from schemas.portfolio import (
    AssetSelection,
    MethodComparison,
    MethodRefusal,
    OptimisedPortfolio,
    PortfolioAnswer,
    SelectionAnswer,
    Window,
)

_FEWEST_RETURNS = 20
_DECIMALS = 10

Method = ClassicalMethod | Literal["qubo"]
Symbols = Annotated[
    list[Symbol], Field(min_length=1, max_length=100, description="tickers, each once")
]
Lookback = Annotated[
    int, Field(ge=_FEWEST_RETURNS, le=2_520, description="sessions of daily returns to learn from")
]
RiskAversion = Annotated[
    float, Field(ge=0, le=1_000, description="dimensionless; 2 is bold, 10 is careful")
]
Cap = Annotated[float, Field(gt=0, le=1, description="largest weight of a symbol")]
Slices = Annotated[
    int, Field(ge=2, le=50, description="a QUBO's weights are whole multiples of 1/slices")
]
Reads = Annotated[int, Field(ge=1, le=1_000, description="samples to draw")]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


@dataclass(frozen=True, slots=True)
class _Question:
    """A window of prices, what was learnt from it, and what is wanted."""

    window: Window
    returns: NDArray[np.float64]
    moments: Moments
    wanted: Preferences


class QuantumTools:
    """The tools of one server, over its clock, its market and its sampler."""

    def __init__(self, *, clock: Clock, market: MarketData, sampler: Sampler) -> None:
        self._clock = clock
        self._market = market
        self._sampler = sampler

    async def optimize_portfolio(
        self,
        symbols: Symbols,
        *,
        method: Method = "min_variance",
        lookback: Lookback = 252,
        cap: Cap = 1.0,
        risk_aversion: RiskAversion = 5.0,
        slices: Slices = 10,
        reads: Reads = 100,
        seed: Seed = 0,
    ) -> OptimisedPortfolio:
        """Optimise long-only weights from daily closes known now.

        `qubo` deals the portfolio in equal slices by sampling and swaps; `slices`, `reads` and
        `seed` matter to it alone. Only mean_variance and qubo use `risk_aversion`.
        """
        wanted = Preferences(risk_aversion=risk_aversion, cap=cap, slices=slices, seed=seed)
        closes = self._closes(symbols, lookback)
        return await asyncio.to_thread(self._optimize, closes, wanted, method, reads)

    async def select_assets(
        self,
        symbols: Symbols,
        *,
        choose: Annotated[int, Field(ge=1, description="how many to choose")],
        lookback: Lookback = 252,
        risk_aversion: RiskAversion = 5.0,
        reads: Reads = 100,
        seed: Seed = 0,
    ) -> AssetSelection:
        """Choose the assets whose equal-weight portfolio has the highest utility.

        Sampling, sampling with swaps, and a classical swap search answer the same QUBO; up to 20
        symbols every choice is enumerated and the optimum is proven.
        """
        wanted = Preferences(risk_aversion=risk_aversion, seed=seed)
        closes = self._closes(symbols, lookback)
        return await asyncio.to_thread(self._select, closes, wanted, choose, reads)

    async def compare_methods(
        self,
        symbols: Symbols,
        *,
        lookback: Lookback = 252,
        cap: Cap = 1.0,
        risk_aversion: RiskAversion = 5.0,
        slices: Slices = 10,
        reads: Reads = 100,
        seed: Seed = 0,
    ) -> MethodComparison:
        """Compare classical optimisers and QUBO answers on the same closes and one yardstick."""
        wanted = Preferences(risk_aversion=risk_aversion, cap=cap, slices=slices, seed=seed)
        closes = self._closes(symbols, lookback)
        return await asyncio.to_thread(self._compare, closes, wanted, reads)

    def _closes(self, symbols: Sequence[str], lookback: int) -> Closes:
        """Read the closes on the event loop, so that the moment is the one of the call."""
        if len(set(symbols)) != len(symbols):
            raise InvalidRequest("name each symbol once.")
        closes = self._market.view(self._clock.now()).closes(symbols, lookback + 1)
        if len(closes.values) <= _FEWEST_RETURNS:
            raise InvalidRequest(
                f"these symbols have {len(closes.values)} common closes so far; "
                f"{_FEWEST_RETURNS + 1} are the fewest to learn from."
            )
        return closes

    # What follows runs in a thread: a solver takes more than the event loop can spare.

    def _optimize(
        self, closes: Closes, wanted: Preferences, method: Method, reads: int
    ) -> OptimisedPortfolio:
        question = _learn(closes, wanted)
        if method == "qubo":
            comparison = self._compared(question, reads)
            found = {item.method: item for item in comparison.answers}
            names = ("equal_weight", comparison.best_classical, "qubo_sampler", "qubo_exact")
            return OptimisedPortfolio(
                window=question.window,
                portfolio=found["qubo_sampler_swaps"],
                beside=tuple(found[name] for name in dict.fromkeys(names) if name in found),
                refused=comparison.refused,
                sampler=self._sampler.name,
            )
        methods: tuple[ClassicalMethod, ...] = (method, "equal_weight")
        answers = _answers(
            question,
            {name: classical_portfolio(name, question.returns, wanted) for name in methods},
        )
        return OptimisedPortfolio(
            window=question.window,
            portfolio=next(item for item in answers if item.method == method),
            beside=tuple(item for item in answers if item.method != method),
            sampler=None,
        )

    def _compare(self, closes: Closes, wanted: Preferences, reads: int) -> MethodComparison:
        return self._compared(_learn(closes, wanted), reads)

    def _propose(self, question: _Question, reads: int) -> Propose:
        def propose(matrix: NDArray[np.float64]) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
            samples = self._sampler.sample(matrix, reads=reads, seed=question.wanted.seed)
            return samples.states, samples.energies

        return propose

    def _compared(self, question: _Question, reads: int) -> MethodComparison:
        classical, refused = classical_portfolios(question.returns, question.wanted)
        propose = self._propose(question, reads)
        sampled, more = qubo_portfolios(question.moments, propose, question.wanted)
        answers = _answers(question, classical | sampled)
        return MethodComparison(
            window=question.window,
            answers=answers,
            refused=_refusals(refused + more),
            best_classical=next(item.method for item in answers if item.kind == "classical"),
            best_qubo=next(item.method for item in answers if item.kind == "qubo"),
            sampler=self._sampler.name,
        )

    def _select(
        self, closes: Closes, wanted: Preferences, choose: int, reads: int
    ) -> AssetSelection:
        question = _learn(closes, wanted)
        moments, aversion = question.moments, question.wanted.risk_aversion
        qubo = selection_qubo(
            moments.mean, moments.covariance, choose=choose, risk_aversion=aversion
        )
        found, refused = answer_qubo(qubo, self._propose(question, reads), question.wanted)
        symbols = question.window.symbols
        # The exact answer comes last: where another method ties with it, that one gets the credit.
        best = min(found, key=lambda answer: answer.energy)
        utilities = [
            _rounded(moments.utility_annual(item.state / choose, aversion)) for item in found
        ]
        answers = tuple(
            SelectionAnswer(
                method=item.method,
                symbols=tuple(symbols[index] for index in np.flatnonzero(item.state)),
                utility_annual=utility,
                gap_to_best=_rounded(max(utilities) - utility),
            )
            for item, utility in zip(found, utilities, strict=True)
        )
        weights = quantise_weights(np.full(choose, 1.0 / choose))
        return AssetSelection(
            window=question.window,
            chosen=tuple(symbols[index] for index in np.flatnonzero(best.state)),
            weights=tuple(weights),
            found_by=best.method,
            proven_optimal=any(item.method == "exact" for item in found),
            answers=answers,
            refused=_refusals(refused),
            sampler=self._sampler.name,
        )


def build_quantum_server(*, clock: Clock, market: MarketData, sampler: Sampler) -> MCPServer:
    """Build the `quantum` server: portfolio optimisers over prices known at the clock's moment."""
    server = new_server(
        "quantum",
        "Portfolio optimisers over prices known now. Weights are long-only decimal strings that "
        "sum to 1. Estimates come from past closes and are no forecast.",
    )
    tools = QuantumTools(clock=clock, market=market, sampler=sampler)
    add_tool(
        server,
        tools.optimize_portfolio,
        name="quantum_optimize_portfolio",
        title="Optimise a portfolio",
    )
    add_tool(server, tools.select_assets, name="quantum_select_assets", title="Select assets")
    add_tool(server, tools.compare_methods, name="quantum_compare_methods", title="Compare methods")
    return server


def _learn(closes: Closes, wanted: Preferences) -> _Question:
    returns = simple_returns(closes.values)
    window = Window(
        symbols=closes.symbols,
        first_session=closes.sessions[0].item(),
        last_session=closes.sessions[-1].item(),
        returns=len(returns),
    )
    return _Question(window, returns, estimate_moments(returns), wanted)


def _answers(
    question: _Question, portfolios: Mapping[str, NDArray[np.float64]]
) -> tuple[PortfolioAnswer, ...]:
    """Score portfolios as they will be held, in millionths; best first."""
    moments, aversion = question.moments, question.wanted.risk_aversion
    exact = {name: quantise_weights(weights) for name, weights in portfolios.items()}
    held = {name: np.array([float(part) for part in parts]) for name, parts in exact.items()}
    utility = {
        name: _rounded(moments.utility_annual(parts, aversion)) for name, parts in held.items()
    }
    best = max(utility.values())
    return tuple(
        PortfolioAnswer(
            method=name,
            kind="qubo" if name.startswith("qubo_") else "classical",
            weights=tuple(exact[name]),
            utility_annual=utility[name],
            expected_return_annual=_rounded(moments.expected_return_annual(held[name])),
            volatility_annual=_rounded(moments.volatility_annual(held[name])),
            largest_weight=max(exact[name]),
            gap_to_best=_rounded(best - utility[name]),
        )
        for name in sorted(utility, key=lambda name: (-utility[name], name))
    )


def _rounded(number: float) -> float:
    """Return a number without digits that no price supports; what is shown is what is compared."""
    return round(number, _DECIMALS) + 0.0  # no -0.0


def _refusals(refused: Sequence[Refusal]) -> tuple[MethodRefusal, ...]:
    return tuple(MethodRefusal(method=item.method, reason=item.reason) for item in refused)
