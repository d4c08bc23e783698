"""Random orders of every type over random bars: what always holds, and a crash changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from interfaces.broker import Settled
from schemas.base import ZERO, to_micro
from schemas.execution import (
    AlmgrenChrissImpact,
    CloseFills,
    CorwinSchultzSpread,
    ExecutionModel,
    Financing,
    LimitTouchFills,
    Participation,
    PerOrderCommission,
    PerShareCommission,
    VolumeShareSlippage,
    VwapFills,
)
from schemas.facts import CorporateAction
from schemas.orders import ENDED, Fill, Order, Side, Terms
from schemas.risk import RiskLimits
from tests.adapters.acted import action, split
from tests.adapters.bar_markets import bar_market
from tests.contracts.broker import replace_exchange
from tests.trading.samples import DAYS, Run
from trading.ledger import verify
from trading.order_states import MOVES

SESSIONS = 9
NAMES = ("AAA", "BBB")
PHASES = {"open": 0, "close": 2}


@dataclass(frozen=True)
class Wish:
    """One order of a script; ties are to earlier orders of its session, by place."""

    row: int
    symbol: str
    side: Side
    quantity: Decimal
    values: dict[str, Any]
    parent: int | None
    group: str | None


@dataclass(frozen=True)
class Script:
    """What is placed in each session, and which orders are cancelled, by place, at which open."""

    wishes: list[Wish]
    cancels: list[tuple[int, int]]


EXECUTION: dict[str, tuple[Any, ...]] = {
    "fills": (ExecutionModel().fills, CloseFills(), VwapFills(), LimitTouchFills()),
    "commission": (
        ExecutionModel().commission,
        PerOrderCommission(fee=Decimal("1.50")),
        PerShareCommission(per_share=Decimal("0.01"), minimum=Decimal(1)),
    ),
    "spread": (ExecutionModel().spread, CorwinSchultzSpread(sessions=3)),
    "slippage": (ExecutionModel().slippage, VolumeShareSlippage()),
    "impact": (ExecutionModel().impact, AlmgrenChrissImpact(window=3)),
    "participation": (None, Participation(carry_sessions=2)),
    "financing": (Financing(), Financing(cash_rate_annual=Decimal("0.05"), day_count=365)),
    "latency_seconds": (0, 0, 0, 3600, 30_000, 200_000),
    "fractional": (True, False),
    "lots": ("fifo", "lifo", "highest_cost"),
}
LIMITS = (
    None,
    None,
    RiskLimits(allow_short=True),
    RiskLimits(allow_leverage=True, max_gross_share=Decimal(2)),
    RiskLimits(allow_leverage=True, allow_short=True, max_gross_share=Decimal("1.5")),
)
ACTIONS: tuple[tuple[CorporateAction, ...], ...] = (
    (),
    (),
    (split("AAA", DAYS[3], "2:1"),),
    (split("AAA", DAYS[4], "1:7"), action("cash_dividend", "BBB", DAYS[3], cash="0.37")),
    (action("ticker_change", "AAA", DAYS[4], new_symbol="AAX"),),
    (action("delisting", "BBB", DAYS[5]),),
)


@dataclass(frozen=True)
class World:
    """Everything a random run is made of."""

    rows: dict[str, list[str]]
    execution: ExecutionModel
    limits: RiskLimits | None
    script: Script
    actions: tuple[CorporateAction, ...]
    crashes: frozenset[int]


def world_of(seed: int) -> World:
    """Draw one."""
    random = Random(seed)
    actions = random.choice(ACTIONS)
    return World(
        rows={name: _bars(random, name, actions) for name in NAMES},
        execution=ExecutionModel.model_validate(
            {name: random.choice(choices) for name, choices in EXECUTION.items()}
        ),
        limits=random.choice(LIMITS),
        script=Script(
            wishes=[_wish(random) for _ in range(random.randint(4, 24))],
            cancels=[(random.randint(1, SESSIONS - 1), random.randint(0, 20)) for _ in range(2)],
        ),
        actions=actions,
        crashes=frozenset(random.sample(range(2, SESSIONS), random.randint(1, 4))),
    )


def _bars(random: Random, name: str, actions: tuple[CorporateAction, ...]) -> list[str]:
    """Draw a walk as it was traded around a split; now and then there is no bar or no volume."""
    close, rows = 40.0, list[str]()
    for row in range(SESSIONS + 1):
        for each in actions:
            if each.instrument == name and each.ex_date == DAYS[row] and each.ratio is not None:
                close /= float(each.ratio)
        first = close * (1 + random.gauss(0, 0.02))
        last = first * (1 + random.gauss(0, 0.03))
        high = max(first, last) * (1 + abs(random.gauss(0, 0.02)))
        low = min(first, last) * (1 - abs(random.gauss(0, 0.02)))
        volume = random.choice(("", " 0", " 900", *[" 50000"] * 6))
        text = " ".join(f"{price:.2f}" for price in (first, high, low, last)) + volume
        rows.append(text if row == 0 or random.random() > 0.07 else "")
        close = last
    return rows


def _wish(random: Random) -> Wish:
    kind = random.choice(("market", "market", "limit", "stop", "stop_limit", "trailing_stop"))
    forces = ["day", "gtc", "gtc"]
    if kind in ("market", "limit"):
        forces += ["ioc", "fok", "at_open", "at_close"]
    values: dict[str, Any] = {"order_type": kind, "time_in_force": random.choice(forces)}
    if kind in ("limit", "stop_limit"):
        values["limit_price"] = f"{random.uniform(36, 44):.2f}"
    if kind in ("stop", "stop_limit"):
        values["stop_price"] = f"{random.uniform(36, 44):.2f}"
    if kind == "trailing_stop":
        amount = random.random() < 0.5
        values["trail_amount" if amount else "trail_share"] = (
            f"{random.uniform(0.2, 4):.2f}" if amount else f"{random.uniform(0.01, 0.1):.3f}"
        )
    if kind in ("market", "limit") and random.random() < 0.2:
        values["notional"] = f"{random.uniform(1, 5000):.2f}"
    values["after_sells"] = random.random() < 0.25
    units = random.uniform(0.000001, 900) if random.random() < 0.5 else random.randint(1, 400)
    return Wish(
        row=random.randint(1, SESSIONS - 1),
        symbol=random.choice(NAMES),
        side=random.choice(("buy", "buy", "sell")),
        quantity=to_micro(float(units)),
        values=values,
        parent=random.choice((None, None, 0, 1)),
        group=random.choice((None, None, None, "g", "h")),
    )


class Player:
    """Plays a script; `crashes` are the rows before which another process takes up the run."""

    def __init__(self, run: Run, script: Script) -> None:
        self.run = run
        self.script = script
        self.placed: list[Order] = []
        self.needed: dict[str, list[str]] = {}
        """The sells that worked when a buy came that needs them: no stops, no ties."""

    def play(self, *, crashes: frozenset[int]) -> list[Settled]:
        found: list[Settled] = []
        for row in range(1, SESSIONS):
            if row in crashes:
                self.run = replace_exchange(self.run)
                self.run.exchange.restore(
                    tick.model_validate_json(tick.model_dump_json()) for tick in self.run.ticks
                )
            self.run.begin()
            if row == 1:
                self.run.deposit("20000.00")
            self.place(row)
            found.append(self.run.end())
        return found

    def place(self, row: int) -> None:
        exchange = self.run.exchange
        today: list[Order] = []
        for wish in self.script.wishes:
            if wish.row != row:
                continue
            ties: dict[str, Any] = {"oco_group": wish.group}
            if wish.parent is not None and wish.parent < len(today):
                ties["parent_id"] = today[wish.parent].client_order_id
            asked = Terms.model_validate({**wish.values, **ties})
            symbol = "AAX" if wish.symbol == "AAA" and row > 4 and self.renamed else wish.symbol
            order = self.run.order(symbol, wish.side, str(wish.quantity), asked)
            if asked.after_sells and wish.side == "buy":
                self.needed[order.client_order_id] = self.selling()
            first = exchange.submit(order)
            assert exchange.submit(order) == first
            today.append(order)
        self.placed += today
        for when, place in self.script.cancels:
            if when == row and place < len(self.placed):
                order = exchange.order(self.placed[place].client_order_id)
                if order.status not in ENDED:
                    exchange.cancel(order.client_order_id)

    def selling(self) -> list[str]:
        return [
            order.client_order_id
            for order in self.run.exchange.orders()
            if order.side == "sell"
            and order.is_working
            and order.terms.order_type in ("market", "limit")
            and order.terms.parent_id is None
            and order.terms.oco_group is None
        ]

    @property
    def renamed(self) -> bool:
        return "AAX" in self.run.market.info().symbols


def check(player: Player, settled: list[Settled], rows: Mapping[str, Sequence[str]]) -> None:
    run = player.run
    made = [each for tick in run.ticks for each in tick.transactions]
    assert verify(made, tip=run.ticks[-1].ledger_hash).fault is None
    limits = run.limits or RiskLimits()
    for each in settled:
        assert each.mark.equity == each.mark.cash + each.mark.market_value + each.mark.accrued
        assert each.mark.cash >= 0 or limits.allow_leverage
        assert limits.allow_short or all(p.quantity > 0 for p in each.mark.positions)
        phases = [PHASES.get(fill.convention, 1) for fill in each.fills]
        assert phases == sorted(phases)
    fills = [fill for each in settled for fill in each.fills]
    check_needs(player, [fill.client_order_id for fill in fills])
    assert len({fill.fill_id for fill in fills}) == len(fills)
    assert run.exchange.fills(since=DAYS[0]) == tuple(fills)
    orders = [run.exchange.order(each.client_order_id) for each in player.placed]
    for order in orders:
        own = [fill for fill in fills if fill.client_order_id == order.client_order_id]
        assert order.filled_quantity == sum((fill.quantity for fill in own), ZERO)
        assert order.terms.notional or order.filled_quantity <= order.quantity
        assert (order.status == "filled") == (
            bool(own) and (order.terms.notional is not None or not order.remaining)
        ) or order.terms.notional
        check_path(order)
        for fill in own:
            check_prices(run, fill, rows)
    for group in ("g", "h"):
        filled = [o for o in orders if o.terms.oco_group == group and o.filled_quantity]
        assert len({o.client_order_id for o in filled}) <= len(
            {o.session for o in orders if o.terms.oco_group == group}
        )


def check_needs(player: Player, filled: list[str]) -> None:
    """See that a buy that needed sells filled after all of them had, whole."""
    for name, sells in player.needed.items():
        if name not in filled:
            continue
        first = filled.index(name)
        for sell in sells:
            assert player.run.exchange.order(sell).status == "filled"
            assert sell in filled[:first]
            assert sell not in filled[first:]


def check_path(order: Order) -> None:
    assert order.history[0].status == "intent"
    assert order.history[-1].status == order.status
    for earlier, later in pairwise(order.history):
        assert later.status in MOVES[earlier.status]
        assert earlier.at <= later.at
    if order.status in ENDED - {"filled"}:
        assert order.status_reason


def check_prices(run: Run, fill: Fill, rows: Mapping[str, Sequence[str]]) -> None:
    """Compare a fill with the bar as it was written, and with the order as it was that day."""
    name = "AAA" if fill.symbol == "AAX" else fill.symbol
    _, high, low, _ = (Decimal(each) for each in rows[name][DAYS.index(fill.session)].split()[:4])
    assert low <= fill.reference_price <= high
    sign = 1 if fill.side == "buy" else -1
    assert (fill.price - fill.reference_price) * sign >= 0
    (tick,) = (each for each in run.ticks if each.session == fill.session)
    (order,) = (one for one in tick.orders if one.client_order_id == fill.client_order_id)
    if order.terms.limit_price is not None:
        assert (fill.price - order.terms.limit_price) * sign <= 0


def played(world: World, *, crashes: frozenset[int]) -> tuple[Player, list[Settled]]:
    market = bar_market(world.rows, actions=world.actions)
    player = Player(Run(market, world.execution, limits=world.limits), world.script)
    return player, player.play(crashes=crashes)


def sweep(seed: int) -> None:
    world = world_of(seed)
    player, settled = played(world, crashes=frozenset())
    check(player, settled, world.rows)
    again, other = played(world, crashes=world.crashes)
    assert other == settled
    assert [again.run.exchange.order(each.client_order_id) for each in again.placed] == [
        player.run.exchange.order(each.client_order_id) for each in player.placed
    ]


@pytest.mark.promise("ledger-balances")
@pytest.mark.promise("no-duplicate-order")
@pytest.mark.parametrize("seed", range(60))
def test_random_orders_keep_to_every_rule_and_a_crash_changes_nothing(seed: int) -> None:
    sweep(seed)


@pytest.mark.promise("no-look-ahead")
@pytest.mark.parametrize("seed", range(20))
def test_a_session_ends_the_same_whatever_bars_come_after_it(seed: int) -> None:
    world = world_of(seed)
    _, settled = played(world, crashes=frozenset())
    last = 1 + seed % (SESSIONS - 1)
    other = world_of(seed + 777).rows
    mixed = {
        name: [*rows[: last + 1], *other[name][last + 1 :]] for name, rows in world.rows.items()
    }
    _, again = played(replace(world, rows=mixed), crashes=frozenset())
    assert again[:last] == settled[:last]


@pytest.mark.long
@pytest.mark.promise("ledger-balances")
@pytest.mark.promise("no-duplicate-order")
@pytest.mark.parametrize("block", range(40))
def test_random_orders_at_length(block: int) -> None:
    for seed in range(1000 + 500 * block, 1500 + 500 * block):
        sweep(seed)
