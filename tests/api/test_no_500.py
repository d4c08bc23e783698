"""Generated requests, well-formed and not, as every role: the API never fails on input."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import hypothesis.strategies as st
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings

from api.parts import ApiParts
from api.routes import ROUTES

HOSTILE = st.sampled_from(
    [
        *("", " ", "0", "-1", "null", "NaN", "Infinity", "1e999999", "9" * 400, "\x00", "\ud800"),
        *("../../etc/passwd", "{{7*7}}", "$where", '{"$gt": ""}', "é" * 100, "2020-02-30"),
        *("AAPL", "baseline:rules", "bundled", "2020-01-02", "queued", "true", "[]"),
    ]
)
SCALARS = st.one_of(
    HOSTILE,
    st.text(max_size=30),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        *("models", "start_date", "end_date", "mode", "application", "data", "universe", "cash"),
        *("cadence", "seed", "mask", "costs", "limits", "name", "role", "extra"),
        *("kinds", "symbols", "series", "providers", "calendar", "currency", "macro_start_date"),
        *("by", "reason"),
    ]
)
SOUND = {"models": ["baseline:rules"], "start_date": "2020-01-02", "end_date": "2020-01-31"}
WANTED = {
    "data": "mine",
    "symbols": ["AAPL"],
    "start_date": "2020-01-02",
    "end_date": "2020-01-31",
}
DOCUMENTS = st.builds(
    lambda sound, change: {**sound, **change},
    st.sampled_from([SOUND, WANTED, {"data": "mine"}, {"by": "Ada", "reason": "x"}, {"by": "Ada"}]),
    st.dictionaries(FIELDS, VALUES, max_size=4),
)
BODIES = st.one_of(
    DOCUMENTS.map(lambda document: json.dumps(document).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=200),
)
TYPES = st.sampled_from(["application/json", "text/plain", "application/json; charset=latin-1", ""])
HEADER_VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
HEADERS = st.dictionaries(
    st.sampled_from(["Idempotency-Key", "Origin", "If-None-Match", "Accept", "Range", "X-API-Key"]),
    HEADER_VALUES,
    max_size=2,
)
QUERIES = st.dictionaries(
    st.sampled_from(
        [
            *("limit", "before", "state", "data", "x", "id", "detail"),
            *("symbols", "start", "end", "everything"),
        ]
    ),
    st.one_of(HOSTILE, st.text(max_size=12)),
    max_size=3,
).map(lambda query: {k: v.encode("utf-8", "replace").decode() for k, v in query.items()})
NAMES = st.one_of(HOSTILE, st.text(max_size=20)).map(
    lambda name: quote(name.encode("utf-8", "replace"), safe="/")
)


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    route = draw(st.sampled_from(ROUTES))
    path = "/".join(draw(NAMES) if part.startswith("<") else part for part in route.rule.split("/"))
    methods = st.sampled_from([route.method, route.method, "GET", "POST", "DELETE", "PATCH"])
    return {
        "path": path,
        "method": draw(methods),
        "query_string": draw(QUERIES),
        "headers": draw(HEADERS),
        "data": draw(BODIES),
        "content_type": draw(TYPES),
    }


@pytest.fixture(scope="module")
def roles(shared_parts: ApiParts) -> list[dict[str, str]]:
    keys = [shared_parts.keyring.create(r, r)[1] for r in ("admin", "read_write", "read_only")]
    return [{"Authorization": f"Bearer {secret}"} for secret in keys] + [{}]


def hold(client: FlaskClient, roles: list[dict[str, str]], call: dict[str, Any]) -> None:
    for role in roles:
        answer = client.open(**{**call, "headers": {**call["headers"], **role}})
        assert answer.status_code < 500, (call, answer.data)
        if answer.status_code >= 400:
            assert answer.content_type == "application/problem+json"
            assert answer.get_json()["status"] == answer.status_code


@pytest.mark.promise("no-500")
@settings(max_examples=120)
@given(call=calls())
def test_no_generated_request_makes_the_api_fail(
    shared_client: FlaskClient, roles: list[dict[str, str]], call: dict[str, Any]
) -> None:
    hold(shared_client, roles, call)


@pytest.mark.long
@pytest.mark.promise("no-500")
@settings(max_examples=12_500)
@given(call=calls())
def test_no_request_of_fifty_thousand_makes_the_api_fail(
    shared_client: FlaskClient, roles: list[dict[str, str]], call: dict[str, Any]
) -> None:
    hold(shared_client, roles, call)
