"""What a run's aliases are, and that every field of every tool has a kind."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import mcp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.types import Tool

from adapters.documents.local import LocalDocuments
from adapters.embedder.hashing import HashingEmbedder
from adapters.masking.codebook import PROSE_YEARS, Codebook, Known
from adapters.masking.fields import DECISION, TASK, TOOLS, WITHHELD, BySymbol, Shape, Wording
from adapters.masking.known import known_of
from adapters.masking.session import require_maskable
from adapters.memory.run_memory import RunMemoryBook
from adapters.sampler.exact import ExactEnumeration
from agents.records import RECORDS
from mcp_servers.lending import build_lending_server
from mcp_servers.memory import build_memory_server
from mcp_servers.prices import build_prices_server
from mcp_servers.quantum import build_quantum_server
from mcp_servers.search import build_search_server
from mcp_servers.toolkit import ToolServer
from schemas.agents import TradingDecision
from schemas.base import plain
from schemas.errors import BadConfiguration
from tests.adapters.market_worlds import NYSE, World, action, listing
from tests.mcp_servers.desks import Desk

TICKERS = st.from_regex(r"[A-Z][A-Z0-9.-]{0,9}", fullmatch=True)
KEYS = st.text("0123456789abcdef", min_size=64, max_size=64)


def book(*tickers: str, key: str = "0", years: tuple[int, int] = (1990, 2022)) -> Codebook:
    return Codebook(key, Known({t: t for t in tickers}, {}, {}, years))


@given(KEYS, st.sets(TICKERS, min_size=1, max_size=40))
def test_aliases_sort_as_tickers_do_are_valid_symbols_and_lead_back(
    key: str, tickers: set[str]
) -> None:
    codes = book(*tickers, key=key)
    ordered = sorted(tickers)
    aliases = [codes.alias(ticker) for ticker in ordered]
    assert aliases == sorted(set(aliases))
    assert [codes.ticker(alias) for alias in aliases] == ordered
    assert not {*aliases} & {*codes.tickers}
    assert len({len(alias) for alias in aliases}) == 1


def test_a_ticker_that_another_company_takes_over_keeps_its_place_and_its_unit() -> None:
    codes = book("FOO", "FOOD", "BAR")
    assert codes.alias("FOO") < codes.alias("FOO.1") < codes.alias("FOOD")
    assert codes.factor("FOO") == codes.factor("FOO.1")


def test_gaps_between_codes_do_not_tell_how_many_tickers_lie_between() -> None:
    codes = book(*(f"T{number:03d}" for number in range(200)))
    numbers = [int(codes.alias(f"T{number:03d}")[1:]) for number in range(200)]
    gaps = [after - before for before, after in itertools.pairwise(numbers)]
    assert len(set(gaps)) > 100
    assert min(gaps) >= 1


@given(KEYS, TICKERS, st.integers(1, 10**15), st.integers(1, 10**12))
def test_units_change_exactly_and_money_not_at_all(
    key: str, ticker: str, quantity: int, price: int
) -> None:
    factor = book(key=key).factor(ticker)
    assert factor in {2, 4, 8, 16, 32, 64}
    units, each = Decimal(quantity).scaleb(-6), Decimal(price).scaleb(-6)
    assert units / factor * factor == units
    assert (units / factor) * (each * factor) == units * each
    assert float(plain(each * factor)) == float(each) * float(factor)


@given(KEYS, st.integers(1930, 2025), st.integers(0, 70))
def test_every_date_keeps_its_weekday_its_month_and_its_distance_to_others(
    key: str, first: int, span: int
) -> None:
    years = (first, min(first + span, 2030))
    shift = book(key=key, years=years).shift
    begin, end = date(years[0], 1, 1), date(years[1], 12, 31)
    moved = begin.replace(year=begin.year + shift)
    assert (moved - begin).days % 7 == 0
    assert end.replace(year=end.year + shift) - moved == end - begin
    for day in (begin + timedelta(days=n) for n in range(0, (end - begin).days, 97)):
        assert day.replace(year=day.year + shift) - moved == day - begin
    real = {min(PROSE_YEARS[0], years[0]), max(PROSE_YEARS[1], years[1])}
    assert abs(shift) > max(real) - min(real)  # so that no masked date looks like a real one


def test_another_run_has_other_aliases_and_the_same_one_the_same() -> None:
    runs = [book("AAPL", "KO", key=f"{number:064x}") for number in range(40)]
    assert len({run.alias("AAPL") for run in runs}) > 30
    assert len({run.shift for run in runs}) > 8
    assert len({run.factor("KO") for run in runs}) == 6
    again = book("AAPL", "KO", key=f"{7:064x}")
    assert (again.alias("KO"), again.shift) == (runs[7].alias("KO"), runs[7].shift)


def test_tickers_of_one_company_share_a_unit_and_its_names_are_known() -> None:
    days = NYSE.sessions(date(2020, 1, 2), date(2020, 1, 31))
    named = listing("BBB", "BBB", days[0], name="Bee Beverages Inc.")
    change = action("AAA", "ticker_change", days[5], new_symbol="NEW")
    world = World(
        days,
        {"AAA": [1.0] * len(days), "BBB": [2.0] * len(days)},
        {"actions": (change,), "listings": (named,)},
    )
    known = known_of(world.table(), (2020, 2020))
    assert known.instruments["AAA"] == known.instruments["NEW"] != known.instruments["BBB"]
    assert known.names["BBB"] == ("Bee Beverages Inc.",)
    assert "Apple" in known.names["AAPL"]  # whoever lists it


def servers(folder: Path) -> Iterator[ToolServer]:
    desk = Desk()
    clock, shelf = desk.run.clock, desk.run.market
    yield build_prices_server(clock=clock, market=shelf, calendar=NYSE)
    yield build_search_server(clock=clock, documents=LocalDocuments(folder))
    yield build_memory_server(clock=clock, memories=RunMemoryBook(HashingEmbedder()))
    yield build_quantum_server(clock=clock, market=shelf, sampler=ExactEnumeration())
    yield build_lending_server(clock=clock, borrower=None, market=shelf)
    yield desk.server


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tool]:
    async def listed() -> dict[str, Tool]:
        found: dict[str, Tool] = {}
        for server in servers(tmp_path_factory.mktemp("none")):
            async with mcp.Client(server) as client:
                found |= {tool.name: tool for tool in (await client.list_tools()).tools}
        return found

    return asyncio.run(listed())


def test_every_tool_of_all_six_servers_has_an_entry(
    tools: dict[str, Tool],
) -> None:
    assert {name.split("_")[0] for name in tools} == {
        *("prices", "search", "memory", "trading", "quantum", "lending")
    }
    assert tools.keys() <= TOOLS.keys() | WITHHELD.keys()
    assert not TOOLS.keys() & WITHHELD.keys()


def leaves(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of the object that a schema speaks of, through lists and choices."""
    if "$ref" in schema:
        return leaves(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    for choice in (*schema.get("anyOf", ()), *filter(None, [schema.get("items")])):
        if found := leaves(choice, root):
            return found
    return schema.get("properties", {})


def unknown(shapes: Shape, schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[str]:
    """Return the fields of a schema that have no kind."""
    if not isinstance(shapes, Mapping):
        return []
    found: list[str] = []
    for name, field in leaves(schema, root).items():
        if name not in shapes:
            found.append(name)
        elif not isinstance(shapes[name], BySymbol | Wording):
            found += [f"{name}.{each}" for each in unknown(shapes[name], field, root)]
    return found


def test_every_field_of_every_tool_has_a_kind(tools: dict[str, Tool]) -> None:
    for name in tools.keys() & TOOLS.keys():
        takes, gives = tools[name].input_schema, tools[name].output_schema
        assert gives is not None
        assert unknown(TOOLS[name].arguments, takes, takes) == [], name
        assert unknown(TOOLS[name].answer, gives, gives) == [], name
        assert TOOLS[name].answer.keys() <= gives["properties"].keys(), name


def test_every_field_of_the_trading_agents_answer_has_a_kind() -> None:
    schema = TradingDecision.model_json_schema()
    assert unknown(DECISION, schema, schema) == []
    assert TASK.keys() == {"session", "as_of", "events", "facts"}


def test_a_tool_without_an_entry_is_refused_at_the_start_with_the_reason() -> None:
    require_maskable(RECORDS["alpha_trading"].tools)
    with pytest.raises(BadConfiguration, match="'prices_get_rumours' cannot be offered"):
        require_maskable(["prices_get_bars", "prices_get_rumours"])
    with pytest.raises(BadConfiguration, match="a household's papers"):
        require_maskable(["lending_estimate_tax"])
