"""The floor of the simulated exchange: a session's orders meet its bars, one after the other.

By the phases of a session: what fills at its open comes before what fills inside the bar, and the
close is last. So no fill is paid with money, or sells units, that came later in the day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from adapters.broker.session_prices import SessionPrices
from schemas.orders import WORKING, Fill, Order
from trading.account import AccountState
from trading.execution.matching import INSIDE, Encounter, Meeting, Missed, meet
from trading.execution.policies import Policies
from trading.fills import AccountTerms, Desk, Outcome, Power, fill_order, gross_room
from trading.order_book import OrderBook, Standing, Step
from trading.order_ties import why_unsold

Met = Meeting | Missed | None
"""What a bar did to an order; None: there was no bar to meet."""

_ENDS_AT_ONCE = ("ioc", "fok")
_SESSION_END = 3
"""After all phases: what missed its bar ends when all that fills has filled."""


class Floor:
    """Trades one session; `account` tells the state of the moment, `book_fill` books a fill."""

    def __init__(
        self,
        orders: OrderBook,
        prices: SessionPrices,
        policies: Policies,
        *,
        terms: AccountTerms,
        at: datetime,
    ) -> None:
        self._orders = orders
        self._prices = prices
        self._policies = policies
        self._terms = terms
        self._at = at
        self._closes: dict[str, Decimal] = {}
        self._unclear: set[str] = set()

    def trade(
        self,
        account: Callable[[], AccountState],
        book_fill: Callable[[Order, Fill], None],
        *,
        suspended: Iterable[str],
    ) -> None:
        """Let every order that works meet its bar, and what that wakes.

        Those of `suspended` symbols are not traded.
        """
        halted = frozenset(suspended)
        waiting = self._in_turn(self._orders.working(), halted)
        while waiting:
            name, met = waiting.pop(0)
            one = self._orders.standing(name)
            if one.order.status not in WORKING:
                continue
            if not isinstance(met, Meeting):
                self._miss(one, met, suspended=one.order.symbol in halted)
            elif not self._holds_back(one):
                self._fill(one, met, account(), book_fill)
            order = self._orders.standing(name).order
            both = order.terms.oco_group in self._unclear
            woken = self._orders.settle_ties(order, self._at, both=both)
            if woken:  # they come last in their phase
                waiting = sorted([*waiting, *self._in_turn(woken, halted)], key=_phase_of)

    def _in_turn(self, orders: Iterable[Standing], halted: frozenset[str]) -> list[tuple[str, Met]]:
        """Return the orders by phase and in turn, with what their bars do to them.

        Of a group whose orders meet the same bar in one phase, what is worse for the account comes
        first: nothing tells which did.
        """
        found = [(one, None if one.order.symbol in halted else self._meet(one)) for one in orders]
        found.sort(key=_phase_of)
        groups: dict[str, list[int]] = {}
        for place, (one, met) in enumerate(found):
            group = one.order.terms.oco_group
            if group is not None and isinstance(met, Meeting):
                groups.setdefault(group, []).append(place)
        for group, places in groups.items():
            members = sorted((found[place] for place in places), key=self._how_bad)
            if [_phase_of(each) for each in members[:2]] == [INSIDE, INSIDE]:
                self._unclear.add(group)
            for place, member in zip(places, members, strict=True):
                found[place] = member
        return [(one.order.client_order_id, met) for one, met in found]

    def _meet(self, one: Standing) -> Met:
        bar = self._prices.bar(one.order.symbol)
        if bar is None:
            return None
        presence, past = self._prices.presence(one), self._prices.past(one)
        return meet(Encounter(one.order, bar, self._policies.fills, presence, past))

    def _how_bad(self, found: tuple[Standing, Met]) -> tuple[int, Decimal]:
        one, met = found
        bar = self._prices.bar(one.order.symbol)
        if bar is None or not isinstance(met, Meeting):
            return _SESSION_END, Decimal()
        gain = (bar.close - met.price) * one.order.remaining
        return met.phase, gain if one.order.side == "buy" else -gain

    def _holds_back(self, one: Standing) -> bool:
        """Keep a buy that needs the sells before it from filling while one of them has not."""
        sell = self._orders.awaited(one.order)
        if sell is None:
            return False
        name = one.order.client_order_id
        if one.order.terms.time_in_force == "gtc":
            told = f"it waits for the sells before it, and {sell.symbol}'s has not filled"
            self._orders.remark(name, told)
        else:
            self._orders.step(name, Step("cancelled", why_unsold(sell)), self._at)
        return True

    def _fill(
        self,
        one: Standing,
        meeting: Meeting,
        state: AccountState,
        book_fill: Callable[[Order, Fill], None],
    ) -> None:
        symbol = one.order.symbol
        bar = self._prices.bar(symbol)
        if bar is None:
            return
        outcome = fill_order(
            one.order,
            meeting,
            desk=Desk(bar.session, self._policies, self._prices.pricer(symbol, bar)),
            power=Power(state, self._terms, self._gross(state)),
            before=one.traded,
        )
        if outcome.fill is not None:
            book_fill(one.order, outcome.fill)
            self._orders.take(outcome.fill)
        self._move(one, outcome)

    def _gross(self, state: AccountState) -> Decimal | None:
        """Return by how much positions may grow, at the last closes before the session."""
        if not self._terms.borrows:
            return None
        new = [symbol for symbol in state.holdings if symbol not in self._closes]
        self._closes.update(self._prices.last_closes(new))
        for symbol in new:  # what has no close yet was bought in this session
            bar = self._prices.bar(symbol)
            if symbol not in self._closes and bar is not None:
                self._closes[symbol] = bar.open
        return gross_room(state, self._terms, self._closes)

    def _move(self, one: Standing, outcome: Outcome) -> None:
        """Move an order that met the market to where it stands now."""
        order, fill = one.order, outcome.fill
        name, at, reason = order.client_order_id, self._at, outcome.reason
        filled = order.filled_quantity
        if fill is not None:
            filled += fill.quantity
            status = "filled" if outcome.cut is None else "partially_filled"
            self._orders.step(name, Step(status, reason), at, filled=filled)
            if outcome.cut is None:
                return
        force = order.terms.time_in_force
        if outcome.cut == "volume":
            if self._carries(one, capped=True):
                if fill is None and reason is not None:
                    self._orders.remark(name, reason)
                return
            ended = "cancelled" if force in _ENDS_AT_ONCE else "expired"
        else:
            ended = "cancelled" if filled or force == "fok" else "rejected"
        self._orders.step(name, Step(ended, reason), at)

    def _miss(self, one: Standing, met: Missed | None, *, suspended: bool) -> None:
        """End an order that met nothing, unless it goes on working."""
        order = one.order
        force = order.terms.time_in_force
        if met is None:
            if force != "gtc":
                why = self._why(order.symbol, suspended=suspended)
                self._orders.step(order.client_order_id, Step("cancelled", why), self._at)
            return
        if met.too_late or self._carries(one, capped=False):
            return
        ended = "cancelled" if force in _ENDS_AT_ONCE else "expired"
        self._orders.step(order.client_order_id, Step(ended, met.reason), self._at)

    def _why(self, symbol: str, *, suspended: bool) -> str:
        day = self._prices.session.isoformat()
        if suspended:
            return f"{symbol} was split in the course of the session of {day}"
        return f"{symbol} has no price in the session of {day}"

    def _carries(self, one: Standing, *, capped: bool) -> bool:
        """Whether an order works in the next session too; `capped`: the volume was too small."""
        order = one.order
        if order.terms.time_in_force == "gtc":
            return True
        if order.terms.time_in_force != "day":
            return False
        begun = capped or one.age > 0 or order.filled_quantity > 0
        return begun and one.age < self._policies.participation.carry_sessions


def _phase_of(found: tuple[object, Met]) -> int:
    met = found[1]
    return met.phase if isinstance(met, Meeting) else _SESSION_END
