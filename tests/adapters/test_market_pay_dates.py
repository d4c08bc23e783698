"""When a dividend is paid is kept with it, and sets stored before that was known still open."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from adapters.market.facts import SCHEMAS, Facts
from adapters.market.identity import dataset_hash
from adapters.market.segments import Segment, digest_of, read_segment
from tests.adapters.import_files import YEAR, imported, prices, table
from tests.adapters.market_sets import every_kind
from tests.adapters.market_sets import prices as made

ROWS = [
    f"ABC,{YEAR[20]},dividend,0.25,{YEAR[40]}",
    f"ABC,{YEAR[60]},dividend,0.25,",
    f"ABC,{YEAR[80]},dividend,0.25,soon",
    f"ABC,{YEAR[90]},delisting,0,{YEAR[100]}",
]
BEFORE = "d878a939bc769248b3408713fc179e2d802fa709f2a20e16b7c35eb125a13571"
"""The hash of the set below as it was computed before there were pay dates."""


@pytest.mark.parametrize("column", ["pay_date", "Payment Date", "payable-date"])
def test_a_table_of_actions_may_say_when_dividends_are_paid(tmp_path: Path, column: str) -> None:
    bars = table(tmp_path / "p.csv", "date,symbol,open,high,low,close,volume", prices("ABC", YEAR))
    said = table(tmp_path / "a.csv", f"symbol,ex_date,kind,cash,{column}", ROWS)
    report, on = imported(tmp_path, bars, tables={"actions": said})
    found = on(date(2020, 1, 2)).actions()
    assert [(each.kind, each.pay_date) for each in found] == [
        ("cash_dividend", YEAR[40]),
        ("cash_dividend", None),
        ("delisting", None),
    ]
    assert [row.reason for row in report.rejected] == ["actions: pay_date is not an ISO date"]


def test_a_set_without_pay_dates_reads_as_before_and_keeps_its_hash(tmp_path: Path) -> None:
    facts = every_kind()
    old = facts["actions"].drop_columns(["pay_date"])
    parquet.write_table(old, tmp_path / "actions.parquet")
    digest = digest_of(tmp_path / "actions.parquet")
    segment = Segment(
        kind="actions", file="actions.parquet", sha256=digest, rows=old.num_rows, sources=()
    )
    read = pa.concat_tables(read_segment(tmp_path, segment))
    assert read.schema.equals(SCHEMAS["actions"])
    assert read.to_pylist() == facts["actions"].to_pylist()
    assert dataset_hash(made(), Facts({"actions": read})) == BEFORE


def test_a_pay_date_is_part_of_what_a_set_is() -> None:
    paid = every_kind()["actions"].to_pylist()
    paid[0]["pay_date"] = date(2020, 7, 1)
    changed = pa.Table.from_pylist(paid, schema=SCHEMAS["actions"])
    hashes = {
        dataset_hash(made(), Facts({"actions": each}))
        for each in (every_kind()["actions"], changed)
    }
    assert len(hashes) == 2
