"""The application on an embedded store: one server for all tests, one database for each."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from adapters.clock import SystemClock
from adapters.keyring import StoredKeyring, load_pepper
from adapters.kill_switch import StoredKillSwitch
from adapters.market.catalog import LocalCatalog
from adapters.market.quality import quality_of
from adapters.store.connect import Store, open_store
from api.app import create_app
from api.parts import ApiParts
from interfaces.sources import Sources
from orchestrator.datasets import DataDesk
from orchestrator.jobs import Admission
from schemas.risk import RiskLimits, Rule
from schemas.risk_views import LimitsInForce, RiskInForce, RuleInForce, RuleList

RISK = RiskInForce(
    limits=LimitsInForce(
        default=RiskLimits(), strategies={"careful": RiskLimits(max_order_share=Decimal("0.1"))}
    ),
    rules=RuleList(
        rules=(
            RuleInForce(
                rule=Rule(id="no-giants", measure="order_value", max=Decimal(10000)),
                strategies=("default", "careful"),
                file="rules.yaml",
            ),
        )
    ),
)
MODELS = ("baseline:buy-and-hold", "baseline:equal-weight", "baseline:rules")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[Store]:
    store = open_store(None, home)
    yield store
    store.close()


@pytest.fixture(scope="session")
def admission(home: Path) -> Admission:
    catalog = LocalCatalog(home)
    return Admission(
        catalog=catalog,
        calendar=catalog.calendar,
        models=MODELS,
        code_version="0.1.0+test",
    )


@pytest.fixture
def store(server: Store, home: Path) -> Iterator[Store]:
    opened = open_store(server.uri, home, database=f"t{uuid.uuid4().hex[:12]}")
    yield opened
    opened.close()


def build_desk(
    store: Store, home: Path, admission: Admission, sources: Sources | None = None
) -> DataDesk:
    catalog = admission.catalog
    assert isinstance(catalog, LocalCatalog)
    wall = SystemClock()
    return DataDesk(
        library=catalog,
        downloads=store.downloads,
        jobs=store.jobs,
        sources=sources or Sources(providers={}, order={}),
        check=catalog.check,
        quality=lambda name: quality_of(
            catalog.open(name), catalog.calendar("XNYS"), now=wall.now()
        ),
        told=catalog.import_report,
        calendar=catalog.calendar,
        wall=wall,
    )


def build_parts(store: Store, home: Path, admission: Admission, **changes: Any) -> ApiParts:
    wall = SystemClock()
    keyring = StoredKeyring(
        store.keys, pepper=load_pepper(home / "pepper"), wall=wall, failures_per_minute=1_000_000
    )
    values: dict[str, Any] = {
        "data": build_desk(store, home, admission),
        "jobs": store.jobs,
        "artifacts": store.artifacts,
        "keyring": keyring,
        "kill_switch": StoredKillSwitch(store.halts, home=home, wall=wall),
        "risk": RISK,
        "admission": admission,
        "wall": wall,
        "rate_limit": "1000000 per minute",
    }
    return ApiParts(**{**values, **changes})


@pytest.fixture
def parts_with(store: Store, home: Path, admission: Admission) -> Callable[..., ApiParts]:
    return functools.partial(build_parts, store, home, admission)


@pytest.fixture(scope="module")
def shared_parts(server: Store, home: Path, admission: Admission) -> Iterator[ApiParts]:
    """Parts for tests that leave nothing behind, or do not mind what others left."""
    opened = open_store(server.uri, home, database=f"t{uuid.uuid4().hex[:12]}")
    yield build_parts(opened, home, admission)
    opened.close()


@pytest.fixture(scope="module")
def shared_client(shared_parts: ApiParts) -> FlaskClient:
    return create_app(shared_parts).test_client()


@pytest.fixture
def parts(parts_with: Callable[..., ApiParts]) -> ApiParts:
    return parts_with()


@pytest.fixture
def client(parts: ApiParts) -> FlaskClient:
    return create_app(parts).test_client()


@pytest.fixture
def request_body() -> dict[str, Any]:
    return {
        "models": ["baseline:equal-weight"],
        "start_date": "2020-01-02",
        "end_date": "2020-03-31",
    }
