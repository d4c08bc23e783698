"""A worker in a process of its own, which dies or stands still at a write that was named.

`python -m tests.orchestrator.crash_child` imports everything once and then forks a worker for each
line on its standard input, so that a case costs a fork and not five seconds of imports. What
happens is told on standard output, one JSON object a line; every line names the worker's process.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.market.catalog import LocalCatalog
from adapters.store.artifacts import MongoArtifactStore
from adapters.store.connect import Store
from adapters.store.downloads import MongoDownloadStore
from adapters.store.jobs import MongoJobStore
from adapters.store.ticks import MongoTickStore
from adapters.wiring import System, calendar, open_system
from config.settings import load_settings
from orchestrator import worker as runner
from orchestrator.worker import Worker
from schemas.canaries import CanaryReport
from schemas.errors import Conflict, Unavailable
from tests.orchestrator.runs import CODE, Later

WRITES = frozenset({"insert_one", "update_one", "delete_many"})
CLAIMED = {"jobs": "runs.$", "downloads": "chunks.$"}
"""What workers hold, and where it says how far they are."""

CONFLICT, AWAY, BUG = 3, 4, 5
"""How a worker ends that was refused, found no database, or broke."""

Turn = Callable[[str], AbstractContextManager[None]]


def point_of(collection: str, operation: str, arguments: tuple[Any, ...]) -> str:
    """Name a write by what it means."""
    change = arguments[1]["$set"] if operation == "update_one" else {}
    if collection == "run_heads":
        return "ticks.commit" if "pending" in change else "ticks.open"
    if collection in CLAIMED and operation == "update_one":
        told = CLAIMED[collection]
        for field, name in (("fence", "claim"), (told, "progress"), ("state", "finish")):
            if field in change:
                return f"{collection}.{name}"
        return f"{collection}.heartbeat"
    return {
        "ticks": "ticks.copy",
        "artifact_pieces": f"artifacts.piece.{operation}",
        "artifacts": "artifacts.name",
        "jobs": "jobs.create",
    }[collection]


class Watched:
    """A collection that takes a turn around each of its writes."""

    def __init__(self, collection: Any, turn: Turn) -> None:
        self._collection = collection
        self._turn = turn

    def __getattr__(self, name: str) -> Any:
        original = getattr(self._collection, name)
        if name not in WRITES:
            return original

        def write(*arguments: Any, **options: Any) -> Any:
            point = point_of(self._collection.name, name, arguments)
            with self._turn(point):
                return original(*arguments, **options)

        return write


def watched(store: Store, turn: Turn) -> Store:
    """Return the store with a turn around every write."""
    tables = store._client[store.database]

    def table(name: str) -> Any:
        return Watched(tables[name], turn)

    return replace(
        store,
        jobs=MongoJobStore(table("jobs")),
        downloads=MongoDownloadStore(table("downloads")),
        ticks=MongoTickStore(table("run_heads"), table("ticks")),
        artifacts=MongoArtifactStore(table("artifacts"), table("artifact_pieces")),
    )


class Fate:
    """Counts writes and sends this very process the signal at the one that was named."""

    def __init__(self, at: dict[str, Any] | None) -> None:
        self._at = at
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, point: str) -> Iterator[None]:
        with self._lock:  # the heartbeat writes from a thread of its own
            self._seen.update((point, "any"))
            numbers = {point: self._seen[point], "any": self._seen["any"]}
        self._meet(numbers, "before")
        tell(write=point, when="before")
        yield
        self._meet(numbers, "after")
        tell(write=point, when="after")

    def _meet(self, numbers: dict[str, int], when: str) -> None:
        at = self._at
        if at and at["when"] == when and numbers.get(at["point"]) == at["nth"]:
            os.kill(os.getpid(), at["signal"])


def tell(**what: Any) -> None:
    """Write one line, whole: lines of several workers do not mix."""
    os.write(1, json.dumps({"pid": os.getpid(), **what}).encode() + b"\n")


def work(order: dict[str, Any], catalog: LocalCatalog) -> int:
    """Run one job, or the queue until SIGTERM."""
    drain = threading.Event()
    if order["canaries"] is not None:
        seen = CanaryReport.model_validate_json(order["canaries"])
        runner.check_canaries = lambda *_: seen
    signal.signal(signal.SIGTERM, lambda *_: drain.set())
    settings = load_settings(
        home=Path(order["home"]),
        mongodb_uri=order["uri"],
        database=order["database"],
        lease_seconds=order["lease"],
    )
    try:
        with open_system(settings) as system:
            parts = {"catalog": catalog, "code_version": CODE, "wall": Later(order["ahead"])}
            _run(replace(system, **parts), order, drain)
    except Conflict:
        return CONFLICT
    except Unavailable:
        return AWAY
    return 0


def _run(system: System, order: dict[str, Any], drain: threading.Event) -> None:
    fate = Fate(order["at"])
    system = replace(system, store=watched(system.store, fate.turn))
    worker = Worker(system, name=f"child-{os.getpid()}", drain=drain)
    if order["job"] is None:
        worker.run_forever()
    else:
        worker.run_job(order["job"], lambda run: tell(run=run.run_id, done=run.sessions_done))


def main() -> None:
    """Import, load, say so, and fork a worker for each order until standard input ends."""
    for slow in ("sklearn.covariance", "jsonschema", "cvxpy", "anyio._backends._asyncio"):
        importlib.import_module(slow)  # otherwise imported late, by each worker anew
    calendar("XNYS")
    catalog = LocalCatalog(Path())
    catalog.open("bundled")
    signals, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    tell(ready=True)
    workers: set[int] = set()
    try:
        for order in orders(signals, workers):
            workers.add(fork(order, catalog))
    finally:
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def orders(signals: int, workers: set[int]) -> Iterator[dict[str, Any]]:
    """Yield orders as they arrive, and tell in between what became of the workers."""
    pending = b""
    while True:
        ready, _, _ = select.select([0, signals], [], [])
        if signals in ready:
            os.read(signals, 4096)
            bury(workers)
        if 0 in ready:
            read = os.read(0, 1 << 16)
            if not read:
                return
            *lines, pending = (pending + read).split(b"\n")
            yield from map(json.loads, lines)


def bury(workers: set[int]) -> None:
    """Tell which workers ended or stand still."""
    for pid in sorted(workers):
        found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if not found:
            continue
        if os.WIFSTOPPED(status):
            os.write(1, json.dumps({"pid": pid, "stopped": True}).encode() + b"\n")
        else:
            workers.discard(pid)
            code = os.waitstatus_to_exitcode(status)
            os.write(1, json.dumps({"pid": pid, "ended": code}).encode() + b"\n")


def fork(order: dict[str, Any], catalog: LocalCatalog) -> int:
    """Start a worker; the child never returns."""
    pid = os.fork()
    if pid:
        os.write(1, json.dumps({"pid": pid, "forked": order["ticket"]}).encode() + b"\n")
        return pid
    code = BUG
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = work(order, catalog)
    except BaseException:  # noqa: BLE001 - the top of a process: say it and end
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
