"""Descriptions, health, metrics and the front page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.parts import ApiParts
from api.routes import ROUTES


def test_the_description_is_valid_openapi_3_1_and_has_every_route(client: FlaskClient) -> None:
    description = client.get("/api/v1/openapi.json").get_json()
    assert description["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(description).iter_errors()) == []
    operations = [
        operation for item in description["paths"].values() for operation in item.values()
    ]
    assert len(operations) == len(ROUTES)
    for operation in operations:
        problems = [s for s in operation["responses"] if s.startswith(("4", "5"))]
        for status in problems:
            assert list(operation["responses"][status]["content"]) == ["application/problem+json"]
    assert description["paths"]["/healthz"]["get"].get("security", []) == []
    assert description["paths"]["/api/v1/jobs"]["get"]["security"] == [
        {"bearer": []},
        {"api_key": []},
    ]


def test_the_documentation_names_every_route_and_fetches_nothing(client: FlaskClient) -> None:
    answer = client.get("/api/docs")
    page = answer.get_data(as_text=True)
    for route in ROUTES:
        assert route.rule.replace("<", "{").replace(">", "}") in page
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "src=" not in page


def test_the_front_page_lists_jobs_with_their_reports_and_escapes_what_it_shows(
    client: FlaskClient, parts: ApiParts, request_body: dict[str, Any]
) -> None:
    assert "None yet" in client.get("/").get_data(as_text=True)
    job_id = client.post("/api/v1/jobs", json=request_body).get_json()["job_id"]
    job = parts.jobs.claim("w", now=parts.wall.now(), lease=timedelta(seconds=1))
    assert job is not None
    assert f"/jobs/{job_id}/report" not in client.get("/").get_data(as_text=True)
    parts.jobs.finish(
        job_id, job.fence, "partial", now=parts.wall.now(), error="<script>alert(1)</script>"
    )
    page = client.get("/").get_data(as_text=True)
    assert f"/api/v1/jobs/{job_id}/report" in page
    assert "<script>" not in page


def test_the_front_page_shows_no_job_to_whom_it_may_not(
    client: FlaskClient, parts: ApiParts, request_body: dict[str, Any]
) -> None:
    job_id = client.post("/api/v1/jobs", json=request_body).get_json()["job_id"]
    parts.keyring.create("ops", "admin")
    page = client.get("/")
    assert page.status_code == 200
    assert job_id not in page.get_data(as_text=True)


def test_what_a_request_may_name_is_listed(client: FlaskClient) -> None:
    assert "baseline:rules" in client.get("/api/v1/models").get_json()["models"]
    symbols = client.get("/api/v1/data/symbols").get_json()["symbols"]
    coverage = client.get("/api/v1/data/coverage").get_json()
    assert "AAPL" in symbols
    assert {row["symbol"] for row in coverage["symbols"]} >= set(symbols)
    assert coverage["caveats"]


def test_metrics_count_by_route_and_not_by_what_a_caller_invents(client: FlaskClient) -> None:
    client.get("/api/v1/models")
    for name in ("one", "two", "three"):
        client.get(f"/invented/{name}")
    text = client.get("/metrics").get_data(as_text=True)
    assert (
        'alphashield_http_requests_total{method="GET",route="/api/v1/models",status="200"} 1.0'
        in text
    )
    assert 'route="unknown",status="404"} 3.0' in text
    assert "invented" not in text
