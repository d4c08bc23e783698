"""Random orders of every type over random bars: what always holds, and a crash changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from interfaces.broker import Settled
from schemas.base import ZERO
from schemas.execution import (
    AlmgrenChrissImpact,
    CorwinSchultzSpread,
    ExecutionModel,
    Financing,
    LimitTouchFills,
    Participation,
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


PRICE = st.decimals("20", "60", places=2)


@st.composite
def order_values(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["market", "limit", "stop", "stop_limit", "trailing_stop"]))
    forces = ["day", "gtc"]
    if kind in ("market", "limit"):
        forces += ["ioc", "fok", "at_open", "at_close"]
    values: dict[str, Any] = {"order_type": kind, "time_in_force": draw(st.sampled_from(forces))}
    if kind in ("limit", "stop_limit"):
        values["limit_price"] = draw(PRICE)
    if kind in ("stop", "stop_limit"):
        values["stop_price"] = draw(PRICE)
    if kind == "trailing_stop":
        if draw(st.booleans()):
            values["trail_amount"] = draw(st.decimals("0.5", "8", places=2))
        else:
            values["trail_share"] = draw(st.decimals("0.01", "0.3", places=2))
    if kind in ("market", "limit") and draw(st.integers(0, 3)) == 0:
        values["notional"] = draw(st.decimals("1", "5000", places=2))
    return values


WISHES = st.builds(
    Wish,
    row=st.integers(1, SESSIONS - 1),
    symbol=st.sampled_from(NAMES),
    side=st.sampled_from(["buy", "buy", "sell"]),
    quantity=st.decimals("0.000001", "300", places=6) | st.integers(1, 300).map(Decimal),
    values=order_values(),
    parent=st.none() | st.integers(0, 3),
    group=st.none() | st.sampled_from(["g", "h"]),
)
SCRIPTS = st.builds(
    Script,
    wishes=st.lists(WISHES, min_size=1, max_size=14),
    cancels=st.lists(st.tuples(st.integers(1, SESSIONS - 1), st.integers(0, 13)), max_size=3),
)
EXECUTIONS = st.builds(
    ExecutionModel,
    fills=st.sampled_from([ExecutionModel().fills, VwapFills(), LimitTouchFills()]),
    commission=st.sampled_from(
        [
            ExecutionModel().commission,
            PerShareCommission(per_share=Decimal("0.01"), minimum=Decimal(1)),
        ]
    ),
    spread=st.sampled_from([ExecutionModel().spread, CorwinSchultzSpread(sessions=3)]),
    slippage=st.sampled_from([ExecutionModel().slippage, VolumeShareSlippage()]),
    impact=st.sampled_from([ExecutionModel().impact, AlmgrenChrissImpact(window=3)]),
    participation=st.none() | st.just(Participation(carry_sessions=2)),
    financing=st.sampled_from(
        [Financing(), Financing(cash_rate_annual=Decimal("0.05"), day_count=365)]
    ),
    latency_seconds=st.sampled_from([0, 0, 3600, 30_000, 200_000]),
    fractional=st.booleans(),
)
LIMITS = st.sampled_from(
    [
        None,
        None,
        RiskLimits(allow_short=True),
        RiskLimits(allow_leverage=True, allow_short=True, max_gross_share=Decimal("1.5")),
    ]
)


@st.composite
def bar_rows(draw: st.DrawFn) -> list[str]:
    rows: list[str] = []
    for _ in range(SESSIONS + 1):
        low, first, last, high = sorted(draw(st.lists(PRICE, min_size=4, max_size=4)))
        if draw(st.booleans()):
            first, last = last, first
        volume = draw(st.sampled_from(["", " 0", " 900", " 50000", " 50000"]))
        rows.append(f"{first} {high} {low} {last}{volume}" if draw(st.integers(0, 9)) else "")
    rows[0] = "40 41 39 40 50000"
    return rows


ACTIONS = st.sampled_from(
    [
        (),
        (),
        (split("AAA", DAYS[3], "2:1"),),
        (split("AAA", DAYS[4], "1:7"), action("cash_dividend", "BBB", DAYS[3], cash="0.37")),
        (action("ticker_change", "AAA", DAYS[4], new_symbol="AAX"),),
        (action("delisting", "BBB", DAYS[5]),),
    ]
)


class Player:
    """Plays a script; `crashes` are the rows before which another process takes up the run."""

    def __init__(self, run: Run, script: Script) -> None:
        self.run = run
        self.script = script
        self.placed: list[Order] = []

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
            first = exchange.submit(order)
            assert exchange.submit(order) == first
            today.append(order)
        self.placed += today
        for when, place in self.script.cancels:
            if when == row and place < len(self.placed):
                order = exchange.order(self.placed[place].client_order_id)
                if order.status not in ENDED:
                    exchange.cancel(order.client_order_id)

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
    fills = [fill for each in settled for fill in each.fills]
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


def played(
    rows: tuple[list[str], list[str]],
    terms: tuple[ExecutionModel, RiskLimits | None],
    script: Script,
    *,
    actions: tuple[CorporateAction, ...],
    crashes: frozenset[int],
) -> tuple[Player, list[Settled]]:
    market = bar_market(dict(zip(NAMES, rows, strict=True)), actions=actions)
    player = Player(Run(market, terms[0], limits=terms[1]), script)
    return player, player.play(crashes=crashes)


def sweep(
    rows: tuple[list[str], list[str]],
    terms: tuple[ExecutionModel, RiskLimits | None],
    script: Script,
    actions: tuple[CorporateAction, ...],
    crashes: frozenset[int],
) -> None:
    player, settled = played(rows, terms, script, actions=actions, crashes=frozenset())
    check(player, settled, dict(zip(NAMES, rows, strict=True)))
    again, other = played(rows, terms, script, actions=actions, crashes=crashes)
    assert other == settled
    assert [again.run.exchange.order(o.client_order_id) for o in again.placed] == [
        player.run.exchange.order(o.client_order_id) for o in player.placed
    ]


GENERATE = (Phase.generate,)
"""A script is read as easily as a shrunken one, and shrinking takes minutes."""

ANY = given(
    rows=st.tuples(bar_rows(), bar_rows()),
    terms=st.tuples(EXECUTIONS, LIMITS),
    script=SCRIPTS,
    actions=ACTIONS,
    crashes=st.frozensets(st.integers(2, SESSIONS - 1), min_size=1),
)


@pytest.mark.promise("ledger-balances")
@pytest.mark.promise("no-duplicate-order")
@ANY
@settings(max_examples=40, phases=GENERATE)
def test_random_orders_keep_to_every_rule_and_a_crash_changes_nothing(
    rows: Any, terms: Any, script: Script, actions: Any, crashes: frozenset[int]
) -> None:
    sweep(rows, terms, script, actions, crashes)


@pytest.mark.long
@pytest.mark.promise("ledger-balances")
@pytest.mark.promise("no-duplicate-order")
@ANY
@settings(max_examples=3000, phases=GENERATE)
def test_random_orders_at_length(
    rows: Any, terms: Any, script: Script, actions: Any, crashes: frozenset[int]
) -> None:
    sweep(rows, terms, script, actions, crashes)
