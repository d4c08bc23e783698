"""What costs took: in money, from the return kind by kind, and what the model's own tokens did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from orchestrator.report.words import NONE, Writer, number, percent
from schemas.metrics import PerformanceMetrics
from schemas.results import RunResult


@dataclass(frozen=True)
class Charged:
    """A run that paid costs, and the money it began with."""

    name: str
    style: str
    run: RunResult
    capital: Decimal


@dataclass(frozen=True)
class CostRow:
    """One run's row; `share` is of the dearest run's total, 0 where there is one run alone."""

    name: str
    style: str
    cells: tuple[str, ...]
    share: float


@dataclass(frozen=True)
class CostTable:
    """Costs in money and what they took from the return, of all runs, under the same kinds.

    Kinds that no run paid have no column, but for the three that every trade may have.
    """

    kinds: tuple[str, ...]
    others: tuple[str, ...]
    """Heads of the columns after the total."""
    money: tuple[CostRow, ...]
    drag: tuple[tuple[str, tuple[str, ...]], ...]
    tokens: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Name, whether with or without the tokens, figures; empty where no tokens were paid for."""


@dataclass(frozen=True)
class _Kind:
    head: str
    field: str
    parts: tuple[str, ...]
    """What the attribution calls it."""


_TRADING = (
    _Kind("Commission", "commission", ("commission",)),
    _Kind("Spread", "spread", ("spread",)),
    _Kind("Slippage", "slippage", ("slippage",)),
)
_SOMETIMES = (
    _Kind("Impact", "impact", ("impact",)),
    _Kind("Financing", "financing", ("borrow", "interest")),
    _Kind("Model’s tokens", "model_spend", ("model_spend",)),
)


def cost_table(charged: Sequence[Charged], write: Writer) -> CostTable:
    """Return the costs of runs; an amount or a share that was earned reads as a negative cost."""
    kinds = (
        *_TRADING,
        *(
            kind
            for kind in _SOMETIMES
            if any(getattr(one.run.costs, kind.field) for one in charged)
        ),
    )
    unpaid = any(_unpaid(one.run) for one in charged)
    others = ("of capital", "Turnover a year", "Mean exposure")
    top = max(float(one.run.costs.total) for one in charged) if len(charged) > 1 else 0.0
    return CostTable(
        kinds=tuple(kind.head for kind in kinds),
        others=(*others, "Tokens not charged") if unpaid else others,
        money=tuple(_money(one, kinds, write, top=top, unpaid=unpaid) for one in charged),
        drag=tuple((one.name, _drag(one.run, kinds)) for one in charged),
        tokens=tuple(row for one in charged for row in _tokens(one, write)),
    )


def _unpaid(run: RunResult) -> bool:
    return bool(run.costs.model_cost_usd_micro) and not run.costs.model_spend


def _money(
    one: Charged, kinds: Sequence[_Kind], write: Writer, *, top: float, unpaid: bool
) -> CostRow:
    costs = one.run.costs
    cells = [write(getattr(costs, kind.field), 2) for kind in kinds]
    cells += [
        write(costs.total, 2),
        percent(costs.total / one.capital, 2) if one.capital > 0 else NONE,
        number(costs.turnover_annual, 2) + "×",
        percent(costs.mean_exposure),
    ]
    if unpaid:
        free = _unpaid(one.run)
        cells.append(f"${costs.model_cost_usd_micro / 1e6:,.2f}" if free else NONE)
    share = max(float(costs.total), 0.0) / top if top > 0 else 0.0
    return CostRow(one.name, one.style, tuple(cells), share)


def _drag(run: RunResult, kinds: Sequence[_Kind]) -> tuple[str, ...]:
    """Return the way from the return before costs to the one after, in signed per cent."""
    found = run.score.cost_attribution if run.score else None
    if found is None:
        return (NONE,) * (len(kinds) + 2)
    took = {cost.cost: cost.contribution for cost in found.costs}
    steps = [-sum(took.get(part, 0.0) for part in kind.parts) for kind in kinds]
    whole = (found.gross_return, *steps, found.net_return)
    return tuple(percent(value, 2, plus=True) for value in whole)


def _tokens(one: Charged, write: Writer) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return a run's figures with its tokens paid and as if they had been free."""
    score, spent = one.run.score, one.run.costs.model_spend
    if not spent or score is None or score.without_model_spend is None:
        return []
    return [
        (one.name, "tokens paid", (write(spent, 2), *_figures(one.run.metrics))),
        (one.name, "tokens free", (write(Decimal(), 2), *_figures(score.without_model_spend))),
    ]


def _figures(metrics: PerformanceMetrics | None) -> tuple[str, ...]:
    if metrics is None:
        return (NONE,) * 4
    year, sharpe = metrics.annual_return, metrics.sharpe
    return (
        percent(metrics.total_return, 2, plus=True),
        NONE if year is None else percent(year, 2, plus=True),
        NONE if sharpe is None else number(sharpe, 3),
        percent(metrics.max_drawdown, 2),
    )
