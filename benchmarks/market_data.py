"""What market data costs: loading, a view, its reads, an import of a million rows, one tool call.

`python -m benchmarks.market_data [ROWS]`. Each figure is the median of repetitions, with the
fastest and slowest tenth beside it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import anyio
import mcp
import numpy as np
import psutil

from adapters.calendar import ExchangeCalendar
from adapters.clock import SimulatedClock
from adapters.market.bundled import load_bundled
from adapters.market.catalog import LocalCatalog
from adapters.market.files import import_dataset
from adapters.market.table import PriceTable
from mcp_servers.prices import build_prices_server

DEFAULT_ROWS = 1_000_000
TODAY = date(2020, 7, 6)


def main(rows: int = DEFAULT_ROWS) -> None:
    """Print a line a measurement."""
    started = time.perf_counter()
    nyse = ExchangeCalendar("XNYS")
    print(f"calendar, with its imports       {1e3 * (time.perf_counter() - started):10.1f} ms")
    started = time.perf_counter()
    market = load_bundled(nyse)
    print(f"bundled data, with its imports   {1e3 * (time.perf_counter() - started):10.1f} ms")
    _show("bundled data, again", lambda: load_bundled(nyse), 10)
    _reads(nyse, market)
    anyio.run(_tools, nyse, market)
    _import(nyse, rows)


def _reads(nyse: ExchangeCalendar, market: PriceTable) -> None:
    at = nyse.opens_at(TODAY)
    view = market.view(at)
    symbols = market.info().symbols[:20]
    _show("calendar.opens_at", lambda: nyse.opens_at(TODAY))
    _show("market.view", lambda: market.view(at))
    _show("view.last_close", lambda: view.last_close("AAPL"))
    _show("view.bars, 252 sessions", lambda: view.bars("AAPL", lookback=252))
    _show("view.closes, 20 x 252", lambda: view.closes(symbols, 252))


async def _tools(nyse: ExchangeCalendar, market: PriceTable) -> None:
    clock = SimulatedClock(nyse.opens_at(TODAY))
    server = build_prices_server(clock=clock, market=market, calendar=nyse)
    twenty = list(market.info().symbols[:20])
    async with mcp.Client(server) as client:
        for title, tool, arguments in (
            ("prices_get_bars, 20 x 252", "prices_get_bars", {"symbols": twenty, "lookback": 252}),
            (
                "prices_get_returns, 20 x 252",
                "prices_get_returns",
                {"symbols": twenty, "lookback": 252},
            ),
            ("prices_get_quote", "prices_get_quote", {"symbol": "AAPL"}),
            ("prices_list_symbols", "prices_list_symbols", {}),
        ):
            seconds: list[float] = []
            for _ in range(50):
                started = time.perf_counter()
                await client.call_tool(tool, arguments)
                seconds.append(time.perf_counter() - started)
            _print(title, seconds)


def _import(nyse: ExchangeCalendar, rows: int) -> None:
    days = nyse.sessions(date(2003, 1, 2), date(2022, 12, 30))
    generator = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.csv"
        with path.open("w") as file:
            file.write("date,symbol,open,high,low,close,volume\n")
            for number in range(max(1, rows // len(days))):
                prices = 100 * np.exp(np.cumsum(generator.normal(0, 0.02, len(days))))
                for day, price in zip(days, prices, strict=True):
                    high, low = price * 1.01 + 0.01, price * 0.99
                    file.write(f"{day},S{number},{price:.2f},{high:.2f},{low:.2f},{price:.2f},9\n")
        size = path.stat().st_size / 2**20
        started = time.perf_counter()
        report = import_dataset(path, "made", home=Path(folder))
        seconds = time.perf_counter() - started
        print(f"import, {report.rows_kept} rows, {size:.0f} MB  {1e3 * seconds:10.0f} ms")
        started = time.perf_counter()
        LocalCatalog(Path(folder)).open("made")
        print(f"open what was imported           {1e3 * (time.perf_counter() - started):10.0f} ms")
        print(f"memory of this process           {psutil.Process().memory_info().rss >> 20:10d} MB")


def _show(title: str, call: Callable[[], object], repetitions: int = 2_000) -> None:
    seconds: list[float] = []
    for _ in range(repetitions):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    _print(title, seconds)


def _print(title: str, seconds: list[float]) -> None:
    low, middle, high = np.percentile(seconds, [10, 50, 90]) * 1e6
    print(f"{title:32} {middle:10.1f} us  ({low:.1f} to {high:.1f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROWS)
