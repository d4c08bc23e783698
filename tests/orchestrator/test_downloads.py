"""Downloads: chunk by chunk, whatever providers, disks and workers do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.clock import SystemClock
from adapters.market.catalog import LocalCatalog
from adapters.market.quality import quality_of
from adapters.store.connect import Store, open_store
from adapters.wiring import System
from interfaces.providers import RawBars
from orchestrator.datasets import DataDesk, refresh_request, submit_download
from orchestrator.downloads import Downloader
from orchestrator.worker import Worker
from schemas.api import RefreshRequest
from schemas.downloads import ChunkProgress, Download, DownloadRequest
from schemas.errors import (
    AlphaShieldError,
    BadConfiguration,
    Conflict,
    InvalidRequest,
    NotFound,
    Unavailable,
    UntrustworthyData,
)
from schemas.facts import CorporateAction
from schemas.jobs import Job, JobState, SimulationRequest
from tests.adapters.market_sets import DAYS, every_kind, put
from tests.orchestrator.download_doubles import (
    DAY,
    LEASE,
    FolderLibrary,
    Vendor,
    bars_of,
    ports,
    sources,
)
from tests.orchestrator.runs import ROOT

SYMBOLS = ("AA", "BB", "CC", "DD")


@pytest.fixture
def store(uri: str, home: Path) -> Iterator[Store]:
    with closing(open_store(uri, home, database=f"test_{uuid.uuid4().hex[:12]}")) as opened:
        yield opened


@pytest.fixture
def library(tmp_path: Path) -> FolderLibrary:
    return FolderLibrary(tmp_path)


def ask(store: Store, *symbols: str, **changes: Any) -> str:
    """Store a download of bars, one chunk a symbol."""
    values: dict[str, Any] = {
        "data": "mine",
        "kinds": ("bars",),
        "symbols": symbols or SYMBOLS,
        "start_date": DAY,
        "end_date": DAY + timedelta(days=1),
    }
    request = DownloadRequest(**{**values, **changes})
    now = SystemClock().now()
    chunks = tuple(
        ChunkProgress(kind=kind, item=item)
        for kind in request.kinds
        for item in (request.series if kind == "macro" else request.symbols)
    )
    made = Download(
        download_id=uuid.uuid4().hex,
        request=request,
        chunks=chunks,
        created_at=now,
        updated_at=now,
    )
    return store.downloads.create(made).download_id


def drain(store: Store, library: FolderLibrary, *vendors: Vendor, download_id: str) -> Download:
    parts = replace(ports(store, library, *vendors), jobs=store.jobs)
    downloader = Downloader(parts, name="here", lease=LEASE)
    return downloader.see_through(download_id, lambda _: None)


def raising(error: Exception, *pages: RawBars) -> Callable[[], Iterator[RawBars]]:
    def answer() -> Iterator[RawBars]:
        yield from pages
        raise error

    return answer


def saying(*pages: Any) -> Callable[[], Iterator[Any]]:
    return lambda: iter(pages)


def test_everything_is_fetched_once_and_published_once(
    store: Store, library: FolderLibrary
) -> None:
    vendor = Vendor()
    seen: list[Download] = []
    download_id = ask(
        store,
        kinds=("bars", "actions", "macro"),
        series=("GDP",),
        macro_start_date=date(2020, 1, 1),
    )
    downloader = Downloader(ports(store, library, vendor), name="here", lease=LEASE)
    ended = downloader.see_through(download_id, seen.append)
    assert (ended.state, ended.error, ended.worker) == ("completed", None, None)
    assert vendor.asked == [*SYMBOLS, *(f"actions of {s}" for s in SYMBOLS), "GDP since 2020-01-01"]
    assert [chunk.rows for chunk in ended.chunks] == [2, 2, 2, 2, 0, 0, 0, 0, 1]
    assert {(chunk.state, chunk.provider) for chunk in ended.chunks} == {("done", "vendor")}
    assert ended.report is not None
    assert (ended.report.rows_kept, library.publishes, library.staged(download_id)) == (9, 1, {})
    done = [sum(chunk.state == "done" for chunk in each.chunks) for each in seen]
    assert done == sorted(done)
    assert set(done) == set(range(10))


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (raising(NotFound("does not know XX")), "first: does not know XX"),
        (raising(Unavailable("answers 503"), bars_of("XX", DAY)), "first: answers 503"),
        (raising(UntrustworthyData("answers HTML")), "first: answers HTML"),
        (raising(KeyError("c")), "first: failed to understand it (KeyError)"),
        (saying(bars_of("YY", DAY)), "first: answers with another symbol"),
        (saying("<html>"), "first: answers str when asked for bars"),
        (saying(), "first: has nothing between 2024-01-03 and 2024-01-04"),
        (saying(RawBars("x", "XX", {"close": ["1"]})), "first: answers bars without dates"),
        (
            saying(RawBars("x", "XX", {"date": ["2024-01-03"], "close": ["1", "2"]})),
            "first: answers columns of unequal length",
        ),
    ],
)
def test_the_next_provider_is_asked_and_without_one_the_others_are_fetched_all_the_same(
    store: Store, library: FolderLibrary, trouble: Callable[[], Any], said: str
) -> None:
    first, second = Vendor("first", XX=trouble), Vendor("second")
    alone = drain(store, library, first, download_id=ask(store, "AA", "XX", "BB"))
    assert alone.state == "partial"
    assert [chunk.state for chunk in alone.chunks] == ["done", "failed", "done"]
    assert alone.error is not None
    assert alone.error.startswith(f"bars of XX: {said}")
    assert {s: n for s, *_, n in library.coverage("mine")} == {"bars:AA": 2, "bars:BB": 2}

    both = drain(store, library, first, second, download_id=ask(store, "AA", "XX", "BB"))
    assert both.state == "completed"
    assert [chunk.provider for chunk in both.chunks] == ["first", "second", "first"]
    assert second.asked == ["XX"]


def test_what_failed_is_asked_again_on_resuming_and_nothing_else(
    store: Store, library: FolderLibrary
) -> None:
    vendor = Vendor(BB=raising(Unavailable("answers 503")))
    download_id = ask(store)
    assert drain(store, library, vendor, download_id=download_id).state == "partial"
    vendor.does.clear()
    vendor.asked.clear()
    store.downloads.resume(download_id, now=SystemClock().now())
    ended = drain(store, library, vendor, download_id=download_id)
    assert (ended.state, ended.error, vendor.asked) == ("completed", None, ["BB"])
    assert len(library.coverage("mine")) == 4


def test_a_resumed_download_fetches_again_what_was_lost_since(
    store: Store, library: FolderLibrary
) -> None:
    vendor = Vendor(BB=raising(NotFound("no")), CC=raising(NotFound("no")))
    download_id = ask(store)
    assert drain(store, library, vendor, download_id=download_id).state == "partial"
    vendor.does = {"CC": raising(Unavailable("away"))}
    store.downloads.resume(download_id, now=SystemClock().now())
    library.full = Unavailable("the disk is full")
    assert drain(store, library, vendor, download_id=download_id).state == "paused"
    library.full = None
    vendor.does.clear()
    vendor.asked.clear()
    store.downloads.resume(download_id, now=SystemClock().now())
    assert drain(store, library, vendor, download_id=download_id).state == "completed"
    assert vendor.asked == ["BB", "CC"]


def test_a_download_of_which_nothing_comes_has_failed(store: Store, library: FolderLibrary) -> None:
    vendor = Vendor(AA=raising(NotFound("no")), BB=saying())
    ended = drain(store, library, vendor, download_id=ask(store, "AA", "BB"))
    assert ended.state == "failed"
    assert ended.error == "bars of AA (and 1 more): vendor: no"
    assert library.names() == ()


def test_a_refused_key_is_tried_once(store: Store, library: FolderLibrary) -> None:
    refused = BadConfiguration("the key is refused")
    first = Vendor("first", **dict.fromkeys(SYMBOLS, raising(refused)))
    ended = drain(store, library, first, Vendor("second"), download_id=ask(store))
    assert ended.state == "completed"
    assert first.asked == ["AA"]


def test_only_the_providers_asked_for_are_asked(store: Store, library: FolderLibrary) -> None:
    first, second = Vendor("first"), Vendor("second")
    download_id = ask(store, providers=("second", "gone"))
    assert drain(store, library, first, second, download_id=download_id).state == "completed"
    assert first.asked == []
    alone = drain(store, library, first, download_id=ask(store, "AA", providers=("gone",)))
    assert alone.state == "failed"
    assert alone.chunks[0].error == "no provider that is set up offers bars"


def test_when_nobody_answers_any_more_the_download_pauses_and_goes_on_later(
    store: Store, library: FolderLibrary
) -> None:
    symbols = tuple(f"S{i}" for i in range(9))
    away = {name: raising(Unavailable("25 requests a day are used")) for name in symbols[2:]}
    vendor = Vendor(**away)
    download_id = ask(store, *symbols)
    paused = drain(store, library, vendor, download_id=download_id)
    assert paused.state == "paused"
    assert paused.error == (
        "no provider answers any more; the last said: vendor: 25 requests a day are used"
    )
    assert vendor.asked == list(symbols[:5])
    assert [chunk.state for chunk in paused.chunks] == ["done"] * 2 + ["waiting"] * 7
    assert library.names() == ()
    vendor.does.clear()
    store.downloads.resume(download_id, now=SystemClock().now())
    assert drain(store, library, vendor, download_id=download_id).state == "completed"
    assert vendor.asked == [*symbols[:5], *symbols[2:]]


@pytest.mark.promise("disk-full")
@pytest.mark.parametrize("when", ["stage", "publish"])
def test_a_full_disk_pauses_with_the_reason_and_nothing_is_fetched_twice(
    store: Store, library: FolderLibrary, when: str
) -> None:
    def fill() -> Iterator[RawBars]:
        library.full = Unavailable("the disk is full")
        yield bars_of("DD", DAY)

    vendor = Vendor(DD=fill)
    if when == "publish":
        vendor.does.clear()
        library.publish = fails_once(library, library.publish)  # type: ignore[method-assign]
    download_id = ask(store)
    paused = drain(store, library, vendor, download_id=download_id)
    assert paused.state == "paused"
    assert "the disk is full" in (paused.error or "")
    assert library.names() == ()
    vendor.does.clear()
    library.full = None
    vendor.asked.clear()
    store.downloads.resume(download_id, now=SystemClock().now())
    assert drain(store, library, vendor, download_id=download_id).state == "completed"
    assert vendor.asked == (["DD"] if when == "stage" else [])
    assert len(library.coverage("mine")) == 4


def fails_once(library: FolderLibrary, publish: Callable[..., Any]) -> Callable[..., Any]:
    def failing(*arguments: Any) -> Any:
        library.publish = publish  # type: ignore[method-assign]
        raise Unavailable("the disk is full")

    return failing


def test_what_cannot_be_published_waits_for_somebody_to_mend_it(
    store: Store, library: FolderLibrary
) -> None:
    broken: AlphaShieldError = UntrustworthyData("its file is damaged: import it again")
    publish = library.publish

    def refuse(*_: Any) -> Any:
        raise broken

    library.publish = refuse  # type: ignore[method-assign]
    download_id = ask(store)
    paused = drain(store, library, Vendor(), download_id=download_id)
    assert paused.state == "paused"
    assert paused.error == "the rows cannot be published: its file is damaged: import it again"
    assert len(library.staged(download_id)) == 4
    library.publish = publish  # type: ignore[method-assign]


def test_a_download_of_which_no_row_can_be_used_has_failed(
    store: Store, library: FolderLibrary
) -> None:
    def refuse(*_: Any) -> Any:
        raise InvalidRequest("not one row can be used: close is no number (8)")

    library.publish = refuse  # type: ignore[method-assign]
    download_id = ask(store)
    ended = drain(store, library, Vendor(), download_id=download_id)
    assert ended.state == "failed"
    assert ended.error == "not one row can be used: close is no number (8)"
    assert library.staged(download_id) == {}


def test_publishing_waits_while_another_writes(store: Store, library: FolderLibrary) -> None:
    publish, calls = library.publish, [Conflict("another import is running")]

    def busy(*arguments: Any) -> Any:
        if calls:
            raise calls.pop()
        return publish(*arguments)

    library.publish = busy  # type: ignore[method-assign]
    assert drain(store, library, Vendor(), download_id=ask(store)).state == "completed"


def simulate(store: Store, data: str) -> Job:
    request = SimulationRequest(
        models=("baseline:equal-weight",), start_date=DAY, end_date=DAY, data=data
    )
    now = SystemClock().now()
    job_id = uuid.uuid4().hex
    return store.jobs.create(
        Job(job_id=job_id, request=request, runs=(), created_at=now, updated_at=now)
    )


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_a_set_that_a_job_uses_is_not_changed_until_the_job_has_ended(
    store: Store, library: FolderLibrary, state: JobState
) -> None:
    job, now = simulate(store, "mine"), SystemClock().now()
    simulate(store, "another")
    fence = 0 if state == "queued" else _claimed(store, job)
    if state == "paused":
        store.jobs.finish(job.job_id, fence, "paused", now=now)
    vendor = Vendor()
    download_id = ask(store)
    waits = drain(store, library, vendor, download_id=download_id)
    assert (waits.state, waits.report, library.publishes) == ("paused", None, 0)
    assert waits.error == (
        f"everything is fetched and kept, but job {job.job_id} ({state}) uses the data set "
        "'mine': resume the download once the job has ended or was cancelled"
    )
    assert len(library.staged(download_id)) == len(SYMBOLS)
    store.downloads.resume(download_id, now=now)
    assert drain(store, library, vendor, download_id=download_id).state == "paused"

    if state == "running":
        store.jobs.finish(job.job_id, fence, "completed", now=now)
    else:
        store.jobs.request_cancel(job.job_id, now=now)
    store.downloads.resume(download_id, now=now)
    ended = drain(store, library, vendor, download_id=download_id)
    assert (ended.state, library.publishes, vendor.asked) == ("completed", 1, [*SYMBOLS])


def _claimed(store: Store, job: Job) -> int:
    found = store.jobs.claim_one(
        job.job_id, "w", now=SystemClock().now(), lease=timedelta(minutes=5)
    )
    assert found is not None
    return found.fence


def test_actions_of_a_set_on_hand_are_asked_for_from_long_before_to_what_is_announced(
    store: Store, library: FolderLibrary
) -> None:
    spans: list[tuple[str, date, date]] = []

    class Noting(Vendor):
        def bars(self, symbol: str, start: date, end: date) -> Iterator[RawBars]:
            spans.append(("bars", start, end))
            return super().bars(symbol, start, end)

        def actions(self, symbol: str, start: date, end: date) -> Iterator[CorporateAction]:
            spans.append(("actions", start, end))
            return super().actions(symbol, start, end)

    today = SystemClock().now().date()
    yesterday = today - timedelta(days=1)
    kinds = ("bars", "actions")
    first = ask(store, "AA", kinds=kinds)
    drain(store, library, Noting(), download_id=first)
    assert spans == [(kind, DAY, DAY + timedelta(days=1)) for kind in kinds]
    spans.clear()
    again = ask(store, "AA", kinds=kinds, start_date=yesterday, end_date=yesterday)
    drain(store, library, Noting(), download_id=again)
    assert spans == [
        ("bars", yesterday, yesterday),
        ("actions", yesterday - timedelta(days=400), today + timedelta(days=90)),
    ]


def test_a_refresh_asks_for_macro_series_as_a_whole_and_for_bars_from_a_few_sessions_back(
    store: Store, tmp_path: Path
) -> None:
    put(tmp_path, facts=every_kind())
    catalog = LocalCatalog(tmp_path)
    desk = DataDesk(
        library=catalog,
        downloads=store.downloads,
        jobs=store.jobs,
        sources=sources(Vendor()),
        check=catalog.check,
        quality=lambda name: quality_of(
            catalog.open(name), catalog.calendar("XNYS"), now=SystemClock().now()
        ),
        told=catalog.import_report,
        calendar=catalog.calendar,
        wall=SystemClock(),
    )
    wanted = refresh_request(RefreshRequest(data="mine"), desk)
    assert wanted.series == ("UNRATE",)
    assert wanted.starts("macro") == date(1776, 7, 4)  # the first day FRED knows
    assert wanted.starts("bars") == DAYS[-5]
    assert wanted.end_date == SystemClock().now().date() - timedelta(days=1)
    made = submit_download(wanted, desk)
    assert {chunk.kind for chunk in made.chunks} >= {"bars", "actions", "macro"}


@pytest.mark.parametrize("how", ["cancel", "drain"])
def test_a_provider_that_hangs_holds_up_neither_a_cancel_nor_a_drain(
    store: Store, library: FolderLibrary, how: str
) -> None:
    hangs, released, stop = threading.Event(), threading.Event(), threading.Event()

    def hang() -> Iterator[RawBars]:
        hangs.set()
        released.wait(30)
        yield bars_of("CC", DAY)

    vendor = Vendor(CC=hang)
    download_id = ask(store)
    downloader = Downloader(ports(store, library, vendor), name="here", lease=LEASE, drain=stop)
    worker = threading.Thread(target=downloader.see_through, args=(download_id, lambda _: None))
    worker.start()
    assert hangs.wait(30)
    begun = time.monotonic()
    if how == "cancel":
        store.downloads.request_cancel(download_id, now=SystemClock().now())
    else:
        stop.set()
    worker.join(30)
    assert time.monotonic() - begun < 1
    released.set()
    ended = store.downloads.get(download_id)
    assert [chunk.state for chunk in ended.chunks] == ["done", "done", "waiting", "waiting"]
    assert vendor.asked == ["AA", "BB", "CC"]
    if how == "cancel":
        assert (ended.state, library.staged(download_id)) == ("cancelled", {})
        return
    assert (ended.state, len(library.staged(download_id))) == ("queued", 2)
    vendor.does.clear()
    assert drain(store, library, vendor, download_id=download_id).state == "completed"
    assert vendor.asked == ["AA", "BB", "CC", "CC", "DD"]


@pytest.mark.promise("resume")
def test_the_download_of_a_killed_worker_is_taken_over_and_nothing_is_fetched_twice(
    store: Store, library: FolderLibrary, tmp_path: Path
) -> None:
    download_id = ask(store)
    words = ("-m", "tests.orchestrator.download_doubles", str(tmp_path), store.uri, store.database)
    with subprocess.Popen(
        [sys.executable, *words, "CC"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "hangs\n"
        os.kill(child.pid, signal.SIGKILL)
    left = store.downloads.get(download_id)
    assert (left.state, left.worker) == ("running", "child")
    vendor = Vendor(log=tmp_path / "asked")
    ended = drain(store, library, vendor, download_id=download_id)
    assert (ended.state, ended.fence) == ("completed", 2)
    assert (tmp_path / "asked").read_text().split() == ["AA", "BB", "CC", "CC", "DD"]
    assert len(library.coverage("mine")) == 4


def test_what_was_kept_but_not_reported_counts_as_fetched_and_what_was_lost_does_not(
    store: Store, library: FolderLibrary
) -> None:
    download_id = ask(store)
    claimed = store.downloads.claim("dead", now=SystemClock().now() - 2 * LEASE, lease=LEASE)
    assert claimed is not None
    reported = {"state": "done", "provider": "vendor", "rows": 2}
    lost = claimed.chunks[0].model_copy(update=reported)
    store.downloads.progress(download_id, claimed.fence, lost, now=SystemClock().now())
    (library._folder / f"staged-{download_id}").mkdir()
    (library._folder / f"staged-{download_id}" / "bars:BB").write_text("2")
    vendor = Vendor()
    assert drain(store, library, vendor, download_id=download_id).state == "completed"
    assert vendor.asked == ["AA", "CC", "DD"]
    assert len(library.coverage("mine")) == 4


@pytest.mark.promise("fencing")
def test_a_worker_that_lost_its_download_publishes_nothing(
    store: Store, library: FolderLibrary
) -> None:
    def robbed() -> Iterator[RawBars]:
        store.downloads._downloads.update_one(
            {"_id": download_id}, {"$inc": {"fence": 1}, "$set": {"worker": "thief"}}
        )
        yield bars_of("DD", DAY)

    download_id = ask(store)
    downloader = Downloader(ports(store, library, Vendor(DD=robbed)), name="here", lease=LEASE)
    claimed = store.downloads.claim("here", now=SystemClock().now(), lease=LEASE)
    assert claimed is not None
    downloader._work(claimed, lambda _: None)
    now = store.downloads.get(download_id)
    assert (now.state, now.worker, now.report) == ("running", "thief", None)
    assert library.publishes == 0


def test_two_workers_never_run_the_same_download(store: Store, library: FolderLibrary) -> None:
    vendor, stop = Vendor(), threading.Event()
    ids = [ask(store, f"A{i}", f"B{i}", data=f"set-{i}") for i in range(12)]
    workers = [
        threading.Thread(
            target=Downloader(
                ports(store, library, vendor), name=f"w{i}", lease=LEASE, drain=stop
            ).run_forever
        )
        for i in range(2)
    ]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + 30
    while store.downloads.list(state="queued") or store.downloads.list(state="running"):
        assert time.monotonic() < deadline
        stop.wait(0.02)
    stop.set()
    for worker in workers:
        worker.join()
    assert {store.downloads.get(each).state for each in ids} == {"completed"}
    assert {store.downloads.get(each).fence for each in ids} == {1}
    assert sorted(vendor.asked) == sorted(f"{s}{i}" for s in "AB" for i in range(12))


def test_a_worker_runs_downloads_beside_its_jobs(system: System, library: FolderLibrary) -> None:
    vendor, stop = Vendor(), threading.Event()
    parts = {"catalog": library, "sources": sources(vendor)}
    worker = Worker(replace(system, **parts), name="both", drain=stop)
    running = threading.Thread(target=worker.run_forever)
    download_id = ask(system.store)
    running.start()
    deadline = time.monotonic() + 30
    while system.store.downloads.get(download_id).state != "completed":
        assert time.monotonic() < deadline
        stop.wait(0.02)
    stop.set()
    running.join(30)
    assert not running.is_alive()
    assert vendor.asked == [*SYMBOLS]


def test_a_worker_that_breaks_says_so_and_goes_on(store: Store, library: FolderLibrary) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    library.stage = broken  # type: ignore[method-assign]
    ended = drain(store, library, Vendor(), download_id=ask(store))
    assert (ended.state, ended.error) == (
        "failed",
        "internal error (ZeroDivisionError); see the log",
    )
