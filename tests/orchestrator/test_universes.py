"""A named universe: members come and go within a run, and the result says who they were."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from adapters.calendar import ExchangeCalendar
from adapters.market.universe import UniverseMarket, spans_of
from adapters.wiring import System
from orchestrator.jobs import admit
from orchestrator.universes import MOST_MISSING, universe_used, with_stays
from orchestrator.worker import admission_of
from schemas.errors import InvalidRequest, NotFound
from schemas.facts import UniverseStay
from schemas.jobs import Job, SimulationRequest
from schemas.results import ResultsBundle
from tests.orchestrator.runs import run, ticks_of, trading

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
    few = UniverseMarket(market, ("PFE", "KO", "JPM"), spans=spans_of(market, STAYS, NYSE))
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
    return admit(request, admission_of(system), job_id="job", now=now)


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
    whole = (date(1990, 1, 2), date(2022, 12, 28))
    reach = dict.fromkeys(("PFE", "KO", "JPM"), whole)
    used = universe_used(request, reach)
    assert used is not None
    assert used.missing_share == 0
    late = {**reach, "JPM": (date(2020, 10, 1), whole[1])}
    partly = universe_used(request, late)
    assert partly is not None
    assert partly.missing == ("JPM",)
    assert 0 < partly.missing_share < MOST_MISSING
    with pytest.raises(InvalidRequest, match="lean on who survived: JPM, KO are missing"):
        universe_used(request, {"PFE": whole})


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
