"""A scorecard says what can be worked out by hand from a few sessions, and survives odd ones."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest

from orchestrator.report.html import render_report
from orchestrator.results import run_result
from orchestrator.scorecard import costs_by_session, scorecard
from schemas.jobs import RunProgress
from schemas.orders import Fill, Side
from schemas.results import JobResults, Scorecard
from schemas.risk import BreakerEvent
from schemas.tick import Tick
from tests.orchestrator.reading import read
from tests.orchestrator.report_sample import arena_job, bundle
from tests.orchestrator.report_scores import Books
from trading.account import CASH
from trading.ledger import Movement
from trading.round_trips import Bar

MON, TUE, WED, THU = (date(2020, 1, day) for day in (6, 7, 8, 9))
RUN = RunProgress(run_id="r", run_key="a" * 64, model="baseline:test", state="completed")


def filled(
    n: int, day: date, side: Side, price: str, *, units: str = "10", gain: str | None = None
) -> Fill:
    """A fill at a price 0.05 worse than the market's, for a commission of one."""
    return Fill(
        fill_id=f"o{n}-1", client_order_id=f"o{n}", agent="alpha_trading", session=day,
        symbol="AAA", side=side, quantity=Decimal(units), reference_price=Decimal(price),
        price=Decimal(price), amount=Decimal(units) * Decimal(price),
        commission=Decimal("1.00"), spread_cost=Decimal("0.20"), slippage_cost=Decimal("0.10"),
        impact_cost=Decimal("0.20"), convention="open",
        realised_gain=None if gain is None else Decimal(gain),
    )  # fmt: skip


def pay(books: Books, day: date, *, kind: str, account: str, amount: str) -> None:
    """Book a cost; a negative one is earned."""
    cost = Decimal(amount)
    books.enter(kind, (Movement(CASH, -cost), Movement(account, cost)), day)  # type: ignore[arg-type]  # a kind


def three_sessions(*, tokens: str = "2.00") -> tuple[Tick, ...]:
    """Buy 10 at 50 out of 1,000, pay for tokens and earn interest, sell at 52."""
    books = Books(Decimal("1000.00"), MON)
    books.fill(filled(0, MON, "buy", "50"))
    books.close(MON, worth=Decimal("500.00"))  # 499 + 500 = 999
    if Decimal(tokens):
        pay(books, TUE, kind="model_spend", account="expenses:model_spend", amount=tokens)
    pay(books, TUE, kind="interest", account="income:interest", amount="-0.50")
    pay(books, TUE, kind="interest", account="expenses:interest", amount="0.20")
    pay(books, TUE, kind="borrow_fee", account="expenses:borrow", amount="0.30")
    books.close(TUE, worth=Decimal("550.00"))  # 499 - 2 + 0.5 - 0.2 - 0.3 + 550 = 1047
    books.fill(filled(1, WED, "sell", "52", gain="19.00"))
    books.close(WED, worth=Decimal(0))  # 497 + 520 - 1 = 1016
    return tuple(books.ticks)


def shares(score: Scorecard) -> dict[str, float]:
    assert score.cost_attribution is not None
    return {cost.cost: cost.contribution for cost in score.cost_attribution.costs}


def test_what_each_cost_took_is_what_the_sessions_paid() -> None:
    paid = costs_by_session(three_sessions())
    assert paid["commission"] == [1.0, 0.0, 1.0]
    assert paid["spread"] == paid["impact"] == [0.2, 0.0, 0.2]
    assert paid["slippage"] == [0.1, 0.0, 0.1]
    assert paid["model_spend"] == [0.0, 2.0, 0.0]
    assert paid["borrow"] == [0.0, 0.3, 0.0]


def test_interest_earned_is_no_cost_and_takes_nothing_off_those_paid() -> None:
    ticks = three_sessions()
    assert costs_by_session(ticks)["interest"] == pytest.approx([0.0, 0.2, 0.0])
    score = scorecard(ticks, seed=0)
    assert 0 < shares(score)["interest"] < shares(score)["borrow"]
    assert score.cost_attribution is not None
    amounts = {cost.cost: cost.amount for cost in score.cost_attribution.costs}
    assert amounts["interest"] == Decimal("0.20")
    costs = run_result(RUN, ticks).costs
    assert (costs.financing, costs.interest_earned) == (Decimal("0.50"), Decimal("0.50"))


def test_the_return_before_costs_is_each_sessions_with_its_costs_put_back() -> None:
    found = scorecard(three_sessions(), seed=0).cost_attribution
    assert found is not None
    # Costs of 1.50, 2.50 (2 tokens, 0.3 borrowed, 0.2 interest paid) and 1.50.
    gross = (999 + 1.5) / 1000 * (1047 + 2.5) / 999 * (1016 + 1.5) / 1047 - 1
    assert found.gross_return == pytest.approx(gross, rel=1e-12)
    assert found.net_return == pytest.approx(0.016, rel=1e-12)
    assert sum(cost.contribution for cost in found.costs) == pytest.approx(gross - 0.016, rel=1e-9)
    assert found.drag == pytest.approx(gross - 0.016, rel=1e-9)


def test_without_the_tokens_the_account_grows_as_if_they_had_been_free() -> None:
    score = scorecard(three_sessions(), seed=0)
    assert score.without_model_spend is not None
    free = 999 / 1000 * (1047 + 2.0) / 999 * 1016 / 1047 - 1
    assert score.without_model_spend.total_return == pytest.approx(free, rel=1e-12)
    assert scorecard(three_sessions(tokens="0"), seed=0).without_model_spend is None


def test_the_kinds_of_cost_sum_to_what_ledger_and_fills_say() -> None:
    ticks = three_sessions()
    score, costs = scorecard(ticks, seed=0), run_result(RUN, ticks).costs
    assert score.cost_attribution is not None
    booked = sum(
        (
            entry.amount
            for tick in ticks
            for transaction in tick.transactions
            for entry in transaction.entries
            if entry.account.startswith("expenses:")
        ),
        Decimal(0),
    )
    inside = Decimal("1.00")  # two fills, 0.50 each of spread, slippage and impact
    assert booked == Decimal("4.50")
    assert score.cost_attribution.amount == booked + inside
    assert (costs.commission, costs.impact) == (Decimal("2.00"), Decimal("0.40"))
    assert (costs.financing, costs.model_spend) == (Decimal("0.50"), Decimal("2.00"))
    assert costs.total == booked + inside


def test_a_round_trip_is_scored_with_how_it_stood_meanwhile() -> None:
    prices = {MON: ("51", "48", "50"), TUE: ("56", "50", "55"), WED: ("55", "51", "53")}

    def bars(_: str, session: date) -> Bar:
        return Bar(*(Decimal(price) for price in prices[session]))

    score = scorecard(three_sessions(), seed=0, bars=bars)
    trips, told = score.trips, score.trade_statistics
    assert (trips.opened, trips.closed, trips.days_held) == ((MON,), (WED,), (2,))
    assert trips.gains == (Decimal("18.00"),)  # 520 - 500 - 2 of commission
    assert trips.mae == (Decimal("-20.00"),)  # 10 x (48 - 50) on the first day
    assert trips.mfe == (Decimal("60.00"),)  # 10 x (56 - 50) on the second
    assert (told.trades, told.hit_rate, told.profit_factor) == (1, 1.0, None)
    assert told.expectancy == Decimal("18.00")


def test_streaks_follow_the_order_in_which_trips_closed() -> None:
    books = Books(Decimal("10000.00"), MON)
    plan: list[tuple[date, str, Side, str]] = [
        (MON, "AAA", "buy", "10"), (MON, "BBB", "buy", "10"), (MON, "CCC", "buy", "10"),
        (TUE, "BBB", "sell", "9"), (WED, "CCC", "sell", "9"), (THU, "AAA", "sell", "12"),
    ]  # fmt: skip
    for n, (day, symbol, side, price) in enumerate(plan):
        fill = filled(n, day, side, price).model_copy(update={"symbol": symbol})
        books.fill(fill)
        if n + 1 == len(plan) or plan[n + 1][0] != day:
            books.close(day, worth=Decimal(0))
    told = scorecard(books.ticks, seed=0).trade_statistics
    assert (told.longest_loss_streak, told.current_streak) == (2, 1)


def test_breakers_stand_with_their_sessions() -> None:
    event = BreakerEvent(
        breaker="day_loss_stop", action="stop_day", value=0.03, limit=0.02, message="fell",
        enforced=True,
    )  # fmt: skip
    ticks = list(three_sessions())
    ticks[1] = ticks[1].model_copy(update={"breakers": (event,)})
    (trip,) = scorecard(ticks, seed=0).breakers
    assert (trip.session, trip.event) == (TUE, event)


def quiet(*, sessions: int) -> tuple[Tick, ...]:
    books = Books(Decimal("1000.00"), MON)
    for day in (MON, TUE, WED)[:sessions]:
        books.close(day, worth=Decimal(0))
    return tuple(books.ticks)


def everything_lost() -> tuple[Tick, ...]:
    books = Books(Decimal("501.00"), MON)
    books.fill(filled(0, MON, "buy", "50"))
    books.close(MON, worth=Decimal("500.00"))
    books.close(TUE, worth=Decimal(0))
    books.close(WED, worth=Decimal(0))
    return tuple(books.ticks)


ODD = {
    "no trade": quiet(sessions=3),
    "one session": quiet(sessions=1),
    "everything lost": everything_lost(),
    "one session with a trade": three_sessions()[:1],
}


@pytest.mark.parametrize("case", ODD)
def test_odd_runs_have_a_scorecard_that_is_written_and_read_back(case: str) -> None:
    score = scorecard(ODD[case], seed=0)
    text = score.model_dump_json()
    assert "NaN" not in text
    assert Scorecard.model_validate_json(text).model_dump_json() == text
    assert score.intervals == ()


def test_a_run_that_lost_everything_fell_by_all_of_it() -> None:
    score = scorecard(everything_lost(), seed=0)
    (fall,) = score.drawdowns
    assert (fall.depth, fall.peak_index, fall.recovery_index) == (-1.0, 0, None)
    assert score.cost_attribution is None


@pytest.mark.parametrize("case", ODD)
def test_odd_runs_make_a_whole_page(case: str) -> None:
    page = read(render_report(bundle(job_of(ODD[case])), manifest_repeat="x"))
    assert page.unbalanced == []
    assert "What trading cost" in page.words()
    assert page.rows
    for cell in (cell for row in page.rows for cell in row):
        assert not re.search(r"\b(nan|none|inf)\b", cell, re.IGNORECASE), cell


def test_a_run_that_paid_nothing_and_never_fell_says_so() -> None:
    words = read(render_report(bundle(job_of(quiet(sessions=3))), manifest_repeat="x")).words()
    assert "It never closed below an earlier close." in words
    assert "No breaker tripped." in words
    assert "Round trips" not in words
    assert "tokens free" not in words


def test_tokens_and_the_kind_of_order_are_told() -> None:
    words = read(render_report(bundle(job_of(three_sessions())), manifest_repeat="x")).words()
    assert "tokens paid" in words
    assert "test’s tokens cost $2.00, already subtracted. It returned +1.60" in words
    assert "made (limit order until cancelled, limit 50)" in words


def job_of(ticks: tuple[Tick, ...]) -> JobResults:
    """An arena of one run, which these ticks are."""
    run = run_result(RUN, ticks, score=scorecard(ticks, seed=0))
    base = arena_job(("buy-and-hold",), MON)
    asked = base.request.model_copy(update={"cash": Decimal("1000.00")})
    return base.model_copy(update={"runs": (run,), "benchmarks": (), "request": asked})
