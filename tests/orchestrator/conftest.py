"""One embedded server and one loaded data set for all tests of this room."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.market.catalog import LocalCatalog
from adapters.store.embedded import EmbeddedServer
from adapters.wiring import System
from orchestrator import worker
from tests.orchestrator.crashing import Nursery
from tests.orchestrator.runs import look, opened


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def uri(home: Path) -> Iterator[str]:
    with EmbeddedServer.open(home) as server:
        yield server.uri


@pytest.fixture(scope="session")
def catalog(home: Path) -> LocalCatalog:
    return LocalCatalog(home)


@pytest.fixture(scope="module")
def system(home: Path, uri: str, catalog: LocalCatalog) -> Iterator[System]:
    """A system on a database of the module's own; the catalogue is loaded once for all."""
    with opened(home, uri, f"test_{uuid.uuid4().hex[:12]}", catalog=catalog) as system:
        yield system


@pytest.fixture(scope="module")
def looked_once() -> Iterator[None]:
    """Let the workers of this process look for canaries once a request, as those of `start` do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "check_canaries", look)
        yield


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery
