"""What is to be said of a data set's prices as they are known now: for people, never for a run."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np

from adapters.market.arrays import PriceArrays
from adapters.market.inspection import coverage_of, inspect_prices
from adapters.market.table import PriceTable
from interfaces.calendar import TradingCalendar
from interfaces.market import AS_TRADED, Bars, MarketView
from schemas.quality import CoverageReport

_FIELDS = ("open", "high", "low", "close", "volume")


def quality_of(table: PriceTable, calendar: TradingCalendar, *, now: datetime) -> CoverageReport:
    """Inspect every instrument's newest vintage as traded, and count its sound bars by month.

    Moves that a known corporate action accounts for are no finding.
    """
    info, view = table.info(), table.view(now)
    bars = {ticker: view.bars(ticker, how=AS_TRADED) for ticker, *_ in table.coverage()}
    arrays = _arrays(bars)
    found = inspect_prices(
        arrays,
        calendar,
        close_only=info.close_only,
        explained=_explained(view, arrays, calendar),
    )
    return coverage_of(info, found.arrays, calendar, quality=found.reports)


def _arrays(bars: dict[str, Bars]) -> PriceArrays:
    symbols = tuple(bars)
    days = [each.sessions.astype("datetime64[D]") for each in bars.values()]
    sessions = np.unique(np.concatenate(days)) if days else np.empty(0, "datetime64[D]")
    columns = {field: np.full((len(sessions), len(symbols)), np.nan) for field in _FIELDS}
    for column, (mine, each) in enumerate(zip(days, bars.values(), strict=True)):
        rows = np.searchsorted(sessions, mine)
        for field, values in columns.items():
            values[rows, column] = getattr(each, field)
    return PriceArrays(symbols=symbols, sessions=sessions, **columns)


def _explained(
    view: MarketView, arrays: PriceArrays, calendar: TradingCalendar
) -> set[tuple[str, date]]:
    if not len(arrays.sessions):
        return set()
    first, last = arrays.sessions[0].item(), arrays.sessions[-1].item()
    return {
        (symbol, calendar.on_or_after(action.ex_date))
        for symbol in arrays.symbols
        for action in view.actions(symbol, start=first, end=last)
    }
