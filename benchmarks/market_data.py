"""What market data costs: loading, a view, its reads, a data set on disk, an import, a tool call.

`python -m benchmarks.market_data [ROWS]`. Each figure is the median of repetitions, with the
fastest and slowest tenth beside it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import anyio
import mcp
import numpy as np

from adapters.calendar import ExchangeCalendar
from adapters.clock import SimulatedClock
from adapters.market import stored
from adapters.market.bundled import load_bundled
from adapters.market.cache import open_cache
from adapters.market.catalog import LocalCatalog
from adapters.market.facts import Facts, table_of
from adapters.market.table import PriceArrays, PriceTable
from interfaces.market import AS_TRADED, Staged
from interfaces.providers import RawBars
from mcp_servers.prices import build_prices_server
from schemas.downloads import DownloadRequest
from schemas.facts import CorporateAction
from schemas.market import DatasetInfo, ImportReport

DEFAULT_ROWS = 1_000_000
SET = (500, 5_040)
"""Symbols and sessions of the data set on disk: 20 years."""
T = TypeVar("T")
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
    _disk(nyse, *SET)
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


def _disk(nyse: ExchangeCalendar, symbols: int, sessions: int) -> None:
    """Measure a data set on disk: what it costs to write, compile, open, read and extend."""
    arrays = _made(nyse, symbols, sessions)
    bars = int((~np.isnan(arrays.close)).sum())
    print(f"\n{symbols} symbols x {sessions} sessions, {bars} bars")
    with tempfile.TemporaryDirectory() as home:
        root = Path(home)
        seconds, manifest = _timed(lambda: _write(root, arrays))
        _per_row("write facts and cache", seconds, bars)
        folder = root / "data" / "made"
        sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
        cache = sum(size for path, size in sizes.items() if path.suffix == ".arrow")
        facts = sum(size for path, size in sizes.items() if path.suffix == ".parquet")
        print(f"cache {cache / 1e6:.1f} MB, {cache / bars:.1f} B a bar")
        print(f"actions beside them: {manifest.info.actions}")
        print(f"facts {facts / 1e6:.1f} MB, {facts / bars:.1f} B a bar")
        catalog = LocalCatalog(root)
        catalog.calendar("XNYS")
        _print("open the cache", [_opening(root) for _ in range(30)])
        _print("processor time of that", [_opening(root, time.process_time) for _ in range(30)])
        _cold(root)
        market = catalog.open("made")
        _views(market, arrays)
        _scan(open_cache(folder / manifest.file)[0])
        _per_row("extend by a session", _timed(lambda: _extend(root, arrays, nyse))[0], symbols)
        shutil.rmtree(next(folder.glob("cache-*")))
        _per_row("make the cache anew", _timed(lambda: LocalCatalog(root).open("made"))[0], bars)


def _made(nyse: ExchangeCalendar, symbols: int, sessions: int) -> PriceArrays:
    days = nyse.sessions(date(1990, 1, 2), date(2022, 12, 30))[-sessions:]
    generator = np.random.default_rng(1)
    steps = generator.normal(0, 0.02, (symbols, sessions)).cumsum(axis=1).T
    close = np.round(100 * np.exp(steps), 2) + 0.01
    volume = np.asfortranarray(generator.integers(1, 10**7, (symbols, sessions)).T, np.float64)
    names = tuple(sorted(f"S{number}" for number in range(symbols)))
    fields = [np.round(close * factor, 2) for factor in (1.001, 1.02, 0.98, 1.0)]
    return PriceArrays(names, np.array(days, "datetime64[D]"), *fields, volume)


def _write(root: Path, arrays: PriceArrays) -> stored.Manifest:
    info = DatasetInfo(
        name="made",
        description="random walks",
        data_hash="0" * 64,
        calendar="XNYS",
        currency="USD",
        close_only=False,
        adjustment="raw",
        symbols=arrays.symbols,
        benchmarks=(),
        caveats=(),
    )
    report = ImportReport(
        name="made",
        rows_read=0,
        rows_kept=0,
        rows_rejected=0,
        rejected=(),
        symbols=arrays.symbols,
        data_hash=info.data_hash,
    )
    given = stored.Manifest(info=info, file="", sha256=info.data_hash, report=report)
    with stored.alone(root / "data"):
        return stored.write(root / "data" / "made", given, arrays, _dividends(arrays))


def _dividends(arrays: PriceArrays) -> Facts:
    """Return a dividend a quarter for every symbol."""
    said = datetime(2023, 1, 2, tzinfo=UTC)
    days = arrays.sessions[60::63].tolist()
    rows = (
        CorporateAction(
            action_id=f"{symbol}-{day}",
            instrument=symbol,
            kind="cash_dividend",
            ex_date=day,
            cash=Decimal("0.25"),
            known_time=datetime.combine(day - timedelta(days=20), datetime.min.time(), UTC),
            stored_time=said,
            provider="made",
        )
        for symbol in arrays.symbols
        for day in days
    )
    return Facts({"actions": table_of("actions", rows)})


def _opening(root: Path, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the seconds of a first opening; the calendar is there already."""
    catalog = LocalCatalog(root)
    catalog.calendar("XNYS")
    started = clock()
    catalog.open("made")
    return clock() - started


def _cold(root: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from adapters.market.catalog import LocalCatalog\n"
        "catalog = LocalCatalog(pathlib.Path(sys.argv[1]))\n"
        "catalog.calendar('XNYS')\n"
        "start = time.perf_counter()\n"
        "catalog.open('made')\n"
        "print(time.perf_counter() - start)\n"
    )
    seconds = [float(_child(script, str(root)).split()[0]) for _ in range(7)]
    _print("open in a new process", seconds)


def _child(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _views(market: PriceTable, arrays: PriceArrays) -> None:
    calendar = ExchangeCalendar("XNYS")
    moments = [calendar.opens_at(day) for day in arrays.sessions[300:].tolist()]
    symbol = arrays.symbols[len(arrays.symbols) // 2]
    ahead = iter(moments * 100)
    _show("a view at another moment", lambda: market.view(next(ahead)))
    view = market.view(moments[-1])
    _show("252 bars of a symbol, as known", lambda: view.bars(symbol, lookback=252))
    _show("252 bars, as traded", lambda: view.bars(symbol, lookback=252, how=AS_TRADED))
    fresh = iter(moments * 100)
    _show("both, at another moment", lambda: market.view(next(fresh)).bars(symbol, lookback=252))


def _scan(arrays: PriceArrays) -> None:
    fields = [getattr(arrays, name).T for name in ("open", "high", "low", "close", "volume")]
    size = sum(values.nbytes for values in fields)
    source, target = np.ones(size // 8), np.empty(size // 8)
    np.copyto(target, source)
    ratios: list[float] = []
    scans: list[float] = []
    for _ in range(15):
        copied, _ = _timed(lambda: np.copyto(target, source))
        read, _ = _timed(lambda: [values.max() for values in fields])
        scans.append(size / read / 1e9)
        ratios.append(copied / read)
    low, middle, high = np.percentile(ratios, [10, 50, 90])
    print(
        f"scan of the whole cache {np.median(scans):.1f} GB/s, "
        f"{middle:.0%} of a memory copy ({low:.0%} to {high:.0%})"
    )


def _extend(root: Path, arrays: PriceArrays, nyse: ExchangeCalendar) -> None:
    day = nyse.on_or_after(arrays.sessions[-1].item() + timedelta(days=1))
    cells = {name: ["10"] for name in ("open", "high", "low", "close", "volume")}
    rows = tuple(RawBars("x", symbol, {"date": [str(day)], **cells}) for symbol in arrays.symbols)
    request = DownloadRequest(data="made", symbols=("S0",), start_date=day, end_date=day)
    library = LocalCatalog(root)
    library.stage("one", "all", Staged(rows))
    library.publish("one", request)


def _timed(call: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def _per_row(title: str, seconds: float, rows: int) -> None:
    print(f"{title:32} {1e3 * seconds:10.0f} ms, {1e6 * seconds / rows:.2f} us a row")


def _import(nyse: ExchangeCalendar, rows: int) -> None:
    """Import a CSV file in a process of its own, and ask it for the most memory it ever held."""
    days = nyse.sessions(date(2003, 1, 2), date(2022, 12, 30))
    generator = np.random.default_rng(1)
    script = (
        "import sys, time, pathlib\n"
        "from adapters.market.files import import_dataset\n"
        "import pyarrow.csv, pyarrow.parquet, pyarrow.compute, pandas, exchange_calendars\n"
        "home = pathlib.Path(sys.argv[1])\n"
        "def most():\n"
        "    lines = pathlib.Path('/proc/self/status').read_text().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith('VmHWM'))\n"
        "before = most()\n"
        "start = time.perf_counter()\n"
        "report = import_dataset(home / 'made.csv', 'made', home=home)\n"
        "seconds = time.perf_counter() - start\n"
        "print(report.rows_kept, seconds, before, most())\n"
    )
    lines: list[str] = []
    for number in range(max(1, rows // len(days))):
        prices = 100 * np.exp(np.cumsum(generator.normal(0, 0.02, len(days))))
        for day, price in zip(days, prices, strict=True):
            high, low = price * 1.01 + 0.01, price * 0.99
            cells = f"{price:.2f},{high:.2f},{low:.2f},{price:.2f},{1_000_000 + int(price * 1e4)}"
            lines.append(f"{day},S{number},{cells}\n")
    for order in ("symbol after symbol", "session after session", "shuffled"):
        if order == "session after session":
            lines.sort(key=lambda line: line[:10])
        elif order == "shuffled":
            generator.shuffle(lines)  # type: ignore[arg-type]  # a list will do
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "made.csv"
            path.write_text("date,symbol,open,high,low,close,volume\n" + "".join(lines))
            size = path.stat().st_size
            kept, seconds, before, after = map(float, _child(script, folder).split())
        print(f"\nimport of {kept:.0f} rows, {size / 1e6:.0f} MB, {order}: {seconds:.2f} s")
        print(
            f"memory: {after * 1024 / 1e6:.0f} MB at most, {before * 1024 / 1e6:.0f} MB before it; "
            f"grown by {(after - before) * 1024 / size:.1f} times the file"
        )


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
