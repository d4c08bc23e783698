"""What comes first of a session: its open, its course, its close; and buys that need sells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest

from schemas.execution import CloseFills, ExecutionModel, Participation, VwapFills
from schemas.orders import Order, Side, Terms
from tests.adapters.bar_markets import FLAT, bar_market
from tests.adapters.order_runs import CARRIED, killed, now, step, terms
from tests.trading.samples import FREE, Run

NEEDS = "it was within the limits only with the sells before it, and AAA's did not fill"
WAITS = "it waits for the sells before it, and AAA's has not filled"


def pair(
    aaa: Sequence[str],
    bbb: Sequence[str] = (),
    *,
    execution: ExecutionModel = FREE,
    cash: str = "1000.00",
) -> Run:
    """Return a run that has spent its cash on AAA at 100, begun on the first of the bars."""
    rest = tuple(bbb) or (FLAT,) * len(aaa)
    run = Run(bar_market({"AAA": (FLAT, FLAT, *aaa), "BBB": (FLAT, FLAT, *rest)}), execution)
    run.begin()
    run.deposit(cash)
    run.submit("AAA", "buy", "10")
    step(run)
    return run


def fills(run: Run) -> list[tuple[str, str, str, str]]:
    """Return (symbol, units signed, price, convention) of the last session's fills, in turn."""
    return [
        (
            fill.symbol,
            f"{'' if fill.side == 'buy' else '-'}{fill.quantity.normalize():f}",
            f"{fill.price.normalize():f}",
            fill.convention,
        )
        for fill in run.ticks[-1].fills
    ]


# --- phases ---


@pytest.mark.promise("no-look-ahead")
def test_a_sale_at_the_close_pays_for_no_buy_at_the_open() -> None:
    run = pair([FLAT])
    run.submit("AAA", "sell", "10", terms(force="at_close"))
    bought = run.submit("BBB", "buy", "10")
    run.end()
    assert fills(run) == [("AAA", "-10", "100", "close")]
    after = now(run, bought)
    assert (after.status, after.status_reason) == (
        "rejected",
        "cut from 10 to 0: 0 USD of cash at 100 plus costs",
    )


@pytest.mark.promise("no-look-ahead")
@pytest.mark.parametrize(
    ("sale", "buy", "paid"),
    [
        (terms(), terms(), True),
        (terms(), terms(force="at_close"), True),
        (terms("limit", limit_price="105"), terms(), False),
        (terms("limit", limit_price="105"), terms("limit", limit_price="95"), True),
        (terms("limit", limit_price="105"), terms(force="at_close"), True),
        (terms("stop", stop_price="95"), terms(force="at_open"), False),
        (terms(force="at_close"), terms("limit", limit_price="95"), False),
        (terms(force="at_close"), terms(force="at_close"), True),
    ],
)
def test_money_of_a_sale_pays_for_what_comes_no_earlier_in_the_day(
    sale: Terms, buy: Terms, *, paid: bool
) -> None:
    run = pair(["100 110 90 100"], ["100 110 90 100"])
    run.submit("AAA", "sell", "10", sale)
    run.submit("BBB", "buy", "1", buy)
    run.end()
    assert [fill[0] for fill in fills(run)] == (["AAA", "BBB"] if paid else ["AAA"])


def test_what_is_bought_at_the_open_can_be_sold_at_the_close() -> None:
    run = pair([FLAT], ["50 60 50 60"], cash="2000.00")
    run.submit("BBB", "sell", "20", terms(force="at_close"))
    run.submit("BBB", "buy", "20")
    run.end()
    assert fills(run) == [("BBB", "20", "50", "open"), ("BBB", "-20", "60", "close")]


def test_the_open_takes_its_share_of_the_volume_before_the_close() -> None:
    capped = FREE.model_copy(
        update={"fills": CloseFills(), "participation": Participation(max_share=Decimal("0.1"))}
    )
    run = pair(["100 100 100 100 80"], execution=capped, cash="9000.00")
    late = run.submit("AAA", "sell", "5")
    early = run.submit("AAA", "buy", "6", terms(force="at_open"))
    run.end()
    assert fills(run) == [("AAA", "6", "100", "open"), ("AAA", "-2", "100", "close")]
    assert [now(run, each).status for each in (late, early)] == ["expired", "filled"]


def test_an_exit_at_the_open_follows_its_entry_and_comes_before_the_course_of_the_day() -> None:
    run = pair([FLAT], ["100 110 100 110"], cash="2000.00")
    entry = run.submit("BBB", "buy", "10")
    other = run.submit("AAA", "buy", "1", terms(force="at_open"))
    run.submit(
        *("BBB", "sell", "10"), terms("limit", limit_price="90", parent_id=entry.client_order_id)
    )
    run.submit("BBB", "buy", "3", terms("stop", stop_price="105"))
    run.end()
    # The entry takes all the cash; its exit at the open gives it back for what the day brings.
    assert fills(run) == [
        ("BBB", "10", "100", "open"),
        ("BBB", "-10", "100", "open"),
        ("BBB", "3", "105", "stop"),
    ]
    assert now(run, other).status == "rejected"  # of the open, but placed before the exit woke


def test_of_a_group_the_course_of_the_day_comes_before_the_close_and_nothing_is_unclear() -> None:
    run = pair(["100 100 94 120"])
    stop = run.submit("AAA", "sell", "10", terms("stop", stop_price="95", oco_group="out"))
    last = run.submit("AAA", "sell", "10", terms(force="at_close", oco_group="out"))
    run.end()
    assert fills(run) == [("AAA", "-10", "95", "stop")]
    assert now(run, last).status_reason == f"{stop.client_order_id} of its group has filled"


# --- buys that need the sells before them ---


def needing(run: Run, *, force: str = "day") -> Order:
    return run.submit("BBB", "buy", "1", terms(force=force, after_sells=True))


def test_a_buy_fills_once_the_sells_before_it_have_filled_whole() -> None:
    run = pair([FLAT], cash="5000.00")
    run.submit("AAA", "sell", "10")
    bought = needing(run)
    never = run.submit("AAA", "sell", "5", terms("limit", limit_price="900"))
    run.end()
    assert [fill[0] for fill in fills(run)] == ["AAA", "BBB"]
    assert now(run, bought).status == "filled"
    assert now(run, never).status == "expired"  # it was placed after the buy


@pytest.mark.parametrize(
    ("bars", "sale"),
    [
        (FLAT, terms("limit", limit_price="120")),  # not reached
        (FLAT, terms(force="at_close")),  # later in the day
        ("", terms()),  # no price
        ("100 100 100 100 40", terms()),  # four of ten fit the volume, the rest is carried over
        (FLAT, terms(force="fok", notional="5000")),  # more than is held
    ],
)
def test_a_buy_is_cancelled_when_a_sell_before_it_has_not_filled(bars: str, sale: Terms) -> None:
    run = pair([bars, FLAT], execution=CARRIED, cash="5000.00")
    run.submit("AAA", "sell", "10", sale)
    bought = needing(run)
    step(run)
    after = now(run, bought)
    assert (after.status, after.status_reason) == ("cancelled", NEEDS)
    assert (after.history[-1].cause, after.filled_quantity) == ("venue", 0)
    assert now(killed(run), bought) == after


def test_a_sell_that_fills_less_than_it_asked_does_not_count() -> None:
    run = pair([FLAT], cash="5000.00")
    run.submit("AAA", "sell", "12")
    bought = needing(run)
    run.end()
    assert fills(run) == [("AAA", "-10", "100", "open")]
    assert now(run, bought).status_reason == NEEDS


def test_an_older_sell_that_rests_counts_and_what_merely_protects_does_not() -> None:
    run = pair([FLAT, FLAT, FLAT], cash="5000.00")
    run.submit("AAA", "sell", "1", terms("stop", "gtc", stop_price="50"))
    run.submit("AAA", "sell", "1", terms("limit", "gtc", limit_price="300", oco_group="exit"))
    assert needing(run).status == "accepted"
    run.end()
    assert fills(run) == [("BBB", "1", "100", "open")]
    run.begin()
    run.submit("AAA", "sell", "1", terms("limit", "gtc", limit_price="300"))
    step(run)
    run = killed(run)
    bought = needing(run)
    run.end()
    assert now(run, bought).status_reason == NEEDS


def test_a_resting_buy_waits_for_its_sells_through_sessions_and_crashes() -> None:
    run = pair([FLAT, "100 125 100 125", FLAT], [FLAT] * 3, cash="5000.00")
    run.submit("AAA", "sell", "10", terms("limit", "gtc", limit_price="120"))
    bought = needing(run, force="gtc")
    expected = [("accepted", WAITS), ("accepted", WAITS), ("filled", None)]
    for state in expected:
        step(run)
        run = killed(run)
        after = now(run, bought)
        assert (after.status, after.status_reason) == state
    assert fills(run) == [("BBB", "1", "100", "open")]


@pytest.mark.parametrize("crashes", [False, True])
def test_a_resting_buy_ends_with_the_first_of_its_sells_that_cannot_fill_any_more(
    *, crashes: bool
) -> None:
    run = pair([FLAT] * 3, cash="5000.00")
    sale = run.submit("AAA", "sell", "10", terms("limit", "gtc", limit_price="120"))
    bought = needing(run, force="gtc")
    step(run)
    run = killed(run) if crashes else run
    assert now(run, bought).status_reason == WAITS
    run.exchange.cancel(sale.client_order_id)
    assert (now(run, bought).status, now(run, bought).status_reason) == ("cancelled", NEEDS)
    assert len(step(run).orders) == 2


@pytest.mark.parametrize("agent", ["a", "z"])
def test_of_two_agents_in_a_session_each_waits_for_the_sells_of_the_other(agent: str) -> None:
    run = pair([FLAT], cash="5000.00")
    sale = run.order("AAA", "sell", "1", terms("limit", limit_price="120"))
    run.exchange.submit(sale.model_copy(update={"agent": agent, "sequence": 7}))
    bought = needing(run)
    run.end()
    assert now(run, bought).status_reason == NEEDS


def test_only_the_buy_that_says_so_waits() -> None:
    run = pair([FLAT], cash="5000.00")
    run.submit("AAA", "sell", "10", terms("limit", limit_price="120"))
    free = run.submit("BBB", "buy", "1")
    run.end()
    assert now(run, free).status == "filled"


@pytest.mark.parametrize("execution", [FREE, FREE.model_copy(update={"fills": VwapFills()})])
def test_phases_and_waiting_are_the_same_after_a_crash_to_the_byte(
    execution: ExecutionModel,
) -> None:
    def played(crashes: Mapping[int, bool]) -> list[str]:
        run = pair(["100 110 90 100"] * 4, ["100 110 90 95"] * 4, execution=execution)
        script: list[tuple[Side, str, Terms]] = [
            ("sell", "AAA", terms("limit", "gtc", limit_price="109")),
            ("buy", "BBB", terms("limit", "gtc", limit_price="94", after_sells=True)),
            ("sell", "AAA", terms(force="at_close")),
            ("buy", "BBB", terms(force="gtc", after_sells=True)),
        ]
        for number in range(3):
            for side, symbol, asked in script:
                run.submit(symbol, side, "2", asked)
            step(run)
            run = killed(run) if crashes.get(number) else run
        return [tick.model_dump_json() for tick in run.ticks]

    assert played({}) == played({0: True, 2: True}) == played({1: True})
