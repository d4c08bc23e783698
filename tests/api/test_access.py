"""Who may do what: every route and role, keys, strange hosts and origins."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from adapters.clock import SystemClock
from adapters.keyring import StoredKeyring
from adapters.store.connect import Store
from api.app import create_app
from api.parts import ApiParts
from api.routes import ROUTES, Route
from schemas.errors import NotAllowed
from schemas.keys import Role

# Written out by hand: the table in the code must agree with what was meant.
EVERYBODY = ("admin", "read_write", "read_only", None)
KEYED = ("admin", "read_write", "read_only")
MEANT: dict[str, tuple[Role | None, ...]] = {
    "POST /api/v1/jobs": ("admin", "read_write"),
    "GET /api/v1/jobs": KEYED,
    "GET /api/v1/jobs/<job_id>": KEYED,
    "POST /api/v1/jobs/<job_id>/cancel": ("admin", "read_write"),
    "POST /api/v1/jobs/<job_id>/resume": ("admin", "read_write"),
    "GET /api/v1/jobs/<job_id>/results": KEYED,
    "GET /api/v1/jobs/<job_id>/report": KEYED,
    "GET /api/v1/jobs/<job_id>/files/<name>": KEYED,
    "GET /api/v1/models": KEYED,
    "GET /api/v1/data/symbols": KEYED,
    "GET /api/v1/data/coverage": KEYED,
    "GET /api/v1/data/quota": KEYED,
    "POST /api/v1/data/download": ("admin", "read_write"),
    "POST /api/v1/data/refresh": ("admin", "read_write"),
    "POST /api/v1/data/validate": ("admin", "read_write"),
    "GET /api/v1/data/download/status": KEYED,
    "POST /api/v1/data/download/cancel": ("admin", "read_write"),
    "POST /api/v1/data/download/resume": ("admin", "read_write"),
    "DELETE /api/v1/data/range": ("admin",),
    "POST /api/v1/auth/keys": ("admin",),
    "GET /api/v1/auth/keys": ("admin",),
    "DELETE /api/v1/auth/keys/<key_id>": ("admin",),
    "GET /api/v1/risk/halt": KEYED,
    "POST /api/v1/risk/halt": ("admin", "read_write"),
    "POST /api/v1/risk/halt/release": ("admin",),
    "GET /api/v1/risk/limits": KEYED,
    "GET /api/v1/risk/rules": KEYED,
    "GET /api/v1/openapi.json": EVERYBODY,
    "GET /api/docs": EVERYBODY,
    "GET /healthz": EVERYBODY,
    "GET /readyz": EVERYBODY,
    "GET /metrics": KEYED,
    "GET /": EVERYBODY,
}
ROLES: tuple[Role, ...] = ("admin", "read_write", "read_only")


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture(scope="module")
def shared_secrets(shared_parts: ApiParts) -> dict[Role, str]:
    return {role: shared_parts.keyring.create(role, role)[1] for role in ROLES}


@pytest.fixture
def secrets(parts: ApiParts) -> dict[Role, str]:
    return {role: parts.keyring.create(role, role)[1] for role in ROLES}


@pytest.mark.promise("authz-matrix")
def test_every_route_has_a_row_in_the_table_of_who_may_call_it(parts: ApiParts) -> None:
    app = create_app(parts)
    served = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }
    assert served == set(MEANT)


@pytest.mark.promise("authz-matrix")
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.rule}")
def test_every_role_may_call_what_the_table_says_and_nothing_else(
    shared_client: FlaskClient, shared_secrets: dict[Role, str], route: Route
) -> None:
    address = re.sub(r"<\w+>", "nosuchthing", route.rule)
    meant = MEANT[f"{route.method} {route.rule}"]
    for role in (*ROLES, None):
        headers = bearer(shared_secrets[role]) if role else {}
        status = shared_client.open(address, method=route.method, headers=headers).status_code
        if role in meant:
            assert status not in {401, 403}, role
        else:
            assert status == (403 if role else 401), role


@pytest.mark.promise("authz-matrix")
def test_a_route_without_a_row_is_refused_to_everybody(parts: ApiParts) -> None:
    app = create_app(parts)
    app.add_url_rule("/forgotten", view_func=lambda: "secret")
    assert app.test_client().get("/forgotten").status_code == 403


def test_without_a_key_made_this_machine_is_served(client: FlaskClient) -> None:
    assert client.get("/api/v1/jobs").status_code == 200


def test_without_a_key_made_no_other_machine_is_served(client: FlaskClient) -> None:
    answer = client.get("/api/v1/jobs", environ_base={"REMOTE_ADDR": "192.168.1.9"})
    assert answer.status_code == 403


def test_the_first_key_closes_the_open_door(client: FlaskClient) -> None:
    made = client.post("/api/v1/auth/keys", json={"name": "ops", "role": "admin"})
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    refused = client.get("/api/v1/jobs")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    secret = made.get_json()["secret"]
    assert client.get("/api/v1/jobs", headers=bearer(secret)).status_code == 200
    assert client.get("/api/v1/jobs", headers={"X-API-Key": secret}).status_code == 200


def test_a_secret_is_shown_once_and_stored_nowhere(client: FlaskClient, parts: ApiParts) -> None:
    made = client.post("/api/v1/auth/keys", json={"name": "ops", "role": "admin"}).get_json()
    secret: str = made["secret"]
    assert re.fullmatch(r"ask_[a-z0-9]{12}_[\w-]{43}", secret)
    listed = client.get("/api/v1/auth/keys", headers=bearer(secret)).get_data(as_text=True)
    random = secret.split("_", 2)[2]
    assert made["key"]["key_id"] in listed
    assert random not in listed
    assert "digest" not in listed
    assert random not in str(parts.keyring.list())


@pytest.mark.parametrize("change", [str.upper, lambda s: s[:-1], lambda s: s + "x", lambda _: "é"])
def test_a_secret_that_is_almost_right_is_wrong(
    shared_client: FlaskClient, shared_secrets: dict[Role, str], change: Any
) -> None:
    wrong = change(shared_secrets["admin"])
    assert shared_client.get("/api/v1/jobs", headers={"X-API-Key": wrong}).status_code == 401


def test_a_revoked_key_is_refused_at_once_and_the_door_stays_closed(
    client: FlaskClient, secrets: dict[Role, str]
) -> None:
    admin = bearer(secrets["admin"])
    for key in client.get("/api/v1/auth/keys", headers=admin).get_json()["keys"]:
        address = f"/api/v1/auth/keys/{key['key_id']}"
        if key["role"] == "read_only":
            revoked = client.delete(address, headers=admin).get_json()
            again = client.delete(address, headers=admin).get_json()
            assert revoked["revoked_at"] == again["revoked_at"] is not None
    refused = client.get("/api/v1/jobs", headers=bearer(secrets["read_only"]))
    assert refused.status_code == 401
    assert client.get("/api/v1/jobs").status_code == 401


def test_an_application_beyond_loopback_is_not_built_without_a_key(parts_with: Any) -> None:
    with pytest.raises(NotAllowed, match="keys create"):
        create_app(parts_with(host="0.0.0.0"))
    parts = parts_with(host="0.0.0.0")
    _, secret = parts.keyring.create("ops", "admin")
    client = create_app(parts).test_client()
    headers = {**bearer(secret), "Host": "shield.example:8000"}
    assert client.get("/api/v1/jobs", headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[::1", "localhost@e"])
def test_a_name_that_a_hostile_page_bound_to_this_machine_is_refused(
    client: FlaskClient, host: str
) -> None:
    assert client.get("/api/v1/jobs", headers={"Host": host}).status_code in {400, 403}


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_this_machines_own_names_are_served(client: FlaskClient, host: str) -> None:
    assert client.get("/api/v1/jobs", headers={"Host": host}).status_code == 200


def test_a_page_of_another_origin_changes_nothing(
    client: FlaskClient, request_body: dict[str, Any]
) -> None:
    job_id = client.post("/api/v1/jobs", json=request_body).get_json()["job_id"]
    address = f"/api/v1/jobs/{job_id}/cancel"
    for origin in ("https://evil.example", "null", "http://["):
        assert client.post(address, headers={"Origin": origin}).status_code == 403
    assert client.post(address, headers={"Origin": "http://localhost"}).status_code == 202


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.2", "127.8.9.10", "::1", "[::1]", "localhost"]
)
def test_every_loopback_address_refuses_strange_names_and_their_pages(
    parts_with: Any, request_body: dict[str, Any], host: str
) -> None:
    client = create_app(parts_with(host=host)).test_client()
    evil = {"Host": "evil.example:8000", "Origin": "http://evil.example:8000"}
    assert client.get("/api/v1/jobs", headers=evil).status_code == 403
    assert client.post("/api/v1/jobs", headers=evil, json=request_body).status_code == 403
    at = f"[{host.strip('[]')}]:8000" if ":" in host else f"{host}:8000"
    own = {"Host": at, "Origin": f"http://{at}"}
    assert client.post("/api/v1/jobs", headers=own, json=request_body).status_code == 202


PROXIED = ("Forwarded", "X-Forwarded-For", "x-forwarded-proto", "X-Forwarded-Whatever", "X-Real-IP")


@pytest.mark.parametrize("header", PROXIED)
def test_without_a_key_made_nobody_comes_in_through_a_proxy(parts: ApiParts, header: str) -> None:
    client = create_app(parts).test_client()
    for address in ("/api/v1/jobs", "/", "/metrics"):
        refused = client.get(address, headers={header: "203.0.113.7"})
        assert refused.status_code == 403
        assert "alphashield keys create" in refused.get_json()["detail"]
    assert client.get("/healthz", headers={header: "203.0.113.7"}).status_code == 200
    _, secret = parts.keyring.create("ops", "admin")
    headers = {**bearer(secret), header: "203.0.113.7"}
    assert client.get("/api/v1/jobs", headers=headers).status_code == 200


class _Stopped(SystemClock):
    """A machine's clock that the test moves."""

    seconds = 1_000.0

    def monotonic(self) -> float:
        return self.seconds


class _Counted:
    """A key store that counts how often it is asked for a key."""

    def __init__(self, store: Store) -> None:
        self._keys = store.keys
        self.asked = 0

    def find(self, digest: str) -> Any:
        self.asked += 1
        return self._keys.find(digest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keys, name)


def test_guessing_keys_ends_at_the_limit_without_asking_the_store(
    store: Store, parts_with: Any
) -> None:
    keys, wall = _Counted(store), _Stopped()
    keyring = StoredKeyring(keys, pepper=b"p" * 32, wall=wall)
    _, known = keyring.create("known", "admin")
    _, fresh = keyring.create("fresh", "admin")
    client = create_app(parts_with(keyring=keyring)).test_client()

    def status(secret: str, *, address: str = "127.0.0.1") -> int:
        base = {"REMOTE_ADDR": address}
        got = client.get("/api/v1/jobs", headers=bearer(secret), environ_base=base)
        return got.status_code

    assert status(known) == 200
    assert [status(f"ask_guess_{n}") for n in range(30)] == [401] * 30
    asked = keys.asked
    wall.seconds += 20
    refused = client.get("/api/v1/jobs", headers=bearer("ask_guess_31"))
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "40"
    assert refused.get_json()["type"] == "urn:alphashield:problem:too-many-requests"
    assert status(fresh) == 429
    assert status("\xe9") == 429
    assert keys.asked == asked
    assert status(known) == 200  # it was right before: no guess
    assert status("ask_guess", address="127.0.0.9") == 401
    assert client.get("/healthz").status_code == 200
    wall.seconds += 40
    assert status(fresh) == 200


def test_a_key_revoked_after_it_was_used_counts_as_a_guess(store: Store, parts_with: Any) -> None:
    keyring = StoredKeyring(store.keys, pepper=b"p" * 32, wall=_Stopped(), failures_per_minute=2)
    key, secret = keyring.create("ops", "admin")
    client = create_app(parts_with(keyring=keyring)).test_client()

    def status() -> int:
        return client.get("/api/v1/jobs", headers=bearer(secret)).status_code

    assert status() == 200
    keyring.revoke(key.key_id)
    assert [status() for _ in range(3)] == [401, 401, 429]


def test_one_subscriber_of_ipv6_is_one_address(store: Store, parts_with: Any) -> None:
    keyring = StoredKeyring(store.keys, pepper=b"p" * 32, wall=_Stopped(), failures_per_minute=2)
    keyring.create("ops", "admin")
    client = create_app(parts_with(host="::", keyring=keyring)).test_client()

    def status(address: str) -> int:
        base = {"REMOTE_ADDR": address}
        return client.get("/api/v1/jobs", headers=bearer("x"), environ_base=base).status_code

    assert [status(f"2001:db8::{n}") for n in (1, 2, 3)] == [401, 401, 429]
    assert status("2001:db8:0:1::1") == 401
    assert [status(f"::ffff:192.0.2.{n}") for n in (1, 2, 3)] == [401, 401, 401]
