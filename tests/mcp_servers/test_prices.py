"""A client asks the prices server, and gets nothing that was not known."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import anyio
import mcp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from adapters.calendar import ExchangeCalendar
from adapters.clock import SimulatedClock
from adapters.market.table import PriceArrays, PriceTable
from adapters.market.universe import UniverseMarket
from interfaces.market import MarketData
from mcp_servers.prices import build_prices_server, price_text
from schemas.base import plain, to_micro
from schemas.market import DatasetInfo

NYSE = ExchangeCalendar("XNYS")
DAYS = NYSE.sessions(date(2020, 1, 2), date(2020, 12, 31))
TODAY = date(2020, 7, 6)
CANARY = 987654.25
NAMES = ("AAA", "BBB", "GAP", "IDX", "NEW")


def arrays() -> PriceArrays:
    generator = np.random.default_rng(5)
    moves = generator.normal(0, 0.01, (len(DAYS), len(NAMES)))
    close = np.round(50 * np.exp(np.cumsum(moves, axis=0)), 4)
    close[100:110, 2] = np.nan  # GAP was suspended
    close[: DAYS.index(date(2020, 9, 1)), 4] = np.nan  # NEW is listed in September
    spread = [np.round(close * factor, 4) for factor in (1.001, 1.01, 0.99)]
    volume = np.where(np.isnan(close), np.nan, 1000.0)
    return PriceArrays(NAMES, np.array(DAYS, "datetime64[D]"), *spread, close, volume)


def market(prices: PriceArrays, *, name: str = "made") -> PriceTable:
    info = DatasetInfo(
        name=name,
        description="generated, 2020-01-02 to 2020-12-31",
        data_hash=prices.digest(),
        calendar="XNYS",
        currency="USD",
        close_only=False,
        adjustment="raw",
        symbols=tuple(symbol for symbol in prices.symbols if symbol != "IDX"),
        benchmarks=("IDX",),
        caveats=("ends on 2020-12-31",),
    )
    return PriceTable(info, prices, NYSE)


MARKET = market(arrays())


def call(
    tool: str, data: MarketData = MARKET, *, day: date = TODAY, **arguments: Any
) -> dict[str, Any]:
    """Return the structured answer, or `{"error": text}`."""
    return calls([(tool, arguments)], data, at=NYSE.opens_at(day))[0]


def calls(
    wanted: list[tuple[str, Mapping[str, Any]]], data: MarketData, *, at: datetime
) -> list[dict[str, Any]]:
    async def ask() -> list[dict[str, Any]]:
        server = build_prices_server(clock=SimulatedClock(at), market=data, calendar=NYSE)
        answers: list[dict[str, Any]] = []
        async with mcp.Client(server) as client:
            for tool, arguments in wanted:
                answer = await client.call_tool(tool, dict(arguments))
                text = "".join(getattr(part, "text", "") for part in answer.content)
                answers.append({"error": text} if answer.is_error else answer.structured_content)
        return answers

    return anyio.run(ask)


def test_bars_end_with_the_last_completed_session() -> None:
    answer = call("prices_get_bars", symbols=["AAA", "BBB"], lookback=3)
    assert answer["sessions"] == ["2020-06-30", "2020-07-01", "2020-07-02"]
    bars = MARKET.view(NYSE.opens_at(TODAY)).bars("AAA", lookback=3)
    (first, second) = answer["columns"]
    assert [float(price) for price in first["close"]] == bars.close.tolist()
    assert (first["symbol"], second["symbol"]) == ("AAA", "BBB")
    assert first["open"] is None
    assert first["sessions"] is None


def test_every_field_is_answered_when_asked_for() -> None:
    fields = ["open", "high", "low", "close", "volume"]
    (column,) = call("prices_get_bars", symbols=["aaa"], lookback=2, fields=fields)["columns"]
    bars = MARKET.view(NYSE.opens_at(TODAY)).bars("AAA", lookback=2)
    for name in fields:
        assert [float(value) for value in column[name]] == getattr(bars, name).tolist()
    assert column["volume"] == ["1000", "1000"]


def test_a_suspended_symbol_brings_its_own_sessions() -> None:
    start, end = DAYS[95].isoformat(), DAYS[115].isoformat()
    answer = call("prices_get_bars", symbols=["GAP", "AAA"], start=start, end=end)
    gap, whole = answer["columns"]
    assert len(answer["sessions"]) == len(whole["close"]) == 21
    assert whole["sessions"] is None
    assert len(gap["sessions"]) == len(gap["close"]) == 11


@given(st.decimals("0.000001", "9999999", places=6))
def test_prices_are_written_as_decimals_are(price: Decimal) -> None:
    assert price_text(float(price)) == plain(to_micro(float(price)))


def test_a_quote_is_the_last_close_and_says_of_when() -> None:
    answer = call("prices_get_quote", symbol="BBB")
    closes = MARKET.view(NYSE.opens_at(TODAY)).bars("BBB", lookback=2).close
    assert answer["session"] == "2020-07-02"
    assert float(answer["close"]) == closes[-1]
    assert answer["change"] == pytest.approx(closes[-1] / closes[-2] - 1, abs=1e-8)


def test_returns_are_of_the_common_sessions() -> None:
    answer = call("prices_get_returns", symbols=["AAA", "GAP"], lookback=30)
    closes = MARKET.view(NYSE.opens_at(TODAY)).closes(["AAA", "GAP"], 31)
    assert answer["sessions"] == [str(day) for day in closes.sessions[1:]]
    for index, column in enumerate(answer["columns"]):
        expected = closes.values[1:, index] / closes.values[:-1, index] - 1
        assert column["returns"] == pytest.approx(expected.tolist(), abs=1e-8)


def test_a_symbol_is_listed_once_it_has_a_price() -> None:
    before = call("prices_list_symbols")
    assert (before["symbols"], before["benchmarks"]) == (["AAA", "BBB", "GAP"], ["IDX"])
    after = call("prices_list_symbols", day=date(2020, 9, 2))
    assert after["symbols"] == ["AAA", "BBB", "GAP", "NEW"]
    narrow = call("prices_list_symbols", UniverseMarket(MARKET, ["BBB"]))
    assert (narrow["symbols"], narrow["benchmarks"]) == (["BBB"], [])


@pytest.mark.promise("no-look-ahead")
def test_a_symbol_of_the_future_is_as_unknown_as_one_that_never_was() -> None:
    for tool, key in (("prices_get_quote", "symbol"), ("prices_get_bars", "symbols")):
        told = [
            call(tool, **{key: name if key == "symbol" else [name]})["error"].replace(name, "X")
            for name in ("NEW", "NIL")
        ]
        assert told[0] == told[1]
        assert "not-found" in told[0]


@pytest.mark.promise("no-look-ahead")
@pytest.mark.parametrize(
    "arguments",
    [
        {"start": "2020-07-06"},
        {"end": "2020-07-06"},
        {"start": "2020-06-01", "end": "2020-10-29"},
        {"end": "2021-01-04", "lookback": 5},
        {"start": "2030-01-01", "end": "2030-12-31"},
    ],
)
def test_asking_for_the_future_is_refused_by_the_simulated_date(arguments: dict[str, Any]) -> None:
    error = call("prices_get_bars", symbols=["AAA"], **arguments)["error"]
    assert "look-ahead: it is 2020-07-06" in error
    assert re.findall(r"\d{4}-\d{2}-\d{2}", error) == ["2020-07-06"]


def test_a_weekend_is_named_and_no_other_date() -> None:
    arguments = {"start": "2020-07-04", "end": "2020-07-05"}
    error = call("prices_get_bars", symbols=["AAA"], **arguments)["error"]
    assert re.findall(r"\d{4}-\d{2}-\d{2}", error) == ["2020-07-04", "2020-07-05"]


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("prices_get_bars", {"symbols": ["NOPE"]}, "no prices of 'NOPE' are known"),
        ("prices_get_bars", {"symbols": []}, "at least 1 item"),
        ("prices_get_bars", {"symbols": ["AAA"], "lookback": 0}, "greater than or equal to 1"),
        ("prices_get_bars", {"symbols": ["AAA"], "start": "soon"}, "valid date"),
        ("prices_get_bars", {"symbols": ["AAA"], "fields": ["bid"]}, "'close'"),
        (
            "prices_get_bars",
            {"symbols": ["AAA"], "start": "2020-02-04", "end": "2020-02-03"},
            "before the start",
        ),
        (
            "prices_get_calendar",
            {"start": "2020-02-04", "end": "2020-02-03"},
            "before the start",
        ),
        ("prices_get_calendar", {"start": "2020-02-04", "end": "2030-02-03"}, "at most 1100 days"),
        ("prices_get_calendar", {"start": "1850-02-04", "end": "1850-02-05"}, "outside the cal"),
        ("prices_get_quote", {"symbol": ""}, "no prices of ''"),
    ],
)
def test_bad_arguments_are_answered_in_a_sentence(
    tool: str, arguments: dict[str, Any], said: str
) -> None:
    assert said in call(tool, **arguments)["error"]


def test_the_calendar_is_published_a_year_ahead() -> None:
    answer = call("prices_get_calendar", start="2020-11-23", end="2020-11-29")
    assert answer["sessions"] == ["2020-11-23", "2020-11-24", "2020-11-25", "2020-11-27"]
    assert answer["opens_at"][-1] == "2020-11-27T14:30:00+00:00"
    assert answer["closes_at"][-1] == "2020-11-27T18:00:00+00:00"
    assert call("prices_get_calendar")["sessions"][0] == "2020-07-06"
    past = call("prices_get_calendar", start="2012-10-22", end="2012-11-02")["sessions"]
    assert {"2012-10-26", "2012-10-31"} == {day for day in past if "10-26" <= day[5:] <= "10-31"}
    whole = call("prices_get_calendar", start="2020-06-01", end="2021-07-07")
    assert len(whole["sessions"]) == len(NYSE.sessions(date(2020, 6, 1), date(2021, 7, 7)))


@pytest.mark.promise("no-look-ahead")
@pytest.mark.parametrize(
    ("today", "closure"),
    [
        ("2001-09-10", "2001-09-11"),
        ("2012-10-26", "2012-10-29"),
        ("2018-06-01", "2018-12-05"),
        ("2024-12-27", "2025-01-09"),
    ],
)
def test_a_closure_nobody_knew_of_is_a_session_before_it(today: str, closure: str) -> None:
    at = NYSE.closes_at(date.fromisoformat(today)) + timedelta(seconds=1)
    span = {"start": closure, "end": closure}
    answers = calls(
        [
            ("prices_get_calendar", span),
            ("prices_get_calendar", {"start": today, "end": closure}),
            ("prices_get_clock", {}),
            ("prices_get_bars", {"symbols": ["AAA"], **span}),
        ],
        MARKET,
        at=at,
    )
    assert answers[0]["sessions"] == [closure]
    assert answers[0]["closes_at"][0][11:] in ("20:00:00+00:00", "21:00:00+00:00")
    assert answers[1]["sessions"][-1] == closure
    assert answers[2]["session"] > today
    if (date.fromisoformat(closure) - date.fromisoformat(today)).days < 4:
        assert answers[2]["session"] == closure
    assert "no session" not in answers[3].get("error", "")
    late = datetime.fromisoformat(closure).replace(tzinfo=UTC) + timedelta(days=9)
    assert calls([("prices_get_calendar", span)], MARKET, at=late)[0]["sessions"] == []


@pytest.mark.promise("no-look-ahead")
def test_the_calendar_beyond_a_year_is_look_ahead() -> None:
    for day in ("2021-07-08", "2022-06-20", "2049-12-31"):
        error = call("prices_get_calendar", start=day, end=day)["error"]
        assert "look-ahead: it is 2020-07-06" in error
        assert re.findall(r"\d{4}-\d{2}-\d{2}", error) == ["2020-07-06"]
    announced, juneteenth = date(2021, 6, 17), "2022-06-20"
    for today in (date(2019, 8, 15), announced):
        error = call("prices_get_calendar", day=today, start=juneteenth, end=juneteenth)["error"]
        assert "look-ahead" in error


@pytest.mark.promise("no-look-ahead")
@pytest.mark.parametrize("day", ["2020-07-11", "2020-09-07", "2025-01-09"])
def test_bars_of_a_day_to_come_never_tell_whether_it_is_a_session(day: str) -> None:
    error = call("prices_get_bars", symbols=["AAA"], start=day, end=day)["error"]
    assert "look-ahead: it is 2020-07-06" in error


def delisted(last: int, *, every: int = 1) -> PriceTable:
    """AAA ends with row `last`; the set has every `every`-th session."""
    whole = arrays()
    fields = {
        name: getattr(whole, name).copy() for name in ("open", "high", "low", "close", "volume")
    }
    for values in fields.values():
        values[last + 1 :, 0] = np.nan
    rows = slice(None, None, every)
    kept = {name: values[rows] for name, values in fields.items()}
    return market(replace(whole, sessions=whole.sessions[rows], **kept))


def test_a_symbol_without_a_price_for_more_than_10_sessions_is_no_longer_listed() -> None:
    ended = delisted(49)
    for row, listed in ((50, True), (60, True), (61, False), (200, False)):
        at = NYSE.opens_at(DAYS[row])
        symbols = ended.view(at).symbols()
        assert ("AAA" in symbols, "BBB" in symbols) == (listed, True)
        assert UniverseMarket(ended, ["AAA", "BBB"]).view(at).symbols() == tuple(
            name for name in ("AAA", "BBB") if name in symbols
        )
        told = call("prices_list_symbols", ended, day=DAYS[row])["symbols"]
        assert told == list(symbols)
        last = ended.view(at).last_close("AAA")
        assert last is not None
        assert last[0] == DAYS[49]


def test_a_quote_of_a_symbol_that_trades_no_more_says_how_old_it_is() -> None:
    ended = delisted(49)
    fresh = call("prices_get_quote", ended, day=DAYS[60], symbol="AAA")
    stale = call("prices_get_quote", ended, day=DAYS[61], symbol="AAA")
    assert (fresh["sessions_old"], stale["sessions_old"]) == (None, 11)
    assert fresh["close"] == stale["close"]
    assert stale["session"] == DAYS[49].isoformat()
    assert call("prices_get_quote", ended, day=DAYS[61], symbol="BBB")["sessions_old"] is None


def test_sessions_are_counted_as_the_data_set_has_them() -> None:
    weekly = delisted(49, every=5)  # rows 0, 5, ... 45 of AAA
    assert "AAA" in weekly.view(NYSE.opens_at(DAYS[96])).symbols()  # row 95 is the tenth since
    assert "AAA" not in weekly.view(NYSE.opens_at(DAYS[101])).symbols()
    after = weekly.view(datetime(2026, 1, 5, tzinfo=UTC))  # the set has ended; its symbols have not
    assert after.symbols() == ("BBB", "GAP", "NEW")


@pytest.mark.parametrize(
    ("at", "session"),
    [
        (datetime(2020, 7, 6, 13, 30, tzinfo=UTC), "2020-07-06"),
        (datetime(2020, 7, 6, 20, 0, 1, tzinfo=UTC), "2020-07-07"),
        (datetime(2020, 7, 4, 12, 0, tzinfo=UTC), "2020-07-06"),
    ],
)
def test_the_clock_tells_the_session_that_cannot_be_seen_yet(at: datetime, session: str) -> None:
    (answer,) = calls([("prices_get_clock", {})], MARKET, at=at)
    assert answer["session"] == session
    assert answer["previous_session"] == NYSE.previous(date.fromisoformat(session)).isoformat()


EVERY_CALL: list[tuple[str, Mapping[str, Any]]] = [
    ("prices_get_bars", {"symbols": ["AAA", "GAP"], "lookback": 300}),
    ("prices_get_bars", {"symbols": ["AAA"], "fields": ["open", "high", "low", "volume"]}),
    ("prices_get_bars", {"symbols": ["AAA"], "start": "2020-02-03", "end": "2020-12-01"}),
    ("prices_get_bars", {"symbols": ["NEW"]}),
    ("prices_get_quote", {"symbol": "AAA"}),
    ("prices_get_quote", {"symbol": "NEW"}),
    ("prices_get_quote", {"symbol": "IDX"}),
    ("prices_get_returns", {"symbols": ["AAA", "BBB", "GAP"], "lookback": 250}),
    ("prices_list_symbols", {}),
    ("prices_get_calendar", {"start": "2020-06-01", "end": "2021-06-01"}),
    ("prices_get_clock", {}),
    ("prices_get_bars", {"symbols": ["AAA"], "adjusted": False}),
    ("prices_get_corporate_actions", {}),
    ("prices_get_corporate_actions", {"symbol": "AAA"}),
    ("prices_get_universe", {"universe": "none"}),
    ("prices_list_macro_series", {}),
    ("prices_get_macro_series", {"series": "UNRATE"}),
]


@pytest.mark.promise("no-look-ahead")
@settings(max_examples=12, deadline=None)
@given(cut=st.integers(2, len(DAYS) - 1), length=st.integers(0, 60), late=st.booleans())
def test_no_answer_changes_when_everything_after_it_does(cut: int, length: int, late: bool) -> None:
    """Everything from session `cut` on becomes canaries, ends early, and has other symbols."""
    whole = arrays()
    kept = min(len(DAYS), cut + length)
    fields = {
        name: getattr(whole, name)[:kept].copy()
        for name in ("open", "high", "low", "close", "volume")
    }
    for values in fields.values():
        values[cut:] = CANARY
    if NYSE.opens_at(DAYS[cut]) < NYSE.opens_at(date(2020, 9, 1)):
        fields["close"][cut:, 4] = np.nan  # NEW is never listed
    changed = market(replace(whole, sessions=whole.sessions[:kept], **fields))
    at = NYSE.opens_at(DAYS[cut])
    if late:  # at the very close: the bar of this session is not known yet
        at = NYSE.closes_at(DAYS[cut])
    before, after = (calls(EVERY_CALL, data, at=at) for data in (MARKET, changed))
    assert before == after
    assert "987654" not in json.dumps(after)


def test_tools_say_what_they_are_and_answers_fit_their_schemas() -> None:
    async def ask() -> None:
        clock = SimulatedClock(NYSE.opens_at(TODAY) + timedelta(seconds=1))
        server = build_prices_server(clock=clock, market=MARKET, calendar=NYSE)
        async with mcp.Client(server) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert sorted(tools) == sorted({tool for tool, _ in EVERY_CALL})
            for tool in tools.values():
                assert tool.description
                assert tool.annotations is not None
                assert tool.annotations.read_only_hint
            for name, arguments in EVERY_CALL:
                answer = await client.call_tool(name, dict(arguments))
                if not answer.is_error:
                    schema = tools[name].output_schema or {}
                    Draft202012Validator(schema).validate(answer.structured_content)

    anyio.run(ask)
