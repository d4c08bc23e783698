"""FRED's values come in every vintage, each known from the end of the day it was published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.providers import fred as module
from adapters.providers.fred import Fred
from adapters.providers.http import Access
from adapters.providers.pace import Limits, Pace
from schemas.downloads import FactKind
from schemas.errors import BadConfiguration, NotFound, UntrustworthyData
from schemas.facts import MacroValue
from tests.contracts.providers import (
    CANARY,
    END,
    START,
    VendorContract,
    assert_no_key,
    everything_said,
)
from tests.vendors import stub as menu
from tests.vendors.fred import FredData
from tests.vendors.stub import VendorStub
from tests.vendors.timing import StillClock

Build = Callable[[str | None, StillClock], Fred]
JAN, FEB = date(2024, 1, 1), date(2024, 2, 1)


def fred(url: str, folder: Path, key: str | None, clock: StillClock) -> Fred:
    state = folder / "providers" / "fred.json"
    pace = Pace("fred", Limits(), state=state, timing=clock.timing())
    return Fred(Access("fred", url, "FRED_API_KEY", "api_key", key), pace)


@pytest.fixture
def data() -> FredData:
    data = FredData()
    data.values["GDP"] = [
        ("2024-01-25", "2024-01-02", "100.5"),
        ("2024-04-25", "2024-01-02", "101.25"),
        ("2024-05-30", "2024-01-02", "101"),
        ("2024-04-25", "2024-02-01", "."),
        ("2024-05-30", "2024-02-01", "103.5"),
        ("2024-05-30", "2024-04-01", "104"),
    ]
    return data


@pytest.fixture
def vendor(data: FredData) -> Iterator[VendorStub]:
    with VendorStub(data.answers()) as stub:
        yield stub


@pytest.fixture
def build(vendor: VendorStub, tmp_path: Path) -> Build:
    return lambda key, clock: fred(vendor.url, tmp_path, key, clock)


@pytest.fixture
def provider(build: Build) -> Fred:
    return build(CANARY, StillClock())


class TestContract(VendorContract):
    @pytest.fixture
    def known(self) -> dict[FactKind, str]:
        return {"macro": "GDP"}


def said(rows: Iterator[MacroValue]) -> list[tuple[str, str, float | None]]:
    """Return (known from the end of which day in New York, period, value)."""
    return [
        (
            (row.known_time - timedelta(hours=12)).date().isoformat(),
            row.period.isoformat(),
            row.value,
        )
        for row in rows
    ]


def test_every_vintage_of_the_periods_asked_for_comes_with_its_day(provider: Fred) -> None:
    assert said(provider.macro("GDP", START, END)) == [
        ("2024-01-25", "2024-01-02", 100.5),
        ("2024-04-25", "2024-01-02", 101.25),
        ("2024-04-25", "2024-02-01", None),
        ("2024-05-30", "2024-01-02", 101.0),
        ("2024-05-30", "2024-02-01", 103.5),
    ]


@pytest.mark.promise("no-look-ahead")
def test_a_value_is_known_from_the_end_of_its_day_in_new_york(provider: Fred) -> None:
    winter, summer, *_ = provider.macro("GDP", START, END)
    assert winter.known_time == datetime(2024, 1, 26, 5, tzinfo=UTC)
    assert summer.known_time == datetime(2024, 4, 26, 4, tzinfo=UTC)
    # The open of the day it was published does not see it, the next one does.
    assert datetime(2024, 1, 25, 14, 30, tzinfo=UTC) < winter.known_time
    assert winter.known_time < datetime(2024, 1, 26, 14, 30, tzinfo=UTC)


@pytest.mark.promise("no-look-ahead")
def test_what_came_before_the_first_archived_vintage_is_known_from_that_one_on(
    provider: Fred, data: FredData
) -> None:
    data.values["DGS10"] = [
        ("2024-03-04", "2024-01-02", "3.95"),
        ("2024-03-04", "2024-01-03", "3.91"),
        ("2024-03-05", "2024-03-04", "4.22"),
    ]
    assert said(provider.macro("DGS10", START, END)) == [
        ("2024-03-04", "2024-01-02", 3.95),
        ("2024-03-04", "2024-01-03", 3.91),
        ("2024-03-05", "2024-03-04", 4.22),
    ]


@pytest.mark.promise("no-look-ahead")
def test_a_series_without_vintages_is_known_from_today_on(provider: Fred, data: FredData) -> None:
    data.values["SP500"] = [("", "2024-01-02", "4742.83"), ("", "2024-01-03", "4704.81")]
    data.no_vintages.add("SP500")
    assert said(provider.macro("SP500", START, END)) == [
        ("2024-06-12", "2024-01-02", 4742.83),
        ("2024-06-12", "2024-01-03", 4704.81),
    ]


def test_pages_are_read_to_the_end(provider: Fred, data: FredData, vendor: VendorStub) -> None:
    days = [START + timedelta(days=n) for n in range(25)]
    data.values["ICSA"] = [("2024-05-01", day.isoformat(), str(day.day)) for day in days]
    data.most_rows = 10
    assert [row.period for row in provider.macro("ICSA", START, END)] == days
    offsets = [asked.query["offset"] for asked in vendor.asked]
    assert offsets == ["0", "0", "10", "20"]


def brute_force(data: FredData, series: str) -> list[tuple[str, str, float | None]]:
    """Return the changes of every period in the order they were published."""
    rows: list[tuple[str, str, float | None]] = []
    latest: dict[str, str] = {}
    for since, period, value in sorted(data.values[series]):
        if latest.get(period) != value:
            latest[period] = value
            rows.append((since, period, None if value == "." else float(value)))
    return rows


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.tuples(st.integers(0, 60), st.integers(0, 5)),
        st.sampled_from([".", "1", "2.5", "-3"]),
        min_size=1,
        max_size=40,
    ),
    st.integers(1, 9),
)
def test_more_vintages_than_one_question_allows_come_out_as_if_asked_at_once(
    tmp_path_factory: pytest.TempPathFactory,
    shared: VendorStub,
    revisions: dict[tuple[int, int], str],
    most: int,
) -> None:
    data = FredData()
    data.values["DFF"] = [
        (
            (date(2024, 3, 1) + timedelta(days=vintage)).isoformat(),
            (START + timedelta(days=period)).isoformat(),
            value,
        )
        for (vintage, period), value in revisions.items()
    ]
    data.most_vintages = most
    shared.answers = data.answers()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_VINTAGES", most)
        provider = fred(shared.url, tmp_path_factory.mktemp("fred"), CANARY, StillClock())
        assert said(provider.macro("DFF", START, END)) == brute_force(data, "DFF")


@pytest.fixture(scope="module")
def shared() -> Iterator[VendorStub]:
    with VendorStub({}) as stub:
        yield stub


def answer(row: str, count: int = 1, offset: int = 0) -> str:
    return f'{{"count": {count}, "offset": {offset}, "observations": [{row}]}}'


GOOD = '{"date": "2024-01-02", "realtime_start": "2024-02-01", "value": "1"}'


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (answer(GOOD.replace('"1"', '"1,5"')), "no number: 1,5"),
        (answer(GOOD.replace('"1"', '"inf"')), "no number: inf"),
        (answer(GOOD.replace('"1"', "true")), "no number"),
        (answer(GOOD.replace('"1"', "null")), "no number"),
        (answer(GOOD.replace('"1"', '"{key}"')), r"no number: \*\*\*"),
        (answer(GOOD.replace("2024-01-02", "2023-01-02")), "was not asked for"),
        (answer(GOOD.replace("2024-01-02", "yesterday")), "date that is none"),
        (answer(GOOD.replace("2024-02-01", "2024-07-01")), "yet to come"),
        (answer(GOOD, offset=5), "another page"),
        (answer("7"), "observation that is none"),
        ('{"observations": []}', "no list of observations"),
    ],
)
def test_an_answer_that_cannot_be_is_not_trusted(
    row: str, why: str, provider: Fred, vendor: VendorStub
) -> None:
    vendor.next(None, menu.says(row))
    with pytest.raises(UntrustworthyData, match=why) as caught:
        list(provider.macro("GDP", START, END))
    assert_no_key(everything_said(caught.value))


def test_pages_that_stop_short_are_not_trusted(provider: Fred, vendor: VendorStub) -> None:
    vendor.next(None, menu.says(answer(GOOD, count=3)), menu.says(answer("", count=3, offset=1)))
    with pytest.raises(UntrustworthyData, match="promises more values"):
        list(provider.macro("GDP", START, END))


def test_a_number_that_is_no_string_is_read_as_well(provider: Fred, vendor: VendorStub) -> None:
    vendor.next(None, menu.says(answer(GOOD.replace('"1"', "1.25"))))
    assert [row.value for row in provider.macro("GDP", START, END)] == [1.25]


@pytest.mark.promise("secrets")
@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("Bad Request.  The value for variable api_key is not registered. {key}", BadConfiguration),
        ("Bad Request.  The series does not exist. {key}", NotFound),
    ],
)
def test_a_refusal_with_status_400_becomes_what_it_says(
    text: str, becomes: type[Exception], provider: Fred, vendor: VendorStub
) -> None:
    def refuse(asked: menu.Asked, _reply: menu.Reply) -> menu.Reply:
        said = text.replace("{key}", menu.key_of(asked))
        return menu.Reply(f'{{"error_code": 400, "error_message": "{said}"}}'.encode(), 400)

    vendor.always = refuse
    with pytest.raises(becomes, match="fred") as caught:
        list(provider.macro("GDP", START, END))
    assert len(vendor.asked) == 1
    assert_no_key(everything_said(caught.value))
