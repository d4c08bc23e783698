"""A session's prices as the simulated exchange needs them, read from the market as it is known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from interfaces.market import Bars, MarketData, MarketView, Reading
from schemas.base import MILLIONTH, to_micro
from schemas.errors import NotFound
from trading.execution.bars import SessionBar
from trading.execution.latency import Presence
from trading.execution.matching import FRESH, Past
from trading.execution.policies import Policies
from trading.execution.pricing import Pricer
from trading.order_book import Standing

_AS_FIRST_TOLD = Reading(adjustment="split", vintage="first")
"""In today's units, and as a bar was told when it was new: a later revision stops nobody out."""


class SessionPrices:
    """The bars of one session that has closed, and what was known when it opened."""

    def __init__(
        self, market: MarketData, policies: Policies, *, session: date, opened: datetime
    ) -> None:
        self._market = market
        self._policies = policies
        self.session = session
        self._opened = opened
        self._opening: MarketView | None = None
        self._closing: MarketView | None = None
        self._bars: dict[str, SessionBar | None] = {}
        self._pricers: dict[str, Pricer] = {}

    def close(self, view: MarketView) -> None:
        """Look at the session through a view past its close; `LookAhead` when it is not."""
        # Asked even when there is no order: settling before the close is a mistake to be told.
        for symbol in (*view.symbols()[:1], *self._market.info().benchmarks[:1]):
            view.bars(symbol, start=self.session, end=self.session)
        self._closing = view

    def bar(self, symbol: str) -> SessionBar | None:
        """Return a symbol's bar of the session; None when it has none."""
        if symbol not in self._bars:
            self._bars[symbol] = self._read(symbol)
        return self._bars[symbol]

    def pricer(self, symbol: str, bar: SessionBar) -> Pricer:
        """Return what prices the session's fills of a symbol; one for all of them."""
        found = self._pricers.get(symbol)
        if found is None:
            past = None
            if self._policies.past_sessions:
                past = self._before(symbol, lookback=self._policies.past_sessions)
            found = self._pricers[symbol] = Pricer(self._policies, bar, past)
        return found

    def presence(self, one: Standing) -> Presence:
        """Return what an order is there for of the session, which has a bar of its symbol."""
        if one.since == self.session and one.first != "whole":
            return one.first
        latency = self._policies.latency
        if not latency.is_felt or one.order.terms.parent_id is not None:
            return "whole"
        quote = None if self._closing is None else self._closing.quote(one.order.symbol)
        closed = self._opened if quote is None else quote.at
        return latency.presence(one.order.placed_as_of, opened=self._opened, closed=closed)

    def past(self, one: Standing) -> Past:
        """Return what an order has seen in the sessions before this one."""
        kind = one.order.terms.order_type
        if kind in ("market", "limit"):
            return FRESH
        if one.order.filled_quantity:
            return Past(is_hit=True)
        if one.since is None or one.since >= self.session:
            return FRESH
        return self._seen(one, trails=kind == "trailing_stop")

    def _seen(self, one: Standing, *, trails: bool) -> Past:
        """Read it from the bars since the order works; nothing of it is kept."""
        order, up = one.order, one.order.side == "buy"
        bars = self._before(order.symbol, start=one.since)
        begun = self._unseen(one)
        if bars is None or len(bars.close) <= begun:
            return FRESH
        far = (bars.low if up == trails else bars.high)[begun:].copy()
        partly = self._is_late(one) or one.first != "whole"
        if partly and (begun or bars.sessions[0] == np.datetime64(one.since, "D")):
            # It came inside that session: a trailing stop knows no price of it but the close.
            if trails:
                far[0] = bars.close[begun]
            elif one.first == "none":
                far = far[1:]
        if not len(far):
            return FRESH
        if trails:
            return Past(best=to_micro(float(far.min() if up else far.max())))
        stop = order.terms.stop_price or MILLIONTH
        reached = to_micro(float(far.max() if up else far.min()))
        return Past(is_hit=reached >= stop if up else reached <= stop)

    def last_closes(self, symbols: Iterable[str]) -> dict[str, Decimal]:
        """Return the last closes before the session, of those symbols that have one."""
        view = self._at_open()
        found = ((symbol, view.last_close(symbol)) for symbol in symbols)
        return {symbol: Decimal(repr(last[1])) for symbol, last in found if last is not None}

    def _is_late(self, one: Standing) -> bool:
        return self._policies.latency.is_felt and one.order.terms.parent_id is None

    def _unseen(self, one: Standing) -> int:
        """Return how many of an order's sessions had closed before it reached the venue."""
        if not self._is_late(one):
            return 0
        arrival = self._policies.latency.arrival(one.order.placed_as_of)
        view = self._market.view(min(arrival, self._opened))
        try:
            seen = view.bars(one.order.symbol).sessions
        except NotFound:  # by another name then
            return 0
        return int((seen >= np.datetime64(one.since, "D")).sum())

    def _before(
        self, symbol: str, *, start: date | None = None, lookback: int | None = None
    ) -> Bars | None:
        view = self._at_open()
        try:
            if start is None:
                return view.bars(symbol, lookback=lookback)
            return view.bars(symbol, start=start, how=_AS_FIRST_TOLD)
        except NotFound:
            return None

    def _at_open(self) -> MarketView:
        if self._opening is None:
            self._opening = self._market.view(self._opened)
        return self._opening

    def _read(self, symbol: str) -> SessionBar | None:
        if self._closing is None:
            return None
        try:
            bars = self._closing.bars(symbol, start=self.session, end=self.session)
        except NotFound:  # nobody bears the ticker any more
            return None
        if not len(bars.sessions) or bars.sessions[-1] != np.datetime64(self.session, "D"):
            return None
        volume = float(bars.volume[-1])
        if bars.close_only:
            opened = high = low = close = _exact(bars.close[-1])
        else:
            prices = (bars.open[-1], bars.high[-1], bars.low[-1], bars.close[-1])
            opened, high, low, close = (_exact(price) for price in prices)
        return SessionBar(
            session=self.session,
            open=opened,
            high=high,
            low=low,
            close=close,
            volume=to_micro(volume) if np.isfinite(volume) else None,
            close_only=bars.close_only,
        )


def _exact(price: float) -> Decimal:
    return max(to_micro(float(price)), MILLIONTH)
