"""The tables of a report as rows of finished text: metrics, months, trades, instalments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from orchestrator.report.arena import Standing
from orchestrator.report.words import NONE, Writer, human, number, percent, quantity
from schemas.metrics import PerformanceMetrics
from schemas.orders import Terms
from schemas.results import LoanResult, PositionAction, Trade

Format = Callable[[float], str]


@dataclass(frozen=True)
class Cell:
    """A value as it is shown; `best` in its row. `note` stands below it in small print."""

    text: str
    best: bool = False
    note: str = ""


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


_ALONE = (
    _Figure("Return a year", "compound", "annual_return", _signed_share, 1),
    _Figure("Volatility", "deviation of returns, a year", "annual_volatility", _share, -1),
    _Figure("Sharpe ratio", "return per unit of volatility", "sharpe", _plain, 1),
    _Figure("Sortino ratio", "return per unit of downside", "sortino", _plain, 1),
    _Figure("Omega ratio", "all gains of sessions ÷ all losses", "omega", _plain, 1),
    _Figure("Calmar ratio", "return a year ÷ deepest fall", "calmar", _plain, 1),
    _Figure("Deepest fall", "from a peak to the lowest point after it", "max_drawdown", _share, 1),
    _Figure("Bad day (VaR 95)", "one session in twenty is worse", "var_95", _share, 1),
    _Figure("Very bad days (CVaR 95)", "mean of that twentieth", "cvar_95", _share, 1),
    _Figure("Worst days (CVaR 99)", "mean of the worst hundredth", "cvar_99", _share, 1),
    _Figure("Worst session", "lowest return of one session", "worst_day", _share, 1),
    _Figure("Best session", "highest return of one session", "best_day", _signed_share, 0),
    _Figure("Sessions with a gain", "share of all sessions", "hit_rate", _share, 1),
)
_BESIDE = (
    _Figure("Beta", "moves with the yardstick; 1 is in step", "beta", _plain, 0),
    _Figure("Alpha", "return a year not explained by beta", "alpha_annual", _signed_share, 1),
    _Figure("Correlation", "with the yardstick", "correlation", _plain, 0),
    _Figure("Tracking error", "deviation from the yardstick, a year", "tracking_error", _share, 0),
    _Figure("Information ratio", "lead ÷ tracking error, a year", "information_ratio", _plain, 1),
)

_UNCERTAIN = frozenset({"annual_return", "sharpe"})
"""Figures shown with their interval. Falls have none: a block forgets what leads to a deep one."""


def metric_rows(columns: Sequence[Standing], write: Writer) -> list[MetricRow]:
    """Return the figures of models and yardsticks, the best of each row marked.

    A run that never traded is cash: its figures are shown, and are never the best. Where a run has
    an interval for a figure, it stands below it.
    """
    ranks = [column.traded for column in columns]
    end = _Figure("Final equity", "after costs", "", write, 1)
    total = _Figure("Total return", "on the starting capital", "", _signed_share, 1)
    rows = [
        _ranked(end, [float(column.end) for column in columns], ranks),
        _ranked(total, [column.gain for column in columns], ranks),
    ]
    for figure in (*_ALONE, *_BESIDE):
        values = [_of(column.metrics, figure.field) for column in columns]
        if any(value is not None for value in values):
            notes = [_interval(column, figure) for column in columns]
            rows.append(_ranked(figure, values, ranks, notes=notes))
    return rows


def interval_words(columns: Sequence[Standing]) -> str:
    """Say in a sentence what the intervals in small print are; empty where there is none."""
    found = [
        each
        for column in columns
        for each in (column.run.score.intervals if column.run and column.run.score else ())
        if each.lower is not None
    ]
    if not found:
        return ""
    one = found[0]
    return (
        f"In small print below a model’s figure: its {percent(one.confidence, 0)} interval, from "
        f"{one.resamples:,} redraws of the run’s own sessions in blocks; a wide one means that "
        "these sessions alone say little."
    )


def _interval(column: Standing, figure: _Figure) -> str:
    if figure.field not in _UNCERTAIN or column.run is None or column.run.score is None:
        return ""
    for each in column.run.score.intervals:
        if each.figure == figure.field and each.lower is not None and each.upper is not None:
            return f"{figure.write(each.lower)} to {figure.write(each.upper)}"
    return ""


def fund_rows(metrics: PerformanceMetrics) -> list[MetricRow]:
    """Return the figures of a loan's fund alone."""
    total = _Figure("Total return", "time-weighted", "total_return", _signed_share, 1)
    return [_ranked(figure, [_of(metrics, figure.field)], [False]) for figure in (total, *_ALONE)]


def _of(metrics: PerformanceMetrics | None, field: str) -> float | None:
    return getattr(metrics, field) if metrics else None


def _ranked(
    figure: _Figure,
    values: Sequence[float | None],
    ranks: Sequence[bool],
    *,
    notes: Sequence[str] = (),
) -> MetricRow:
    """Write a row, the best of those that take part marked, unless all of them read the same."""
    texts = [NONE if value is None else figure.write(value) for value in values]
    part = [ok and value is not None for value, ok in zip(values, ranks, strict=True)]
    known = [value for value, ok in zip(values, part, strict=True) if ok and value is not None]
    differ = len({text for text, ok in zip(texts, part, strict=True) if ok}) > 1
    best = ""
    if figure.better and differ:
        best = figure.write((max if figure.better > 0 else min)(known))
    below = notes or [""] * len(texts)
    cells = (
        Cell(text, ok and text == best, note)
        for text, ok, note in zip(texts, part, below, strict=True)
    )
    return MetricRow(figure.name, figure.meaning, tuple(cells))


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
    cost = fill.commission + fill.spread_cost + fill.slippage_cost + fill.impact_cost
    reason = trade.reason + _terms(trade.terms)
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


_GOOD = {
    "day": "for the session",
    "gtc": "until cancelled",
    "ioc": "at once or not at all",
    "fok": "whole or not at all",
    "at_open": "at the open",
    "at_close": "at the close",
}


def _terms(terms: Terms) -> str:
    """Say what kind of order it was, unless it was a plain one for the session."""
    if (terms.order_type, terms.time_in_force) == ("market", "day"):
        return ""
    prices = [
        f"{name} {number(price, 4).rstrip('0').rstrip('.')}"
        for name, price in (("limit", terms.limit_price), ("stop", terms.stop_price))
        if price is not None
    ]
    kind = f"{human(terms.order_type)} order {_GOOD[terms.time_in_force]}"
    return f" ({', '.join([kind, *prices])})"


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
