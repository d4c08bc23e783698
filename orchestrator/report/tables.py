"""The tables of a report as rows of finished text: metrics, months, costs, trades, instalments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from orchestrator.report.arena import Standing
from orchestrator.report.words import NONE, Writer, number, percent, quantity
from schemas.metrics import PerformanceMetrics
from schemas.results import LoanResult, PositionAction, Trade

Format = Callable[[float], str]


@dataclass(frozen=True)
class Cell:
    """A value as it is shown; `best` in its row."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class MetricRow:
    """One figure of every column, with what it means."""

    name: str
    meaning: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class _Figure:
    name: str
    meaning: str
    field: str
    write: Format
    better: int


def _share(value: float) -> str:
    return percent(value)


def _signed_share(value: float) -> str:
    return percent(value, plus=True)


def _plain(value: float) -> str:
    return number(value, 2)


_FIGURES = (
    _Figure("Return a year", "compound", "annual_return", _signed_share, 1),
    _Figure("Volatility", "deviation of returns, a year", "annual_volatility", _share, -1),
    _Figure("Sharpe ratio", "return per unit of volatility", "sharpe", _plain, 1),
    _Figure("Sortino ratio", "return per unit of downside", "sortino", _plain, 1),
    _Figure("Calmar ratio", "return a year ÷ deepest fall", "calmar", _plain, 1),
    _Figure("Deepest fall", "from a peak to the lowest point after it", "max_drawdown", _share, 1),
    _Figure("Bad day (VaR 95)", "one session in twenty is worse", "var_95", _share, 1),
    _Figure("Very bad days (CVaR 95)", "mean of that twentieth", "cvar_95", _share, 1),
    _Figure("Worst session", "lowest return of one session", "worst_day", _share, 1),
    _Figure("Best session", "highest return of one session", "best_day", _signed_share, 0),
    _Figure("Sessions with a gain", "share of all sessions", "hit_rate", _share, 1),
    _Figure("Beta", "moves with the yardstick; 1 is in step", "beta", _plain, 0),
    _Figure("Alpha", "return a year not explained by beta", "alpha_annual", _signed_share, 1),
    _Figure("Correlation", "with the yardstick", "correlation", _plain, 0),
    _Figure("Tracking error", "deviation from the yardstick, a year", "tracking_error", _share, 0),
    _Figure("Information ratio", "lead ÷ tracking error, a year", "information_ratio", _plain, 1),
)


def metric_rows(columns: Sequence[Standing], write: Writer) -> list[MetricRow]:
    """Return the figures of models and yardsticks, the best of each row marked.

    A run that never traded is cash: its figures are shown, and are never the best.
    """
    ranks = [column.traded for column in columns]
    end = _Figure("Final equity", "after costs", "", write, 1)
    total = _Figure("Total return", "on the starting capital", "", _signed_share, 1)
    rows = [
        _ranked(end, [float(column.end) for column in columns], ranks),
        _ranked(total, [column.gain for column in columns], ranks),
    ]
    for figure in _FIGURES:
        values = [_of(column.metrics, figure.field) for column in columns]
        if any(value is not None for value in values):
            rows.append(_ranked(figure, values, ranks))
    return rows


def fund_rows(metrics: PerformanceMetrics) -> list[MetricRow]:
    """Return the figures of a loan's fund alone."""
    total = _Figure("Total return", "time-weighted", "total_return", _signed_share, 1)
    return [
        _ranked(figure, [_of(metrics, figure.field)], [False]) for figure in (total, *_FIGURES[:12])
    ]


def _of(metrics: PerformanceMetrics | None, field: str) -> float | None:
    return getattr(metrics, field) if metrics else None


def _ranked(figure: _Figure, values: Sequence[float | None], ranks: Sequence[bool]) -> MetricRow:
    """Write a row, the best of those that take part marked, unless all of them read the same."""
    texts = [NONE if value is None else figure.write(value) for value in values]
    part = [ok and value is not None for value, ok in zip(values, ranks, strict=True)]
    known = [value for value, ok in zip(values, part, strict=True) if ok and value is not None]
    differ = len({text for text, ok in zip(texts, part, strict=True) if ok}) > 1
    best = ""
    if figure.better and differ:
        best = figure.write((max if figure.better > 0 else min)(known))
    cells = (Cell(text, ok and text == best) for text, ok in zip(texts, part, strict=True))
    return MetricRow(figure.name, figure.meaning, tuple(cells))


@dataclass(frozen=True)
class CostRow:
    """What one model's trading cost."""

    name: str
    style: str
    cells: tuple[str, ...]
    share: float


def cost_rows(models: Sequence[Standing], write: Writer) -> list[CostRow]:
    """Return costs, turnover and exposure by model; `share` is of the dearest model's total."""
    costs = [(model, model.costs) for model in models if model.costs]
    top = max((float(cost.total) for _, cost in costs), default=0.0)
    return [
        CostRow(
            model.name,
            model.style,
            (
                *(write(v, 2) for v in (cost.commission, cost.spread, cost.slippage, cost.total)),
                percent(cost.total / model.capital, 2),
                number(cost.turnover_annual, 2) + "×",
                percent(cost.mean_exposure),
                f"${cost.model_cost_usd_micro / 1e6:,.2f}",
            ),
            float(cost.total) / top if top else 0.0,
        )
        for model, cost in costs
    ]


@dataclass(frozen=True)
class Month:
    """One month's return in the heat map; `style` is its class, empty where there is none."""

    text: str
    style: str


def heat(value: float | None, full: float = 0.10) -> Month:
    """Grade a return into five steps a side; `full` is the strongest one."""
    if value is None:
        return Month("", "")
    step = min(5, 1 + int(abs(value) / full * 5)) if abs(value) >= 0.0005 else 0
    side = "g" if value > 0 else "l"
    return Month(number(value * 100, 1, plus=True), f"{side}{step}" if step else "even")


def monthly_returns(one: Standing) -> list[tuple[int, list[Month], Month]]:
    """Return by year the twelve months' returns and the year's, compounded from closes."""
    ends: dict[tuple[int, int], Decimal] = {}
    for when, value in zip(one.sessions, one.equity, strict=True):
        ends[when.year, when.month] = value
    before = one.capital
    months: dict[tuple[int, int], float] = {}
    years: dict[int, float] = {}
    for (year, month), value in ends.items():
        change = float(value / before) - 1 if before > 0 else 0.0
        months[year, month] = change
        years[year] = (1 + years.get(year, 0.0)) * (1 + change) - 1
        before = value
    return [
        (year, [heat(months.get((year, m))) for m in range(1, 13)], heat(total, 0.40))
        for year, total in years.items()
    ]


def trade_row(trade: Trade, write: Writer) -> tuple[str, ...]:
    """Return one trade: session, side, symbol, units, price, amount, cost, gain, reason."""
    fill = trade.fill
    cost = fill.commission + fill.spread_cost + fill.slippage_cost
    reason = trade.reason
    if trade.requested_quantity != fill.quantity:
        reason += f" (asked for {quantity(trade.requested_quantity)})"
    if trade.status_reason:
        reason += f" – {trade.status_reason}"
    return (
        fill.session.isoformat(),
        "▲ buy" if fill.side == "buy" else "▼ sell",
        fill.symbol,
        quantity(fill.quantity),
        number(fill.price, 4).rstrip("0").rstrip("."),
        write(fill.amount, 2),
        write(cost, 2),
        "" if fill.realised_gain is None else write(fill.realised_gain, 2, plus=True),
        reason,
    )


def action_row(action: PositionAction, write: Writer) -> tuple[str, ...]:
    """Return one corporate action: session, kind, symbol, units, cash, gain, what happened."""
    symbol = (
        action.symbol if action.new_symbol is None else f"{action.symbol} → {action.new_symbol}"
    )
    sign = "+" if action.units > 0 else ""
    return (
        action.session.isoformat(),
        action.kind.replace("symbol_change", "new ticker"),
        symbol,
        sign + quantity(action.units) if action.units else "",
        write(action.cash, 2) if action.cash else "",
        write(action.realised_gain, 2, plus=True) if action.realised_gain else "",
        action.description,
    )


@dataclass(frozen=True)
class InstalmentRow:
    """One line of the schedule, with who paid it where it was settled."""

    number: int
    due_on: date
    owed: tuple[str, ...]
    paid: tuple[str, ...]
    short: bool


def instalment_rows(loan: LoanResult, write: Writer) -> list[InstalmentRow]:
    """Return the schedule beside what happened."""
    settled = {month.number: month for month in loan.months}
    rows: list[InstalmentRow] = []
    for row in loan.schedule.instalments:
        month = settled.get(row.number)
        parts = (
            (month.from_income, month.from_borrower, month.from_principal, month.shortfall)
            if month
            else ()
        )
        rows.append(
            InstalmentRow(
                row.number,
                row.due_on,
                tuple(write(v, 2) for v in (row.payment, row.interest, row.principal, row.balance)),
                (*(write(v, 2) if v else NONE for v in parts), write(month.fund_value, 2))
                if month
                else (NONE,) * 5,
                bool(month and month.shortfall > 0),
            )
        )
    return rows
