"""Importing the user's own files: what is kept, what is refused, and that nothing is half done."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.calendar import ExchangeCalendar
from adapters.market.catalog import LocalCatalog
from adapters.market.files import ImportOptions, import_dataset
from adapters.market.table import PriceTable
from interfaces.calendar import TradingCalendar
from schemas.errors import Conflict, InvalidRequest, NotFound, Unavailable
from schemas.market import ImportReport
from tests.contracts.market import MarketDataContract

HEADER = "date,symbol,open,high,low,close,volume"
NYSE = ExchangeCalendar("XNYS")
DAYS = NYSE.sessions(date(2020, 6, 1), date(2020, 7, 31))


def line(day: object, symbol: str, price: float) -> str:
    return f"{day},{symbol},{price},{price * 1.02:.4f},{price * 0.98:.4f},{price * 1.01:.4f},500"


def good_lines(
    symbols: tuple[str, ...] = ("ABC", "XYZ"), days: tuple[date, ...] = DAYS
) -> list[str]:
    return [
        line(day, symbol, 10 + at + 100 * column)
        for column, symbol in enumerate(symbols)
        for at, day in enumerate(days)
    ]


def write(path: Path, lines: list[str], header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def reasons(report: ImportReport) -> dict[int, str]:
    return {row.line: row.reason for row in report.rejected}


class TestImported(MarketDataContract):
    @pytest.fixture
    def market(self, tmp_path: Path) -> PriceTable:
        # XYZ lacks every third session, so that gaps are part of the contract.
        lines = good_lines(("ABC",)) + good_lines(("XYZ",))[::3]
        import_dataset(write(tmp_path / "p.csv", lines), "mine", home=tmp_path)
        return LocalCatalog(tmp_path).open("mine")

    @pytest.fixture
    def calendar(self) -> TradingCalendar:
        return NYSE

    @pytest.fixture
    def session(self) -> date:
        return date(2020, 7, 6)


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    report = import_dataset(write(tmp_path / "p.csv", good_lines()), "mine", home=tmp_path)
    assert (report.rows_read, report.rows_kept, report.rows_rejected) == (88, 88, 0)
    market = LocalCatalog(tmp_path).open("mine")
    assert market.info().data_hash == report.data_hash
    bars = market.view(NYSE.opens_at(date(2020, 8, 3))).bars("XYZ", lookback=2)
    assert bars.sessions.tolist() == [date(2020, 7, 30), date(2020, 7, 31)]
    assert bars.open.tolist() == [152.0, 153.0]
    assert bars.volume.tolist() == [500.0, 500.0]
    assert LocalCatalog(tmp_path).names() == ("bundled", "mine")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("2020-07-06,ABC,1,1,1,,5", "close is missing"),
        ("2020-07-06,ABC,NaN,1,1,1,5", "open is missing"),
        ("2020-07-06,ABC,1,1,1,one,5", "close is not a number"),
        ("2020-07-06,ABC,1,inf,1,1,5", "high is not a number"),
        ("2020-07-06,ABC,0,1,1,1,5", "open is not above zero"),
        ("2020-07-06,ABC,1,1,-1,1,5", "low is not above zero"),
        ("2020-07-06,ABC,1.5,1,2,1.5,5", "high is below low"),
        ("2020-07-06,ABC,1,2,1,3,5", "high is below open or close"),
        ("2020-07-06,ABC,1,3,2,2,5", "low is above open or close"),
        ("2020-07-06,ABC,1,1,1,1,-5", "volume is negative"),
        ("2020-07-06,ABC,1,1,1,1,many", "volume is not a number"),
        ("2020-07-06,ABC,1e-7,1,1e-7,1,5", "open is below a millionth"),
        ("2020-07-06,ABC,1,1e300,1,1,5", "high is above a billion"),
        ("2020-07-06,ABC,1,1,1,1,1e16", "volume is above a million billions"),
        ("2020-07-05,ABC,1,1,1,1,5", "date is no trading session of XNYS"),
        ("2020-02-30,ABC,1,1,1,1,5", "date is not an ISO date"),
        ("yesterday,ABC,1,1,1,1,5", "date is not an ISO date"),
        ("07/06/2020,ABC,1,1,1,1,5", "date is not an ISO date"),
        (",ABC,1,1,1,1,5", "date is missing"),
        ("1066-10-14,ABC,1,1,1,1,5", "date lies outside the calendar of XNYS"),
        ("2020-07-06,,1,1,1,1,5", "symbol is missing or no ticker"),
        ("2020-07-06,A B,1,1,1,1,5", "symbol is missing or no ticker"),
        ("2020-07-06,ABC,1,1", "has 4 columns where the header has 7"),
        (
            line(DAYS[1], "XYZ", 11),
            "row duplicates an earlier one of the same symbol and session",
        ),
        (
            "2020-06-02,XYZ,1,1,1,1,5",
            "row contradicts an earlier one of the same symbol and session",
        ),
        (
            "2020-07-06T00:00:00Z,ABC,1,1,1,1,5",
            "date is written in another time zone than most of its file",
        ),
        (
            "2020-07-06T00:00:00+09:00,ABC,1,1,1,1,5",
            "date is written in a zone neither UTC nor the exchange's",
        ),
    ],
)
@pytest.mark.promise("dirty-prices")
def test_a_row_that_cannot_be_true_is_quarantined_with_its_line_and_reason(
    tmp_path: Path, fault: str, reason: str
) -> None:
    lines = good_lines(("XYZ",))
    lines.insert(7, fault)
    report = import_dataset(write(tmp_path / "p.csv", lines), "mine", home=tmp_path)
    assert reasons(report) == {9: reason}
    assert (report.rows_kept, report.rows_rejected) == (len(lines) - 1, 1)
    assert "1 of 45 rows were refused" in " ".join(
        LocalCatalog(tmp_path).open("mine").info().caveats
    )


FAULTS: tuple[Callable[[list[str]], list[str]], ...] = (
    lambda cells: [*cells[:5], "", cells[6]],
    lambda cells: [*cells[:2], "NaN", *cells[3:]],
    lambda cells: [*cells[:2], "-" + cells[2], *cells[3:]],
    lambda cells: [*cells[:3], cells[4], cells[3], *cells[5:]],
    lambda cells: ["2020-07-04", *cells[1:]],
    lambda cells: ["soon", *cells[1:]],
    lambda cells: cells[:3],
    lambda cells: [*cells, "extra"],
)


@pytest.mark.promise("dirty-prices")
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_rejected_rows_are_exactly_the_spoiled_ones(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = good_lines()
    spoiled = data.draw(st.dictionaries(st.integers(0, len(lines) - 1), st.sampled_from(FAULTS)))
    spoiled = dict(list(spoiled.items())[: len(lines) // 2])
    for at, spoil in spoiled.items():
        lines[at] = ",".join(spoil(lines[at].split(",")))
    home = tmp_path_factory.mktemp("home")
    report = import_dataset(write(home / "p.csv", lines), "mine", home=home)
    assert set(reasons(report)) == {at + 2 for at in spoiled}
    assert report.rows_kept == len(lines) - len(spoiled)


def test_unordered_rows_are_sorted_and_it_is_said(tmp_path: Path) -> None:
    ordered = import_dataset(write(tmp_path / "a.csv", good_lines()), "a", home=tmp_path)
    report = import_dataset(write(tmp_path / "b.csv", good_lines()[::-1]), "b", home=tmp_path)
    assert report.data_hash == ordered.data_hash
    assert report.notes == ("rows were not in order of date and have been sorted",)
    assert ordered.notes == ()


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Volume,CLOSE,Low,High,Open,Ticker,Timestamp", "5,2,1.9,2.1,2,abc,2020-07-06"),
        ("Date;Symbol;Open;High;Low;Close;Volume", "2020-07-06;ABC;2;2.1;1.9;2;5"),
        ("date,symbol,open,high,low,close", "20200706,ABC,2,2.1,1.9,2"),
        ("\ufeffdate,symbol,open,high,low,close,volume", "2020/07/06,ABC,2,2.1,1.9,2,"),
        ("<TICKER>,<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>", "ABC,20200706,2,2.1,1.9,2,5"),
        ("timestamp,symbol,open,high,low,close,volume", "2020-07-06T04:00:00Z,ABC,2,2.1,1.9,2,5"),
        ("timestamp,symbol,open,high,low,close,volume", "2020-07-06T00:00:00Z,ABC,2,2.1,1.9,2,5"),
        ("Date,Name,Open,High,Low,Close,Volume", "2020-07-06 00:00:00-04:00,ABC,2,2.1,1.9,2,5"),
    ],
)
def test_customary_headers_and_dates_are_understood(tmp_path: Path, header: str, row: str) -> None:
    import_dataset(write(tmp_path / "p.csv", [row], header), "mine", home=tmp_path)
    bars = LocalCatalog(tmp_path).open("mine").view(NYSE.opens_at(date(2020, 7, 8))).bars("ABC")
    assert bars.sessions.tolist() == [date(2020, 7, 6)]
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (2, 2.1, 1.9, 2)


def test_zoned_dates_of_london_mix_winter_and_summer(tmp_path: Path) -> None:
    rows = ["2020-01-06 00:00:00+00:00,V,1,1,1,1,1", "2020-07-06 00:00:00+01:00,V,1,1,1,1,1"]
    report = import_dataset(
        write(tmp_path / "p.csv", rows),
        "lse",
        home=tmp_path,
        options=ImportOptions(calendar="XLON", currency="GBP"),
    )
    assert report.rows_kept == 2
    info = LocalCatalog(tmp_path).open("lse").info()
    assert (info.calendar, info.currency) == ("XLON", "GBP")


def test_adjusted_closes_scale_the_whole_bar(tmp_path: Path) -> None:
    rows = ["2020-07-06,10,12,8,10,5,5", "2020-07-07,5,6,4,5,5,5"]
    write(tmp_path / "ABC.csv", rows, "Date,Open,High,Low,Close,Adj Close,Volume")
    import_dataset(tmp_path / "ABC.csv", "mine", home=tmp_path)
    market = LocalCatalog(tmp_path).open("mine")
    bars = market.view(NYSE.opens_at(date(2020, 7, 8))).bars("ABC")
    assert bars.open.tolist() == [5.0, 5.0]
    assert bars.high.tolist() == [6.0, 6.0]
    assert market.info().adjustment == "split_dividend"
    assert any("carry the future" in caveat for caveat in market.info().caveats)


def test_closes_alone_make_a_close_only_set(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", ["2020-07-06,ABC,3"], "date,symbol,close")
    import_dataset(tmp_path / "p.csv", "mine", home=tmp_path)
    info = LocalCatalog(tmp_path).open("mine").info()
    assert info.close_only
    assert any("fill at the close" in caveat for caveat in info.caveats)


def test_a_folder_has_one_file_a_symbol(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("abc", "XYZ"):
        write(
            folder / f"{name}.csv", ["2020-07-06,2,2.1,1.9,2,5"], "date,open,high,low,close,volume"
        )
    write(folder / "broken.csv", ["2020-07-06,2"], "date,volume")
    (folder / "README.md").write_text("not data")
    report = import_dataset(folder, "mine", home=tmp_path)
    assert report.symbols == ("ABC", "XYZ")
    assert report.notes == ("a file was left out: broken.csv lacks the column close",)


def alpha_vantage(symbol: str, *, adjusted: bool) -> dict[str, object]:
    row = {"1. open": "10", "2. high": "12", "3. low": "8", "4. close": "10"}
    row |= {"5. adjusted close": "5", "6. volume": "7"} if adjusted else {"5. volume": "7"}
    return {
        "Meta Data": {"2. Symbol": symbol, "5. Time Zone": "US/Eastern"},
        "Time Series (Daily)": {"2020-07-07": row, "2020-07-06": row},
    }


@pytest.mark.parametrize(("adjusted", "close"), [(False, 10.0), (True, 5.0)])
def test_alpha_vantage_files_are_read(tmp_path: Path, adjusted: bool, close: float) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for symbol in ("IBM", "BRK-B"):
        content = json.dumps(alpha_vantage(symbol, adjusted=adjusted))
        (folder / f"daily_{symbol}.json").write_text(content)
    (folder / "limit.json").write_text(json.dumps({"Note": "25 calls a day"}))
    report = import_dataset(folder, "av", home=tmp_path)
    assert report.symbols == ("BRK-B", "IBM")
    assert "limit.json holds no 'Time Series (Daily)' but says: 25 calls a day" in report.notes[0]
    bars = LocalCatalog(tmp_path).open("av").view(NYSE.opens_at(date(2020, 7, 8))).bars("IBM")
    assert bars.close.tolist() == [close, close]
    assert bars.volume.tolist() == [7.0, 7.0]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "p.csv is empty"),
        (b"\n\n\n", "p.csv is empty"),
        (b"date,symbol,open,high,low,close,volume\n", "p.csv holds no rows"),
        (b"symbol,open\nA,1\n", "p.csv lacks the columns date, close, high, low"),
        (b"date,symbol,open,high,close\n", "p.csv lacks the column low"),
        (b"date,symbol,close,close\n", "p.csv has more than one column 'close'"),
        (b"\x00\x01\xff\xfe" * 999, "p.csv is no table of UTF-8 text"),
        (b"x" * 99_999, "p.csv is no table of UTF-8 text"),
        (b"date,symbol,close\n\xff\xff,A,1\n", "p.csv is no table of UTF-8 text"),
        (b"date,symbol,close\n" + b"1," * 5_000_000, "p.csv is no table of UTF-8 text"),
        (b"date,symbol,close\n2020-07-05,A,1\n", "next to nothing of the 1 rows read"),
    ],
)
def test_a_file_that_is_no_table_of_prices_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "p.csv").write_bytes(content)
    with pytest.raises(InvalidRequest) as refusal:
        import_dataset(tmp_path / "p.csv", "mine", home=tmp_path)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "data").exists()


@pytest.mark.long
def test_garbage_of_200_megabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    for block in (b"asdf,asdf\n" * 100_000, b"a,s,d,f,g,h,j\n" * 75_000, b"z" * 1_000_000):
        with path.open("wb") as file:
            file.write(HEADER.encode() + b"\n")
            for _ in range(200):
                file.write(block)
        with pytest.raises(InvalidRequest, match=r"no table|next to nothing"):
            import_dataset(path, "mine", home=tmp_path)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["", "Mine", "a/b", "..", "a" * 41, "bundled", "a b", "ä"])
def test_names_that_are_no_folder_are_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "p.csv", good_lines())
    with pytest.raises(InvalidRequest, match="cannot name a data set"):
        import_dataset(path, name, home=tmp_path)


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no file or folder 'gone.csv'"):
        import_dataset(tmp_path / "gone.csv", "mine", home=tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match=r"holds no .csv and no .json"):
        import_dataset(tmp_path / "empty", "mine", home=tmp_path)
    with pytest.raises(NotFound, match="there are: bundled"):
        LocalCatalog(tmp_path).open("mine")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InvalidRequest, match="no ordinary file"):
        import_dataset(tmp_path / "pipe.csv", "mine", home=tmp_path)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (ImportOptions(calendar="NOWHERE"), "no exchange calendar"),
        (ImportOptions(currency="dollars"), "no currency code"),
        (ImportOptions(splits=cast("Any", "guess")), "adjusted or accepted, not 'guess'"),
        (ImportOptions(benchmarks=("IDX",)), "benchmark 'IDX' is not among"),
    ],
)
def test_unknown_options_are_refused(tmp_path: Path, options: ImportOptions, sentence: str) -> None:
    path = write(tmp_path / "p.csv", good_lines())
    with pytest.raises(InvalidRequest, match=sentence):
        import_dataset(path, "mine", home=tmp_path, options=options)
    assert not (tmp_path / "data" / "mine").exists()


def test_benchmarks_are_shown_and_not_traded(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", good_lines())
    import_dataset(path, "mine", home=tmp_path, options=ImportOptions(benchmarks=("xyz",)))
    info = LocalCatalog(tmp_path).open("mine").info()
    assert (info.symbols, info.benchmarks) == (("ABC",), ("XYZ",))


def test_a_taken_name_is_a_conflict_until_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", good_lines())
    catalog = LocalCatalog(tmp_path)
    first = import_dataset(path, "mine", home=tmp_path)
    before = catalog.open("mine")
    write(path, good_lines(("NEW",)))
    with pytest.raises(Conflict, match="exists"):
        import_dataset(path, "mine", home=tmp_path)
    import_dataset(path, "mine", home=tmp_path, options=ImportOptions(replace=True))
    assert catalog.open("mine").info().symbols == ("NEW",)
    # A run that holds the set goes on with what it began with.
    assert before.info().data_hash == first.data_hash
    assert before.view(NYSE.opens_at(date(2020, 7, 6))).last_close("ABC") is not None
    assert len(list((tmp_path / "data" / "mine").glob("*.parquet"))) == 1


@pytest.mark.promise("disk-full")
@pytest.mark.parametrize(
    ("number", "sentence"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "cannot be written")],
)
@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_failing_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str, call: int
) -> None:
    path = write(tmp_path / "p.csv", good_lines())
    first = import_dataset(path, "mine", home=tmp_path)
    before = sorted((tmp_path / "data").rglob("*"))
    calls = iter(range(1, 9))
    real = os.fsync

    def fail(descriptor: int) -> None:
        if next(calls) == call:
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    write(path, good_lines(("NEW",)))
    if call < 4:  # the fourth comes after the new set has taken its place
        with pytest.raises(Unavailable, match=sentence):
            import_dataset(path, "mine", home=tmp_path, options=ImportOptions(replace=True))
        assert sorted((tmp_path / "data").rglob("*")) == before
        assert LocalCatalog(tmp_path).open("mine").info().data_hash == first.data_hash
    monkeypatch.setattr(os, "fsync", lambda _: fail_always(number))
    with pytest.raises(Unavailable, match=sentence):
        import_dataset(path, "other", home=tmp_path)
    assert LocalCatalog(tmp_path).names() == ("bundled", "mine")


def fail_always(number: int) -> None:
    raise OSError(number, os.strerror(number))


def test_a_home_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    path = write(tmp_path / "p.csv", good_lines())
    with pytest.raises(Unavailable, match="nothing was imported"):
        import_dataset(path, "mine", home=tmp_path / "home")


def test_what_a_killed_import_left_is_swept_and_never_shown(tmp_path: Path) -> None:
    left = tmp_path / "data" / ".import-dead"
    left.mkdir(parents=True)
    (left / "manifest.json").write_text("{}")
    assert LocalCatalog(tmp_path).names() == ("bundled",)
    import_dataset(write(tmp_path / "p.csv", good_lines()), "mine", home=tmp_path)
    assert not left.exists()


@pytest.mark.promise("no-look-ahead")
@settings(max_examples=20, deadline=None)
@given(cut=st.integers(1, len(DAYS) - 1), seed=st.integers(0, 2**32 - 1))
def test_a_view_does_not_change_when_everything_after_it_does(
    cut: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    rng = np.random.default_rng(seed)
    early = good_lines(days=DAYS[:cut])
    late = [line(day, "ABC", float(rng.uniform(1, 999))) for day in DAYS[cut:]]
    import_dataset(write(home / "a.csv", good_lines()), "a", home=home)
    import_dataset(write(home / "b.csv", early + late[: rng.integers(len(late))]), "b", home=home)
    as_of = NYSE.opens_at(DAYS[cut])
    one, two = (LocalCatalog(home).open(name).view(as_of) for name in ("a", "b"))
    assert one.symbols() == two.symbols()
    for symbol in one.symbols():
        assert one.last_close(symbol) == two.last_close(symbol)
        for field in ("sessions", "open", "high", "low", "close", "volume"):
            assert np.array_equal(
                getattr(one.bars(symbol), field), getattr(two.bars(symbol), field)
            )
    assert np.array_equal(one.closes(one.symbols(), 9).values, two.closes(two.symbols(), 9).values)
    weekend = DAYS[0] - timedelta(days=1)
    assert len(one.bars("ABC", end=weekend).close) == len(two.bars("ABC", end=weekend).close) == 0


def test_a_bar_of_a_session_that_has_not_closed_is_none(tmp_path: Path) -> None:
    now = NYSE.closes_at(DAYS[-1])
    lines = [*good_lines(("ABC",)), line(date(2020, 8, 3), "ABC", 60)]
    lines.append(line(date(now.year + 1, 6, 1), "ABC", 60))
    path = write(tmp_path / "p.csv", lines)
    report = import_dataset(path, "mine", home=tmp_path, options=ImportOptions(now=now))
    why = "date is of a session that had not closed at the import"
    assert reasons(report) == dict.fromkeys((len(lines), len(lines) + 1), why)
    assert report.symbols == ("ABC",)
    early = ImportOptions(now=now - timedelta(seconds=1), replace=True)
    assert import_dataset(path, "mine", home=tmp_path, options=early).rows_rejected == 3


def test_a_folder_without_a_name_is_called_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.csv").write_text("hello")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidRequest, match=f"not one file of '{tmp_path.name}' can be used"):
        import_dataset(Path(), "mine", home=tmp_path / "home")
    write(tmp_path / "p.csv", good_lines())
    import_dataset(Path(), "mine", home=tmp_path / "home")
    said = LocalCatalog(tmp_path / "home").open("mine").info().description
    assert said == f"imported from {tmp_path.name}"
