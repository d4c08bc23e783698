"""Trouble on the way to the database is named in one sentence, or settled by reading back."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo.database import Database

from adapters.store import connect
from adapters.store.connect import Store, open_store
from schemas.errors import BadConfiguration, Unavailable
from schemas.jobs import Job
from tests.contracts.store import KEY, RUN, a_key, a_memory
from tests.contracts.store_messages import START, a_job, a_tick
from tests.contracts.store_proxy import LossyProxy

LEASE = timedelta(seconds=30)


@pytest.fixture
def proxy(uri: str) -> Iterator[LossyProxy]:
    address = urlsplit(uri)
    with LossyProxy(address.hostname or "localhost", address.port or 27017) as opened:
        yield opened


@pytest.fixture
def fragile(proxy: LossyProxy, raw: Database[dict[str, Any]], tmp_path: Path) -> Iterator[Store]:
    """The same store by way of the proxy."""
    uri = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
    with contextlib.closing(open_store(uri, tmp_path, database=raw.name)) as store:
        yield store


def test_a_database_that_is_not_there_is_unavailable_and_its_password_stays_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "_SELECTION_MS", 200)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable) as refusal:
        open_store(f"mongodb://me:hunter2@127.0.0.1:{port}/", tmp_path)
    assert str(refusal.value) == "the database does not answer"


@pytest.mark.parametrize(
    "uri",
    ["redis://u:hunter2@localhost", "mongodb://u:hunter2@:/", "mongodb://localhost:hunter2", "x"],
)
def test_an_address_that_is_none_is_refused_without_showing_it(uri: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="MONGODB_URI") as refusal:
        open_store(uri, tmp_path)
    assert "hunter2" not in str(refusal.value)


def test_opening_twice_changes_nothing(uri: str, store: Store, tmp_path: Path) -> None:
    store.jobs.create(a_job())
    with contextlib.closing(open_store(uri, tmp_path, database=store.database)) as again:
        assert again.jobs.get("job-1") == a_job()


def test_a_store_that_is_printed_does_not_show_its_address(store: Store) -> None:
    assert store.uri not in repr(store)


def claimed(store: Store) -> None:
    store.jobs.create(a_job())
    store.jobs.claim("w", now=START, lease=LEASE)


def taken(job: Job | None) -> None:
    assert job is not None


def opened(store: Store) -> None:
    store.ticks.open(RUN, KEY, 1)


@pytest.mark.promise("db-loss")
@pytest.mark.parametrize(
    ("prepare", "write", "lost", "read"),
    [
        pytest.param(
            lambda store: None,
            lambda store: store.jobs.create(a_job()),
            "jobs",
            lambda store: store.jobs.get("job-1") == a_job(),
            id="create",
        ),
        pytest.param(
            lambda store: store.jobs.create(a_job()),
            lambda store: taken(store.jobs.claim_one("job-1", "w", now=START, lease=LEASE)),
            "lease_until",
            lambda store: store.jobs.get("job-1").fence == 1,
            id="claim",
        ),
        pytest.param(
            claimed,
            lambda store: store.jobs.finish("job-1", 1, "completed", now=START),
            "completed",
            lambda store: store.jobs.get("job-1").state == "completed",
            id="finish",
        ),
        pytest.param(
            lambda store: None,
            lambda store: store.ticks.open(RUN, KEY, 3),
            "fence",
            lambda store: store.ticks.open(RUN, KEY, 3) == 0,
            id="open",
        ),
        pytest.param(
            opened,
            lambda store: store.ticks.commit(RUN, 1, a_tick(0)),
            "pending",
            lambda store: list(store.ticks.ticks(RUN)) == [a_tick(0)],
            id="commit",
        ),
        pytest.param(
            opened,
            lambda store: store.ticks.commit(RUN, 1, a_tick(0)),
            "ticks",
            lambda store: list(store.ticks.ticks(RUN)) == [a_tick(0)],
            id="copy",
        ),
        pytest.param(
            lambda store: None,
            lambda store: store.keys.add(a_key(0)),
            "digest",
            lambda store: store.keys.list() == (a_key(0),),
            id="key",
        ),
        pytest.param(
            lambda store: None,
            lambda store: store.artifacts.put("job-1", "x", b"content"),
            "pieces",
            lambda store: store.artifacts.get("job-1", "x") == b"content",
            id="file",
        ),
        pytest.param(
            lambda store: None,
            lambda store: store.memories.put("me", a_memory(0)),
            "memories",
            lambda store: store.memories.all("me") == (a_memory(0),),
            id="memory",
        ),
    ],
)
def test_a_write_whose_acknowledgement_is_lost_is_done_once_and_succeeds(
    fragile: Store,
    proxy: LossyProxy,
    prepare: Callable[[Store], object],
    write: Callable[[Store], object],
    lost: str,
    read: Callable[[Store], bool],
) -> None:
    prepare(fragile)
    proxy.lose(lost)
    write(fragile)
    assert proxy.lost == 1
    assert read(fragile)


def test_a_database_that_goes_away_for_good_is_unavailable(
    uri: str, raw: Database[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "_SELECTION_MS", 300)
    address = urlsplit(uri)
    proxy = LossyProxy(address.hostname or "localhost", address.port or 27017)
    with proxy:
        through = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
        store = open_store(through, tmp_path, database=raw.name)
    with contextlib.closing(store), pytest.raises(Unavailable):
        store.jobs.list()
