"""A second opinion on every order that the gate accepts.

It knows nothing of books: it keeps the account and the list of accepted orders, lets most plain
market orders fill and a random part of the others, and of what waits for those a part after them;
values what is then held at the last closes, and looks whether a limit is broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from schemas.orders import MARKET_DAY
from tests.trading.gate_world import SECTORS, SYMBOLS, World
from trading.gate import CASH_ALLOWANCE
from trading.orders import OrderIntent


def judge(world: World, intent: OrderIntent, agent: str) -> None:
    """Look whether an accepted order breaks a limit in some way it may yet turn out."""
    limits, symbol = world.limits, intent.symbol
    assert symbol in SYMBOLS
    assert intent.quantity.is_finite()
    assert 0 < intent.quantity <= 1_000_000_000
    close, equity = world.prices[symbol], world.equity()
    value = max(intent.quantity * close, intent.terms.notional or Decimal(0))
    smaller = _only_smaller(world, intent)
    assert value <= max(equity, Decimal(0)) * limits.max_order_share or (smaller and equity <= 0)
    assert limits.max_order_value is None or value <= limits.max_order_value
    most = limits.max_order_quantity
    assert most is None or value <= most * close
    _prices(intent, close, limits.price_collar)
    assert smaller or symbol not in limits.restricted
    if agent == "beta" and limits.rules:
        assert value <= 4000
    if smaller:
        return
    assert intent.side == "buy" or limits.allow_short
    _history(world, equity)
    for _ in range(2):
        _outcome(world, intent, equity)


def _only_smaller(world: World, intent: OrderIntent) -> bool:
    """Whether whatever fills, the order cannot make the position larger or turn it."""
    parents = dict(world.working)
    parent = parents.get(intent.terms.parent_id or "")
    if parent is not None:
        return _turned_back(world, intent, parent) <= _opened(world, intent.terms.parent_id)
    taken = _same_side(world, intent, [*parents.values(), intent])
    return taken <= _room(world, intent)


def _turned_back(world: World, child: OrderIntent, parent: OrderIntent) -> Decimal:
    """Units that this and the other children turn back of what their parent does."""
    assert parent.symbol == child.symbol
    assert parent.side != child.side
    siblings = [o for _, o in world.working if o.terms.parent_id == child.terms.parent_id]
    units = _largest(world, [*siblings, child])
    assert units <= units_of(world, parent)
    return units


def _opened(world: World, name: str | None) -> Decimal:
    """Units that an order adds to what is held, those before it counted as filled."""
    names = [each for each, _ in world.working]
    before = [order for _, order in world.working[: names.index(name or "")]]
    order = dict(world.working)[name or ""]
    if order.terms.parent_id in names:
        group = order.terms.oco_group
        siblings = [
            o
            for o in before
            if o.terms.parent_id == order.terms.parent_id
            and (not group or o.terms.oco_group != group)
        ]
        room = _opened(world, order.terms.parent_id) - _largest(world, siblings)
        return max(units_of(world, order) - max(room, Decimal(0)), Decimal(0))
    group = order.terms.oco_group
    others = [o for o in before if not group or o.terms.oco_group != group]
    room = _room(world, order) - _same_side(world, order, others)
    return max(units_of(world, order) - max(room, Decimal(0)), Decimal(0))


def _room(world: World, intent: OrderIntent) -> Decimal:
    """Units held that an order of that side can close."""
    held = world.held.get(intent.symbol, Decimal(0))
    return max(held if intent.side == "sell" else -held, Decimal(0))


def _same_side(world: World, intent: OrderIntent, orders: list[OrderIntent]) -> Decimal:
    """Units of all orders of that symbol and side that wait for none; of a group the largest."""
    names = {name for name, _ in world.working}
    return _largest(
        world,
        [
            order
            for order in orders
            if (order.symbol, order.side) == (intent.symbol, intent.side)
            and order.terms.parent_id not in names
        ],
    )


def _largest(world: World, orders: list[OrderIntent]) -> Decimal:
    """Units of all orders together; of a group the largest."""
    groups: dict[str, Decimal] = {}
    total = Decimal(0)
    for order in orders:
        units, group = units_of(world, order), order.terms.oco_group
        if group is None:
            total += units
        else:
            groups[group] = max(groups.get(group, Decimal(0)), units)
    return total + sum(groups.values(), Decimal(0))


def units_of(world: World, intent: OrderIntent) -> Decimal:
    """Units an order may come to at the last close."""
    money = intent.terms.notional or Decimal(0)
    return max(intent.quantity, money / world.prices[intent.symbol])


def _prices(intent: OrderIntent, close: Decimal, collar: Decimal | None) -> None:
    terms = intent.terms
    if collar is None:
        return
    for price in (terms.limit_price, terms.stop_price):
        assert price is None or abs(price - close) <= collar * close
    assert terms.trail_amount is None or terms.trail_amount <= collar * close
    assert terms.trail_share is None or terms.trail_share <= collar


def _history(world: World, equity: Decimal) -> None:
    """Only reductions pass beyond a loss."""
    limits = world.limits
    if limits.max_drawdown is not None:
        assert equity >= world.peak * (1 - limits.max_drawdown)
    if limits.max_day_loss is not None and world.previous:
        assert equity >= world.previous * (1 - limits.max_day_loss)


def _outcome(world: World, intent: OrderIntent, equity: Decimal) -> None:
    """Let orders fill in some way that they may; no limit may be broken."""
    outcome = Outcome(world, dict(world.held), world.cash)
    outcome.fill(intent)
    if outcome.done.get("last"):  # what there is without it was judged before
        values = _within(world, intent, outcome, equity)
        if not outcome.failed:
            _tails(world, values, equity)


def _within(
    world: World, intent: OrderIntent, outcome: Outcome, equity: Decimal
) -> dict[str, Decimal]:
    """Look whether an outcome is within the limits; return what its positions are worth."""
    limits, symbol = world.limits, intent.symbol
    held, cash = outcome.held, outcome.cash
    values = {s: units * world.prices[s] for s, units in held.items() if units}
    gross = sum(map(abs, values.values()), Decimal(0))
    if symbol in values:
        assert abs(values[symbol]) <= limits.max_position_share * equity
        sector = SECTORS.get(symbol)
        if limits.max_sector_share is not None:
            within = [abs(v) for s, v in values.items() if SECTORS.get(s) == sector]
            assert sum(within) <= limits.max_sector_share * equity
        if limits.rules:
            assert abs(values[symbol]) <= Decimal("0.15") * equity
    assert limits.max_positions is None or len(values) <= limits.max_positions
    if limits.allow_short or limits.allow_leverage or limits.max_gross_share < 1:
        assert gross <= limits.max_gross_share * equity
    if limits.max_net_share is not None:
        assert abs(sum(values.values())) <= limits.max_net_share * equity
    owed = -sum((value for value in values.values() if value < 0), Decimal(0))
    if limits.min_cash_share:
        assert cash - owed >= limits.min_cash_share * equity
    if limits.allow_short or limits.allow_leverage:
        bought = 1 if not limits.allow_leverage else limits.initial_margin_share
        margin = (gross - owed) * bought + owed * limits.initial_margin_share
        assert margin <= equity
    if not limits.allow_leverage and intent.side == "buy":
        # A cent a fill is rounding.
        assert cash - owed >= -CASH_ALLOWANCE * equity - Decimal("0.5")
    return values


@dataclass
class Outcome:
    """One way in which an account's orders turn out: sells, buys, then what waited for them."""

    world: World
    held: dict[str, Decimal]
    cash: Decimal
    failed: set[str] = field(default_factory=set)
    """Plain orders that did not fill whole."""
    done: dict[str, Decimal] = field(default_factory=dict)
    """Units of parents that have filled and no child has turned back."""
    groups: set[str | None] = field(default_factory=set[str | None])

    def fill(self, last: OrderIntent) -> None:
        """Fill what fills of the working orders and this one."""
        orders = [*self.world.working, ("last", last)]
        waiting = [each for each in orders if each[1].terms.parent_id in dict(orders)]
        first = [each for each in orders if each not in waiting]
        for name, order in sorted(first, key=lambda each: each[1].side == "buy"):
            units = self._units(name, order)
            if order.terms.after_sells and self._without(name, orders):
                continue
            self._take(name, order, units)
        for name, order in waiting:  # in the order of placing: parents first
            terms = order.terms
            room = self.done.get(terms.parent_id or "", Decimal(0))
            if room and self._fills(order, 0.6):
                self._take(name, order, min(units_of(self.world, order), room))
                self.done[terms.parent_id or ""] -= self.done[name]

    def _without(self, name: str, orders: list[tuple[str, OrderIntent]]) -> bool:
        """Whether a sell before that order failed."""
        before = [each for each, _ in orders]
        return any(
            each in self.failed and order.side == "sell"
            for each, order in orders[: before.index(name)]
        )

    def _units(self, name: str, order: OrderIntent) -> Decimal:
        dice, terms = self.world.dice, order.terms
        units = units_of(self.world, order)
        kept = terms.order_type == "market" and terms.time_in_force in ("day", "gtc", "at_open")
        old = name != "last" and name not in self.world.fresh
        if not kept or old or terms.oco_group is not None or terms.parent_id is not None:
            return units if self._fills(order, 0.5) else Decimal(0)
        # A plain order, too, fails where a day has no bar or not the volume.
        fails = order.side == "sell" or self.world.limits.allow_short
        if name == "last" or not fails or dice.random() < 0.7:
            return units
        self.failed.add(name)
        return units * dice.choice((Decimal(0), Decimal("0.5")))

    def _fills(self, order: OrderIntent, chance: float) -> bool:
        group = order.terms.oco_group
        if group in self.groups or self.world.dice.random() >= chance:
            return False
        if group is not None:
            self.groups.add(group)
        return True

    def _take(self, name: str, order: OrderIntent, units: Decimal) -> None:
        close, terms, symbol = self.world.prices[order.symbol], order.terms, order.symbol
        held = self.held.get(symbol, Decimal(0))
        if order.side == "sell":
            self.held[symbol] = held - units
            self.cash += units * close
        else:
            price = close if terms.notional is not None else terms.limit_price or close
            if terms.parent_id in self.done:
                price = min(price, close)  # what was sold is bought back at the market's price
            if self.failed and not self.world.limits.allow_leverage:
                units = min(units, max(self.cash, Decimal(0)) / price)  # a venue lends nothing
            self.held[symbol] = held + units
            self.cash -= units * price
        self.done[name] = units


def _tails(world: World, values: Mapping[str, Decimal], equity: Decimal) -> None:
    limits = world.limits
    if limits.tail and not any(_may_not_fill(order) for _, order in world.working):
        weights = np.array([float(values.get(s, 0)) for s in SYMBOLS]) / float(equity)
        outcomes = np.sort(world.returns[-252:] @ weights)
        if limits.tail[0].method == "gaussian":
            var = 2.3263478740408408 * outcomes.std(ddof=1) - outcomes.mean()
        elif limits.tail[0].method == "historical":
            var = -outcomes[2]  # the third worst of 252
        else:
            return
        assert var <= float(limits.tail[0].max_var or 0) + 1e-9


def _may_not_fill(order: OrderIntent) -> bool:
    return order.terms.model_copy(update={"after_sells": False}) != MARKET_DAY
