"""Files as people have them: Parquet, American dates, thousands, half files, vendors' words."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from schemas.errors import InvalidRequest
from tests.adapters.import_files import HEADER, NYSE, YEAR, imported, prices, table

END = date(2020, 1, 2)


def columns() -> dict[str, list[str]]:
    rows = [line.split(",") for line in prices("ABC", YEAR)]
    return dict(zip(HEADER.split(","), map(list, zip(*rows, strict=True)), strict=True))


@pytest.mark.parametrize("dates", ["date", "timestamp", "zoned", "nanoseconds", "text"])
@pytest.mark.parametrize("numbers", ["double", "float", "decimal", "text"])
def test_parquet_of_any_sensible_types_reads_as_its_csv(
    tmp_path: Path, dates: str, numbers: str
) -> None:
    cells = columns()
    expected, _ = imported(tmp_path, table(tmp_path / "p.csv", HEADER, prices("ABC", YEAR)))
    opens = [NYSE.opens_at(day) for day in YEAR]
    days: dict[str, pa.Array] = {
        "date": pa.array(YEAR),
        "timestamp": pa.array([datetime(d.year, d.month, d.day, tzinfo=UTC) for d in YEAR]),
        "zoned": pa.array(opens).cast(pa.timestamp("us", "America/New_York")),
        "nanoseconds": pa.array(opens).cast(pa.timestamp("ns", "UTC")),
        "text": pa.array(cells["date"]),
    }
    kinds = {"double": pa.float64(), "float": pa.float32(), "decimal": pa.decimal128(12, 4)}
    content = {
        name: pa.array(cells[name]).cast(kinds.get(numbers, pa.string()))
        for name in ("open", "high", "low", "close")
    }
    content |= {
        "date": days[dates],
        "ticker": pa.array(cells["symbol"]).dictionary_encode(),
        "volume": pa.array(map(int, cells["volume"])),
    }
    parquet.write_table(pa.table(content), tmp_path / "p.parquet")
    report, _ = imported(tmp_path, tmp_path / "p.parquet")
    assert (report.rows_kept, report.rows_rejected) == (len(YEAR), 0)
    if numbers != "float":  # of 32 bits
        assert report.data_hash == expected.data_hash


def test_a_parquet_file_in_a_folder_is_read_beside_others(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    cells = columns()
    cells.pop("symbol")
    parquet.write_table(pa.table(cells), folder / "abc.parquet")
    table(folder / "more.csv", HEADER, prices("XYZ", YEAR))
    (folder / "broken.parquet").write_bytes(b"PAR1 or so")
    report, _ = imported(tmp_path, folder)
    assert report.symbols == ("ABC", "XYZ")
    assert report.notes == ("a file was left out: broken.parquet is no Parquet table of prices",)


def redated(form: str, days: list[date]) -> list[str]:
    return [
        ",".join([day.strftime(form), *line.split(",")[1:]])
        for day, line in zip(days, prices("ABC", days), strict=True)
    ]


def test_american_dates_are_read_where_nothing_else_can_be_meant(tmp_path: Path) -> None:
    plain, _ = imported(tmp_path, table(tmp_path / "a.csv", HEADER, prices("ABC", YEAR)))
    lines = redated("%m/%d/%Y", list(YEAR))
    report, _ = imported(tmp_path, table(tmp_path / "b.csv", HEADER, lines))
    assert report.data_hash == plain.data_hash


@pytest.mark.parametrize(
    ("form", "days", "reason"),
    [
        ("%d/%m/%Y", YEAR, "its dates begin with the day"),
        ("%m/%d/%Y", [d for d in YEAR if d.day < 13], "written with no day above 12"),
    ],
)
def test_dates_that_could_mean_two_days_refuse_the_file(
    tmp_path: Path, form: str, days: list[date], reason: str
) -> None:
    path = table(tmp_path / "p.csv", HEADER, redated(form, list(days)))
    with pytest.raises(InvalidRequest, match=reason):
        imported(tmp_path, path)
    both = [*redated("%m/%d/%Y", list(YEAR)), *redated("%d/%m/%Y", list(YEAR))]
    mixed = table(tmp_path / "q.csv", HEADER, both)
    with pytest.raises(InvalidRequest, match="written both ways"):
        imported(tmp_path, mixed)


def test_thousands_are_read_where_they_can_be_nothing_else(tmp_path: Path) -> None:
    lines = [
        '2019-01-02,ABC,"1,200.50","1,201.00","1,199.00","1,200.00","1,234,567"',
        '2019-01-03,ABC,1200,1201,1199,1200,"999,999"',
        '2019-01-04,ABC,"1,200",1201,1199,1200,5',
        '2019-01-07,ABC,1200,1201,1199,1200,"12,34"',
    ]
    report, on = imported(tmp_path, table(tmp_path / "p.csv", HEADER, lines))
    bars = on(END).bars("ABC")
    assert bars.open.tolist() == [1200.5, 1200.0]
    assert bars.volume.tolist() == [1234567.0, 999999.0]
    assert {row.line: row.reason for row in report.rejected} == {
        4: "open is not a number",
        5: "volume is not a number",
    }


def alpha_vantage(symbol: str, days: tuple[date, ...] = YEAR) -> str:
    row = {f"{at}. {name}": "10" for at, name in enumerate(("open", "high", "low", "close"), 1)}
    series = {str(day): row | {"5. volume": 7} for day in days}
    return json.dumps({"Meta Data": {"2. Symbol": symbol}, "Time Series (Daily)": series})


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("AAA.json", alpha_vantage("AAA")[:-900], "AAA.json is no Alpha Vantage JSON file"),
        ("AAA.json", "<!doctype html><html>Busy</html>", "AAA.json is no Alpha Vantage JSON file"),
        ("AAA.json", '{"Note": "5 calls a minute"}', "but says: 5 calls a minute"),
        ("AAA.json", '{"Error Message": "Invalid API call"}', "but says: Invalid API call"),
        ("AAA.json", "[1, 2]", "AAA.json is no Alpha Vantage JSON file"),
        ("AAA.json", alpha_vantage("BBB"), "AAA.json is about 'BBB', not about 'AAA'"),
        ("daily_prices_AAA.json", alpha_vantage("BBB"), "is about 'BBB', not about 'AAA'"),
        ("AAA.csv", "<html><body>503</body></html>", "AAA.csv lacks the columns date, close"),
    ],
)
@pytest.mark.promise("dirty-prices")
def test_what_a_vendor_sends_instead_of_prices_is_left_out_and_quoted(
    tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / name).write_text(content)
    (folder / "daily_prices_BRK-B.json").write_text("\ufeff" + alpha_vantage("BRK.B"))
    report, _ = imported(tmp_path, folder)
    assert report.symbols == ("BRK.B",)
    (note,) = report.notes
    assert sentence in note


@pytest.mark.promise("dirty-prices")
def test_half_a_day_and_other_zones_are_refused_row_by_row(tmp_path: Path) -> None:
    lines = [f"{line.split(',')[0]}T16:00:00-05:00,{line.split(',', 1)[1]}" for line in
             prices("ABC", YEAR[:20])]  # fmt: skip
    lines[3] = lines[3].replace("-05:00", "+09:00")
    lines[7] = ",".join(lines[7].split(",")[:5])
    lines[9] = lines[9].replace("T16:00:00-05:00", "")
    report, _ = imported(tmp_path, table(tmp_path / "p.csv", HEADER, lines))
    assert {row.line: row.reason for row in report.rejected} == {
        5: "date is written in a zone neither UTC nor the exchange's",
        9: "has 5 columns where the header has 7",
        11: "date is written in another time zone than most of its file",
    }
