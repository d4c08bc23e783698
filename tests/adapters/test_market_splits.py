"""Splits nobody adjusted for: found, named, and adjusted or accepted only when somebody says so."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.market.catalog import LocalCatalog
from adapters.market.files import ImportOptions, import_dataset
from schemas.errors import InvalidRequest
from schemas.market import ImportReport
from tests.adapters.test_market_import import DAYS, NYSE, good_lines, line, write

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


@pytest.mark.parametrize(("after", "ratio"), [(127.0, 4.0), (4900.0, 0.1)])
def test_adjusting_divides_the_earlier_prices_alone(
    tmp_path: Path, after: float, ratio: float
) -> None:
    path = write(tmp_path / "p.csv", split_lines(after=after))
    imported(tmp_path, path, None)
    raw = LocalCatalog(tmp_path).open("mine").view(AFTER)
    report = imported(tmp_path, path, "adjust")
    market = LocalCatalog(tmp_path).open("mine")
    view = market.view(AFTER)
    before = SPLIT_DAYS.index(SPLIT)
    for name in ("open", "high", "low", "close", "volume"):
        mine, was = getattr(view.bars("AAPL"), name), getattr(raw.bars("AAPL"), name)
        factor = ratio if name == "volume" else 1 / ratio
        assert mine[:before] == pytest.approx(was[:before] * factor, rel=1e-15)
        assert mine[before:].tolist() == was[before:].tolist()
        assert np.array_equal(getattr(view.bars("STAY"), name), getattr(raw.bars("STAY"), name))
    info = market.info()
    assert (info.adjustment, info.suspected_splits) == ("split", ())
    assert any("adjusted for a split: AAPL 2020-08-31" in said for said in info.caveats)
    assert any("carry the future in their level" in said for said in info.caveats)
    assert "Whether prices are adjusted for dividends is not known." in info.caveats
    assert info.data_hash == report.data_hash


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
    bars = LocalCatalog(home).open("mine").view(NYSE.opens_at(date(2020, 8, 3))).bars("ABC")
    assert bars.close == pytest.approx(whole, rel=1e-6)


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
    ("coefficient", "adjusted", "suspected"),
    [
        ("4.0", 125.0, []),  # the source adjusted
        ("4.0", 500.0, [4.0]),  # it says so and did not
        ("3.9", 500.0, [3.9]),  # its ratio, not the usual one near it
        ("1.0", 500.0, []),  # it says that the move is real
    ],
)
def test_what_alpha_vantage_states_about_splits_is_not_guessed_at(
    tmp_path: Path, coefficient: str, adjusted: float, suspected: list[float]
) -> None:
    closes = [500.0 if day < SPLIT else 127.0 for day in SPLIT_DAYS]
    adjust = [adjusted if day < SPLIT else 127.0 for day in SPLIT_DAYS]
    coefficients = [coefficient if day == SPLIT else "1.0" for day in SPLIT_DAYS]
    (tmp_path / "AAPL.json").write_text(stated(closes, adjust, coefficients))
    report = imported(tmp_path, tmp_path / "AAPL.json", None)
    assert [split.ratio for split in report.suspected_splits] == suspected


@pytest.mark.parametrize(
    ("before", "after", "ratio"), [(0.0000095, 0.000001, "10:1"), (1.05e8, 1e9, "1:10")]
)
def test_an_adjustment_that_no_exact_price_can_hold_is_refused(
    tmp_path: Path, before: float, after: float, ratio: str
) -> None:
    path = write(tmp_path / "p.csv", [bar(DAYS[0], before), bar(DAYS[1], after)])
    with pytest.raises(InvalidRequest, match=f"{ratio} split on 2020-06-02, prices of ABC"):
        imported(tmp_path, path, "adjust")
    assert not (tmp_path / "data").exists()
