"""A data set's bad bars are quarantined, its doubtful ones reported, its gaps counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from pyarrow import csv

from adapters.calendar import ExchangeCalendar
from adapters.market.arrays import PriceArrays
from adapters.market.bundled import load_bundled
from adapters.market.findings import REPORTED
from adapters.market.inspection import (
    Inspection,
    compare_prices,
    coverage_of,
    inspect_prices,
)
from schemas.market import DatasetInfo
from schemas.quality import CoverageReport, Finding
from tests.quant.faulty_bars import REJECTS, SHIFTS, WARNS, Bars, plant, walk

FIELDS = ("open", "high", "low", "close", "volume")
LATER = datetime(2030, 1, 1, tzinfo=UTC)


@cache
def calendar() -> ExchangeCalendar:
    return ExchangeCalendar("XNYS")


@dataclass(frozen=True)
class Real:
    """Prices as somebody publishes them."""

    arrays: PriceArrays
    close_only: bool

    def inspected(self) -> Inspection:
        return inspect_prices(self.arrays, calendar(), close_only=self.close_only)


@cache
def bundled() -> Real:
    table = load_bundled(calendar())
    view = table.view(LATER)
    symbols = sorted((*table.info().symbols, *table.info().benchmarks))
    bars = [view.bars(symbol) for symbol in symbols]
    sessions = np.unique(np.concatenate([one.sessions for one in bars]))
    close = np.full((len(sessions), len(bars)), np.nan)
    for column, one in enumerate(bars):
        close[np.searchsorted(sessions, one.sessions), column] = one.close
    nothing = np.full_like(close, np.nan)
    return Real(PriceArrays(tuple(symbols), sessions, close, close, close, close, nothing), True)


@cache
def index(name: str) -> Real:
    """Return twenty years of an index with volumes, as arch bundles it."""
    # Importing arch costs seconds; only its file is read, not its code.
    package = find_spec("arch")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "data" / name / f"{name}.csv.gz"
    american = csv.ConvertOptions(timestamp_parsers=["%m/%d/%Y", "%Y-%m-%d"])
    table = csv.read_csv(path, convert_options=american)
    columns = (
        table.column(field.capitalize()).to_numpy().astype(float)[:, None] for field in FIELDS
    )
    days = table.column("Date").to_numpy().astype("datetime64[D]")
    return Real(PriceArrays((name.upper(),), days, *columns), False)


def real() -> list[Real]:
    return [bundled(), index("sp500"), index("nasdaq")]


def sessions(count: int, start: date = date(2015, 1, 2)) -> np.ndarray:
    days = calendar().sessions(start, date(2029, 12, 31))[:count]
    return np.array(days, dtype="datetime64[D]")


def arrays_of(bars: list[Bars], days: np.ndarray | None = None) -> PriceArrays:
    grids = (np.column_stack([getattr(one, field) for one in bars]) for field in FIELDS)
    symbols = tuple(f"S{k:03d}" for k in range(len(bars)))
    return PriceArrays(symbols, sessions(len(bars[0].close)) if days is None else days, *grids)


def walked(columns: int = 3, *, length: int = 400, seed: int = 1) -> PriceArrays:
    rng = np.random.default_rng(seed)
    return arrays_of([walk(rng, length) for _ in range(columns)])


def inspected(arrays: PriceArrays) -> Inspection:
    return inspect_prices(arrays, calendar(), close_only=False)


def without(arrays: PriceArrays, rows: slice | list[int], column: int) -> PriceArrays:
    fields = {name: getattr(arrays, name).copy() for name in FIELDS}
    for values in fields.values():
        values[rows, column] = np.nan
    return replace(arrays, **fields)


def changed(arrays: PriceArrays, row: int, column: int, **values: float) -> PriceArrays:
    fields = {name: getattr(arrays, name).copy() for name in FIELDS}
    for name, value in values.items():
        fields[name][row, column] = value
    return replace(arrays, **fields)


def only(findings: Iterable[Finding], check: str) -> list[Finding]:
    return [one for one in findings if one.check == check]


@pytest.mark.promise("dirty-prices")
def test_less_than_one_real_bar_in_a_hundred_is_doubted_and_next_to_none_rejected() -> None:
    bars = warned = refused = 0
    for one in real():
        reports = one.inspected().reports
        bars += sum(report.bars for report in reports)
        warned += sum(report.warned for report in reports)
        refused += sum(report.rejected for report in reports)
        assert all(report.warned <= 0.01 * report.bars for report in reports if report.bars > 9000)
    print(f"{bars} real bars: {warned / bars:.4%} warned of, {refused / bars:.5%} rejected")  # noqa: T201 - the figures the documents state
    assert bars > 190_000
    assert warned + refused < 0.01 * bars
    assert refused < 0.0001 * bars


@pytest.mark.parametrize("day", ["2000-04-14", "2008-10-13", "2008-10-15", "2020-03-12"])
def test_no_bar_of_a_day_everybody_remembers_is_rejected(day: str) -> None:
    days = np.datetime64(day) + np.arange(-20, 40)
    for one in real():
        kept = one.inspected().arrays.close
        rows = np.isin(one.arrays.sessions.astype("datetime64[D]"), days)
        assert np.array_equal(kept[rows], one.arrays.close[rows], equal_nan=True)


def test_two_sessions_of_the_real_index_without_volume_are_reported() -> None:
    findings = index("nasdaq").inspected().findings
    assert [(one.session.isoformat(), one.check) for one in findings] == [
        ("2015-05-12", "zero_volume"),
        ("2018-01-09", "zero_volume"),
    ]


@pytest.mark.promise("dirty-prices")
@pytest.mark.parametrize("name", ["sp500", "nasdaq"])
def test_faults_planted_in_real_prices_are_found(name: str) -> None:
    arrays = index(name).arrays
    planted = found = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        fields = (getattr(arrays, field)[:, 0].copy() for field in FIELDS)
        bars = Bars(np.arange(len(arrays.sessions)), *fields)
        kinds = (*REJECTS, "no volume", "units of volume", "stale")
        faults = plant(rng, [bars], kinds=kinds, each=120)
        done = inspected(arrays_of([bars], arrays.sessions))
        told = {(one.session, one.check) for one in done.findings}
        for fault in faults:
            days = arrays.sessions[fault.bar - 2 : fault.bar + 1].astype("datetime64[D]").tolist()
            about = days if fault.kind == "stale" else days[-1:]
            planted += 1
            found += any((day, check) in told for day in about for check in fault.checks)
            assert not fault.rejects or np.isnan(done.arrays.close[fault.bar, 0])
        assert done.rejected == sum(fault.rejects for fault in faults)
    assert found >= 0.99 * planted


@pytest.mark.promise("dirty-prices")
def test_a_rejected_bar_is_gone_from_every_field_and_nothing_else_is() -> None:
    arrays = walked()
    faulty = changed(arrays, 100, 1, high=float(arrays.low[100, 1]) * 0.5)
    before = {name: getattr(faulty, name).copy() for name in FIELDS}
    done = inspected(faulty)
    (finding,) = only(done.findings, "ohlc")
    assert (finding.symbol, finding.severity) == ("S001", "reject")
    assert finding.session == arrays.sessions[100].item()
    assert done.rejected == 1
    for name in FIELDS:
        assert np.array_equal(getattr(faulty, name), before[name])
        expected = before[name].copy()
        expected[100, 1] = np.nan
        assert np.array_equal(getattr(done.arrays, name), expected, equal_nan=True)


def test_sound_arrays_come_back_as_they_are() -> None:
    sound = index("sp500").arrays
    assert inspected(sound).arrays is sound


def test_of_closes_alone_one_array_stays_one_array() -> None:
    real_bars = bundled()
    faulty = real_bars.arrays.close.copy()
    faulty[500, 0] *= 10
    arrays = replace(real_bars.arrays, open=faulty, high=faulty, low=faulty, close=faulty)
    done = inspect_prices(arrays, calendar(), close_only=True)
    assert np.isnan(done.arrays.close[500, 0])
    assert done.arrays.open is done.arrays.close


def test_sessions_without_a_bar_are_counted_from_the_first_bar_to_the_last() -> None:
    arrays = without(walked(2), slice(0, 10), 0)
    arrays = without(arrays, [50, 51, 52, 80], 0)
    arrays = without(arrays, slice(390, 400), 0)
    done = inspected(arrays)
    (report, other) = done.reports
    assert (report.missing, other.missing) == (4, 0)
    assert report.bars == 400 - 10 - 4 - 10
    assert (report.first, report.last) == (arrays.sessions[10].item(), arrays.sessions[389].item())
    told = [(one.session, one.sessions, one.detail) for one in only(done.findings, "missing")]
    assert told == [
        (arrays.sessions[50].item(), 3, "no bar in 3 sessions"),
        (arrays.sessions[80].item(), 1, "no bar in one session"),
    ]


def test_a_session_that_nobody_has_is_missing_from_everybody() -> None:
    arrays = walked(2)
    keep = np.arange(400) != 200
    short = PriceArrays(
        arrays.symbols, arrays.sessions[keep], *(getattr(arrays, name)[keep] for name in FIELDS)
    )
    assert [report.missing for report in inspected(short).reports] == [1, 1]


def test_a_bar_on_a_day_without_a_session_is_rejected() -> None:
    arrays = walked(1)
    days = arrays.sessions.copy()
    sunday = np.datetime64("2015-03-08")
    days[np.searchsorted(days, sunday) - 1] = sunday
    done = inspected(replace(arrays, sessions=days))
    (finding,) = only(done.findings, "no_session")
    assert (finding.session, finding.severity) == (date(2015, 3, 8), "reject")
    assert done.reports[0].missing == 1


def test_an_instrument_without_a_bar_has_a_report_that_says_so() -> None:
    (report, _) = inspected(without(walked(2), slice(None), 0)).reports
    assert (report.bars, report.first, report.last, report.missing) == (0, None, None, 0)


def test_a_move_that_a_known_action_explains_is_no_finding() -> None:
    rng = np.random.default_rng(3)
    bars = [walk(rng, 400)]
    (split,) = plant(rng, bars, kinds=("split",), each=1)
    arrays = arrays_of(bars)
    day: date = arrays.sessions[split.bar].item()
    (told,) = inspected(arrays).findings
    assert (told.session, told.check, told.severity) == (day, "suspected_split", "warn")
    known = inspect_prices(arrays, calendar(), close_only=False, explained=[("S000", day)])
    assert known.findings == ()
    assert known.reports[0].warned == 0
    elsewhere = inspect_prices(arrays, calendar(), close_only=False, explained=[("FOO", day)])
    assert elsewhere.findings == (told,)


def test_findings_are_told_up_to_a_limit_and_counted_beyond_it() -> None:
    arrays = walked(4)
    broken = replace(arrays, high=arrays.low * 0.5)
    done = inspected(changed(broken, 3, 0, close=np.inf))
    assert len(done.findings) == REPORTED
    assert {one.severity for one in done.findings} == {"reject"}
    assert done.rejected == 1600
    assert sum(count.bars for report in done.reports for count in report.rejections) == 1600
    assert np.isnan(done.arrays.close).all()


def test_counts_of_a_report_agree_with_its_findings() -> None:
    rng = np.random.default_rng(11)
    bars = [walk(rng, 700) for _ in range(6)]
    plant(rng, bars, kinds=(*REJECTS, *WARNS, *SHIFTS), each=9)
    done = inspected(arrays_of(bars))
    for report in done.reports:
        own = [one for one in done.findings if one.symbol == report.symbol]
        gone = [one for one in own if one.severity == "reject"]
        assert report.rejected == len(gone) == sum(count.bars for count in report.rejections)
        kept = {(one.check, one.sessions) for one in own if one.severity == "warn"}
        assert {count.check for count in report.warnings} == {check for check, _ in kept}
        assert report.bars - report.rejected == int(
            (~np.isnan(done.arrays.close[:, done.arrays.symbols.index(report.symbol)])).sum()
        )


def test_two_providers_are_compared_instrument_by_instrument() -> None:
    a = walked(3)
    close = a.close.copy()
    close[100:103, 1] *= 1.03
    b = PriceArrays(
        ("S001", "S002", "S009"), a.sessions, a.open[:, [1, 2, 0]], a.high[:, [1, 2, 0]],
        a.low[:, [1, 2, 0]], close[:, [1, 2, 0]], a.volume[:, [1, 2, 0]],
    )  # fmt: skip
    (finding,) = compare_prices(a, b)
    assert (finding.symbol, finding.check, finding.severity) == ("S001", "disagreement", "warn")
    assert (finding.session, finding.sessions) == (a.sessions[100].item(), 3)
    assert "1.03 times" in finding.detail
    assert compare_prices(a, a) == ()


def info(arrays: PriceArrays) -> DatasetInfo:
    return DatasetInfo(
        name="mine", description="of mine", data_hash="0" * 64, calendar="XNYS", currency="USD",
        close_only=False, adjustment="raw", symbols=arrays.symbols, benchmarks=(), caveats=(),
    )  # fmt: skip


def test_coverage_counts_sound_bars_by_month() -> None:
    arrays = without(walked(3), slice(0, 30), 0)
    arrays = without(arrays, [100, 101], 0)
    arrays = without(arrays, slice(41, 61), 1)  # all of March 2015 but the first two sessions
    arrays = changed(arrays, 200, 2, close=-1.0)
    report = coverage_of(info(arrays), arrays, calendar())
    days = arrays.sessions.tolist()
    assert report.months == tuple(dict.fromkeys(f"{day.year}-{day.month:02d}" for day in days))
    for month, count in zip(report.months, report.sessions, strict=True):
        assert count == sum(day.isoformat().startswith(month) for day in days)
    first, second, third = report.instruments
    assert first.bars[:3] == (0, 9, report.sessions[2])
    assert first.missing[:3] == (0, 0, 0)  # it began in the middle of February
    assert (sum(first.bars), sum(first.missing)) == (400 - 32, 2)
    assert (second.bars[2], second.missing[2]) == (2, 20)
    assert third.quality.rejected == 1
    assert (sum(third.bars), sum(third.missing)) == (399, 1)
    again = CoverageReport.model_validate_json(report.model_dump_json())
    assert again == report


def test_coverage_knows_months_and_instruments_without_a_bar() -> None:
    arrays = walked(2)
    gone = [
        k for k, day in enumerate(arrays.sessions.tolist()) if (day.year, day.month) == (2015, 6)
    ]
    keep = np.setdiff1d(np.arange(400), gone)
    short = PriceArrays(
        arrays.symbols, arrays.sessions[keep], *(getattr(arrays, name)[keep] for name in FIELDS)
    )
    report = coverage_of(info(short), without(short, slice(None), 1), calendar())
    june = report.months.index("2015-06")
    assert report.sessions[june] == len(gone)
    assert report.instruments[0].bars[june] == 0
    assert report.instruments[0].missing[june] == len(gone)
    assert {*report.instruments[1].bars, *report.instruments[1].missing} == {0}


def test_coverage_takes_the_word_of_an_earlier_inspection() -> None:
    arrays = walked(2)
    done = inspected(changed(arrays, 50, 0, low=-1.0))
    report = coverage_of(info(arrays), done.arrays, calendar(), quality=done.reports)
    assert report.instruments[0].quality == done.reports[0]
    assert sum(report.instruments[0].bars) == 399


def test_coverage_of_nothing_is_empty() -> None:
    none = np.zeros((0, 0))
    arrays = PriceArrays((), np.zeros(0, "datetime64[D]"), none, none, none, none, none)
    report = coverage_of(info(arrays), arrays, calendar())
    assert (report.months, report.instruments) == ((), ())
