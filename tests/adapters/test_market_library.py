"""Downloads and deletions: what is staged survives, what is published shows only afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.market import stored
from adapters.market.catalog import LocalCatalog
from interfaces.market import AS_TRADED, Staged
from interfaces.providers import RawBars
from schemas.downloads import DownloadRequest
from schemas.errors import Conflict, InvalidRequest, NotFound, UntrustworthyData
from schemas.facts import CorporateAction, Listing, MacroValue, StoredDocument
from tests.adapters.market_sets import DAYS, SAID, at, every_kind, put

REQUEST = DownloadRequest(
    data="down", symbols=("ABC",), start_date=date(2020, 6, 1), end_date=date(2020, 7, 31)
)


class Wall:
    """A clock that stands where it is put."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


def bars(
    closes: Sequence[float],
    *,
    symbol: str = "ABC",
    first: int = 0,
    source: str = "alpaca",
    adjustment: Literal["raw", "unknown"] = "raw",
) -> RawBars:
    """Return bars of consecutive sessions from the one with that number on."""
    days = DAYS[first : first + len(closes)]
    cells = {name: [str(close) for close in closes] for name in ("open", "high", "low", "close")}
    cells |= {"date": [str(day) for day in days], "volume": ["7"] * len(closes)}
    return RawBars(source, symbol, cells, adjustment=adjustment)


@pytest.fixture
def wall() -> Wall:
    return Wall(at(-1, hours=1))


@pytest.fixture
def library(tmp_path: Path, wall: Wall) -> LocalCatalog:
    return LocalCatalog(tmp_path, wall)


def publish(library: LocalCatalog, *rows: RawBars, facts: tuple[Any, ...] = ()) -> Any:
    library.stage("d1", "all", Staged(rows, facts))
    return library.publish("d1", REQUEST)


def closes_seen(library: LocalCatalog, moment: datetime, symbol: str = "ABC") -> list[float]:
    view = library.open("down").view(moment)
    return view.bars(symbol, how=AS_TRADED).close.tolist()


def test_what_is_staged_survives_and_is_replaced_and_given_up(
    library: LocalCatalog, tmp_path: Path, wall: Wall
) -> None:
    assert library.staged("d1") == {}
    library.stage("d1", "bars ABC", Staged((bars([1, 2, 3]),)))
    library.stage("d1", "bars XYZ", Staged((bars([1], symbol="XYZ"),)))
    library.stage("d1", "bars ABC", Staged((bars([1, 2]),)))
    again = LocalCatalog(tmp_path, wall)
    assert again.staged("d1") == {"bars ABC": 2, "bars XYZ": 1}
    assert again.staged("other") == {}
    assert again.names() == ("bundled",)
    again.discard("d1")
    again.discard("d1")
    assert library.staged("d1") == {}


@pytest.mark.parametrize("name", ["", "..", "a/b", "x" * 81, "."])
def test_an_id_that_is_no_folder_is_refused(library: LocalCatalog, name: str) -> None:
    for call in (library.staged, library.discard):
        with pytest.raises(InvalidRequest, match="no id of a download"):
            call(name)


def test_a_damaged_chunk_counts_as_not_fetched(library: LocalCatalog, tmp_path: Path) -> None:
    library.stage("d1", "one", Staged((bars([1, 2, 3]),)))
    (file,) = (tmp_path / "data" / ".staging" / "d1").iterdir()
    for place in (5, -5):
        content = bytearray(file.read_bytes())
        content[place] ^= 1
        file.write_bytes(content)
        assert library.staged("d1") == {}
        with pytest.raises(UntrustworthyData, match="resume it"):
            library.publish("d1", REQUEST)
    library.stage("d1", "one", Staged((bars([1, 2, 3]),)))
    assert library.publish("d1", REQUEST).rows_kept == 3


@pytest.mark.parametrize("step", ["write", "sync", "rename", "after"])
def test_a_staging_writer_that_is_killed_leaves_a_whole_chunk_or_none(
    tmp_path: Path, library: LocalCatalog, step: str
) -> None:
    library.stage("d1", "one", Staged((bars([1]),)))
    script = (
        "import os, sys, pathlib, signal\n"
        "from adapters.market import staging\n"
        "from adapters.market.catalog import LocalCatalog\n"
        "from interfaces.market import Staged\n"
        "from interfaces.providers import RawBars\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "step = sys.argv[2]\n"
        "if step == 'write': pathlib.Path.write_bytes = die\n"
        "if step == 'sync': staging.sync = die\n"
        "if step == 'rename': pathlib.Path.replace = die\n"
        "rows = Staged((RawBars('x', 'ABC', {'date': ['2020-06-01'] * 2}),))\n"
        "LocalCatalog(pathlib.Path(sys.argv[1])).stage('d1', 'one', rows)\n"
        "die()\n"
    )
    child = subprocess.run([sys.executable, "-c", script, str(tmp_path), step], check=False)
    assert child.returncode == -signal.SIGKILL
    assert library.staged("d1") == {"one": 2 if step == "after" else 1}


def test_a_first_download_makes_the_set(library: LocalCatalog, tmp_path: Path, wall: Wall) -> None:
    report = publish(library, bars([10, 11, 12]), facts=(macro(1.0, at(2)), text()))
    assert (report.name, report.rows_read, report.rows_kept) == ("down", 3, 3)
    assert report.symbols == ("ABC",)
    info = library.open("down").info()
    assert info.data_hash == report.data_hash
    assert (info.adjustment, info.calendar, info.currency) == ("raw", "XNYS", "USD")
    assert (info.symbols, info.macro, info.documents) == (("ABC",), ("UNRATE",), 1)
    assert info.providers == ("alpaca", "vendor")
    assert closes_seen(library, at(1)) == [10.0]
    assert closes_seen(library, at(1, seconds=1)) == [10.0, 11.0]
    assert library.staged("d1") == {}
    (row, *_) = library.provenance("down")
    assert row == ("alpaca", "bars", 3, wall.now(), wall.now())
    assert LocalCatalog(tmp_path).names() == ("bundled", "down")


def macro(value: float, known: datetime) -> MacroValue:
    return MacroValue(
        series="UNRATE", period=date(2020, 5, 1), value=value, known_time=known, **SAID
    )


def text() -> StoredDocument:
    return StoredDocument(document_id="d", title="t", text="x", known_time=at(1), **SAID)


def test_the_same_rows_again_change_nothing(library: LocalCatalog, wall: Wall) -> None:
    facts = (macro(1.0, at(2)), text())
    first = publish(library, bars([10, 11, 12]), facts=facts)
    wall.time += timedelta(days=3)
    later = tuple(fact.model_copy(update={"stored_time": wall.time}) for fact in facts)
    again = publish(library, bars([10, 11, 12], source="other"), facts=later)
    assert again.data_hash == first.data_hash
    assert "0 bars are new, 0 restated, 3 as before; 0 other facts are new" in again.notes
    assert sum(row[2] for row in library.provenance("down")) == 5


@pytest.mark.promise("no-look-ahead")
def test_restated_values_are_seen_only_after_they_were_published(
    library: LocalCatalog, wall: Wall
) -> None:
    publish(library, bars([10, 11, 12]))
    before = library.open("down")
    wall.time = restated = wall.time + timedelta(days=30)
    report = publish(library, bars([10, 11.5, 12, 13]))
    assert "1 bars are new, 1 restated, 2 as before; 0 other facts are new" in report.notes
    assert closes_seen(library, restated) == [10.0, 11.0, 12.0, 13.0]
    assert closes_seen(library, restated + timedelta(seconds=1)) == [10.0, 11.5, 12.0, 13.0]
    wall.time += timedelta(days=1)
    publish(library, bars([11], first=1))  # and back again
    assert closes_seen(library, restated + timedelta(hours=1))[1] == 11.5
    assert closes_seen(library, wall.time + timedelta(seconds=1))[1] == 11.0
    assert len(before.view(wall.time).bars("ABC").close) == 3


def test_another_provider_restates_nothing_and_its_disagreement_is_told(
    library: LocalCatalog, wall: Wall
) -> None:
    first = publish(library, bars([10, 11, 12]))
    wall.time += timedelta(days=3)
    other = bars([10.02, 11.5, 12, 13], source="alphavantage")
    report = publish(library, other)
    assert "1 bars are new, 0 restated, 1 as before; 0 other facts are new" in report.notes
    wall.time += timedelta(days=1)
    assert closes_seen(library, wall.time) == [10.0, 11.0, 12.0, 13.0]
    kept = "2 bars of another provider differ from those on hand, which were kept: 4 disagreements"
    assert any(note.startswith(kept) for note in report.notes)
    said = [note for note in report.notes if note.startswith("disagreement: ")]
    assert said[-1] == (
        f"disagreement: ABC {DAYS[1]}: the close of alphavantage is 1.045 times that of alpaca, "
        "at worst 4.3% apart"
    )
    assert library.import_report("down").notes == report.notes
    assert first.data_hash != report.data_hash

    # Each provider still restates its own bars: the fourth is the second one's.
    publish(library, bars([11.25], first=1), bars([13.5], first=3, source="alphavantage"))
    wall.time += timedelta(days=1)
    assert closes_seen(library, wall.time) == [10.0, 11.25, 12.0, 13.5]
    publish(library, bars([14], first=3))
    wall.time += timedelta(days=1)
    assert closes_seen(library, wall.time)[3] == 13.5


def test_a_difference_as_between_honest_sources_is_no_disagreement(
    library: LocalCatalog, wall: Wall
) -> None:
    first = publish(library, bars([10, 11, 12]))
    wall.time += timedelta(days=3)
    report = publish(library, bars([10.01, 11.01, 12.01], source="other"))
    assert report.data_hash == first.data_hash
    said = (
        "3 bars of another provider differ from those on hand, which were kept: no disagreements "
        "beyond rounding"
    )
    assert said in report.notes
    assert library.import_report("down").notes == report.notes


def test_a_vendor_does_not_restate_what_was_imported(tmp_path: Path, wall: Wall) -> None:
    put(tmp_path, name="down")
    library = LocalCatalog(tmp_path, wall)
    before = closes_seen(library, wall.time)
    report = publish(library, bars([2 * close for close in before[:3]]))
    assert report.data_hash == library.open("down").info().data_hash
    assert closes_seen(library, wall.time + timedelta(days=1)) == before
    (said,) = [note for note in report.notes if "the close of" in note]
    assert said == (
        f"disagreement: ABC {DAYS[0]}: the close of alpaca is 2 times that of files to {DAYS[2]}, "
        "at worst 50.0% apart"
    )


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 3)), max_size=8))
@settings(max_examples=15, deadline=None)
def test_a_bar_only_ever_has_vintages_of_one_provider(
    steps: list[tuple[str, int, int]],
) -> None:
    with TemporaryDirectory() as home:
        wall = Wall(at(-1, hours=1))
        library = LocalCatalog(Path(home), wall)
        expected: dict[int, tuple[str, float]] = {}
        for source, day, cents in steps:
            wall.time += timedelta(days=1)
            close = 10 + cents / 10
            publish(library, bars([close], first=day, source=source))
            if expected.get(day, (source, 0.0))[0] == source:
                expected[day] = (source, close)
        wall.time += timedelta(days=1)
        if expected:
            want = [expected[day][1] for day in sorted(expected)]
            assert closes_seen(library, wall.time) == want


@pytest.mark.promise("clock-skew")
@pytest.mark.parametrize("minutes", [-10, 0, 10])
def test_half_a_day_is_refused_though_clocks_differ(
    library: LocalCatalog, wall: Wall, minutes: int
) -> None:
    # While the session of the third bar is open, by a clock that is up to ten minutes off.
    wall.time = at(2, minutes=-1) + timedelta(minutes=minutes)
    report = publish(library, bars([10, 11, 12]))
    assert report.rows_kept == 2
    assert report.reasons[0].reason == "session had not closed when it was fetched"
    assert report.rejected[0].session == str(DAYS[2])
    wall.time = at(2, minutes=15) + timedelta(minutes=max(0, minutes))
    assert publish(library, bars([10, 11, 12.5])).rows_kept == 3
    assert closes_seen(library, at(2, seconds=1)) == [10.0, 11.0, 12.5]


@pytest.mark.promise("clock-skew")
def test_a_clock_that_was_set_back_puts_no_vintage_before_an_earlier_one(
    library: LocalCatalog, wall: Wall
) -> None:
    publish(library, bars([10]))
    publish(library, bars([11]))
    wall.time -= timedelta(minutes=10)
    publish(library, bars([12]))
    assert closes_seen(library, wall.time + timedelta(days=1)) == [12.0]
    assert closes_seen(library, wall.time + timedelta(minutes=5)) == [10.0]


@pytest.mark.promise("dirty-prices")
def test_bad_and_repeated_rows_are_quarantined(library: LocalCatalog) -> None:
    bad = bars([10, -1, 12, 13])
    report = publish(library, bad, bars([10], source="two"), bars([99], first=2))
    assert (report.rows_read, report.rows_kept, report.rows_rejected) == (6, 3, 3)
    assert {row.reason for row in report.rejected} == {
        "open is not above zero",
        "row duplicates an earlier one of the same symbol and session",
        "row contradicts an earlier one of the same symbol and session",
    }
    assert closes_seen(library, at(9)) == [10.0, 12.0, 13.0]


def test_a_download_of_nothing_usable_makes_no_set(library: LocalCatalog) -> None:
    with pytest.raises(InvalidRequest, match="next to nothing of the 2 rows"):
        publish(library, bars([-1, -2]))
    assert library.names() == ("bundled",)
    with pytest.raises(InvalidRequest, match="holds no rows"):
        publish(library)


def test_what_does_not_fit_a_set_is_refused(library: LocalCatalog, tmp_path: Path) -> None:
    publish(library, bars([10]))
    for other in ({"currency": "GBP"}, {"calendar": "XLON"}):
        library.stage("d1", "x", Staged((bars([1]),)))
        with pytest.raises(InvalidRequest, match="download into another one"):
            library.publish("d1", REQUEST.model_copy(update=other))
    with pytest.raises(InvalidRequest, match="adjusted in different ways"):
        publish(library, bars([1], adjustment="unknown"))
    with pytest.raises(InvalidRequest, match="never changed"):
        library.publish("d1", REQUEST.model_copy(update={"data": "bundled"}))
    with stored.alone(tmp_path / "data"), pytest.raises(Conflict, match="another import"):
        library.publish("d1", REQUEST)


def test_macro_and_texts_alone_make_a_set(library: LocalCatalog) -> None:
    publish(library, facts=(macro(1.0, at(2)), text()))
    market = library.open("down")
    assert market.info().symbols == ()
    assert market.view(at(5)).macro("UNRATE").values.tolist() == [1.0]
    publish(library, bars([10], adjustment="unknown"))
    assert library.open("down").info().adjustment == "unknown"


def test_a_ticker_means_whoever_bore_it_on_that_day(library: LocalCatalog) -> None:
    said: dict[str, Any] = SAID | {"known_time": at(0)}
    change = CorporateAction(
        action_id="c",
        instrument="OLD",
        kind="ticker_change",
        ex_date=DAYS[3],
        new_symbol="NEW",
        **said,
    )
    dividend = CorporateAction(
        action_id="d",
        instrument="NEW",
        kind="cash_dividend",
        ex_date=DAYS[4],
        cash=Decimal("0.5"),
        **said,
    )
    listing = Listing(instrument="OLD", symbol="OLD", first_session=DAYS[0], **said)
    rows = (bars([1, 2, 3], symbol="OLD"), bars([4, 5], symbol="NEW", first=3))
    report = publish(library, *rows, facts=(change, dividend, listing))
    assert report.symbols == ("OLD",)
    market = library.open("down")
    assert market.info().symbols == ("NEW", "OLD")
    assert closes_seen(library, at(6), "NEW") == [1.0, 2.0, 3.0, 4.0, 5.0]
    (paid,) = (a for a in market.view(at(6)).actions() if a.kind == "cash_dividend")
    assert paid.instrument == "OLD"


def test_many_downloads_are_kept_in_few_files(
    library: LocalCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.market.library._MOST_SEGMENTS", 3)
    for day in range(8):
        publish(library, bars([10 + day], first=day))
    assert closes_seen(library, at(9)) == [10.0 + day for day in range(8)]
    assert len(list((tmp_path / "data" / "down").glob("bars-*"))) <= 3
    library.check("down")


def test_bars_are_deleted_by_symbol_and_range(library: LocalCatalog) -> None:
    publish(library, bars([1, 2, 3, 4]), bars([5, 6, 7, 8], symbol="XYZ"))
    publish(library, bars([9], first=1))  # a vintage goes with its bar
    held = library.open("down")
    report = library.delete("down", symbols=["ABC"], start=DAYS[1], end=DAYS[2])
    assert report is not None
    assert "3 bars were deleted" in report.notes
    assert closes_seen(library, at(-1, days=9)) == [1.0, 4.0]
    assert closes_seen(library, at(9), "XYZ") == [5.0, 6.0, 7.0, 8.0]
    report = library.delete("down", symbols=["ABC"])
    assert report is not None
    assert report.symbols == ("XYZ",)
    assert library.open("down").info().symbols == ("XYZ",)
    with pytest.raises(NotFound, match="no symbol 'ABC'"):
        library.delete("down", symbols=["ABC"])
    with pytest.raises(InvalidRequest, match="end lies before"):
        library.delete("down", start=DAYS[2], end=DAYS[1])
    assert library.delete("down", end=DAYS[-1]) is None
    assert library.names() == ("bundled",)
    assert len(held.view(at(9)).bars("ABC").close) == 4


def test_a_whole_set_is_deleted_at_once(library: LocalCatalog, tmp_path: Path) -> None:
    put(tmp_path, facts=every_kind())
    assert library.delete("mine") is None
    assert library.names() == ("bundled",)
    assert [path.name for path in (tmp_path / "data").iterdir()] == [".lock"]
    with pytest.raises(NotFound, match="there are: bundled"):
        library.delete("mine")
    with pytest.raises(InvalidRequest, match="cannot be deleted"):
        library.delete("bundled")


def test_facts_of_an_instrument_go_with_its_last_bar(library: LocalCatalog, tmp_path: Path) -> None:
    put(tmp_path, facts=every_kind())
    library.delete("mine", symbols=["ABC"], start=DAYS[30])
    assert library.open("mine").info().actions == 2
    library.delete("mine", symbols=["ABC"])
    info = library.open("mine").info()
    assert (info.actions, info.universes, info.documents) == (1, (), 1)
    assert info.macro == ("UNRATE",)
    library.delete("mine", symbols=["XYZ"])
    assert library.open("mine").info().symbols == ()


def test_the_same_facts_make_the_same_set_however_they_arrived(
    library: LocalCatalog, wall: Wall
) -> None:
    publish(library, bars([1, 2, 3]))
    wall.time += timedelta(days=1)
    publish(library, bars([4, 5], symbol="XYZ", first=1), facts=(macro(1.0, at(2)),))
    steps = library.open("down").info().data_hash
    library.delete("down")
    wall.time += timedelta(days=1)
    both = (bars([4, 5], symbol="XYZ", first=1), bars([1, 2, 3], source="else"))
    assert publish(library, *both, facts=(macro(1.0, at(2)),)).data_hash == steps
    assert publish(library, bars([9], first=4)).data_hash != steps
