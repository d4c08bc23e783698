"""Writing a data set: whole or not at all, on whatever disk, however the writer ends."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.market import stored
from adapters.market.cache import open_cache
from adapters.market.catalog import LocalCatalog
from adapters.market.facts import SCHEMAS, Facts
from adapters.market.identity import dataset_hash
from interfaces.market import AS_TRADED, Staged
from schemas.errors import Conflict, NotFound, Unavailable, UntrustworthyData
from tests.adapters.market_sets import (
    STORED,
    at,
    bar_facts,
    every_kind,
    late_bar,
    prices,
    put,
    same,
)
from tests.adapters.test_market_library import REQUEST, Wall, bars

PUBLISHED = Wall(at(-1, hours=1))


def tree(home: Path) -> dict[str, int]:
    """Return every file below the data folder, but the lock, with its size."""
    found = (home / "data").rglob("*")
    return {str(path): path.stat().st_size for path in found if path.name != ".lock"}


def shown(home: Path, name: str = "mine") -> tuple[str, list[float]]:
    """Return what a new reader sees."""
    market = LocalCatalog(home).open(name)
    view = market.view(datetime(2030, 1, 1, tzinfo=UTC))
    return market.info().data_hash, view.bars("ABC", how=AS_TRADED).close.tolist()


def test_a_written_set_is_described_by_its_content(tmp_path: Path) -> None:
    written = put(tmp_path, facts=every_kind())
    info = LocalCatalog(tmp_path).open("mine").info()
    assert info == written.info
    assert info.data_hash == dataset_hash(prices(), every_kind()) == written.report.data_hash
    assert (info.actions, info.documents, info.macro, info.universes) == (
        2,
        1,
        ("UNRATE",),
        ("two",),
    )
    assert info.providers == ("files", "vendor")
    rows = {row[:3] for row in LocalCatalog(tmp_path).provenance("mine")}
    held = int((~np.isnan(prices().close)).sum())
    assert {("files", "bars", held), ("vendor", "bars", 1), ("vendor", "macro", 3)} <= rows
    assert {row[3:] for row in LocalCatalog(tmp_path).provenance("mine")} == {(STORED, STORED)}


def test_a_restated_bar_on_disk_is_seen_only_after_it_was_known(tmp_path: Path) -> None:
    put(tmp_path, facts=Facts({"bars": bar_facts([late_bar("ABC", 4, 77.0, at(6))])}))
    market = LocalCatalog(tmp_path).open("mine")
    first, later = prices().close[4, 0], at(6, seconds=1)
    for moment, close in ((at(4, seconds=1), first), (at(6), first), (later, 77.0)):
        assert market.view(moment).bars("ABC", how=AS_TRADED).close[4] == close


def test_equal_data_have_one_hash_whenever_they_are_stored_and_others_another(
    tmp_path: Path,
) -> None:
    arrays, facts = prices(), every_kind()
    later = {
        kind: facts[kind].set_column(
            facts[kind].column_names.index("stored_time"),
            SCHEMAS[kind].field("stored_time"),
            [[STORED + timedelta(days=1)] * facts[kind].num_rows],
        )
        for kind in SCHEMAS
    }
    reverse = {kind: table.take(list(range(len(table)))[::-1]) for kind, table in later.items()}
    assert dataset_hash(arrays, Facts(reverse)) == dataset_hash(arrays, facts)
    hashes = {dataset_hash(arrays, Facts()), dataset_hash(prices(seed=2), facts)}
    for kind in SCHEMAS:
        tables = {other: facts[other] for other in SCHEMAS}
        hashes.add(dataset_hash(arrays, Facts(tables | {kind: SCHEMAS[kind].empty_table()})))
    for column in SCHEMAS["macro"].names:
        if column != "stored_time":
            rows = facts["macro"].to_pylist()
            rows[0][column] = rows[1][column] if column != "series" else "OTHER"
            rows[0]["provider"] = "else" if column == "provider" else rows[0]["provider"]
            rows[0]["period"] = at(0).date() if column == "period" else rows[0]["period"]
            changed = facts["macro"].from_pylist(rows, schema=SCHEMAS["macro"])
            hashes.add(dataset_hash(arrays, Facts({"macro": changed})))
    assert len(hashes) == 2 + len(SCHEMAS) + len(SCHEMAS["macro"]) - 1


@settings(max_examples=8)
@given(st.lists(st.sampled_from(range(6)), min_size=1, max_size=4), st.integers(0, 99))
def test_what_is_compiled_from_the_files_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, gone: list[int], seed: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    arrays = prices(("A", "B", "C"), seed=seed)
    for cell in gone:  # sessions and symbols without any bar have no place in a set
        for name in ("open", "high", "low", "close", "volume"):
            getattr(arrays, name)[(cell, slice(None)) if cell < 4 else (slice(None), cell - 4)] = (
                np.nan
            )
    written = put(home, arrays, every_kind())
    folder = home / "data" / "mine"
    before = open_cache(folder / written.file)
    (folder / written.file / "index.json").unlink()
    LocalCatalog(home).open("mine")
    after = open_cache(folder / written.file)
    assert same(before[0], after[0])
    assert dataset_hash(*after) == dataset_hash(*before) == written.info.data_hash


def failing(
    monkeypatch: pytest.MonkeyPatch, number: int, error: int
) -> Callable[[], tuple[int, str]]:
    """Let the n-th thing that touches the disk fail; tells how many there were, and the last."""
    calls = count(1)
    seen: list[str] = []

    def guard(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*args: Any, **options: Any) -> Any:
            seen.append(name)
            if next(calls) == number:
                raise OSError(error, os.strerror(error))
            return real(*args, **options)

        monkeypatch.setattr(owner, name, call)

    for owner, names in (
        (os, ("fsync",)),
        (Path, ("mkdir", "rename", "replace", "write_text", "write_bytes")),
    ):
        for name in names:
            guard(owner, name)
    import pyarrow as pa

    guard(pa, "OSFile")
    return lambda: (len(seen), seen[-1])


def change_by_write(home: Path) -> None:
    put(home, prices(seed=2), every_kind())


def change_by_download(home: Path) -> None:
    library = LocalCatalog(home, PUBLISHED)
    library.stage("d1", "x", Staged((bars([1, 2, 3], source="files"),)))
    library.publish("d1", REQUEST.model_copy(update={"data": "mine"}))


def change_by_deletion(home: Path) -> None:
    LocalCatalog(home).delete("mine", symbols=["ABC"], end=at(5).date())


CHANGES = [change_by_write, change_by_download, change_by_deletion]
EVERY = pytest.param(1, marks=pytest.mark.long)
"""Of the points at which a writer may fail, every single one; by default some."""


@pytest.mark.promise("disk-full")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("step", [12, EVERY])
def test_each_failing_write_leaves_the_old_set_or_gives_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], step: int
) -> None:
    put(tmp_path / "0")
    refused = 0
    for number in count(1, step):
        error = errno.ENOSPC if number % 2 else errno.EROFS
        sentence = "the disk is full" if error == errno.ENOSPC else "cannot be written"
        home = tmp_path / str(number)
        shutil.copytree(tmp_path / "0", home)
        old, before = shown(home), tree(home)
        with monkeypatch.context() as patch:
            happened = failing(patch, number, error)
            try:
                change(home)
            except Unavailable as refusal:
                said = str(refusal)
            else:
                break
        if "in place" in said:  # only the very last step confirms what is seen already
            assert shown(home) != old
        else:
            refused += 1
            assert sentence in said
            assert shown(home) == old
            after = {path: size for path, size in tree(home).items() if ".staging" not in path}
            assert after == before
        change(home)  # and it works once there is room
        assert shown(home) != old
    assert happened()[0] < number
    assert refused > 8 // step


@pytest.mark.promise("disk-full")
@pytest.mark.parametrize("change", CHANGES)
def test_a_disk_that_takes_no_more_bytes_leaves_the_old_set(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    # A limit on the size of files is a disk that really stops in the midst of a write.
    put(tmp_path)
    LocalCatalog(tmp_path, PUBLISHED).stage("d1", "x", Staged((bars([1], source="files"),)))
    old, before = shown(tmp_path), tree(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for size in (0, 100, 1000, 2000, 3000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
            with pytest.raises(Unavailable, match="nothing was"):
                change(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, heard)
    assert shown(tmp_path) == old
    assert set(tree(tmp_path)) == set(before)


KILLED = """
import os, signal, sys
from itertools import count
from pathlib import Path
import pyarrow as pa
from tests.adapters import test_market_stored as tests
home, step = Path(sys.argv[1]), int(sys.argv[2])
calls, last = count(), None
def guard(owner, name):
    real = getattr(owner, name)
    def call(*args, **options):
        if next(calls) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **options)
    setattr(owner, name, call)
for owner, names in ((os, ["fsync"]), (pa, ["OSFile"]), (os, ["unlink"]),
                     (Path, ["mkdir", "rename", "replace", "write_text", "unlink"])):
    for name in names:
        guard(owner, name)
for change in tests.CHANGES:
    for last in range(1, 100, step):
        child = os.fork()
        if not child:
            calls = count()
            change(home / change.__name__ / str(last))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            break
        print(change.__name__, last, flush=True)
"""
"""Forks a writer for each point at which it may be killed; every home has the old set already."""


@pytest.mark.promise("disk-full")
@pytest.mark.parametrize("step", [20, EVERY])
def test_a_killed_writer_leaves_the_old_set_or_the_new_one_and_the_next_one_goes_on(
    tmp_path: Path, step: int, request: pytest.FixtureRequest
) -> None:
    put(tmp_path / "0")
    for change in CHANGES:
        for number in range(1, 100, step):
            shutil.copytree(tmp_path / "0", tmp_path / change.__name__ / str(number))
    old = shown(tmp_path / "0")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(step)],
        capture_output=True,
        text=True,
        check=True,
        cwd=request.config.rootpath,
    )
    points = [line.split() for line in done.stdout.splitlines()]
    for change in CHANGES:
        homes = [tmp_path / name / point for name, point in points if name == change.__name__]
        assert len(homes) > 24 // step
        for home in homes:
            seen = shown(home)
            change(home)
            now = shown(home)
            assert now != old
            assert seen in (old, now)
            assert not list((home / "data").glob(".import-*"))


def test_writers_exclude_each_other(tmp_path: Path) -> None:
    with stored.alone(tmp_path / "data"):
        for change in CHANGES:
            with pytest.raises(Conflict, match="another import is running"):
                change(tmp_path)


def test_readers_see_the_old_set_or_the_new_one(tmp_path: Path) -> None:
    # Each step of a writer is followed by a reader that has never read before.
    seen: list[tuple[str, list[float]]] = []
    put(tmp_path)
    old = shown(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((os, "fsync"), (Path, "rename"), (Path, "replace"), (Path, "unlink")):
            real = getattr(owner, name)

            def call(*args: Any, real: Any = real, **options: Any) -> Any:
                result = real(*args, **options)
                seen.append(shown(tmp_path))
                return result

            patch.setattr(owner, name, call)
        put(tmp_path, prices(seed=2))
    new = shown(tmp_path)
    assert len(seen) > 8
    changes = [index for index in range(1, len(seen)) if seen[index] != seen[index - 1]]
    assert len(changes) == 1
    assert seen[0] == old != new == seen[-1]


def test_a_catalog_loads_a_set_once_until_it_is_changed(tmp_path: Path) -> None:
    put(tmp_path)
    catalog = LocalCatalog(tmp_path)
    first = catalog.open("mine")
    assert catalog.open("mine") is first
    put(tmp_path, prices(seed=2))
    second = catalog.open("mine")
    assert second is not first
    assert first.info().data_hash != second.info().data_hash
    put(tmp_path, prices(seed=2))
    assert catalog.open("mine") is second


def test_what_was_never_referred_to_is_swept(tmp_path: Path) -> None:
    put(tmp_path)
    folder = tmp_path / "data" / "mine"
    (folder / "bars-0000.parquet").write_text("left by a killed writer")
    (folder / "cache-0000").mkdir()
    left = tmp_path / "data" / ".import-dead"
    left.mkdir()
    put(tmp_path, prices(seed=2))
    assert not left.exists()
    assert sorted(path.name.split("-")[0] for path in folder.iterdir()) == [
        "bars",
        "cache",
        "manifest.json",
    ]


def test_a_damaged_manifest_and_a_missing_set_say_so(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "data" / "mine" / "manifest.json").write_text("{")
    with pytest.raises(UntrustworthyData, match="'mine' is damaged: import it again"):
        LocalCatalog(tmp_path).open("mine")
    with pytest.raises(NotFound, match="there are: bundled, mine"):
        LocalCatalog(tmp_path).provenance("none")


def test_a_cache_that_cannot_be_written_keeps_nobody_from_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    written = put(tmp_path)
    old = shown(tmp_path)
    (tmp_path / "data" / "mine" / written.file / "index.json").unlink()
    failing(monkeypatch, 1, errno.EROFS)
    assert shown(tmp_path) == old
    assert "cannot be written: Read-only file system" in caplog.text
