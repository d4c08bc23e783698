"""Round trips as a table: how often, how long and how well positions were closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.report.arena import Standing
from orchestrator.report.tables import Cell, MetricRow
from orchestrator.report.words import NONE, Writer, number, percent
from schemas.base import ZERO
from schemas.metrics import TradeStatistics
from schemas.results import Scorecard
from schemas.trades import RoundTrips

Tell = Callable[[Scorecard, Writer], Cell]


@dataclass(frozen=True)
class _Row:
    name: str
    meaning: str
    tell: Tell


def trip_rows(models: Sequence[Standing], write: Writer) -> tuple[MetricRow, ...]:
    """Return the figures of closed round trips by model; empty where no model traded."""
    scores = [model.run.score if model.run else None for model in models]
    if not any(score and score.trips.symbols for score in scores):
        return ()
    return tuple(
        MetricRow(
            row.name,
            row.meaning,
            tuple(row.tell(score, write) if score else Cell(NONE) for score in scores),
        )
        for row in _ROWS
        if row.name != _WASH or any(score and score.wash_sales for score in scores)
    )


def worst_trip(trips: RoundTrips) -> int | None:
    """Return which closed trip lost the most, the earliest of equals; None where none lost."""
    closed = [n for n, end in enumerate(trips.closed) if end is not None and trips.gains[n] < 0]
    return min(closed, key=lambda n: (trips.gains[n], n)) if closed else None


def _of(field: str, how: Callable[[float, Writer], str]) -> Tell:
    def tell(score: Scorecard, write: Writer) -> Cell:
        value = getattr(score.trade_statistics, field)
        return Cell(NONE if value is None else how(value, write))

    return tell


def _money(value: float, write: Writer) -> str:
    return write(value, 2, plus=True)


def _closed(score: Scorecard, _: Writer) -> Cell:
    still = sum(end is None for end in score.trips.closed)
    return Cell(f"{score.trade_statistics.trades:,}", note=f"{still:,} still open" if still else "")


def _hits(score: Scorecard, _: Writer) -> Cell:
    found = score.trade_statistics
    if found.hit_rate is None:
        return Cell(NONE)
    return Cell(percent(found.hit_rate), note=f"{found.wins:,} won, {found.losses:,} lost")


def _days(score: Scorecard, _: Writer) -> Cell:
    held = score.trade_statistics.days_held
    if held is None:
        return Cell(NONE)
    span = f"{number(held.shortest, 0)} to {number(held.longest, 0)}"
    return Cell(number(held.median, 0 if held.median == int(held.median) else 1), note=span)


def _day_trades(score: Scorecard, _: Writer) -> Cell:
    return Cell(f"{sum(score.trips.day_trades):,}")


def _streak(score: Scorecard, _: Writer) -> Cell:
    found: TradeStatistics = score.trade_statistics
    return Cell(f"{found.longest_loss_streak:,}" if found.trades else NONE)


def _worst(score: Scorecard, write: Writer) -> Cell:
    trips = score.trips
    n = worst_trip(trips)
    if n is None:
        return Cell(NONE)
    return Cell(
        write(trips.gains[n], 2),
        note=f"{trips.symbols[n]}, {trips.opened[n]} to {trips.closed[n]}",
    )


def _excursion(side: str) -> Tell:
    def tell(score: Scorecard, write: Writer) -> Cell:
        n = worst_trip(score.trips)
        value = None if n is None else getattr(score.trips, side)[n]
        return Cell(NONE if value is None else _money(value, write))

    return tell


def _washed(score: Scorecard, write: Writer) -> Cell:
    sales = score.wash_sales
    if not sales:
        return Cell("0")
    later = sum((sale.disallowed for sale in sales), ZERO)
    return Cell(f"{len(sales):,}", note=f"{write(later, 2)} disallowed")


_WASH = "Wash sales"
_ROWS = (
    _Row("Round trips closed", "a position from nothing to nothing", _closed),
    _Row("Hit rate", "share of closed trips with a gain", _hits),
    _Row("Profit factor", "all gains ÷ all losses", _of("profit_factor", lambda v, _: number(v))),
    _Row("Expectancy", "mean gain of a trip", _of("expectancy", _money)),
    _Row("Average win", "of the trips that gained", _of("average_win", _money)),
    _Row("Average loss", "of the trips that lost", _of("average_loss", _money)),
    _Row("Longest losing streak", "losing trips in a row, as they closed", _streak),
    _Row("Days held", "median, calendar days; shortest to longest", _days),
    _Row("Day trades", "opened and closed in one session", _day_trades),
    _Row("Worst trip", "largest loss, all costs paid", _worst),
    _Row("… its worst standing (MAE)", "while it was held, before commissions", _excursion("mae")),
    _Row("… its best standing (MFE)", "likewise", _excursion("mfe")),
    _Row(_WASH, "losses that count later for tax: bought again within 30 days", _washed),
)
