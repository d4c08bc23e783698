"""Results say what the ticks say: curve, costs, trades, and figures as another library has them."""

from __future__ import annotations

import json
import warnings
from datetime import date
from decimal import Decimal
from typing import Any

import empyrical
import numpy as np
import pytest

from adapters.wiring import System
from orchestrator.results import growth, run_result, score
from schemas.account import AccountMark
from schemas.jobs import RunProgress
from schemas.ledger import Transaction
from schemas.results import ResultsBundle, RunResult
from schemas.tick import Tick
from tests.orchestrator.runs import lending, run, small_loan, ticks_of, trading
from tests.trading.samples import Run
from trading.ledger import Heading, Movement, Tip, append

RUN = RunProgress(run_id="r", run_key="a" * 64, model="baseline:test", state="completed")


@pytest.fixture(scope="module")
def arena(system: System) -> tuple[ResultsBundle, list[tuple[Tick, ...]]]:
    request = trading("baseline:momentum", "baseline:equal-weight", end_date=date(2020, 5, 29))
    return stored(system, run(system, request))


@pytest.fixture(scope="module")
def loan(system: System) -> tuple[ResultsBundle, list[tuple[Tick, ...]]]:
    request = lending(file=small_loan(first_due_on=date(2020, 1, 30)), end_date=date(2020, 4, 30))
    return stored(system, run(system, request))


def stored(system: System, job: Any) -> tuple[ResultsBundle, list[tuple[Tick, ...]]]:
    content = system.store.artifacts.get(job.job_id, "results.json")
    return ResultsBundle.model_validate_json(content), ticks_of(system, job)


def theirs(function: Any, *arguments: Any) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(function(*arguments))


def test_figures_equal_empyrical_from_the_equity_column(arena: Any) -> None:
    bundle, _ = arena
    (job,) = bundle.jobs
    index = next(each for each in job.benchmarks if each.name == "SPX")
    market = returns_of([job.request.cash, *index.equity])
    for result in job.runs:
        ours = result.metrics
        assert ours is not None
        returns = returns_of([job.request.cash, *result.curve.equity])
        expected = {
            "total_return": theirs(empyrical.cum_returns_final, returns),
            "annual_return": theirs(empyrical.annual_return, returns),
            "annual_volatility": theirs(empyrical.annual_volatility, returns),
            "sharpe": theirs(empyrical.sharpe_ratio, returns),
            "sortino": theirs(empyrical.sortino_ratio, returns),
            "calmar": theirs(empyrical.calmar_ratio, returns),
            "max_drawdown": theirs(empyrical.max_drawdown, returns),
            "alpha_annual": theirs(empyrical.alpha, returns, market),
            "beta": theirs(empyrical.beta, returns, market),
        }
        found = ours.model_dump()
        assert {name: found[name] for name in expected} == pytest.approx(
            expected, rel=1e-9, abs=1e-9
        )


def returns_of(equity: list[Decimal]) -> np.ndarray:
    levels = np.array([float(each) for each in equity])
    return levels[1:] / levels[:-1] - 1.0


def test_the_curve_is_the_marks_of_the_ticks(arena: Any) -> None:
    bundle, runs = arena
    for result, ticks in zip(bundle.jobs[0].runs, runs, strict=True):
        assert result.curve.sessions == tuple(tick.session for tick in ticks)
        assert result.curve.equity == tuple(tick.mark.equity for tick in ticks)
        assert result.curve.cash == tuple(tick.mark.cash for tick in ticks)
        assert result.ledger_hash == ticks[-1].ledger_hash
        entries = sum(len(each.entries) for tick in ticks for each in tick.transactions)
        assert result.ledger_entries == entries


def test_every_fill_is_a_trade_with_the_reason_of_its_order(arena: Any) -> None:
    bundle, runs = arena
    for result, ticks in zip(bundle.jobs[0].runs, runs, strict=True):
        orders = {order.client_order_id: order for tick in ticks for order in tick.orders}
        assert [trade.fill for trade in result.trades] == [f for t in ticks for f in t.fills]
        assert result.trades
        for trade in result.trades:
            assert trade.reason == orders[trade.fill.client_order_id].reason != ""


def test_costs_are_the_sums_over_the_fills(arena: Any) -> None:
    bundle, runs = arena
    for result, ticks in zip(bundle.jobs[0].runs, runs, strict=True):
        fills = [fill for tick in ticks for fill in tick.fills]
        costs = result.costs
        assert costs.commission == sum(fill.commission for fill in fills) > 0
        assert costs.total == costs.commission + costs.spread + costs.slippage
        traded = float(sum(fill.amount for fill in fills)) / len(ticks)
        equity = float(sum(tick.mark.equity for tick in ticks)) / len(ticks)
        assert costs.turnover_annual == pytest.approx(traded / 2 / equity * 252, rel=1e-9)
        assert 0.9 < costs.mean_exposure <= 1


def test_every_decision_is_there_with_its_session(loan: Any) -> None:
    bundle, (ticks,) = loan
    (result,) = bundle.jobs[0].runs
    assert [(each.session, each.decision) for each in result.decisions] == [
        (tick.session, decision) for tick in ticks for decision in tick.decisions
    ]
    assert {each.decision.agent for each in result.decisions} == {
        *("contract", "budget", "tax", "spending_guard", "lender", "alpha_trading")
    }
    assert result.abstentions == 0


def test_the_loans_months_add_up_to_its_schedule(loan: Any) -> None:
    bundle, (ticks,) = loan
    result: RunResult = bundle.jobs[0].runs[0]
    told = result.loan
    assert told is not None
    assert [month.payment for month in told.months] == [
        i.payment for i in told.schedule.instalments
    ]
    for month in told.months:
        paid = month.from_income + month.from_borrower + month.from_principal
        assert paid + month.shortfall == month.payment
        assert month.interest + month.principal == paid
    assert told.months[-1].balance == told.schedule.instalments[-1].balance == 0
    assert told.fund_value_end == ticks[-1].mark.equity
    assert told.shortfall_total == 0
    assert told.final == ticks[-1].loan


def test_a_loans_return_is_that_of_its_fund_whatever_was_paid_in_and_out(loan: Any) -> None:
    """Computed anew: each day's end before its payment, over the day before's end after it."""
    bundle, (ticks,) = loan
    wealth, last = 1.0, None
    for tick in ticks:
        payment = tick.loan.payment if tick.loan else None
        out = payment.split.from_income + payment.split.from_principal if payment else 0
        start = Decimal(900) if last is None else last
        wealth *= float((tick.mark.equity + out) / start)
        last = tick.mark.equity
    assert bundle.jobs[0].runs[0].metrics.total_return == pytest.approx(wealth - 1, rel=1e-12)


def test_results_hold_nothing_random_and_no_wall_time(system: System) -> None:
    job = run(system, trading())
    text = system.store.artifacts.get(job.job_id, "results.json").decode()
    assert job.job_id not in text
    assert f"{job.created_at:%Y-%m-%d}" not in text
    assert json.loads(text)["code_version"] == system.code_version


def marked(n: int, equity: str, *booked: Transaction) -> Tick:
    value = Decimal(equity)
    mark = AccountMark(
        session=date(2020, 1, 2 + n),
        currency="USD",
        cash=value,
        market_value=Decimal("0.00"),
        equity=value,
        positions=(),
    )
    return Tick(
        n=n,
        session=date(2020, 1, 2 + n),
        as_of="2020-01-02T14:30:00Z",  # type: ignore[arg-type]
        events=(),
        transactions=booked,
        mark=mark,
        ledger_hash="0" * 64,
    )


def moved(kind: Any, amount: str) -> Transaction:
    heading = Heading("t", kind, date(2020, 1, 2), "moved", "USD")
    value = Decimal(amount)
    return append(
        Tip(),
        heading,
        movements=[Movement("assets:cash", value), Movement("equity:capital", -value)],
    )


def test_money_put_in_or_taken_out_is_no_return() -> None:
    ticks = [
        marked(0, "100.00", moved("deposit", "100.00")),
        marked(1, "160.00", moved("deposit", "50.00")),
        marked(2, "120.00", moved("instalment", "-40.00")),
    ]
    assert growth(ticks) == pytest.approx([1.0, 1.0, 160 / 150, 160 / 150], rel=1e-12)


def test_growth_ends_where_nothing_is_left() -> None:
    ticks = [
        marked(0, "0.00", moved("deposit", "100.00"), moved("instalment", "-100.00")),
        marked(1, "0.00"),
        marked(2, "0.00"),
    ]
    assert growth(ticks) == [1.0, 1.0]


def test_a_run_without_ticks_has_no_figures_and_an_empty_ledger() -> None:
    result = run_result(RUN, [])
    assert result.metrics is None
    assert result.ledger_hash == "0" * 64
    assert (result.curve.sessions, result.trades, result.costs.total) == ((), (), 0)


def test_a_curve_that_cannot_be_scored_is_said_so() -> None:
    assert score([1.0]) is None
    assert score([1.0, 0.0]) is None
    assert score([1.0, 1.1]) is not None


def test_orders_that_were_not_filled_are_listed_apart() -> None:
    books = Run()
    books.begin()
    books.deposit("1000.00")
    order = books.submit("AAA", "buy", "1")
    books.exchange.cancel(order.client_order_id)
    books.submit("BBB", "buy", "1")
    books.end()
    result = run_result(RUN, books.ticks)
    assert [each.symbol for each in result.refused_orders] == ["AAA"]
    assert [each.fill.symbol for each in result.trades] == ["BBB"]
