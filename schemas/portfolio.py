"""What optimisers answer: weights, selections, and every method on one yardstick."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from schemas.base import Message, Symbol, Weight


class Window(Message):
    """The closes that an answer rests on; all were known at the moment of asking."""

    symbols: tuple[Symbol, ...] = Field(description="in the order of every weight list")
    first_session: date
    last_session: date
    returns: int = Field(ge=2, description="rows of daily returns used")


class PortfolioAnswer(Message):
    """One method's portfolio; estimates are from the window and no forecast."""

    method: str = Field(description="e.g. min_variance, qubo_sampler_swaps, qubo_exact")
    kind: Literal["classical", "qubo"]
    weights: tuple[Weight, ...] = Field(description="one a symbol, long-only, sum 1")
    utility_annual: float = Field(
        description="expected return less risk_aversion/2 times variance, per year; more is better"
    )
    expected_return_annual: float = Field(description="sample mean times 252")
    volatility_annual: float
    largest_weight: Weight
    gap_to_best: float = Field(
        ge=0, description="utility per year missing to the best in the answer"
    )


class MethodRefusal(Message):
    """A method without an answer to this question, and why."""

    method: str
    reason: str


class OptimisedPortfolio(Message):
    """The portfolio asked for, beside those it must stand comparison with."""

    window: Window
    portfolio: PortfolioAnswer
    beside: tuple[PortfolioAnswer, ...] = Field(
        description="equal weight; for a QUBO also the best classical answer and the exact optimum"
    )
    refused: tuple[MethodRefusal, ...] = ()
    sampler: str | None = Field(None, description="who sampled, for a QUBO")


class MethodComparison(Message):
    """Every method on the same window, best utility first."""

    window: Window
    answers: tuple[PortfolioAnswer, ...]
    refused: tuple[MethodRefusal, ...]
    best_classical: str
    best_qubo: str
    sampler: str


class SelectionAnswer(Message):
    """One method's choice of assets, held at equal weights."""

    method: Literal["sampler", "sampler_swaps", "swap_search", "exact"]
    symbols: tuple[Symbol, ...]
    utility_annual: float = Field(description="of equal weights in the choice; more is better")
    gap_to_best: float = Field(
        ge=0, description="utility per year missing to the best in the answer"
    )


class AssetSelection(Message):
    """The best choice found, and how each method did."""

    window: Window
    chosen: tuple[Symbol, ...]
    weights: tuple[Weight, ...] = Field(description="one a chosen symbol")
    found_by: str
    proven_optimal: bool = Field(description="true where every choice was enumerated")
    answers: tuple[SelectionAnswer, ...]
    refused: tuple[MethodRefusal, ...]
    sampler: str
