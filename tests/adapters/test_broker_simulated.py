"""The simulated exchange keeps the contract, and its money is right to the cent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.market.bundled import load_bundled
from adapters.market.table import PriceTable
from interfaces.broker import Posting
from schemas.errors import LimitBreached, UntrustworthyData
from schemas.execution import ExecutionModel, PerShareCommission, flat_costs
from schemas.facts import CorporateAction
from schemas.orders import ENDED, MARKET_DAY, Order, Side, Terms
from tests.adapters.acted import action, made, market, smooth, split, traded
from tests.contracts.broker import SimulatedExchangeContract, replace_exchange
from tests.trading.samples import DAYS, FREE, NYSE, SYMBOLS, Run, table
from trading.account import CASH
from trading.ledger import verify
from trading.order_states import MOVES


class TestSimulated(SimulatedExchangeContract):
    @pytest.fixture(params=["open", "close-only"])
    def run(self, request: pytest.FixtureRequest) -> Run:
        return Run(table(close_only=request.param == "close-only"))

    @pytest.fixture
    def acted(self) -> Run:
        dividend = action("cash_dividend", "AAA", DAYS[6], cash="0.50")
        return Run(made([split("AAA", DAYS[5], "3:2"), dividend]))


def exact(price: float) -> Decimal:
    return Decimal(repr(float(price))).quantize(Decimal("0.000001"))


def test_fills_are_at_the_open_and_at_the_close_where_only_closes_exist() -> None:
    for close_only, convention in ((False, "open"), (True, "close")):
        run = Run(table(close_only=close_only), FREE)
        run.begin()
        run.deposit("1000.00")
        run.submit("AAA", "buy", "2")
        session = run.session
        (fill,) = run.end().fills
        bars = run.market.view(run.clock.now()).bars("AAA", start=session, end=session)
        price = bars.close[0] if close_only else bars.open[0]
        assert (fill.convention, fill.price) == (convention, exact(price))
        assert close_only or bars.open[0] != bars.close[0]


def test_sells_pay_for_buys_of_the_same_session() -> None:
    run = Run(execution=FREE)
    run.begin()
    run.deposit("1000.00")
    run.submit("AAA", "buy", "999")
    run.end()
    run.begin()
    buy = run.submit("BBB", "buy", "20")
    run.submit("AAA", "sell", "5")
    settled = run.end()
    assert [fill.side for fill in settled.fills] == ["sell", "buy"]
    assert settled.orders[0].client_order_id == buy.client_order_id


def test_an_order_in_a_session_without_a_bar_is_cancelled_and_the_holding_keeps_its_value() -> None:
    run = Run(table(gaps=[(2, "AAA")]))
    run.begin()
    run.deposit("1000.00")
    run.submit("AAA", "buy", "1")
    before = run.end().mark.positions
    run.begin()
    run.submit("AAA", "sell", "1")
    settled = run.end()
    assert [order.status for order in settled.orders] == ["cancelled"]
    assert "no price in the session" in str(settled.orders[0].status_reason)
    assert settled.mark.positions == before


def test_a_symbol_that_is_listed_later_cannot_be_bought_before() -> None:
    run = Run()
    run.begin()
    run.deposit("1000.00")
    run.submit("LATE", "buy", "1")
    assert run.end().orders[0].status == "cancelled"


def test_a_tick_that_disagrees_with_its_ledger_is_not_built_upon() -> None:
    run = Run()
    for _ in range(3):
        run.begin()
        run.deposit("10.00")
        run.end()
    wrong = run.ticks[1].model_copy(update={"ledger_hash": "0" * 64})
    with pytest.raises(UntrustworthyData, match="tick 1 does not agree"):
        replace_exchange(run).exchange.restore([run.ticks[0], wrong, run.ticks[2]])
    with pytest.raises(UntrustworthyData, match="broken at tick 2"):
        replace_exchange(run).exchange.restore([run.ticks[0], run.ticks[2]])


# --- buy and hold, computed a second way: integers and fractions, no code of the house ---


def _round(value: Fraction, places: int) -> Fraction:
    return Fraction(round(value * 10**places), 10**places)


def _money(value: Fraction) -> Decimal:
    return Decimal(round(value * 100)).scaleb(-2)


def _bought(price: float, units: int) -> Fraction:
    """What `units` at that close take: 4 bps on the price and 0.002 a share in fees."""
    paid = _round(Fraction(repr(price)) * Fraction(10_004, 10_000), 6)
    amount = _round(units * paid, 2)
    fee = _round(Fraction(units) * Fraction(2, 1000), 2)
    return amount + fee


def test_buy_and_hold_equals_an_independent_computation_to_the_cent_every_day() -> None:
    market = load_bundled(NYSE)
    sessions = NYSE.sessions(date(2019, 12, 31), date(2022, 12, 28))
    units: Mapping[str, int] = {"AAPL": 41, "AMD": 63, "GE": 17, "JNJ": 22, "XOM": 55}
    execution = ExecutionModel(commission=PerShareCommission(per_share=Decimal("0.002")))
    run = Run(market, execution, sessions=sessions)
    run.begin()
    run.deposit("100000.00")
    for symbol, count in units.items():
        run.submit(symbol, "buy", str(count))
    closes = {
        symbol: market.view(NYSE.opens_at(date(2023, 1, 3))).bars(
            symbol, start=sessions[1], end=sessions[-1]
        )
        for symbol in units
    }
    cash = Fraction(100_000) - sum(
        _bought(float(closes[symbol].close[0]), count) for symbol, count in units.items()
    )
    assert len(sessions) == 755
    for day, session in enumerate(sessions[1:]):
        if day:
            run.begin()
        mark = run.end().mark
        expected = cash + sum(
            _round(count * Fraction(repr(float(closes[symbol].close[day]))), 2)
            for symbol, count in units.items()
        )
        assert mark.session == session
        assert Fraction(mark.cash) == cash
        assert Fraction(mark.equity) == expected


# --- any sequence of trades, deposits and loan postings, killed and taken up again at will ---


HELD = ("AAA", "BBB", "CCC")
RATIOS = ("2:1", "15:1", "1:10", "3:2", "21:20", "7:3")
TERMS = st.one_of(
    st.just(MARKET_DAY),
    st.builds(
        Terms,
        order_type=st.just("limit"),
        time_in_force=st.sampled_from(["day", "gtc", "ioc", "fok", "at_open", "at_close"]),
        limit_price=st.decimals("20", "110", places=2),
    ),
    st.builds(
        Terms,
        order_type=st.just("stop"),
        time_in_force=st.sampled_from(["day", "gtc"]),
        stop_price=st.decimals("20", "110", places=2),
    ),
    st.builds(
        Terms,
        order_type=st.just("trailing_stop"),
        time_in_force=st.just("gtc"),
        trail_share=st.decimals("0.005", "0.05", places=3),
    ),
    st.builds(Terms, notional=st.decimals("1", "9000", places=2)),
)
ACTIONS = st.lists(
    st.tuples(
        st.integers(2, 27),
        st.sampled_from(HELD),
        st.sampled_from([*RATIOS, "dividend", "rename", "merger", "delisting"]),
    ),
    max_size=8,
    unique_by=lambda drawn: (drawn[0], drawn[1], drawn[2] in RATIOS or drawn[2]),
)


def acted_market(
    drawn: list[tuple[int, str, str]], gaps: list[tuple[int, str]]
) -> tuple[PriceTable, list[CorporateAction]]:
    """Return a market as traded around the actions drawn, and those of them that make sense.

    An instrument has a bar on its ex-dates, ends once, and is renamed once.
    """
    actions: list[CorporateAction] = []
    over: set[tuple[str, str]] = set()
    for row, name, what in sorted(drawn, key=lambda one: (one[0], one[2] in ENDS)):
        once = "end" if what in ENDS else what
        if (name, "end") in over or (name, once) in over:
            continue
        if once in ("end", "rename"):
            over.add((name, once))
        actions.append(_drawn(name, DAYS[row], what))
    acts = {(DAYS.index(each.ex_date), each.instrument) for each in actions}
    start, close = (traded(values, HELD, actions) for values in smooth(HELD))
    for row, name in {*gaps} - acts:
        start[row, HELD.index(name)] = close[row, HELD.index(name)] = np.nan
    return market(np.round(start, 4), np.round(close, 4), HELD, actions=actions), actions


ENDS = ("merger", "delisting")


def _drawn(name: str, day: date, what: str) -> CorporateAction:
    if what == "dividend":
        return action("cash_dividend", name, day, cash="0.0137")
    if what == "rename":
        return action("ticker_change", name, day, new_symbol=f"{name}X")
    if what == "merger":
        return action("cash_merger", name, day, cash="41.0505")
    return action("delisting", name, day) if what == "delisting" else split(name, day, what)


class Exchange(RuleBasedStateMachine):
    """Random sessions against the exchange; a second book is kept by hand.

    From the fills and, in fractions, from the actions drawn.
    """

    @initialize(
        bps=st.sampled_from(["0", "1", "100"]),
        fractional=st.booleans(),
        gaps=st.lists(st.tuples(st.integers(2, 27), st.sampled_from(HELD)), max_size=6),
        drawn=ACTIONS,
    )
    def start(
        self,
        bps: str,
        *,
        fractional: bool,
        gaps: list[tuple[int, str]],
        drawn: list[tuple[int, str, str]],
    ) -> None:
        execution = flat_costs(commission=bps, fractional=fractional)
        made_of, self.actions = acted_market(drawn, gaps)
        self.run = Run(made_of, execution)
        self.cash = Decimal("20000.00")
        self.units: dict[str, Decimal] = dict.fromkeys(HELD, Decimal())
        self.ticker = {name: name for name in HELD}
        self.placed: dict[str, Order] = {}
        self.filled: dict[str, Decimal] = {}
        self.run.begin()
        self.run.deposit("20000.00")

    def more(self) -> bool:
        return self.run.row < len(DAYS) - 1

    @rule(
        name=st.sampled_from(HELD),
        side=st.sampled_from(["buy", "buy", "sell"]),
        quantity=st.decimals("0.000001", "500", places=6),
        terms=TERMS,
        copies=st.integers(1, 3),
    )
    def order(self, name: str, side: Side, quantity: Decimal, terms: Terms, copies: int) -> None:
        order = self.run.order(self.ticker[name], side, str(quantity), terms)
        for _ in range(copies):
            self.run.exchange.submit(order)
        self.placed[order.client_order_id] = order

    @rule(place=st.integers(0, 200))
    def cancel(self, place: int) -> None:
        names = list(self.placed)
        order = self.run.exchange.order(names[place % len(names)]) if names else None
        if order is not None and order.status not in ENDED:
            assert self.run.exchange.cancel(order.client_order_id).status == "cancelled"

    @rule(amount=st.decimals("0.01", "900", places=2))
    def deposit(self, amount: Decimal) -> None:
        self.run.deposit(str(amount))
        self.cash += amount

    @rule(amount=st.decimals("0.01", "900", places=2))
    def instalment(self, amount: Decimal) -> None:
        interest = (amount / 10).quantize(Decimal("0.01"))
        postings = [
            Posting(CASH, -amount),
            Posting("loan:interest_income", -interest),
            Posting("loan:principal", interest - amount),
            Posting("lender:funding", 2 * amount),
        ]
        if amount > self.cash:
            with pytest.raises(LimitBreached):
                self.run.exchange.post("instalment", "instalment", postings)
            return
        self.run.exchange.post("instalment", "instalment", postings)
        self.cash -= amount

    @precondition(more)
    @rule(killed=st.booleans())
    def end(self, killed: bool) -> None:
        settled = self.run.end()
        names = {ticker: name for name, ticker in self.ticker.items()}
        for fill in settled.fills:
            sign = 1 if fill.side == "buy" else -1
            self.cash -= sign * fill.amount + fill.commission
            self.units[names[fill.symbol]] += sign * fill.quantity
            before = self.filled.get(fill.client_order_id, Decimal())
            self.filled[fill.client_order_id] = before + fill.quantity
        assert settled.mark.cash == self.cash
        assert {p.symbol: p.quantity for p in settled.mark.positions} == self.held()
        prices = {name: self.close(name) for name in HELD if self.units[name]}
        if killed:
            self.run = replace_exchange(self.run)
            self.run.exchange.restore(self.run.ticks)
        self.run.begin()
        bought_out = [self.act(each, prices) for each in self.actions if self.is_due(each)]
        after = self.run.exchange.account()
        assert {p.symbol: p.quantity for p in after.positions} == self.held()
        moved = after.equity - settled.mark.equity - sum(bought_out)
        assert abs(moved) <= Decimal("0.01") * len(bought_out)

    def held(self) -> dict[str, Decimal]:
        return {self.ticker[name]: units for name, units in self.units.items() if units}

    def close(self, name: str) -> Fraction:
        last = self.run.market.view(self.run.clock.now()).last_close(self.ticker[name])
        assert last is not None
        return Fraction(repr(last[1]))

    def is_due(self, each: CorporateAction) -> bool:
        return each.ex_date == self.run.session and bool(
            self.units[each.instrument] or each.kind == "ticker_change"
        )

    def act(self, each: CorporateAction, prices: dict[str, Fraction]) -> Decimal:
        """Keep the second book; return by how much the account's value may rightly jump."""
        name = each.instrument
        units = Fraction(self.units[name])
        if each.kind == "ticker_change":
            self.ticker[name] = str(each.new_symbol)
        elif each.kind == "split":
            ratio = Fraction(str(each.new_units)) / Fraction(str(each.old_units))
            step = Fraction(1, 1_000_000) if self.run.execution.fractional else Fraction(1)
            kept = units * ratio // step * step
            prices[name] /= ratio
            self.cash += _money((units * ratio - kept) * prices[name])
            self.units[name] = Decimal(int(kept * 1_000_000)).scaleb(-6)
        elif each.cash is not None:
            paid = _money(units * Fraction(each.cash))
            self.cash += paid
            if each.kind == "cash_merger":
                self.units[name] = Decimal()
                return paid - _money(units * prices[name])
        return Decimal()

    @invariant()
    def cash_and_positions_are_the_equity(self) -> None:
        mark = self.run.exchange.account()
        assert mark.cash == self.cash >= 0
        assert mark.equity == mark.cash + sum(p.market_value for p in mark.positions)
        view = self.run.market.view(self.run.clock.now())
        for position in mark.positions:
            last = view.last_close(position.symbol)
            assert last is not None
            value = Fraction(position.quantity) * Fraction(repr(last[1]))
            assert Fraction(position.market_value) == _round(value, 2)

    @invariant()
    def every_order_is_where_its_fills_and_its_way_have_brought_it(self) -> None:
        for name in self.placed:
            order = self.run.exchange.order(name)
            assert order.filled_quantity == self.filled.get(name, 0)
            assert order.history[-1].status == order.status
            way = [each.status for each in order.history]
            assert all(later in MOVES[earlier] for earlier, later in pairwise(way))
        working = {name for name in self.placed if self.status(name) not in ENDED}
        assert working <= {order.client_order_id for order in self.run.exchange.orders()}

    def status(self, name: str) -> str:
        return self.run.exchange.order(name).status

    @invariant()
    def no_cost_is_left_without_units(self) -> None:
        costs = {p.symbol: p.cost for p in self.run.exchange.account().positions}
        assert all(cost >= 0 for cost in costs.values())

    def teardown(self) -> None:
        if not hasattr(self, "run"):
            return
        made = [each for tick in self.run.ticks for each in tick.transactions]
        tip = self.run.ticks[-1].ledger_hash if self.run.ticks else None
        assert verify(made, tip=tip).fault is None
        totals: dict[str, Decimal] = {}
        for each in made:
            for entry in each.entries:
                totals[entry.account] = totals.get(entry.account, Decimal()) + entry.amount
        assert sum(totals.values()) == 0
        held = self.run.ticks[-1].mark.positions if self.run.ticks else ()
        carried = {f"assets:positions:{p.symbol}": p.cost for p in held}
        for account, amount in totals.items():
            if account.startswith("assets:positions:"):
                assert amount == carried.get(account, 0)


@pytest.mark.promise("ledger-balances")
class TestExchange(Exchange.TestCase):
    settings = settings(max_examples=30, stateful_step_count=30)


@pytest.mark.long
@pytest.mark.promise("ledger-balances")
class TestExchangeAtLength(Exchange.TestCase):
    settings = settings(max_examples=800, stateful_step_count=80)


@pytest.mark.promise("no-look-ahead")
def test_a_session_ends_the_same_whatever_prices_come_after_it() -> None:
    whole = table(close_only=True)
    cut = table(close_only=True, gaps=[(row, name) for row in range(6, 31) for name in SYMBOLS])
    assert np.isnan(cut.view(NYSE.opens_at(DAYS[-1])).closes(SYMBOLS[:3], 99).values).sum() == 0

    def ended(market: object) -> list[object]:
        run = Run(market)  # type: ignore[arg-type]
        found: list[object] = []
        for number in range(5):
            run.begin()
            if not number:
                run.deposit("500.00")
            run.submit("AAA", "buy" if number % 2 else "sell", "1.5")
            run.submit("BBB", "buy", "20")
            found += [run.exchange.account(), run.end()]
        return found

    assert ended(whole) == ended(cut)
