"""What is downloaded is held against the prices as what is imported is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.calendar import ExchangeCalendar
from adapters.market.catalog import LocalCatalog
from adapters.market.files import ImportOptions, import_dataset
from interfaces.market import AS_TRADED, Staged
from interfaces.providers import RawBars
from schemas.downloads import DownloadRequest
from schemas.facts import CorporateAction
from schemas.market import ImportReport

NYSE = ExchangeCalendar("XNYS")
DAYS = NYSE.sessions(date(2019, 1, 2), date(2020, 12, 31))
NOW = datetime.fromisoformat("2021-03-04T05:06:07+00:00")
FIELDS = ("open", "high", "low", "close", "volume")
Change = Callable[[int, dict[str, float]], dict[str, float]]


class Wall:
    time = NOW

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def library(tmp_path: Path) -> LocalCatalog:
    return LocalCatalog(tmp_path, Wall())


def bar(at: int, change: Change | None = None) -> dict[str, float]:
    level = 50 * (1 + 0.004 * ((at * 7) % 11) - 0.003 * (at % 3))
    found = {
        "open": level,
        "high": level * 1.01,
        "low": level * 0.99,
        "close": level * 1.002,
        "volume": 10_000.0 + 37 * (at % 13),
    }
    return change(at, found) if change else found


def bars(
    span: Sequence[int] | range,
    change: Change | None = None,
    *,
    symbol: str = "ABC",
    adjustment: Any = "raw",
    **more: Sequence[str],
) -> RawBars:
    rows = [bar(at, change) for at in span]
    cells: dict[str, Sequence[str]] = {"date": [str(DAYS[at]) for at in span]}
    cells |= {name: [f"{row[name]:.4f}" for row in rows] for name in FIELDS}
    return RawBars("vendor", symbol, {**cells, **more}, adjustment=adjustment)


def split_from(day: int, ratio: float) -> Change:
    def change(at: int, row: dict[str, float]) -> dict[str, float]:
        if at < day:
            return row
        return {k: v * ratio if k == "volume" else v / ratio for k, v in row.items()}

    return change


def spoilt(day: int, factor: float) -> Change:
    return lambda at, row: (
        {k: v if k == "volume" else v * factor for k, v in row.items()} if at == day else row
    )


def publish(
    library: LocalCatalog, *rows: RawBars, facts: tuple[Any, ...] = (), **changes: Any
) -> ImportReport:
    span: dict[str, Any] = {"start_date": DAYS[0], "end_date": DAYS[-1]}
    request = DownloadRequest(data="down", symbols=("ABC",), **span | changes)
    library.stage("d1", "all", Staged(rows, facts))
    return library.publish("d1", request)


def action(kind: Any, day: int, **values: Any) -> CorporateAction:
    return CorporateAction(
        action_id=f"ABC:{kind}:{DAYS[day]}",
        instrument="ABC",
        kind=kind,
        ex_date=DAYS[day],
        known_time=NYSE.closes_at(DAYS[day - 1]),
        stored_time=NOW,
        provider="vendor",
        **values,
    )


def split(day: int, new: int = 4) -> CorporateAction:
    return action("split", day, new_units=Decimal(new), old_units=Decimal(1))


def closes(library: LocalCatalog, moment: datetime = NOW, symbol: str = "ABC") -> dict[date, float]:
    found = library.open("down").view(moment).bars(symbol, how=AS_TRADED)
    return dict(zip(found.sessions.tolist(), found.close.tolist(), strict=True))


@pytest.mark.promise("dirty-prices")
def test_a_bar_that_cannot_be_true_beside_its_neighbours_is_quarantined(
    library: LocalCatalog,
) -> None:
    report = publish(library, bars(range(80), spoilt(40, 10)))
    assert (report.rows_read, report.rows_kept) == (80, 79)
    (row,) = report.rejected
    assert (row.source, row.line, row.session) == ("vendor", 42, str(DAYS[40]))
    assert row.reason == "bar cannot be true beside its neighbours (decimal_point)"
    assert DAYS[40] not in closes(library)
    again = publish(library, bars(range(80), spoilt(40, 10)))
    assert (again.rows_rejected, len(closes(library))) == (1, 79)


def test_a_download_and_an_import_of_the_same_rows_keep_the_same(
    library: LocalCatalog, tmp_path: Path
) -> None:
    rows = bars(range(120), spoilt(60, 0.01))
    publish(library, rows)
    lines = zip(*(rows.columns[name] for name in ("date", *FIELDS)), strict=True)
    text = "\n".join(["date,open,high,low,close,volume", *(",".join(line) for line in lines)])
    (tmp_path / "ABC.csv").write_text(text)
    import_dataset(tmp_path / "ABC.csv", "mine", home=tmp_path, options=ImportOptions(now=NOW))
    one, other = (library.open(name).info().data_hash for name in ("down", "mine"))
    assert one == other


@pytest.mark.promise("dirty-prices")
def test_the_newest_bar_is_taken_out_once_those_after_it_show_it_to_be_wrong(
    library: LocalCatalog,
) -> None:
    publish(library, bars(range(60), spoilt(59, 10)))
    assert len(closes(library)) == 60  # with one neighbour nobody can tell
    report = publish(library, bars(range(60, 64)))
    assert any(str(DAYS[59]) in note and "taken out" in note for note in report.notes)
    assert list(closes(library)) == [day for at, day in enumerate(DAYS[:64]) if at != 59]
    library.check("down")
    steps = library.open("down").info().data_hash
    library.delete("down")
    publish(library, bars(range(64), spoilt(59, 10)))
    assert library.open("down").info().data_hash == steps


@pytest.mark.promise("dirty-prices")
def test_a_restated_bar_passes_the_same_checks(library: LocalCatalog) -> None:
    publish(library, bars(range(80)))
    before = closes(library)
    report = publish(library, bars(range(38, 42), spoilt(40, 10)))
    assert report.reasons[0].reason == "bar cannot be true beside its neighbours (decimal_point)"
    assert "0 bars are new, 0 restated" in " ".join(report.notes)
    assert closes(library, NOW + timedelta(days=1)) == before
    publish(library, bars(range(38, 42), spoilt(40, 1.004)))
    assert closes(library, NOW + timedelta(days=1))[DAYS[40]] != before[DAYS[40]]


@pytest.mark.promise("corporate-actions")
@pytest.mark.parametrize("when", ["at once", "across two downloads"])
def test_a_split_nobody_states_is_suspected_until_it_is_known(
    library: LocalCatalog, when: str
) -> None:
    change = split_from(50, 4)
    if when == "at once":
        report = publish(library, bars(range(90), change))
    else:
        assert publish(library, bars(range(50), change)).suspected_splits == ()
        report = publish(library, bars(range(50, 90), change))
    (suspect,) = report.suspected_splits
    assert (suspect.symbol, suspect.session, suspect.said()) == ("ABC", DAYS[50], "4:1")
    assert library.open("down").info().suspected_splits == (suspect,)
    said = " ".join((*report.notes, *report.caveats))
    assert "prices look unadjusted: ABC" in said
    assert "--splits adjust" in said
    later = publish(library, bars(range(90, 95), change))
    assert later.suspected_splits == (suspect,)
    known = publish(library, facts=(split(50),))
    assert known.suspected_splits == library.open("down").info().suspected_splits == ()
    assert "prices look unadjusted" not in " ".join(known.caveats)
    adjusted = library.open("down").view(NOW).bars("ABC").close
    assert np.abs(np.diff(np.log(adjusted))).max() < 0.1


@pytest.mark.promise("corporate-actions")
@pytest.mark.parametrize("decision", ["adjust", "accept"])
def test_the_same_download_again_decides_about_a_suspected_split(
    library: LocalCatalog, decision: Any
) -> None:
    rows = bars(range(90), split_from(50, 4))
    publish(library, rows)
    report = publish(library, rows, splits=decision)
    assert report.suspected_splits == library.open("down").info().suspected_splits == ()
    assert "--splits" not in " ".join(report.notes)
    view = library.open("down").view(NOW)
    made = view.actions()
    assert len(made) == (decision == "adjust")
    jump = np.abs(np.diff(np.log(view.bars("ABC").close))).max()
    assert (jump < 0.1) == (decision == "adjust")
    for one in made:
        # An inferred split is known before the open of its day: no holding loses by it.
        assert one.inferred
        assert one.known_time < NYSE.opens_at(one.ex_date)
        morning = library.open("down").view(NYSE.opens_at(DAYS[50]))
        assert [each.kind for _, each in morning.applied(NYSE.closes_at(DAYS[49]))] == ["split"]
        before = closes(library)[DAYS[49]]
        assert morning.last_close("ABC") == (DAYS[49], pytest.approx(before / 4))
    assert publish(library, bars(range(90, 95), split_from(50, 4))).suspected_splits == ()


@pytest.mark.promise("corporate-actions")
def test_a_known_split_is_no_fault_of_the_bars(library: LocalCatalog) -> None:
    report = publish(library, bars(range(90), split_from(50, 100)), facts=(split(50, 100),))
    assert (report.rows_rejected, report.suspected_splits) == (0, ())
    assert len(closes(library)) == 90


def told(column: str, day: int, value: str, none: str) -> dict[str, list[str]]:
    return {column: [value if at == day else none for at in range(90)]}


@pytest.mark.promise("corporate-actions")
def test_what_rows_of_prices_state_becomes_an_action_once(library: LocalCatalog) -> None:
    columns = told("split", 50, "4.0", "1.0") | told("dividend", 70, "0.25", "0.0")
    rows = bars(range(90), split_from(50, 4), **columns)
    report = publish(library, rows)
    assert report.suspected_splits == ()
    actions = library.open("down").view(NOW).actions()
    assert [(one.kind, one.ex_date, one.action_id) for one in actions] == [
        ("split", DAYS[50], f"ABC:split:{DAYS[50]}"),
        ("cash_dividend", DAYS[70], f"ABC:cash_dividend:{DAYS[70]}"),
    ]
    assert all(one.known_time < NYSE.opens_at(one.ex_date) for one in actions)
    facts = (split(50), action("cash_dividend", 70, cash=Decimal("0.25")))
    publish(library, rows, facts=facts)
    assert len(library.open("down").view(NOW).actions()) == 2
    library.delete("down")
    publish(library, rows, facts=facts)
    assert library.open("down").info().actions == 2


def test_a_stated_split_that_the_prices_do_not_show_is_not_recorded(
    library: LocalCatalog,
) -> None:
    report = publish(library, bars(range(90), adjustment="unknown"), facts=(split(50),))
    assert library.open("down").info().actions == 0
    assert f"in the prices already and was not recorded: ABC {DAYS[50]}" in " ".join(report.notes)


def test_a_dividend_above_the_price_is_not_recorded(library: LocalCatalog) -> None:
    facts = (action("cash_dividend", 20, cash=Decimal(900)),)
    report = publish(library, bars(range(90)), facts=facts)
    assert library.open("down").info().actions == 0
    assert "not below the close before it" in " ".join(report.notes)


@pytest.mark.promise("corporate-actions")
def test_a_ticker_that_comes_back_after_a_long_gap_is_another_company(
    library: LocalCatalog,
) -> None:
    rows = bars([*range(60), *range(140, 200)])
    report = publish(library, rows)
    assert report.symbols == ("ABC", "ABC.2")
    assert "80 sessions without a bar" in " ".join(report.notes)
    view = library.open("down").view(NOW)
    assert [view.bars(name, how=AS_TRADED).sessions[0] for name in ("ABC.1", "ABC")] == [
        DAYS[0],
        DAYS[140],
    ]
    assert set(library.open("down").info().symbols) == {"ABC", "ABC.1"}
    assert publish(library, bars(range(200, 210))).symbols == ("ABC", "ABC.2")
    assert closes(library)[DAYS[205]] == pytest.approx(bar(205)["close"], abs=1e-4)


def test_days_that_nobody_asked_for_tell_no_companies_apart(library: LocalCatalog) -> None:
    publish(library, bars(range(60)), end_date=DAYS[60])
    report = publish(library, bars(range(140, 200)), start_date=DAYS[140])
    assert report.symbols == ("ABC",)
    between = publish(library, bars(range(190, 210)))
    assert "if they are two" in " ".join(between.notes)
    assert between.symbols == ("ABC",)


@pytest.mark.promise("corporate-actions")
def test_a_dividend_is_weighed_in_the_units_that_a_split_before_it_made(
    library: LocalCatalog, tmp_path: Path
) -> None:
    # A halt over both days: 90 of a unit worth 500 after a 1:10 split is no nonsense.
    change = split_from(50, 0.1)
    rows = bars([*range(50), *range(52, 90)], change)
    reverse = action("split", 50, new_units=Decimal(1), old_units=Decimal(10))
    report = publish(library, rows, facts=(reverse, action("cash_dividend", 51, cash=Decimal(90))))
    assert library.open("down").info().actions == 2, report.notes
    lines = zip(*(rows.columns[name] for name in ("date", *FIELDS)), strict=True)
    text = "\n".join(["date,open,high,low,close,volume", *(",".join(line) for line in lines)])
    (tmp_path / "ABC.csv").write_text(text)
    table = f"symbol,kind,ex_date,ratio,cash\nABC,split,{DAYS[50]},1:10,\n"
    (tmp_path / "a.csv").write_text(f"{table}ABC,cash_dividend,{DAYS[51]},,90\n")
    options = ImportOptions(now=NOW, tables={"actions": tmp_path / "a.csv"})
    import_dataset(tmp_path / "ABC.csv", "mine", home=tmp_path, options=options)
    assert library.open("mine").info().actions == 2


@pytest.mark.promise("dirty-prices")
def test_a_column_that_names_no_split_hides_no_large_one_of_a_download(
    library: LocalCatalog,
) -> None:
    rows = bars(range(90), split_from(50, 15), split=["1.0"] * 90)
    (suspect,) = publish(library, rows).suspected_splits
    assert (suspect.session, suspect.ratio) == (DAYS[50], 15.0)
    assert publish(library, rows, splits="adjust").suspected_splits == ()
    assert [each.inferred for each in library.open("down").view(NOW).actions()] == [True]


def collapse(day: int) -> Change:
    return lambda at, row: (
        row if at < day else {k: v * 0.3 if k == "volume" else v / 30 for k, v in row.items()}
    )


@pytest.mark.promise("dirty-prices")
@pytest.mark.parametrize("pieces", [1, 2])
def test_volume_that_contradicts_a_split_keeps_a_downloaded_one_suspected(
    library: LocalCatalog, pieces: int
) -> None:
    rows = bars(range(90), collapse(50))
    if pieces == 2:
        publish(library, rows)
    report = publish(library, rows, splits="adjust")
    (suspect,) = report.suspected_splits
    info = library.open("down").info()
    assert (info.suspected_splits, info.actions) == ((suspect,), 0)
    assert "another company, or a collapse?" in " ".join(report.notes)
    assert sum("collapse?" in line for line in info.caveats) == 1
    again = publish(library, rows, splits="adjust")
    assert sum("collapse?" in line for line in again.caveats) == 1
    publish(library, rows, splits="accept")
    info = library.open("down").info()
    assert info.suspected_splits == ()
    assert not any("collapse?" in line for line in info.caveats)
