"""Alpaca is asked as it documents, over a stub that speaks and misbehaves like it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.providers.alpaca import Alpaca
from adapters.providers.alpaca_actions import NOT_MODELLED, Question, read_actions
from adapters.providers.alpaca_values import plain, session
from adapters.providers.http import Access
from adapters.providers.pace import Limits, Pace
from adapters.providers.registry import VendorPlan, as_sources, build_providers
from interfaces.providers import RawBars
from schemas.downloads import FactKind
from schemas.errors import BadConfiguration, NotFound, Unavailable, UntrustworthyData
from schemas.facts import CorporateAction
from tests.contracts.providers import (
    CANARY,
    END,
    START,
    VendorContract,
    assert_no_key,
    everything_said,
)
from tests.vendors import stub as menu
from tests.vendors.alpaca import RECENT_SIP, AlpacaData, article, bar, begins, quote
from tests.vendors.stub import Asked, Reply, VendorStub
from tests.vendors.timing import StillClock

# The library imports what is deprecated in another, wherever it is first used.
pytestmark = pytest.mark.filterwarnings("ignore:websockets.legacy is deprecated:DeprecationWarning")

Build = Callable[..., Alpaca]
SECRET = "canary+SECRET/zyxw9876=q"
DIVIDEND = {
    "symbol": "AAPL",
    "cusip": "037833100",
    "rate": 0.24,
    "special": False,
    "foreign": False,
    "process_date": "2024-02-15",
    "ex_date": "2024-02-09",
    "record_date": "2024-02-12",
    "payable_date": "2024-02-15",
}


@pytest.fixture
def data() -> AlpacaData:
    data = AlpacaData(SECRET)
    days = [date(2023, 11, 1) + timedelta(days=n) for n in range(225)]
    data.bars["AAPL"] = [bar(day, 100 + n) for n, day in enumerate(days) if day.weekday() < 5]
    data.actions["cash_dividends"] = [dict(DIVIDEND)]
    data.news = [
        article(1, "2024-01-10T15:30:00Z"),
        article(2, "2024-01-11T09:00:00Z", "2024-01-12T10:00:01Z"),
    ]
    data.quotes["AAPL"] = quote("2024-06-12T11:59:58.123456789Z")
    return data


@pytest.fixture
def vendor(data: AlpacaData) -> Iterator[VendorStub]:
    with VendorStub(data.answers()) as stub:
        yield stub


@pytest.fixture
def build(vendor: VendorStub, tmp_path: Path) -> Build:
    def make(key: str | None, clock: StillClock, **options: Any) -> Alpaca:
        pace = Pace(
            "alpaca",
            options.pop("limits", Limits()),
            state=tmp_path / "providers" / "alpaca.json",
            timing=clock.timing(),
        )
        access = Access("alpaca", vendor.url, "ALPACA_API_KEY", "APCA-API-KEY-ID", key)
        return Alpaca(access, pace, **{"secret": SECRET, **options})

    return make


@pytest.fixture
def provider(build: Build) -> Alpaca:
    return build(CANARY, StillClock())


class TestContract(VendorContract):
    @pytest.fixture
    def known(self) -> dict[FactKind, str]:
        return {"bars": "AAPL", "actions": "AAPL", "news": "AAPL"}


def columns(provider: Alpaca, start: date = START, end: date = END) -> dict[str, list[str]]:
    [bars] = provider.bars("AAPL", start, end)
    return {name: list(cells) for name, cells in bars.columns.items()}


def actions(provider: Alpaca, symbol: str = "AAPL") -> list[CorporateAction]:
    return list(provider.actions(symbol, START, END))


# --- keys and the library ---------------------------------------------------------------------


def test_both_keys_travel_in_headers_and_never_in_the_address(
    provider: Alpaca, vendor: VendorStub
) -> None:
    columns(provider)
    [asked] = vendor.asked
    headers = {name.lower(): value for name, value in asked.headers.items()}
    assert (headers["apca-api-key-id"], headers["apca-api-secret-key"]) == (CANARY, SECRET)
    assert_no_key(str(asked.query))
    assert SECRET not in str(asked.query)


@pytest.mark.promise("secrets")
def test_the_second_key_is_in_no_error_and_no_log_line_either(
    provider: Alpaca, vendor: VendorStub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.always = menu.body(
        json.dumps({"message": f"no {SECRET} or {CANARY}"}).encode(), status=403
    )
    with pytest.raises(BadConfiguration, match="ALPACA_API_KEY and ALPACA_SECRET_KEY") as caught:
        columns(provider)
    said = everything_said(caught.value) + caplog.text + repr(provider)
    assert SECRET not in said
    assert SECRET[:12] not in said
    assert_no_key(said)


def test_without_the_second_key_nobody_is_asked(build: Build, vendor: VendorStub) -> None:
    provider = build(CANARY, StillClock(), secret=None)
    with pytest.raises(BadConfiguration, match="ALPACA_SECRET_KEY is not set"):
        columns(provider)
    with pytest.raises(BadConfiguration, match="ALPACA_SECRET_KEY is not set"):
        provider.stream(["AAPL"])
    assert vendor.asked == []


def test_without_the_extra_the_install_command_is_named(
    provider: Alpaca, vendor: VendorStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "adapters.providers.alpaca_sdk", raising=False)
    monkeypatch.setitem(sys.modules, "alpaca.data.requests", None)
    with pytest.raises(BadConfiguration, match=r"pip install 'alphashield\[alpaca\]'"):
        columns(provider)
    assert vendor.asked == []


def test_it_is_built_from_a_plan_with_two_keys_and_unset_without_either(tmp_path: Path) -> None:
    for key, secret, wanted in (
        (None, None, "set ALPACA_API_KEY and ALPACA_SECRET_KEY"),
        ("k", None, "set ALPACA_SECRET_KEY"),
        (None, "s", "set ALPACA_API_KEY"),
    ):
        plans = {"alpaca": VendorPlan("https://data.example", Limits(200), key, secret=secret)}
        built = build_providers(
            plans, home=tmp_path, timing=StillClock().timing(), bundled=pytest.fail
        )
        sources = as_sources(built, {"bars": ["alpaca"]}, plans)
        assert sources.unset["alpaca"].endswith(wanted)
        assert "alpaca" not in sources.providers
        assert built["alpaca"].quota().per_minute == 200
    plans = {"alpaca": VendorPlan("https://data.example", Limits(200), "k", secret="s")}
    assert as_sources(built, {"bars": ["alpaca"]}, plans).providers["alpaca"] is built["alpaca"]
    assert "'s'" not in repr(plans)


def test_its_library_neither_sleeps_nor_retries_and_the_limit_is_kept_by_pace_alone(
    build: Build, vendor: VendorStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        pytest.fail("somebody else waits or asks")

    monkeypatch.setattr("time.sleep", never)
    monkeypatch.setattr("requests.Session.request", never)
    clock = StillClock()
    provider = build(CANARY, clock, limits=Limits(per_minute=4))
    for _ in range(9):
        columns(provider)
    assert len(vendor.asked) == 9
    assert clock.seconds >= 120
    vendor.always = menu.status(429, Retry_After="3600")
    with pytest.raises(Unavailable, match="429"):
        columns(provider)
    assert len(vendor.asked) == 10


def test_a_feed_that_the_plan_lacks_is_said(
    build: Build, data: AlpacaData, vendor: VendorStub
) -> None:
    provider = build(CANARY, StillClock(), feed="sip")
    columns(provider)
    assert vendor.asked[-1].query["feed"] == "sip"
    vendor.always = menu.body(json.dumps({"message": RECENT_SIP}).encode(), status=403)
    with pytest.raises(BadConfiguration, match="wants another plan for this feed"):
        columns(provider)


# --- bars -------------------------------------------------------------------------------------


def test_bars_are_those_of_the_vendor_to_the_digit_and_raw(
    provider: Alpaca, vendor: VendorStub
) -> None:
    vendor.next(
        menu.body(
            b'{"bars": {"AAPL": [{"t": "2024-01-02T05:00:00Z", "o": 187.15, "h": 188.440, '
            b'"l": 183.885, "c": 185.64, "v": 82488700, "n": 1, "vw": 185.9}]}, '
            b'"next_page_token": null}'
        )
    )
    [bars] = provider.bars("AAPL", START, END)
    assert bars == RawBars(
        "alpaca",
        "AAPL",
        {
            "date": ["2024-01-02"],
            "open": ["187.15"],
            "high": ["188.440"],
            "low": ["183.885"],
            "close": ["185.64"],
            "volume": ["82488700"],
        },
    )
    query = vendor.asked[0].query
    assert (query["adjustment"], query["timeframe"]) == ("raw", "1Day")
    assert query["asof"] == END.isoformat(), "the symbol means its bearer on the last day"


def test_a_session_is_its_date_in_new_york_also_over_the_change_of_the_clocks(
    provider: Alpaca,
) -> None:
    got = columns(provider, date(2024, 3, 7), date(2024, 3, 13))["date"]
    assert got == ["2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12", "2024-03-13"]
    assert (begins(date(2024, 3, 8))[11:13], begins(date(2024, 3, 11))[11:13]) == ("05", "04")


@given(st.dates(date(1990, 1, 1), date(2060, 1, 1)))
def test_every_midnight_in_new_york_is_its_own_session(day: date) -> None:
    assert session(begins(day)) == day


def test_the_bar_of_a_running_session_is_dropped_though_the_vendor_sends_it(
    build: Build, data: AlpacaData, vendor: VendorStub
) -> None:
    assert data.bars["AAPL"][-1]["t"] == begins(date(2024, 6, 12))
    for hour, last in ((12, "2024-06-11"), (20, "2024-06-11"), (22, "2024-06-12")):
        clock = StillClock(datetime(2024, 6, 12, hour, 30, tzinfo=UTC))
        assert columns(build(CANARY, clock), START, date(2024, 7, 1))["date"][-1] == last
    everything = {"bars": {"AAPL": data.bars["AAPL"][-3:]}, "next_page_token": None}
    vendor.next(menu.body(json.dumps(everything).encode()))
    got = columns(build(CANARY, StillClock()), date(2024, 6, 10), date(2024, 7, 1))
    assert got["date"] == ["2024-06-10", "2024-06-11"]


def test_many_pages_are_one_answer(provider: Alpaca, data: AlpacaData, vendor: VendorStub) -> None:
    whole = columns(provider)
    data.page = 7
    assert columns(provider) == whole
    tokens = [asked.query.get("page_token") for asked in vendor.asked[1:]]
    assert len(tokens) == 9
    assert tokens[:3] == [None, "page-7", "page-14"]


def test_a_gap_in_a_bar_is_left_to_the_screen(provider: Alpaca, data: AlpacaData) -> None:
    data.bars["AAPL"] = [{"t": begins(date(2024, 1, 3)), "c": 5, "o": None}]
    got = columns(provider)
    assert (got["close"], got["open"], got["volume"]) == (["5"], [""], [""])


def test_a_symbol_that_has_nothing_is_told_from_one_that_is_not_known(
    provider: Alpaca, data: AlpacaData, vendor: VendorStub
) -> None:
    data.quotes["NEW"] = quote("2024-06-12T11:59:58Z")
    assert list(provider.bars("NEW", START, END)) == []
    assert list(provider.actions("NEW", START, END)) == []
    assert list(provider.news("NEW", START, END)) == []
    with pytest.raises(NotFound, match="knows nothing of NOSUCH"):
        list(provider.bars("NOSUCH", START, END))
    vendor.next(menu.body(b'{"message": "invalid symbol: A^B"}', status=400))
    with pytest.raises(NotFound, match="invalid symbol"):
        list(provider.bars("A^B", START, END))


DAY = '{"t": "2024-01-02T05:00:00Z", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}'


def page(bars: str = f'"AAPL": [{DAY}]', token: str = "null") -> str:
    return f'{{"bars": {{{bars}}}, "next_page_token": {token}}}'


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (page(f'"MSFT": [{DAY}]'), "answers about MSFT when asked about AAPL"),
        (page(f'"AAPL": [{DAY}], "{{key}}": [{DAY}]'), r"answers about \*\*\*"),
        (page().replace('"c": 1', '"c": "1"'), "1 where a number was promised"),
        (page().replace('"c": 1', '"c": true'), "True where a number"),
        (page().replace("T05:00:00Z", "T00:00:00Z"), "no midnight in New York"),
        (page().replace("T05:00:00Z", "T15:00:00+09:00"), "no midnight in New York"),
        (page().replace("T05:00:00Z", "T05:00:00"), "a time that is none"),
        (page().replace("2024-01-02T05:00:00Z", "yesterday"), "a time that is none"),
        (page(f'"AAPL": [{DAY}, {DAY}]'), "a bar of 2024-01-02 that has no place"),
        (page().replace("2024-01-02", "2023-12-29"), "a bar of 2023-12-29 that has no place"),
        (page('"AAPL": null'), "sends no bars"),
        (page('"AAPL": [1]'), "sends no bars"),
        ('{"quotes": {}, "next_page_token": null}', "sends no bars"),
        ('{"bars": {}}', "does not say what follows"),
        (page(token='""'), "does not say what follows"),
        (page(token="7"), "does not say what follows"),
        (page(token='"again"'), "the same page twice"),
    ],
)
def test_bars_that_are_not_what_was_promised_are_not_trusted(
    answer: str, why: str, provider: Alpaca, vendor: VendorStub
) -> None:
    vendor.always = menu.says(answer)
    with pytest.raises(UntrustworthyData, match=why) as caught:
        columns(provider)
    assert len(vendor.asked) <= 2
    assert_no_key(everything_said(caught.value))


def test_pages_that_go_round_in_circles_are_not_trusted(
    provider: Alpaca, vendor: VendorStub
) -> None:
    def circle(asked: Asked, _reply: Reply) -> Reply:
        token = {"a": "b", "b": "c", "c": "a"}.get(asked.query.get("page_token", ""), "a")
        return Reply(page("", f'"{token}"').encode())

    vendor.always = circle
    with pytest.raises(UntrustworthyData, match="the same page twice"):
        columns(provider)
    assert len(vendor.asked) == 4


@pytest.mark.parametrize("status", [400, 404])
def test_a_page_that_is_missing_is_not_passed_over(
    status: int, provider: Alpaca, data: AlpacaData, vendor: VendorStub
) -> None:
    data.page = 7
    vendor.next(None, menu.body(b'{"message": "page token is invalid"}', status=status))
    with pytest.raises(UntrustworthyData, match="refuses the page"):
        columns(provider)


# --- corporate actions ------------------------------------------------------------------------


def dated(day: str, **terms: Any) -> dict[str, Any]:
    return {"symbol": "AAPL", "cusip": "1", "process_date": day, "ex_date": day, **terms}


def test_each_kind_becomes_ours_with_exact_ratios(provider: Alpaca, data: AlpacaData) -> None:
    data.actions = {
        "forward_splits": [dated("2024-01-10", new_rate=10, old_rate=1)],
        "reverse_splits": [dated("2024-01-11", new_rate=1, old_rate=15)],
        "stock_dividends": [dated("2024-01-12", rate=0.05)],
        "cash_dividends": [dict(DIVIDEND)],
        "cash_mergers": [
            {
                "acquirer_symbol": "BIG",
                "acquiree_symbol": "AAPL",
                "rate": 54.2,
                "process_date": "2024-03-05",
                "effective_date": "2024-03-04",
            },
            {
                "acquirer_symbol": "AAPL",
                "acquiree_symbol": "SMALL",
                "rate": 1,
                "process_date": "2024-03-05",
                "effective_date": "2024-03-04",
            },
        ],
        "redemptions": [{"symbol": "AAPL", "rate": 10.05, "process_date": "2024-03-06"}],
        "worthless_removals": [{"symbol": "AAPL", "process_date": "2024-03-07"}],
    }
    got = [
        (each.kind, each.ex_date.isoformat(), each.new_units, each.old_units, each.cash)
        for each in actions(provider)
    ]
    assert got == [
        ("split", "2024-01-10", 10, 1, None),
        ("split", "2024-01-11", 1, 15, None),
        ("stock_dividend", "2024-01-12", Decimal("1.05"), 1, None),
        ("cash_dividend", "2024-02-09", None, None, Decimal("0.24")),
        ("cash_merger", "2024-03-04", None, None, Decimal("54.2")),
        ("delisting", "2024-03-06", None, None, Decimal("10.05")),
        ("delisting", "2024-03-07", None, None, 0),
    ]


def test_what_is_paid_weeks_after_its_ex_date_is_found_and_known_on_the_eve(
    provider: Alpaca,
) -> None:
    [dividend] = provider.actions("AAPL", date(2024, 2, 9), date(2024, 2, 9))
    assert dividend.known_time == datetime(2024, 2, 9, 5, tzinfo=UTC)
    assert dividend.action_id == "AAPL:cash_dividend:2024-02-09"
    assert dividend.pay_date == date(2024, 2, 15)
    assert list(provider.actions("AAPL", date(2024, 2, 10), END)) == []


def test_a_dividend_without_a_pay_date_has_none_and_one_that_is_no_date_is_distrusted(
    provider: Alpaca, data: AlpacaData
) -> None:
    for said in (None, ""):
        data.actions["cash_dividends"] = [{**DIVIDEND, "payable_date": said}]
        (dividend,) = actions(provider)
        assert dividend.pay_date is None
    data.actions["cash_dividends"] = [{**DIVIDEND, "payable_date": "soon"}]
    with pytest.raises(UntrustworthyData, match="payable_date that is none: soon"):
        actions(provider)


def test_what_was_booked_before_its_ex_date_was_known_by_then_and_an_end_only_afterwards(
    provider: Alpaca, data: AlpacaData
) -> None:
    split = dated("2024-01-10", new_rate=2, old_rate=1)
    data.actions = {
        "forward_splits": [{**split, "process_date": "2024-01-05"}],
        "worthless_removals": [{"symbol": "AAPL", "process_date": "2024-03-07"}],
    }
    early, removed = actions(provider)
    assert early.known_time == datetime(2024, 1, 6, 5, tzinfo=UTC)
    assert removed.known_time == datetime(2024, 3, 8, 5, tzinfo=UTC)


@given(
    ex_date=st.dates(START, END),
    booked=st.dates(START - timedelta(days=30), END + timedelta(days=200)),
    new=st.integers(1, 5000),
    old=st.integers(1, 5000),
)
def test_no_dated_action_is_known_before_it_was_booked_or_its_eve(
    ex_date: date, booked: date, new: int, old: int
) -> None:
    row = dated(ex_date.isoformat(), new_rate=new, old_rate=old)
    row["process_date"] = booked.isoformat()
    asked = Question("AAPL", START, END, datetime(2024, 6, 1, tzinfo=UTC), UntrustworthyData)
    for action in read_actions({"forward_splits": [row]}, asked):
        eve = datetime.combine(ex_date, datetime.min.time(), UTC)
        over = datetime.combine(booked + timedelta(days=1), datetime.min.time(), UTC)
        assert min(eve, over) < action.known_time <= eve + timedelta(hours=5)
        assert action.new_units is not None
        assert action.old_units is not None
        assert Fraction(action.new_units) / Fraction(action.old_units) == Fraction(new, old)


def test_a_ratio_of_many_places_is_kept_exactly(provider: Alpaca, vendor: VendorStub) -> None:
    row = json.dumps(dated("2024-01-10", new_rate=1, old_rate="X")).replace('"X"', "0.93412345678")
    whole = f'{{"corporate_actions": {{"forward_splits": [{row}]}}, "next_page_token": null}}'
    vendor.next(menu.says(whole))
    [split] = actions(provider)
    assert split.new_units is not None
    assert split.old_units is not None
    ratio = Fraction(split.new_units) / Fraction(split.old_units)
    assert ratio == 1 / Fraction("0.93412345678")


def test_two_dividends_on_one_day_are_two_actions_whatever_their_order(
    provider: Alpaca, data: AlpacaData
) -> None:
    special = {**DIVIDEND, "rate": 0.1, "special": True, "id": "b"}
    data.actions["cash_dividends"] = [special, {**DIVIDEND, "id": "a"}, {**DIVIDEND, "id": "a"}]
    regular, other = actions(provider)
    assert (regular.cash, other.cash) == (Decimal("0.24"), Decimal("0.1"))
    assert other.action_id == regular.action_id + ":2"


def test_a_company_is_followed_to_its_earlier_ticker(
    provider: Alpaca, data: AlpacaData, vendor: VendorStub
) -> None:
    renamed = {"old_symbol": "OLD", "new_symbol": "AAPL", "process_date": "2024-02-01"}
    recusiped = {**renamed, "old_symbol": "AAPL"}
    early = dated("2024-01-10", new_rate=2, old_rate=1, symbol="OLD")
    later = dated("2024-02-20", new_rate=3, old_rate=1, symbol="OLD")  # of the next bearer
    data.actions["name_changes"] = [renamed, recusiped]
    data.actions["forward_splits"] = [early, later]
    found = {(each.instrument, each.kind): each for each in actions(provider)}
    assert found.keys() == {
        ("OLD", "ticker_change"),
        ("AAPL", "cash_dividend"),
        ("OLD", "split"),
    }
    assert found["OLD", "ticker_change"].new_symbol == "AAPL"
    assert found["OLD", "split"].ratio == 2
    assert [asked.query["symbols"] for asked in vendor.asked] == ["AAPL", "OLD"]
    [_, change] = [each for each in actions(provider, "OLD") if each.ex_date < date(2024, 2, 2)]
    assert change == found["OLD", "ticker_change"].model_copy(
        update={"stored_time": change.stored_time}
    )


def test_what_no_kind_can_say_is_left_out_and_the_log_says_why(
    provider: Alpaca, data: AlpacaData, caplog: pytest.LogCaptureFixture
) -> None:
    merger = {"acquirer_symbol": "BIG", "acquiree_symbol": "AAPL", "process_date": "2024-02-01"}
    for group in (*NOT_MODELLED, "tender_offers"):
        data.actions[group] = [merger]
    assert [each.kind for each in actions(provider)] == ["cash_dividend"]
    for group, reason in NOT_MODELLED.items():
        assert f"one of {group} about AAPL is left out: {reason}" in caplog.text
    assert "tender_offers about AAPL is left out: it is unknown here" in caplog.text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rate": "0.24"}, "a rate that cannot be: 0.24"),
        ({"rate": -1}, "a rate that cannot be"),
        ({"rate": 1e9}, "a rate that cannot be"),
        ({"rate": None}, "a rate that cannot be"),
        ({"ex_date": "soon"}, "an? ex_date that is none: soon"),
        ({"process_date": None}, "process_date that is none"),
        ({"symbol": "MSFT"}, "answers about MSFT when asked about AAPL"),
    ],
)
def test_an_action_that_cannot_be_is_not_trusted(
    change: dict[str, Any], why: str, provider: Alpaca, vendor: VendorStub
) -> None:
    rows = {"cash_dividends": [{**DIVIDEND, **change}]}
    answer = {"corporate_actions": rows, "next_page_token": None}
    vendor.always = menu.body(json.dumps(answer).encode())
    with pytest.raises(UntrustworthyData, match=why):
        actions(provider)


# --- news -------------------------------------------------------------------------------------


def test_a_text_is_known_from_its_last_update_and_published_when_it_first_was(
    provider: Alpaca,
) -> None:
    first, second = provider.news("AAPL", START, END)
    assert first.published_at == first.known_time == datetime(2024, 1, 10, 15, 30, tzinfo=UTC)
    assert second.published_at == datetime(2024, 1, 11, 9, tzinfo=UTC)
    assert second.known_time == datetime(2024, 1, 12, 10, 0, 1, tzinfo=UTC)
    assert (second.document_id, second.source) == ("alpaca:2", "benzinga")


def test_markup_is_taken_out_and_a_summary_stands_in_for_no_content(
    provider: Alpaca, data: AlpacaData
) -> None:
    at = "2024-01-10T15:30:00Z"
    marked = "<p>Apple&#39;s <b>profit</b></p><script>x()</script><p>rose\n 5&nbsp;%</p>"
    data.news = [
        article(1, at, content=marked, headline="A &amp; B", symbols=["AAPL", "BTC/USD"]),
        article(2, at, content="", summary="In <i>short</i>"),
    ]
    first, second = provider.news("AAPL", START, END)
    assert (first.title, first.text) == ("A & B", "Apple's profit\nrose 5 %")
    assert first.symbols == ("AAPL",)
    assert second.text == "In short"


@given(st.text())
def test_any_text_becomes_plain_lines(text: str) -> None:
    assert all(line == line.strip() != "" for line in plain(text).split("\n") if plain(text))
    assert "<p>" not in plain(f"<p>{text}")


@pytest.mark.parametrize("written", ["2024-01-10T15:30:00", "3 days ago", "2024-01-10", "", None])
@pytest.mark.parametrize("which", ["created_at", "updated_at"])
def test_news_without_a_time_and_zone_is_kept_undated(
    written: str | None, which: str, provider: Alpaca, vendor: VendorStub
) -> None:
    item = {**article(1, "2024-01-10T15:30:00Z"), which: written}
    vendor.next(menu.body(json.dumps({"news": [item], "next_page_token": None}).encode()))
    [document] = provider.news("AAPL", START, END)
    assert document.published_at is None
    assert document.known_time == document.stored_time


def test_news_comes_in_pages_of_fifty_and_each_article_once(
    provider: Alpaca, data: AlpacaData, vendor: VendorStub
) -> None:
    at = datetime(2024, 1, 10, tzinfo=UTC)
    data.news = [article(n, (at + timedelta(minutes=n)).isoformat()) for n in range(120)]
    data.news.append(dict(data.news[-1]))
    got = [document.title for document in provider.news("AAPL", START, END)]
    assert got == [f"Headline {n}" for n in range(120)]
    assert [asked.query["limit"] for asked in vendor.asked] == ["50", "50", "50"]


@pytest.mark.parametrize(
    ("change", "why"),
    [({"symbols": ["MSFT"]}, "news about others"), ({"id": None}, "without a number")],
)
def test_news_that_is_not_what_was_asked_for_is_not_trusted(
    change: dict[str, Any], why: str, provider: Alpaca, vendor: VendorStub
) -> None:
    item = {**article(1, "2024-01-10T15:30:00Z"), **change}
    vendor.next(menu.body(json.dumps({"news": [item], "next_page_token": None}).encode()))
    with pytest.raises(UntrustworthyData, match=why):
        list(provider.news("AAPL", START, END))


# --- latest quotes ----------------------------------------------------------------------------


def test_the_latest_quotes_come_in_the_order_asked_for_of_those_that_have_two_sides(
    provider: Alpaca, data: AlpacaData, vendor: VendorStub
) -> None:
    data.quotes["MSFT"] = quote("2024-06-12T11:59:59Z", 400)
    data.quotes["HALF"] = quote("2024-06-12T11:59:59Z", ap=0)
    msft, aapl = provider.latest(["MSFT", "NOSUCH", "HALF", "AAPL", "MSFT"])
    assert (msft.symbol, msft.bid, msft.ask, msft.bid_size, msft.ask_size) == (
        "MSFT",
        400,
        401,
        2,
        3,
    )
    assert aapl.at == datetime(2024, 6, 12, 11, 59, 58, 123456, tzinfo=UTC)
    assert provider.latest([]) == ()
    assert len(vendor.asked) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"quotes": {"MSFT": quote("2024-06-12T11:59:59Z")}}, "MSFT, which was not asked for"),
        ({"quotes": {"AAPL": quote("2024-06-12 11:59")}}, "a time that is none"),
        ({"quotes": {"AAPL": quote("2024-06-12T11:59:59Z", bp="9")}}, "9 where a price"),
        ({"quotes": {"AAPL": quote("2024-06-12T11:59:59Z", bs=-1)}}, "-1 where a price or a size"),
        ({"quotes": {"AAPL": None}}, "sends no quotes"),
    ],
)
def test_a_quote_that_cannot_be_is_not_trusted(
    answer: object, why: str, provider: Alpaca, vendor: VendorStub
) -> None:
    vendor.always = menu.body(json.dumps(answer).encode())
    with pytest.raises(UntrustworthyData, match=why):
        provider.latest(["AAPL"])
