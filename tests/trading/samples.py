"""A small market with opens and closes, a run on it, and orders to place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from adapters.broker.simulated import SimulatedBroker
from adapters.calendar import ExchangeCalendar
from adapters.clock import SimulatedClock
from adapters.market.table import PriceArrays, PriceTable
from interfaces.broker import Posting, Settled
from schemas.execution import ExecutionModel, flat_costs
from schemas.market import DatasetInfo
from schemas.orders import MARKET_DAY, Order, Side, Terms
from schemas.risk import RiskLimits
from schemas.tick import Tick
from trading.account import CAPITAL, CASH
from trading.order_states import intend
from trading.orders import OrderIntent, client_order_id

NYSE = ExchangeCalendar("XNYS")
DAYS = NYSE.sessions(date(2020, 1, 2), date(2020, 2, 14))
SYMBOLS = ("AAA", "BBB", "CCC", "LATE")
FREE = flat_costs(commission="0", half_spread="0", slippage="0")
PAST_CLOSE = timedelta(seconds=1)


def table(*, close_only: bool = False, gaps: Iterable[tuple[int, str]] = ()) -> PriceTable:
    """Random walks; LATE is listed on the tenth session; `gaps` are (row, symbol) without a bar."""
    generator = np.random.default_rng(5)
    steps = generator.normal(0, 0.02, (len(DAYS), len(SYMBOLS)))
    close = np.round(np.array([100.0, 7.5, 0.35, 40.0]) * np.exp(np.cumsum(steps, axis=0)), 4)
    close[:10, SYMBOLS.index("LATE")] = np.nan
    for row, symbol in gaps:
        close[row, SYMBOLS.index(symbol)] = np.nan
    start = np.round(close * (1 + generator.normal(0, 0.005, close.shape)), 4)
    start = close if close_only else start
    high, low = np.fmax(start, close), np.fmin(start, close)
    days = np.array(DAYS, "datetime64[D]")
    arrays = PriceArrays(SYMBOLS, days, start, high, low, close, np.full_like(close, np.nan))
    info = DatasetInfo(
        name="made",
        description="generated",
        data_hash=arrays.digest(),
        calendar="XNYS",
        currency="USD",
        close_only=close_only,
        adjustment="raw",
        symbols=SYMBOLS,
        benchmarks=(),
        caveats=(),
    )
    return PriceTable(info, arrays, NYSE)


class Run:
    """A run without agents: begin, do something, end; it keeps its ticks as a store would."""

    def __init__(
        self,
        market: PriceTable | None = None,
        execution: ExecutionModel | None = None,
        *,
        first: int = 1,
        sessions: Sequence[date] = DAYS,
        limits: RiskLimits | None = None,
    ) -> None:
        self.market = market or table()
        self.execution = execution or ExecutionModel()
        self.sessions = sessions
        self.limits = limits
        self.row = first
        self.ticks: list[Tick] = []
        self.clock = SimulatedClock(NYSE.opens_at(sessions[first]))
        self.exchange = self.new_exchange()

    def new_exchange(self) -> SimulatedBroker:
        return SimulatedBroker(
            clock=self.clock,
            market=self.market,
            run_key="a" * 64,
            currency="USD",
            execution=self.execution,
            limits=self.limits,
        )

    @property
    def session(self) -> date:
        return self.sessions[self.row]

    def begin(self) -> None:
        self.clock.move_to(NYSE.opens_at(self.session))
        self.exchange.begin(len(self.ticks), self.session)

    def deposit(self, cash: str) -> None:
        amount = Decimal(cash)
        self.exchange.post("deposit", "Capital", [Posting(CASH, amount), Posting(CAPITAL, -amount)])

    def past_close(self) -> None:
        self.clock.move_to(NYSE.closes_at(self.session) + PAST_CLOSE)

    def end(self) -> Settled:
        self.past_close()
        self.exchange.settle()
        settled = self.exchange.end()
        self.ticks.append(
            Tick(
                n=len(self.ticks),
                session=self.session,
                as_of=NYSE.opens_at(self.session),
                events=("trading_day",),
                orders=settled.orders,
                fills=settled.fills,
                transactions=settled.transactions,
                mark=settled.mark,
                ledger_hash=settled.ledger_hash,
            )
        )
        self.row += 1
        return settled

    def order(
        self,
        symbol: str,
        side: Side,
        quantity: str,
        terms: Terms = MARKET_DAY,
        *,
        sequence: int | None = None,
    ) -> Order:
        new = [each for each in self.exchange.orders() if each.session == self.session]
        placed = len(new) if sequence is None else sequence
        intent = OrderIntent(symbol, side, Decimal(quantity), terms)
        return intend(
            Order(
                client_order_id=client_order_id(
                    "run", len(self.ticks), "tester", intent=intent, sequence=placed
                ),
                agent="tester",
                sequence=placed,
                session=self.session,
                symbol=symbol,
                side=side,
                quantity=Decimal(quantity),
                terms=terms,
                reason="because",
                placed_as_of=self.clock.now(),
            )
        )

    def submit(self, symbol: str, side: Side, quantity: str, terms: Terms = MARKET_DAY) -> Order:
        return self.exchange.submit(self.order(symbol, side, quantity, terms))
