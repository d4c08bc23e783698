"""What the report makes of a scorecard: falls, intervals, trips, costs, breakers; and its files."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest

from orchestrator.report.arena import arena_verdict
from orchestrator.report.costs import Charged, cost_table
from orchestrator.report.falls import fall_rows
from orchestrator.report.files import render_files
from orchestrator.report.html import render_report
from orchestrator.report.loan import loan_verdict
from orchestrator.report.stops import SHOWN, stops_of
from orchestrator.report.words import MINUS, NONE, THIN, money
from schemas.results import BreakerTrip, JobResults, RunResult
from schemas.risk import BreakerAction, BreakerEvent
from tests.orchestrator.reading import read
from tests.orchestrator.report_arena_sample import CASH
from tests.orchestrator.report_sample import arena_job, bundle, loan_job, manifest
from tests.orchestrator.report_scores import Books

END = date(2020, 8, 31)
WRITE = money("USD")


def job() -> JobResults:
    return arena_job(("buy-and-hold", "momentum"), END)


def tripped(
    run: RunResult, n: int, *, enforced: bool, action: BreakerAction = "stop_day"
) -> RunResult:
    """The run as it would be had a breaker tripped in its first `n` sessions."""
    event = BreakerEvent(
        breaker="day_loss_stop", action=action, value=0.03, limit=0.02,
        message="the session lost 3.00% of the equity", enforced=enforced,
    )  # fmt: skip
    score = run.score or job().runs[0].score
    assert score is not None
    sessions = job().runs[0].curve.sessions[:n]
    trips = tuple(BreakerTrip(session=day, event=event) for day in sessions)
    return run.model_copy(update={"score": score.model_copy(update={"breakers": trips})})


def text_of(found: JobResults) -> str:
    return read(render_report(bundle(found), manifest_repeat="x")).words()


def rows_of(found: JobResults) -> list[list[str]]:
    return read(render_report(bundle(found), manifest_repeat="x")).rows


def test_the_deepest_fall_stands_with_its_dates() -> None:
    run = job().runs[0]
    levels = [CASH, *run.curve.equity]
    falls = [level / max(levels[: k + 1]) - 1 for k, level in enumerate(levels)]
    bottom = falls.index(min(falls))
    peak = levels.index(max(levels[: bottom + 1]))
    regained = next((k for k in range(bottom, len(levels)) if levels[k] >= levels[peak]), None)
    first = fall_rows(run)[0]
    days = (None, *run.curve.sessions)
    assert first.depth == f"{MINUS}{float(-min(falls)) * 100:.1f}{THIN}%"
    assert first.cells[:2] == (str(days[peak]), str(days[bottom]))
    assert first.cells[2] == ("not yet" if regained is None else str(days[regained]))
    assert first.cells[3] == str((regained or len(levels)) - peak - 1)
    assert [first.depth, *first.cells] in rows_of(job())


def test_a_fall_from_the_capital_began_at_the_beginning() -> None:
    run = job().runs[0]
    assert run.score is not None
    row = run.score.drawdowns[0].model_copy(update={"peak_index": 0})
    from_start = run.score.model_copy(update={"drawdowns": (row,)})
    (only,) = fall_rows(run.model_copy(update={"score": from_start}))
    assert only.cells[0] == "the beginning"


def test_sharpe_stands_with_its_interval_and_what_the_interval_is() -> None:
    found = job()
    score = found.runs[0].score
    assert score is not None
    sharpe = next(each for each in score.intervals if each.figure == "sharpe")
    assert sharpe.lower is not None
    assert sharpe.upper is not None
    low, high = (f"{end:.2f}".replace("-", MINUS) for end in (sharpe.lower, sharpe.upper))
    (row,) = [row for row in rows_of(found) if row[0].startswith("Sharpe ratio") and len(row) == 5]
    assert row[1].endswith(f"{low} to {high}")
    assert " to " not in row[3]
    assert "1,000 redraws of the run’s own sessions" in text_of(found)


def test_omega_and_both_tails_are_among_the_figures() -> None:
    heads = {row[0] for row in rows_of(job()) if len(row) == 5}
    for name in ("Omega ratio", "Very bad days (CVaR 95)", "Worst days (CVaR 99)"):
        assert any(head.startswith(name) for head in heads)


def test_round_trips_are_counted_and_the_worst_is_named() -> None:
    found = job()
    score = found.runs[1].score
    assert score is not None
    rows = {row[0]: row[1:] for row in rows_of(found) if len(row) == 3}
    trips = score.trips
    closed = [(gain, n) for n, gain in enumerate(trips.gains) if trips.closed[n]]
    worst, n = min(closed)
    assert rows["Round trips closeda position from nothing to nothing"][1].startswith(
        str(len(closed))
    )
    assert rows["Worst triplargest loss, all costs paid"][1] == (
        f"{MINUS}${-worst:,.2f}{trips.symbols[n]}, {trips.opened[n]} to {trips.closed[n]}"
    )
    assert rows["Hit rateshare of closed trips with a gain"][0] == NONE
    mae = trips.mae[n]
    assert mae is not None
    assert mae <= worst + trips.commissions[n]
    assert rows["… its worst standing (MAE)while it was held, before commissions"][1] == (
        f"{MINUS}${-mae:,.2f}"
    )


def test_losses_that_count_later_are_counted_and_summed() -> None:
    score = job().runs[1].score
    assert score is not None
    later = sum((sale.disallowed for sale in score.wash_sales), Decimal(0))
    assert later > 0
    row = next(row for row in rows_of(job()) if row[0].startswith("Wash sales"))
    assert row[1:] == ["0", f"{len(score.wash_sales)}${later:,.2f} disallowed"]


def test_what_each_cost_took_leads_from_the_return_before_to_the_one_after() -> None:
    run = job().runs[1]
    table = cost_table([Charged("m", "s1", run, CASH)], WRITE)
    assert table.kinds == ("Commission", "Spread", "Slippage")
    ((_, cells),) = table.drag
    values = [float(cell.replace(MINUS, "-").rstrip(f"{THIN}%")) for cell in cells]
    assert values[0] + sum(values[1:-1]) == pytest.approx(values[-1], abs=0.03)
    assert all(value < 0 for value in values[1:-1])
    assert values[-1] == pytest.approx(float(run.curve.equity[-1] / CASH - 1) * 100, abs=0.006)


def test_a_kind_of_cost_has_a_column_once_somebody_paid_it() -> None:
    run = job().runs[0]
    costs = run.costs.model_copy(
        update={"impact": Decimal("1.00"), "model_cost_usd_micro": 2_500_000}
    )
    both = [
        Charged("a", "s1", run, CASH),
        Charged("b", "s2", run.model_copy(update={"costs": costs}), CASH),
    ]
    table = cost_table(both, WRITE)
    assert table.kinds[-1] == "Impact"
    assert table.others[-1] == "Tokens not charged"
    assert [row.cells[-1] for row in table.money] == [NONE, "$2.50"]
    assert [row.cells[3] for row in table.money] == ["$0.00", "$1.00"]


def test_breakers_are_listed_up_to_twenty_and_the_rest_is_counted() -> None:
    run = tripped(job().runs[0], 33, enforced=False)
    found = stops_of("m", run)
    assert found is not None
    assert (len(found.rows), found.more) == (SHOWN, 13)
    assert found.said == (
        "m: breakers tripped (day loss stop 33 times) and were recorded only, so nothing was "
        "stopped."
    )
    words = text_of(job().model_copy(update={"runs": (run, job().runs[1])}))
    assert "And 13 more; results.json has each." in words
    assert "No breaker tripped for momentum." in words


def test_only_breakers_that_were_enforced_stand_in_the_verdict() -> None:
    for enforced in (True, False):
        runs = (tripped(job().runs[0], 2, enforced=enforced), job().runs[1])
        labels = [
            label for label, _ in arena_verdict(job().model_copy(update={"runs": runs})).sentences
        ]
        assert ("Circuit breakers" in labels) is enforced


def test_a_breaker_that_holds_says_from_when_on() -> None:
    found = stops_of("m", tripped(job().runs[0], 1, enforced=True, action="retire"))
    assert found is not None
    assert found.said == (
        "m: a breaker tripped (day loss stop once) and was enforced. After the close of "
        "2\u00a0January 2020 only what made a position smaller could be traded."
    )


def test_a_loan_tells_of_breakers_only_where_they_were_enforced() -> None:
    plain = loan_job()
    for enforced in (True, False):
        run = tripped(plain.runs[0], 1, enforced=enforced)
        run = run.model_copy(update={"trades": job().runs[0].trades})
        told = plain.model_copy(update={"runs": (run,)})
        assert ("Circuit breakers" in text_of(told)) is enforced
        labels = [label for label, _ in loan_verdict(told, run).sentences]
        assert ("Circuit breakers" in labels) is enforced
        assert "What the fund’s trading cost" in text_of(told)
    assert "What the fund’s trading cost" not in text_of(plain)


def files() -> dict[str, list[dict[str, str]]]:
    results = bundle(job())
    books = Books(CASH, job().runs[0].curve.sessions[0])
    for trade in job().runs[0].trades:
        books.fill(trade.fill)
    tick = books.close(job().runs[0].curve.sessions[0], worth=Decimal(0))
    booked = [("baseline:buy-and-hold", each) for each in tick.transactions]
    found = render_files(results, manifest(results), booked)
    return {
        name: list(csv.DictReader(io.StringIO(found[name].decode())))
        for name in ("trades.csv", "trips.csv", "ledger.csv")
    }


def test_every_round_trip_is_a_row_with_its_model() -> None:
    rows = files()["trips.csv"]
    for run in job().runs:
        assert run.score is not None
        trips = run.score.trips
        mine = [row for row in rows if row["run"] == run.model]
        assert [row["symbol"] for row in mine] == list(trips.symbols)
        assert [Decimal(row["gain"]) for row in mine] == list(trips.gains)
        assert [row["closed"] for row in mine] == [str(day or "") for day in trips.closed]
        assert {row["day_trade"] for row in mine} <= {"yes", "no"}
        for row in mine:
            units = [Decimal(row[f"units_{part}"]) for part in ("opened", "by_actions", "closed")]
            assert units[0] + units[1] - units[2] == Decimal(row["units_open"])


def test_trades_say_what_order_they_were_and_the_ledger_which_lot() -> None:
    found = files()
    trades = [trade for run in job().runs for trade in run.trades]
    assert [row["fill_id"] for row in found["trades.csv"]] == [t.fill.fill_id for t in trades]
    kinds = {(row["order_type"], row["time_in_force"]) for row in found["trades.csv"]}
    assert kinds == {("market", "day")}
    assert {row["impact_cost"] for row in found["trades.csv"]} == {"0.00"}
    for row in found["ledger.csv"]:
        assert bool(row["lot"]) is row["account"].startswith("assets:positions:")
