"""Actions, members and macro series through the prices server: what was known, and no more."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from adapters.market.facts import Facts, table_of
from adapters.market.table import PriceArrays, PriceTable
from schemas.facts import MacroValue, Membership
from schemas.market import DatasetInfo
from tests.adapters.acted import action, split
from tests.mcp_servers.test_prices import DAYS, NYSE, call

SYMBOLS = ("AAA", "BBB", "NEW")
LISTED = 150
SPLIT_DAY = DAYS[100]
PROVENANCE: dict[str, Any] = {"stored_time": datetime(2026, 1, 2, tzinfo=UTC), "provider": "test"}


def known(day: date) -> dict[str, Any]:
    return {"known_time": NYSE.closes_at(day), **PROVENANCE}


FACTS = {
    "actions": [
        split("AAA", SPLIT_DAY, "2:1", known=NYSE.closes_at(DAYS[80])),
        action("cash_dividend", "BBB", DAYS[60], known=NYSE.closes_at(DAYS[50]), cash="0.25"),
        action("cash_dividend", "NEW", DAYS[160], known=NYSE.closes_at(DAYS[10]), cash="1"),
    ],
    "members": [
        Membership(
            universe="few", instrument="AAA", enters=DAYS[0], leaves=DAYS[90], **known(DAYS[0])
        ),
        Membership(universe="few", instrument="BBB", enters=DAYS[90], **known(DAYS[85])),
    ],
    "macro": [
        MacroValue(series="UNRATE", period=date(2020, 1, 1), value=3.6, **known(DAYS[25])),
        MacroValue(series="UNRATE", period=date(2020, 1, 1), value=3.5, **known(DAYS[45])),
        MacroValue(series="UNRATE", period=date(2020, 2, 1), value=None, **known(DAYS[45])),
    ],
}


def market() -> PriceTable:
    close = np.full((len(DAYS), 3), 40.0) + np.arange(len(DAYS))[:, None] / 8
    close[DAYS.index(SPLIT_DAY) :, 0] /= 2
    close[:LISTED, 2] = np.nan
    arrays = PriceArrays(
        SYMBOLS, np.array(DAYS, "datetime64[D]"), close, close, close, close, close * 100
    )
    info = DatasetInfo(
        name="made",
        description="generated",
        data_hash=arrays.digest(),
        calendar="XNYS",
        currency="USD",
        close_only=False,
        adjustment="raw",
        symbols=SYMBOLS,
        benchmarks=(),
        caveats=(),
        actions=3,
    )
    tables = {kind: table_of(kind, rows) for kind, rows in FACTS.items()}
    return PriceTable(info, arrays, NYSE, Facts(tables))


MARKET = market()


def test_actions_are_told_once_announced_and_those_to_come_are_among_them() -> None:
    def told(day: date) -> list[tuple[str, str]]:
        rows = call("prices_get_corporate_actions", MARKET, day=day)["actions"]
        return [(row["symbol"], row["kind"]) for row in rows]

    assert told(DAYS[50]) == []
    assert told(DAYS[51]) == [("BBB", "cash_dividend")]
    assert told(DAYS[81]) == [("BBB", "cash_dividend"), ("AAA", "split")]
    (row,) = call("prices_get_corporate_actions", MARKET, day=DAYS[81], symbol="aaa")["actions"]
    assert (row["new_units"], row["old_units"], row["ex_date"]) == ("2", "1", str(SPLIT_DAY))


@pytest.mark.promise("no-look-ahead")
def test_an_action_of_what_is_not_listed_yet_names_nobody() -> None:
    before = call("prices_get_corporate_actions", MARKET, day=DAYS[LISTED - 1])
    assert {row["symbol"] for row in before["actions"]} == {"AAA", "BBB"}
    asked = call("prices_get_corporate_actions", MARKET, day=DAYS[LISTED - 1], symbol="NEW")
    unknown = call("prices_get_corporate_actions", MARKET, day=DAYS[LISTED - 1], symbol="ZZZ")
    assert asked["error"].replace("NEW", "ZZZ") == unknown["error"]
    after = call("prices_get_corporate_actions", MARKET, day=DAYS[LISTED + 1], symbol="NEW")
    assert [row["kind"] for row in after["actions"]] == ["cash_dividend"]


def test_bars_come_in_todays_units_or_as_traded() -> None:
    day = DAYS[DAYS.index(SPLIT_DAY) + 1]
    asked: dict[str, Any] = {"symbols": ["AAA"], "lookback": 2}
    adjusted = call("prices_get_bars", MARKET, day=day, **asked)
    traded = call("prices_get_bars", MARKET, day=day, adjusted=False, **asked)
    before, after = (float(price) for price in adjusted["columns"][0]["close"])
    assert after / before == pytest.approx(1, abs=0.01)
    before, after = (float(price) for price in traded["columns"][0]["close"])
    assert after / before == pytest.approx(0.5, abs=0.01)
    assert (adjusted["adjusted"], traded["adjusted"]) == (True, False)


@pytest.mark.promise("no-look-ahead")
def test_no_answer_says_what_the_whole_data_set_has_taught_about_its_prices() -> None:
    """A first split in September tells an importer how the prices of March are made."""
    day = DAYS[40]
    asked: list[tuple[str, dict[str, Any]]] = [
        ("prices_list_symbols", {}),
        ("prices_get_bars", {"symbols": ["AAA"]}),
        ("prices_get_bars", {"symbols": ["AAA"], "adjusted": False}),
    ]
    other = market()
    for actions, adjustment in ((0, "unknown"), (3, "split"), (9, "split_dividend")):
        update = {"actions": actions, "adjustment": adjustment, "caveats": ("one",)}
        other._info = MARKET.info().model_copy(update=update)
        for tool, arguments in asked:
            answer = call(tool, other, day=day, **arguments)
            assert "error" not in answer
            assert answer == call(tool, MARKET, day=day, **arguments)


def test_a_universe_has_the_members_of_the_moment() -> None:
    def members(day: date) -> list[str]:
        return call("prices_get_universe", MARKET, day=day, universe="few")["members"]

    assert members(DAYS[89]) == ["AAA"]
    assert members(DAYS[90]) == ["BBB"]
    assert "error" in call("prices_get_universe", MARKET, universe="many")


def test_a_macro_series_is_as_published_by_then_in_either_vintage() -> None:
    def values(day: date, **rest: Any) -> list[str | None]:
        return call("prices_get_macro_series", MARKET, day=day, series="unrate", **rest)["values"]

    assert "error" in call("prices_get_macro_series", MARKET, day=DAYS[25], series="UNRATE")
    assert values(DAYS[26]) == ["3.6"]
    assert values(DAYS[46]) == ["3.5", None]
    assert values(DAYS[46], vintage="first") == ["3.6", None]
    listed = call("prices_list_macro_series", MARKET, day=DAYS[46])["series"]
    assert [(row["series"], row["values"]) for row in listed] == [("UNRATE", 2)]
    assert call("prices_list_macro_series", MARKET, day=DAYS[20])["series"] == []


def test_what_cannot_be_asked_is_refused_in_a_sentence() -> None:
    turned: dict[str, Any] = {"start": "2020-06-02", "end": "2020-06-01"}
    for tool, rest in (
        ("prices_get_corporate_actions", turned),
        ("prices_get_macro_series", {"series": "UNRATE", **turned}),
    ):
        assert "the end lies before the start" in call(tool, MARKET, **rest)["error"]
    assert "not-found" in call("prices_get_macro_series", MARKET, series="NONE")["error"]
