"""The verdict is true for the numbers given, flattering or not."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.arena import Standing, Verdict, arena_verdict, lead_t
from orchestrator.report.html import caveats
from orchestrator.report.loan import loan_verdict, paid
from orchestrator.report.tables import metric_rows, monthly_returns
from orchestrator.report.words import MINUS, THIN, money
from schemas.agents import ContractReview, LenderDecision, Reason
from schemas.base import ZERO
from schemas.results import JobResults
from tests.orchestrator.report_arena_sample import CASH, MODELS
from tests.orchestrator.report_sample import arena_job, loan_job


def job_with(ends: dict[str, int], yardstick: int) -> JobResults:
    """An arena whose curves end at the amounts given."""
    base = arena_job(MODELS[:2], date(2020, 3, 31))
    runs = [
        base.runs[0].model_copy(
            update={
                "model": f"baseline:{name}",
                "curve": base.runs[0].curve.model_copy(
                    update={"equity": (*base.runs[0].curve.equity[:-1], Decimal(end))}
                ),
            }
        )
        for name, end in ends.items()
    ]
    index = base.benchmarks[0]
    index = index.model_copy(update={"equity": (*index.equity[:-1], Decimal(yardstick))})
    return base.model_copy(update={"runs": tuple(runs), "benchmarks": (index,)})


def said(verdict: Verdict) -> str:
    return " ".join(f"{label}: {text}" for label, text in verdict.sentences)


@pytest.mark.parametrize(
    ("ends", "headline"),
    [
        ({"a": 130_000, "b": 110_000}, "One of two models beat Invented index after costs."),
        ({"a": 130_000, "b": 125_000}, "Both models beat Invented index after costs."),
        ({"a": 90_000, "b": 80_000}, "None of the two models beat Invented index after costs."),
        ({"a": 120_000, "b": 80_000}, "None of the two models beat Invented index after costs."),
        ({"a": 130_000}, "a beat Invented index after costs."),
        ({"a": 110_000}, "a did not beat Invented index after costs."),
        (
            {"a": 130_000, "b": 125_000, "c": 121_000},
            "All three models beat Invented index after costs.",
        ),
    ],
)
def test_the_headline_counts_who_beat_the_first_yardstick(
    ends: dict[str, int], headline: str
) -> None:
    assert arena_verdict(job_with(ends, 120_000)).headline == headline


def test_the_lead_is_said_in_percentage_points() -> None:
    text = said(arena_verdict(job_with({"a": 130_000, "b": 90_000}, 120_000)))
    assert "a did best: it turned $100,000 into $130,000" in text
    assert f"(+30.0{THIN}%), 10.0 percentage points more than Invented index" in text
    assert f"b ({MINUS}30.0 points)" in text


def test_holding_is_said_to_be_beaten_only_if_it_was() -> None:
    beaten = said(arena_verdict(job_with({"buy-and-hold": 110_000, "x": 115_000}, 100_000)))
    assert "was beaten by x (+5.0 points)" in beaten
    kept = said(arena_verdict(job_with({"buy-and-hold": 115_000, "x": 115_000}, 100_000)))
    assert "not less than the other model" in kept
    assert "beaten" not in kept


def test_the_headline_does_not_hide_a_stronger_yardstick() -> None:
    job = job_with({"a": 130_000, "b": 125_000}, 120_000)
    hard = job.benchmarks[0]
    hard = hard.model_copy(
        update={"name": "equal weight", "equity": (*hard.equity[:-1], Decimal(128_000))}
    )
    two = job.model_copy(update={"benchmarks": (*job.benchmarks, hard)})
    assert arena_verdict(two).headline == (
        "Both models beat Invented index after costs; one beat equal weight."
    )
    one = two.model_copy(update={"runs": two.runs[1:]})
    assert arena_verdict(one).headline == (
        "b beat Invented index after costs; it did not beat equal weight."
    )
    assert "Luck or skill" not in said(arena_verdict(one))


def test_a_lead_that_may_be_luck_is_called_so() -> None:
    text = said(arena_verdict(job_with({"a": 130_000, "b": 90_000}, 120_000)))
    assert "may well be luck" in text
    assert "best of 2" in text


def test_a_run_that_did_not_finish_is_named_and_not_compared() -> None:
    job = job_with({"a": 130_000, "b": 140_000}, 120_000)
    update = {"state": "budget_exhausted", "error": "the budget of 1 USD is spent"}
    runs = (job.runs[0], job.runs[1].model_copy(update=update))
    verdict = arena_verdict(job.model_copy(update={"runs": runs}))
    assert verdict.headline == "a beat Invented index after costs."
    assert "b (budget exhausted): The budget of 1 USD is spent." in said(verdict)


def test_the_t_statistic_agrees_with_scipy() -> None:
    from scipy import stats

    draws = [(((k * 7919) % 101) - 50) / 5000 for k in range(200)]
    days = tuple(date(2020, 1, 1) + timedelta(days=k) for k in range(200))
    value, curve = Decimal(100), []
    for draw in draws:
        value *= 1 + Decimal(str(draw))
        curve.append(value)
    one = Standing("one", days, tuple(curve), Decimal(100), None, "s1")
    flat = Standing("flat", days, (Decimal(100),) * 200, Decimal(100), None, "b1")
    expected = stats.ttest_1samp(draws, 0.0).statistic
    assert lead_t(one, flat) == pytest.approx(expected, abs=1e-9)
    assert lead_t(flat, flat) is None


def test_the_best_of_a_row_is_the_best() -> None:
    rows = {
        row.name: row
        for row in metric_rows(
            [
                Standing("low", (date(2020, 1, 2),), (Decimal(90),), Decimal(100), None, "s1"),
                Standing("high", (date(2020, 1, 2),), (Decimal(120),), Decimal(100), None, "s2"),
            ],
            money("USD"),
        )
    }
    assert [cell.best for cell in rows["Total return"].cells] == [False, True]
    assert [cell.text for cell in rows["Final equity"].cells] == ["$90", "$120"]


@given(st.lists(st.floats(-0.02, 0.02), min_size=1, max_size=200))
def test_months_compound_to_the_total(returns: list[float]) -> None:
    days = tuple(date(2020, 1, 1) + timedelta(days=k) for k in range(len(returns)))
    level, curve = 100.0, []
    for change in returns:
        level *= 1 + change
        curve.append(Decimal(repr(level)))
    one = Standing("one", days, tuple(curve), Decimal(100), None, "s1")
    product = 1.0
    for _, cells, _ in monthly_returns(one):
        for cell in cells:
            if cell.text:
                product *= 1 + float(cell.text.replace(MINUS, "-")) / 100
    assert product == pytest.approx(
        level / 100, rel=0.001 * (len(returns) // 28 + 1)
    )  # shown to 0.1 %


@given(st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=60))
def test_drawdown_is_never_above_zero_and_zero_at_a_new_high(returns: list[float]) -> None:
    days = tuple(date(2020, 1, 1) + timedelta(days=k) for k in range(len(returns)))
    level, curve = 100.0, []
    for change in returns:
        level *= 1 + change
        curve.append(Decimal(repr(level)))
    one = Standing("one", days, tuple(curve), Decimal(100), None, "s1")
    for k, (_, fall) in enumerate(one.drawdown()):
        highest = max(100.0, *map(float, curve[: k + 1]))
        assert fall == pytest.approx(float(curve[k]) / highest - 1, abs=1e-12)
        assert fall <= 0


def test_a_loan_that_does_not_fund_itself_is_said_not_to() -> None:
    job = loan_job()
    verdict = loan_verdict(job, job.runs[0])
    assert verdict.headline == "Approved, but the loan does not fund itself."
    text = said(verdict)
    assert "covers 16 cents of each dollar due ($313.36 a month)" in text
    assert "the fund alone would last 20 of 36 instalments" in text
    assert ("Fund coverage", "0.16", "1.00 would pay for itself") in verdict.tiles


def test_a_refusal_gives_every_reason() -> None:
    job = loan_job(approve=False)
    verdict = loan_verdict(job, job.runs[0])
    assert verdict.headline == "Refused, and the loan does not fund itself."
    assert "Debt service would take 47 % of gross income; the limit is 43 %." in said(verdict)
    assert "What happened" not in said(verdict)


def _broken_contract(*, told: bool) -> JobResults:
    """A refusal over a contract; with `told` the contract agent lists what is broken."""
    job = loan_job(approve=False)
    run, records = job.runs[0], list(job.runs[0].decisions)
    sentences = ("The instalment is 999.00, not 313.36.", "The APR is 12 %, not 8 %.")
    for k, record in enumerate(records):
        output = record.decision.output
        update: dict[str, object] = {}
        if isinstance(output, ContractReview) and told:
            found = tuple(Reason(code="differs", sentence=text) for text in sentences)
            update = {"action": "object", "violations": found}
        elif isinstance(output, LenderDecision):
            joined = Reason(code="contract_violation", sentence=" ".join(sentences))
            update = {"reasons": (*output.reasons, joined)}
        if output and update:
            said = record.decision.model_copy(update={"output": output.model_copy(update=update)})
            records[k] = record.model_copy(update={"decision": said})
    return job.model_copy(update={"runs": (run.model_copy(update={"decisions": tuple(records)}),)})


@pytest.mark.parametrize("told", [True, False])
def test_what_is_wrong_with_a_contract_is_counted_and_listed_singly(*, told: bool) -> None:
    job = _broken_contract(told=told)
    text = said(loan_verdict(job, job.runs[0]))
    assert "was refused for three stated reasons: (1) Debt service would take 47 %" in text
    assert "(2) The instalment is 999.00, not 313.36. (3) The APR is 12 %, not 8 %." in text


def test_a_cent_is_not_written_as_nothing() -> None:
    job = job_with({"a": 1}, 1)
    run = job.runs[0]
    small = tuple(Decimal("0.01") for _ in run.curve.sessions)
    curve = run.curve.model_copy(update={"equity": (*small[:-1], Decimal("0.02"))})
    request = job.request.model_copy(update={"cash": Decimal("0.01")})
    index = job.benchmarks[0].model_copy(update={"equity": small})
    job = job.model_copy(
        update={
            "request": request,
            "runs": (run.model_copy(update={"curve": curve}),),
            "benchmarks": (index,),
        }
    )
    assert "turned $0.01 into $0.02" in said(arena_verdict(job))


def test_what_was_missing_is_said_with_its_months() -> None:
    job = loan_job()
    loan = job.runs[0].loan
    assert loan is not None
    sums = paid(loan)
    parts = sums.from_income + sums.from_borrower + sums.from_principal + sums.shortfall
    assert parts == sums.due == loan.schedule.total_paid
    assert sums.shortfall > 0
    assert f"${sums.shortfall:,.2f} was missing in two months." in said(
        loan_verdict(job, job.runs[0])
    )


def test_a_loan_without_shortfall_says_that_nothing_was_missing() -> None:
    job = loan_job()
    run = job.runs[0]
    assert run.loan is not None
    months = tuple(
        m.model_copy(update={"shortfall": ZERO, "from_borrower": m.from_borrower + m.shortfall})
        for m in run.loan.months
    )
    whole = run.model_copy(update={"loan": run.loan.model_copy(update={"months": months})})
    assert "nothing was missing" in said(loan_verdict(job, whole))


def test_a_data_set_that_is_silent_about_its_closes_is_not_let_off() -> None:
    silent = loan_job().dataset.model_copy(update={"caveats": ("Hand-picked.",)})
    told = caveats(silent)
    assert told[0] == "Hand-picked."
    assert any("closing prices only" in text for text in told)
    assert any("adjusted backwards" in text for text in told)
    assert caveats(silent.model_copy(update={"close_only": False, "adjustment": "raw"})) == [
        "Hand-picked."
    ]


def test_the_chance_of_shortfall_is_said() -> None:
    job = loan_job()
    loan = job.runs[0].loan
    assert loan is not None
    assert loan.simulation is not None
    share = f"{float(loan.simulation.probability_any_shortfall) * 100:.1f}{THIN}%"
    assert f"{share} missed part of at least one instalment" in said(loan_verdict(job, job.runs[0]))


def test_the_plain_loan_is_said_to_be_cheaper_when_it_is() -> None:
    job = loan_job()
    run = job.runs[0]
    assert run.loan is not None
    assert run.loan.comparison is not None
    before = run.loan.comparison
    same = before.same_rate.model_copy(update={"self_funding_advantage": Decimal("-250.00")})
    update = {"same_rate": same, "savings_at_maturity": Decimal("6100.00")}
    loan = run.loan.model_copy(update={"comparison": before.model_copy(update=update)})
    text = said(loan_verdict(job, run.model_copy(update={"loan": loan})))
    assert "the whole loan costs $250 more than a plain loan of $4,000" in text
    assert "borrowing to invest loses even if the expectation comes true" in text


def test_the_capital_is_what_returns_are_measured_from() -> None:
    job = job_with({"a": 130_000}, 120_000)
    assert job.request.cash == CASH
    assert arena_verdict(job).tiles[0] == ("Best model", f"+30.0{THIN}%", "a")
