"""Whoever cannot answer is passed over with its reason, and one provider answers for a chunk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from adapters.calendar import ExchangeCalendar
from adapters.market.bundled import load_bundled
from adapters.providers.files import Files
from adapters.providers.pace import Limits
from adapters.providers.registry import VendorPlan, as_sources, build_providers
from config.providers import load_providers
from interfaces.market import MarketData
from interfaces.providers import DataProvider
from interfaces.sources import Sources
from orchestrator.chunks import Answer, ChunkFetcher, Unanswered
from schemas.downloads import ChunkProgress, DownloadRequest, FactKind
from schemas.errors import BadConfiguration, NotFound, UntrustworthyData
from tests.contracts.providers import CANARY, END, START, ProviderContract
from tests.vendors import stub as menu
from tests.vendors.alphavantage import AlphaVantageData, bar
from tests.vendors.fred import FredData
from tests.vendors.stub import VendorStub
from tests.vendors.timing import StillClock

CSV = "date,open,high,low,close,volume\n2024-01-02,1,2,0.5,1.5,10\n2024-01-03,1.5,2,1,1.75,\n"


@pytest.fixture
def vendor() -> Iterator[VendorStub]:
    known = AlphaVantageData()
    known.days["IBM"] = {"2024-01-02": bar(160), "2024-01-03": bar(161)}
    series = FredData()
    series.values["GDP"] = [("2024-04-25", "2024-02-01", "1")]
    with VendorStub({**known.answers(), **series.answers()}) as stub:
        yield stub


def installed(
    home: Path, url: str, *, keys: dict[str, str | None] | None = None
) -> tuple[dict[str, DataProvider], Sources]:
    keys = keys or {"alphavantage": CANARY, "fred": CANARY}
    plans = {name: VendorPlan(url, Limits(), key) for name, key in keys.items()}
    built = build_providers(
        plans, home=home, timing=StillClock().timing(), bundled=lambda: pytest.fail("unasked")
    )
    return built, as_sources(built, load_providers().order, plans)


def fetch(sources: Sources, item: str = "IBM", kind: FactKind = "bars") -> Answer | Unanswered:
    request = DownloadRequest(
        data="d",
        kinds=(kind,),
        symbols=(item,),
        series=(item,),
        start_date=START,
        end_date=END,
    )
    fetcher = ChunkFetcher(sources, request, StillClock(), stop=lambda: False)
    got = fetcher.fetch(ChunkProgress(kind=kind, item=item))
    assert got is not None
    return got


def test_files_come_before_vendors(vendor: VendorStub, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "IBM.csv").write_text(CSV)
    _, sources = installed(tmp_path, vendor.url)
    got = fetch(sources)
    assert isinstance(got, Answer)
    assert (got.provider, got.count) == ("files", 2)
    assert vendor.asked == []


def test_a_vendor_answers_what_no_file_has(vendor: VendorStub, tmp_path: Path) -> None:
    _, sources = installed(tmp_path, vendor.url)
    got = fetch(sources)
    assert isinstance(got, Answer)
    assert got.provider == "alphavantage"
    assert {bars.source for bars in got.rows.bars} == {"alphavantage"}


@pytest.mark.parametrize("fault", [menu.status(401), menu.status(500), menu.html, menu.cut])
def test_what_was_sent_before_a_fault_is_not_mixed_with_the_next_answer(
    fault: menu.Fault, vendor: VendorStub, tmp_path: Path
) -> None:
    built, _ = installed(tmp_path, vendor.url)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "IBM.csv").write_text(CSV)
    sources = Sources(providers=built, order={"bars": ("alphavantage", "files")})
    vendor.always = fault
    got = fetch(sources)
    assert isinstance(got, Answer)
    assert {bars.source for bars in got.rows.bars} == {"files"}


def test_when_nobody_answers_every_reason_is_said_and_no_key(
    vendor: VendorStub, tmp_path: Path
) -> None:
    _, sources = installed(tmp_path, vendor.url)
    vendor.always = menu.status(403)
    got = fetch(sources)
    assert isinstance(got, Unanswered)
    assert "no file in 'files' has IBM" in got.why
    assert "refuses the key in ALPHAVANTAGE_API_KEY" in got.why
    assert CANARY not in got.why
    assert not got.outage


def test_a_vendor_without_a_key_is_set_apart_and_names_what_to_set(
    vendor: VendorStub, tmp_path: Path
) -> None:
    built, sources = installed(tmp_path, vendor.url, keys={"alphavantage": CANARY, "fred": None})
    assert sources.unset == {"fred": "fred needs a key: set FRED_API_KEY"}
    assert set(sources.providers) == {"files", "bundled", "alphavantage"}
    with pytest.raises(BadConfiguration, match="FRED_API_KEY"):
        list(built["fred"].macro("GDP", START, END))


def test_macro_series_come_from_fred(vendor: VendorStub, tmp_path: Path) -> None:
    _, sources = installed(tmp_path, vendor.url)
    got = fetch(sources, "GDP", "macro")
    assert isinstance(got, Answer)
    assert (got.provider, got.count) == ("fred", 1)


class TestFiles(ProviderContract):
    @pytest.fixture
    def known(self) -> dict[FactKind, str]:
        return {"bars": "IBM"}

    @pytest.fixture
    def provider(self, tmp_path: Path) -> Files:
        (tmp_path / "IBM.csv").write_text(CSV)
        return Files(tmp_path)


def test_a_file_of_many_symbols_gives_each_its_own_rows(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text(
        "date,symbol,close\n2024-01-02,AAA,1\n2024-01-02,BBB,2\n2024-01-03,aaa,3\n2023-01-03,AAA,9\n"
    )
    [bars] = Files(tmp_path).bars("AAA", START, END)
    assert bars.columns == {"date": ["2024-01-02", "2024-01-03"], "close": ["1", "3"]}
    assert bars.adjustment == "unknown"


def test_a_date_that_cannot_be_read_is_left_to_the_screen(tmp_path: Path) -> None:
    (tmp_path / "AAA.csv").write_text("date,close\n2024-01-02,1\nsoon,2\n")
    [bars] = Files(tmp_path).bars("AAA", START, END)
    assert bars.columns["date"] == ["2024-01-02", "soon"]


def test_a_file_that_is_no_table_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "AAA.csv").write_bytes(b"\x00\x01\x02")
    with pytest.raises(UntrustworthyData, match=r"AAA\.csv"):
        list(Files(tmp_path).bars("AAA", START, END))


def test_a_folder_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        list(Files(tmp_path / "none").bars("AAA", START, END))


@pytest.fixture(scope="module")
def nyse() -> MarketData:
    return load_bundled(ExchangeCalendar("XNYS"))


def test_the_bundled_set_says_that_its_prices_are_adjusted(
    nyse: MarketData, tmp_path: Path
) -> None:
    built = build_providers({}, home=tmp_path, timing=StillClock().timing(), bundled=lambda: nyse)
    [bars] = built["bundled"].bars("AAPL", date(2022, 12, 1), date(2022, 12, 5))
    assert bars.adjustment == "split_dividend"
    assert bars.columns["date"] == ["2022-12-01", "2022-12-02", "2022-12-05"]
    assert [float(text) for text in bars.columns["close"]] == list(
        nyse.view(StillClock().at)
        .bars("AAPL", start=date(2022, 12, 1), end=date(2022, 12, 5))
        .close
    )
    with pytest.raises(NotFound):
        list(built["bundled"].bars("NOSUCH", START, END))


def test_the_default_order_and_limits_are_those_that_are_documented() -> None:
    config = load_providers()
    assert config.vendors["alphavantage"].per_minute == 5
    assert config.vendors["alphavantage"].per_day == 25
    assert config.vendors["fred"].per_minute == 120
    assert len(config.series) == 20
    assert "bundled" not in {name for names in config.order.values() for name in names}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("per_day: 25", "per_day: 0"), "vendors.alphavantage.per_day"),
        (("https://www.alphavantage.co", "http://www.alphavantage.co"), "https://"),
        (("https://api.", "https://me:secret@api."), "plain address"),
        (("macro: [fred]", "macro: [bloomberg]"), "names bloomberg"),
        (("macro: [fred]", "macro: [fred, fred]"), "twice"),
        (("macro: [fred]", "macro: []"), "order.macro"),
        (("{series: GDP,", "{series: UNRATE,"), "listed twice"),
        (("per_minute: 120", "attempts: 9"), "attempts"),
    ],
)
def test_a_configuration_that_cannot_be_names_the_place(
    change: tuple[str, str], why: str, tmp_path: Path
) -> None:
    text = Path("config/providers.yaml").read_text()
    assert change[0] in text
    path = tmp_path / "providers.yaml"
    path.write_text(text.replace(*change))
    with pytest.raises(BadConfiguration, match=why):
        load_providers(path)
