"""The kill switch on the real store: its contract, the file, other processes, deaths, losses."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo.database import Database

from adapters.clock import SystemClock
from adapters.kill_switch import StoredKillSwitch, UnreachableHalts
from adapters.store import connect
from adapters.store.connect import Store, open_store
from adapters.store.halts import MongoHaltStore
from adapters.store.locks import Files
from interfaces.kill_switch import KillSwitch
from schemas.errors import Conflict, Unavailable
from schemas.halts import HaltRecord
from tests.contracts.kill_switch import LATER, NOW, KillSwitchContract, a_halt
from tests.contracts.store_proxy import LossyProxy

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def switch(store: Store, home: Path) -> StoredKillSwitch:
    return StoredKillSwitch(store.halts, home=home, wall=SystemClock())


@pytest.fixture
def fresh(raw: Database[dict[str, Any]], home: Path) -> Callable[[], KillSwitch]:
    numbers = count()
    return lambda: StoredKillSwitch(
        MongoHaltStore(raw[f"halts{next(numbers)}"]), home=home, wall=SystemClock()
    )


class TestStoredKillSwitch(KillSwitchContract):
    pass


def test_a_halt_is_stored_once_under_its_number_and_released_once(store: Store) -> None:
    first = HaltRecord(number=1, halt=a_halt())
    assert store.halts.newest() is None
    assert store.halts.add(first)
    assert not store.halts.add(HaltRecord(number=1, halt=a_halt(by="Grace Hopper")))
    assert store.halts.newest() == first
    assert store.halts.release(1, by="Grace Hopper", now=LATER)
    assert not store.halts.release(1, by="Ada Lovelace", now=NOW)
    assert not store.halts.release(2, by="Ada Lovelace", now=NOW)
    assert store.halts.list(limit=5) == (
        HaltRecord(number=1, halt=a_halt(), released_by="Grace Hopper", released_at=LATER),
    )


def test_a_file_halts_and_is_in_the_history_from_the_first_order_on(
    switch: StoredKillSwitch, home: Path
) -> None:
    (home / "HALT").write_text("the feed is\nlost\x1b[2J\n")
    halt = switch.halted()
    assert halt is not None
    assert (halt.source, halt.reason) == ("file", "the feed is lost [2J")
    assert halt.by.endswith("(file HALT)")
    assert [record.halt for record in switch.history()] == [halt]


def test_removing_the_file_by_hand_releases_nothing(switch: StoredKillSwitch, home: Path) -> None:
    (home / "HALT").touch()
    halt = switch.halted()
    assert halt is not None
    (home / "HALT").unlink()
    assert switch.halted() == halt
    assert switch.release(by="Grace Hopper", now=LATER) == halt
    assert switch.halted() is None


def test_a_release_removes_the_file_too(switch: StoredKillSwitch, home: Path) -> None:
    switch.pull(a_halt())
    (home / "HALT").touch()
    switch.release(by="Grace Hopper", now=LATER)
    assert not (home / "HALT").exists()
    assert switch.halted() is None
    (home / "HALT").mkdir()  # somebody has meant it, if clumsily
    assert switch.halted() is not None
    switch.release(by="Grace Hopper", now=LATER)
    assert switch.halted() is None
    assert list(home.iterdir()) == []


def test_a_file_that_cannot_be_removed_stays_a_halt(switch: StoredKillSwitch, home: Path) -> None:
    (home / "HALT").mkdir()
    (home / "HALT" / "keep").touch()
    with pytest.raises(Unavailable, match="remove it by hand"):
        switch.release(by="Grace Hopper", now=LATER)
    assert switch.halted() is not None
    assert [record.released_by for record in switch.history()] == [None]


def test_whoever_halts_after_a_file_finds_the_file_was_first(
    switch: StoredKillSwitch, home: Path
) -> None:
    (home / "HALT").write_text("first")
    assert switch.pull(a_halt()).reason == "first"
    (home / "HALT").unlink()
    assert switch.halted() is not None


@pytest.fixture
def lost(home: Path) -> StoredKillSwitch:
    """The switch of an installation whose database cannot be reached."""
    why = Unavailable("the database does not answer")
    return StoredKillSwitch(UnreachableHalts(why), home=home, wall=SystemClock())


def test_a_switch_that_cannot_be_asked_halts_and_says_why(lost: StoredKillSwitch) -> None:
    halt = lost.halted()
    assert halt is not None
    assert halt.source == "unknown"
    assert "cannot be found out" in halt.reason
    assert "the database does not answer" in halt.reason


def test_without_the_store_a_halt_is_kept_in_the_file_and_then_in_the_store(
    lost: StoredKillSwitch, switch: StoredKillSwitch, home: Path
) -> None:
    halt = lost.pull(a_halt())
    assert (halt.source, halt.reason) == ("file", "Ada Lovelace: the feed is lost")
    assert lost.halted() == halt
    assert lost.pull(a_halt(by="Grace Hopper")) == halt
    assert switch.halted() == halt  # the database is back
    with pytest.raises(Unavailable):
        lost.release(by="Grace Hopper", now=LATER)
    assert (home / "HALT").exists()
    assert switch.release(by="Grace Hopper", now=LATER) == halt


def test_when_neither_can_be_asked_trading_is_halted_and_says_why(tmp_path: Path) -> None:
    nowhere = tmp_path / "gone"
    why = Unavailable("the database does not answer")
    lost = StoredKillSwitch(UnreachableHalts(why), home=nowhere, wall=SystemClock())
    halt = lost.halted()
    assert halt is not None
    assert halt.source == "unknown"
    with pytest.raises(Unavailable, match="could not be halted"):
        lost.pull(a_halt())


def test_a_home_that_is_gone_halts_though_the_store_answers(store: Store, tmp_path: Path) -> None:
    switch = StoredKillSwitch(store.halts, home=tmp_path / "gone", wall=SystemClock())
    halt = switch.halted()
    assert halt is not None
    assert (halt.source, "home folder" in halt.reason) == ("unknown", True)
    assert switch.pull(a_halt()) == a_halt()
    assert switch.halted() == a_halt()


def test_a_record_that_cannot_be_read_halts(
    switch: StoredKillSwitch, raw: Database[dict[str, Any]]
) -> None:
    raw["halts"].insert_one({"_id": "000000000007", "number": 7, "halt": "?"})
    halt = switch.halted()
    assert halt is not None
    assert halt.source == "unknown"


def test_a_database_that_went_away_halts_the_next_order(
    uri: str, raw: Database[dict[str, Any]], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "_SELECTION_MS", 300)
    address = urlsplit(uri)
    with LossyProxy(address.hostname or "localhost", address.port or 27017) as proxy:
        through = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
        store = open_store(through, home, database=raw.name)
        switch = StoredKillSwitch(store.halts, home=home, wall=SystemClock())
        assert switch.halted() is None
    with contextlib.closing(store):
        halt = switch.halted()
    assert halt is not None
    assert halt.source == "unknown"


@pytest.mark.parametrize("lost_write", ["reason", "released_by"])
def test_a_pull_or_release_whose_acknowledgement_is_lost_is_done_once(
    uri: str, raw: Database[dict[str, Any]], home: Path, lost_write: str
) -> None:
    address = urlsplit(uri)
    with LossyProxy(address.hostname or "localhost", address.port or 27017) as proxy:
        through = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
        with contextlib.closing(open_store(through, home, database=raw.name)) as store:
            switch = StoredKillSwitch(store.halts, home=home, wall=SystemClock())
            proxy.lose(lost_write)
            assert switch.pull(a_halt()) == a_halt()
            assert switch.release(by="Grace Hopper", now=LATER) == a_halt()
        assert proxy.lost == 1
    with contextlib.closing(open_store(uri, home, database=raw.name)) as store:
        (record,) = store.halts.list(limit=5)
    assert record.released_by == "Grace Hopper"


class Desk:
    """A process of its own that is told to trade, to halt or to release, and answers."""

    def __init__(self, uri: str | None, home: Path, database: str) -> None:
        command = [sys.executable, "-m", "tests.adapters.store.desk", uri or "", str(home)]
        self._process = subprocess.Popen(
            [*command, database],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def does(self, word: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.kill()
        with self._process:
            pass


@pytest.fixture
def desk(uri: str, home: Path, raw: Database[dict[str, Any]]) -> Iterator[Callable[[], Desk]]:
    started: list[Desk] = []

    def start() -> Desk:
        started.append(Desk(uri, home, raw.name))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.mark.promise("risk-limits")
def test_a_halt_by_one_process_denies_the_next_order_of_another(
    desk: Callable[[], Desk], switch: StoredKillSwitch, home: Path
) -> None:
    trader = desk()
    assert trader.does("order") == "placed"
    switch.pull(a_halt())
    assert trader.does("order") == "denied: the feed is lost"
    switch.release(by="Grace Hopper", now=LATER)
    assert trader.does("order") == "placed"
    (home / "HALT").write_text("by hand")
    assert trader.does("order") == "denied: by hand"
    switch.release(by="Grace Hopper", now=LATER)
    assert trader.does("order") == "placed"


@pytest.mark.promise("risk-limits")
def test_a_halt_outlives_the_killing_of_who_pulled_it_and_of_who_trades(
    desk: Callable[[], Desk], switch: StoredKillSwitch
) -> None:
    puller, trader = desk(), desk()
    assert trader.does("order") == "placed"
    assert puller.does("pull") == "pulled"
    puller.kill()
    trader.kill()
    assert desk().does("order") == "denied: told to"
    assert switch.release(by="Grace Hopper", now=LATER).reason == "told to"


@pytest.mark.promise("risk-limits")
def test_a_halt_outlives_the_killing_of_the_store_and_of_everybody_in_it(tmp_path: Path) -> None:
    home = tmp_path / "own"
    home.mkdir()
    first = Desk(None, home, "alphashield")
    try:
        assert first.does("order") == "placed"
        assert first.does("pull") == "pulled"
        said = Files(home).read_endpoint()
        assert said is not None
        for process in (said.server, said.supervisor):
            os.kill(process, signal.SIGKILL)
    finally:
        first.kill()
    second = Desk(None, home, "alphashield")
    try:
        assert second.does("order") == "denied: told to"
        assert second.does("release") == "released"
        assert second.does("order") == "placed"
    finally:
        second.kill()


@pytest.mark.parametrize("dies", ["file", "record"])
def test_dying_in_the_middle_of_a_release_leaves_trading_halted(
    store: Store, home: Path, dies: str
) -> None:
    """`file`: before the file is removed; `record`: after that, before the release is kept."""

    class Died(Exception):
        pass

    class Dying(MongoHaltStore):
        def release(self, number: int, *, by: str, now: Any) -> bool:
            raise Died

    halts = Dying(store.halts._halts) if dies == "record" else store.halts
    switch = StoredKillSwitch(halts, home=home, wall=SystemClock())
    (home / "HALT").write_text("by hand")
    if dies == "file":
        (home / "HALT").unlink()
        (home / "HALT").mkdir()
        (home / "HALT" / "x").touch()  # its removal fails
    with pytest.raises((Died, Unavailable)):
        switch.release(by="Grace Hopper", now=LATER)
    again = StoredKillSwitch(store.halts, home=home, wall=SystemClock())
    assert again.halted() is not None


def test_a_file_seen_just_before_its_release_does_not_halt_anew(store: Store, home: Path) -> None:
    """An asker that looked at the file, and slept while it was released, halts nothing."""
    (home / "HALT").touch()
    plain = StoredKillSwitch(store.halts, home=home, wall=SystemClock())

    class Slow(MongoHaltStore):
        slept = False

        def add(self, record: HaltRecord) -> bool:
            if not self.slept:
                self.slept = True
                plain.release(by="Grace Hopper", now=LATER)
            return super().add(record)

    asker = StoredKillSwitch(Slow(store.halts._halts), home=home, wall=SystemClock())
    assert asker.halted() is None
    assert len(plain.history()) == 1


def test_a_release_meets_somebody_elses(store: Store, home: Path) -> None:
    plain = StoredKillSwitch(store.halts, home=home, wall=SystemClock())

    class Slow(MongoHaltStore):
        def release(self, number: int, *, by: str, now: Any) -> bool:
            plain.release(by="Quick Person", now=now)
            return super().release(number, by=by, now=now)

    plain.pull(a_halt())
    slow = StoredKillSwitch(Slow(store.halts._halts), home=home, wall=SystemClock())
    with pytest.raises(Conflict, match="somebody else"):
        slow.release(by="Slow Person", now=LATER)
    assert [record.released_by for record in plain.history()] == ["Quick Person"]
