"""Alpha Vantage is asked as it documents, over a stub that speaks and misbehaves like it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.providers.alphavantage import AlphaVantage, units
from adapters.providers.http import Access
from adapters.providers.pace import Limits, Pace
from interfaces.providers import DataProvider
from schemas.downloads import FactKind
from schemas.errors import (
    AlphaShieldError,
    BadConfiguration,
    NotFound,
    Unavailable,
    UntrustworthyData,
)
from tests.contracts.providers import (
    CANARY,
    END,
    START,
    VendorContract,
    assert_no_key,
    everything_said,
)
from tests.vendors import alphavantage as said
from tests.vendors import stub as menu
from tests.vendors.alphavantage import AlphaVantageData, bar, item
from tests.vendors.stub import Asked, Reply, VendorStub
from tests.vendors.timing import StillClock

Build = Callable[..., AlphaVantage]


@pytest.fixture
def data() -> AlphaVantageData:
    data = AlphaVantageData()
    day, days = date(2023, 11, 1), {}
    while day <= date(2024, 6, 12):
        if day.weekday() < 5:
            days[day.isoformat()] = bar(100 + len(days) / 10)
        day += timedelta(days=1)
    data.days["IBM"] = days
    data.dividends["IBM"] = [
        {
            "ex_dividend_date": "2024-02-08",
            "declaration_date": "2024-01-30",
            "record_date": "2024-02-09",
            "payment_date": "2024-03-09",
            "amount": "1.66",
        },
        {
            "ex_dividend_date": "2023-02-09",
            "declaration_date": "None",
            "record_date": "None",
            "payment_date": "None",
            "amount": "1.65",
        },
    ]
    data.splits["IBM"] = [{"effective_date": "2024-03-01", "split_factor": "0.0667"}]
    data.news = [
        item("20240110T153000", "first", "IBM", "CRYPTO:BTC"),
        item("20240111T090000", "second", "IBM", "AAPL"),
        item("20240111T100000", "other", "AAPL"),
    ]
    return data


@pytest.fixture
def vendor(data: AlphaVantageData) -> Iterator[VendorStub]:
    with VendorStub(data.answers()) as stub:
        yield stub


@pytest.fixture
def build(vendor: VendorStub, tmp_path: Path) -> Build:
    def make(key: str | None, clock: StillClock, **options: Any) -> AlphaVantage:
        pace = Pace(
            "alphavantage",
            options.pop("limits", Limits()),
            state=tmp_path / "providers" / "alphavantage.json",
            timing=clock.timing(),
        )
        access = Access("alphavantage", vendor.url, "ALPHAVANTAGE_API_KEY", "apikey", key)
        return AlphaVantage(access, pace, **options)

    return make


@pytest.fixture
def provider(build: Build) -> AlphaVantage:
    return build(CANARY, StillClock())


class TestContract(VendorContract):
    @pytest.fixture
    def known(self) -> dict[FactKind, str]:
        return {"bars": "IBM", "actions": "IBM", "news": "IBM"}


def columns(provider: DataProvider, start: date = START, end: date = END) -> dict[str, list[str]]:
    [bars] = provider.bars("IBM", start, end)
    return {name: list(cells) for name, cells in bars.columns.items()}


def test_bars_are_those_of_the_vendor_to_the_letter(
    provider: AlphaVantage, data: AlphaVantageData
) -> None:
    got = columns(provider)
    days = sorted(day for day in data.days["IBM"] if START <= date.fromisoformat(day) <= END)
    assert got["date"] == days
    assert got["close"] == [data.days["IBM"][day][3] for day in days]
    assert got["high"] == [data.days["IBM"][day][1] for day in days]
    assert "split" not in got


def test_the_paid_endpoint_states_splits_and_dividends_and_its_adjusted_closes_are_not_used(
    build: Build, data: AlphaVantageData
) -> None:
    data.days["IBM"]["2024-02-08"] = bar(101, dividend="1.6600")
    data.days["IBM"]["2024-03-01"] = bar(1500, split="0.0667")
    got = columns(build(CANARY, StillClock(), adjusted=True))
    row = got["date"].index("2024-02-08")
    assert got["dividend"][row] == "1.6600"
    assert got["split"][got["date"].index("2024-03-01")] == "0.0667"
    assert got["close"][row] == "101.0000"
    assert not {"0.5"} & set(got["close"])


def test_a_short_past_is_asked_for_compactly_and_a_long_one_in_full(
    provider: AlphaVantage, vendor: VendorStub
) -> None:
    columns(provider, date(2024, 5, 1), date(2024, 6, 1))
    columns(provider, date(2023, 11, 1), date(2024, 6, 1))
    assert [asked.query["outputsize"] for asked in vendor.asked] == ["compact", "full"]


def test_the_bar_of_a_running_session_is_half_a_day_and_left_out(
    build: Build, data: AlphaVantageData
) -> None:
    assert "2024-06-12" in data.days["IBM"]
    for hour, last in ((12, "2024-06-11"), (20, "2024-06-11"), (22, "2024-06-12")):
        clock = StillClock(datetime(2024, 6, 12, hour, 30, tzinfo=UTC))
        assert columns(build(CANARY, clock), START, date(2024, 7, 1))["date"][-1] == last


def test_a_day_with_half_its_prices_is_passed_on_with_gaps_for_the_screen(
    provider: AlphaVantage, vendor: VendorStub
) -> None:
    answer = (
        '{"Meta Data": {"2. Symbol": "IBM", "5. Time Zone": "US/Eastern"}, "Time Series (Daily)": '
        '{"2024-01-03": {"1. open": "100.0"}, "2024-01-02": {"1. open": 99.5, "4. close": 98.70}}}'
    )
    vendor.next(menu.says(answer))
    got = columns(provider)
    assert got["close"] == ["98.70", ""]
    assert got["open"] == ["99.5", "100.0"]


def meta(symbol: str = "IBM", zone: str = "US/Eastern", day: str = "2024-01-02") -> str:
    return (
        f'{{"Meta Data": {{"2. Symbol": "{symbol}", "5. Time Zone": "{zone}"}}, '
        f'"Time Series (Daily)": {{"{day}": {{"4. close": "1"}}}}}}'
    )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (meta(symbol="AAPL"), "answers about AAPL when asked about IBM"),
        (meta(symbol="{key}"), r"answers about \*\*\* when"),
        (meta(zone="Asia/Tokyo"), "zone Asia/Tokyo"),
        (meta(day="2024-01-02 19:30:00"), "a date that is none"),
        ('{"Meta Data": {}}', "no daily series"),
        (meta().replace('{"4. close": "1"}', '"1"'), "no table of prices"),
    ],
)
def test_an_answer_about_something_else_is_not_trusted(
    answer: str, why: str, provider: AlphaVantage, vendor: VendorStub
) -> None:
    vendor.always = menu.says(answer)
    with pytest.raises(UntrustworthyData, match=why) as caught:
        list(provider.bars("IBM", START, END))
    assert len(vendor.asked) == 1
    assert_no_key(everything_said(caught.value))


@pytest.mark.promise("secrets")
@pytest.mark.parametrize(
    ("field", "text", "becomes", "asked"),
    [
        ("Information", said.DAILY_LIMIT, Unavailable, 1),
        ("Note", said.MINUTE_LIMIT, Unavailable, 3),
        ("Information", said.SPREAD_OUT, Unavailable, 3),
        ("Information", said.PREMIUM, BadConfiguration, 1),
        ("Error Message", said.BAD_KEY, BadConfiguration, 1),
        ("Error Message", said.INVALID_CALL, NotFound, 1),
        ("Information", "Something new about {key}", Unavailable, 1),
    ],
)
def test_a_refusal_with_status_200_becomes_what_it_says(
    field: str,
    text: str,
    becomes: type[AlphaShieldError],
    asked: int,
    provider: AlphaVantage,
    vendor: VendorStub,
) -> None:
    vendor.always = menu.says(f'{{"{field}": "{text}"}}')
    with pytest.raises(becomes) as caught:
        list(provider.bars("IBM", START, END))
    assert len(vendor.asked) == asked
    assert_no_key(everything_said(caught.value))


def test_once_the_day_is_used_up_nobody_asks_for_an_hour(
    provider: AlphaVantage, build: Build, vendor: VendorStub
) -> None:
    vendor.always = menu.says(f'{{"Information": "{said.DAILY_LIMIT}"}}')
    with pytest.raises(Unavailable, match="25 requests per day"):
        list(provider.bars("IBM", START, END))
    with pytest.raises(Unavailable, match="13:00:00 UTC"):
        list(build(CANARY, StillClock()).news("IBM", START, END))
    assert len(vendor.asked) == 1


def test_the_free_limits_hold_over_all_kinds_of_questions(build: Build, vendor: VendorStub) -> None:
    clock = StillClock()
    provider = build(CANARY, clock, limits=Limits(per_minute=5, per_day=25))
    for _ in range(8):
        list(provider.bars("IBM", START, END))
        list(provider.actions("IBM", START, END))
    assert len(vendor.asked) == 24
    assert clock.seconds >= 4 * 60
    assert provider.quota().left_today == 1


def test_a_dividend_is_known_from_the_end_of_the_day_it_was_declared(
    provider: AlphaVantage,
) -> None:
    dividend, split = provider.actions("IBM", START, END)
    assert (dividend.kind, dividend.ex_date, dividend.cash) == (
        "cash_dividend",
        date(2024, 2, 8),
        Decimal("1.66"),
    )
    assert dividend.pay_date == date(2024, 3, 9)
    assert dividend.known_time == datetime(2024, 1, 31, 5, tzinfo=UTC)
    assert (split.kind, split.new_units, split.old_units) == ("split", 1, 15)
    assert split.known_time == datetime(2024, 3, 1, 5, tzinfo=UTC)
    assert split.known_time < datetime(2024, 3, 1, 14, 30, tzinfo=UTC)


def test_without_a_declaration_a_dividend_is_known_from_the_eve_of_its_ex_date(
    provider: AlphaVantage,
) -> None:
    [dividend] = provider.actions("IBM", date(2023, 1, 1), date(2023, 12, 31))
    assert dividend.known_time == datetime(2023, 2, 9, 5, tzinfo=UTC)


def test_two_dividends_on_one_day_are_two_actions(
    provider: AlphaVantage, data: AlphaVantageData
) -> None:
    data.dividends["IBM"] = [data.dividends["IBM"][0], {**data.dividends["IBM"][0], "amount": "5"}]
    regular, special, _ = provider.actions("IBM", START, END)
    assert regular.action_id != special.action_id


@pytest.mark.parametrize("amount", ["oops", "-1", "NaN", "1e9", None])
def test_a_dividend_that_cannot_be_is_not_trusted(
    amount: str | None, provider: AlphaVantage, data: AlphaVantageData
) -> None:
    data.dividends["IBM"][0]["amount"] = amount  # type: ignore[assignment] -- the fault
    with pytest.raises(UntrustworthyData, match="dividend that cannot be"):
        list(provider.actions("IBM", START, END))


def test_news_is_dated_in_utc_and_known_at_the_later_reading_of_its_time(
    provider: AlphaVantage,
) -> None:
    first, second = provider.news("IBM", START, END)
    assert first.published_at == datetime(2024, 1, 10, 15, 30, tzinfo=UTC)
    assert first.known_time == datetime(2024, 1, 10, 20, 30, tzinfo=UTC)
    assert first.symbols == ("IBM",)
    assert second.symbols == ("IBM", "AAPL")
    assert first.document_id != second.document_id


@pytest.mark.parametrize("written", ["3 days ago", "20240110", "", None])
def test_news_without_a_full_time_is_kept_undated(
    written: str | None, provider: AlphaVantage, vendor: VendorStub
) -> None:
    def undated(_asked: Asked, _reply: Reply) -> Reply:
        return Reply(
            json.dumps({"feed": [{**item("", "x", "IBM"), "time_published": written}]}).encode()
        )

    vendor.next(undated)
    [document] = provider.news("IBM", START, END)
    assert document.published_at is None


def test_news_comes_page_by_page_and_each_once(
    provider: AlphaVantage, data: AlphaVantageData, vendor: VendorStub
) -> None:
    at = datetime(2024, 1, 2, tzinfo=UTC)
    data.news = [
        item((at + timedelta(seconds=20 * n)).strftime("%Y%m%dT%H%M%S"), f"n{n}", "IBM")
        for n in range(2100)
    ]
    got = [document.title for document in provider.news("IBM", START, END)]
    assert got == [f"n{n}" for n in range(2100)]
    assert len(vendor.asked) == 3


def test_news_that_does_not_fit_a_page_and_a_minute_is_said(
    provider: AlphaVantage, data: AlphaVantageData
) -> None:
    data.news = [item("20240102T000000", f"n{n}", "IBM") for n in range(1001)]
    with pytest.raises(UntrustworthyData, match="within one minute"):
        list(provider.news("IBM", START, END))


@given(st.integers(1, 60), st.integers(1, 60))
def test_a_split_factor_printed_with_four_places_is_read_back_as_its_ratio(
    new: int, old: int
) -> None:
    printed = Decimal(new) / Decimal(old)
    got_new, got_old = units(printed.quantize(Decimal("0.0001")))
    assert abs(Decimal(got_new) / Decimal(got_old) - printed) <= Decimal("0.0001")
    assert got_old <= old


@pytest.mark.parametrize(
    ("factor", "ratio"),
    [("2.0000", (2, 1)), ("1.5", (3, 2)), ("0.1", (1, 10)), ("0.0667", (1, 15)), ("15", (15, 1))],
)
def test_well_known_splits(factor: str, ratio: tuple[int, int]) -> None:
    assert units(Decimal(factor)) == ratio
