"""Streams of random decisions through the gate, and a second opinion on every one it accepts.

The second opinion knows nothing of books: it keeps the account and the list of accepted orders,
lets most plain market orders fill and a random part of the others, and of what waits for those a
part after them; values what is then held at the last closes, and looks whether a limit is broken.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from schemas.base import to_cents
from schemas.execution import ExecutionModel
from schemas.orders import MARKET_DAY, Order, Terms
from schemas.risk import Halt, RiskLimits
from tests.trading.gate_books import FREE, NOON, account
from trading.gate import (
    CASH_ALLOWANCE,
    Book,
    EquityHistory,
    Moment,
    RiskHistory,
    Rules,
    SessionRisk,
    check,
    examine,
    open_book,
)
from trading.orders import OrderIntent

SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
SECTORS = {"AAA": "Energy", "BBB": "Energy", "CCC": "Health", "DDD": "Health", "EEE": "Tech"}
STRANGERS = ("ZZZ", "LATE", "HALTED")
AGENTS = ("alpha", "beta", "gamma")
HALT = Halt(by="Ada", reason="drill", since=NOON, source="cli")
QUANTITIES = tuple(
    Decimal(text)
    for text in (
        *("NaN", "sNaN", "Infinity", "-Infinity", "0", "-0", "-1", "1E+308", "-1E+308", "1E-30"),
        *("1000000000", "1000000001", "1E+12", "0.000001", "0.0000001", "123.456789"),
    )
)
FIRST = date(2020, 3, 2)
SLACK = 1 + CASH_ALLOWANCE


def random_limits(dice: random.Random) -> RiskLimits:
    """Some limits on and some off, tight and loose."""

    def maybe(chance: float, *values: str) -> Decimal | None:
        return Decimal(dice.choice(values)) if dice.random() < chance else None

    short, leverage = dice.random() < 0.4, dice.random() < 0.25
    gross = dice.choice(("1", "1.5", "2")) if short or leverage else dice.choice(("1", "0.6"))
    values: dict[str, Any] = {
        "allow_short": short,
        "allow_leverage": leverage,
        "max_gross_share": gross,
        "initial_margin_share": dice.choice(("0.25", "0.5", "0.9")),
    }
    if dice.random() < 0.35:  # so that cash and margin are what binds
        return RiskLimits.model_validate({**values, "max_gross_share": "1.5" if short else gross})
    values |= {
        "max_position_share": dice.choice(("1", "0.5", "0.2", "0.05")),
        "max_positions": dice.choice((None, 2, 4)),
        "max_net_share": maybe(0.3, "0.3", "0.8"),
        "min_cash_share": dice.choice(("0", "0", "0.05", "0.3")),
        "max_sector_share": maybe(0.3, "0.3", "0.5"),
        "sectors": SECTORS,
        "max_order_share": dice.choice(("1.05", "0.3", "0.1")),
        "max_order_value": dice.choice((None, "5000.00")),
        "max_order_quantity": dice.choice((None, 300)),
        "price_collar": maybe(0.7, "0.1", "0.5"),
        "max_volume_share": maybe(0.2, "0.01", "0.1"),
        "max_orders_per_session": dice.choice((8, 40, 200, 200)),
        "max_day_loss": maybe(0.2, "0.02"),
        "max_drawdown": maybe(0.2, "0.1"),
        "restricted": ("FFF",) if dice.random() < 0.3 else (),
    }
    if dice.random() < 0.3:
        method = dice.choice(("historical", "gaussian", "cornish_fisher"))
        most = dice.choice(("0.005", "0.03"))
        values["tail"] = [{"confidence": "0.99", "method": method, "max_var": most}]
    if dice.random() < 0.15:
        values["correlation"] = {"above": "0.5", "max_share": "0.5"}
    if dice.random() < 0.3:
        values["rules"] = [
            {"id": "t", "action": "trim", "measure": "position_share", "max": "0.15"},
            {"id": "r", "measure": "order_value", "max": 4000, "agents": ["beta"]},
        ]
    return RiskLimits.model_validate(values)


def random_terms(dice: random.Random, price: Decimal) -> Terms:
    """Terms of every kind, with prices around the last close; many are plain."""
    if dice.random() < 0.5:
        return MARKET_DAY
    kind = dice.choice(("market", "limit", "stop", "stop_limit", "trailing_stop"))
    near = [(price * Decimal(dice.choice(("0.4", "0.95", "1", "1.05", "3"))) + dice.choice((0, 1)))]
    near.append(price * Decimal(dice.choice(("0.9", "1.1"))))
    values: dict[str, Any] = {"order_type": kind, "time_in_force": dice.choice(("day", "gtc"))}
    if kind in ("market", "limit"):
        values["time_in_force"] = dice.choice(("day", "gtc", "ioc", "fok", "at_open", "at_close"))
    if kind in ("limit", "stop_limit"):
        values["limit_price"] = near[0].quantize(Decimal("0.01"))
    if kind in ("stop", "stop_limit"):
        values["stop_price"] = near[1].quantize(Decimal("0.01"))
    if kind == "trailing_stop":
        trail = {"trail_share": "0.1"} if dice.random() < 0.5 else {"trail_amount": "2.00"}
        values |= trail
    if dice.random() < 0.2:
        values["oco_group"] = dice.choice(("g1", "g2"))
    if dice.random() < 0.15:
        values["parent_id"] = dice.choice(("nobody", *"012345012345"))
    if dice.random() < 0.15:
        values["notional"] = dice.choice(("0.01", "10.00", "777.77", "90000.00", "90000000000.00"))
    return Terms.model_validate(values)


def random_units(dice: random.Random, held: Decimal, price: Decimal) -> Decimal:
    """What is held, a part of it, some part of an account, or anything at all."""
    chance = dice.random()
    if chance < 0.1:
        return dice.choice(QUANTITIES)
    if chance < 0.4 and held:
        return abs(held) * dice.choice((1, 1, 1, 2)) / dice.choice((1, 1, 2))
    money = Decimal(dice.choice((50, 400, 1500, 3000, 9000)))
    return (money * Decimal(dice.random()) / price).quantize(Decimal("0.001")) or Decimal(1)


@dataclass
class World:
    """One account, its accepted orders, and prices that move between sessions."""

    dice: random.Random
    limits: RiskLimits
    execution: ExecutionModel = FREE
    cash: Decimal = Decimal("10000.00")
    held: dict[str, Decimal] = field(default_factory=dict)
    prices: dict[str, Decimal] = field(default_factory=dict)
    working: list[tuple[str, OrderIntent]] = field(default_factory=list)
    fresh: set[str] = field(default_factory=set)
    """Orders placed in the session."""
    names: int = 0
    session: date = FIRST
    peak: Decimal = Decimal(10000)
    previous: Decimal | None = None
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.prices = {
            s: Decimal(p) for s, p in zip(SYMBOLS, (10, 50, 20, 100, 7, 300), strict=True)
        }
        self.prices["HALTED"] = Decimal(5)
        rolls = np.random.default_rng(self.dice.randrange(2**32))
        common = rolls.normal(0, 0.01, (300, 1))
        self.returns = rolls.normal(0, 0.01, (300, len(SYMBOLS))) + common * np.arange(6)
        volumes = np.full(self.returns.shape, 2e4)
        self.risk = SessionRisk(lambda: RiskHistory(SYMBOLS, self.returns, volumes))

    def equity(self) -> Decimal:
        """Cash and market values, each rounded to the cent as an account's mark is."""
        values = (to_cents(units * self.prices[s]) for s, units in self.held.items())
        return self.cash + sum(values, Decimal(0))

    def open(self, moment: Moment, orders: list[Order]) -> Book:
        tradable = frozenset((*SYMBOLS, "HALTED"))
        rules = Rules(self.limits, self.execution, tradable, risk=self.risk)
        mark = account(
            {s: str(u) for s, u in self.held.items() if u}, cash=str(self.cash), prices=self.prices
        )
        return open_book(mark, orders, prices=self.prices, rules=rules, moment=moment)

    def moment(self, *, halted: bool) -> Moment:
        return Moment(
            session=self.session,
            halt=HALT if halted else None,
            suspended=frozenset({"HALTED"}),
            equity=EquityHistory(self.previous, self.peak),
        )

    def orders(self) -> list[Order]:
        """The accepted orders as a broker would tell them, waiting children as intents."""
        alive = {name for name, _ in self.working}
        return [
            Order.model_construct(
                client_order_id=name,
                symbol=intent.symbol,
                side=intent.side,
                quantity=intent.quantity,
                terms=intent.terms,
                status="intent" if intent.terms.parent_id in alive else "accepted",
                filled_quantity=Decimal(0),
                session=self.session - timedelta(days=name not in self.fresh),
                placed_as_of=NOON,
            )
            for name, intent in self.working
        ]


def stream(seed: int, decisions: int) -> Counter[str]:
    """Run so many decisions, session by session; return what the gate said how often."""
    dice = random.Random(seed)
    world = World(dice, random_limits(dice))
    done = 0
    while done < decisions:
        halted = dice.random() < 0.03
        moment = world.moment(halted=halted)
        book = world.open(moment, world.orders())
        many = min(dice.randrange(5, 60), decisions - done)
        for _ in range(many):
            book = _decide(world, book, dice.choice(AGENTS))
        done += many
        if halted:
            assert book.orders == many, "a halt lets nothing pass"
        assert book.orders == many
        _same(book, world.open(moment, world.orders()))
        _settle(world)
    return world.seen


def _same(book: Book, again: Book) -> None:
    """A book kept order by order is the one that is built from the broker's orders."""
    assert (book.cash, book.committed) == (again.cash, again.committed)
    assert book.proceeds == again.proceeds
    for name in ("sellable", "projected", "waiting_buys", "waiting_sells", "sure_sells"):
        one, other = getattr(book, name), getattr(again, name)
        assert {s: u for s, u in one.items() if u} == {s: u for s, u in other.items() if u}


def _decide(world: World, book: Book, agent: str) -> Book:
    dice = world.dice
    symbol = dice.choice(SYMBOLS) if dice.random() < 0.95 else dice.choice(STRANGERS)
    price = world.prices.get(symbol, Decimal(1))
    units = random_units(dice, world.held.get(symbol, Decimal(0)), price)
    intent = OrderIntent(symbol, dice.choice(("buy", "sell")), units, random_terms(dice, price))
    moment = book.moment
    book = _as(book, agent)
    verdict = examine(intent, book)
    if dice.random() < 0.5 and not any(rule.action == "trim" for rule in world.limits.rules):
        assert check(intent, book) == verdict.denial
    denial, intent = verdict.denial, verdict.intent
    assert len(verdict.remark) <= 300
    if denial is None:
        assert check(intent, book) is None
        world.seen["after sells"] += intent.terms.after_sells
    if denial is not None:
        assert denial.message
        assert denial.limit
        world.seen[denial.limit] += 1
        return book.with_denial()
    world.seen["accepted"] += 1
    assert moment.halt is None
    judge(world, intent, agent)
    name = str(world.names % 6) if dice.random() < 0.3 else f"n{world.names}"
    name = name if all(name != other for other, _ in world.working) else f"n{world.names}"
    world.names += 1
    world.working.append((name, intent))
    world.fresh.add(name)
    return book.with_order(intent, order_id=name)


def _as(book: Book, agent: str) -> Book:
    return replace(book, moment=replace(book.moment, agent=agent))


# --- the second opinion --------------------------------------------------------------------------


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
        siblings = [o for o in before if o.terms.parent_id == order.terms.parent_id]
        room = _opened(world, order.terms.parent_id) - _largest(world, siblings)
        return max(units_of(world, order) - max(room, Decimal(0)), Decimal(0))
    taken = _same_side(world, order, [*before, order])
    others = taken - units_of(world, order)
    return max(taken - max(_room(world, order), others), Decimal(0))


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


# --- what the market makes of it -----------------------------------------------------------------


def _settle(world: World) -> None:
    """Fill what fills, at other prices; end what was for the day; let prices move on."""
    dice = world.dice
    world.previous = world.equity()
    for symbol, price in world.prices.items():
        moved = price * Decimal(repr(math.exp(dice.gauss(0, 0.03))))
        world.prices[symbol] = max(moved.quantize(Decimal("0.01")), Decimal("1.00"))
    rest: list[tuple[str, OrderIntent]] = []
    groups: set[str] = set()
    names = [name for name, _ in world.working]
    alive, ended = set(names), dict[str, Decimal]()
    unsold: list[int] = []
    ordered = sorted(world.working, key=lambda each: each[1].side == "buy")
    for name, order in ordered:
        terms = order.terms
        if terms.parent_id in alive:
            rest.append((name, order))
            continue
        late = terms.after_sells and any(n < names.index(name) for n in unsold)
        if late or terms.oco_group in groups:
            ended[name] = Decimal(0)
        elif dice.random() < (0.9 if terms.order_type == "market" else 0.4):
            if terms.oco_group is not None:
                groups.add(terms.oco_group)
            ended[name] = _fill(world, order)
        elif terms.time_in_force == "gtc" and dice.random() < 0.8:
            rest.append((name, order))
        else:
            ended[name] = Decimal(0)
        if order.side == "sell" and name in world.fresh and not ended.get(name):
            unsold.append(names.index(name))
    kept = ((name, _woken(order, ended)) for name, order in rest)
    found = {name: order for name, order in kept if order is not None}
    # Whose parent has gone with its own parent is gone as well.
    world.working = [
        (name, found[name])
        for name in names
        if name in found and (found[name].terms.parent_id or "") in {"", *found, *ended}
    ]
    world.fresh.clear()
    world.session += timedelta(days=1)
    world.peak = max(world.peak, world.equity())


def _woken(order: OrderIntent, ended: Mapping[str, Decimal]) -> OrderIntent | None:
    """Return what is left of an order: a child turns back no more than its parent has done."""
    parent = order.terms.parent_id or ""
    if parent not in ended:
        return order
    units = min(order.quantity, ended[parent])
    if not units:
        return None
    terms = order.terms.model_copy(update={"notional": None})
    return replace(order, quantity=units, terms=terms)


def _fill(world: World, order: OrderIntent) -> Decimal:
    """Fill it as far as the account allows; return the units."""
    price = world.prices[order.symbol]
    units = order.quantity
    if order.terms.notional is not None:
        units = (order.terms.notional / price).quantize(Decimal("0.000001"))
    held = world.held.get(order.symbol, Decimal(0))
    if order.side == "buy":
        if not world.limits.allow_leverage:
            units = min(units, max(world.cash, Decimal(0)) / price).quantize(Decimal("0.000001"))
            units = max(units - Decimal("0.000001"), Decimal(0))
        world.held[order.symbol] = held + units
        world.cash -= (units * price).quantize(Decimal("0.01"))
    else:
        if not world.limits.allow_short:
            units = min(units, max(held, Decimal(0)))
        world.held[order.symbol] = held - units
        world.cash += (units * price).quantize(Decimal("0.01"))
    return units
