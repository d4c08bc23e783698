"""What the HTTP client itself promises; what vendors' answers become stands in the contract."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.providers.http import Access, Complaint, JsonClient, no_complaint
from adapters.providers.pace import Limits, Pace
from schemas.errors import (
    AlphaShieldError,
    BadConfiguration,
    InvalidRequest,
    Unavailable,
    UntrustworthyData,
)
from tests.contracts.providers import CANARY, assert_no_key, everything_said
from tests.vendors import stub as menu
from tests.vendors.stub import Reply, VendorStub
from tests.vendors.timing import StillClock


@pytest.fixture
def vendor() -> Iterator[VendorStub]:
    with VendorStub({"/data": lambda _asked: {"a": 1}}) as stub:
        yield stub


def client(url: str, folder: Path, *, key: str = CANARY, **options: Any) -> JsonClient:
    limits = options.pop("limits", Limits(attempts=1))
    pace = Pace("vendor", limits, state=folder / "vendor.json", timing=StillClock().timing())
    patience = options.pop("patience", 20.0)
    return JsonClient(
        Access("vendor", url, "VENDOR_API_KEY", "key", key, patience), pace, **options
    )


def test_the_key_travels_in_the_query_beside_what_is_asked(
    vendor: VendorStub, tmp_path: Path
) -> None:
    assert client(vendor.url, tmp_path).get("data", {"q": "a b&c"}) == {"a": 1}
    assert vendor.asked[0].query == {"q": "a b&c", "key": CANARY}


@pytest.mark.promise("secrets")
def test_not_even_the_most_talkative_log_has_the_key(
    vendor: VendorStub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = client(vendor.url, tmp_path)
    asked.get("data", {"q": "x"})
    assert "GET" in caplog.text
    assert_no_key(caplog.text + repr(asked) + repr(asked._access))


@pytest.mark.promise("secrets")
@given(st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=6, max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_a_key_of_any_form_is_taken_out_of_what_the_vendor_says(
    vendor: VendorStub, tmp_path: Path, key: str
) -> None:
    def complain(_status: int, document: Any) -> Complaint | None:
        return Complaint(Unavailable, f"says: {document['said']}")

    marked = f"Zq{key}qZ"
    vendor.answers["/data"] = lambda asked: {"said": f"your key {asked.query['key']} is spent"}
    with pytest.raises(Unavailable, match=r"your key \*\*\* is spent") as caught:
        client(vendor.url, tmp_path, key=marked, complain=complain).get("data", {})
    assert marked not in everything_said(caught.value)


@pytest.mark.parametrize(
    "url", ["http://vendor.example", "ftp://127.0.0.1", "http://127.0.0.1.example", "vendor"]
)
def test_no_key_is_sent_without_tls_beyond_this_machine(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="must begin with https://"):
        client(url, tmp_path).get("data", {})


def test_a_silent_vendor_is_given_up_when_patience_ends(vendor: VendorStub, tmp_path: Path) -> None:
    import threading

    heard = threading.Event()

    def silent(_asked: menu.Asked) -> object:
        heard.wait(5)
        return {}

    vendor.answers["/data"] = silent
    try:
        with pytest.raises(Unavailable, match="did not answer in time"):
            client(vendor.url, tmp_path, patience=0.05).get("data", {})
    finally:
        heard.set()


def test_more_than_the_largest_answer_is_not_read(vendor: VendorStub, tmp_path: Path) -> None:
    vendor.answers["/data"] = lambda _asked: {"a": "x" * 100}
    assert client(vendor.url, tmp_path, largest=200).get("data", {})
    with pytest.raises(UntrustworthyData, match="more than 99 bytes"):
        client(vendor.url, tmp_path, largest=99).get("data", {})
    vendor.always = menu.packed
    with pytest.raises(UntrustworthyData, match="more than 99 bytes"):
        client(vendor.url, tmp_path, largest=99).get("data", {})


@pytest.mark.parametrize(
    ("status", "becomes"),
    [(400, InvalidRequest), (418, InvalidRequest), (301, UntrustworthyData), (501, Unavailable)],
)
def test_other_statuses_are_told_apart_and_not_retried(
    status: int, becomes: type[AlphaShieldError], vendor: VendorStub, tmp_path: Path
) -> None:
    vendor.always = menu.status(status)
    with pytest.raises(becomes, match=str(status)):
        client(vendor.url, tmp_path, limits=Limits()).get("data", {})
    assert len(vendor.asked) == 1


def test_numbers_keep_every_digit(vendor: VendorStub, tmp_path: Path) -> None:
    vendor.always = menu.says('{"price": 0.1000000000000000055511151231257827, "n": 3}')
    answer = client(vendor.url, tmp_path).get("data", {})
    assert str(answer["price"]) == "0.1000000000000000055511151231257827"
    assert answer["n"] == 3


@given(st.binary(max_size=60), st.sampled_from(["application/json", "text/plain", "", "x/json;"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_bytes_are_an_object_or_an_error_of_ours(
    vendor: VendorStub, tmp_path: Path, content: bytes, kind: str
) -> None:
    vendor.always = lambda _asked, _reply: Reply(content, kind=kind)
    try:
        answer = client(vendor.url, tmp_path, complain=no_complaint).get("data", {})
    except (UntrustworthyData, Unavailable):
        return
    assert isinstance(answer, dict)
