"""The loaded data set: the market contract, vintages of bars, laziness, and no look-ahead."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.market.table import PriceArrays, PriceTable
from adapters.market.universe import UniverseMarket
from interfaces.calendar import TradingCalendar
from interfaces.market import AS_TRADED, Reading
from schemas.errors import NotFound
from tests.adapters.market_worlds import (
    DAYS,
    FEW,
    FIELDS,
    IDS,
    NAN,
    NYSE,
    POOL,
    TICK,
    World,
    action,
    after_close,
    at_open,
    dividend,
    everything,
    facts_strategy,
    fundamental,
    late_bar,
    listing,
    macro,
    membership,
    moments,
    prices,
    split,
    text,
)
from tests.contracts.market import MarketDataContract

RAW_FIRST = Reading("raw", "first")


def walk(seed: int, start: float) -> list[float]:
    moves = np.random.default_rng(seed).normal(0, 0.02, len(DAYS))
    return np.round(start * np.exp(np.cumsum(moves)), 4).tolist()


def eventful(*, close_only: bool = False) -> World:
    """A split, dividends, a new ticker, a reused one, late and restated bars, texts, members."""
    gone = [*walk(3, 20.0)[:12], *[NAN] * (len(DAYS) - 12)]
    gaps = walk(4, 60.0)
    gaps[20] = gaps[21] = NAN
    return World(
        DAYS,
        {
            "AAA": walk(1, 100.0), "FB": walk(2, 200.0), "FOO": gone, "GAP": gaps,
            "FOO.2": [*[NAN] * 18, *walk(5, 9.0)[18:]], "IDX": walk(6, 3000.0),
        },
        {
            "actions": [
                split("AAA", DAYS[15], "4"),
                dividend("AAA", DAYS[5], "0.5"),
                dividend("AAA", DAYS[25], "0.3", known=at_open(DAYS[27])),
                dividend("AAA", DAYS[25], "0.4", known=at_open(DAYS[30])),
                action("FB", "ticker_change", DAYS[10], new_symbol="META"),
                action("FOO", "delisting", DAYS[12], cash="3"),
            ],
            "listings": [
                listing("FOO", "FOO", DAYS[0]),
                listing("FOO.2", "FOO", DAYS[18], known=at_open(DAYS[16])),
            ],
            "bars": [
                late_bar("GAP", DAYS[20], 55.0, at_open(DAYS[23])),
                late_bar("GAP", DAYS[19], 54.0, at_open(DAYS[24])),
                late_bar("AAA", DAYS[3], 101.0, at_open(DAYS[6])),
            ],
            "members": [membership("AAA", DAYS[0]), membership("FB", DAYS[2], DAYS[20])],
            "macro": [macro("UNRATE", date(2020, 5, 1), 13.3, at_open(DAYS[4]))],
            "fundamentals": [fundamental("AAA", 2.0, at_open(DAYS[4]))],
            "documents": [text("a", "profit merger", at_open(DAYS[2]), ("AAA",))],
        },
        benchmarks=("IDX",),
        close_only=close_only,
    )  # fmt: skip


class TestWithFacts(MarketDataContract):
    @pytest.fixture(params=[False, True], ids=["bars", "closes"])
    def market(self, request: pytest.FixtureRequest) -> PriceTable:
        return eventful(close_only=request.param).table()

    @pytest.fixture
    def calendar(self) -> TradingCalendar:
        return NYSE

    @pytest.fixture
    def session(self) -> date:
        return date(2020, 7, 6)


class TestUniverseOfThem(TestWithFacts):
    @pytest.fixture(params=[False, True], ids=["bars", "closes"])
    def market(self, request: pytest.FixtureRequest) -> Any:
        table = eventful(close_only=request.param).table()
        return UniverseMarket(table, [*table.info().symbols, "IDX"], start=DAYS[0], end=DAYS[-1])

    def test_weekends_and_times_before_the_data_are_empty_not_errors(
        self, market: Any, calendar: TradingCalendar, session: date
    ) -> None:
        early = market.view(datetime(1971, 1, 5, tzinfo=UTC))
        assert early.symbols() == ()
        assert early.last_close("AAA") is None
        with pytest.raises(NotFound, match="not in the universe"):
            early.closes(["AAA"], 5)  # a universe names nothing that is yet to be listed


def test_a_late_bar_is_seen_once_it_is_known() -> None:
    table = eventful().table()
    known = at_open(DAYS[23])
    before, after = table.view(known), table.view(known + TICK)
    assert DAYS[20] not in before.bars("GAP").sessions.tolist()
    assert after.bars("GAP", start=DAYS[20], end=DAYS[20]).close.tolist() == [55.0]
    assert after.bars("GAP", start=DAYS[20], end=DAYS[20], how=RAW_FIRST).close.tolist() == [55.0]
    assert after.bars("GAP").sessions.tolist() == sorted(after.bars("GAP").sessions.tolist())
    assert len(after.bars("GAP").close) == len(before.bars("GAP").close) + 1


@pytest.mark.promise("no-look-ahead")
def test_closes_lie_in_memory_alike_whether_or_not_a_bar_will_be_restated() -> None:
    """Sums over them differ in the last digit with their order, which an answer would tell."""
    plain = eventful()
    quiet = {**plain.facts, "bars": [], "actions": []}
    both = [World(plain.days, plain.closes, facts) for facts in (plain.facts, quiet)]
    for asked in (["AAA", "FB"], ["AAA", "GAP"], ["GAP"]):
        one, two = (world.view(at_open(DAYS[4])).closes(asked, 9).values for world in both)
        assert len(one) == len(two) > 1
        assert one.flags.c_contiguous
        assert two.flags.c_contiguous
        assert np.array_equal(one, two)


def test_a_restated_bar_is_shown_as_first_published_only_when_asked_for() -> None:
    table = eventful().table()
    known = at_open(DAYS[24])
    first = walk(4, 60.0)[19]
    for view, latest in ((table.view(known), first), (table.view(known + TICK), 54.0)):
        for how, close in ((AS_TRADED, latest), (Reading(), latest), (RAW_FIRST, first)):
            bars = view.bars("GAP", start=DAYS[19], end=DAYS[19], how=how)
            assert bars.close.tolist() == [close]


def test_of_several_restatements_the_newest_known_counts_and_of_late_bars_the_first() -> None:
    known = [at_open(DAYS[row]) for row in (10, 12, 14)]
    late = [late_bar("AAA", DAYS[5], price, at) for price, at in zip((3, 4, 5), known, strict=True)]
    closes = [1.0] * len(DAYS)
    closes[5] = NAN
    table = World(DAYS, {"AAA": closes}, {"bars": list(reversed(late))}).table()
    for at, latest in zip(known, (3.0, 4.0, 5.0), strict=True):
        view = table.view(at + TICK)
        assert view.bars("AAA", start=DAYS[5], end=DAYS[5]).close.tolist() == [latest]
        first = view.bars("AAA", start=DAYS[5], end=DAYS[5], how=Reading(vintage="first"))
        assert first.close.tolist() == [3.0]


def test_nothing_is_known_of_a_session_before_its_close_whatever_a_source_says() -> None:
    early = late_bar("AAA", DAYS[5], 77.0, at_open(DAYS[1]))
    table = World(DAYS, {"AAA": [1.0] * len(DAYS)}, {"bars": [early]}).table()
    assert table.view(NYSE.closes_at(DAYS[5])).last_close("AAA") == (DAYS[4], 1.0)
    assert table.view(after_close(DAYS[5])).last_close("AAA") == (DAYS[5], 77.0)


def test_a_symbol_whose_newest_bars_came_late_is_traded_once_they_are_known() -> None:
    stopped = [*[1.0] * 10, *[NAN] * (len(DAYS) - 10)]
    bars = [late_bar("AAA", DAYS[30], 2.0, at_open(DAYS[32]))]
    table = World(DAYS, {"AAA": stopped, "BBB": [1.0] * len(DAYS)}, {"bars": bars}).table()
    assert table.view(at_open(DAYS[32])).symbols() == ("BBB",)
    assert table.view(at_open(DAYS[32]) + TICK).symbols() == ("AAA", "BBB")
    assert table.view(at_open(DAYS[41])).symbols() == ("AAA", "BBB")
    assert table.view(at_open(DAYS[42])).symbols() == ("BBB",)


def test_mapped_arrays_are_neither_copied_nor_read_when_a_set_is_opened(tmp_path: Path) -> None:
    arrays = _mapped(tmp_path)
    info = World(DAYS, {"AAA": [1.0] * len(DAYS)}).table().info()
    table = PriceTable(info, arrays, NYSE)
    # The file changes under the mapping: who had read it at the start would not see that.
    with (tmp_path / "close.npy").open("r+b") as file:
        file.seek(-8 * len(DAYS), 2)
        file.write(np.full(len(DAYS), 3.0).tobytes())
    bars = table.view(after_close(DAYS[-1])).bars("AAA")
    assert set(bars.close.tolist()) == {3.0}
    for name in FIELDS:
        assert np.shares_memory(getattr(bars, name), getattr(arrays, name))


def _mapped(folder: Path) -> PriceArrays:
    fields = []
    for name in FIELDS:
        np.save(folder / f"{name}.npy", np.asfortranarray(np.full((len(DAYS), 1), 2.0)))
        fields.append(np.load(folder / f"{name}.npy", mmap_mode="r"))
    return PriceArrays(("AAA",), np.array(DAYS, "datetime64[D]"), *fields)


def test_coverage_counts_every_bar_under_the_newest_ticker() -> None:
    coverage = {symbol: rest for symbol, *rest in eventful().table().coverage()}
    assert coverage["META"] == [DAYS[0], DAYS[-1], len(DAYS)]
    assert coverage["FOO.1"] == [DAYS[0], DAYS[11], 12]
    assert coverage["FOO"] == [DAYS[18], DAYS[-1], len(DAYS) - 18]
    assert coverage["GAP"] == [DAYS[0], DAYS[-1], len(DAYS) - 1]


# No look-ahead: whatever becomes known later may be anything.

columns = st.lists(prices, min_size=len(FEW), max_size=len(FEW))
closes_strategy = st.fixed_dictionaries(dict.fromkeys(IDS, columns))


worlds = st.tuples(closes_strategy, facts_strategy)
mutations = (worlds, worlds, columns, moments)


def check_no_look_ahead(world: Any, other: Any, later: list[float], now: datetime) -> None:
    """Exchange everything known from now on, list one more, and compare every answer."""
    (closes, facts), (other_closes, other_facts) = world, other
    past = sum(NYSE.closes_at(day) < now for day in FEW)
    changed = {one: [*closes[one][:past], *other_closes[one][past:]] for one in IDS}
    changed["LATER"] = [*[NAN] * past, *later[past:]]
    garbage = {
        kind: [
            *(row for row in other_facts[kind] if _known(kind, row) >= now),
            *(row for row in rows if _known(kind, row) < now),
        ]
        for kind, rows in facts.items()
    }
    one, two = World(FEW, closes, facts).view(now), World(FEW, changed, garbage).view(now)
    assert everything(one, POOL, FEW) == everything(two, POOL, FEW)


def _known(kind: str, row: Any) -> datetime:
    return row["known_time"] if kind == "bars" else row.known_time


@pytest.mark.promise("no-look-ahead")
@given(*mutations)
@settings(max_examples=60)
def test_what_becomes_known_later_changes_no_answer(
    world: Any, other: Any, later: list[float], now: datetime
) -> None:
    check_no_look_ahead(world, other, later, now)


@pytest.mark.long
@pytest.mark.promise("no-look-ahead")
@given(*mutations)
@settings(max_examples=3000, suppress_health_check=[HealthCheck.too_slow])
def test_what_becomes_known_later_changes_no_answer_in_many_worlds(
    world: Any, other: Any, later: list[float], now: datetime
) -> None:
    check_no_look_ahead(world, other, later, now)


@given(closes_strategy, facts_strategy, st.lists(moments, min_size=3, max_size=3))
@settings(max_examples=25)
def test_what_was_asked_before_changes_no_answer(
    closes: dict[str, list[float]], facts: dict[str, list[Any]], asked: list[datetime]
) -> None:
    world = World(FEW, closes, facts)
    table = world.table()
    for moment in asked:
        said = everything(table.view(moment), POOL, FEW)
        assert said == everything(world.view(moment), POOL, FEW)


@given(closes_strategy, facts_strategy)
@settings(max_examples=60)
def test_positions_that_follow_what_is_applied_are_always_found(
    closes: dict[str, list[float]], facts: dict[str, list[Any]]
) -> None:
    table = World(FEW, closes, facts).table()
    held: dict[str, str | None] = {}
    before = at_open(FEW[0]) - timedelta(days=3)
    for now in map(at_open, FEW):
        view = table.view(now)
        for ticker, told in view.applied(before):
            if told.kind == "ticker_change" and ticker in held:
                assert told.new_symbol is not None
                assert told.new_symbol not in held
                held[told.new_symbol] = held.pop(ticker)
        assert held == {ticker: view.instrument(ticker) for ticker in held}
        held |= {ticker: view.instrument(ticker) for ticker in view.symbols()}
        before = now
