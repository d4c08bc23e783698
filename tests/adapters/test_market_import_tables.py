"""Members, macro series, reported figures and texts beside the prices; bars that came late."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from interfaces.market import AS_TRADED, Reading
from schemas.errors import InvalidRequest, NotFound
from tests.adapters.import_files import HEADER, YEAR, imported, prices, table

END = date(2020, 1, 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return table(tmp_path / "p.csv", HEADER, prices("ABC", YEAR) + prices("XYZ", YEAR))


def reasons(report: object) -> list[str]:
    return [row.reason.partition(": ")[2] for row in report.rejected]  # type: ignore[attr-defined]


@pytest.mark.promise("no-look-ahead")
def test_members_come_and_go_and_nobody_knows_it_before(tmp_path: Path, path: Path) -> None:
    rows = [
        f"SP500,ABC,{YEAR[10]},{YEAR[60]}",
        f"SP500,GONE,{YEAR[0]},",
        f"SP500,XYZ,{YEAR[60]},{YEAR[20]}",
    ]
    members = table(tmp_path / "m.csv", "index,ticker,added,removed", rows)
    report, on = imported(tmp_path, path, tables={"members": members})
    assert [on(YEAR[at]).members("sp500") for at in (9, 10, 59, 60)] == [
        ("GONE",), ("ABC", "GONE"), ("ABC", "GONE"), ("GONE",),
    ]  # fmt: skip
    assert reasons(report) == ["leaves does not lie after enters"]


def test_macro_values_keep_every_vintage_and_need_one(tmp_path: Path, path: Path) -> None:
    rows = [
        "GDP,2019-01-01,100.0,2019-04-26",
        "GDP,2019-01-01,101.5,2019-05-30T12:30:00Z",
        "GDP,2019-04-01,.,2019-07-26",
        "GDP,2019-07-01,103,",
        "GDP,2019-07-01,many,2019-10-30",
    ]
    macro = table(tmp_path / "m.csv", "series,period,value,vintage", rows)
    report, on = imported(tmp_path, path, tables={"macro": macro})
    with pytest.raises(NotFound):
        on(date(2019, 4, 26)).macro("GDP")
    assert on(date(2019, 4, 29)).macro("GDP").values.tolist() == [100.0]
    assert on(date(2019, 5, 31)).macro("GDP").values.tolist() == [101.5]
    assert on(date(2019, 5, 31)).macro("GDP", vintage="first").values.tolist() == [100.0]
    assert np.isnan(on(END).macro("GDP").values[1])
    assert reasons(report) == [
        "known_time is missing: without it nobody knows when it was known",
        "value is not a number",
    ]
    _, lagged = imported(tmp_path, path, tables={"macro": macro}, macro_lag_days=60)
    assert len(lagged(date(2019, 8, 29)).macro("GDP").values) == 2
    assert len(lagged(date(2019, 8, 30)).macro("GDP").values) == 3


def test_reported_figures_are_of_the_company_and_dated(tmp_path: Path, path: Path) -> None:
    rows = [
        "ABC,EPS Diluted,2019-03-31,1.5,USD/shares,2019-04-25T20:05:00Z",
        "ABC,EPS Diluted,2019-03-31,1.4,USD/shares,2019-06-01",
        "ABC,Revenue,2019-03-31,1e9,USD,",
        "WHO,Revenue,2019-03-31,1e9,USD,2019-04-25",
    ]
    header = "symbol,field,period_end,value,unit,filed"
    report, on = imported(
        tmp_path, path, tables={"fundamentals": table(tmp_path / "f.csv", header, rows)}
    )
    assert on(date(2019, 4, 25)).fundamentals("ABC") == ()
    (first,) = on(date(2019, 4, 26)).fundamentals("ABC")
    assert (first.field, first.value, first.unit) == ("eps_diluted", 1.5, "USD/shares")
    assert [each.value for each in on(END).fundamentals("ABC")] == [1.4]
    assert reasons(report) == [
        "known_time is missing: without it nobody knows when it was known", "symbol has no prices"
    ]  # fmt: skip


@pytest.mark.promise("no-look-ahead")
def test_texts_without_a_full_moment_are_kept_and_not_shown(tmp_path: Path, path: Path) -> None:
    rows = [
        {"id": "1", "published_at": "2019-03-04T15:00:00Z", "title": "Zinc soars", "text": "zinc",
         "symbols": ["ABC", "n/a!"], "source": "wire"},
        {"id": "2", "published_at": "3 days ago", "title": "Zinc falls", "text": "zinc"},
        {"id": "3", "published_at": "2019-03-01", "title": "Zinc rests", "text": "zinc"},
        {"id": "4", "published_at": "2019-03-01T10:00:00", "title": "Zinc naps", "text": "zinc"},
        {"id": "5", "title": "Zinc dreams", "text": "zinc"},
        {"id": "6", "published_at": "2019-03-04T15:00:00Z", "text": "untitled"},
    ]  # fmt: skip
    news = tmp_path / "news.jsonl"
    news.write_text("\n".join(json.dumps(row) for row in rows) + "\n{broken\n")
    report, on = imported(tmp_path, path, tables={"documents": news})
    assert on(date(2019, 3, 4)).documents("zinc") == on(date(2019, 3, 1)).documents("zinc") == ()
    (found,) = on(END).documents("zinc")
    assert (found.title, found.symbols) == ("Zinc soars", ("ABC",))
    assert reasons(report) == ["title is missing", "line is no JSON object"]


def test_a_text_of_any_kind_but_news_is_a_document(tmp_path: Path, path: Path) -> None:
    texts = tmp_path / "texts.csv"
    rows = ["title,published_at,text,kind"]
    rows += [
        f"{title},2019-03-01T12:00:00Z,copper,{kind}"
        for title, kind in (("a", ""), ("b", "News"), ("c", "document"), ("d", "10-K"))
    ]
    texts.write_text("\n".join(rows), encoding="utf-8")
    _, on = imported(tmp_path, path, tables={"documents": texts})
    kinds = {found.title: found.kind for found in on(END).documents("copper")}
    assert kinds == {"a": "news", "b": "news", "c": "document", "d": "document"}


def test_tables_may_be_parquet_too(tmp_path: Path, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns = {
        "series": pa.array(["CPI"] * 2).dictionary_encode(),
        "date": pa.array([date(2019, 1, 1), date(2019, 2, 1)]),
        "value": pa.array([1.25, None]),
        "vintage_date": pa.array(["2019-02-13", "2019-03-12"]),
    }
    parquet.write_table(pa.table(columns), tmp_path / "m.parquet")
    report, on = imported(tmp_path, path, tables={"macro": tmp_path / "m.parquet"})
    assert report.rows_rejected == 0
    values = on(END).macro("CPI").values
    assert values[0] == 1.25
    assert np.isnan(values[1])


def test_tables_that_are_none_are_refused(tmp_path: Path, path: Path) -> None:
    bad = table(tmp_path / "bad.csv", "symbol,when", ["ABC,2019-01-02"])
    with pytest.raises(InvalidRequest, match=r"bad.csv of members lacks the column enters"):
        imported(tmp_path, path, tables={"members": bad})
    with pytest.raises(InvalidRequest, match=r"'gossip' is no kind of table"):
        imported(tmp_path, path, tables={"gossip": bad})
    with pytest.raises(NotFound, match=r"no file 'gone.csv' of macro"):
        imported(tmp_path, path, tables={"macro": tmp_path / "gone.csv"})


@pytest.mark.promise("no-look-ahead")
def test_restated_and_late_bars_are_vintages(tmp_path: Path) -> None:
    lines = [f"{line}," for line in prices("ABC", YEAR)]
    day, late = YEAR[50], YEAR[60]
    bar = lines[50].rstrip(",").split(",")
    restated = ",".join([*bar[:5], f"{float(bar[5]) * 1.002:.4f}", bar[6]])
    lines[60] += f"{YEAR[70]}T15:00:00+00:00"
    lines += [f"{restated},{YEAR[55]}T15:00:00+00:00", f"{restated},{day}T09:00:00+00:00"]
    report, on = imported(tmp_path, table(tmp_path / "p.csv", f"{HEADER},known_time", lines))
    assert [row.reason for row in report.rejected] == ["known_time lies before the session's close"]

    def close(on_day: date, of: date, **how: str) -> list[float]:
        bars = on(on_day).bars("ABC", start=of, end=of, how=Reading(**how))  # type: ignore[arg-type]
        return bars.close.tolist()

    first, second = float(bar[5]), float(restated.split(",")[5])
    assert close(YEAR[55], day) == [first]
    assert close(YEAR[56], day) == [second]
    assert close(YEAR[56], day, vintage="first") == [first]
    assert close(YEAR[70], late) == []
    assert len(close(YEAR[71], late)) == 1


@pytest.mark.promise("dirty-prices")
def test_a_restated_bar_that_cannot_be_true_is_quarantined_and_the_one_before_stays(
    tmp_path: Path,
) -> None:
    lines = [f"{line}," for line in prices("ABC", YEAR[:60])]
    day = YEAR[30]
    wild = f"{day},ABC,500,505,495,500,1000,{YEAR[40]}T12:00:00Z"
    fine = f"{day},ABC,50,51,49,50.2,1000,{YEAR[45]}T12:00:00Z"
    report, on = imported(
        tmp_path, table(tmp_path / "p.csv", f"{HEADER},known_time", [*lines, wild, fine])
    )
    assert [(row.line, row.reason) for row in report.rejected] == [
        (62, "bar cannot be true beside its neighbours (decimal_point)")
    ]
    assert report.rows_kept == 61

    def close(at: int) -> float:
        return on(YEAR[at]).bars("ABC", start=day, end=day, how=AS_TRADED).close[0]

    assert close(42) == close(35) != 500
    assert close(46) == 50.2
