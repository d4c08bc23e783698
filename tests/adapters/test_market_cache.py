"""The compiled cache: what is mapped is what was written, and damage is found and mended."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from adapters.market.cache import BadCacheError, open_cache, write_cache
from adapters.market.catalog import LocalCatalog
from adapters.market.compiled import compile_set, ordered
from adapters.market.facts import SCHEMAS, Facts, table_of
from adapters.market.segments import FIELDS
from adapters.market.table import PriceArrays, PriceTable
from interfaces.calendar import TradingCalendar
from schemas.errors import UntrustworthyData
from schemas.facts import MacroValue
from tests.adapters.market_sets import (
    DAYS,
    NYSE,
    SAID,
    at,
    bar_facts,
    every_kind,
    late_bar,
    prices,
    put,
    same,
)
from tests.contracts.market import MarketDataContract


class TestFromDisk(MarketDataContract):
    @pytest.fixture
    def market(self, tmp_path: Path) -> PriceTable:
        put(tmp_path)
        return LocalCatalog(tmp_path).open("mine")

    @pytest.fixture
    def calendar(self) -> TradingCalendar:
        return NYSE

    @pytest.fixture
    def session(self) -> date:
        return date(2020, 7, 6)


def files_of(home: Path, pattern: str) -> list[Path]:
    found = sorted((home / "data" / "mine").glob(pattern))
    assert found
    return found


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.unlink()  # whoever has mapped the file keeps what it was
    path.write_bytes(content)


def test_what_is_mapped_equals_what_was_written_and_lies_symbol_by_symbol(tmp_path: Path) -> None:
    arrays, facts = prices(), every_kind()
    write_cache(tmp_path / "cache", arrays, facts)
    opened, found = open_cache(tmp_path / "cache")
    assert same(opened, arrays)
    for name in FIELDS:
        values = getattr(opened, name)
        assert values.flags.f_contiguous
        assert not values.flags.owndata
        assert not values.flags.writeable
        assert np.shares_memory(values, opened.by_column().close) is (name == "close")
    for kind in SCHEMAS:
        assert found[kind].schema == SCHEMAS[kind]
        assert found[kind].to_pylist() == facts[kind].to_pylist()


def test_a_set_without_prices_has_a_cache_too(tmp_path: Path) -> None:
    empty = PriceArrays((), np.empty(0, "datetime64[D]"), *[np.empty((0, 0))] * 5)
    write_cache(tmp_path / "cache", empty, Facts({"macro": every_kind()["macro"]}))
    arrays, facts = open_cache(tmp_path / "cache")
    assert (arrays.symbols, arrays.close.shape) == ((), (0, 0))
    assert facts["macro"].num_rows == 3


def test_a_flipped_bit_is_found_in_every_field_and_every_file(tmp_path: Path) -> None:
    arrays = prices()
    write_cache(tmp_path / "cache", arrays, every_kind())
    file = tmp_path / "cache" / "prices.arrow"
    whole = file.read_bytes()
    places = {name: whole.index(getattr(arrays, name).T.tobytes()) for name in FIELDS}
    places["sessions"] = whole.index(arrays.sessions.astype("<i4").tobytes())
    places["instruments"] = whole.index(b"ABCXYZ")
    assert len(set(places.values())) == 7
    found = [(file, place + 1) for place in places.values()]
    found += [(path, path.stat().st_size // 2) for path in (tmp_path / "cache").glob("*.arrow")]
    for path, place in found:
        content = path.read_bytes()
        flip(path, place)
        with pytest.raises(BadCacheError):
            open_cache(tmp_path / "cache")
        path.write_bytes(content)
    open_cache(tmp_path / "cache")


@pytest.mark.parametrize("damage", ["gone", "flipped", "cut", "no index", "index", "one file gone"])
def test_a_cache_that_is_damaged_or_gone_is_made_anew_from_the_facts(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    arrays, facts = prices(), every_kind()
    put(tmp_path, arrays, facts)
    (cache,) = files_of(tmp_path, "cache-*")
    if damage == "gone":
        shutil.rmtree(cache)
    elif damage == "flipped":
        flip(cache / "prices.arrow", 999)
    elif damage == "cut":
        content = (cache / "macro.arrow").read_bytes()
        (cache / "macro.arrow").write_bytes(content[:-9])
    elif damage == "no index":
        (cache / "index.json").unlink()
    elif damage == "index":
        flip(cache / "index.json", 40)
    else:
        (cache / "actions.arrow").unlink()
    with caplog.at_level(logging.WARNING):
        LocalCatalog(tmp_path).open("mine")
    assert "is made anew from its facts" in caplog.text
    opened, found = open_cache(cache)
    assert same(opened, arrays)
    for kind in SCHEMAS:
        assert found[kind].to_pylist() == facts[kind].to_pylist()
    caplog.clear()
    LocalCatalog(tmp_path).open("mine")
    assert not caplog.text


def test_a_damaged_or_missing_segment_says_what_to_do_when_it_is_needed(tmp_path: Path) -> None:
    put(tmp_path)
    (segment,) = files_of(tmp_path, "bars-*.parquet")
    content = segment.read_bytes()
    flip(segment, len(content) // 2)
    with pytest.raises(UntrustworthyData, match="restore it from a backup, or import"):
        LocalCatalog(tmp_path).check("mine")
    LocalCatalog(tmp_path).open("mine")  # the cache is sound
    (cache,) = files_of(tmp_path, "cache-*")
    shutil.rmtree(cache)
    with pytest.raises(UntrustworthyData, match="does not match its checksum"):
        LocalCatalog(tmp_path).open("mine")
    segment.unlink()
    with pytest.raises(UntrustworthyData, match="is missing: restore it"):
        LocalCatalog(tmp_path).open("mine")
    with pytest.raises(UntrustworthyData, match="is missing: restore it"):
        LocalCatalog(tmp_path).check("mine")
    segment.write_bytes(content)
    LocalCatalog(tmp_path).check("mine")


def test_of_several_bars_the_one_known_at_the_close_is_the_price_and_later_ones_are_facts(
    tmp_path: Path,
) -> None:
    arrays = prices()
    restated = late_bar("ABC", 1, 42.0, at(3))
    late = late_bar("XYZ", 3, 43.0, at(5))  # there was none at the close
    unknown = late_bar("NEW", 7, 44.0, at(9))  # an instrument that has no other bar
    put(tmp_path, arrays, Facts({"bars": bar_facts([late, restated, unknown])}))
    (cache,) = files_of(tmp_path, "cache-*")
    shutil.rmtree(cache)
    LocalCatalog(tmp_path).open("mine")
    opened, facts = open_cache(cache)
    assert opened.symbols == ("ABC", "NEW", "XYZ")
    assert opened.close[1, 0] == arrays.close[1, 0]
    assert np.isnan(opened.close[3, 2])
    assert np.isnan(opened.close[:, 1]).all()
    assert facts["bars"].column("close").to_pylist() == [42.0, 44.0, 43.0]
    assert facts["bars"].column("known_time").to_pylist() == [at(3), at(9), at(5)]


def test_of_bars_known_by_the_close_the_newer_counts_and_days_that_are_no_session_do_not() -> None:
    bars = [late_bar("ABC", 1, price, at(1, hours=hours)) for price, hours in ((2.0, 0), (1.0, -1))]
    saturday = late_bar("ABC", 1, 9.0, at(1)) | {"session": date(2020, 6, 6), "known_time": None}
    tables = {"bars": [bar_facts([*bars, saturday])]}
    arrays, facts = compile_set(lambda kind: tables.get(kind, []), NYSE)
    assert arrays.sessions.tolist() == [DAYS[1]]
    assert arrays.close.tolist() == [[2.0]]
    assert facts["bars"].num_rows == 0


def test_what_was_said_before_is_no_news_and_every_change_is() -> None:
    def value(number: float, day: int, provider: str = "one") -> MacroValue:
        said = SAID | {"provider": provider, "known_time": at(day)}
        return MacroValue(series="A", period=date(2020, 5, 1), value=number, **said)

    told = [value(1, 1), value(1, 2, "two"), value(2, 3), value(1, 4), value(1, 1), value(1, 5)]
    kept = ordered("macro", [table_of("macro", told[:3]), table_of("macro", told[3:])])
    assert kept.column("value").to_pylist() == [1.0, 2.0, 1.0]
    assert kept.column("known_time").to_pylist() == [at(1), at(3), at(4)]


def test_two_processes_read_the_same_pages(tmp_path: Path) -> None:
    put(tmp_path)
    mine = LocalCatalog(tmp_path).open("mine")
    script = (
        "import sys, pathlib\n"
        "from adapters.market.catalog import LocalCatalog\n"
        "market = LocalCatalog(pathlib.Path(sys.argv[1])).open('mine')\n"
        "maps = pathlib.Path('/proc/self/maps').read_text()\n"
        "(line,) = [line for line in maps.splitlines() if line.endswith('prices.arrow')]\n"
        "print(market.info().data_hash, line.split()[4])\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    (cache,) = files_of(tmp_path, "cache-*/prices.arrow")
    assert answer.stdout.split() == [mine.info().data_hash, str(cache.stat().st_ino)]
    lines = Path("/proc/self/maps").read_text().splitlines()
    assert any(line.endswith(str(cache)) and line.split()[1][1] == "-" for line in lines)
    assert len(DAYS) == len(mine.view(at(-1, hours=1)).bars("ABC").close)
