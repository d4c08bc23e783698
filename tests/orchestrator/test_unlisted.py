"""A symbol that is listed later is, to every tool of a run, one that never was."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import date
from typing import Any

import pytest

from adapters.wiring import System, open_tools, run_ports
from interfaces.model import ToolCall
from orchestrator import worker
from tests.orchestrator.markets import EXCHANGE, NYSE, Overheard, market
from tests.orchestrator.runs import lending

TODAY = date(2020, 1, 29)
UNLISTED, UNKNOWN = "FUTR", "NOPE"
NAMING = {"symbol", "symbols", "weights", "series", "universe"}
"""Arguments that name what may be yet to come."""

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("prices_get_bars", {"symbols": ["?"]}),
    ("prices_get_bars", {"symbols": ["AAA", "?"], "lookback": 5}),
    ("prices_get_bars", {"symbols": ["?"], "start": "2020-01-02", "end": "2020-01-03"}),
    ("prices_get_quote", {"symbol": "?"}),
    ("prices_get_returns", {"symbols": ["AAA", "?"]}),
    ("prices_get_bars", {"symbols": ["?", "AAA"], "adjusted": False}),
    ("prices_list_symbols", {}),
    ("prices_get_corporate_actions", {"symbol": "?"}),
    ("prices_get_corporate_actions", {}),
    ("prices_get_universe", {"universe": "?"}),
    ("prices_get_macro_series", {"series": "?"}),
    ("prices_list_macro_series", {}),
    ("search_news", {"query": "?", "symbol": "?"}),
    ("search_documents", {"query": "?", "symbol": "?"}),
    ("memory_remember", {"text": "a thought", "symbols": ["?"]}),
    ("memory_recall", {"query": "?"}),
    ("trading_preview_order", {"symbol": "?", "side": "buy", "quantity": "1"}),
    ("trading_get_lots", {"symbol": "?"}),
    ("trading_place_order", {"symbol": "?", "side": "buy", "notional": "9", "reason": "x"}),
    (
        "trading_place_order",
        {
            "symbol": "?",
            "side": "buy",
            "quantity": "1",
            "reason": "x",
            "take_profit": "9",
            "stop_loss": "1",
        },
    ),
    (
        "trading_place_order",
        {
            "symbol": "?",
            "side": "buy",
            "quantity": "1",
            "reason": "x",
            "order_type": "limit",
            "limit_price": "1",
        },
    ),
    (
        "trading_place_order",
        {
            "symbol": "?",
            "side": "sell",
            "quantity": "1",
            "reason": "x",
            "lots": ["20200128-1"],
        },
    ),
    ("trading_place_order", {"symbol": "?", "side": "buy", "quantity": "1", "reason": "x"}),
    ("trading_place_order", {"symbol": "?", "side": "sell", "quantity": "1", "reason": "x"}),
    ("trading_rebalance_to_weights", {"weights": {"?": "0.5"}, "reason": "x"}),
    ("quantum_optimize_portfolio", {"symbols": ["AAA", "?"]}),
    ("quantum_select_assets", {"symbols": ["AAA", "BBB", "?"], "choose": 2}),
    ("quantum_compare_methods", {"symbols": ["?"]}),
    ("lending_simulate_coverage", {"seed": 1, "paths": 100, "symbols": ["?"]}),
    ("lending_simulate_coverage", {"seed": 1, "paths": 100, "symbols": ["AAA", "?"]}),
]


@pytest.fixture(scope="module")
def told(system: System) -> dict[str, list[str]]:
    return {name: asyncio.run(_answers(system, name)) for name in (UNLISTED, UNKNOWN)}


async def _answers(system: System, symbol: str) -> list[str]:
    made = Overheard.on(system, market())
    request = lending(data="made", universe=None)
    ports = run_ports(made, request, run_key="k")
    ports.clock.move_to(NYSE.opens_at(TODAY))
    ports.exchange.begin(0, TODAY)
    answers: list[str] = []
    async with open_tools(worker._servers(made, request, ports, run_key="k")) as tools:
        for n, (tool, arguments) in enumerate(CALLS):
            asked = json.loads(json.dumps(arguments).replace("?", symbol))
            result = await tools.call(ToolCall(call_id=str(n), tool=tool, arguments=asked))
            said = re.sub(r"\b[0-9a-f]{32}\b", "id", result.text)  # hashed from the symbol too
            said = said.replace(symbol, "?").replace(symbol.lower(), "?")
            answers.append(f"{result.is_error} {said}")
    return answers


@pytest.mark.promise("no-look-ahead")
@pytest.mark.parametrize(
    "n", range(len(CALLS)), ids=[f"{tool}-{n}" for n, (tool, _) in enumerate(CALLS)]
)
def test_no_tool_tells_a_symbol_to_come_from_one_that_never_was(
    told: dict[str, list[str]], n: int
) -> None:
    assert TODAY < EXCHANGE
    unlisted, unknown = (told[name][n] for name in (UNLISTED, UNKNOWN))
    assert unlisted == unknown
    assert "row(s)" not in unlisted


@pytest.mark.promise("no-look-ahead")
def test_every_tool_that_takes_a_name_is_asked(system: System) -> None:
    request = lending(data="made", universe=None)
    ports = run_ports(Overheard.on(system, market()), request, run_key="k")
    servers = worker._servers(system, request, ports, run_key="k")
    assert set(servers) == {"prices", "search", "memory", "trading", "quantum", "lending"}
    tools = [tool for server in servers.values() for tool in asyncio.run(server.list_tools())]
    naming = {tool.name for tool in tools if NAMING & tool.input_schema["properties"].keys()}
    assert naming <= {tool for tool, _ in CALLS}
