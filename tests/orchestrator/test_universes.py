"""A named universe: members come and go within a run, and the result says who they were."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from adapters.calendar import ExchangeCalendar
from adapters.market.table import PriceTable
from adapters.market.universe import NamedUniverse, UniverseMarket, spans_of, universe_of
from adapters.wiring import System, calendar
from interfaces.market import Bearer, bearer_of
from orchestrator.installation import admission_of
from orchestrator.jobs import admit
from orchestrator.publish import Prices, job_results
from orchestrator.universes import MOST_MISSING, universe_used, with_stays
from schemas.errors import InvalidRequest, NotFound
from schemas.facts import Membership, UniverseStay
from schemas.jobs import Job, SimulationRequest
from schemas.results import ResultsBundle
from tests.adapters.market_worlds import SOURCE, World, action, listing
from tests.mcp_servers.test_prices import call
from tests.orchestrator.runs import lending, run, ticks_of, trading

NYSE = ExchangeCalendar("XNYS")
OUT, IN = date(2020, 8, 31), date(2020, 9, 3)
STAYS = (
    UniverseStay(symbol="PFE", leaves=OUT),
    UniverseStay(symbol="KO"),
    UniverseStay(symbol="JPM", enters=IN),
    UniverseStay(symbol="GE", leaves=date(2018, 6, 26)),
)


def comings_and_goings(**changes: object) -> SimulationRequest:
    values: dict[str, object] = {
        "start_date": date(2020, 8, 26),
        "end_date": date(2020, 10, 2),
        "universe": None,
        "universe_name": "few",
        "stays": STAYS,
    }
    return trading("baseline:equal-weight", **{**values, **changes})


def test_only_members_of_the_moment_are_listed_and_none_is_known_before_it_enters(
    system: System,
) -> None:
    market = system.catalog.open("bundled")
    spans = spans_of(market, STAYS, NYSE, start=date(2020, 8, 26))
    few = UniverseMarket(market, NamedUniverse("few", spans))
    seen = {
        day: few.view(NYSE.opens_at(day)).symbols() for day in NYSE.sessions(date(2020, 8, 28), IN)
    }
    assert list(seen.values()) == [
        ("KO", "PFE"),
        ("KO",),
        ("KO",),
        ("KO",),
        ("JPM", "KO"),
    ]
    before = few.view(NYSE.opens_at(date(2020, 9, 2)))
    with pytest.raises(NotFound) as early:
        before.bars("JPM", lookback=5)
    with pytest.raises(NotFound) as never:
        before.bars("ZZZ", lookback=5)
    assert str(early.value).replace("JPM", "ZZZ") == str(never.value)
    assert len(before.bars("PFE", lookback=5).close) == 5  # what is held must have a value


def test_a_run_trades_members_while_they_are_and_the_result_says_who_they_were(
    system: System,
) -> None:
    job = run(system, comings_and_goings())
    assert job.state == "completed"
    (ticks,) = ticks_of(system, job)
    fills = [(fill, tick.session) for tick in ticks for fill in tick.fills]
    bought = {(fill.symbol, session) for fill, session in fills if fill.side == "buy"}
    assert {symbol for symbol, _ in bought} == {"PFE", "KO", "JPM"}
    assert min(day for symbol, day in bought if symbol == "JPM") >= IN
    assert max(day for symbol, day in bought if symbol == "PFE") < OUT
    held = {tick.session: {p.symbol for p in tick.mark.positions} for tick in ticks}
    assert "PFE" not in held[max(held)]
    bundle = ResultsBundle.model_validate_json(
        system.store.artifacts.get(job.job_id, "results.json")
    )
    used = bundle.jobs[0].universe_used
    assert used is not None
    assert (used.name, used.members_at_start, used.members_at_end) == ("few", 2, 2)
    assert (used.entered, used.left, used.missing) == (("JPM",), ("PFE",), ())
    report = system.store.artifacts.get(job.job_id, "report.html").decode()
    assert "“few”" in report


def test_a_stay_may_begin_before_the_calendar_and_end_after_it(system: System) -> None:
    stays = (UniverseStay(symbol="PG", enters=date(1932, 5, 26), leaves=date(2199, 1, 1)),)
    job = run(system, comings_and_goings(stays=stays, end_date=date(2020, 9, 1)))
    assert job.state == "completed"
    (ticks,) = ticks_of(system, job)
    assert {fill.symbol for tick in ticks for fill in tick.fills} == {"PG"}


def test_every_configured_universe_can_be_run(system: System) -> None:
    for name in system.universes:
        request = comings_and_goings(universe_name=name, stays=None, end_date=date(2020, 8, 27))
        assert run(system, request).state == "completed", name


def test_a_universe_of_the_configuration_is_resolved_when_the_job_is_admitted(
    system: System,
) -> None:
    job = admitted(system, comings_and_goings(universe_name="dow-among-bundled", stays=None))
    assert job.request.stays is not None
    assert {stay.symbol for stay in job.request.stays} >= {"AAPL", "GE", "XOM"}
    other = admitted(system, comings_and_goings())
    assert job.runs[0].run_key != other.runs[0].run_key


def admitted(system: System, request: SimulationRequest) -> Job:
    now = system.wall.now()
    return admit(request, admission_of(system, calendar), job_id="job", now=now)


def test_an_unknown_universe_is_refused_by_name(system: System) -> None:
    with pytest.raises(NotFound, match="unknown universe 'none'; known: bundled-20, dow-among"):
        admitted(system, comings_and_goings(universe_name="none", stays=None))


def test_the_data_sets_own_universe_comes_before_the_configured_one() -> None:
    request = comings_and_goings(stays=None)
    ours, listed = (UniverseStay(symbol="KO"),), (UniverseStay(symbol="PG"),)
    assert with_stays(request, ours={"few": ours}, listed={"few": listed}).stays == ours
    assert with_stays(request, ours={}, listed={"few": listed}).stays == listed


def test_members_without_prices_are_named_and_too_many_of_them_are_refused() -> None:
    request = comings_and_goings(start_date=date(2020, 1, 2), end_date=date(2020, 12, 31))
    reach = {name: (bearer(name),) for name in ("PFE", "KO", "JPM")}
    used = universe_used(request, reach)
    assert used is not None
    assert used.missing_share == 0
    late = {**reach, "JPM": (bearer("JPM", first=date(2020, 10, 1)),)}
    partly = universe_used(request, late)
    assert partly is not None
    assert partly.missing == ("JPM",)
    assert 0 < partly.missing_share < MOST_MISSING
    with pytest.raises(InvalidRequest, match="lean on who survived: JPM, KO are missing"):
        universe_used(request, {"PFE": (bearer("PFE"),)})


def bearer(
    instrument: str, *, first: date = date(1990, 1, 2), last: date = date(2022, 12, 28)
) -> Bearer:
    return Bearer(instrument, since=first, until=None, first=first, last=last)


def test_every_stay_of_a_symbol_counts_towards_what_is_missing() -> None:
    stays = (
        UniverseStay(symbol="KO"),
        UniverseStay(symbol="JPM", leaves=date(2016, 1, 1)),
        UniverseStay(symbol="JPM", enters=date(2019, 1, 1)),
    )
    request = comings_and_goings(
        start_date=date(2015, 1, 2), end_date=date(2019, 12, 31), stays=stays
    )
    reach = {"KO": (bearer("KO"),), "JPM": (bearer("JPM", first=date(2019, 1, 2)),)}
    with pytest.raises(InvalidRequest, match=r"no prices for 14 % .* JPM are missing"):
        universe_used(request, reach)


def test_the_hole_before_a_ticker_is_used_again_is_missing() -> None:
    old = Bearer("FOO", date(2010, 1, 4), date(2019, 3, 1), date(2010, 1, 4), date(2012, 6, 29))
    new = Bearer("FOO.2", date(2019, 3, 1), None, date(2019, 3, 1), date(2022, 12, 28))
    reach = {"FOO": (old, new), "KO": (bearer("KO"),)}

    def share(enters: date, leaves: date | None) -> float:
        stays = (
            UniverseStay(symbol="FOO", enters=enters, leaves=leaves),
            *[UniverseStay(symbol="KO")] * 9,
        )
        span = {"start_date": date(2011, 1, 3), "end_date": date(2020, 12, 30)}
        used = universe_used(comings_and_goings(stays=stays, **span), reach)
        assert used is not None
        return used.missing_share

    assert share(date(2011, 1, 3), date(2012, 6, 30)) == 0
    assert share(date(2019, 3, 1), None) == share(date(2019, 2, 25), None) == 0
    assert share(date(2014, 1, 2), date(2016, 1, 4)) == pytest.approx(0.0217, abs=0.0005)
    # The old company is never replaced by the new one: 8.5 of its 10 years are missing.
    assert share(date(2011, 1, 3), None) == pytest.approx(0.085, abs=0.001)


FOO_DAYS = NYSE.sessions(date(2020, 1, 2), date(2020, 6, 30))
TAKEN = date(2020, 4, 1)


def reused(*, told: datetime) -> PriceTable:
    """FOO trades until February; from April on another company does under the same ticker."""
    nan = float("nan")
    before = FOO_DAYS.index(date(2020, 2, 28)) + 1
    start = FOO_DAYS.index(TAKEN)
    rest = len(FOO_DAYS) - start
    return World(
        FOO_DAYS,
        {
            "FOO": [*[10.0] * before, *[nan] * (len(FOO_DAYS) - before)],
            "FOO.2": [*[nan] * start, *[float(50 + 2 * row) for row in range(rest)]],
            "KO": [30.0] * len(FOO_DAYS),
        },
        {
            "listings": [
                listing("FOO", "FOO", FOO_DAYS[0]),
                listing("FOO.2", "FOO", TAKEN, known=told),
            ],
            "members": [
                Membership(
                    universe="few", instrument="FOO.2", enters=TAKEN, known_time=told, **SOURCE
                )
            ],
        },
    ).table()


def test_a_stay_ends_with_the_company_that_its_ticker_meant() -> None:
    table = reused(told=NYSE.opens_at(FOO_DAYS[0]))

    def members(*stays: UniverseStay, start: date = FOO_DAYS[0]) -> list[str]:
        spans = spans_of(table, stays, NYSE, start=start)
        market = UniverseMarket(table, NamedUniverse("few", spans))
        seen = market.view(NYSE.closes_at(FOO_DAYS[-1])).symbols()
        return [*(span.instrument for span in spans), *seen]

    assert members(UniverseStay(symbol="FOO", enters=FOO_DAYS[3])) == ["FOO"]
    assert members(UniverseStay(symbol="FOO")) == ["FOO"]
    assert members(UniverseStay(symbol="FOO"), start=date(2020, 5, 1)) == ["FOO.2", "FOO"]
    # The ticker is the dead company's until it is taken, but a stay is of one that trades.
    assert members(UniverseStay(symbol="FOO", enters=date(2020, 3, 25))) == ["FOO.2", "FOO"]
    assert members(UniverseStay(symbol="FOO", enters=TAKEN)) == ["FOO.2", "FOO"]
    assert members(UniverseStay(symbol="ZZZ")) == []


def test_the_prices_of_a_ticker_are_told_by_company() -> None:
    old, new = reused(told=NYSE.opens_at(FOO_DAYS[0])).reach()["FOO"]
    assert (old.instrument, old.first, old.last) == ("FOO", FOO_DAYS[0], date(2020, 2, 28))
    assert (old.since, old.until) == (FOO_DAYS[0], TAKEN)
    assert (new.instrument, new.since, new.until) == ("FOO.2", TAKEN, None)
    assert (new.first, new.last) == (TAKEN, FOO_DAYS[-1])


def test_a_ticker_that_was_changed_is_told_with_all_prices_of_its_company() -> None:
    change = action("FB", "ticker_change", TAKEN, new_symbol="META")
    world = World(FOO_DAYS, {"FB": [100.0] * len(FOO_DAYS)}, {"actions": [change]})
    reach = world.table().reach()
    assert reach == {
        "FB": (Bearer("FB", FOO_DAYS[0], TAKEN, FOO_DAYS[0], FOO_DAYS[-1]),),
        "META": (Bearer("FB", TAKEN, None, FOO_DAYS[0], FOO_DAYS[-1]),),
    }
    assert bearer_of(reach["META"], FOO_DAYS[0], None) == reach["META"][0]
    assert bearer_of(reach["META"], FOO_DAYS[0], FOO_DAYS[9]) is None


def test_a_member_that_is_listed_as_its_first_session_opens_is_not_missing() -> None:
    table = reused(told=NYSE.opens_at(TAKEN))
    (stay,) = table.universes()["few"]
    assert (stay.symbol, stay.enters) == ("FOO", TAKEN)
    request = comings_and_goings(start_date=TAKEN, end_date=FOO_DAYS[-1], stays=(stay,))
    used = universe_used(request, table.reach())
    assert used is not None
    assert used.missing == ()
    run = universe_of(table, request, NYSE)
    assert run.view(NYSE.closes_at(FOO_DAYS[-1])).symbols() == ("FOO",)


def test_the_tool_tells_the_members_of_the_runs_own_universe(system: System) -> None:
    request = comings_and_goings(universe_name="dow-among-bundled")
    market = universe_of(system.catalog.open("bundled"), request, NYSE)

    def told(day: date, name: str = "dow-among-bundled") -> dict[str, Any]:
        return call("prices_get_universe", market, day=day, universe=name)

    assert told(date(2020, 8, 28))["members"] == ["KO", "PFE"]
    assert told(OUT)["members"] == ["KO"]
    assert told(IN, " Dow-Among-Bundled")["members"] == ["JPM", "KO"]
    assert "nosuch" in told(IN, "nosuch")["error"]


def test_the_tool_tells_the_members_of_the_data_sets_other_universes() -> None:
    table = reused(told=NYSE.opens_at(FOO_DAYS[0]))
    stays = (UniverseStay(symbol="KO"), UniverseStay(symbol="FOO", enters=TAKEN))
    request = comings_and_goings(
        universe_name="mine", stays=stays, start_date=FOO_DAYS[0], end_date=FOO_DAYS[-1]
    )
    run = universe_of(table, request, NYSE)
    told = {
        name: call("prices_get_universe", run, day=date(2020, 5, 4), universe=name)["members"]
        for name in ("mine", "few")
    }
    assert told == {"mine": ["FOO", "KO"], "few": ["FOO"]}


def test_the_yardstick_of_a_named_universe_buys_nobody_before_he_enters(system: System) -> None:
    prices = Prices(system.catalog.open("bundled"), lambda name: NYSE)
    request = trading(
        start_date=date(2015, 1, 2),
        end_date=date(2020, 12, 31),
        universe=None,
        universe_name="few",
        stays=(UniverseStay(symbol="KO"),),
    )
    late = UniverseStay(symbol="AAPL", enters=date(2020, 12, 15))
    both = request.model_copy(update={"stays": (*(request.stays or ()), late)})
    alone, joined = (equal_weight(each, prices) for each in (request, both))
    assert alone == joined  # December's first session was before it entered
    closes = prices.market.view(NYSE.opens_at(date(2021, 1, 4))).bars(
        "KO", start=date(2015, 1, 2), end=date(2020, 12, 31)
    )
    assert float(alone[-1]) == pytest.approx(100_000 * closes.close[-1] / closes.close[0], abs=0.01)


def test_a_loan_is_foreseen_over_the_members_of_its_day(system: System) -> None:
    stays = (
        UniverseStay(symbol="KO"),
        UniverseStay(symbol="JPM", leaves=date(2020, 1, 3)),
        UniverseStay(symbol="AAPL", enters=date(2020, 1, 3)),
    )
    request = lending(universe=None, universe_name="few", stays=stays)
    job = run(system, request)
    assert job.state == "completed"
    bundle = ResultsBundle.model_validate_json(
        system.store.artifacts.get(job.job_id, "results.json")
    )
    loan = bundle.jobs[0].runs[0].loan
    assert loan is not None
    assert loan.simulation is not None
    assert loan.simulation.source is not None
    assert loan.simulation.source.symbols == ("JPM", "KO")


def equal_weight(request: SimulationRequest, prices: Prices) -> tuple[Decimal, ...]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    job = Job(job_id="job", request=request, runs=(), created_at=now, updated_at=now)
    found = job_results(job, {}, prices).benchmarks
    return next(each.equity for each in found if each.name == "equal-weight")


def test_a_universe_without_members_in_the_run_is_refused() -> None:
    gone = (UniverseStay(symbol="GE", leaves=date(2018, 6, 26)),)
    with pytest.raises(InvalidRequest, match="has no member from 2020"):
        universe_used(comings_and_goings(stays=gone), {})


def test_named_universes_of_the_configuration_have_stays_in_order(system: System) -> None:
    for stays in system.universes.values():
        by_symbol = sorted(stays, key=lambda each: (each.symbol, each.enters or date.min))
        for one, other in pairwise(by_symbol):
            if one.symbol == other.symbol:
                assert one.leaves is not None
                assert other.enters is not None
                assert one.leaves <= other.enters
