"""Splits nobody adjusted for: found, named, and adjusted or accepted only when somebody says so."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from arch.data import nasdaq, sp500
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skfolio.datasets import load_sp500_dataset

from adapters.market.arrays import PriceArrays
from adapters.market.catalog import LocalCatalog
from adapters.market.files import ImportOptions, import_dataset
from adapters.market.splits import StatedSplits, exact_ratio, find_splits
from interfaces.market import Adjustment, MarketView, Reading
from schemas.market import ImportReport
from tests.adapters.test_market_import import DAYS, HEADER, NYSE, good_lines, line, write

SPLIT_DAYS = NYSE.sessions(date(2020, 8, 24), date(2020, 9, 4))
SPLIT = date(2020, 8, 31)
AFTER = NYSE.opens_at(date(2020, 9, 8))


def split_lines(before: float = 500, after: float = 127) -> list[str]:
    """AAPL, which splits, beside STAY, which does not."""
    return [
        line(day, symbol, (before if day < SPLIT else after) if symbol == "AAPL" else 50)
        for day in SPLIT_DAYS
        for symbol in ("AAPL", "STAY")
    ]


def imported(home: Path, path: Path, splits: Literal["adjust", "accept"] | None) -> ImportReport:
    options = ImportOptions(splits=splits, replace=True)
    return import_dataset(path, "mine", home=home, options=options)


@pytest.mark.promise("dirty-prices")
def test_a_split_that_nobody_adjusted_for_is_named_and_kept_as_data(tmp_path: Path) -> None:
    report = imported(tmp_path, write(tmp_path / "p.csv", split_lines()), None)
    said = "prices look unadjusted: AAPL 2020-08-31 moved by 4:1"
    assert said in report.notes
    assert "`--splits adjust`" in report.notes[-1]
    info = LocalCatalog(tmp_path).open("mine").info()
    assert said in info.caveats
    (found,) = info.suspected_splits
    assert (found.symbol, found.session, found.ratio) == ("AAPL", SPLIT, 4.0)
    assert (report.suspected_splits, report.caveats) == (info.suspected_splits, info.caveats)
    assert (report.rows_rejected, info.adjustment) == (0, "unknown")


def moved(view: MarketView, symbol: str, adjustment: Adjustment) -> NDArray[np.float64]:
    return view.bars(symbol, how=Reading(adjustment)).close


@pytest.mark.parametrize(
    ("after", "ratio"), [(127.0, Decimal(4)), (4900.0, Decimal("0.1")), (33.0, Decimal(15))]
)
def test_adjusting_records_a_split_and_leaves_the_prices_as_traded(
    tmp_path: Path, after: float, ratio: Decimal
) -> None:
    path = write(tmp_path / "p.csv", split_lines(after=after))
    imported(tmp_path, path, None)
    before = LocalCatalog(tmp_path).open("mine").view(AFTER)
    report = imported(tmp_path, path, "adjust")
    market = LocalCatalog(tmp_path).open("mine")
    view = market.view(AFTER)
    (action,) = view.actions()
    assert (action.kind, action.ex_date, action.ratio) == ("split", SPLIT, ratio)
    assert action.inferred
    assert NYSE.closes_at(date(2020, 8, 28)) == action.known_time < NYSE.opens_at(SPLIT)
    assert np.array_equal(moved(view, "AAPL", "raw"), moved(before, "AAPL", "raw"))
    raw, adjusted = (moved(view, "AAPL", how) for how in ("raw", "split"))
    cut = SPLIT_DAYS.index(SPLIT)
    assert adjusted[:cut] == pytest.approx(raw[:cut] / float(ratio), rel=1e-12)
    assert adjusted[cut:].tolist() == raw[cut:].tolist()
    assert moved(view, "STAY", "split").tolist() == moved(view, "STAY", "raw").tolist()
    info = market.info()
    assert (info.adjustment, info.suspected_splits, info.actions) == ("raw", (), 1)
    assert any("inferred from the prices: AAPL 2020-08-31" in said for said in info.caveats)
    assert "Dividends are not known: returns leave them out." in info.caveats
    assert info.data_hash == report.data_hash


def test_nobody_sees_an_inferred_split_before_its_day(tmp_path: Path) -> None:
    imported(tmp_path, write(tmp_path / "p.csv", split_lines()), "adjust")
    market = LocalCatalog(tmp_path).open("mine")
    for day in SPLIT_DAYS[: SPLIT_DAYS.index(SPLIT)]:
        view = market.view(NYSE.opens_at(day))
        assert view.actions() == ()
        assert moved(view, "AAPL", "all").tolist() == moved(view, "AAPL", "raw").tolist()


def test_an_accepted_move_is_said_and_suspected_no_more(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", split_lines())
    catalog = LocalCatalog(tmp_path)
    first = imported(tmp_path, path, None)
    assert catalog.open("mine").info().suspected_splits
    assert imported(tmp_path, path, "accept").data_hash == first.data_hash
    info = catalog.open("mine").info()  # the same prices, and yet what is known of them changed
    assert (info.adjustment, info.suspected_splits) == ("unknown", ())
    said = "a move like a split is real, says whoever imported it: AAPL 2020-08-31 moved by 4:1"
    assert said in info.caveats


def test_adjusting_what_needs_none_claims_nothing(tmp_path: Path) -> None:
    report = imported(tmp_path, write(tmp_path / "p.csv", good_lines()), "adjust")
    info = LocalCatalog(tmp_path).open("mine").info()
    assert (info.adjustment, report.notes) == ("unknown", ())


@pytest.mark.promise("dirty-prices")
@settings(max_examples=15, deadline=None)
@given(
    cuts=st.dictionaries(
        st.integers(1, len(DAYS) - 1), st.sampled_from([2, 3, 15, 0.1, 0.5]), max_size=3
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_adjusting_undoes_any_splits_to_the_price(
    cuts: dict[int, float], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    walk = 90 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.003, len(DAYS))))
    level = np.ones(len(DAYS))
    for at, ratio in cuts.items():
        level[at:] /= ratio
    whole = walk * level[-1]
    imported(
        home,
        write(home / "p.csv", [bar(*row) for row in zip(DAYS, walk * level, strict=True)]),
        "adjust",
    )
    view = LocalCatalog(home).open("mine").view(NYSE.opens_at(date(2020, 8, 3)))
    assert moved(view, "ABC", "split") == pytest.approx(whole, rel=1e-6)


def bar(day: date, price: float) -> str:
    return f"{day},ABC,{price:.9f},{price:.9f},{price:.9f},{price:.9f},500"


def stated(closes: list[float], adjusted: list[float], coefficients: list[str]) -> str:
    """Write a file of Alpha Vantage's adjusted endpoint, newest first as it comes."""
    rows = {
        day.isoformat(): {
            **{f"{at}. {name}": str(close) for at, name in enumerate(NAMES, 1)},
            "5. adjusted close": str(adjust),
            "6. volume": "7",
            "8. split coefficient": coefficient,
        }
        for day, close, adjust, coefficient in zip(
            SPLIT_DAYS, closes, adjusted, coefficients, strict=True
        )
    }
    return json.dumps({"Time Series (Daily)": dict(reversed(rows.items()))})


NAMES = ("open", "high", "low", "close")


@pytest.mark.parametrize(
    ("coefficient", "before", "split"),
    [
        ("4.0", 125.0, None),  # the source had adjusted its prices
        ("4.0", 500.0, (4, 1)),  # it had not
        ("3.9", 500.0, (39, 10)),  # its ratio, not the usual one near it
        ("1.0", 500.0, None),  # a column left at 1 is no word against so large a move
    ],
)
@pytest.mark.promise("corporate-actions")
def test_a_stated_split_is_recorded_where_the_prices_show_it(
    tmp_path: Path, coefficient: str, before: float, split: tuple[int, int] | None
) -> None:
    closes = [before if day < SPLIT else 127.0 for day in SPLIT_DAYS]
    coefficients = [coefficient if day == SPLIT else "1.0" for day in SPLIT_DAYS]
    (tmp_path / "AAPL.json").write_text(stated(closes, closes, coefficients))
    report = imported(tmp_path, tmp_path / "AAPL.json", None)
    assert bool(report.suspected_splits) == (coefficient == "1.0")
    actions = LocalCatalog(tmp_path).open("mine").view(AFTER).actions()
    assert [(each.new_units, each.old_units) for each in actions] == ([split] if split else [])
    in_there = "a stated split is in the prices already and was not recorded: AAPL 2020-08-31"
    assert (in_there in report.notes) == (before == 125.0)


@pytest.mark.parametrize(
    ("written", "ratio"),
    [
        (4.0, (4, 1)), (0.1, (1, 10)), (1.5, (3, 2)), (0.0667, (1, 15)), (1.333333, (4, 3)),
        (0.04, (1, 25)), (1.0463, (10463, 10000)), (2.5, (5, 2)), (1.05, (21, 20)),
    ],
)  # fmt: skip
def test_a_rounded_ratio_is_whole_units_for_whole_units(
    written: float, ratio: tuple[int, int]
) -> None:
    assert exact_ratio(written).as_integer_ratio() == ratio


def panel(rng: np.random.Generator, sessions: int, volume: float = 1e6) -> PriceArrays:
    """One stock without a split: ordinary moves, ranges and volumes."""
    close = 80 * np.exp(np.cumsum(rng.normal(0, 0.012, sessions)))
    opened = np.r_[close[0], close[:-1]] * np.exp(rng.normal(0, 0.004, sessions))
    high, low = np.maximum(opened, close) * 1.006, np.minimum(opened, close) * 0.994
    traded = volume * np.exp(rng.normal(0, 0.25, sessions))
    days = np.array(NYSE.sessions(date(2015, 1, 2), date(2019, 12, 31))[:sessions], "datetime64[D]")
    fields = [each[:, None] for each in (opened, high, low, close, traded)]
    return PriceArrays(("ABC",), days, *fields)


def with_split(arrays: PriceArrays, at: int, ratio: float, *, volume: bool) -> PriceArrays:
    """Write the bars before row `at` in the units before a split."""
    before = (np.arange(len(arrays.sessions)) < at)[:, None]
    fields = {
        name: np.where(before, getattr(arrays, name) * ratio, getattr(arrays, name))
        for name in ("open", "high", "low", "close")
    }
    if volume:
        fields["volume"] = np.where(before, arrays.volume / ratio, arrays.volume)
    return replace(arrays, **fields)


@pytest.mark.promise("dirty-prices")
@pytest.mark.parametrize("ratio", [2, 3, 4, 7, 15, 20, 0.5, 0.1, 0.04])
def test_large_splits_are_found_with_or_without_volume(ratio: float) -> None:
    for seed in range(20):
        arrays = with_split(
            panel(np.random.default_rng(seed), 250), 120, ratio, volume=seed % 2 > 0
        )
        (found,) = find_splits(arrays, StatedSplits())
        assert found.ratio == pytest.approx(ratio)
        assert found.session == arrays.sessions[120].item()


@pytest.mark.parametrize("ratio", [1.5, 1.25])
def test_small_splits_need_volume_that_speaks_for_them(ratio: float) -> None:
    found = 0
    for seed in range(40):
        arrays = panel(np.random.default_rng(seed), 250)
        found += len(find_splits(with_split(arrays, 120, ratio, volume=True), StatedSplits()))
        assert not find_splits(with_split(arrays, 120, 1.3, volume=False), StatedSplits())
    assert found >= 30


def test_a_collapse_amid_a_burst_of_trade_is_no_split() -> None:
    for seed, ratio in enumerate((2.0, 0.5, 1.5, 3.0) * 5):
        arrays = with_split(panel(np.random.default_rng(seed), 250), 120, ratio, volume=False)
        arrays.volume[120:125] *= 40
        assert not find_splits(arrays, StatedSplits())


@pytest.mark.promise("dirty-prices")
def test_no_split_is_suspected_in_real_prices_without_one() -> None:
    for load in (sp500.load, nasdaq.load):
        data = load().rename(columns=str.lower)
        days = data.index.to_numpy().astype("datetime64[D]")
        fields = [
            data[name].to_numpy(dtype=float)[:, None]
            for name in ("open", "high", "low", "close", "volume")
        ]
        assert not find_splits(PriceArrays(("INDEX",), days, *fields), StatedSplits())
    stocks = load_sp500_dataset()
    days = stocks.index.to_numpy().astype("datetime64[D]")
    close = stocks.to_numpy(dtype=float)
    arrays = PriceArrays(tuple(stocks.columns), days, *[close] * 4, np.full_like(close, np.nan))
    assert not find_splits(arrays, StatedSplits())


@pytest.mark.promise("dirty-prices")
@pytest.mark.parametrize("word", ["0", ""])
def test_a_column_that_names_no_split_hides_no_large_one(tmp_path: Path, word: str) -> None:
    lines = [f"{line},{word}" for line in split_lines(after=33)]
    path = write(tmp_path / "p.csv", lines, f"{HEADER},Stock Splits")
    (found,) = imported(tmp_path, path, None).suspected_splits
    assert (found.symbol, found.session, found.ratio) == ("AAPL", SPLIT, 15.0)
    report = imported(tmp_path, path, "adjust")
    assert report.suspected_splits == ()
    (action,) = LocalCatalog(tmp_path).open("mine").view(AFTER).actions()
    assert (action.inferred, action.ratio) == (True, 15)


def test_a_split_stated_within_a_gap_explains_the_move_after_it() -> None:
    arrays = with_split(panel(np.random.default_rng(3), 250), 120, 15, volume=True)
    day = arrays.sessions[120].item()
    gap = np.ones(250, dtype=np.bool_)
    gap[120:123] = False
    fields = {name: getattr(arrays, name)[gap] for name in (*NAMES, "volume")}
    holed = PriceArrays(("ABC",), arrays.sessions[gap], **fields)
    assert len(find_splits(holed, StatedSplits({"ABC"}))) == 1
    assert not find_splits(holed, StatedSplits({"ABC"}, {("ABC", day): 15.0}))


def test_of_small_splits_a_column_that_names_none_is_believed() -> None:
    for seed in range(10):
        arrays = with_split(panel(np.random.default_rng(seed), 250), 120, 1.5, volume=True)
        assert not find_splits(arrays, StatedSplits({"ABC"}))


@pytest.mark.promise("dirty-prices")
@pytest.mark.parametrize(("ratio", "traded"), [(30, 0.3), (0.1, 4.0)])
def test_volume_that_contradicts_a_split_keeps_it_suspected(
    tmp_path: Path, ratio: float, traded: float
) -> None:
    path = tmp_path / "p.csv"
    arrays = with_split(panel(np.random.default_rng(1), 250), 120, ratio, volume=False)
    arrays.volume[120:] *= traded
    write(path, rows_of(arrays))
    report = imported(tmp_path, path, "adjust")
    market = LocalCatalog(tmp_path).open("mine")
    (found,) = report.suspected_splits
    assert (found.symbol, found.ratio) == ("ABC", pytest.approx(ratio))
    assert market.info().suspected_splits == (found,)
    assert market.view(NYSE.opens_at(date(2019, 12, 31))).actions() == ()
    said = " ".join(report.notes)
    assert "another company, or a collapse?" in said
    assert "--listings" in said
    assert imported(tmp_path, path, "accept").suspected_splits == ()


@pytest.mark.parametrize("volume", [True, False])
def test_volumes_that_grow_or_were_adjusted_by_themselves_let_a_split_be_inferred(
    tmp_path: Path, volume: bool
) -> None:
    for seed in range(3):
        for ratio in (2, 15, 0.1):
            arrays = panel(np.random.default_rng(seed), 250)
            rows = rows_of(with_split(arrays, 120, ratio, volume=volume))
            report = imported(tmp_path, write(tmp_path / "p.csv", rows), "adjust")
            assert report.suspected_splits == ()
            assert LocalCatalog(tmp_path).open("mine").info().actions == 1


def rows_of(arrays: PriceArrays) -> list[str]:
    grids = [getattr(arrays, name)[:, 0] for name in (*NAMES, "volume")]
    return [
        f"{day},ABC,{','.join(f'{cell:.6f}' for cell in cells)}"
        for day, *cells in zip(arrays.sessions, *grids, strict=True)
    ]
