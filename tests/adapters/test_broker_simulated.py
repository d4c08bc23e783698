"""The simulated exchange keeps the contract, and its money is right to the cent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.market.bundled import load_bundled
from interfaces.broker import Posting
from schemas.errors import LimitBreached, UntrustworthyData
from schemas.orders import CostModel, Side
from tests.contracts.broker import SimulatedExchangeContract, replace_exchange
from tests.trading.samples import DAYS, FREE, NYSE, SYMBOLS, Run, table
from trading.account import CASH
from trading.ledger import verify


class TestSimulated(SimulatedExchangeContract):
    @pytest.fixture(params=["open", "close-only"])
    def run(self, request: pytest.FixtureRequest) -> Run:
        return Run(table(close_only=request.param == "close-only"))


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
    run = Run(costs=FREE)
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


def _bought(price: float, units: int) -> Fraction:
    """What `units` at that close take: 4 bps on the price, 1 bp and 0.002 a share in fees."""
    paid = _round(Fraction(repr(price)) * Fraction(10_004, 10_000), 6)
    amount = _round(units * paid, 2)
    fee = _round(units * paid / 10_000 + Fraction(units) * Fraction(2, 1000), 2)
    return amount + fee


def test_buy_and_hold_equals_an_independent_computation_to_the_cent_every_day() -> None:
    market = load_bundled(NYSE)
    sessions = NYSE.sessions(date(2019, 12, 31), date(2022, 12, 28))
    units: Mapping[str, int] = {"AAPL": 41, "AMD": 63, "GE": 17, "JNJ": 22, "XOM": 55}
    costs = CostModel(commission_per_share=Decimal("0.002"))
    run = Run(market, costs, sessions=sessions)
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


class Exchange(RuleBasedStateMachine):
    """Random sessions against the exchange; a second book is kept by hand from the fills."""

    @initialize(
        bps=st.sampled_from(["0", "1", "100"]),
        fractional=st.booleans(),
        gaps=st.lists(st.tuples(st.integers(2, 27), st.sampled_from(SYMBOLS[:3])), max_size=6),
    )
    def start(self, bps: str, fractional: bool, gaps: list[tuple[int, str]]) -> None:
        costs = CostModel(commission_bps=Decimal(bps), fractional=fractional)
        self.run = Run(table(gaps=gaps), costs)
        self.cash = Decimal("2000.00")
        self.units = dict.fromkeys(SYMBOLS, Decimal())
        self.run.begin()
        self.run.deposit("2000.00")

    def more(self) -> bool:
        return self.run.row < len(DAYS) - 1

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from(["buy", "sell"]),
        quantity=st.decimals("0.000001", "500", places=6),
        copies=st.integers(1, 3),
    )
    def order(self, symbol: str, side: Side, quantity: Decimal, copies: int) -> None:
        order = self.run.order(symbol, side, str(quantity))
        for _ in range(copies):
            self.run.exchange.submit(order)

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
        for fill in settled.fills:
            sign = 1 if fill.side == "buy" else -1
            self.cash -= sign * fill.amount + fill.commission
            self.units[fill.symbol] += sign * fill.quantity
        assert settled.mark.cash == self.cash
        assert {p.symbol: p.quantity for p in settled.mark.positions} == {
            symbol: units for symbol, units in self.units.items() if units
        }
        if killed:
            self.run = replace_exchange(self.run)
            self.run.exchange.restore(self.run.ticks)
        self.run.begin()

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
