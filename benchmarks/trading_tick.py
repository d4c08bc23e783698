"""What trading takes of a tick: 20 positions on the bundled prices, rebalanced every 21 sessions.

`python -m benchmarks.trading_tick` prints median and p90 of the gate for one order, of a quiet
session (begin, account, settle, end), of a session that settles 20 orders, of the account through
an MCP client, and ledger entries hashed and verified a second.
"""

from __future__ import annotations

import asyncio
import time
from datetime import date, timedelta
from decimal import Decimal

import mcp
import numpy as np

from adapters.broker.simulated import SimulatedBroker
from adapters.calendar import ExchangeCalendar
from adapters.clock import SimulatedClock
from adapters.market.bundled import load_bundled
from interfaces.broker import Posting
from mcp_servers.trading import build_trading_server
from schemas.base import to_micro
from schemas.execution import ExecutionModel
from schemas.ledger import Transaction
from schemas.risk import RiskLimits
from trading.account import CAPITAL, CASH
from trading.gate import Rules, check, open_book
from trading.ledger import verify
from trading.orders import OrderIntent

_SESSIONS = 420


class _Bench:
    """One run, and how long each of its steps took in milliseconds."""

    def __init__(self) -> None:
        calendar = ExchangeCalendar()
        self.calendar = calendar
        self.market = load_bundled(calendar)
        self.sessions = calendar.sessions(date(2019, 1, 2), date(2022, 12, 28))[:_SESSIONS]
        self.symbols = self.market.info().symbols[:20]
        self.clock = SimulatedClock(calendar.opens_at(self.sessions[0]))
        self.execution = ExecutionModel()
        self.broker = SimulatedBroker(
            clock=self.clock,
            market=self.market,
            run_key="b" * 64,
            currency="USD",
            execution=self.execution,
        )
        self.tick = 0
        self.taken: dict[str, list[float]] = {}
        self.ledger: list[Transaction] = []

    def gate(self) -> None:
        rules = Rules(RiskLimits(), self.execution, frozenset(self.symbols))
        intent = OrderIntent("AAPL", "sell", Decimal("0.5"))

        start = time.perf_counter()
        last = self.market.view(self.clock.now()).last_close("AAPL")
        prices = {"AAPL": to_micro(last[1])} if last else {}
        account, orders = self.broker.account(), self.broker.orders()
        check(intent, open_book(account, orders, prices=prices, rules=rules))
        self._add("gate, one order with its book", start)

    async def session(self, client: mcp.Client) -> None:
        day = self.sessions[self.tick]
        busy = self.tick % 21 == 0
        self.clock.move_to(self.calendar.opens_at(day))
        start = time.perf_counter()
        self.broker.begin(self.tick, day)
        self.broker.account()
        begun = time.perf_counter() - start
        if self.tick == 0:
            cash = Decimal("100000.00")
            self.broker.post("deposit", "Capital", [Posting(CASH, cash), Posting(CAPITAL, -cash)])
        if busy:
            weights = dict.fromkeys(self.symbols, "0.04" if self.tick % 2 else "0.05")
            arguments = {"weights": weights, "reason": "benchmark"}
            start = time.perf_counter()
            await client.call_tool("trading_rebalance_to_weights", arguments)
            self._add("rebalance of 20 through a client", start)
        else:
            self.gate()
            start = time.perf_counter()
            await client.call_tool("trading_get_account", {})
            self._add("account through a client", start)
        self.clock.move_to(self.calendar.closes_at(day) + timedelta(seconds=1))
        start = time.perf_counter() - begun
        self.broker.settle()
        self.ledger += self.broker.end().transactions
        self._add("session with 20 orders" if busy else "quiet session", start)
        self.tick += 1

    def _add(self, name: str, start: float) -> None:
        self.taken.setdefault(name, []).append((time.perf_counter() - start) * 1e3)


async def _run(bench: _Bench) -> None:
    server = build_trading_server(
        clock=bench.clock,
        market=bench.market,
        broker=bench.broker,
        limits=RiskLimits(),
        execution=bench.execution,
        scope="b" * 64,
        tick=lambda: bench.tick,
        mode="simulation",
    )
    async with mcp.Client(server) as client:
        for _ in bench.sessions:
            await bench.session(client)


def main() -> None:
    """Run 420 sessions and print what each step took."""
    bench = _Bench()
    asyncio.run(_run(bench))
    for name, values in bench.taken.items():
        median, late = np.percentile(values, [50, 90])
        print(f"{name:36} {median:8.3f} ms   p90 {late:8.3f} ms   n {len(values)}")
    start = time.perf_counter()
    found = verify(bench.ledger)
    took = time.perf_counter() - start
    print(f"{'ledger entries verified':36} {found.entries / took:8.0f} a second")


if __name__ == "__main__":
    main()
