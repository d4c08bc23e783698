"""Whatever becomes known at or after a moment, no tool answers otherwise at it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from adapters.wiring import System, bait_for, run_ports
from orchestrator import worker
from orchestrator.canary_probes import borrower
from tests.adapters.market_worlds import FEW, NAMES, POOL, facts_strategy, moments
from tests.orchestrator.runs import lending
from tests.orchestrator.tool_worlds import Scene, Seen, Stand

names = st.sampled_from([*POOL, "aaa", "Bbb"])
traded = st.sampled_from(["AAA", "BBB", "FOO", *NAMES])
baskets = st.lists(traded, min_size=1, max_size=3, unique=True)
days = st.sampled_from([*FEW[::3], date(2019, 6, 3), date(2020, 9, 1), date(9999, 12, 31)]).map(str)
money = st.sampled_from(["100", "2500.50", "60000"])
rates = st.sampled_from([0.0, 0.05, 0.2])
words = st.sampled_from(["", "merger", "profit merger", "noted", "frost AAA"])
few = st.integers(1, 3)

ARGUMENTS: dict[str, st.SearchStrategy[Any]] = {
    "symbols": st.lists(names, min_size=1, max_size=3),
    "symbol": names,
    "weights": st.dictionaries(names, st.sampled_from(["0.1", "0.3", "0"]), max_size=3),
    "universe": st.sampled_from(["best", "BEST", "none"]),
    "series": st.sampled_from(["UNIT", "rate", "NONE"]),
    "fields": st.just(["open", "close", "volume"]),
    "lookback": st.integers(1, 60),
    "quantum lookback": st.integers(20, 60),
    **dict.fromkeys(("start", "end", "since", "until", "first_due_on", "disbursed_on"), days),
    "event_time": moments.map(lambda at: at.isoformat()),
    **dict.fromkeys(("query", "text", "category", "contract_text"), words),
    "tags": st.just(["lesson"]),
    **dict.fromkeys(("reason", "client_key", "client_order_id"), st.just("because")),
    "quantity": st.sampled_from(["1", "2.5", "100000"]),
    "notional": st.sampled_from(["50", "999.99"]),
    **dict.fromkeys(
        ("limit_price", "stop_price", "take_profit", "stop_loss", "trail_amount"),
        st.sampled_from(["5", "19.5", "50", "75.25"]),
    ),
    "trail_share": st.sampled_from(["0.05", "0.4"]),
    "oco_group": st.sampled_from(["either", "or"]),
    "lots": st.lists(st.sampled_from(["20200611-1", "20200611-2", "none"]), max_size=2),
    "min_order": st.sampled_from(["0", "100"]),
    "drift": st.sampled_from(["0", "0.01", "0.2", "1"]),
    "limit": st.integers(1, 50),
    "quantum symbols": baskets,
    **dict.fromkeys(("choose", "reads", "months", "history_years", "mean_block_months"), few),
    "slices": st.just(2),
    "cap": st.sampled_from([0.5, 1.0]),
    "risk_aversion": st.sampled_from([1.0, 5.0]),
    "seed": few,
    "paths": st.just(100),
    "term_months": st.sampled_from([3, 12]),
    "year": st.integers(2018, 2021),
    **dict.fromkeys(("rate_annual", "fund_return_annual"), rates),
    **dict.fromkeys(
        (
            *("principal", "origination_fee", "invested", "floor", "disposable_income_monthly"),
            *("income_monthly_net", "income_monthly_gross", "expenses_monthly"),
            *("housing_monthly", "debt_payments_monthly", "ordinary_income", "long_term_gains"),
        ),
        money,
    ),
}
"""What a tool may be asked; before a name may stand the server that it is for."""


class Schemas(dict[str, dict[str, Any]]):
    """What every tool takes, by its name."""

    def __repr__(self) -> str:  # a failing example would print pages of them
        return f"{len(self)} tools"


@pytest.fixture(scope="module")
def schemas(system: System) -> Schemas:
    """What every tool of a run takes: read from the servers that the worker builds."""
    with bait_for(system.catalog.open("bundled").info(), date(2020, 1, 29)) as bait:
        request = lending(application=borrower(bait))
        ports = run_ports(system, request, run_key="k", bait=bait)
        servers = worker._servers(system, request, ports, run_key="k").values()
    tools = [tool for server in servers for tool in asyncio.run(server.list_tools())]
    return Schemas({tool.name: tool.input_schema for tool in tools})


@pytest.fixture(scope="module")
def stand(system: System) -> Stand:
    return Stand(system)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def strategy(tool: str, name: str, schema: Mapping[str, Any]) -> st.SearchStrategy[Any] | None:
    """Return what the argument may be; None when nobody has said so."""
    kinds = [schema, *schema.get("anyOf", ())]
    choices = [one for kind in kinds for one in kind.get("enum", [kind.get("const")]) if one]
    if choices:
        return st.sampled_from(choices)
    if schema.get("type") == "boolean":
        return st.booleans()
    return ARGUMENTS.get(f"{tool.partition('_')[0]} {name}", ARGUMENTS.get(name))


ORDERS: tuple[dict[str, Any], ...] = (
    {"quantity": "3"},
    {"notional": "400"},
    {"quantity": "2", "order_type": "limit", "limit_price": "18", "time_in_force": "gtc"},
    {"quantity": "2", "order_type": "stop", "stop_price": "25"},
    {"quantity": "2", "order_type": "stop_limit", "stop_price": "25", "limit_price": "26"},
    {"quantity": "2", "order_type": "trailing_stop", "trail_share": "0.1", "oco_group": "or"},
    {"quantity": "2", "time_in_force": "at_close"},
)
"""Orders of every kind that are in themselves sound: most that are drawn at random are not."""


def orders_of(schema: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return sound orders of names that may be traded; with exits where the tool takes them."""
    named = st.fixed_dictionaries(
        {"symbol": traded, "side": st.sampled_from(["buy", "sell"]), "reason": st.just("because")},
        optional={"take_profit": st.just("60"), "stop_loss": st.just("12")},
    )
    return st.builds(
        lambda name, order: {k: v for k, v in (name | order).items() if k in schema["properties"]},
        named,
        st.sampled_from(ORDERS),
    )


def arguments_of(tool: str, schema: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    if "order_type" in schema["properties"]:
        return st.one_of(orders_of(schema), any_of(tool, schema))
    return any_of(tool, schema)


def any_of(tool: str, schema: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return whatever the schema lets one ask."""
    found = {name: strategy(tool, name, each) for name, each in schema["properties"].items()}
    needed = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: one for name, one in found.items() if one is not None and name in needed},
        optional={
            name: one for name, one in found.items() if one is not None and name not in needed
        },
    )


SWEEP: dict[str, Any] = {"phases": [Phase.generate], "suppress_health_check": list(HealthCheck)}
"""Without shrinking: it would take minutes, and what differs is said in any case."""

scenes = st.builds(
    Scene,
    seed=st.integers(0, 2**16),
    facts=facts_strategy,
    bookings=st.lists(st.sampled_from([*FEW, date(2020, 4, 1), date(2020, 5, 5)]), max_size=12),
    remembered=st.lists(moments, max_size=4),
)


def check(
    stand: Stand, loop: asyncio.Runner, schemas: Schemas, *, data: st.DataObject, calls: int
) -> None:
    """Draw two scenes, a moment and calls; make them where one scene turns into the other."""
    scene, other, now = data.draw(scenes), data.draw(scenes), data.draw(moments)
    asked = [
        (tool, data.draw(arguments_of(tool, schema)))
        for tool, schema in schemas.items()
        for _ in range(calls)
    ]
    ours = loop.run(stand.answers(Seen.of(scene), now, asked))
    theirs = loop.run(stand.answers(Seen.mixed(scene, other, now), now, asked))
    for call, one, two in zip(asked, ours, theirs, strict=True):
        assert one == two, call


def test_every_argument_of_every_tool_is_tried(schemas: Schemas, stand: Stand) -> None:
    """A new tool or argument needs a strategy here."""
    missing = [
        f"{tool}: {name}"
        for tool, schema in schemas.items()
        for name, each in schema["properties"].items()
        if strategy(tool, name, each) is None
    ]
    assert missing == []
    ours = [tool for server in _servers(stand) for tool in asyncio.run(server.list_tools())]
    assert {tool.name: tool.input_schema for tool in ours} == schemas


def _servers(stand: Stand) -> Sequence[Any]:
    return list(stand.servers().values())


@pytest.mark.promise("no-look-ahead")
@given(data=st.data())
@settings(max_examples=6, **SWEEP)
def test_no_answer_of_any_tool_changes_with_what_becomes_known_later(
    stand: Stand, loop: asyncio.Runner, schemas: Schemas, data: st.DataObject
) -> None:
    check(stand, loop, schemas, data=data, calls=1)


@pytest.mark.long
@pytest.mark.promise("no-look-ahead")
@given(data=st.data())
@settings(max_examples=500, **SWEEP)
def test_no_answer_of_any_tool_changes_in_many_worlds(
    stand: Stand, loop: asyncio.Runner, schemas: Schemas, data: st.DataObject
) -> None:
    check(stand, loop, schemas, data=data, calls=3)
