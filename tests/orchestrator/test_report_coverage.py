"""A coverage report shows every gap, in colour and in numbers, and fits into one file."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import date
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.report.coverage import coverage_page
from orchestrator.report.coverage_map import MOST_ROWS, heat_map, rows_of
from schemas.market import DatasetInfo
from schemas.quality import CheckCount, CoverageReport, InstrumentCoverage, InstrumentQuality
from tests.orchestrator.reading import Page, read

EVIL = "<script>alert('x')</script>\"'&{{ 7*7 }}"


def months(count: int, first: int = 2004 * 12) -> tuple[str, ...]:
    return tuple(f"{k // 12}-{k % 12 + 1:02d}" for k in range(first, first + count))


def instrument(
    symbol: str, missing: list[int], *, lived: list[int] | None = None
) -> InstrumentCoverage:
    """An instrument with 20 sessions a month unless `lived` says otherwise."""
    lived = lived or [20] * len(missing)
    quality = InstrumentQuality(
        symbol=symbol, first=date(2004, 1, 2), last=date(2005, 12, 30), bars=sum(lived),
        missing=sum(missing), rejected=2, warned=3,
        rejections=(CheckCount(check="bad_print", bars=2),),
        warnings=(CheckCount(check="outlier_move", bars=1), CheckCount(check="stale", bars=2)),
    )  # fmt: skip
    bars = tuple(a - b for a, b in zip(lived, missing, strict=True))
    return InstrumentCoverage(quality=quality, bars=bars, missing=tuple(missing))


def report(instruments: list[InstrumentCoverage], *, text: str = "of mine") -> CoverageReport:
    count = len(instruments[0].bars) if instruments else 0
    symbols = tuple(one.quality.symbol for one in instruments)
    info = DatasetInfo(
        name="mine", description=text, data_hash="ab" * 32, calendar="XNYS", currency="USD",
        close_only=False, adjustment="raw", symbols=symbols, benchmarks=(),
        caveats=(text, "Nobody checked them."), providers=("alpaca", "files"), actions=12,
    )  # fmt: skip
    return CoverageReport(
        dataset=info, months=months(count), sessions=(20,) * count, instruments=tuple(instruments)
    )


@cache
def sample() -> CoverageReport:
    whole = [0] * 24
    spotted = [0] * 24
    spotted[3], spotted[10], spotted[11], spotted[12] = 5, 20, 20, 20
    young = [0] * 12 + [20] * 12
    return report([
        instrument("AAA", whole),
        instrument("BBB", spotted),
        instrument("CCC", whole, lived=young),
    ])  # fmt: skip


@cache
def html() -> str:
    return coverage_page(sample())


@cache
def page() -> Page:
    return read(html())


def titles(text: str) -> list[str]:
    return re.findall(r"<title>([^<]*)</title></rect>", text)


def row(symbol: str, which: int) -> list[str]:
    return [cells for cells in page().rows if cells[0] == symbol][which]


def test_elements_are_in_balance_and_the_same_report_gives_the_same_bytes() -> None:
    assert page().unbalanced == []
    assert coverage_page(sample()) == html()


def test_every_gap_has_its_numbers_and_neighbouring_empty_months_are_one() -> None:
    gaps = [title for title in titles(html()) if "missing" in title]
    assert gaps == [
        "Apr 2004: 5 of 20 sessions missing",
        "Nov 2004 – Jan 2005: 60 of 60 sessions missing",
    ]


def test_an_instrument_is_drawn_from_its_first_month_to_its_last() -> None:
    assert "CCC: 100\u202f% of sessions, Jan 2005 – Dec 2005" in titles(html())
    rects = [tag for name, tag in page().tags if name == "rect" and tag.get("class") == "c0"]
    assert {"x": "12", "width": "12"}.items() <= rects[-1].items()


def test_the_height_of_a_mark_is_the_missing_share_so_colour_is_not_needed() -> None:
    marks = [
        (tag["class"], tag["height"], tag["width"])
        for name, tag in page().tags
        if name == "rect" and tag.get("x") in ("3", "10")
    ]
    assert marks == [("c2", "3", "1"), ("c4", "10", "3")]


def test_shares_are_told_by_row_and_year_and_only_the_complete_are_100() -> None:
    assert row("AAA", 0)[-1] == "100\u202f%"
    assert row("BBB", 0)[-1] == "86.46\u202f%"
    assert row("BBB", 1)[1:] == ["81.2", "91.7"]
    assert row("CCC", 1)[1:] == ["", "100"]
    nearly = coverage_page(report([instrument("AAA", [1] + [0] * 23, lived=[20_000] * 24)]))
    assert "99.99\u202f%" in nearly
    assert ">99.9</td>" in nearly


def test_the_quality_of_every_instrument_is_listed_with_its_reasons() -> None:
    assert row("AAA", 2)[1:] == [
        *("2004-01-02", "2005-12-30", "480", "0", "2", "3"),
        "rejected bad print ×2; warned of outlier move and stale ×2",
    ]


def test_the_page_says_what_the_data_set_says_of_itself() -> None:
    words = page().words()
    for text in ("Nobody checked them.", "alpaca and files", "as traded", "ab" * 32, "XNYS"):
        assert text in words
    assert "65 have none" in words


def test_text_from_outside_never_speaks_as_markup() -> None:
    evil = read(coverage_page(report([instrument("AAA", [0, 1])], text=EVIL)))
    assert evil.unbalanced == []
    assert EVIL in " ".join(evil.text)
    assert [tag for name, tag in evil.tags if name == "script"] == [{}]


def test_nothing_is_loaded_and_only_the_pages_own_style_and_script_are_allowed() -> None:
    policy = next(
        tag["content"]
        for name, tag in page().tags
        if name == "meta" and tag.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    for element in ("style", "script"):
        (inside,) = re.findall(rf"<{element}>(.*?)</{element}>", html(), re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    for _, attributes in page().tags:
        assert not {"style", "src", "onclick"} & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in html().replace("url(#", "")


def test_every_drawing_and_table_has_a_name_for_who_cannot_see_it() -> None:
    for name, tag in page().tags:
        if name == "svg":
            assert tag.get("aria-label") or tag.get("aria-hidden") == "true"
        if name == "th":
            assert tag.get("scope") in ("row", "col")
    ids = [tag["id"] for _, tag in page().tags if "id" in tag]
    links = [tag["href"] for name, tag in page().tags if name == "a"]
    assert {link[1:] for link in links if link} <= set(ids)


@pytest.mark.parametrize(("count", "share"), [(500, 0.03), (500, 1.0), (1300, 0.5)])
def test_a_page_of_any_data_set_stays_below_two_megabytes(count: int, share: float) -> None:
    rng = np.random.default_rng(5)
    grid = np.where(rng.random((count, 240)) < share, rng.integers(1, 20, (count, 240)), 0)
    instruments = [instrument(f"S{k:04d}", one) for k, one in enumerate(grid.tolist())]
    text = coverage_page(report(instruments))
    assert len(text.encode()) < 2_000_000
    assert "S0000" in text
    assert f"S{count - 1:04d}" in text


def test_many_instruments_share_rows_and_none_is_lost() -> None:
    instruments = [instrument(f"S{k:04d}", [k % 3, 0]) for k in range(1201)]
    rows, per_row = rows_of(report(instruments))
    assert per_row == 3
    assert len(rows) == 401 <= MOST_ROWS
    assert rows[0].name == "S0000 – S0002"
    assert rows[-1].name == "S1200"
    assert sum(one.missing[0] for one in rows) == sum(k % 3 for k in range(1201))


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_drawn_gaps_add_up_to_the_missing_sessions(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 40))
    offset = data.draw(st.integers(0, 11))
    missing = data.draw(st.lists(st.integers(0, 20), min_size=count, max_size=count))
    (one,), per_row = rows_of(report([instrument("AAA", missing)]))
    drawn = heat_map(months(count, 2004 * 12 + offset), [one], per_row)
    found = [
        int(number.replace(",", ""))
        for number in re.findall(r": ([\d,]+) of [\d,]+ sessions missing", drawn.strips[0].drawing)
    ]
    assert sum(found) == sum(missing)


def test_a_data_set_without_prices_has_a_page_too() -> None:
    empty = read(coverage_page(report([])))
    assert empty.unbalanced == []
    assert "There is not one price in it." in empty.words()
