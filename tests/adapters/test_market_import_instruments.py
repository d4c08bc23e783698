"""Whose bars they are: reused tickers, changed tickers, identifiers, listings."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from schemas.errors import InvalidRequest
from tests.adapters.import_files import HEADER, NYSE, YEAR, imported, prices, table

END = date(2020, 1, 2)


@pytest.mark.promise("no-look-ahead")
def test_a_ticker_with_a_long_gap_is_of_two_companies(tmp_path: Path) -> None:
    lines = prices("FOO", YEAR[:100], 50) + prices("FOO", YEAR[170:], 52) + prices("BAR", YEAR)
    report, on = imported(tmp_path, table(tmp_path / "p.csv", HEADER, lines))
    assert report.symbols == ("BAR", "FOO", "FOO.2")
    (note,) = report.notes
    assert note.startswith(f"FOO: 70 sessions without a bar before {YEAR[170]}")
    before, after = on(YEAR[100]), on(END)
    assert before.symbols() == ("BAR", "FOO")
    assert len(before.bars("FOO").close) == 100
    assert len(after.bars("FOO").close) == len(YEAR) - 170
    assert len(after.bars("FOO.1").close) == 100
    assert [each.instrument for each in before.listings("FOO")] == ["FOO"]
    assert before.listings("FOO")[0].last_session is None


@pytest.mark.parametrize(
    ("missing", "price", "same", "symbols"),
    [
        (59, 50.0, (), ("FOO",)),
        (25, 50.0, (), ("FOO",)),
        (25, 90.0, (), ("FOO", "FOO.2")),
        (19, 90.0, (), ("FOO",)),
        (90, 90.0, ("foo",), ("FOO",)),
    ],
)
def test_shorter_gaps_need_a_jump_and_who_imports_may_know_better(
    tmp_path: Path, missing: int, price: float, same: tuple[str, ...], symbols: tuple[str, ...]
) -> None:
    lines = prices("FOO", YEAR[:100]) + prices("FOO", YEAR[100 + missing :], price)
    report, _ = imported(
        tmp_path, table(tmp_path / "p.csv", HEADER, lines), same=same, splits="accept"
    )
    assert report.symbols == symbols


def test_weekly_bars_are_no_gaps(tmp_path: Path) -> None:
    weekly = [day for day in YEAR if day.weekday() == 2]
    report, _ = imported(tmp_path, table(tmp_path / "p.csv", HEADER, prices("FOO", weekly)))
    assert report.symbols == ("FOO",)


def test_an_identifier_decides_which_bars_are_of_one_company(tmp_path: Path) -> None:
    lines = [
        *(f"{line},10107" for line in prices("FB", YEAR[:100], 50)),
        *(f"{line},10107" for line in prices("META", YEAR[100:], 51)),
        *(f"{line},999" for line in prices("META", YEAR[:90], 12)),
    ]
    path = table(tmp_path / "p.csv", f"{HEADER},permno", lines)
    report, on = imported(tmp_path, path)
    assert report.symbols == ("FB", "META")  # by their first tickers
    early, late = on(YEAR[50]), on(END)
    assert early.last_close("FB") != early.last_close("META")
    assert early.symbols() == ("FB", "META")
    assert len(late.bars("META").close) == len(YEAR)
    (change,) = late.actions("META")
    assert (change.kind, change.new_symbol, change.ex_date) == ("ticker_change", "META", YEAR[100])
    assert change.known_time == NYSE.closes_at(YEAR[99])
    assert [each.symbol for each in late.listings("META")] == ["FB", "META"]


@pytest.mark.parametrize("written_over", [False, True])
def test_a_stated_change_of_ticker_keeps_the_company_whole(
    tmp_path: Path, written_over: bool
) -> None:
    """Also where the source writes the new ticker over the whole history."""
    lines = prices("META" if written_over else "FB", YEAR[:100]) + prices("META", YEAR[100:], 51)
    rows = [f"FB,{YEAR[100]},ticker change,META"]
    actions = table(tmp_path / "actions.csv", "symbol,ex_date,kind,new_symbol", rows)
    report, on = imported(
        tmp_path, table(tmp_path / "p.csv", HEADER, lines), tables={"actions": actions}
    )
    assert report.symbols == ("FB",)
    assert on(YEAR[100 - 1]).symbols() == ("FB",)
    assert on(END).symbols() == ("META",)
    assert len(on(END).bars("META").close) == len(YEAR)


def test_a_table_of_listings_says_who_bore_a_ticker(tmp_path: Path) -> None:
    lines = prices("FOO", YEAR[:100], 50) + prices("FOO", YEAR[103:], 52)
    rows = [
        f"FOO,A,Foo Mining,{YEAR[0]},{YEAR[99]}",
        f"FOO,B,Food Inc,{YEAR[103]},",
        f"FOO,B,Food Inc,{YEAR[103]},2019-01-01",
    ]
    listings = table(tmp_path / "l.csv", "symbol,instrument,name,first,last", rows)
    report, on = imported(
        tmp_path, table(tmp_path / "p.csv", HEADER, lines), tables={"listings": listings}
    )
    assert report.symbols == ("FOO", "FOO.2")
    assert [row.reason for row in report.rejected] == ["listings: last lies before first"]
    assert [each.name for each in on(END).listings("FOO")] == ["Food Inc"]
    assert [each.name for each in on(YEAR[90]).listings("FOO")] == ["Foo Mining"]


def test_the_newcomers_bars_do_not_tell_of_themselves_before_they_come(tmp_path: Path) -> None:
    early = prices("FOO", YEAR[:100], 50)
    later = prices("FOO", YEAR[180:], 99)
    home, other = tmp_path / "a", tmp_path / "b"
    home.mkdir()
    other.mkdir()
    _, with_reuse = imported(home, table(home / "p.csv", HEADER, early + later))
    _, without = imported(other, table(other / "p.csv", HEADER, early))
    for day in (YEAR[50], YEAR[100], YEAR[110]):
        one, two = with_reuse(day), without(day)
        assert one.symbols() == two.symbols()
        assert one.last_close("FOO") == two.last_close("FOO")
        assert one.bars("FOO").close.tolist() == two.bars("FOO").close.tolist()


ENDING = "symbol,ex_date,kind,cash"


@pytest.mark.promise("corporate-actions")
@pytest.mark.parametrize("missing", [0, 5])
@pytest.mark.parametrize("kind", ["delisting", "cash_merger"])
def test_a_delisting_ends_the_company_whoever_bears_its_ticker_next(
    tmp_path: Path, kind: str, missing: int
) -> None:
    lines = prices("FOO", YEAR[:100], 60) + prices("FOO", YEAR[100 + missing :], 2)
    actions = table(tmp_path / "a.csv", ENDING, [f"FOO,{YEAR[100]},{kind},61"])
    path = table(tmp_path / "p.csv", HEADER, lines)
    report, on = imported(tmp_path, path, tables={"actions": actions}, splits="adjust")
    assert report.symbols == ("FOO", "FOO.2")
    assert report.suspected_splits == ()
    (note,) = [note for note in report.notes if "FOO.2" in note]
    assert f"a bar of {YEAR[100 + missing]} on or after its delisting or merger" in note
    assert ("without a session between" in note) == (missing == 0)
    late = on(END)
    assert len(late.bars("FOO").close) == len(YEAR) - 100 - missing
    assert len(late.bars("FOO.1").close) == 100
    (ended,) = [each for each in late.actions() if each.kind == kind]
    assert ended.instrument == "FOO"
    assert [each.kind for each in late.actions() if each.kind == "split"] == []


def test_a_delisting_of_what_is_the_same_or_was_called_off_ends_nothing(tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", HEADER, prices("FOO", YEAR))
    rows = [f"FOO,{YEAR[100]},delisting,,d1,", f"FOO,{YEAR[100]},delisting,,d1,true"]
    actions = table(tmp_path / "a.csv", f"{ENDING},action_id,withdrawn", rows)
    assert imported(tmp_path, path, tables={"actions": actions})[0].symbols == ("FOO",)
    actions = table(tmp_path / "a.csv", ENDING, [rows[0][:-4]])
    report, _ = imported(tmp_path, path, tables={"actions": actions}, same=("FOO",))
    assert report.symbols == ("FOO",)


def test_who_was_delisted_before_the_first_bar_is_not_who_bears_the_ticker(tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", HEADER, prices("FOO", YEAR))
    actions = table(tmp_path / "a.csv", ENDING, ["FOO,2018-06-01,delisting,"])
    report, on = imported(tmp_path, path, tables={"actions": actions})
    assert on(END).actions() == ()
    assert "actions of symbols without prices were not recorded: FOO" in report.notes


def test_the_same_is_asked_for_of_symbols_that_are_there(tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", HEADER, prices("FOO", YEAR))
    with pytest.raises(InvalidRequest, match="'ZZZ', named as `same`, is not among"):
        imported(tmp_path, path, same=("FOO", "zzz"))
