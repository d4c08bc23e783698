"""The embedded server lives while somebody uses it, survives what kills it, and then leaves."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from adapters.store.connect import Store, open_store
from adapters.store.embedded import EmbeddedServer
from adapters.store.locks import Endpoint, Files
from schemas.errors import BadConfiguration, Unavailable
from tests.contracts.store_messages import a_tick

ROOT = Path(__file__).resolve().parents[3]
KEY = "e" * 64
SECONDS = 20.0


def until(condition: Callable[[], object]) -> None:
    """Wait for the condition, and fail when it does not come."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def endpoint(home: Path) -> Endpoint:
    said = Files(home).read_endpoint()
    assert said is not None
    return said


@contextlib.contextmanager
def user(home: Path, *, run: str, fence: int, ticks: int) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the store of this home."""
    command = [sys.executable, "-m", "tests.adapters.store.user", str(home), run, str(fence)]
    process = subprocess.Popen(
        [*command, str(ticks)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        with process:
            yield process
            process.kill()
    finally:
        process.kill()


def says(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    for said in process.stdout:
        if said.strip() == line:
            return
    pytest.fail(f"the other process ended and never said {line!r}")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder whose server is gone after the test, as the last user has left."""
    folder = tmp_path / "home"
    yield folder
    said = Files(folder).read_endpoint()
    if said is not None:
        until(lambda: gone(said.supervisor) and gone(said.server))


def test_two_processes_share_one_server(home: Path) -> None:
    with contextlib.closing(open_store(None, home)) as store:
        with user(home, run="theirs", fence=1, ticks=3) as other:
            says(other, "done 2")
            store.ticks.open("ours", KEY, 1)
            store.ticks.commit("ours", 1, a_tick(0))
            assert list(store.ticks.ticks("theirs")) == [a_tick(n) for n in range(3)]
            ours, child = (
                Files(home).read_endpoint(),
                psutil.Process(endpoint(home).supervisor).children(),
            )
            assert ours is not None
            assert [process.pid for process in child] == [ours.server]
        assert list(store.ticks.ticks("ours")) == [a_tick(0)]


def test_users_that_come_at_once_start_one_server(home: Path) -> None:
    with contextlib.ExitStack() as users:
        runs = [f"run-{i}" for i in range(3)]
        others = [users.enter_context(user(home, run=run, fence=1, ticks=2)) for run in runs]
        for other in others:
            says(other, "done 1")
        with contextlib.closing(open_store(None, home)) as store:
            assert [len(list(store.ticks.ticks(run))) for run in runs] == [2, 2, 2]


def test_killed_users_leak_nothing_and_lose_nothing(home: Path) -> None:
    with user(home, run="r", fence=1, ticks=5) as first:
        says(first, "done 4")
        processes = endpoint(home)
    until(lambda: gone(processes.supervisor) and gone(processes.server))
    assert Files(home).read_endpoint() is None
    with contextlib.closing(open_store(None, home)) as store:
        assert store.ticks.open("r", KEY, 2) == 5


def test_the_server_waits_for_a_user_that_joins_as_it_is_about_to_stop(home: Path) -> None:
    for _ in range(3):
        with EmbeddedServer.open(home):
            pass
        with EmbeddedServer.open(home) as server:
            assert f":{endpoint(home).port}/" in server.uri


def commit_under_fire(store: Store, home: Path, *, ticks: int, kills: dict[int, str]) -> None:
    """Commit ticks while another thread kills processes as soon as a number is reached."""
    reached = 0
    over = threading.Event()

    def fire() -> None:
        for number, victim in sorted(kills.items()):
            until(lambda number=number: reached >= number or over.is_set())
            victims = victim.split("+")
            until(lambda: (Files(home).read_endpoint() or Endpoint(0, 0, "failed")).server)
            for name in victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(getattr(endpoint(home), name), signal.SIGKILL)

    gunner = threading.Thread(target=fire)
    gunner.start()
    try:
        for n in range(ticks):
            store.ticks.commit("r", 1, a_tick(n))
            reached = n + 1
    finally:
        over.set()
        gunner.join()
    assert store.ticks.open("r", KEY, 1) == ticks
    assert list(store.ticks.ticks("r")) == [a_tick(n) for n in range(ticks)]


@pytest.mark.promise("db-loss")
@pytest.mark.parametrize("victim", ["server", "supervisor", "supervisor+server"])
def test_writers_carry_on_when_processes_are_killed_under_them(home: Path, victim: str) -> None:
    with contextlib.closing(open_store(None, home)) as store:
        store.ticks.open("r", KEY, 1)
        commit_under_fire(store, home, ticks=90, kills={30: victim, 60: victim})


@pytest.mark.long
@pytest.mark.promise("db-loss")
def test_fifty_kills_lose_no_acknowledged_tick(home: Path) -> None:
    rng = random.Random(1)
    victims = ["server", "supervisor", "supervisor+server"]
    kills = {rng.randrange(i * 40, i * 40 + 40): rng.choice(victims) for i in range(50)}
    with contextlib.closing(open_store(None, home)) as store:
        store.ticks.open("r", KEY, 1)
        commit_under_fire(store, home, ticks=2_000, kills=kills)


def test_what_was_acknowledged_survives_the_death_of_everybody(home: Path) -> None:
    with user(home, run="r", fence=1, ticks=10_000) as writer:
        says(writer, "done 20")
        processes = endpoint(home)
        for pid in (writer.pid, processes.server, processes.supervisor):
            os.kill(pid, signal.SIGKILL)
        acknowledged = 20
        assert writer.stdout is not None
        for line in writer.stdout:
            acknowledged = int(line.split()[1])
    with contextlib.closing(open_store(None, home)) as store:
        head = store.ticks.open("r", KEY, 2)
        assert acknowledged + 1 <= head <= acknowledged + 2
        assert list(store.ticks.ticks("r")) == [a_tick(n) for n in range(head)]


@pytest.mark.parametrize(
    "left_over",
    ["", "{", json.dumps({"port": 1, "supervisor": 2**22 + 1, "state": "ready", "server": 1})],
)
def test_files_left_by_a_crash_do_not_matter(home: Path, left_over: str) -> None:
    files = Files(home)
    files.data.mkdir(parents=True)
    for path in (files.users, files.supervisor, files.server):
        path.write_text("12345")
    (files.folder / "endpoint.json").write_text(left_over)
    with contextlib.closing(open_store(None, home)) as store:
        store.ping()


def test_a_home_that_is_no_folder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        BadConfiguration, match=r"^the home folder cannot be used: Not a directory$"
    ):
        EmbeddedServer.open(tmp_path / "file")


def test_a_server_that_cannot_start_says_why_without_a_path(home: Path) -> None:
    files = Files(home)
    files.data.mkdir(parents=True)
    (files.data / "admin.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable, match="file is not a database") as refusal:
        EmbeddedServer.open(home)
    assert str(home) not in str(refusal.value)


@pytest.mark.promise("disk-full")
def test_a_full_disk_refuses_writes_keeps_what_was_there_and_recovers(home: Path) -> None:
    with contextlib.closing(open_store(None, home)) as store:
        store.ticks.open("r", KEY, 1)
        store.ticks.commit("r", 1, a_tick(0))
        server = endpoint(home).server
        before = resource.prlimit(server, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        with pytest.raises(Unavailable):
            store.ticks.commit("r", 1, a_tick(1))
        resource.prlimit(server, resource.RLIMIT_FSIZE, before)
        head = store.ticks.open("r", KEY, 2)
        for n in range(head, 3):
            store.ticks.commit("r", 2, a_tick(n))
        assert list(store.ticks.ticks("r")) == [a_tick(n) for n in range(3)]
