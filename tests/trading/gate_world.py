"""An account in a market that moves, and random limits, terms and sizes to try the gate with."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
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
        values["parent_id"] = dice.choice(("nobody", *"0123456789"))
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


def random_child(world: World) -> OrderIntent:
    """What waits for an order that works, and turns back as much or less."""
    dice = world.dice
    name, parent = dice.choice(world.working[-8:])
    price = world.prices[parent.symbol]
    terms = random_terms(dice, price).model_copy(update={"parent_id": name, "notional": None})
    units = parent.quantity / dice.choice((1, 1, 1, 2))
    side = "sell" if parent.side == "buy" else "buy"
    return OrderIntent(parent.symbol, side, units.quantize(Decimal("0.000001")), terms)


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
