"""The prices server's tools for what is known beside prices: actions, universes, macro series."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isnan
from typing import Annotated

import numpy as np
from mcp.server.mcpserver import MCPServer
from numpy.typing import NDArray
from pydantic import Field

from interfaces.clock import Clock
from interfaces.market import MarketData, MarketView, Vintage
from mcp_servers.toolkit import add_tool
from schemas.base import plain
from schemas.errors import InvalidRequest, NotFound
from schemas.facts import CorporateAction
from schemas.prices_facts import (
    ActionRow,
    ActionsAnswer,
    MacroAnswer,
    MacroListAnswer,
    UniverseAnswer,
)

MOST_ACTIONS = 5000
MOST_VALUES = 50_000

StartArgument = Annotated[date | None, Field(description="first day, YYYY-MM-DD")]
EndArgument = Annotated[date | None, Field(description="last day, included")]
SymbolArgument = Annotated[str | None, Field(max_length=16, description="all when left out")]
SeriesArgument = Annotated[str, Field(max_length=40, description="e.g. UNRATE")]
UniverseArgument = Annotated[str, Field(max_length=40, description="e.g. nasdaq-100")]
VintageArgument = Annotated[
    Vintage, Field(description="`latest` known by now, or `first` published for each period")
]


def add_fact_tools(server: MCPServer, *, clock: Clock, market: MarketData) -> None:
    """Add the tools to the prices server."""
    desk = _Desk(clock, market)
    for function, title in (
        (desk.get_corporate_actions, "Get corporate actions"),
        (desk.get_universe, "Get the members of a universe"),
        (desk.list_macro_series, "List macro series"),
        (desk.get_macro_series, "Get a macro series"),
    ):
        add_tool(server, function, name=f"prices_{function.__name__}", title=title)


@dataclass(frozen=True, slots=True)
class _Desk:
    """The tools; each reads the clock itself, so that no argument can move it."""

    clock: Clock
    market: MarketData

    async def get_corporate_actions(
        self,
        symbol: SymbolArgument = None,
        *,
        start: StartArgument = None,
        end: EndArgument = None,
    ) -> ActionsAnswer:
        """Get splits, dividends, ticker changes, mergers and delistings announced by now.

        By ex-date; one that is announced for a day to come is among them. An empty list means that
        none is known.
        """
        view = self._view()
        name = None if symbol is None else symbol.strip().upper()
        if name is not None:
            _refuse_unknown(view, name)
        if start is not None and end is not None and end < start:
            raise InvalidRequest("the end lies before the start")
        found = [
            (ticker, action)
            for action in view.actions(name, start=start, end=end)
            if (ticker := view.ticker(action.instrument)) is not None  # of what is listed by now
        ]
        if len(found) > MOST_ACTIONS:
            raise InvalidRequest(
                f"that is more than {MOST_ACTIONS} actions: ask for a symbol, or for fewer days"
            )
        return ActionsAnswer(
            as_of=view.as_of,
            currency=self.market.info().currency,
            actions=tuple(_row(ticker, action) for ticker, action in found),
        )

    async def get_universe(self, universe: UniverseArgument) -> UniverseAnswer:
        """Get the members of a universe at this moment: it had others before, and will have."""
        view = self._view()
        name = universe.strip().lower()
        return UniverseAnswer(as_of=view.as_of, universe=name, members=view.members(name))

    async def list_macro_series(self) -> MacroListAnswer:
        """List the macro series of which something is published by now, and how far they go."""
        view = self._view()
        return MacroListAnswer(as_of=view.as_of, series=view.macro_series())

    async def get_macro_series(
        self,
        series: SeriesArgument,
        *,
        start: StartArgument = None,
        end: EndArgument = None,
        vintage: VintageArgument = "latest",
    ) -> MacroAnswer:
        """Get a macro series (GDP, UNRATE, CPIAUCSL ...) as it was published by now.

        Values are revised for years: those of later vintages are not known yet and not shown.
        """
        view = self._view()
        if start is not None and end is not None and end < start:
            raise InvalidRequest("the end lies before the start")
        known = view.macro(series.strip().upper(), start=start, end=end, vintage=vintage)
        if len(known.values) > MOST_VALUES:
            raise InvalidRequest(f"that is more than {MOST_VALUES} values: ask for fewer days")
        return MacroAnswer(
            as_of=view.as_of,
            series=known.series,
            periods=_days(known.periods),
            values=tuple(None if isnan(value) else _text(value) for value in known.values.tolist()),
            published=_days(known.known),
        )

    def _view(self) -> MarketView:
        now: datetime = self.clock.now()
        return self.market.view(now.astimezone(UTC))


def _refuse_unknown(view: MarketView, symbol: str) -> None:
    """Refuse a symbol whose first bar is yet to come in the words for one that never was."""
    try:
        if view.last_close(symbol) is not None:
            return
    except NotFound:
        pass
    raise NotFound(
        f"no prices of {symbol[:20]!r} are known at this moment; prices_list_symbols names the "
        "symbols that have some"
    )


def _row(ticker: str, action: CorporateAction) -> ActionRow:
    return ActionRow(
        symbol=ticker,
        kind=action.kind,
        ex_date=action.ex_date,
        new_units=_decimal(action.new_units),
        old_units=_decimal(action.old_units),
        cash=_decimal(action.cash),
        pay_date=action.pay_date,
        new_symbol=action.new_symbol,
        known_time=action.known_time,
        inferred=action.inferred,
    )


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _text(value: float) -> str:
    return format(Decimal(repr(value)), "f")


def _days(moments: NDArray[np.datetime64]) -> tuple[str, ...]:
    return tuple(np.datetime_as_string(moments.astype("datetime64[D]"), unit="D").tolist())
