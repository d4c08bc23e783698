"""The prices server: completed bars as they were known, the exchange's calendar, and the clock.

Nothing later than the clock's moment exists here: not a bar, not a symbol, not a hint in an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import isnan
from typing import Annotated, get_args

import numpy as np
from mcp.server.mcpserver import MCPServer
from numpy.typing import NDArray
from pydantic import Field

from interfaces.calendar import PUBLISHED_AHEAD, ScheduledSession, TradingCalendar
from interfaces.clock import Clock
from interfaces.market import (
    AS_KNOWN,
    AS_TRADED,
    STALE_AFTER,
    Bars,
    MarketData,
    MarketView,
)
from mcp_servers.prices_facts import add_fact_tools
from mcp_servers.toolkit import add_tool, new_server
from schemas.errors import InvalidRequest, LookAhead, NotFound
from schemas.prices import (
    BarColumns,
    BarField,
    BarsAnswer,
    CalendarAnswer,
    ClockAnswer,
    QuoteAnswer,
    ReturnColumn,
    ReturnsAnswer,
    SymbolsAnswer,
)

MOST_SYMBOLS = 500
MOST_CELLS = 250_000
MOST_DAYS = 1100
_FRESH = timedelta(days=STALE_AFTER)
_DAY, _TWO_WEEKS = timedelta(days=1), timedelta(days=14)
_LATEST = date.max - _TWO_WEEKS
_INSTRUCTIONS = (
    "Daily prices as they were known at the moment the clock shows, which may be simulated. The "
    "newest bar is that of the last completed session; there are no live prices."
)

SymbolsArgument = Annotated[
    list[str], Field(min_length=1, max_length=MOST_SYMBOLS, description='e.g. ["AAPL", "KO"]')
]
LookbackArgument = Annotated[int, Field(ge=1, le=20_000, description="how many sessions, newest")]
FieldsArgument = Annotated[
    list[BarField], Field(min_length=1, description="which columns; closes only by default")
]
AdjustedArgument = Annotated[
    bool, Field(description="false: prices as they were traded, whatever happened since")
]
StartArgument = Annotated[date | None, Field(description="first day, YYYY-MM-DD")]
EndArgument = Annotated[date | None, Field(description="last day, included")]


def build_prices_server(
    *, clock: Clock, market: MarketData, calendar: TradingCalendar
) -> MCPServer:
    """Build the server; `calendar` is that of the data set's exchange."""
    desk = _Desk(clock, market, calendar)
    server = new_server("prices", _INSTRUCTIONS)
    add_tool(server, desk.get_bars, name="prices_get_bars", title="Get daily bars")
    add_tool(server, desk.get_quote, name="prices_get_quote", title="Get the last known close")
    add_tool(server, desk.get_returns, name="prices_get_returns", title="Get daily returns")
    add_tool(server, desk.list_symbols, name="prices_list_symbols", title="List symbols")
    add_tool(server, desk.get_calendar, name="prices_get_calendar", title="Get trading sessions")
    add_tool(server, desk.get_clock, name="prices_get_clock", title="Get the current moment")
    add_fact_tools(server, clock=clock, market=market)
    return server


@dataclass(frozen=True, slots=True)
class _Desk:
    """The tools; each reads the clock itself, so that no argument can move it."""

    clock: Clock
    market: MarketData
    calendar: TradingCalendar

    async def get_bars(
        self,
        symbols: SymbolsArgument,
        *,
        lookback: LookbackArgument | None = None,
        start: StartArgument = None,
        end: EndArgument = None,
        fields: FieldsArgument | None = None,
        adjusted: AdjustedArgument = True,
    ) -> BarsAnswer:
        """Get completed daily bars of one or more symbols, in columns, oldest first.

        Give `lookback` for the newest sessions, or `start` and `end`; 20 sessions by default. All
        symbols share `sessions`, unless a column brings its own. Prices are decimal strings, in
        today's units: adjusted for the splits and dividends in effect by now, unless `adjusted` is
        false.
        """
        wanted: list[BarField] = list(dict.fromkeys(fields or ["close"]))
        if lookback is None and start is None and end is None:
            lookback = 20
        self._refuse_empty(start, end)
        how = AS_KNOWN if adjusted else AS_TRADED
        view = self._view()
        bars = [
            view.bars(symbol, lookback=lookback, start=start, end=end, how=how)
            for symbol in _known(view, symbols)
        ]
        if sum(len(one.sessions) for one in bars) * len(wanted) > MOST_CELLS:
            raise InvalidRequest(
                f"that is more than {MOST_CELLS} values: ask for fewer symbols or sessions"
            )
        shared = max(bars, key=lambda one: len(one.sessions)).sessions
        info = self.market.info()
        return BarsAnswer(
            as_of=view.as_of,
            interval=info.interval,
            currency=info.currency,
            close_only=info.close_only,
            adjusted=adjusted,
            sessions=_dates(shared),
            columns=tuple(_columns(one, wanted, shared) for one in bars),
        )

    async def get_quote(
        self, symbol: Annotated[str, Field(description="ticker, e.g. AAPL")]
    ) -> QuoteAnswer:
        """Get the close of the last completed session: the newest price there is.

        It is no live price, and an order will not fill at it. `sessions_old` warns of a close that
        is more than 10 sessions old.
        """
        view = self._view()
        (name,) = _known(view, [symbol])
        bars = view.bars(name, lookback=2)
        closes = bars.close.tolist()
        session: date = bars.sessions[-1].item()
        before = closes[-2] if len(closes) > 1 else None
        return QuoteAnswer(
            as_of=view.as_of,
            symbol=name,
            session=session,
            close=price_text(closes[-1]),
            previous_close=None if before is None else price_text(before),
            change=None if before is None else round(closes[-1] / before - 1, 8),
            currency=self.market.info().currency,
            sessions_old=self._age(session, view.as_of),
        )

    async def get_returns(
        self, symbols: SymbolsArgument, lookback: LookbackArgument = 63
    ) -> ReturnsAnswer:
        """Get simple daily returns of one or more symbols over their last common sessions."""
        view = self._view()
        names = _known(view, symbols)
        if len(names) * lookback > MOST_CELLS:
            raise InvalidRequest(
                f"that is more than {MOST_CELLS} values: ask for fewer symbols or sessions"
            )
        closes = view.closes(names, lookback + 1)
        returns = np.round(closes.values[1:] / closes.values[:-1] - 1, 8)
        return ReturnsAnswer(
            as_of=view.as_of,
            sessions=_dates(closes.sessions[1:]),
            columns=tuple(
                ReturnColumn(symbol=name, returns=tuple(returns[:, index].tolist()))
                for index, name in enumerate(names)
            ),
        )

    async def list_symbols(self) -> SymbolsAnswer:
        """List the symbols that are traded by now.

        One without a price for more than 10 sessions is left out; its quote can still be asked for.
        """
        view = self._view()
        info = self.market.info()
        return SymbolsAnswer(
            as_of=view.as_of,
            symbols=view.symbols(),
            benchmarks=tuple(name for name in info.benchmarks if _has_prices(view, name)),
            currency=info.currency,
            close_only=info.close_only,
        )

    async def get_calendar(
        self, start: StartArgument = None, end: EndArgument = None
    ) -> CalendarAnswer:
        """Get the exchange's sessions from `start` to `end`; the next two weeks by default.

        Days to come, up to a year, are those of the regular rules: a closure that will be declared
        is not known yet. It says nothing about which prices exist.
        """
        first = start or self._now().date()
        last = end or min(first, _LATEST) + _TWO_WEEKS
        if last < first:
            raise InvalidRequest("the end lies before the start")
        if (last - first).days > MOST_DAYS:
            raise InvalidRequest(f"ask for at most {MOST_DAYS} days at once")
        sessions = self._sessions(first, last)
        return CalendarAnswer(
            exchange=self.calendar.name,
            sessions=tuple(session.day.isoformat() for session in sessions),
            opens_at=tuple(session.opens_at.isoformat() for session in sessions),
            closes_at=tuple(session.closes_at.isoformat() for session in sessions),
        )

    async def get_clock(self) -> ClockAnswer:
        """Get the moment up to which data can be seen, and the session it belongs to."""
        now = self._now()
        newest = self._completed(now)
        # What is held is among what was scheduled, so there is one.
        last = self.calendar.on_or_after(newest + _DAY)
        session = self._sessions(newest + _DAY, last)[0]
        return ClockAnswer(
            as_of=now,
            session=session.day,
            session_opens_at=session.opens_at,
            session_closes_at=session.closes_at,
            previous_session=newest,
        )

    def _now(self) -> datetime:
        return self.clock.now().astimezone(UTC)

    def _view(self) -> MarketView:
        return self.market.view(self._now())

    def _completed(self, now: datetime) -> date:
        """Return the newest session that has closed before the clock's moment."""
        today = now.date()
        session = today if self.calendar.is_session(today) else self.calendar.previous(today)
        while self.calendar.closes_at(session) >= now:
            session = self.calendar.previous(session)
        return session

    def _sessions(self, first: date, last: date) -> tuple[ScheduledSession, ...]:
        """Return the sessions held until the clock's day, and those scheduled for the days after.

        Beyond what is published, `LookAhead`.
        """
        today = self._now().date()
        if last > today + PUBLISHED_AHEAD:
            raise LookAhead(
                f"it is {today.isoformat()}: the exchange's sessions are published for "
                f"{PUBLISHED_AHEAD.days} days ahead"
            )
        held = tuple(
            ScheduledSession(day, self.calendar.opens_at(day), self.calendar.closes_at(day))
            for day in self.calendar.sessions(first, min(last, today))
        )
        if last <= today:
            return held
        return held + self.calendar.scheduled(max(first, today + _DAY), last)

    def _age(self, session: date, now: datetime) -> int | None:
        """Return how many sessions have been completed since, when they are many."""
        if now.date() - session <= _FRESH:
            return None
        age = len(self.calendar.sessions(session, self._completed(now))) - 1
        return age if age > STALE_AFTER else None

    def _refuse_empty(self, start: date | None, end: date | None) -> None:
        if start is None or end is None or end < start or (end - start).days > 14:
            return  # the view speaks about these, or there is a session in them
        if end > self._now().date():
            return  # whether the exchange opens on days to come is not known yet
        if not self.calendar.sessions(start, end):
            raise InvalidRequest(
                f"{self.calendar.name} has no session from {start.isoformat()} to {end.isoformat()}"
            )


def price_text(value: float) -> str:
    """Write a price as the decimal string of its six places, at least two when any."""
    text = f"{value:.6f}"
    if text.endswith("000000"):
        return text[:-7]
    if text.endswith("0000"):
        return text[:-4]
    return text.rstrip("0")


def _known(view: MarketView, symbols: Sequence[str]) -> list[str]:
    """Return the symbols once each; one whose first bar is yet to come is as unknown as any."""
    names = list(dict.fromkeys(symbol.strip().upper() for symbol in symbols))
    for name in names:
        if not _has_prices(view, name):
            raise NotFound(
                f"no prices of {name[:20]!r} are known at this moment; prices_list_symbols names "
                "the symbols that have some"
            )
    return names


def _has_prices(view: MarketView, symbol: str) -> bool:
    try:
        return view.last_close(symbol) is not None
    except NotFound:
        return False


def _dates(sessions: NDArray[np.datetime64]) -> tuple[str, ...]:
    return tuple(np.datetime_as_string(sessions, unit="D").tolist())


def _columns(bars: Bars, fields: Sequence[BarField], shared: NDArray[np.datetime64]) -> BarColumns:
    same = np.array_equal(bars.sessions, shared)
    columns = {name: _texts(getattr(bars, name)) for name in get_args(BarField) if name in fields}
    if "volume" in columns and np.isnan(bars.volume).all():
        del columns["volume"]
    return BarColumns(
        symbol=bars.symbol, sessions=None if same else _dates(bars.sessions), **columns
    )


def _texts(values: NDArray[np.float64]) -> tuple[str | None, ...]:
    return tuple(None if isnan(value) else price_text(value) for value in values.tolist())
