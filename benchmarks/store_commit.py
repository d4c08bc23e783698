"""What a commit to the embedded store costs: ticks of three sizes, the codec, reading back.

`python -m benchmarks.store_commit [TICKS]`. Client and server share the machine as they do in a
run. The server's memory is shown before and after: it must not grow with the ticks.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import bson
import psutil

from adapters.store.codec import decode, encode
from adapters.store.connect import Store, open_store
from adapters.store.locks import Files
from schemas.tick import Tick
from tests.contracts.store_messages import a_tick

DEFAULT_TICKS = 1_000
KEY = "f" * 64


def main(ticks: int = DEFAULT_TICKS) -> None:
    """Print a line a measurement."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        started = time.perf_counter()
        store = open_store(None, home)
        print(f"open, cold                {1e3 * (time.perf_counter() - started):8.1f} ms")
        endpoint = Files(home).read_endpoint()
        server = psutil.Process(endpoint.server if endpoint else None)
        before = server.memory_info().rss
        for trades in (0, 2, 10):
            _codec(trades)
            _commits(store, server, trades, ticks)
        print(
            f"server memory {before / 2**20:.0f} MB, after {server.memory_info().rss / 2**20:.0f}"
        )
        store.close()


def _codec(trades: int) -> None:
    tick = a_tick(0, trades=trades)
    document = encode(tick)
    size = len(bson.encode(document))
    print(f"tick of {size} bytes")
    encoded = _timed(lambda _: encode(tick), range(500))
    decoded = _timed(lambda _: decode(Tick, document), range(500))
    print(f"  encode                  {_figures(encoded)}")
    print(f"  decode                  {_figures(decoded)}")


def _commits(store: Store, server: psutil.Process, trades: int, count: int) -> None:
    run = f"run-{trades}"
    ticks = [a_tick(n, trades=trades) for n in range(count)]
    store.ticks.open(run, KEY, 1)
    busy = _cpu(server), _cpu(psutil.Process())
    times = _timed(lambda n: store.ticks.commit(run, 1, ticks[n]), range(count))
    theirs, ours = _cpu(server) - busy[0], _cpu(psutil.Process()) - busy[1]
    print(f"  commit                  {_figures(times)}  {count / sum(times):7.0f} /s")
    print(f"  of it processor time    {1e3 * (theirs + ours) / count:12.3f} ms, server's and ours")
    started = time.perf_counter()
    read = sum(1 for _ in store.ticks.ticks(run))
    print(
        f"  read back               {1e3 * (time.perf_counter() - started) / read:8.3f} ms a tick"
    )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _timed(action: Callable[[int], object], numbers: Iterable[int]) -> list[float]:
    times: list[float] = []
    for number in numbers:
        started = time.perf_counter()
        action(number)
        times.append(time.perf_counter() - started)
    return times


def _figures(times: list[float]) -> str:
    ordered = sorted(times)
    p50, p95 = (1e3 * ordered[int(len(ordered) * share)] for share in (0.5, 0.95))
    return f"p50 {p50:8.3f} ms  p95 {p95:8.3f} ms"


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
