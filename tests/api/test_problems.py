"""Bad input: each gets one clear sentence and the right problem, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from api.app import MAX_BODY_BYTES, create_app
from schemas.errors import Unavailable

JOBS = "/api/v1/jobs"


def problem(answer: Any) -> tuple[int, str]:
    """Check the form of a problem and return its status and sentence."""
    assert answer.content_type == "application/problem+json"
    body = answer.get_json()
    assert set(body) == {"type", "title", "status", "detail"}
    assert body["status"] == answer.status_code
    assert body["type"].startswith("urn:alphashield:problem:")
    assert "\n" not in body["detail"]
    assert "Traceback" not in body["detail"]
    return answer.status_code, body["detail"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"models": ["baseline:rulez"]}, "did you mean 'baseline:rules'?"),
        ({"universe": ["AAPL", "NOPE"]}, "unknown symbol 'NOPE'"),
        ({"universe": []}, "the universe is empty"),
        ({"data": "nowhere"}, "there is no imported data set 'nowhere'"),
        ({"end_date": "2019-12-31"}, "end_date lies before start_date"),
        ({"start_date": "2020-01-04", "end_date": "2020-01-05"}, "has no session of XNYS"),
        ({"start_date": "2020-12-25", "end_date": "2020-12-25"}, "has no session of XNYS"),
        ({"start_date": "2024-01-02", "end_date": "2024-02-01"}, "does not cover"),
        ({"mask": True, "execution": {"fractional": False}}, "whole units cannot be masked"),
        ({"mode": "loan"}, "loan mode needs an application"),
        ({"cash": "0"}, "cash: Input should be greater than 0"),
        ({"cash": "1.001"}, "cash: has more than 2 decimal places"),
        ({"cash": "NaN"}, "cash: Input should be a finite number"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
        ({"models": []}, "models: Tuple should have at least 1 item"),
        ({"models": ["baseline:rules"] * 2}, "a model is named twice"),
        ({"start_date": "2020-02-30"}, "start_date: Input should be a valid date"),
        ({"colour": "blue"}, "colour: Extra inputs are not permitted"),
    ],
)
def test_a_request_that_cannot_be_run_is_refused_in_one_sentence(
    shared_client: FlaskClient, request_body: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    status, detail = problem(shared_client.post(JOBS, json={**request_body, **change}))
    assert status == 422
    assert said in detail
    assert shared_client.get(JOBS).get_json()["jobs"] == []


def test_dates_outside_the_data_do_not_tell_how_far_it_reaches(
    shared_client: FlaskClient, request_body: dict[str, Any]
) -> None:
    late = {**request_body, "start_date": "2022-12-01", "end_date": "2023-02-01"}
    _, detail = problem(shared_client.post(JOBS, json=late))
    assert "2022-12-28" not in detail


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"seed": ' + b"9" * 6_000 + b"}", "application/json", 400),
        (b"null", "application/json", 422),
        (b"[]", "application/json", 422),
        (b'"{}"', "application/json", 422),
        (b'{"cash": NaN}', "application/json", 422),
        (b'{"\\ud800": "\\udfff"}', "application/json", 422),
        (b"models=baseline", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b" " * (MAX_BODY_BYTES + 1), "application/json", 413),
    ],
)
def test_a_body_that_is_no_request_is_refused(
    shared_client: FlaskClient, body: bytes, content_type: str, status: int
) -> None:
    assert problem(shared_client.post(JOBS, data=body, content_type=content_type))[0] == status


def test_broken_json_is_told_what_a_body_must_be(shared_client: FlaskClient) -> None:
    answer = shared_client.post(JOBS, data=b"{bad", content_type="application/json")
    detail = answer.get_json(force=True)["detail"]
    assert "browser" not in detail
    assert detail.startswith("the request is not well-formed: ")


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", f"{JOBS}/no-such-job", 404),
        ("POST", f"{JOBS}/no-such-job/cancel", 404),
        ("GET", f"{JOBS}/no-such-job/results", 404),
        ("DELETE", "/api/v1/auth/keys/nosuchkey0", 404),
        ("GET", "/api/v1/data/coverage?data=nowhere", 404),
        ("PUT", JOBS, 405),
        ("OPTIONS", JOBS, 405),
        ("TRACE", "/", 405),
        ("GET", f"{JOBS}?limit=0", 422),
        ("GET", f"{JOBS}?limit=ten", 422),
        ("GET", f"{JOBS}?state=happy", 422),
        ("GET", f"{JOBS}?colour=blue", 422),
        ("GET", f"{JOBS}/%00", 422),
        ("GET", f"{JOBS}/x/files/..%2Fpepper", 404),
        ("GET", f"{JOBS}/x/files/.hidden", 422),
    ],
)
def test_an_address_that_is_none_is_a_problem(
    shared_client: FlaskClient, method: str, address: str, status: int
) -> None:
    assert problem(shared_client.open(address, method=method))[0] == status


def test_a_wrong_method_is_told_the_right_ones(shared_client: FlaskClient) -> None:
    assert set(shared_client.put(JOBS).headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


class _Away:
    """A store that does not answer, or has a bug."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def list(self, **_: object) -> tuple[()]:
        raise self._error


def test_a_store_that_is_away_is_not_ready_and_says_when_to_ask_again(parts_with: Any) -> None:
    client = create_app(parts_with(jobs=_Away(Unavailable("the store is away")))).test_client()
    answer = client.get("/readyz")
    assert problem(answer) == (503, "the store is away")
    assert answer.headers["Retry-After"] == "5"
    assert client.get("/healthz").status_code == 200
    assert client.get(JOBS).headers["Retry-After"] == "5"
    assert "Retry-After" not in client.get(f"{JOBS}?limit=0").headers


def test_a_bug_says_nothing_of_itself(parts_with: Any, caplog: pytest.LogCaptureFixture) -> None:
    client = create_app(parts_with(jobs=_Away(RuntimeError("password=hunter2")))).test_client()
    status, detail = problem(client.get(JOBS))
    assert status == 500
    assert "hunter2" not in detail
    assert "hunter2" in caplog.text


def test_the_request_after_the_limit_is_told_when_to_come_back(parts_with: Any) -> None:
    parts = parts_with(rate_limit="3 per minute")
    one, other = (
        {"X-API-Key": parts.keyring.create(name, "admin")[1]} for name in ("one", "other")
    )
    client = create_app(parts).test_client()
    within = [client.get(JOBS, headers=one) for _ in range(3)]
    assert [answer.status_code for answer in within] == [200] * 3
    assert [answer.headers["X-RateLimit-Remaining"] for answer in within] == ["2", "1", "0"]
    assert not any("Retry-After" in answer.headers for answer in within)
    refused = client.get(JOBS, headers=one)
    assert problem(refused)[0] == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert client.get("/healthz").status_code == 200
    assert client.get(JOBS, headers=other).status_code == 200
