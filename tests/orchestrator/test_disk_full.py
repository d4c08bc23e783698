"""A full disk stops a job or a download with its reason, corrupts nothing, and it goes on later."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from pymongo.errors import OperationFailure

from adapters.clock import SystemClock
from adapters.market.catalog import LocalCatalog
from adapters.store import embedded
from adapters.store.connect import Store, open_store
from adapters.store.embedded import EmbeddedServer
from adapters.store.locks import Files, hold
from adapters.store.reserve import RESERVE_BYTES
from adapters.wiring import System
from cli.outputs import write
from orchestrator.downloads import Downloader
from orchestrator.worker import Worker
from schemas.base import canonical_json
from schemas.downloads import Download
from schemas.errors import Unavailable
from schemas.jobs import Job, RunProgress, SimulationRequest
from tests.contracts.store_messages import a_job
from tests.orchestrator.crash_child import watched
from tests.orchestrator.crashing import Point
from tests.orchestrator.download_doubles import FolderLibrary, Vendor, ports
from tests.orchestrator.runs import Later, Outcome, finish, lending, opened, queue, run, trading
from tests.orchestrator.test_clock_skew import ask

pytestmark = [pytest.mark.promise("disk-full"), pytest.mark.usefixtures("looked_once")]

FULL = "the database's disk is full"
HOME_FULL = "the disk of the home folder is full: make some room there and try again"


_REFUSAL = OperationFailure("database or disk is full", code=8)


@dataclass
class FullDisk:
    """Refuses the write that was named, or every one from it on, as the embedded server does."""

    at: Point
    stays: bool = False
    refused: str | None = None
    seen: Counter[str] = field(default_factory=Counter[str])

    @contextmanager
    def turn(self, point: str) -> Iterator[None]:
        if not point.endswith("heartbeat"):  # there are as many of them as time allows
            self.seen.update((point, "any"))
            named = self.at.point in {point, "any"} and self.seen[self.at.point] == self.at.nth
            if named and self.refused is None:
                self.refused = point
                raise _REFUSAL
            if self.stays and self.refused:
                raise _REFUSAL
        yield


def work(system: System, job: Job) -> Job:
    return Worker(system, name="worker").run_job(job.job_id, lambda _: None)


def go_on(system: System, job: Job) -> Outcome:
    """Go on with a job as soon as there is room, however it was left."""
    if system.store.jobs.get(job.job_id).state == "paused":
        system.store.jobs.resume(job.job_id, now=system.wall.now())
    finish(system, job.job_id)
    return Outcome.of(system, job.job_id)


def check_sound(system: System, job: Job, plain: Outcome) -> None:
    """See that what was committed and filed so far is what the undisturbed run has there."""
    length = len(plain.ticks) // len(job.runs)
    for place, each in enumerate(job.runs):
        ticks = [canonical_json(tick) for tick in system.store.ticks.ticks(each.run_id)]
        assert ticks == list(plain.ticks[place * length :][: len(ticks)])
    for name in set(system.store.artifacts.names(job.job_id)) - {"manifest.json"}:
        assert system.store.artifacts.get(job.job_id, name) == plain.files[name]


Plain = Callable[[SimulationRequest], Outcome]


@pytest.fixture(scope="module")
def plain(system: System, looked_once: None) -> Plain:
    """Return what the undisturbed run of a request comes to; it is run once."""
    known: dict[str, Outcome] = {}

    def outcome(request: SimulationRequest) -> Outcome:
        if request.mode not in known:
            known[request.mode] = Outcome.of(system, run(system, request).job_id)
        return known[request.mode]

    return outcome


SPEECHLESS = {f"{kind}.{write}" for kind in ("jobs", "downloads") for write in ("claim", "finish")}
"""Refused these, a worker can leave no word in the store; its lease speaks for it."""


def said(action: Callable[[], Job | Download]) -> tuple[str, str | None]:
    """Return how it was left and why; `nothing` when that could not be stored."""
    try:
        left = action()
    except Unavailable as error:
        return "nothing", str(error)
    return left.state, left.error


def expected(disk: FullDisk) -> tuple[str, str | None]:
    if disk.refused is None:
        return "completed", None
    return "nothing" if disk.stays or disk.refused in SPEECHLESS else "paused", FULL


def check_refusal(
    system: System, request: SimulationRequest, disk: FullDisk, plain: Outcome
) -> None:
    """Run a job on such a disk, look at what is there, and go on where there is room."""
    job = queue(system, request)
    full = replace(system, store=watched(system.store, disk.turn))
    assert said(lambda: work(full, job)) == expected(disk)
    check_sound(system, job, plain)
    assert go_on(system, job) == plain


@pytest.mark.parametrize(
    ("point", "stays"),
    [
        (Point("ticks.commit", 7), False),
        (Point("ticks.copy", 6), True),
        (Point("artifacts.piece.insert_one", 2), False),
        (Point("jobs.finish"), False),
    ],
    ids=str,
)
def test_a_job_whose_write_finds_the_disk_full_stops_and_goes_on_to_the_same_bytes(
    point: Point, stays: bool, system: System, plain: Plain
) -> None:
    disk = FullDisk(point, stays)
    check_refusal(system, trading(), disk, plain(trading()))
    assert disk.refused == point.point


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("request_", [trading(), lending()], ids=["trading", "loan"])
@pytest.mark.parametrize("stays", [False, True], ids=["once", "for good"])
def test_a_disk_full_at_every_single_write_costs_nothing_but_time(
    stays: bool, request_: SimulationRequest, system: System, plain: Plain
) -> None:
    for nth in count(1):
        disk = FullDisk(Point("any", nth), stays)
        check_refusal(system, request_, disk, plain(request_))
        if disk.refused is None:
            break
    assert nth > 20


@pytest.mark.parametrize("stays", [False, True], ids=["once", "for good"])
def test_a_download_whose_write_finds_the_disk_full_goes_on_to_the_same_set(
    stays: bool, system: System, tmp_path: Path
) -> None:
    for nth in count(1):
        folder = tmp_path / str(nth)
        folder.mkdir()
        library, disk = FolderLibrary(folder), FullDisk(Point("any", nth), stays)
        download_id = ask(system.store, "set", "AA", "BB").download_id
        full = watched(system.store, disk.turn)
        assert said(lambda: see_through(full, library, download_id)) == expected(disk)  # noqa: B023
        if system.store.downloads.get(download_id).state == "paused":
            system.store.downloads.resume(download_id, now=SystemClock().now())
        ended = see_through(system.store, library, download_id, wall=Later(9999))
        assert ended.state == "completed"
        assert [(item, rows) for item, _, _, rows in library.coverage("set")] == [
            ("bars:AA", 2),
            ("bars:BB", 2),
        ]
        if disk.refused is None:
            break
    assert nth > 3


def see_through(
    store: Store, library: FolderLibrary, download_id: str, wall: SystemClock | None = None
) -> Download:
    parts = replace(ports(store, library, Vendor()), wall=wall or SystemClock())
    downloader = Downloader(parts, name="here", lease=timedelta(seconds=30))
    return downloader.see_through(download_id, lambda _: None)


def after(sessions: int, happens: Callable[[], None]) -> Callable[[RunProgress], None]:
    """Let something happen once, as soon as a run has come so far."""
    happened: list[int] = []

    def watch(progress: RunProgress) -> None:
        if progress.sessions_done >= sessions and not happened:
            happened.append(progress.sessions_done)
            happens()

    return watch


def test_a_server_whose_files_may_not_grow_stops_the_job_between_two_ticks(
    tmp_path: Path, catalog: LocalCatalog, plain: Plain
) -> None:
    with opened(tmp_path, None, "alphashield", catalog=catalog) as system:
        job = queue(system, trading())
        endpoint = Files(tmp_path).read_endpoint()
        assert endpoint is not None
        limits: list[tuple[int, int]] = []

        def stop_growing() -> None:
            largest = max(path.stat().st_size for path in Files(tmp_path).data.iterdir())
            limit = (largest, resource.RLIM_INFINITY)
            limits.append(resource.prlimit(endpoint.server, resource.RLIMIT_FSIZE, limit))

        with pytest.raises(Unavailable, match=r"^the database cannot write to its disk$"):
            Worker(system, name="worker").run_job(job.job_id, after(2, stop_growing))
        assert system.store.jobs.get(job.job_id).state == "running"
        check_sound(system, job, plain(trading()))
        resource.prlimit(endpoint.server, resource.RLIMIT_FSIZE, limits[0])
        assert go_on(system, job) == plain(trading())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MB."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(tmp_path)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("only root may mount a small disk")
    yield tmp_path
    # Lazily: the server stays a moment longer than its last user.
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def fill(folder: Path) -> None:
    """Leave no byte of the disk."""
    with (folder / "filling").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free)


def server_goes(home: Path) -> None:
    """Wait until the server of a home that nobody uses has gone."""
    held = hold(Files(home).supervisor, patience=20.0)
    assert held is not None
    os.close(held)


def test_a_job_on_a_full_disk_says_so_in_its_state_and_goes_on_when_there_is_room(
    small_disk: Path,
    catalog: LocalCatalog,
    plain: Plain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = Files(small_disk)
    with opened(small_disk, None, "alphashield", catalog=catalog) as system:
        job = queue(system, trading())
        watch = after(2, lambda: fill(small_disk))
        paused = Worker(system, name="worker").run_job(job.job_id, watch)
        assert (paused.state, paused.error) == ("paused", FULL)
        assert not files.reserve.exists()
        check_sound(system, job, plain(trading()))
        last = files.read_endpoint()
    assert last is not None
    os.kill(last.supervisor, signal.SIGTERM)
    server_goes(small_disk)
    with opened(small_disk, None, "alphashield", catalog=catalog) as system:
        assert system.store.jobs.get(job.job_id) == paused
        (small_disk / "filling").unlink()
        assert go_on(system, job) == plain(trading())
        assert files.reserve.stat().st_blocks * 512 >= RESERVE_BYTES


def test_a_server_starts_on_a_full_disk_by_its_reserve_and_without_one_says_why_not(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files(small_disk)
    with closing(open_store(None, small_disk)) as store:
        store.jobs.create(a_job())
    server_goes(small_disk)
    kept = files.reserve.rename(small_disk / "kept")
    fill(small_disk)
    monkeypatch.setattr(embedded, "_SILENT_SECONDS", 0.3)
    with pytest.raises(Unavailable) as refusal:
        EmbeddedServer.open(small_disk)
    assert str(refusal.value) == HOME_FULL
    kept.rename(files.reserve)
    with closing(open_store(None, small_disk)) as store:
        assert store.jobs.get("job-1") == a_job()
        assert not files.reserve.exists()


def test_files_for_which_there_is_no_room_leave_the_folder_as_it_was(tmp_path: Path) -> None:
    write(tmp_path, {"report.html": b"old"})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        with pytest.raises(Unavailable, match=r"^cannot write to .*: File too large$"):
            write(tmp_path, {"equity.csv": b"new", "report.html": b"x" * 2000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, heard)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_bytes() == b"old"
