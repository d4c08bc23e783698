"""Streams of random decisions through the gate, each that it accepts judged a second time."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from tests.trading.gate_oracle import judge
from tests.trading.gate_world import (
    AGENTS,
    STRANGERS,
    SYMBOLS,
    World,
    random_child,
    random_limits,
    random_terms,
    random_units,
)
from trading.gate import Book, check, examine
from trading.orders import OrderIntent


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
    if world.working and dice.random() < 0.15:
        intent = random_child(world)
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
    name = str(world.names)
    world.names += 1
    world.working.append((name, intent))
    world.fresh.add(name)
    return book.with_order(intent, order_id=name)


def _as(book: Book, agent: str) -> Book:
    return replace(book, moment=replace(book.moment, agent=agent))


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
