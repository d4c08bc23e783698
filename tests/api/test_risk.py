"""The kill switch, the limits and the rules over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from adapters.clock import SystemClock
from adapters.kill_switch import StoredKillSwitch, UnreachableHalts
from api.app import create_app
from schemas.errors import Unavailable

HALT = "/api/v1/risk/halt"
RELEASE = "/api/v1/risk/halt/release"
ORDER = {"by": "Ada Lovelace", "reason": "the feed is lost"}


@pytest.fixture(autouse=True)
def no_file(home: Path) -> Iterator[None]:
    yield
    (home / "HALT").unlink(missing_ok=True)


def test_trading_is_halted_shown_and_released_with_who_and_when(client: FlaskClient) -> None:
    assert client.get(HALT).get_json() == {"halted": False, "halt": None, "history": []}
    halted = client.post(HALT, json=ORDER)
    assert halted.status_code == 200
    said = halted.get_json()
    assert said["halt"] == {**ORDER, "since": said["halt"]["since"], "source": "api"}
    assert client.get(HALT).get_json() == said
    released = client.post(RELEASE, json={"by": "Grace Hopper"}).get_json()
    assert (released["halted"], released["halt"]) == (False, None)
    (record,) = released["history"]
    assert record["halt"] == said["halt"]
    assert record["released_by"] == "Grace Hopper"
    assert record["released_at"] > said["halt"]["since"]


def test_halting_again_changes_nothing(client: FlaskClient) -> None:
    first = client.post(HALT, json=ORDER).get_json()
    again = client.post(HALT, json={"by": "Grace Hopper", "reason": "me too"})
    assert (again.status_code, again.get_json()) == (200, first)


def test_a_release_of_what_is_not_halted_is_a_conflict(client: FlaskClient) -> None:
    refused = client.post(RELEASE, json={"by": "Ada Lovelace"})
    assert refused.status_code == 409
    assert refused.content_type == "application/problem+json"
    assert refused.get_json()["detail"] == "trading is not halted"


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"by": "Ada"}, {"reason": "x"}, {"by": "", "reason": "x"}),
        *({"by": " \t", "reason": "x"}, {"by": "42", "reason": "x"}, {"by": 7, "reason": "x"}),
        *({"by": "Ada", "reason": "\n"}, {"by": "Ada", "reason": "x" * 501}),
        *({"by": "A" * 81, "reason": "x"}, {**ORDER, "since": "2020-01-01T00:00:00Z"}),
    ],
)
def test_nobody_halts_without_a_name_and_a_reason(client: FlaskClient, body: Any) -> None:
    assert client.post(HALT, json=body).status_code == 422
    assert client.get(HALT).get_json()["halted"] is False


def test_nobody_releases_without_a_name(client: FlaskClient) -> None:
    client.post(HALT, json=ORDER)
    for body in ({}, {"by": ""}, {"by": "  "}, {"by": "1"}, {"by": None}, {"by": ["Ada"]}):
        assert client.post(RELEASE, json=body).status_code == 422
    assert client.get(HALT).get_json()["halted"] is True


def test_a_name_is_kept_as_one_line(client: FlaskClient) -> None:
    body = {"by": " Ada\n\x1b[31m Lovelace ", "reason": "a\r\nb\u202ec"}
    halt = client.post(HALT, json=body).get_json()["halt"]
    assert (halt["by"], halt["reason"]) == ("Ada [31m Lovelace", "a b c")


def test_a_file_in_the_home_folder_is_seen_and_removed_by_a_release(
    client: FlaskClient, home: Path
) -> None:
    (home / "HALT").write_text("by hand")
    said = client.get(HALT).get_json()["halt"]
    assert (said["source"], said["reason"]) == ("file", "by hand")
    assert client.post(RELEASE, json={"by": "Ada Lovelace"}).status_code == 200
    assert not (home / "HALT").exists()


def test_a_switch_whose_store_is_away_is_unavailable_and_a_halt_is_kept_all_the_same(
    parts_with: Any, tmp_path: Path
) -> None:
    lost = StoredKillSwitch(
        UnreachableHalts(Unavailable("the database does not answer")),
        home=tmp_path,
        wall=SystemClock(),
    )
    client = create_app(parts_with(kill_switch=lost)).test_client()
    shown = client.get(HALT).get_json()
    assert (shown["halt"]["source"], shown["history"]) == ("unknown", None)
    halted = client.post(HALT, json=ORDER)
    assert halted.get_json()["halt"]["source"] == "file"
    assert (tmp_path / "HALT").exists()
    assert client.post(RELEASE, json={"by": "Ada Lovelace"}).status_code == 503


def test_limits_are_shown_as_they_are_by_default_and_by_strategy(client: FlaskClient) -> None:
    shown = client.get("/api/v1/risk/limits").get_json()
    assert shown["default"]["max_orders_per_session"] == 200
    assert shown["default"]["breakers"]["day_loss_stop"] == 0.02
    assert shown["strategies"]["careful"]["max_order_share"] == 0.1


def test_rules_are_listed_with_the_file_they_come_from(client: FlaskClient) -> None:
    (rule,) = client.get("/api/v1/risk/rules").get_json()["rules"]
    assert rule["file"] == "rules.yaml"
    assert (rule["rule"]["id"], rule["rule"]["max"]) == ("no-giants", "10000")


def test_the_description_has_every_field_of_a_halt(client: FlaskClient) -> None:
    paths = client.get("/api/v1/openapi.json").get_json()["paths"]
    assert paths[HALT]["post"]["x-roles"] == "roles: admin, read_write"
    assert paths[RELEASE]["post"]["x-roles"] == "roles: admin"
    assert paths[HALT]["get"]["x-roles"] == "roles: admin, read_only, read_write"
