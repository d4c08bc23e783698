"""Suspected splits: a run that would book one as a gain or a loss, or learn from it, is refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Protocol, runtime_checkable

from interfaces.calendar import TradingCalendar
from interfaces.market import MarketData
from orchestrator.loan_result import HISTORY_SESSIONS
from schemas.errors import InvalidRequest
from schemas.jobs import SimulationRequest
from schemas.market import SuspectedSplit

LOOKED_BACK = 260
"""Sessions before a run's start that its agents learn from: a year of returns, and a little."""


@runtime_checkable
class _KnowsInstruments(Protocol):
    """A market that can tell which instruments bear a ticker over time."""

    def bearers(
        self, symbols: Iterable[str], start: date | None = None, end: date | None = None
    ) -> frozenset[str]:
        """Return the instruments that bear one of the tickers between the days."""
        ...


def refuse_splits(
    request: SimulationRequest,
    market: MarketData,
    universe: Collection[str],
    *,
    days: tuple[date, ...],
    calendar: TradingCalendar,
) -> None:
    """Refuse a run over a move that looks like a split, in its sessions or in those before them.

    Companies are compared, not tickers. A loan looks back over `HISTORY_SESSIONS`, as its fund is
    simulated from them; any other run over `LOOKED_BACK`.
    """
    info = market.info()
    if not info.suspected_splits:
        return
    back = max(LOOKED_BACK, HISTORY_SESSIONS if request.mode == "loan" else 0)
    shown = _bearers(market, universe, request.start_date, days[-1]) | {*info.benchmarks}
    for split in info.suspected_splits:
        if split.session > days[-1] or shown.isdisjoint(_moved(market, split)):
            continue
        before = len(calendar.sessions(split.session, days[0])) - 1
        if before <= back:
            looked = f", {before} sessions before the run, which looks back over {back}"
            raise InvalidRequest(
                f"{split.symbol} moved on {split.session} as if by a {split.said()} split that "
                f"its prices are not adjusted for{looked if before > 0 else ''}: import or "
                "download the data again with `--splits adjust` to adjust them, or with `--splits "
                "accept` if the move is real"
            )


def _moved(market: MarketData, split: SuspectedSplit) -> frozenset[str]:
    """Return whose move it is: the ticker is that of the day, as the data set tells it."""
    that_day = _bearers(market, [split.symbol], split.session, split.session)
    return that_day or _bearers(market, [split.symbol], None, None)


def _bearers(
    market: MarketData, symbols: Collection[str], start: date | None, end: date | None
) -> frozenset[str]:
    if isinstance(market, _KnowsInstruments):
        return market.bearers(symbols, start, end)
    return frozenset(symbols)
