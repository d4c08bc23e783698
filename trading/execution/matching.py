"""Where an order and a session's bar meet: the market's price, or why there is none.

Of a bar the order of open and close is known, that of high and low is not. A market order takes the
price its policy names. A limit order takes the open where that is at its price or better, else its
own price when the bar reaches it. A stop is hit at the open where the open is beyond it, else at
its own price when the bar reaches it; a stop-limit order is a limit order from then on, which in
the same bar only a price after the touch can fill: the rest of a bar that opened beyond the stop,
the stop itself, or the close. A trailing stop stands where highs (or lows) of sessions before and
the open have brought it; the bar's own high moves it from the next session on.

An order that was not there at the open has less of a bar (`Presence`): `rest` takes the average
price at market and its own price when the bar reaches it; `after` another order's fill inside the
bar it is stopped when the bar reaches the stop, as that may have come later, but gains by the
close alone. Of a source with closes only, everything meets the close.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from schemas.base import MILLIONTH, plain, to_micro
from schemas.execution import FillConvention
from schemas.orders import Order, Side
from trading.execution.bars import SessionBar
from trading.execution.fill_policies import FillRule, price_of
from trading.execution.latency import Presence

_AT_ONCE: Final = frozenset({"ioc", "fok", "at_open", "at_close"})

Phase = Literal[0, 1, 2]
"""At the open, inside the bar, at the close: what is of one phase nothing tells apart in time."""

INSIDE: Final = 1
_PHASES: Final[Mapping[FillConvention, Phase]] = {"open": 0, "close": 2}


@dataclass(frozen=True, slots=True)
class Past:
    """What an order has seen in the sessions it has worked in before this one."""

    is_hit: bool = False
    """Its stop was reached: what is left is a market or a limit order."""
    best: Decimal | None = None
    """The best price since a trailing stop works: the highest of a sale, the lowest of a buy."""


FRESH = Past()


@dataclass(frozen=True, slots=True)
class Meeting:
    """The market's price an order gets, and the limit it holds its own price to."""

    price: Decimal
    convention: FillConvention
    limit: Decimal | None = None

    @property
    def phase(self) -> Phase:
        """When in the session it is."""
        return _PHASES.get(self.convention, INSIDE)


@dataclass(frozen=True, slots=True)
class Missed:
    """Why an order and a bar do not meet."""

    reason: str
    too_late: bool = False
    """The bar was over before the order was there: it works from the next one on."""


@dataclass(frozen=True, slots=True)
class Encounter:
    """An order before a bar of a session."""

    order: Order
    bar: SessionBar
    rule: FillRule
    presence: Presence = "whole"
    past: Past = FRESH

    @property
    def side(self) -> Side:
        """The order's side."""
        return self.order.side

    def reaches(self, price: Decimal, *, up: bool) -> bool:
        """Whether the bar touches a price from below (`up`) or from above."""
        return self.bar.high >= price if up else self.bar.low <= price


def meet(met: Encounter) -> Meeting | Missed:
    """Return the price an order meets in a bar, or why it meets none."""
    kind = met.order.terms.order_type
    if met.presence == "none":
        return Missed("it came after the close", too_late=True)
    if met.bar.close_only:
        return _at_the_close_alone(met)
    if kind == "market" or (met.past.is_hit and kind in ("stop", "trailing_stop")):
        return _at_market(met)
    if kind == "limit" or (met.past.is_hit and kind == "stop_limit"):
        return _at_limit(met)
    if kind == "trailing_stop":
        return _trailed(met)
    return _stopped(met)


def _at_market(met: Encounter) -> Meeting | Missed:
    bar, force = met.bar, met.order.terms.time_in_force
    convention: FillConvention
    if force == "at_open":
        if met.presence != "whole":
            return Missed("it came after the open")
        convention = "open"
    elif force == "at_close" or met.rule.convention == "close" or met.presence == "after":
        convention = "close"
    else:
        convention = met.rule.convention if met.presence == "whole" else "vwap"
    return Meeting(*price_of(bar, convention))


def _at_limit(met: Encounter) -> Meeting | Missed:
    order, bar = met.order, met.bar
    limit = order.terms.limit_price or MILLIONTH
    buys = met.side == "buy"
    if order.terms.time_in_force in _AT_ONCE:
        at = _at_market(met)
        if isinstance(at, Missed):
            return at
        if _is_good(at.price, limit, met.side):
            return Meeting(at.price, at.convention, limit)
        return Missed(f"the {at.convention} was {plain(at.price)}, its limit is {plain(limit)}")
    passed = limit * (1 - met.rule.penetration if buys else 1 + met.rule.penetration)
    if met.presence == "whole":
        strictly = bar.open < limit if buys else bar.open > limit
        if strictly or (bar.open == limit and not met.rule.penetration):
            return Meeting(bar.open, "open", limit)
    far = bar.close if met.presence == "after" else bar.extreme(up=not buys)
    if far <= passed if buys else far >= passed:
        # One that came later may find the whole bar at better prices: it gets the worst of them.
        price = min(limit, bar.high) if buys else max(limit, bar.low)
        return Meeting(price, "limit", limit)
    return Missed(f"its limit of {plain(limit)} was not reached")


def _stopped(met: Encounter) -> Meeting | Missed:
    order, bar = met.order, met.bar
    terms, up = order.terms, met.side == "buy"
    stop, limit = terms.stop_price or MILLIONTH, terms.limit_price
    if met.presence == "whole" and _is_through(bar.open, stop, up=up):
        if limit is None:
            return Meeting(bar.open, "open")
        return _at_limit(met)  # it is a limit order from the open on
    if not _is_through(bar.extreme(up=not up), stop, up=not up):
        # The whole bar lies beyond it: one that came later is a market or limit order at once.
        return _at_market(met) if limit is None else _at_limit(met)
    if not met.reaches(stop, up=up):
        return Missed(f"its stop of {plain(stop)} was not reached")
    return Meeting(stop, "stop") if limit is None else _past_the_stop(met, stop, limit)


def _past_the_stop(met: Encounter, stop: Decimal, limit: Decimal) -> Meeting | Missed:
    if _is_good(stop, limit, met.side):
        return Meeting(stop, "stop", limit)
    if _is_good(met.bar.close, limit, met.side):
        return Meeting(limit, "limit", limit)
    return Missed(f"its stop of {plain(stop)} was reached, its limit of {plain(limit)} was not")


def _trailed(met: Encounter) -> Meeting | Missed:
    bar, best, up = met.bar, met.past.best, met.side == "buy"
    if met.presence != "whole":
        return Missed("it begins to trail at the close")
    if best is not None:
        level = trailed_level(met.order, best)
        if _is_through(bar.open, level, up=up):
            return Meeting(bar.open, "open")
    base = bar.open if best is None else min(best, bar.open) if up else max(best, bar.open)
    level = trailed_level(met.order, base)
    if met.reaches(level, up=up):
        return Meeting(level, "stop")
    return Missed(f"its stop, trailed to {plain(level)}, was not reached")


def _at_the_close_alone(met: Encounter) -> Meeting | Missed:
    close, side, terms = met.bar.close, met.side, met.order.terms
    limit = terms.limit_price
    if not met.past.is_hit:
        stop = terms.stop_price
        if terms.order_type == "trailing_stop":
            best = met.past.best
            stop = None if best is None else trailed_level(met.order, best)
            if stop is None:
                return Missed("it begins to trail at the close")
        if stop is not None and not _is_through(close, stop, up=side == "buy"):
            return Missed(f"its stop of {plain(stop)} was not reached")
    if limit is not None and not _passes(close, limit, met):
        return Missed(f"its limit of {plain(limit)} was not reached")
    return Meeting(close, "close", limit)


def _passes(price: Decimal, limit: Decimal, met: Encounter) -> bool:
    share = met.rule.penetration
    if met.side == "buy":
        return price <= limit * (1 - share)
    return price >= limit * (1 + share)


def trailed_level(order: Order, best: Decimal) -> Decimal:
    """Return where a trailing stop stands, the best price being known; at least a millionth."""
    terms = order.terms
    away = terms.trail_amount
    if away is None:
        away = best * (terms.trail_share or Decimal())
    return max(to_micro(best + away if order.side == "buy" else best - away), MILLIONTH)


def _is_good(price: Decimal, limit: Decimal, side: Side) -> bool:
    return price <= limit if side == "buy" else price >= limit


def _is_through(price: Decimal, stop: Decimal, *, up: bool) -> bool:
    return price >= stop if up else price <= stop
