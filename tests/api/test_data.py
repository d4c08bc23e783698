"""Data sets over HTTP: what is there, asking for more, deleting; nothing is fetched here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from adapters.clock import SystemClock
from adapters.market.catalog import LocalCatalog
from adapters.store.connect import Store
from api.app import create_app
from interfaces.market import Staged
from interfaces.sources import Sources
from orchestrator.datasets import DataDesk
from orchestrator.downloads import Downloader, DownloadPorts
from orchestrator.jobs import Admission
from schemas.downloads import DownloadRequest
from tests.api.conftest import MODELS, build_desk
from tests.orchestrator.download_doubles import LEASE, Vendor, bars_of, sources

BODY: dict[str, Any] = {
    "data": "mine",
    "kinds": ["bars"],
    "symbols": ["AA", "BB"],
    "start_date": "2024-01-03",
    "end_date": "2024-01-04",
}
DATA = "/api/v1/data"


@pytest.fixture
def vendor() -> Vendor:
    return Vendor("alpha")


@pytest.fixture
def offered(vendor: Vendor) -> Sources:
    return sources(vendor, fred="FRED_API_KEY is not set")


@pytest.fixture
def desk(store: Store, tmp_path: Path, offered: Sources) -> DataDesk:
    """A desk over a home of its own: these tests make and delete data sets."""
    catalog = LocalCatalog(tmp_path)
    admission = Admission(
        catalog=catalog, calendar=catalog.calendar, models=MODELS, code_version="0.1.0+test"
    )
    return build_desk(store, tmp_path, admission, offered)


@pytest.fixture
def asked(parts_with: Callable[..., Any], desk: DataDesk) -> FlaskClient:
    admission = Admission(
        catalog=desk.library, calendar=desk.calendar, models=MODELS, code_version="0.1.0+test"
    )
    parts = replace(parts_with(data=desk), admission=admission)
    return create_app(parts).test_client()


def work(desk: DataDesk, download_id: str) -> None:
    """Be the worker."""
    ports = DownloadPorts(desk.downloads, desk.library, desk.sources, desk.wall)
    Downloader(ports, name="worker", lease=LEASE).see_through(download_id, lambda _: None)


def filled(desk: DataDesk, name: str = "mine", *symbols: str) -> None:
    request = DownloadRequest.model_validate(
        {**BODY, "data": name, "symbols": symbols or BODY["symbols"]}
    )
    days = desk.calendar("XNYS").sessions(request.start_date, request.end_date)
    for symbol in request.symbols:
        desk.library.stage("first", f"bars:{symbol}", Staged(bars=(bars_of(symbol, *days),)))
    desk.library.publish("first", request)


def test_a_download_is_stored_run_by_a_worker_and_shown(
    asked: FlaskClient, desk: DataDesk, vendor: Vendor
) -> None:
    made = asked.post(f"{DATA}/download", json=BODY)
    assert made.status_code == 202
    said = made.get_json()
    assert (said["state"], said["chunks_total"], said["request"]["data"]) == ("queued", 2, "mine")
    assert vendor.asked == []
    address = made.headers["Location"]
    assert address == f"{DATA}/download/status?id={said['download_id']}"
    work(desk, said["download_id"])
    (shown,) = asked.get(address).get_json()["downloads"]
    assert (shown["state"], shown["chunks_done"], shown["rows"]) == ("completed", 2, 4)
    assert shown["providers"] == ["alpha"]
    assert shown["report"]["name"] == "mine"
    assert "lease" not in json.dumps(shown)
    reach = asked.get(f"{DATA}/coverage?data=mine").get_json()
    assert [(each["symbol"], each["bars"]) for each in reach["symbols"]] == [("AA", 2), ("BB", 2)]
    assert reach["data_sets"] == ["bundled", "mine"]
    assert asked.get(f"{DATA}/symbols?data=mine").get_json()["symbols"] == ["AA", "BB"]


def test_an_equal_download_under_way_is_not_made_twice_and_a_paused_one_goes_on(
    asked: FlaskClient, desk: DataDesk
) -> None:
    first = asked.post(f"{DATA}/download", json=BODY).get_json()["download_id"]
    assert asked.post(f"{DATA}/download", json=BODY).get_json()["download_id"] == first
    other = asked.post(f"{DATA}/download", json={**BODY, "data": "other"}).get_json()
    assert other["download_id"] != first
    page = asked.get(f"{DATA}/download/status?limit=1").get_json()
    assert page["next_before"] == other["download_id"] == page["downloads"][0]["download_id"]
    rest = asked.get(f"{DATA}/download/status?before={page['next_before']}").get_json()
    assert [each["download_id"] for each in rest["downloads"]] == [first]
    cancelled = asked.post(f"{DATA}/download/cancel?id={first}")
    assert (cancelled.status_code, cancelled.get_json()["state"]) == (202, "cancelled")
    assert asked.post(f"{DATA}/download/cancel?id={first}").status_code == 409
    assert asked.post(f"{DATA}/download/resume?id={first}").status_code == 409
    assert asked.post(f"{DATA}/download", json=BODY).get_json()["download_id"] != first


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"data": "bundled"}, 422, "comes with the program"),
    ({"providers": ["nobody"]}, 422, "unknown provider 'nobody'; known: alpha, fred"),
    ({"providers": ["fred"]}, 409, "FRED_API_KEY is not set"),
    ({"end_date": "2999-01-01"}, 422, "lies in the future"),
    ({"calendar": "XNOWHERE"}, 422, "XNOWHERE"),
    ({"kinds": ["ticks"]}, 422, "kinds.0"),
    ({"symbols": []}, 422, "need symbols"),
    ({"symbols": [f"S{i}" for i in range(9_999)], "kinds": ["bars", "news"]}, 422, "19998"),
    ({"data": "../etc"}, 422, "data"),
]


def test_what_cannot_be_fetched_is_refused_and_nothing_is_stored(
    asked: FlaskClient, desk: DataDesk
) -> None:
    for change, status, said in REFUSED:
        refused = asked.post(f"{DATA}/download", json={**BODY, **change})
        assert (refused.status_code, refused.content_type) == (status, "application/problem+json")
        assert said in refused.get_json()["detail"]
    assert desk.downloads.list() == ()


def test_without_a_provider_that_is_set_up_the_settings_are_named(
    parts_with: Callable[..., Any], store: Store, home: Path, admission: Admission
) -> None:
    lacking = Sources(
        providers={},
        order={"bars": ("files", "alphavantage")},
        unset={"alphavantage": "ALPHAVANTAGE_API_KEY is not set"},
    )
    client = create_app(parts_with(data=build_desk(store, home, admission, lacking))).test_client()
    refused = client.post(f"{DATA}/download", json=BODY)
    assert refused.status_code == 409
    assert refused.get_json()["detail"] == (
        "no provider that is set up offers bars (ALPHAVANTAGE_API_KEY is not set): set one up, or "
        "leave that kind out"
    )


def test_a_set_in_another_currency_is_not_added_to(asked: FlaskClient, desk: DataDesk) -> None:
    filled(desk)
    refused = asked.post(f"{DATA}/download", json={**BODY, "currency": "EUR"})
    assert refused.status_code == 422
    assert "has the currency USD, not EUR" in refused.get_json()["detail"]


def test_a_refresh_asks_from_a_few_sessions_back_to_yesterday(
    asked: FlaskClient, desk: DataDesk
) -> None:
    filled(desk)
    made = asked.post(f"{DATA}/refresh", json={"data": "mine"})
    assert made.status_code == 202
    wanted = made.get_json()["request"]
    yesterday = SystemClock().now().date() - timedelta(days=1)
    assert (wanted["start_date"], wanted["end_date"]) == ("2023-12-28", yesterday.isoformat())
    assert wanted["symbols"] == ["AA", "BB"]
    assert wanted["kinds"] == ["bars", "actions"]
    only = asked.post(f"{DATA}/refresh", json={"data": "mine", "kinds": ["bars"]})
    assert only.get_json()["request"]["kinds"] == ["bars"]
    for body in ({"data": "bundled"}, {"data": "nothing"}, {"data": "mine", "kinds": []}):
        assert asked.post(f"{DATA}/refresh", json=body).status_code == 422


def test_coverage_has_quality_and_months_on_demand(asked: FlaskClient) -> None:
    plain = asked.get(f"{DATA}/coverage").get_json()
    assert plain["detail"] is None
    detail = asked.get(f"{DATA}/coverage?detail=true").get_json()["detail"]
    assert detail["months"][0] == "1990-01"
    assert {each["quality"]["symbol"] for each in detail["instruments"]} >= {"AAPL", "KO"}
    assert asked.get(f"{DATA}/coverage?detail=perhaps").status_code == 422


def test_the_quota_says_who_is_set_up_and_what_is_left_and_no_key(asked: FlaskClient) -> None:
    assert asked.get(f"{DATA}/quota").get_json()["providers"] == [
        {
            "name": "alpha",
            "configured": True,
            "missing": None,
            "offers": ["actions", "bars", "macro", "news"],
            "per_minute": 5,
            "per_day": 25,
            "left_today": 25,
        },
        {
            "name": "fred",
            "configured": False,
            "missing": "FRED_API_KEY is not set",
            "offers": [],
            "per_minute": None,
            "per_day": None,
            "left_today": None,
        },
    ]


def test_validation_says_whether_a_set_is_whole(
    asked: FlaskClient, desk: DataDesk, tmp_path: Path
) -> None:
    filled(desk)
    sound = asked.post(f"{DATA}/validate", json={"data": "mine"}).get_json()
    assert (sound["whole"], sound["problem"]) == (True, None)
    assert [each["symbol"] for each in sound["quality"]] == ["AA", "BB"]
    assert asked.post(f"{DATA}/validate", json={}).get_json()["data"] == "bundled"
    for path in (tmp_path / "data" / "mine").rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-9] + b"x" * 9)
    broken = asked.post(f"{DATA}/validate", json={"data": "mine"})
    assert broken.status_code == 200
    assert broken.get_json()["whole"] is False
    assert str(tmp_path) not in broken.get_data(as_text=True)
    assert asked.post(f"{DATA}/validate", json={"data": "nothing"}).status_code == 422


def test_a_range_is_deleted_and_the_whole_set_only_when_it_is_said(
    asked: FlaskClient, desk: DataDesk
) -> None:
    filled(desk)
    some = asked.delete(f"{DATA}/range?data=mine&symbols=AA&end=2024-01-03")
    assert some.status_code == 200
    bars = {symbol: count for symbol, *_, count in desk.library.coverage("mine")}
    assert bars == {"AA": 1, "BB": 2}
    assert asked.delete(f"{DATA}/range?data=mine").status_code == 422
    assert asked.delete(f"{DATA}/range?data=mine&everything=true&symbols=AA").status_code == 422
    assert (
        asked.delete(f"{DATA}/range?data=mine&start=2024-01-05&end=2024-01-04").status_code == 422
    )
    assert asked.delete(f"{DATA}/range?data=mine&everything=true").get_json()["left"] is None
    assert asked.delete(f"{DATA}/range?data=mine&everything=true").status_code == 404
    assert asked.delete(f"{DATA}/range?data=bundled&everything=true").status_code == 422


def test_what_a_job_or_a_download_uses_is_not_deleted(asked: FlaskClient, desk: DataDesk) -> None:
    filled(desk)
    everything = f"{DATA}/range?data=mine&everything=true"
    job = {"models": [MODELS[0]], "start_date": "2024-01-03", "end_date": "2024-01-04"}
    job_id = asked.post("/api/v1/jobs", json={**job, "data": "mine"}).get_json()["job_id"]
    refused = asked.delete(everything)
    assert refused.status_code == 409
    assert f"job {job_id} (queued) uses the data set 'mine'" in refused.get_json()["detail"]
    asked.post(f"/api/v1/jobs/{job_id}/cancel")
    download_id = asked.post(f"{DATA}/download", json=BODY).get_json()["download_id"]
    refused = asked.delete(everything)
    assert refused.status_code == 409
    assert f"download {download_id} (queued)" in refused.get_json()["detail"]
    asked.post(f"{DATA}/download/cancel?id={download_id}")
    assert asked.delete(everything).status_code == 200
