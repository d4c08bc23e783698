"""A run that never traded is cash: it wins nothing, and the report says why it never traded."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from orchestrator.report.arena import Verdict, arena_verdict
from orchestrator.report.html import render_report
from orchestrator.report.loan import loan_verdict
from orchestrator.report.orders import fate_of, leading_reason, untraded
from schemas.base import ZERO
from schemas.orders import Order
from schemas.results import JobResults, RunResult
from tests.orchestrator.reading import read
from tests.orchestrator.report_arena_sample import MODELS
from tests.orchestrator.report_sample import arena_job, bundle, loan_job

HALTED = "trading is halted by the kill switch; no order is accepted"


def said(verdict: Verdict) -> str:
    return " ".join(f"{label}: {text}" for label, text in verdict.sentences)


def refusals(*reasons: str | None, status: str = "denied") -> tuple[Order, ...]:
    base = arena_job().runs[MODELS.index("momentum")].refused_orders[0]
    return tuple(
        base.model_copy(
            update={"client_order_id": f"no-{k}", "status": status, "status_reason": reason}
        )
        for k, reason in enumerate(reasons)
    )


def idle(run: RunResult, *orders: Order) -> RunResult:
    """The run as it would be had it only ever held its capital."""
    flat = (arena_job().request.cash,) * len(run.curve.sessions)
    curve = run.curve.model_copy(
        update={"cash": flat, "market_value": tuple(ZERO for _ in flat), "equity": flat}
    )
    update = {"trades": (), "refused_orders": orders, "curve": curve}
    return run.model_copy(update=update)


def job_of(*runs: RunResult) -> JobResults:
    """An arena over falling yardsticks, which cash would beat."""
    job = arena_job(MODELS[:2], date(2020, 8, 31))
    falling = tuple(
        y.model_copy(update={"equity": (*y.equity[:-1], Decimal(50_000))}) for y in job.benchmarks
    )
    return job.model_copy(update={"runs": runs, "benchmarks": falling})


def runs() -> tuple[RunResult, ...]:
    return arena_job(MODELS[:2], date(2020, 8, 31)).runs


def test_a_run_whose_orders_were_all_refused_beats_nothing() -> None:
    verdict = arena_verdict(job_of(idle(runs()[1], *refusals(*[HALTED] * 75))))
    name = MODELS[1]
    assert verdict.headline == f"{name} never traded."
    text = said(verdict)
    assert f"{name} never traded: all 75 orders were refused, each time because {HALTED}." in text
    assert "beat" not in text
    assert "t statistic" not in text
    assert "did best" not in text
    assert "Best model" not in [label for label, _, _ in verdict.tiles]
    assert ("Trades", "0", "75 orders refused") in verdict.tiles


def test_an_idle_run_takes_no_part_among_those_that_traded() -> None:
    active, other = runs()
    job = job_of(active, idle(other, *refusals(HALTED)))
    alone = job_of(active)
    text, before = said(arena_verdict(job)), said(arena_verdict(alone))
    assert arena_verdict(job).headline == (
        arena_verdict(alone).headline.rstrip(".") + f"; {MODELS[1]} never traded."
    )
    assert text.startswith(before)
    assert f"its only order was refused, because {HALTED}" in text


def test_an_idle_run_is_never_the_best_of_a_row() -> None:
    active, other = runs()
    html = render_report(bundle(job_of(active, idle(other))), manifest_repeat="x")
    rows = [row for row in read(html).rows if len(row) == 5]
    column = 2
    stars = [row for row in rows if any("★" in cell for cell in row)]
    assert len(stars) > 8
    assert not [row for row in stars if "★" in row[column]]
    assert "never traded" in html


def test_the_winners_are_counted_among_those_that_traded() -> None:
    one, other = runs()
    third = other.model_copy(update={"model": "baseline:third"})
    headline = arena_verdict(job_of(one, other, idle(third))).headline
    assert headline.startswith("Both models that traded beat ")
    assert headline.endswith("; third never traded.")


def test_two_idle_runs_are_both_named() -> None:
    verdict = arena_verdict(job_of(*(idle(run) for run in runs())))
    assert verdict.headline == "Neither of the two models traded."
    assert [text.split(" never")[0] for _, text in verdict.sentences] == list(MODELS[:2])


def test_why_nothing_was_traded_is_told_apart() -> None:
    run = runs()[0]
    silent = idle(run).model_copy(update={"abstentions": len(run.decisions)})
    assert untraded(fate_of(silent)) == "it abstained every time it was asked"
    assert untraded(fate_of(idle(run))) == "it placed no order"


def test_reasons_that_differ_in_figures_and_symbol_count_as_one() -> None:
    many = tuple(
        order.model_copy(update={"symbol": symbol, "session": date(2020, 1, 2 + k)})
        for k, (order, symbol) in enumerate(
            zip(
                refusals(HALTED, "AAA would be worth 5,000.", "BBB would be worth 7.50."),
                ("CCC", "AAA", "BBB"),
                strict=True,
            )
        )
    )
    assert leading_reason(many) == (
        "most often (2 times) because (as on 3\u00a0January 2020) AAA would be worth 5,000"
    )


@pytest.mark.parametrize(
    ("status", "word"), [("denied", "refused"), ("rejected", "refused"), ("cancelled", "cancelled")]
)
def test_many_refusals_beside_trades_are_said_with_the_leading_reason(
    status: str, word: str
) -> None:
    run = runs()[0]
    n = len({trade.fill.client_order_id for trade in run.trades})
    orders = refusals(*[HALTED] * n, status=status)
    text = said(arena_verdict(job_of(run.model_copy(update={"refused_orders": orders}))))
    assert f"{n:,} of {2 * n:,} orders were {word}, each time because {HALTED}." in text
    few = run.model_copy(update={"refused_orders": orders[: n // 4]})
    assert "Orders refused" not in said(arena_verdict(job_of(few)))


def test_a_refusal_without_a_reason_is_said_to_have_none() -> None:
    assert leading_reason(refusals(None, None)) == "each time for no stated reason"


def test_a_fund_that_was_never_invested_is_said_to_have_lain_in_cash() -> None:
    job = loan_job()
    run = job.runs[0]
    curve = run.curve.model_copy(update={"market_value": tuple(ZERO for _ in run.curve.sessions)})
    update = {"curve": curve, "refused_orders": refusals(HALTED, HALTED)}
    text = said(loan_verdict(job, run.model_copy(update=update)))
    why = f"all 2 orders were refused, each time because {HALTED}"
    assert f"The fund was never invested: {why}." in text
    assert "never invested" not in said(loan_verdict(job, run))


def test_sessions_really_run_are_said_where_the_dates_asked_for_are_none() -> None:
    job = arena_job(MODELS[:1])
    first, last = job.runs[0].curve.sessions[0], job.runs[0].curve.sessions[-1]

    def words(start: date, end: date) -> str:
        request = job.request.model_copy(update={"start_date": start, "end_date": end})
        asked = job.model_copy(update={"request": request})
        return read(render_report(bundle(asked), manifest_repeat="x")).words()

    assert "The first session was on" not in words(first, last)
    later = words(first, last + timedelta(days=1))
    assert f"The first session was on {first.day} " in later
    assert f"the last on {last.day} " in later


def test_prices_that_ended_early_stand_with_the_caveats() -> None:
    job = arena_job(MODELS[:1])
    ended = "AAA has no price after 2020-05-01 and is valued at its last close."
    job = job.model_copy(update={"assumptions": (*job.assumptions, ended)})
    html = render_report(bundle(job, job), manifest_repeat="x")
    caveats = html[html.index('id="caveats"') : html.index('id="job-1"')]
    assert caveats.count(ended) == 1
    assert job.assumptions[0] not in caveats


def test_one_symbol_is_one_symbol() -> None:
    job = arena_job(MODELS[:1])
    one = job.model_copy(update={"universe": job.universe[:1]})
    html = render_report(bundle(one), manifest_repeat="x")
    assert "could trade one symbol of the data set" in read(html).words()
