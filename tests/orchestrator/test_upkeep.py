"""Upkeep: every data set is checked once a day, the outcome is kept, and what is wrong is said."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters.calendar import ExchangeCalendar
from adapters.market.catalog import LocalCatalog
from adapters.market.facts import Facts
from adapters.market.quality import quality_of
from orchestrator import upkeep
from orchestrator.upkeep import DataSets, Upkeep
from schemas.quality import CoverageReport, DataCheck
from tests.adapters.market_sets import at, every_kind, put

DAY = timedelta(days=1)


class Wall:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.time = at(-1, hours=1)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0


class Home:
    """A home with a data set, and the upkeep of it."""

    def __init__(self, folder: Path, facts: Facts | None = None, *, every: timedelta = DAY) -> None:
        put(folder, facts=facts)
        self.folder, self.wall, self.drain = folder, Wall(), threading.Event()
        self.library = LocalCatalog(folder, self.wall)
        sets = DataSets(self.library, self.quality, self.wall, folder)
        self.upkeep = Upkeep(sets, every=every, drain=self.drain)

    def quality(self, name: str) -> CoverageReport:
        return quality_of(self.library.open(name), ExchangeCalendar("XNYS"), now=self.wall.now())

    def kept(self) -> DataCheck:
        (path,) = (self.folder / "data" / ".checks").iterdir()
        return DataCheck.model_validate_json(path.read_bytes())

    def spoil(self) -> None:
        segment = next((self.folder / "data").glob("*/bars-*.parquet"))
        segment.write_bytes(segment.read_bytes()[:-1] + b"?")


def test_a_set_is_checked_once_a_day_and_the_outcome_is_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (found,) = home.upkeep.check_due()
    assert (found.whole, found.checked_at) == (True, home.wall.time)
    assert found.data_hash == home.library.open(found.data).info().data_hash
    assert found.bars > 0
    assert home.kept() == found
    home.wall.time += DAY - timedelta(seconds=1)
    assert home.upkeep.check_due() == ()
    assert Home(tmp_path / "other").upkeep.check_due() != ()
    home.wall.time += timedelta(seconds=1)
    (again,) = home.upkeep.check_due()
    assert home.kept() == again != found


def test_a_worker_that_is_started_again_does_not_check_again(tmp_path: Path) -> None:
    first = Home(tmp_path)
    first.upkeep.check_due()
    sets = DataSets(first.library, first.quality, first.wall, tmp_path)
    assert Upkeep(sets, every=DAY, drain=first.drain).check_due() == ()
    first.wall.time -= timedelta(hours=1)  # set back: its age cannot be told
    assert len(Upkeep(sets, every=DAY, drain=first.drain).check_due()) == 1


def test_a_damaged_file_is_warned_of_and_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = Home(tmp_path)
    home.upkeep.check_due()
    assert caplog.records == []
    home.spoil()
    home.wall.time += DAY
    with caplog.at_level(logging.WARNING):
        (found,) = home.upkeep.check_due()
    assert not found.whole
    assert "does not match its checksum" in (found.problem or "")
    assert home.kept() == found
    assert "is damaged: the file bars-" in caplog.text


def test_bars_that_cannot_be_true_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = Home(tmp_path, every_kind())  # one of its late bars leaps and goes back
    (found,) = home.upkeep.check_due()
    assert (found.whole, found.rejected) == (True, 1)
    assert "'mine' has bars that cannot be true, 1 of them" in caplog.text


def test_a_damaged_outcome_is_made_anew_and_one_of_a_deleted_set_goes(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (found,) = home.upkeep.check_due()
    path = tmp_path / "data" / ".checks" / f"{found.data}.json"
    path.write_text("{")
    assert home.upkeep.check_due() == (found,)
    home.library.delete(found.data)
    assert home.upkeep.check_due() == ()
    assert not path.exists()


def run_beside(home: Home, done: Callable[[], bool]) -> None:
    tick = threading.Event()
    with home.upkeep.beside():
        for _ in range(1000):
            if done():
                break
            tick.wait(0.01)
        home.drain.set()


def test_it_runs_beside_the_worker_until_drained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "POLL_S", 0.01)
    home = Home(tmp_path)
    checks = tmp_path / "data" / ".checks"
    run_beside(home, lambda: any(checks.glob("*.json")))
    assert home.kept().whole


def test_zero_hours_check_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path, every=timedelta(0))
    with home.upkeep.beside():
        assert "upkeep" not in {thread.name for thread in threading.enumerate()}


def test_nothing_more_is_begun_once_drained(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.drain.set()
    assert home.upkeep.check_due() == ()
