"""What every store must do, whatever database stands behind it.

A test module subclasses these classes and provides the fixtures `store` (an open, empty
`adapters.store.connect.Store`) and `raw` (the PyMongo database behind it, to break things with).
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from pymongo.database import Database

from adapters.store.connect import Store
from interfaces.store import CLOCKS_APART
from schemas.base import canonical_json
from schemas.errors import AlphaShieldError, Conflict, InvalidRequest, NotFound, UntrustworthyData
from schemas.jobs import JobState, RunProgress
from schemas.keys import ApiKey
from schemas.memory import MemoryRecord
from schemas.tick import Tick
from tests.contracts.store_messages import START, a_job, a_tick, jobs, ticks

RUN, KEY = "run-1", "b" * 64
LEASE = timedelta(seconds=30)
DRAWN = settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # shrinking against a database takes minutes
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.differing_executors,
    ],
)
Raw = Database[dict[str, Any]]


def in_threads(count: int, action: Callable[[int], object]) -> list[object]:
    """Run the action in that many threads at once and return what each returned or raised."""

    def guarded(number: int) -> object:
        try:
            return action(number)
        except AlphaShieldError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(guarded, range(count)))


class TickStoreContract:
    """`interfaces.store.TickStore`."""

    def test_committed_ticks_come_back_in_order(self, store: Store) -> None:
        assert store.ticks.open(RUN, KEY, 1) == 0
        written = [a_tick(n) for n in range(70)]
        for tick in written:
            store.ticks.commit(RUN, 1, tick)
        assert store.ticks.open(RUN, KEY, 1) == 70
        assert list(store.ticks.ticks(RUN)) == written
        assert list(store.ticks.ticks(RUN, start=66)) == written[66:]

    def test_a_run_that_was_never_opened_has_no_ticks_and_takes_none(self, store: Store) -> None:
        assert list(store.ticks.ticks(RUN)) == []
        with pytest.raises(Conflict, match="never opened"):
            store.ticks.commit(RUN, 1, a_tick(0))

    def test_runs_are_apart(self, store: Store) -> None:
        for run in ("one", "two"):
            store.ticks.open(run, KEY, 1)
        store.ticks.commit("one", 1, a_tick(0))
        assert list(store.ticks.ticks("two")) == []

    @DRAWN
    @given(drawn=ticks)
    def test_any_tick_survives_the_database_to_the_byte(self, store: Store, drawn: Tick) -> None:
        tick = drawn.model_copy(update={"n": 0})
        run = uuid.uuid4().hex
        store.ticks.open(run, KEY, 1)
        store.ticks.commit(run, 1, tick)
        (back,) = store.ticks.ticks(run)
        assert back.model_dump_json() == tick.model_dump_json()

    @pytest.mark.promise("fencing")
    def test_a_stale_fence_writes_nothing(self, store: Store, raw: Raw) -> None:
        store.ticks.open(RUN, KEY, 1)
        store.ticks.commit(RUN, 1, a_tick(0))
        assert store.ticks.open(RUN, KEY, 2) == 1
        before = [raw["run_heads"].find_one({"_id": RUN}), list(raw["ticks"].find({}))]
        for n in (0, 1, 2):
            with pytest.raises(Conflict, match="another worker"):
                store.ticks.commit(RUN, 1, a_tick(n, trades=0))
        assert [raw["run_heads"].find_one({"_id": RUN}), list(raw["ticks"].find({}))] == before

    @pytest.mark.promise("fencing")
    def test_only_the_newest_fence_commits_in_any_order_of_workers(self, store: Store) -> None:
        check_fencing(store, seed=7, steps=80)

    def test_a_lower_fence_cannot_take_the_run_and_an_equal_one_can(self, store: Store) -> None:
        store.ticks.open(RUN, KEY, 5)
        assert store.ticks.open(RUN, KEY, 5) == 0
        with pytest.raises(Conflict, match="another worker"):
            store.ticks.open(RUN, KEY, 4)

    def test_a_run_is_not_continued_under_another_key(self, store: Store) -> None:
        store.ticks.open(RUN, KEY, 1)
        with pytest.raises(Conflict, match="another request"):
            store.ticks.open(RUN, "c" * 64, 2)

    def test_the_same_tick_again_succeeds_once_and_another_one_does_not(self, store: Store) -> None:
        store.ticks.open(RUN, KEY, 1)
        store.ticks.commit(RUN, 1, a_tick(0))
        store.ticks.commit(RUN, 1, a_tick(0))
        with pytest.raises(Conflict, match="stands at 1"):
            store.ticks.commit(RUN, 1, a_tick(0, trades=0))
        with pytest.raises(Conflict, match="stands at 1"):
            store.ticks.commit(RUN, 1, a_tick(2))
        assert list(store.ticks.ticks(RUN)) == [a_tick(0)]

    def test_of_two_writers_of_one_number_one_wins(self, store: Store) -> None:
        store.ticks.open(RUN, KEY, 1)
        outcomes = in_threads(8, lambda i: store.ticks.commit(RUN, 1, a_tick(0, trades=i)))
        assert [outcome for outcome in outcomes if outcome is None] == [None]
        assert len(list(store.ticks.ticks(RUN))) == 1

    def test_a_tick_that_was_committed_but_not_copied_is_read_and_recovered(
        self, store: Store, raw: Raw
    ) -> None:
        store.ticks.open(RUN, KEY, 1)
        for n in range(3):
            store.ticks.commit(RUN, 1, a_tick(n))
        raw["ticks"].delete_one({"run_id": RUN, "n": 2})  # as a crash after the first write leaves
        assert list(store.ticks.ticks(RUN)) == [a_tick(n) for n in range(3)]
        assert store.ticks.open(RUN, KEY, 2) == 3
        assert raw["ticks"].find_one({"run_id": RUN, "n": 2}) is not None

    def test_a_hole_in_the_ticks_is_not_passed_over(self, store: Store, raw: Raw) -> None:
        store.ticks.open(RUN, KEY, 1)
        for n in range(4):
            store.ticks.commit(RUN, 1, a_tick(n))
        raw["ticks"].delete_one({"run_id": RUN, "n": 1})
        with pytest.raises(UntrustworthyData, match="tick 1"):
            list(store.ticks.ticks(RUN))

    def test_a_tick_over_a_megabyte_is_refused_and_leaves_nothing(self, store: Store) -> None:
        store.ticks.open(RUN, KEY, 1)
        mark = a_tick(0).mark
        huge = a_tick(0).model_copy(
            update={"mark": mark.model_copy(update={"positions": mark.positions * 600})}
        )
        with pytest.raises(InvalidRequest, match="over 1 MB"):
            store.ticks.commit(RUN, 1, huge)
        assert store.ticks.open(RUN, KEY, 1) == 0

    def test_raw_entries_show_what_is_stored_even_when_it_is_no_tick(
        self, store: Store, raw: Raw
    ) -> None:
        store.ticks.open(RUN, KEY, 1)
        for n in range(2):
            store.ticks.commit(RUN, 1, a_tick(n))
        change = {"$set": {"tick.mark.cash_minor": "a lot"}}
        raw["ticks"].update_one({"run_id": RUN, "n": 1}, change)
        (first, text), (second, broken) = store.ticks.raw_entries(RUN)
        assert (first, text.encode()) == (0, canonical_json(a_tick(0)))
        assert second == 1
        assert json.loads(broken)["mark"]["cash_minor"] == "a lot"


def check_fencing(store: Store, *, seed: int, steps: int) -> None:
    """Let three workers take a run from each other at random; only the newest fence may write."""
    rng = random.Random(seed)
    run = f"fenced-{seed}"
    fences = dict.fromkeys(range(3), 0)
    newest, head = 0, 0
    for _ in range(steps):
        worker = rng.randrange(3)
        if rng.random() < 0.3:
            newest += 1
            fences[worker] = newest
            assert store.ticks.open(run, KEY, newest) == head
            continue
        try:
            store.ticks.commit(run, fences[worker], a_tick(head, trades=worker))
        except Conflict:
            assert fences[worker] != newest or newest == 0
        else:
            assert fences[worker] == newest > 0
            head += 1
    assert [tick.n for tick in store.ticks.ticks(run)] == list(range(head))


class JobStoreContract:
    """`interfaces.store.JobStore`."""

    def test_a_job_is_stored_as_it_is(self, store: Store) -> None:
        assert store.jobs.create(a_job()) == a_job()
        assert store.jobs.get("job-1") == a_job()
        with pytest.raises(NotFound):
            store.jobs.get("job-2")
        with pytest.raises(Conflict):
            store.jobs.create(a_job())

    @DRAWN
    @given(job=jobs)
    def test_any_job_survives_the_database_to_the_byte(self, store: Store, job: Any) -> None:
        named = job.model_copy(update={"job_id": uuid.uuid4().hex})
        store.jobs.create(named)
        assert store.jobs.get(named.job_id).model_dump_json() == named.model_dump_json()

    def test_jobs_are_listed_newest_first_page_by_page(self, store: Store) -> None:
        for i in (2, 0, 4, 1, 3):
            store.jobs.create(a_job(f"job-{i}", created_at=START + timedelta(microseconds=i)))
        names = [job.job_id for job in store.jobs.list()]
        assert names == ["job-4", "job-3", "job-2", "job-1", "job-0"]
        page = store.jobs.list(limit=2, before="job-3")
        assert [job.job_id for job in page] == ["job-2", "job-1"]
        assert store.jobs.list(state="running") == ()
        with pytest.raises(NotFound):
            store.jobs.list(before="job-9")

    def test_an_idempotency_key_makes_one_job_and_refuses_another_request(
        self, store: Store
    ) -> None:
        made = in_threads(8, lambda i: store.jobs.create(a_job(f"job-{i}"), idempotency_key="once"))
        assert len({job.job_id for job in made}) == len(store.jobs.list()) == 1  # type: ignore[attr-defined]
        other = a_job("job-x")
        changed = other.model_copy(update={"request": other.request.model_copy(update={"seed": 1})})
        with pytest.raises(Conflict, match="another request"):
            store.jobs.create(changed, idempotency_key="once")

    def test_claims_take_the_oldest_and_raise_the_fence(self, store: Store) -> None:
        for i in (1, 0):
            store.jobs.create(a_job(f"job-{i}", created_at=START + timedelta(seconds=i)))
        job = store.jobs.claim("w", now=START, lease=LEASE)
        assert job is not None
        assert (job.job_id, job.state, job.worker, job.fence) == ("job-0", "running", "w", 1)
        assert job.lease_until == START + LEASE
        assert store.jobs.get("job-0") == job

    def test_eight_claimers_never_get_the_same_job(self, store: Store) -> None:
        for i in range(24):
            store.jobs.create(a_job(f"job-{i}"))

        def drain(worker: int) -> list[str]:
            taken: list[str] = []
            while job := store.jobs.claim(f"w{worker}", now=START, lease=LEASE):
                taken.append(job.job_id)
            return taken

        taken = [name for names in in_threads(8, drain) for name in names]  # type: ignore[attr-defined]
        assert sorted(taken) == sorted(f"job-{i}" for i in range(24))
        assert {job.fence for job in store.jobs.list()} == {1}

    def test_a_job_whose_lease_ended_is_claimed_again(self, store: Store) -> None:
        store.jobs.create(a_job())
        store.jobs.claim("first", now=START, lease=LEASE)
        early = START + LEASE - timedelta(microseconds=1)
        assert store.jobs.claim("second", now=early, lease=LEASE) is None
        assert store.jobs.claim_one("job-1", "second", now=early, lease=LEASE) is None
        again = store.jobs.claim("second", now=START + LEASE, lease=LEASE)
        assert again is not None
        assert (again.worker, again.fence) == ("second", 2)

    @pytest.mark.promise("fencing")
    def test_a_stale_worker_changes_no_job(self, store: Store) -> None:
        store.jobs.create(a_job())
        store.jobs.claim("first", now=START, lease=LEASE)
        now = START + LEASE
        store.jobs.claim("second", now=now, lease=LEASE)
        before = store.jobs.get("job-1")
        stale: list[Callable[[], object]] = [
            lambda: store.jobs.heartbeat("job-1", 1, now=now, lease=LEASE),
            lambda: store.jobs.progress("job-1", 1, before.runs[0], now=now),
            lambda: store.jobs.finish("job-1", 1, "completed", now=now),
        ]
        for write in stale:
            with pytest.raises(Conflict):
                write()
        assert store.jobs.get("job-1") == before

    def test_a_heartbeat_extends_the_lease_and_shows_a_wish_to_cancel(self, store: Store) -> None:
        store.jobs.create(a_job())
        store.jobs.claim_one("job-1", "w", now=START, lease=LEASE)
        store.jobs.request_cancel("job-1", now=START)
        job = store.jobs.heartbeat("job-1", 1, now=START + LEASE / 2, lease=LEASE)
        assert job.cancel_requested
        assert job.state == "running"
        assert store.jobs.claim("w2", now=START + LEASE, lease=LEASE) is None

    def test_runs_of_one_job_report_side_by_side(self, store: Store) -> None:
        runs = tuple(
            RunProgress(run_id=f"run-{i}", run_key="d" * 64, model="baseline:rules")
            for i in range(4)
        )
        store.jobs.create(a_job().model_copy(update={"runs": runs}))
        store.jobs.claim("w", now=START, lease=LEASE)

        def report(i: int) -> None:
            for done in range(1, 6):
                run = runs[i].model_copy(update={"sessions_done": done, "state": "running"})
                store.jobs.progress("job-1", 1, run, now=START)

        assert in_threads(4, report) == [None] * 4
        assert [run.sessions_done for run in store.jobs.get("job-1").runs] == [5] * 4
        unknown = runs[0].model_copy(update={"run_id": "run-9"})
        with pytest.raises(NotFound):
            store.jobs.progress("job-1", 1, unknown, now=START)

    def test_finishing_gives_the_job_back(self, store: Store) -> None:
        store.jobs.create(a_job())
        store.jobs.claim("w", now=START, lease=LEASE)
        job = store.jobs.finish("job-1", 1, "failed", now=START, error="the disk is full")
        assert (job.state, job.worker, job.lease_until) == ("failed", None, None)
        assert job.error == "the disk is full"
        assert store.jobs.claim("w", now=START + LEASE, lease=LEASE) is None
        with pytest.raises(Conflict):
            store.jobs.finish("job-1", 1, "completed", now=START)

    def test_a_job_that_is_handed_back_is_claimed_by_the_next(self, store: Store) -> None:
        store.jobs.create(a_job())
        store.jobs.claim("w", now=START, lease=LEASE)
        store.jobs.finish("job-1", 1, "queued", now=START)
        job = store.jobs.claim("w2", now=START, lease=LEASE)
        assert job is not None
        assert job.fence == 2

    def test_a_waiting_job_is_cancelled_at_once_and_an_ended_one_not_at_all(
        self, store: Store
    ) -> None:
        store.jobs.create(a_job())
        assert store.jobs.request_cancel("job-1", now=START).state == "cancelled"
        with pytest.raises(Conflict, match="ended"):
            store.jobs.request_cancel("job-1", now=START)
        assert store.jobs.claim("w", now=START, lease=LEASE) is None

    @pytest.mark.promise("clock-skew")
    def test_a_job_is_cancelled_against_its_worker_only_when_no_clock_can_be_so_wrong(
        self, store: Store
    ) -> None:
        store.jobs.create(a_job())
        store.jobs.claim("w", now=START, lease=LEASE)
        late = START + LEASE + CLOCKS_APART
        asked = store.jobs.request_cancel("job-1", now=late)
        assert (asked.state, asked.cancel_requested, asked.fence) == ("running", True, 1)
        assert store.jobs.heartbeat("job-1", 1, now=START, lease=LEASE).cancel_requested
        late += timedelta(microseconds=1)
        assert store.jobs.request_cancel("job-1", now=late).state == "cancelled"
        with pytest.raises(Conflict):
            store.jobs.finish("job-1", 1, "completed", now=START)

    @pytest.mark.parametrize("state", ["paused", "failed", "partial", "cancelled"])
    def test_what_stopped_early_is_resumed(self, store: Store, state: JobState) -> None:
        store.jobs.create(a_job())
        store.jobs.claim("w", now=START, lease=LEASE)
        store.jobs.finish("job-1", 1, state, now=START, error="why")
        job = store.jobs.resume("job-1", now=START)
        assert (job.state, job.error, job.cancel_requested) == ("queued", None, False)
        claimed = store.jobs.claim("w", now=START, lease=LEASE)
        assert claimed is not None
        assert claimed.fence == 2

    @pytest.mark.parametrize("state", ["completed", "budget_exhausted"])
    def test_what_came_to_its_end_is_not_resumed(self, store: Store, state: JobState) -> None:
        store.jobs.create(a_job())
        store.jobs.claim("w", now=START, lease=LEASE)
        with pytest.raises(Conflict, match="running"):
            store.jobs.resume("job-1", now=START)
        store.jobs.finish("job-1", 1, state, now=START)
        with pytest.raises(Conflict, match="cannot be resumed"):
            store.jobs.resume("job-1", now=START)


class ArtifactStoreContract:
    """`interfaces.store.ArtifactStore`."""

    @pytest.mark.parametrize("size", [0, 1, 3_000_000])
    def test_a_file_comes_back_to_the_byte(self, store: Store, size: int) -> None:
        content = random.Random(size).randbytes(size)
        store.artifacts.put("job-1", "a.bin", content)
        assert store.artifacts.get("job-1", "a.bin") == content

    def test_a_file_is_replaced_whole_and_its_old_pieces_go(self, store: Store, raw: Raw) -> None:
        for content in (b"first" * 400_000, b"second", b"second"):
            store.artifacts.put("job-1", "report.html", content)
            assert store.artifacts.get("job-1", "report.html") == content
        assert len(list(raw["artifact_pieces"].find({}))) == 1

    def test_files_are_named_by_job(self, store: Store) -> None:
        for name in ("trades.csv", "equity.csv"):
            store.artifacts.put("job-1", name, b"x")
        assert store.artifacts.names("job-1") == ("equity.csv", "trades.csv")
        assert store.artifacts.names("job-2") == ()
        with pytest.raises(NotFound):
            store.artifacts.get("job-2", "trades.csv")

    def test_readers_see_one_version_while_writers_replace_it(self, store: Store) -> None:
        versions = [bytes([i]) * 600_000 for i in range(6)]
        store.artifacts.put("job-1", "x", versions[0])

        def act(i: int) -> bytes | None:
            if i % 2:
                return store.artifacts.get("job-1", "x")
            return store.artifacts.put("job-1", "x", versions[i])

        seen = [content for content in in_threads(6, act) if content is not None]
        assert len(seen) == 3
        assert all(content in versions for content in seen)

    def test_a_damaged_file_is_not_handed_out(self, store: Store, raw: Raw) -> None:
        store.artifacts.put("job-1", "x", b"true" * 100)
        raw["artifact_pieces"].update_one({}, {"$set": {"content": b"false"}})
        with pytest.raises(UntrustworthyData):
            store.artifacts.get("job-1", "x")


class KeyStoreContract:
    """`interfaces.store.KeyStore`."""

    def test_keys_are_found_by_digest_listed_by_age_and_revoked_once(self, store: Store) -> None:
        for i in (1, 0):
            store.keys.add(a_key(i))
        assert store.keys.find(a_key(1).digest) == a_key(1)
        assert store.keys.find("0" * 64) is None
        assert store.keys.list() == (a_key(0), a_key(1))
        revoked = store.keys.revoke("abcdefg0", now=START)
        assert revoked.revoked_at == START
        assert store.keys.revoke("abcdefg0", now=START + LEASE) == revoked
        assert store.keys.find(a_key(0).digest) == revoked

    def test_an_id_is_used_once_and_an_unknown_one_is_not_found(self, store: Store) -> None:
        store.keys.add(a_key(0))
        with pytest.raises(Conflict):
            store.keys.add(a_key(0))
        with pytest.raises(NotFound):
            store.keys.revoke("abcdefg9", now=START)


def a_key(i: int) -> ApiKey:
    """A key; a higher number is younger."""
    return ApiKey(
        key_id=f"abcdefg{i}",
        name="test",
        digest=f"{i + 1:064x}",
        created_at=START + timedelta(seconds=i),
    )


class MemoryStoreContract:
    """`interfaces.store.MemoryStore`."""

    def test_tenants_see_their_own_memories_oldest_first_each_once(self, store: Store) -> None:
        records = [a_memory(i) for i in range(3)]
        for record in (*reversed(records), records[0]):
            store.memories.put("mine", record)
        store.memories.put("theirs", records[1])
        assert store.memories.all("mine") == tuple(records)
        assert store.memories.all("theirs") == (records[1],)
        assert store.memories.all("nobody's") == ()


def a_memory(i: int) -> MemoryRecord:
    """A memory; a higher number was remembered later."""
    moment = START + timedelta(seconds=i)
    return MemoryRecord(
        memory_id=f"{9 - i:064x}",
        agent="alpha_trading",
        text=f"the {i}th thing",
        event_time=moment,
        known_time=moment,
    )
