"""A run with its trading server, and the calls that tests make of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Any

import anyio
import mcp

from adapters.market.table import PriceTable
from mcp_servers.trading import build_trading_server
from mcp_servers.trading_desk import NO_GUARD, Guard
from schemas.execution import ExecutionModel
from schemas.risk import RiskLimits
from tests.trading.samples import DAYS, Run

Call = Callable[..., Awaitable[Any]]
ORDER = {"symbol": "AAA", "side": "buy", "quantity": "10", "reason": "cheap"}


class Desk:
    """A run with its trading server; `of` is another agent's on the same account."""

    def __init__(
        self,
        limits: RiskLimits | None = None,
        cash: str = "10000.00",
        market: PriceTable | None = None,
        *,
        execution: ExecutionModel | None = None,
        guard: Guard = NO_GUARD,
        first: int = 1,
        sessions: Sequence[date] = DAYS,
    ) -> None:
        self.limits = limits or RiskLimits()
        self.run = Run(market, execution, limits=self.limits, first=first, sessions=sessions)
        self.run.begin()
        self.run.deposit(cash)
        self.guard = guard
        self.server = self.of("alpha_trading")

    def of(self, agent: str) -> Any:
        """Return a server on this account for an agent."""
        return build_trading_server(
            clock=self.run.clock,
            market=self.run.market,
            broker=self.run.exchange,
            limits=self.limits,
            execution=self.run.execution,
            scope="a" * 64,
            tick=lambda: len(self.run.ticks),
            agent=agent,
            mode="simulation",
            guard=self.guard,
        )

    def use(self, script: Callable[[Call], Awaitable[None]], server: Any = None) -> None:
        """Run a script of tool calls; a call returns the structured answer or the error's text."""

        async def session() -> None:
            async with mcp.Client(server or self.server) as client:

                async def call(tool: str, **arguments: Any) -> Any:
                    answer = await client.call_tool(f"trading_{tool}", arguments)
                    if answer.is_error:
                        return str(answer.content[0].text)
                    return answer.structured_content

                await script(call)

        anyio.run(session)

    def call(self, tool: str, *, server: Any = None, **arguments: Any) -> Any:
        """Make one call."""
        found: list[Any] = []

        async def once(call: Call) -> None:
            found.append(await call(tool, **arguments))

        self.use(once, server)
        return found[0]

    def place(self, **changes: Any) -> Any:
        """Place the usual order with some changes; one that is None leaves the argument out."""
        return self.call("place_order", **order(**changes))

    def next(self) -> None:
        """Let the session trade and begin the next."""
        self.run.end()
        self.run.begin()


def order(**changes: Any) -> dict[str, Any]:
    """Return the usual order with some changes; one that is None leaves the argument out."""
    return {name: value for name, value in (ORDER | changes).items() if value is not None}
