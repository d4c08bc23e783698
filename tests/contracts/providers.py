"""What every `DataProvider` must do; an adapter's test subclasses the suite and gives fixtures.

`VendorContract` adds what every vendor must do that is asked over HTTP, whatever it answers.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from interfaces.providers import DataProvider, RawBars
from schemas.downloads import FactKind
from schemas.errors import (
    AlphaShieldError,
    BadConfiguration,
    InvalidRequest,
    NotFound,
    Unavailable,
    UntrustworthyData,
)
from schemas.facts import CorporateAction, Listing, MacroValue, StoredDocument
from tests.vendors import stub as menu
from tests.vendors.stub import Fault, VendorStub
from tests.vendors.timing import StillClock

CANARY = "canary+KEY/0123456789=abc"
"""A key with characters that look different in an address."""
KINDS: tuple[FactKind, ...] = ("bars", "actions", "macro", "news")
START, END = date(2024, 1, 2), date(2024, 3, 28)


def ask(provider: DataProvider, kind: FactKind, item: str) -> Iterable[object]:
    """Ask for `START..END`."""
    method: Callable[[str, date, date], Iterator[object]] = getattr(provider, kind)
    return method(item, START, END)


class ProviderContract:
    """Wants the fixtures `provider` and `known`, an item of each kind it has."""

    def test_every_kind_it_offers_comes_as_that_kind_and_about_what_was_asked(
        self, provider: DataProvider, known: dict[FactKind, str]
    ) -> None:
        kinds = {
            "bars": RawBars,
            "actions": (CorporateAction, Listing),
            "macro": MacroValue,
            "news": StoredDocument,
        }
        assert known.keys() == provider.offers
        for kind, item in known.items():
            rows = list(ask(provider, kind, item))
            assert rows, kind
            assert all(isinstance(row, kinds[kind]) for row in rows)
            for row in rows:
                if isinstance(row, RawBars):
                    assert (row.symbol, row.source) == (item, provider.name)
                elif isinstance(row, MacroValue):
                    assert (row.series, row.provider) == (item, provider.name)
                    assert START <= row.period <= END
                elif isinstance(row, CorporateAction):
                    assert (row.instrument, row.provider) == (item, provider.name)
                    assert START <= row.ex_date <= END
                elif isinstance(row, StoredDocument):
                    assert row.provider == provider.name

    def test_bars_are_text_in_columns_of_equal_length_within_the_days_asked_for(
        self, provider: DataProvider, known: dict[FactKind, str]
    ) -> None:
        for bars in provider.bars(known["bars"], START, END) if "bars" in known else ():
            names = {"date", "open", "high", "low", "close", "volume", "split", "dividend"}
            assert {"date", "close"} <= set(bars.columns) <= names
            assert len({len(cells) for cells in bars.columns.values()}) == 1
            assert all(isinstance(cell, str) for cells in bars.columns.values() for cell in cells)
            days = [date.fromisoformat(text) for text in bars.columns["date"]]
            assert START <= min(days) <= max(days) <= END
            assert days == sorted(days)

    def test_facts_have_moments_in_utc(
        self, provider: DataProvider, known: dict[FactKind, str]
    ) -> None:
        for kind in set(known) - {"bars"}:
            for fact in ask(provider, kind, known[kind]):
                assert isinstance(fact, CorporateAction | Listing | MacroValue | StoredDocument)
                assert fact.known_time.utcoffset() == UTC.utcoffset(None)
                assert fact.stored_time.utcoffset() == UTC.utcoffset(None)

    def test_what_it_does_not_know_is_not_found(
        self, provider: DataProvider, known: dict[FactKind, str]
    ) -> None:
        for kind in known:
            with pytest.raises(NotFound):
                list(ask(provider, kind, "NOSUCH"))

    def test_what_it_does_not_offer_is_an_invalid_request(self, provider: DataProvider) -> None:
        for kind in set(KINDS) - provider.offers:
            with pytest.raises(InvalidRequest, match=f"{provider.name} has no {kind}"):
                list(ask(provider, kind, "AAPL"))

    def test_asking_twice_answers_the_same(
        self, provider: DataProvider, known: dict[FactKind, str]
    ) -> None:
        for kind, item in known.items():
            assert list(ask(provider, kind, item)) == list(ask(provider, kind, item))


@dataclass(frozen=True)
class Case:
    """A fault, what it must become, and how often the vendor may have been asked by then."""

    fault: Fault
    becomes: type[AlphaShieldError]
    asked: int
    said: str


FAULTS = {
    "401": Case(menu.status(401), BadConfiguration, 1, "_KEY"),
    "403": Case(menu.status(403), BadConfiguration, 1, "_KEY"),
    "404": Case(menu.status(404), NotFound, 1, "404"),
    "429": Case(menu.status(429, Retry_After="2"), Unavailable, 3, "429"),
    "429 for an hour": Case(menu.status(429, Retry_After="3600"), Unavailable, 1, "429"),
    "429 until a date": Case(
        menu.status(429, Retry_After="Wed, 12 Jun 2024 12:59:00 GMT"), Unavailable, 1, "429"
    ),
    "500": Case(menu.status(500), Unavailable, 3, "500"),
    "502": Case(menu.status(502), Unavailable, 3, "502"),
    "503": Case(menu.status(503), Unavailable, 3, "503"),
    "504": Case(menu.status(504), Unavailable, 3, "504"),
    "another address": Case(
        menu.status(302, Location="http://127.0.0.1:9/"), UntrustworthyData, 1, "302"
    ),
    "HTML": Case(menu.html, UntrustworthyData, 1, "HTML|text/html"),
    "truncated": Case(menu.truncated, UntrustworthyData, 3, "too early"),
    "empty": Case(menu.body(b""), UntrustworthyData, 3, "too early"),
    "cut off": Case(menu.cut, Unavailable, 3, "broke off"),
    "NaN": Case(menu.says('{"{key}": NaN}'), UntrustworthyData, 1, "JSON"),
    "Latin 1": Case(menu.body(b'{"a": "\xe9"}'), UntrustworthyData, 1, "UTF-8"),
    "a list": Case(menu.says('["{key}"]'), UntrustworthyData, 1, "JSON"),
    "brackets": Case(menu.body(b"[" * 200_000 + b"]"), UntrustworthyData, 1, "JSON"),
    "broken": Case(menu.says('{"{key}": oops, "a": 1}'), UntrustworthyData, 1, "JSON"),
    "another object": Case(menu.says('{"{key}": 1}'), UntrustworthyData, 1, "sends|answers"),
    "a bomb": Case(menu.bomb, UntrustworthyData, 1, "more than"),
    "no gzip": Case(
        menu.body(b"oops", headers={"Content-Encoding": "gzip"}), UntrustworthyData, 1, "unpacked"
    ),
    "brotli": Case(
        menu.body(b"oops", headers={"Content-Encoding": "br"}), UntrustworthyData, 1, "packs"
    ),
}


class VendorContract(ProviderContract):
    """Wants also `vendor`, the stub that serves, and `build`: (key, clock) → provider."""

    @pytest.mark.promise("secrets")
    @pytest.mark.parametrize("name", FAULTS)
    def test_a_fault_becomes_the_error_that_says_what_to_do_and_never_the_key(
        self,
        name: str,
        vendor: VendorStub,
        build: Callable[[str | None, StillClock], DataProvider],
        known: dict[FactKind, str],
        caplog: pytest.LogCaptureFixture,
        tmp_path: Path,
    ) -> None:
        case = FAULTS[name]
        provider = build(CANARY, StillClock())
        kind = min(known)
        caplog.set_level(logging.DEBUG)
        vendor.always = case.fault
        with pytest.raises(case.becomes, match=case.said) as caught:
            list(ask(provider, kind, known[kind]))
        assert len(vendor.asked) == case.asked <= 3
        assert menu.key_of(vendor.asked[0]) == CANARY, "the key did not even arrive"
        assert_no_key(everything_said(caught.value) + caplog.text)
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or CANARY.encode() not in path.read_bytes()

    @pytest.mark.parametrize("fault", [menu.status(429, Retry_After="7"), menu.cut])
    def test_what_passes_is_tried_again_and_then_answers(
        self,
        fault: Fault,
        vendor: VendorStub,
        build: Callable[[str | None, StillClock], DataProvider],
        known: dict[FactKind, str],
    ) -> None:
        for kind, item in known.items():
            clock = StillClock()
            provider = build(CANARY, clock)
            truth = list(ask(provider, kind, item))
            vendor.next(fault)
            before = clock.seconds
            again = list(ask(provider, kind, item))
            assert len(again) == len(truth) > 0
            if fault is not menu.cut:
                assert clock.seconds - before >= 7

    def test_an_answer_that_never_ends_is_given_up_at_the_deadline(
        self,
        vendor: VendorStub,
        build: Callable[[str | None, StillClock], DataProvider],
        known: dict[FactKind, str],
    ) -> None:
        kind = min(known)
        provider = build(CANARY, StillClock(step=30))
        vendor.always = menu.endless
        with pytest.raises(Unavailable, match=r"in time|deadline"):
            list(ask(provider, kind, known[kind]))

    def test_a_vendor_that_is_not_there_is_unavailable(
        self,
        vendor: VendorStub,
        build: Callable[[str | None, StillClock], DataProvider],
        known: dict[FactKind, str],
    ) -> None:
        provider = build(CANARY, StillClock())
        vendor.stop()
        kind = min(known)
        with pytest.raises(Unavailable) as caught:
            list(ask(provider, kind, known[kind]))
        assert_no_key(everything_said(caught.value))

    @pytest.mark.parametrize("key", [None, ""])
    def test_without_a_key_nobody_is_asked_and_the_setting_is_named(
        self,
        key: str | None,
        vendor: VendorStub,
        build: Callable[[str | None, StillClock], DataProvider],
        known: dict[FactKind, str],
    ) -> None:
        for kind, item in known.items():
            with pytest.raises(BadConfiguration, match="_KEY is not set"):
                list(ask(build(key, StillClock()), kind, item))
        assert vendor.asked == []

    def test_an_answer_may_come_packed(
        self,
        vendor: VendorStub,
        provider: DataProvider,
        known: dict[FactKind, str],
    ) -> None:
        kind = min(known)
        truth = list(ask(provider, kind, known[kind]))
        vendor.always = menu.packed
        assert list(ask(provider, kind, known[kind])) == truth


def everything_said(error: BaseException) -> str:
    """Return all text an error, and what stands behind it, could put into a log."""
    said = traceback.format_exception(error)
    seen: list[BaseException | None] = [error]
    for each in seen:
        if each is not None:
            said += [repr(each), repr(each.args), repr(vars(each))]
            seen += [e for e in (each.__cause__, each.__context__) if e not in seen]
    return "\n".join(said)


def assert_no_key(text: str) -> None:
    for form in (CANARY, quote(CANARY), quote(CANARY, safe=""), quote_plus(CANARY), CANARY[:16]):
        assert form.lower() not in text.lower()
