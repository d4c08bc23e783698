"""One embedded server for all tests of a session, and `MONGODB_URI` beside it when it is set."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from adapters.store.connect import Store, open_store
from adapters.store.embedded import EmbeddedServer

OUTSIDE = os.environ.get("MONGODB_URI")


@pytest.fixture(scope="session", params=["embedded", *(["outside"] if OUTSIDE else [])])
def uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "outside":
        assert OUTSIDE is not None
        yield OUTSIDE
        return
    with EmbeddedServer.open(tmp_path_factory.mktemp("home")) as server:
        yield server.uri


@pytest.fixture
def raw(uri: str) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](uri) as client:
        name = f"test_{uuid.uuid4().hex[:16]}"
        yield client[name]
        client.drop_database(name)


@pytest.fixture
def store(uri: str, raw: Database[dict[str, Any]], tmp_path: Path) -> Iterator[Store]:
    opened = open_store(uri, tmp_path, database=raw.name)
    yield opened
    opened.close()
