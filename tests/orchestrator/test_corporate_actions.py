"""Whole runs over prices as traded: a split is no loss, a dividend is money, a ticker is a name."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from adapters.market.table import PriceTable
from adapters.wiring import System
from interfaces.market import AS_TRADED
from orchestrator.results import growth
from schemas.jobs import Job, SimulationRequest
from schemas.tick import Tick
from tests.adapters.acted import action, market, smooth, split, traded
from tests.orchestrator.markets import NYSE, OneMarket
from tests.orchestrator.runs import run, ticks_of, trading

SYMBOLS = ("AAA", "BBB", "CCC", "MARKT")
DAYS = NYSE.sessions(date(2019, 10, 1), date(2020, 4, 30))
FIRST, LAST = date(2020, 1, 15), date(2020, 3, 20)
SPLIT_ON = date(2020, 2, 12)
ACTIONS = (
    split("AAA", SPLIT_ON, "15:1"),
    action("cash_dividend", "AAA", date(2020, 3, 10), cash="0.04"),
    action("cash_dividend", "BBB", date(2020, 1, 20), cash="0.75"),  # a holiday
    action("ticker_change", "BBB", date(2020, 2, 20), new_symbol="NEW"),
    action("cash_merger", "CCC", date(2020, 3, 17), cash="95.05"),
)
MODELS = ("baseline:buy-and-hold", "baseline:equal-weight")
pytestmark = pytest.mark.usefixtures("looked_once")


def on(system: System, data: PriceTable) -> System:
    return replace(system, catalog=OneMarket(data))


def as_traded() -> PriceTable:
    start, close = (traded(each, SYMBOLS, ACTIONS, DAYS) for each in smooth(SYMBOLS, DAYS))
    start, close = np.round(start, 2), np.round(close, 2)
    return market(start, close, SYMBOLS, actions=ACTIONS, days=DAYS, benchmarks=("MARKT",))


def asked(*models: str, **changes: Any) -> SimulationRequest:
    values: dict[str, Any] = {"data": "made", "universe": ("AAA", "BBB", "CCC")}
    return trading(*models, **{"start_date": FIRST, "end_date": LAST, **values, **changes})


@pytest.fixture(scope="module")
def done(system: System, looked_once: None) -> tuple[Job, list[tuple[Tick, ...]], dict[str, bytes]]:
    there = on(system, as_traded())
    job = run(there, asked(*MODELS))
    assert job.state == "completed"
    names = there.store.artifacts.names(job.job_id)
    return (
        job,
        ticks_of(there, job),
        {name: there.store.artifacts.get(job.job_id, name) for name in names},
    )


Done = tuple[Job, list[tuple[Tick, ...]], dict[str, bytes]]


@pytest.mark.promise("corporate-actions")
def test_a_split_of_15_to_1_is_not_booked_as_a_loss_of_93_per_cent(done: Done) -> None:
    data = as_traded().view(NYSE.opens_at(DAYS[-1]))
    day = DAYS.index(SPLIT_ON)
    before = data.bars("AAA", start=DAYS[day - 1], end=DAYS[day - 1], how=AS_TRADED).close[0]
    after = data.bars("AAA", start=SPLIT_ON, end=SPLIT_ON, how=AS_TRADED).close[0]
    assert after / before - 1 < -0.92
    for ticks in done[1]:
        returns = np.diff(growth(ticks)) / np.array(growth(ticks)[:-1])
        assert abs(returns).max() < 0.08
        on_day = next(tick for tick in ticks if tick.session == SPLIT_ON)
        assert abs(returns[ticks.index(on_day)]) < 0.04


@pytest.mark.promise("corporate-actions")
def test_each_run_is_told_of_each_action_once_and_its_money_adds_up(done: Done) -> None:
    bundle = json.loads(done[2]["results.json"])
    for found, ticks in zip(bundle["jobs"][0]["runs"], done[1], strict=True):
        said = [(each["session"], each["kind"], each["symbol"]) for each in found["actions"]]
        assert len(set(said)) == len(said)
        paid = -sum(
            entry.amount
            for tick in ticks
            for each in tick.transactions
            for entry in each.entries
            if entry.account == "income:dividends"
        )
        assert Decimal(found["dividends"]) == paid
    held = bundle["jobs"][0]["runs"][0]
    assert [(each["session"], each["kind"], each["symbol"]) for each in held["actions"]] == [
        ("2020-01-21", "dividend", "BBB"),
        ("2020-02-12", "split", "AAA"),
        ("2020-02-20", "symbol_change", "BBB"),
        ("2020-03-10", "dividend", "AAA"),
        ("2020-03-17", "merger", "CCC"),
    ]
    merger = held["actions"][-1]
    assert Decimal(merger["cash"]) == pytest.approx(-Decimal(merger["units"]) * Decimal("95.05"))
    assert held["actions"][2]["new_symbol"] == "NEW"
    assert Decimal(held["dividends"]) > 0


def test_what_holdings_pay_is_return_and_no_withdrawal(done: Done) -> None:
    for ticks in done[1]:
        capital = float(done[0].request.cash)
        worth = [capital, *(float(tick.mark.equity) for tick in ticks)]
        assert growth(ticks) == pytest.approx([each / capital for each in worth])


def test_files_and_report_tell_trades_and_actions_apart(done: Done) -> None:
    files = done[2]
    rows = list(csv.DictReader(io.StringIO(files["ledger.csv"].decode())))
    kinds = {row["kind"] for row in rows}
    assert {"split", "dividend", "symbol_change", "merger"} < kinds
    dividend = next(row for row in rows if row["account"] == "income:dividends")
    assert dividend["symbol"] == "BBB"
    trades = list(csv.DictReader(io.StringIO(files["trades.csv"].decode())))
    assert len(trades) == sum(len(tick.fills) for ticks in done[1] for tick in ticks)
    report = files["report.html"].decode()
    assert "Corporate actions on what was held" in report
    assert "Split 15:1: " in report
    assert "BBB → NEW" in report


def test_the_results_say_what_happened_to_the_universe(done: Done) -> None:
    said = json.loads(done[2]["results.json"])["jobs"][0]["assumptions"]
    assert "BBB is called NEW at the end of the run." in said
    told = "CCC has no price after 2020-03-16: it was bought out for 95.05 a unit, paid on "
    assert f"{told}2020-03-17." in said
    assert any("Dividends are credited in cash on the ex-date" in each for each in said)


@pytest.mark.promise("corporate-actions")
def test_splits_and_new_tickers_alone_leave_a_run_as_it_is_without_them(system: System) -> None:
    """On unrounded prices; sizes are cut to a millionth of a unit, in other units: 0.01 a trade."""
    actions = [each for each in ACTIONS if each.kind in ("split", "ticker_change")]
    start, close = smooth(SYMBOLS, DAYS)
    raw = [traded(each, SYMBOLS, actions, DAYS) for each in (start, close)]
    marks: list[list[Decimal]] = []
    for data in (
        market(start, close, SYMBOLS, days=DAYS, benchmarks=("MARKT",)),
        market(raw[0], raw[1], SYMBOLS, actions=actions, days=DAYS, benchmarks=("MARKT",)),
    ):
        there = on(system, data)
        job = run(there, asked("baseline:buy-and-hold", start_date=date(2020, 2, 5)))
        marks.append([tick.mark.equity for tick in ticks_of(there, job)[0]])
    assert max(abs(a - b) for a, b in zip(*marks, strict=True)) <= Decimal("0.05")
