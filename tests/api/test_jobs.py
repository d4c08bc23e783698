"""Jobs over HTTP: asked for, listed, followed, stopped, delivered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from adapters.store.connect import Store
from api.app import create_app
from api.parts import ApiParts

JOBS = "/api/v1/jobs"
BORROWER = Path(__file__).parents[2] / "examples" / "borrowers" / "maria-santos.json"


def test_a_request_is_accepted_stored_and_told_where_to_watch(
    client: FlaskClient, store: Store, request_body: dict[str, Any]
) -> None:
    answer = client.post(JOBS, json=request_body)
    assert answer.status_code == 202
    view = answer.get_json()
    assert view["state"] == "queued"
    assert view["sessions_total"] == 62
    assert answer.headers["Location"] == f"{JOBS}/{view['job_id']}"
    assert store.jobs.get(view["job_id"]).request.models == ("baseline:equal-weight",)
    assert client.get(answer.headers["Location"]).get_json() == view


def test_progress_is_what_the_worker_stored(
    client: FlaskClient, parts: ApiParts, request_body: dict[str, Any]
) -> None:
    job_id = client.post(JOBS, json=request_body).get_json()["job_id"]
    now = parts.wall.now()
    job = parts.jobs.claim("w1", now=now, lease=timedelta(seconds=30))
    assert job is not None
    run = job.runs[0].model_copy(update={"state": "running", "sessions_done": 7})
    parts.jobs.progress(job_id, job.fence, run, now=now)
    view = client.get(f"{JOBS}/{job_id}").get_json()
    assert (view["state"], view["sessions_done"]) == ("running", 7)


@pytest.mark.promise("idempotent-post")
def test_the_same_idempotency_key_makes_one_job_even_when_sent_all_at_once(
    parts: ApiParts, request_body: dict[str, Any]
) -> None:
    app = create_app(parts)

    def post(_: int) -> str:
        answer = app.test_client().post(
            JOBS, json=request_body, headers={"Idempotency-Key": "order-66"}
        )
        assert answer.status_code == 202
        return answer.get_json()["job_id"]

    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(post, range(24)))
    assert len(made) == 1
    assert len(parts.jobs.list()) == 1


@pytest.mark.promise("idempotent-post")
def test_an_idempotency_key_with_another_body_is_refused(
    client: FlaskClient, request_body: dict[str, Any]
) -> None:
    headers = {"Idempotency-Key": "order-66"}
    client.post(JOBS, json=request_body, headers=headers)
    answer = client.post(JOBS, json={**request_body, "seed": 1}, headers=headers)
    assert answer.status_code == 409
    assert len(client.get(JOBS).get_json()["jobs"]) == 1


def test_pages_go_through_all_jobs_once_newest_first(
    client: FlaskClient, request_body: dict[str, Any]
) -> None:
    made = [
        client.post(JOBS, json={**request_body, "seed": n}).get_json()["job_id"] for n in range(5)
    ]
    seen: list[str] = []
    before = ""
    while before is not None:
        query = f"?limit=2&before={before}" if before else "?limit=2"
        page = client.get(JOBS + query).get_json()
        seen += [job["job_id"] for job in page["jobs"]]
        before = page["next_before"]
    assert seen == made[::-1]


def test_the_list_can_be_narrowed_to_a_state(
    client: FlaskClient, request_body: dict[str, Any]
) -> None:
    first = client.post(JOBS, json=request_body).get_json()["job_id"]
    client.post(JOBS, json=request_body)
    assert client.post(f"{JOBS}/{first}/cancel").get_json()["state"] == "cancelled"
    listed = client.get(f"{JOBS}?state=cancelled").get_json()["jobs"]
    assert [job["job_id"] for job in listed] == [first]


def test_a_cancelled_job_can_be_resumed_and_a_queued_one_cannot(
    client: FlaskClient, request_body: dict[str, Any]
) -> None:
    job_id = client.post(JOBS, json=request_body).get_json()["job_id"]
    assert client.post(f"{JOBS}/{job_id}/resume").status_code == 409
    client.post(f"{JOBS}/{job_id}/cancel")
    answer = client.post(f"{JOBS}/{job_id}/resume")
    assert (answer.status_code, answer.get_json()["state"]) == (202, "queued")


def test_results_are_a_conflict_until_there_are_some(
    client: FlaskClient, parts: ApiParts, request_body: dict[str, Any]
) -> None:
    job_id = client.post(JOBS, json=request_body).get_json()["job_id"]
    early = client.get(f"{JOBS}/{job_id}/results")
    assert (early.status_code, early.get_json()["detail"]) == (
        409,
        "the job is queued: its files are written when it has ended",
    )
    parts.artifacts.put(job_id, "results.json", b'{"jobs":[]}')
    answer = client.get(f"{JOBS}/{job_id}/results")
    assert (answer.status_code, answer.data) == (200, b'{"jobs":[]}')


def test_a_job_that_ended_without_files_says_so(
    client: FlaskClient, request_body: dict[str, Any]
) -> None:
    job_id = client.post(JOBS, json=request_body).get_json()["job_id"]
    client.post(f"{JOBS}/{job_id}/cancel")
    answer = client.get(f"{JOBS}/{job_id}/report")
    assert answer.status_code == 404
    assert "ended as cancelled" in answer.get_json()["detail"]


def test_a_report_is_shown_in_a_sandbox_and_tables_are_downloads(
    client: FlaskClient, parts: ApiParts, request_body: dict[str, Any]
) -> None:
    job_id = client.post(JOBS, json=request_body).get_json()["job_id"]
    parts.artifacts.put(job_id, "report.html", b"<!doctype html>")
    parts.artifacts.put(job_id, "equity.csv", b"session,equity\n")
    report = client.get(f"{JOBS}/{job_id}/report")
    assert report.content_type == "text/html; charset=utf-8"
    assert report.headers["Content-Security-Policy"].startswith("sandbox")
    table = client.get(f"{JOBS}/{job_id}/files/equity.csv")
    assert table.data == b"session,equity\n"
    assert table.headers["Content-Disposition"] == 'attachment; filename="equity.csv"'
    again = client.get(f"{JOBS}/{job_id}/report", headers={"If-None-Match": report.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_borrowers_papers_are_not_shown_with_the_job(client: FlaskClient) -> None:
    papers = BORROWER.read_text()
    body = f"""{{"models": ["baseline:rules"], "start_date": "2019-12-02",
        "end_date": "2020-02-03", "mode": "loan", "application": {papers}}}"""
    answer = client.post(JOBS, data=body, content_type="application/json")
    assert answer.status_code == 202
    assert answer.get_json()["application_id"]
    assert "Santos" in papers
    assert "Santos" not in answer.get_data(as_text=True)
    assert "Santos" not in client.get(JOBS).get_data(as_text=True)
