"""Wall clocks that jump by ten minutes, here or elsewhere, run nothing twice and skip nothing."""

from __future__ import annotations

import random
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.clock import SystemClock
from adapters.market.catalog import LocalCatalog
from adapters.store.connect import Store, open_store
from adapters.wiring import System
from interfaces.clock import WallClock
from interfaces.market import AS_TRADED
from interfaces.providers import RawBars
from interfaces.store import CLOCKS_APART
from orchestrator import downloads as downloading
from orchestrator import worker as working
from orchestrator.downloads import Downloader, DownloadPorts
from orchestrator.lease_watch import LeaseWatch
from orchestrator.worker import Worker
from schemas.downloads import ChunkProgress, Download, DownloadRequest
from tests.orchestrator.crashing import Nursery, Point
from tests.orchestrator.download_doubles import FolderLibrary, Vendor, sources
from tests.orchestrator.runs import Outcome, queue, run, ticks_of, trading

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LENGTH = timedelta(seconds=30)
JUMP = timedelta(minutes=10)
jumps = st.timedeltas(-JUMP, JUMP)


class Hands:
    """A wall clock that shows whatever it is set to, over a steady one."""

    def __init__(self) -> None:
        self.steady = 0.0
        self.skew = timedelta()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.steady) + self.skew

    def monotonic(self) -> float:
        return self.steady


class Jumping(SystemClock):
    """The machine's time, up to ten minutes wrong, otherwise wrong at each look."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return super().now() + JUMP * self._random.uniform(-1, 1)


class Off(SystemClock):
    """The machine's time, wrong by always as much."""

    def __init__(self, off: timedelta) -> None:
        self._off = off

    def now(self) -> datetime:
        return super().now() + self._off


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for work more often than anybody needs to."""
    for module in (working, downloading):
        monkeypatch.setattr(module, "IDLE_POLL_S", 0.05)


@pytest.fixture
def store(uri: str, home: Path) -> Iterator[Store]:
    with closing(open_store(uri, home, database=f"test_{uuid.uuid4().hex[:12]}")) as opened:
        yield opened


@contextmanager
def at_work(*crew: Worker | Downloader, drain: threading.Event) -> Iterator[threading.Event]:
    """Let them all work until the block ends; what is yielded is to wait with."""
    threads = [threading.Thread(target=each.run_forever) for each in crew]
    for thread in threads:
        thread.start()
    try:
        yield threading.Event()
    finally:
        drain.set()
        for thread in threads:
            thread.join()


def ask(store: Store, data: str, *symbols: str) -> Download:
    request = DownloadRequest(
        data=data, symbols=symbols, start_date=date(2024, 1, 3), end_date=date(2024, 1, 5)
    )
    now = SystemClock().now()
    chunks = tuple(ChunkProgress(kind="bars", item=symbol) for symbol in symbols)
    made = Download(
        download_id=uuid.uuid4().hex,
        request=request,
        chunks=chunks,
        created_at=now,
        updated_at=now,
    )
    return store.downloads.create(made)


def rests(store: Store, download: Download) -> bool:
    return store.downloads.get(download.download_id).state not in {"queued", "running"}


@pytest.mark.promise("clock-skew")
@given(st.lists(st.tuples(jumps, jumps, st.floats(0.1, 7.4)), min_size=1, max_size=40))
def test_a_living_holder_is_never_taken_for_dead(
    steps: list[tuple[timedelta, timedelta, float]],
) -> None:
    holder, watcher = Hands(), Hands()
    watch = LeaseWatch(watcher, length=LENGTH)
    for held_by, watched_by, pause in steps:  # a holder extends four times within a length
        holder.skew, watcher.skew = held_by, watched_by
        until = holder.now() + LENGTH
        assert not watch.silent("job", until)
        holder.steady += pause
        watcher.steady += pause
        assert not watch.silent("job", until)


@pytest.mark.promise("clock-skew")
@given(jumps, st.lists(jumps, min_size=6, max_size=6))
def test_a_dead_holder_is_found_after_one_length_however_the_clocks_jump(
    held_by: timedelta, watched_by: list[timedelta]
) -> None:
    watcher = Hands()
    watch = LeaseWatch(watcher, length=LENGTH)
    until = START + held_by
    found: list[bool] = []
    for skew in watched_by:
        watcher.skew = skew
        found.append(watch.silent("job", until))
        watcher.steady += LENGTH.total_seconds() / 5
    assert found[-1]
    assert (
        True not in found[:5] or (watched_by[found.index(True)] - held_by) > CLOCKS_APART - LENGTH
    )


@pytest.mark.promise("clock-skew")
@pytest.mark.usefixtures("impatient", "looked_once")
def test_two_workers_with_jumping_clocks_run_each_job_once(system: System) -> None:
    plain = Outcome.of(system, run(system, trading()).job_id)
    jobs = [queue(system, trading()) for _ in range(4)]
    drain = threading.Event()
    crew = [
        Worker(replace(system, wall=Jumping(seed)), name=f"jumping-{seed}", drain=drain)
        for seed in (1, 2)
    ]
    with at_work(*crew, drain=drain) as waited:
        while any(system.store.jobs.get(job.job_id).state in {"queued", "running"} for job in jobs):
            waited.wait(0.05)
    for job in jobs:
        ended = system.store.jobs.get(job.job_id)
        assert ended.fence == 1  # claimed once, by one of the two
        assert Outcome.of(system, job.job_id).ticks == plain.ticks
        for ticks in ticks_of(system, ended):
            assert [tick.n for tick in ticks] == list(range(len(ticks)))


@pytest.mark.promise("clock-skew")
@pytest.mark.usefixtures("impatient", "looked_once")
@pytest.mark.parametrize("off", [-JUMP, JUMP], ids=["behind", "ahead"])
def test_a_clock_that_differs_takes_a_killed_workers_job_after_one_lease_and_the_rest_once(
    off: timedelta, system: System, nursery: Nursery
) -> None:
    plain = Outcome.of(system, run(system, trading()).job_id)
    jobs = [queue(system, trading()) for _ in range(3)]
    killed = nursery.start(system, jobs[0].job_id, at=Point("ticks.commit", 7))
    assert killed.ended() == -signal.SIGKILL
    wall, drain = Off(off), threading.Event()
    settings = system.settings.model_copy(update={"lease_seconds": 0.5})
    heir = Worker(replace(system, wall=wall, settings=settings), name="heir", drain=drain)
    begun = wall.monotonic()
    with at_work(heir, drain=drain) as waited:
        while system.store.jobs.get(jobs[0].job_id).fence == 1:
            waited.wait(0.01)
        assert wall.monotonic() - begun >= 0.5
        while any(system.store.jobs.get(job.job_id).state in {"queued", "running"} for job in jobs):
            waited.wait(0.05)
    assert [system.store.jobs.get(job.job_id).fence for job in jobs] == [2, 1, 1]
    for job in jobs:
        assert Outcome.of(system, job.job_id) == plain


def downloader(
    store: Store, library: FolderLibrary, vendor: Vendor, wall: WallClock, drain: threading.Event
) -> Downloader:
    ports = DownloadPorts(store.downloads, library, sources(vendor), wall)
    return Downloader(ports, name="other", lease=timedelta(seconds=0.4), drain=drain)


@pytest.mark.promise("clock-skew")
@pytest.mark.usefixtures("impatient")
def test_two_downloaders_with_jumping_clocks_fetch_and_publish_everything_once(
    store: Store, tmp_path: Path
) -> None:
    library, vendor, drain = FolderLibrary(tmp_path), Vendor(), threading.Event()
    asked = [ask(store, f"set-{i}", *(f"S{i}{j}" for j in range(6))) for i in range(5)]
    crew = [downloader(store, library, vendor, Jumping(seed), drain) for seed in (3, 4)]
    with at_work(*crew, drain=drain) as waited:
        while not all(rests(store, each) for each in asked):
            waited.wait(0.02)
    ended = [store.downloads.get(each.download_id) for each in asked]
    assert {(each.state, each.fence) for each in ended} == {("completed", 1)}
    assert sorted(vendor.asked) == sorted(item.item for each in asked for item in each.chunks)
    assert library.publishes == len(asked)


@pytest.mark.promise("clock-skew")
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("off", [-JUMP, JUMP], ids=["behind", "ahead"])
def test_a_clock_that_differs_takes_over_a_dead_download_after_one_lease(
    off: timedelta, store: Store, tmp_path: Path
) -> None:
    library, vendor, drain = FolderLibrary(tmp_path), Vendor(), threading.Event()
    wall, lease = Off(off), timedelta(seconds=0.4)
    left, other = ask(store, "left", "AA", "BB"), ask(store, "other", "CC")
    store.downloads.claim_one(left.download_id, "dead", now=SystemClock().now(), lease=lease)
    begun = wall.monotonic()
    with at_work(downloader(store, library, vendor, wall, drain), drain=drain) as waited:
        while store.downloads.get(left.download_id).fence == 1:
            waited.wait(0.01)
        assert wall.monotonic() - begun >= lease.total_seconds()
        while not (rests(store, left) and rests(store, other)):
            waited.wait(0.01)
    ended = [store.downloads.get(each.download_id) for each in (left, other)]
    assert [(each.state, each.fence) for each in ended] == [("completed", 2), ("completed", 1)]
    assert sorted(vendor.asked) == ["AA", "BB", "CC"]


@pytest.mark.promise("clock-skew")
def test_a_cancellation_by_a_clock_ahead_leaves_a_living_worker_what_it_holds(
    store: Store,
) -> None:
    download = ask(store, "set", "AA")
    now, lease = SystemClock().now(), timedelta(seconds=30)
    held = store.downloads.claim("alive", now=now, lease=lease)
    assert held is not None
    asked = store.downloads.request_cancel(download.download_id, now=now + JUMP + lease)
    assert (asked.state, asked.cancel_requested, asked.worker) == ("running", True, "alive")
    assert store.downloads.heartbeat(download.download_id, held.fence, now=now, lease=lease)


@pytest.mark.promise("clock-skew")
def test_refreshed_by_jumping_clocks_the_newest_vintage_is_the_last_one_published(
    store: Store, tmp_path: Path
) -> None:
    wall, close = Jumping(5), 10.0
    library = LocalCatalog(tmp_path, wall)

    def page() -> Iterator[RawBars]:
        cells = {name: [str(close)] for name in ("open", "high", "low", "close")}
        yield RawBars("vendor", "AA", {"date": ["2024-01-03"], "volume": ["7"], **cells})

    ports = DownloadPorts(store.downloads, library, sources(Vendor(AA=page)), wall)
    for version in range(8):
        close = 10.0 + version
        Downloader(ports, name="here", lease=timedelta(seconds=30)).see_through(
            ask(store, "made", "AA").download_id, lambda _: None
        )
        seen = library.open("made").view(SystemClock().now() + timedelta(hours=1))
        assert seen.bars("AA", how=AS_TRADED).close.tolist() == [close]
    moments = [SystemClock().now() + JUMP * (tenth / 10) for tenth in range(-20, 20)]
    views = [library.open("made").view(moment) for moment in moments]
    shown = [view.bars("AA", how=AS_TRADED).close.tolist() for view in views]
    assert shown == sorted(shown)
    assert (shown[0], shown[-1]) == ([10.0], [close])
