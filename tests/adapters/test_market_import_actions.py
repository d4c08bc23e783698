"""What files say of dividends, splits and adjusted closes stands beside prices as traded."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interfaces.market import Reading
from tests.adapters.import_files import NYSE, YEAR, imported, prices, table

EX = YEAR[100]
DAYS = YEAR[:40]
KINDS = (
    "kind is none of split, stock_dividend, cash_dividend, ticker_change, delisting, cash_merger"
)
FIELDS = ("open", "high", "low", "close")


def alpha_vantage(path: Path, *, split: float = 1.0, dividend: float = 0.0) -> np.ndarray:
    """Write a daily adjusted file as the vendor does; return its adjusted closes, oldest first."""
    rng = np.random.default_rng(7)
    whole = 60 * np.exp(np.cumsum(rng.normal(0, 0.01, len(YEAR))))
    raw = np.where(np.array(YEAR) < EX, whole * split, whole)
    factor = np.where(np.array(YEAR) < EX, (1 - dividend / whole[99]) / split, 1.0)
    series = {
        str(day): {
            **{f"{at}. {name}": f"{raw[row]:.4f}" for at, name in enumerate(FIELDS, 1)},
            "5. adjusted close": f"{raw[row] * factor[row]:.12f}",
            "6. volume": "1000000",
            "7. dividend amount": f"{dividend if day == EX else 0:.4f}",
            "8. split coefficient": f"{split if day == EX else 1:.1f}",
        }
        for row, day in enumerate(YEAR)
    }
    content = {"Meta Data": {"2. Symbol": path.stem}, "Time Series (Daily)": series}
    path.write_text(json.dumps(content))
    return raw * factor


@pytest.mark.promise("corporate-actions")
@pytest.mark.parametrize(("split", "dividend"), [(1.0, 0.82), (4.0, 0.0), (15.0, 0.5), (0.1, 0.2)])
def test_adjusting_by_the_recorded_actions_gives_the_sources_own_adjusted_closes(
    tmp_path: Path, split: float, dividend: float
) -> None:
    adjusted = alpha_vantage(tmp_path / "IBM.json", split=split, dividend=dividend)
    report, on = imported(tmp_path, tmp_path / "IBM.json")
    view = on(date(2020, 1, 2))
    assert view.bars("IBM", how=Reading("all")).close == pytest.approx(adjusted, rel=2e-4)
    raw = view.bars("IBM", how=Reading("raw")).close
    before = adjusted[99] * split / (1 - dividend * split / raw[99])
    assert raw[99] == pytest.approx(before, rel=2e-4)
    kinds = [action.kind for action in view.actions()]
    assert sorted(kinds) == sorted(["split"] * (split != 1) + ["cash_dividend"] * (dividend > 0))
    assert all(action.known_time == NYSE.closes_at(YEAR[99]) for action in view.actions())
    assert on(YEAR[99]).actions() == ()
    assert report.suspected_splits == ()
    assert not [note for note in report.notes if "adjusted close moves" in note]


EVENTS = st.dictionaries(
    st.integers(1, len(DAYS) - 1),
    st.tuples(
        st.sampled_from([1.0, 2.0, 1.5, 15.0, 0.1]), st.sampled_from([0.0, 0.002, 0.013, 0.2])
    ),
    max_size=5,
)


def eventful(home: Path, events: dict[int, tuple[float, float]], rows: int) -> np.ndarray:
    """Write prices with splits, and dividends as shares of the price; return them adjusted."""
    whole = 60 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.004, len(DAYS))))
    units, factor = np.ones(len(DAYS)), np.ones(len(DAYS))
    for at, (split, _) in events.items():
        units[:at] *= split
    raw = whole * units
    cash = {at: (share * raw[at - 1] / split).round(6) for at, (split, share) in events.items()}
    lines: list[str] = []
    for at in sorted(events, reverse=True):
        split, _ = events[at]
        factor[:at] *= (1 - cash[at] * split / raw[at - 1]) / split
    for at, day in enumerate(DAYS[:rows]):
        split, _ = events.get(at, (1.0, 0.0))
        bar = ",".join([f"{raw[at]:.12f}"] * 4)
        lines.append(f"{day},ABC,{bar},500,{split},{cash.get(at, 0):f}")
    table(home / "p.csv", "date,symbol,open,high,low,close,volume,split,dividend", lines)
    return raw * factor


@pytest.mark.promise("corporate-actions")
@settings(max_examples=12, deadline=None)
@given(events=EVENTS)
def test_any_splits_and_dividends_adjust_to_total_returns(
    events: dict[int, tuple[float, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    adjusted = eventful(home, events, len(DAYS))
    _, on = imported(home, home / "p.csv")
    bars = on(date(2020, 1, 2)).bars("ABC", how=Reading("all"))
    assert bars.close == pytest.approx(adjusted, rel=1e-9)


@pytest.mark.promise("no-look-ahead")
@settings(max_examples=12, deadline=None)
@given(events=EVENTS, cut=st.integers(2, len(DAYS) - 1))
def test_what_is_said_later_changes_nothing_before(
    events: dict[int, tuple[float, float]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    events.pop(cut, None)  # known on the evening before, which a shorter file cannot show
    seen: list[object] = []
    for rows in (cut, len(DAYS)):
        home = tmp_path_factory.mktemp("home")
        eventful(home, events | {len(DAYS) - 1: (4.0, 0.0)}, len(DAYS))
        lines = (home / "p.csv").read_text().splitlines()[: rows + 1]
        (home / "p.csv").write_text("\n".join(lines) + "\n")
        view = imported(home, home / "p.csv")[1](DAYS[cut])
        bars = view.bars("ABC", how=Reading("all"))
        actions = [each.model_dump() for each in view.actions()]
        seen.append((view.symbols(), view.last_close("ABC"), bars.close.tolist(), actions))
    assert seen[0] == seen[1]


def test_columns_of_a_table_say_the_same(tmp_path: Path) -> None:
    lines = [
        f"{line},{'0.5' if at == 100 else '0'},{'3:2' if at == 150 else ''}"
        for at, line in enumerate(prices("ABC", YEAR, lambda at: 60 if at < 150 else 40))
    ]
    header = "Date,Symbol,Open,High,Low,Close,Volume,Dividends,Split"
    path = table(tmp_path / "p.csv", header, lines)
    _, on = imported(tmp_path, path)
    dividend, split = on(date(2020, 1, 2)).actions()
    assert (dividend.kind, dividend.cash, dividend.ex_date) == ("cash_dividend", Decimal("0.5"), EX)
    assert (split.new_units, split.old_units, split.ex_date) == (3, 2, YEAR[150])


def test_an_adjusted_close_that_its_dividends_do_not_explain_is_noted(tmp_path: Path) -> None:
    alpha_vantage(tmp_path / "IBM.json", dividend=5.0)
    content = json.loads((tmp_path / "IBM.json").read_text())
    content["Time Series (Daily)"][str(EX)]["7. dividend amount"] = "0.0"
    (tmp_path / "IBM.json").write_text(json.dumps(content))
    report, _ = imported(tmp_path, tmp_path / "IBM.json")
    (note,) = [note for note in report.notes if "adjusted close" in note]
    assert f"IBM on 1 day, first {EX}" in note


def test_a_dividend_above_the_price_is_not_believed(tmp_path: Path) -> None:
    lines = [f"{line},{99 if at == 100 else 0}" for at, line in enumerate(prices("ABC", YEAR))]
    header = "date,symbol,open,high,low,close,volume,dividend"
    report, on = imported(tmp_path, table(tmp_path / "p.csv", header, lines))
    assert on(date(2020, 1, 2)).actions() == ()
    assert any("dividend is not below the close before it" in note for note in report.notes)


def test_a_negative_or_worded_dividend_is_quarantined(tmp_path: Path) -> None:
    lines = [f"{line},0" for line in prices("ABC", YEAR)]
    lines[5] = lines[5][:-1] + "-1"
    lines[6] = lines[6][:-1] + "lots"
    header = "date,symbol,open,high,low,close,volume,dividend"
    report, _ = imported(tmp_path, table(tmp_path / "p.csv", header, lines))
    said = {row.line: row.reason for row in report.rejected}
    assert said == {7: "dividend is negative", 8: "dividend is not a number"}


def actions_of(home: Path, rows: list[str], header: str, **options: object) -> object:
    path = table(home / "p.csv", "date,symbol,open,high,low,close,volume", [
        *prices("ABC", YEAR, lambda at: 60 if at < 100 else 30),
        *prices("XYZ", YEAR[:150], 20),
    ])  # fmt: skip
    tables = {"actions": table(home / "actions.csv", header, rows)}
    return imported(home, path, tables=tables, **options)


def test_a_table_of_actions_is_taken_up_with_its_own_moments(tmp_path: Path) -> None:
    rows = [
        f"WHO,{EX},Split,2:1,,,",
        f"ABC,{EX},Split,2:1,,,2019-05-01T20:00:00Z",
        f"ABC,{YEAR[120]},Cash Dividend,,0.25,,",
        f"XYZ,{YEAR[150]},merger,,21.5,,2019-07-01",
        f"XYZ,{YEAR[20]},stock_dividend,0.05,,,",
        f"ABC,{YEAR[130]},dividend,,,,",
        f"ABC,{YEAR[130]},party,,1,,",
        "ABC,soon,dividend,,1,,",
        f"ABC,{YEAR[120]},Cash Dividend,,0.25,,",
        f"ABC,{YEAR[140]},dividend,,0.1,,yesterday",
    ]  # fmt: skip
    header = "ticker,ex-date,type,ratio,amount,new symbol,announced"
    report, on = actions_of(tmp_path, rows, header)  # type: ignore[misc]
    split, dividend, merger = on(date(2020, 1, 2)).actions()
    assert (split.new_units, split.old_units, split.known_time.isoformat()) == (
        *(2, 1),
        "2019-05-01T20:00:00+00:00",
    )
    assert (dividend.cash, dividend.known_time) == (Decimal("0.25"), NYSE.closes_at(YEAR[119]))
    # A day alone means its end.
    assert (merger.kind, merger.known_time.isoformat()) == (
        *("cash_merger",),
        "2019-07-02T00:00:00+00:00",
    )
    assert [split] == list(on(date(2019, 5, 2)).actions())
    assert [row.reason.removeprefix("actions: ") for row in report.rejected] == [
        "ratio of a stock dividend is not above 1: units after it for one before",
        "cash is missing",
        KINDS,
        "ex_date is not an ISO date",
        "row repeats an earlier one",
        "known_time is no ISO date and time",
    ]
    assert report.suspected_splits == ()
    assert "actions of symbols without prices were not recorded: WHO" in report.notes


def test_a_stated_split_that_the_prices_do_not_show_is_left_out(tmp_path: Path) -> None:
    header = "symbol,ex_date,kind,new,old"
    report, on = actions_of(tmp_path, [f"XYZ,{EX},split,3,1", f"ABC,{EX},split,2,1"], header)  # type: ignore[misc]
    assert [each.instrument for each in on(date(2020, 1, 2)).actions()] == ["ABC"]
    assert any(f"in the prices already and was not recorded: XYZ {EX}" in n for n in report.notes)
