"""Whole runs: the books balance every day, and what comes later changes nothing before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest

from adapters.wiring import System
from schemas.execution import ExecutionModel, PerShareCommission
from schemas.jobs import SimulationRequest
from schemas.tick import Tick
from tests.orchestrator.eventful import eventful
from tests.orchestrator.markets import CANARY, EXCHANGE, NYSE, Overheard, market, until
from tests.orchestrator.runs import UNIVERSE, lending, run, small_loan, ticks_of, trading
from trading.ledger import verify

END = date(2020, 2, 12)
TRADING = tuple(
    f"baseline:{name}"
    for name in ("buy-and-hold", "equal-weight", "momentum", "min-variance", "rules")
)


def arena(**changes: Any) -> SimulationRequest:
    values = {"start_date": date(2020, 1, 27), "end_date": END, "data": "made", "universe": None}
    return trading(*TRADING, **{**values, **changes})


def loan(**changes: Any) -> SimulationRequest:
    file = small_loan(disbursed_on=date(2020, 1, 27), first_due_on=date(2020, 2, 3))
    values = {"start_date": date(2020, 1, 27), "end_date": END, "data": "made", "universe": None}
    return lending(file=file, **{**values, **changes})


REQUESTS = pytest.mark.parametrize("make", [arena, loan], ids=["trading", "loan"])


@pytest.mark.promise("no-look-ahead")
@REQUESTS
@pytest.mark.parametrize("close_only", [False, True], ids=["opens", "closes"])
def test_ticks_before_a_session_are_the_same_bytes_whatever_prices_follow(
    make: Any, close_only: bool, system: System
) -> None:
    found: list[list[tuple[Tick, ...]]] = []
    request = make()
    if close_only and make is arena:
        request = request.model_copy(update={"models": TRADING[2:3]})
    for exchanged_from in (None, EXCHANGE):
        prices = market(exchanged_from=exchanged_from, close_only=close_only)
        changed = Overheard.on(system, prices)
        found.append(ticks_of(changed, run(changed, request)))
    for one, other in zip(*found, strict=True):
        before, same = until(one, EXCHANGE), until(other, EXCHANGE)
        assert len(before) == 8
        assert [t.model_dump_json() for t in before] == [t.model_dump_json() for t in same]
        assert any(tick.fills for tick in before)
        first, second = one[len(before)], other[len(before)]
        assert first.decisions == second.decisions
        assert [intent(o) for o in first.orders] == [intent(o) for o in second.orders]
        assert first.mark != second.mark or not first.mark.positions


def intent(order: Any) -> tuple[Any, ...]:
    """What was ordered, before anybody knew what became of it."""
    return (order.client_order_id, order.symbol, order.side, order.quantity, order.placed_as_of)


@pytest.mark.promise("no-look-ahead")
@REQUESTS
def test_no_model_is_shown_a_price_or_a_name_or_an_end_that_lies_ahead(
    make: Any, system: System
) -> None:
    end = date(2020, 3, 4)
    listening = Overheard.on(system, market(exchanged_from=EXCHANGE))
    run(listening, make(end_date=end))
    early = [text for session, text in listening.heard if session <= EXCHANGE]
    late = [text for session, text in listening.heard if session > EXCHANGE]
    assert len(early) > 10
    for canary in (CANARY, "FUTR"):
        assert not [text for text in early if canary in text]
    assert [text for text in late if "FUTR" in text], "a name would have been seen"
    if make is arena:
        assert [text for text in late if CANARY in text], "a price would have been seen"
    unfinished = [text for session, text in listening.heard if session < end]
    assert not [text for text in unfinished if end.isoformat() in text]


@pytest.mark.promise("no-look-ahead")
@REQUESTS
def test_a_run_does_not_know_how_long_it_will_last(make: Any, system: System) -> None:
    prices = Overheard.on(system, market())
    long, short = (
        ticks_of(prices, run(prices, make(end_date=end))) for end in (END, date(2020, 2, 7))
    )
    for one, other in zip(long, short, strict=True):
        assert [deed(tick) for tick in one[: len(other)]] == [deed(tick) for tick in other]


def deed(tick: Tick) -> tuple[Any, ...]:
    """What a tick did, without the ids that name the run."""
    said = [(d.agent, d.output and (d.output.action, d.output.rationale)) for d in tick.decisions]
    fills = [(f.symbol, f.side, f.quantity, f.price) for f in tick.fills]
    return (tick.session, tick.events, said, fills, tick.mark, tick.loan)


@pytest.mark.promise("no-look-ahead")
@pytest.mark.usefixtures("looked_once")
@REQUESTS
def test_what_was_done_before_a_session_is_the_same_whatever_facts_become_known_later(
    make: Any, system: System
) -> None:
    """Not to the byte: a request names all members, so the ids of its runs differ."""
    found: list[list[tuple[Tick, ...]]] = []
    end = date(2020, 2, 7)
    for exchanged in (False, True):
        changed = Overheard.on(system, eventful(exchanged=exchanged))
        found.append(ticks_of(changed, run(changed, make(universe_name="best", end_date=end))))
        early = [text for session, text in changed.heard if session <= EXCHANGE]
        assert len(early) > 10
        assert not [text for text in early if CANARY in text or "FUTR" in text]
    for one, other in zip(*found, strict=True):
        before, same = until(one, EXCHANGE), until(other, EXCHANGE)
        assert len(before) == 8
        assert [deed(tick) for tick in before] == [deed(tick) for tick in same]
        assert any(tick.fills for tick in before)
    booked = {each.kind for tick in found[0][0] for each in tick.transactions}
    assert make is loan or {"split", "dividend"} <= booked


def cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN)


def micro(value: Decimal, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    return value.quantize(Decimal("0.000001"), rounding=rounding)


def closes(system: System, symbols: Sequence[str], days: Sequence[date]) -> list[list[Decimal]]:
    """Return the exact closes of some sessions, one list a symbol."""
    view = system.catalog.open("bundled").view(NYSE.opens_at(date(2022, 12, 28)))
    bars = [view.bars(symbol, start=days[0], end=days[-1]) for symbol in symbols]
    assert all(each.sessions.tolist() == list(days) for each in bars)
    return [[Decimal(repr(price)) for price in each.close.tolist()] for each in bars]


def held_equity(
    before: list[Decimal], days: list[list[Decimal]], execution: ExecutionModel
) -> list[Decimal]:
    """Return what equal parts of 100 000, bought at the first close, are worth at each close.

    99.5 % is to be invested, sized at the close before; all parts are cut so that the purchase
    would still be paid for if prices rose by 1.5 %. Spread and slippage of 4 bps move the price.
    """
    cash, bps = Decimal(100_000), Decimal("0.0001")
    base, left = divmod(995_000, len(days))
    weights = [Decimal(base + (i < left)) / 1_000_000 for i in range(len(days))]

    def paid(units: Decimal, close: Decimal) -> Decimal:
        value = units * micro(close * (1 + 4 * bps))
        fee = execution.commission
        per_share = fee.per_share if fee.kind == "per_share" else None
        return cents(value) + cents(value * bps if per_share is None else units * per_share)

    wanted = [micro(w * cash / p, ROUND_DOWN) for w, p in zip(weights, before, strict=True)]
    needed = sum(map(paid, wanted, before)) * Decimal("1.015")
    part = min(cash / needed, Decimal(1))
    units = [micro(each * part, ROUND_DOWN) for each in wanted]
    cash -= sum(paid(each, prices[0]) for each, prices in zip(units, days, strict=True))
    return [
        cash + sum(cents(each * prices[t]) for each, prices in zip(units, days, strict=True))
        for t in range(len(days[0]))
    ]


@pytest.mark.promise("ledger-balances")
@pytest.mark.parametrize(
    ("universe", "per_share"),
    [(UNIVERSE, None), (("AAPL", "AMD", "BAC", "CVX", "GE", "HD", "JNJ"), "0.005")],
)
def test_buy_and_hold_equals_an_independent_computation_to_the_cent_every_day(
    universe: tuple[str, ...], per_share: str | None, system: System
) -> None:
    execution = ExecutionModel()
    if per_share is not None:
        fee = PerShareCommission(per_share=Decimal(per_share))
        execution = ExecutionModel(commission=fee)
    request = trading(
        "baseline:buy-and-hold", universe=universe, execution=execution, end_date=date(2020, 4, 30)
    )
    (ticks,) = ticks_of(system, run(system, request))
    days = [tick.session for tick in ticks]
    before = [row[0] for row in closes(system, universe, [NYSE.previous(days[0])])]
    held = closes(system, universe, days)
    assert len(ticks) == 65
    assert [tick.mark.equity for tick in ticks] == held_equity(before, held, execution)


@pytest.fixture(scope="module")
def serviced(system: System) -> tuple[Tick, ...]:
    """A loan from its payment to its last instalment."""
    file = small_loan(first_due_on=date(2020, 1, 30))
    (ticks,) = ticks_of(system, run(system, lending(file=file, end_date=date(2020, 4, 30))))
    return ticks


@pytest.mark.promise("ledger-balances")
def test_every_posting_of_a_loan_sums_to_zero_and_the_chain_verifies(
    serviced: tuple[Tick, ...],
) -> None:
    transactions = [each for tick in serviced for each in tick.transactions]
    assert {each.kind for each in transactions} == {"disbursement", "trade", "instalment"}
    for each in transactions:
        assert sum(entry.amount for entry in each.entries) == 0
    assert verify(transactions).fault is None
    assert serviced[-1].ledger_hash == transactions[-1].entries[-1].hash


@pytest.mark.promise("ledger-balances")
def test_cash_and_positions_are_the_equity_on_every_day_of_a_loan(
    serviced: tuple[Tick, ...], system: System
) -> None:
    prices = closes(system, UNIVERSE, [tick.session for tick in serviced])
    cash, units = Decimal(0), dict.fromkeys(UNIVERSE, Decimal(0))
    for t, tick in enumerate(serviced):
        entries = [entry for each in tick.transactions for entry in each.entries]
        cash += sum(entry.amount for entry in entries if entry.account == "assets:cash")
        for fill in tick.fills:
            units[fill.symbol] += fill.quantity if fill.side == "buy" else -fill.quantity
        value = sum(cents(units[s] * prices[i][t]) for i, s in enumerate(UNIVERSE))
        assert (tick.mark.cash, tick.mark.market_value) == (cash, value)
        assert tick.mark.equity == cash + value
        assert cash >= 0


@pytest.mark.promise("ledger-balances")
def test_the_books_of_a_loan_close_when_it_is_paid_off(serviced: tuple[Tick, ...]) -> None:
    books: defaultdict[str, Decimal] = defaultdict(Decimal)
    for tick in serviced:
        for each in tick.transactions:
            for entry in each.entries:
                books[entry.account] += entry.amount
        assert tick.loan is not None
        assert books["loan:principal"] == tick.loan.balance
    last = serviced[-1].loan
    assert last is not None
    assert (last.status, last.balance, last.arrears) == ("paid_off", 0, 0)
    assert books["loan:principal"] == books["borrower:owes"] == 0
    assert books["lender:collected"] == last.paid_by_fund + last.paid_by_borrower
    assert books["lender:collected"] + books["lender:funding"] == books["borrower:interest_paid"]
    paid = [tick.loan.payment for tick in serviced if tick.loan and tick.loan.payment]
    assert [each.number for each in paid] == [1, 2, 3]
    assert sum(each.principal for each in paid) == 1500


def test_a_due_date_that_is_no_session_is_serviced_on_the_next_one(
    serviced: tuple[Tick, ...],
) -> None:
    due = {
        tick.loan.payment.due_on: tick.session
        for tick in serviced
        if tick.loan and tick.loan.payment
    }
    assert due == {
        date(2020, 1, 30): date(2020, 1, 30),
        date(2020, 2, 29): date(2020, 3, 2),
        date(2020, 3, 30): date(2020, 3, 30),
    }
