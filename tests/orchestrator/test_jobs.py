"""Admission: what cannot be run is refused with one sentence, and nothing is stored."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.market.table import PriceTable
from adapters.wiring import System, calendar
from orchestrator.installation import admission_of
from orchestrator.jobs import admit, run_key, sessions_of, universe_of
from orchestrator.submission import new_job_id, submit
from orchestrator.worker import Worker
from schemas.errors import AlphaShieldError, Conflict, InvalidRequest, NotFound
from schemas.execution import ExecutionModel, PerShareCommission
from schemas.jobs import Job, SimulationRequest
from schemas.market import SuspectedSplit
from tests.adapters.market_worlds import World, listing
from tests.orchestrator.markets import DAYS, NYSE, OneMarket, Overheard, market
from tests.orchestrator.runs import MARIA, UNIVERSE, Later, lending, queue, run, small_loan, trading

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def admitted(system: System, request: SimulationRequest) -> Job:
    return admit(request, admission_of(system, calendar), job_id="job", now=NOW)


REFUSED: list[tuple[str, dict[str, Any], type[AlphaShieldError], str]] = [
    (
        "a model with a slip",
        {"models": ("baseline:buy-and-hodl",)},
        NotFound,
        r"unknown model 'baseline:buy-and-hodl': did you mean 'baseline:buy-and-hold'\?",
    ),
    ("a model like no other", {"models": ("zzz:qqqqq",)}, NotFound, "known: baseline:"),
    (
        "a symbol with a slip",
        {"universe": ("AAPL", "JNJJ")},
        NotFound,
        r"unknown symbol 'JNJJ': did you mean 'JNJ'\?",
    ),
    ("an index, which is not traded", {"universe": ("SPX",)}, NotFound, "unknown symbol 'SPX'"),
    ("an empty universe", {"universe": ()}, InvalidRequest, "universe is empty"),
    ("a data set", {"data": "bundeld"}, NotFound, "bundled"),
    (
        "a weekend",
        {"start_date": date(2020, 2, 1), "end_date": date(2020, 2, 2)},
        InvalidRequest,
        "no session of XNYS",
    ),
    (
        "a holiday",
        {"start_date": date(2020, 7, 3), "end_date": date(2020, 7, 5)},
        InvalidRequest,
        "no session of XNYS",
    ),
    (
        "dates after the data",
        {"start_date": date(2022, 12, 1), "end_date": date(2023, 3, 1)},
        InvalidRequest,
        "does not cover 2022-12-01..2023-03-01",
    ),
    (
        "dates before the data",
        {"start_date": date(1985, 1, 2), "end_date": date(1985, 3, 1)},
        InvalidRequest,
        "does not cover 1985-01-02..1985-03-01",
    ),
    (
        "dates beyond the calendar",
        {"start_date": date(2060, 1, 2), "end_date": date(2060, 3, 1)},
        InvalidRequest,
        "2060",
    ),
    (
        "whole units behind a mask",
        {"mask": True, "execution": ExecutionModel(fractional=False)},
        InvalidRequest,
        "whole units cannot be masked",
    ),
    (
        "a commission per share behind a mask",
        {
            "mask": True,
            "execution": ExecutionModel(commission=PerShareCommission(per_share=Decimal("0.005"))),
        },
        InvalidRequest,
        "a commission per share cannot be masked",
    ),
    (
        "a loan behind a mask",
        {"mask": True, "mode": "loan", "application": small_loan()},
        InvalidRequest,
        "a loan cannot be masked",
    ),
]


@pytest.mark.parametrize(
    ("changes", "error", "sentence"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_cannot_be_run_is_refused_in_one_sentence_and_not_stored(
    changes: dict[str, Any], error: type[AlphaShieldError], sentence: str, system: System
) -> None:
    before = system.store.jobs.list()
    request = trading(**{"models": ("baseline:momentum",), **changes})
    with pytest.raises(error, match=sentence) as refusal:
        submit(request, admission_of(system, calendar), jobs=system.store.jobs, wall=system.wall)
    assert type(refusal.value) is error
    assert "\n" not in str(refusal.value)
    assert system.store.jobs.list() == before


def test_a_run_over_a_suspected_split_is_refused_with_the_two_ways_out(system: System) -> None:
    split = SuspectedSplit(symbol="AAA", session=DAYS[300], ratio=15)
    over = suspected(split, system, market())

    def ask(universe: tuple[str, ...], first: int, last: int) -> Job:
        dates = {"start_date": DAYS[first], "end_date": DAYS[last]}
        return admitted(over, trading(data="made", universe=universe, **dates))

    for first, last in ((295, 305), (300, 301), (299, 300)):
        with pytest.raises(InvalidRequest) as refusal:
            ask(("AAA", "BBB"), first, last)
        said = str(refusal.value)
        assert all(word in said for word in ("AAA", str(DAYS[300]), "15:1 split"))
        assert all(way in said for way in ("`--splits adjust`", "`--splits accept`"))
        assert "looks back" not in said
        assert said.count(". ") == said.count("\n") == 0
    assert ask(("AAA",), 290, 299).state == "queued"
    assert ask(("BBB",), 295, 305).state == "queued"


def suspected(split: SuspectedSplit, system: System, made: PriceTable) -> Overheard:
    """Return a system whose only data set has that suspicion."""
    made._info = made.info().model_copy(update={"suspected_splits": (split,)})
    return Overheard.on(system, made)


@pytest.mark.parametrize(("later", "refused"), [(1, True), (20, True), (260, True), (261, False)])
def test_a_run_that_looks_back_over_a_suspected_split_is_refused(
    later: int, refused: bool, system: System
) -> None:
    split = SuspectedSplit(symbol="AAA", session=DAYS[30], ratio=15)
    over = suspected(split, system, market())
    start = DAYS[30 + later]
    request = trading(data="made", universe=("AAA",), start_date=start, end_date=DAYS[-1])
    if not refused:
        assert admitted(over, request).state == "queued"
        return
    with pytest.raises(InvalidRequest) as refusal:
        admitted(over, request)
    said = str(refusal.value)
    assert f"{later} sessions before the run, which looks back over 260" in said
    assert all(word in said for word in ("AAA", str(DAYS[30]), "15:1 split", "`--splits accept`"))


def test_a_loan_looks_back_over_all_the_history_its_fund_is_simulated_from(system: System) -> None:
    split = SuspectedSplit(symbol="AAA", session=DAYS[1], ratio=15)
    over = suspected(split, system, market())
    # Paid out 269 sessions after the move: further back than a year, within twenty.
    request = lending(data="made", universe=("AAA",), end_date=DAYS[-1])
    with pytest.raises(InvalidRequest, match="which looks back over 5040: import or download"):
        admitted(over, request)
    assert admitted(over, request.model_copy(update={"universe": ("BBB",)})).state == "queued"


def test_a_suspected_split_follows_the_company_to_another_ticker(system: System) -> None:
    """AAA is XYZ from the 200th session on, and another company is AAA from the 210th."""
    claims = [("AAA", "XYZ", 200), ("BBB", "AAA", 210)]
    told = [listing(who, symbol, DAYS[row]) for who, symbol, row in claims]
    world = World(DAYS, dict.fromkeys(("AAA", "BBB"), [10.0] * len(DAYS)), {"listings": told})

    def ask(row: int, symbol: str) -> Job:
        split = SuspectedSplit(symbol="AAA", session=DAYS[row], ratio=15)
        over = suspected(split, system, world.table())
        dates = {"start_date": DAYS[230], "end_date": DAYS[260]}
        return admitted(over, trading(data="made", universe=(symbol,), **dates))

    with pytest.raises(InvalidRequest, match=f"AAA moved on {DAYS[150]} as if by a 15:1 split"):
        ask(150, "XYZ")
    assert ask(150, "AAA").state == "queued"
    with pytest.raises(InvalidRequest, match=f"AAA moved on {DAYS[240]} as if by a 15:1 split"):
        ask(240, "AAA")
    assert ask(240, "XYZ").state == "queued"


def test_a_refusal_never_tells_how_far_the_data_goes(system: System) -> None:
    reach = {
        str(day)
        for _, first, last, _ in system.catalog.coverage("bundled")
        for day in (first, last)
    }
    for start, end in [(date(2022, 12, 1), date(2023, 3, 1)), (date(1985, 1, 2), date(2020, 1, 2))]:
        with pytest.raises(InvalidRequest) as refusal:
            admitted(system, trading(start_date=start, end_date=end))
        told = set(re.findall(r"\d{4}-\d\d-\d\d", str(refusal.value)))
        assert told <= {str(start), str(end)}
        assert not told & reach


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"end_date": date(2020, 1, 1)}, "end_date lies before start_date"),
        ({"models": ()}, "at least 1 item"),
        ({"models": ("baseline:momentum",) * 2}, "named twice"),
        ({"models": ("no colon",)}, "pattern"),
        ({"universe": ("AAPL", "AAPL")}, "named twice"),
        ({"universe": ("aapl",)}, "pattern"),
        ({"cash": "0"}, "greater than 0"),
        ({"cash": "0.001"}, "more than 2 decimal places"),
        ({"mode": "loan"}, "loan mode needs an application"),
        ({"application": MARIA}, "trading mode takes none"),
        ({"surprise": 1}, "Extra inputs"),
    ],
)
def test_a_request_that_contradicts_itself_is_no_request(
    changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        trading(**{"models": ("baseline:momentum",), **changes})


def test_a_loan_begins_on_the_day_it_is_paid_out_which_must_lie_within_the_dates(
    system: System,
) -> None:
    bundled = system.catalog.open("bundled")
    request = lending(start_date=date(2019, 12, 2))
    assert sessions_of(request, bundled, lambda _: NYSE)[0] == date(2019, 12, 30)
    for dates in ({"start_date": date(2020, 1, 2)}, {"end_date": date(2019, 12, 29)}):
        with pytest.raises(InvalidRequest, match="the loan is to be paid out on 2019-12-30"):
            admitted(system, lending(start_date=date(2019, 12, 2)).model_copy(update=dates))


def test_an_admitted_job_is_queued_with_a_run_for_each_model(system: System) -> None:
    job = admitted(system, trading())
    assert (job.state, job.fence, job.worker) == ("queued", 0, None)
    assert [each.model for each in job.runs] == ["baseline:equal-weight", "baseline:momentum"]
    assert {each.sessions_total for each in job.runs} == {6}
    assert len({each.run_key for each in job.runs}) == len({each.run_id for each in job.runs}) == 2


def test_a_run_key_is_the_request_the_data_and_the_code_and_nothing_else(system: System) -> None:
    bundled, made = system.catalog.open("bundled"), market()
    request, model = trading(), "baseline:momentum"
    key = run_key(request, model, bundled, "1")
    assert key == run_key(trading(model, "baseline:equal-weight"), model, bundled, "1")
    assert key == admitted_key(system, request)
    others = [
        run_key(request, "baseline:equal-weight", bundled, "1"),
        run_key(trading(seed=1), model, bundled, "1"),
        run_key(request, model, made, "1"),
        run_key(request, model, bundled, "2"),
    ]
    assert len({key, *others}) == 5


def admitted_key(system: System, request: SimulationRequest) -> str:
    """Return the key of the second run as two jobs, admitted a year apart, both have it."""
    admission = admission_of(system, calendar)
    keys = {
        admit(
            request,
            type(admission)(admission.catalog, admission.calendar, admission.models, "1"),
            job_id=name,
            now=now,
        )
        .runs[1]
        .run_key
        for name, now in (("one", NOW), ("two", NOW.replace(year=2027)))
    }
    (key,) = keys
    return key


def test_the_universe_is_sorted_and_all_of_the_data_when_none_is_named(system: System) -> None:
    bundled = system.catalog.open("bundled")
    assert universe_of(trading(universe=("KO", "AAPL")), bundled) == ("AAPL", "KO")
    assert universe_of(trading(universe=None), bundled) == tuple(sorted(bundled.info().symbols))


def test_an_idempotency_key_makes_one_job(system: System) -> None:
    def once(request: SimulationRequest) -> Job:
        return submit(
            request,
            admission_of(system, calendar),
            jobs=system.store.jobs,
            wall=system.wall,
            idempotency_key="mine",
        )

    assert once(trading()) == once(trading())
    with pytest.raises(Conflict, match="another request"):
        once(trading(seed=1))


def test_job_ids_begin_with_their_moment_and_differ() -> None:
    ids = {new_job_id(NOW) for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"20260102-030405-[0-9a-f]{8}", each) for each in ids)


def test_a_run_whose_data_changed_since_admission_fails_and_says_so(system: System) -> None:
    made = Overheard.on(system, market())
    job = queue(made, trading(data="made", universe=("AAA",)))
    info = market().info().model_copy(update={"data_hash": "b" * 64})
    changed = market()
    changed._info = info
    ended = worked(Overheard.on(system, changed), job.job_id)
    assert ended.state == "failed"
    assert ended.error is not None
    assert "changed since this job was submitted" in ended.error


def test_a_job_whose_data_set_is_gone_fails_and_the_worker_lives_on(system: System) -> None:
    job = queue(Overheard.on(system, market()), trading(data="made", universe=("AAA",)))
    ended = worked(system, job.job_id)
    assert ended.state == "failed"
    assert ended.error is not None
    assert "'made'" in ended.error
    assert run(system, trading(universe=UNIVERSE)).state == "completed"


def worked(system: System, job_id: str) -> Job:
    return Worker(system, name="worker").run_job(job_id, lambda _: None)


def test_a_finished_job_is_not_run_again(system: System) -> None:
    job = run(system, trading())
    assert worked(system, job.job_id) == job


def test_a_job_that_another_worker_holds_is_left_alone(system: System) -> None:
    job = queue(system, trading())
    now = Later(1).now()
    system.store.jobs.claim_one(job.job_id, "other", now=now, lease=Worker(system, name="w")._lease)
    with pytest.raises(Conflict, match="held by other"):
        worked(system, job.job_id)


def test_a_cancelled_job_is_not_run(system: System) -> None:
    job = queue(system, trading())
    system.store.jobs.request_cancel(job.job_id, now=system.wall.now())
    assert worked(system, job.job_id).state == "cancelled"
    assert list(system.store.ticks.ticks(job.runs[0].run_id)) == []


def test_a_refused_loan_completes_with_its_reasons_and_no_money_moved(system: System) -> None:
    poor = small_loan(expenses_monthly=MARIA.application.income_monthly_net)
    job = run(system, lending(file=poor))
    assert job.state == "completed"
    (tick,) = system.store.ticks.ticks(job.runs[0].run_id)
    assert tick.loan is not None
    assert tick.loan.status == "refused"
    assert (tick.transactions, tick.orders, tick.mark.equity) == ((), (), 0)


def test_a_catalogue_of_one_set_is_all_that_admission_needs(system: System) -> None:
    assert OneMarket(market()).names() == ("made",)
    made = Overheard.on(system, market())
    assert admitted(made, trading(data="made", universe=None)).runs[0].sessions_total == 6
