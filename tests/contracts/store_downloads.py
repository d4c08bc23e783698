"""What every store of downloads must do; as `store.py`, which provides the fixtures' meaning."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from adapters.store.connect import Store
from interfaces.store import CLOCKS_APART, Ending
from schemas.downloads import ChunkProgress, Download, DownloadRequest, DownloadState
from schemas.errors import Conflict, NotFound
from schemas.market import ImportReport, RefusedRows, RejectedRow, SuspectedSplit
from tests.contracts.store import LEASE, Raw, in_threads
from tests.contracts.store_messages import START

REPORT = ImportReport(
    name="mine",
    rows_read=3,
    rows_kept=2,
    rows_rejected=1,
    notes=("a note",),
    suspected_splits=(SuspectedSplit(symbol="KO", session=date(2020, 1, 3), ratio=2.5),),
    reasons=(RefusedRows(reason="no", rows=1),),
    rejected=(RejectedRow(source="x", line=1, symbol="KO", session="soon", reason="no"),),
    symbols=("KO",),
    data_hash="a" * 64,
)


def a_download(download_id: str = "d-1", *, chunks: int = 3, seconds: int = 0) -> Download:
    moment = START + timedelta(seconds=seconds)
    items = tuple(f"SYM{i}" for i in range(chunks))
    return Download(
        download_id=download_id,
        request=DownloadRequest(
            data="mine",
            kinds=("bars",),
            symbols=items,
            start_date=date(2020, 1, 2),
            end_date=date(2020, 12, 30),
        ),
        chunks=tuple(ChunkProgress(kind="bars", item=item) for item in items),
        created_at=moment,
        updated_at=moment,
    )


class DownloadStoreContract:
    """`interfaces.store.DownloadStore`."""

    def test_a_download_is_stored_as_it_is_and_listed_newest_first(self, store: Store) -> None:
        made = [a_download(f"d-{i}", seconds=i) for i in (1, 0, 2)]
        assert [store.downloads.create(each) for each in made] == made
        assert store.downloads.get("d-1") == made[0]
        assert [each.download_id for each in store.downloads.list()] == ["d-2", "d-1", "d-0"]
        page = store.downloads.list(limit=1, before="d-2")
        assert [each.download_id for each in page] == ["d-1"]
        assert store.downloads.list(state="paused") == ()
        with pytest.raises(Conflict):
            store.downloads.create(made[0])
        for ask in (store.downloads.get, lambda name: store.downloads.list(before=name)):
            with pytest.raises(NotFound):
                ask("d-9")

    def test_eight_claimers_never_get_the_same_download(self, store: Store) -> None:
        for i in range(16):
            store.downloads.create(a_download(f"d-{i}", seconds=i))

        def drain(worker: int) -> list[str]:
            taken: list[str] = []
            while found := store.downloads.claim(f"w{worker}", now=START, lease=LEASE):
                taken.append(found.download_id)
            return taken

        taken = [name for names in in_threads(8, drain) for name in names]  # type: ignore[attr-defined]
        assert sorted(taken) == sorted(f"d-{i}" for i in range(16))
        assert {each.fence for each in store.downloads.list()} == {1}

    @pytest.mark.promise("fencing")
    def test_a_download_whose_lease_ended_is_taken_and_its_first_worker_changes_nothing(
        self, store: Store
    ) -> None:
        store.downloads.create(a_download())
        first = store.downloads.claim("first", now=START, lease=LEASE)
        assert first is not None
        early = START + LEASE - timedelta(microseconds=1)
        assert store.downloads.claim("second", now=early, lease=LEASE) is None
        assert store.downloads.claim_one("d-1", "second", now=early, lease=LEASE) is None
        late = START + timedelta(hours=1)

        def alive(_: str, __: datetime) -> bool:
            return False

        take, take_one = store.downloads.claim, store.downloads.claim_one
        assert take("second", now=late, lease=LEASE, silent=alive) is None
        assert take_one("d-1", "second", now=late, lease=LEASE, silent=alive) is None
        now = START + LEASE
        second = store.downloads.claim_one("d-1", "second", now=now, lease=LEASE)
        assert second is not None
        assert (second.worker, second.fence) == ("second", 2)
        stale: list[Callable[[], object]] = [
            lambda: store.downloads.heartbeat("d-1", 1, now=now, lease=LEASE),
            lambda: store.downloads.progress("d-1", 1, first.chunks[0], now=now),
            lambda: store.downloads.finish("d-1", 1, Ending("completed"), now=now),
        ]
        for write in stale:
            with pytest.raises(Conflict):
                write()
        assert store.downloads.get("d-1") == second

    def test_chunks_report_one_by_one(self, store: Store) -> None:
        download = store.downloads.create(a_download(chunks=40))
        store.downloads.claim("w", now=START, lease=LEASE)
        done = [
            chunk.model_copy(update={"state": "done", "provider": "alpaca", "rows": i + 1})
            for i, chunk in enumerate(download.chunks)
        ]
        for chunk in done[1::2]:
            store.downloads.progress("d-1", 1, chunk, now=START)
        failed = done[0].model_copy(update={"state": "failed", "error": "alpaca: no"})
        store.downloads.progress("d-1", 1, failed, now=START)
        stored = store.downloads.get("d-1").chunks
        assert stored[1::2] == tuple(done[1::2])
        assert stored[0] == failed
        assert {chunk.state for chunk in stored[2::2]} == {"waiting"}
        with pytest.raises(NotFound):
            store.downloads.progress("d-1", 1, ChunkProgress(kind="news", item="SYM1"), now=START)

    def test_a_heartbeat_extends_the_lease_and_shows_a_wish_to_cancel(self, store: Store) -> None:
        store.downloads.create(a_download())
        store.downloads.claim("w", now=START, lease=LEASE)
        assert store.downloads.heartbeat("d-1", 1, now=START, lease=LEASE) is False
        assert store.downloads.request_cancel("d-1", now=START).state == "running"
        assert store.downloads.heartbeat("d-1", 1, now=START + LEASE / 2, lease=LEASE) is True
        assert store.downloads.claim("w2", now=START + LEASE, lease=LEASE) is None

    def test_a_finished_download_keeps_its_report_and_gives_the_lease_back(
        self, store: Store
    ) -> None:
        chunks = store.downloads.create(a_download()).chunks
        store.downloads.claim("w", now=START, lease=LEASE)
        good = chunks[0].model_copy(update={"state": "done", "rows": 5})
        store.downloads.progress("d-1", 1, good, now=START)
        ended = store.downloads.finish("d-1", 1, Ending("partial", "1", REPORT), now=START)
        assert [chunk.published for chunk in ended.chunks] == [True, False, False]
        assert (ended.state, ended.error, ended.report) == ("partial", "1", REPORT)
        assert (ended.worker, ended.lease_until) == (None, None)
        assert store.downloads.resume("d-1", now=START).report == REPORT
        with pytest.raises(Conflict):
            store.downloads.finish("d-1", 1, Ending("completed"), now=START)

    @pytest.mark.parametrize("state", ["paused", "failed", "partial"])
    def test_what_stopped_early_is_resumed_and_its_failures_wait_again(
        self, store: Store, state: DownloadState
    ) -> None:
        chunks = store.downloads.create(a_download()).chunks
        store.downloads.claim("w", now=START, lease=LEASE)
        good = chunks[0].model_copy(update={"state": "done", "rows": 5, "provider": "alpaca"})
        bad = chunks[1].model_copy(update={"state": "failed", "error": "no"})
        for chunk in (good, bad):
            store.downloads.progress("d-1", 1, chunk, now=START)
        store.downloads.finish("d-1", 1, Ending(state, "why"), now=START)
        again = store.downloads.resume("d-1", now=START)
        assert (again.state, again.error) == ("queued", None)
        assert again.chunks == (good, chunks[1], chunks[2])
        claimed = store.downloads.claim("w", now=START, lease=LEASE)
        assert claimed is not None
        assert claimed.fence == 2
        store.downloads.progress("d-1", 2, bad, now=START)
        assert store.downloads.get("d-1").chunks[1] == bad

    def test_a_waiting_download_is_cancelled_at_once_and_an_ended_one_neither_stopped_nor_resumed(
        self, store: Store
    ) -> None:
        store.downloads.create(a_download())
        assert store.downloads.request_cancel("d-1", now=START).state == "cancelled"
        with pytest.raises(Conflict, match="ended"):
            store.downloads.request_cancel("d-1", now=START)
        with pytest.raises(Conflict, match="cannot be resumed"):
            store.downloads.resume("d-1", now=START)
        assert store.downloads.claim("w", now=START, lease=LEASE) is None

    def test_an_abandoned_download_is_cancelled_against_its_worker(self, store: Store) -> None:
        store.downloads.create(a_download())
        store.downloads.claim("w", now=START, lease=LEASE)
        late = START + LEASE + CLOCKS_APART
        assert store.downloads.request_cancel("d-1", now=late).state == "running"
        late += timedelta(microseconds=1)
        assert store.downloads.request_cancel("d-1", now=late).state == "cancelled"
        with pytest.raises(Conflict):
            store.downloads.finish("d-1", 1, Ending("completed"), now=late)

    def test_a_download_that_cannot_be_read_fails_and_holds_nobody_up(
        self, store: Store, raw: Raw
    ) -> None:
        for i in range(2):
            store.downloads.create(a_download(f"d-{i}", seconds=i))
        raw["downloads"].update_one({"_id": "d-0"}, {"$set": {"request": "?"}})
        taken = store.downloads.claim("w", now=START, lease=LEASE)
        assert taken is not None
        assert taken.download_id == "d-1"
        found = raw["downloads"].find_one({"_id": "d-0"})
        assert found is not None
        assert found["state"] == "failed"
