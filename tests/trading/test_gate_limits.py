"""Every limit lets pass what is just inside of it, and denies by name and amount what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from quant.tail_risk import Method, tail_loss
from schemas.base import plain
from schemas.risk import CorrelationLimit, Halt, RiskLimits, TailLimit
from tests.trading.gate_books import (
    NOON,
    PRICES,
    SESSION,
    opened,
    past,
    refused,
    wish,
    working,
)
from trading.breakers.marks import Mark
from trading.gate import (
    Book,
    EquityFold,
    EquityHistory,
    Moment,
    RiskHistory,
    SessionRisk,
    check,
    equity_history,
    examine,
)
from trading.orders import OrderIntent

pytestmark = pytest.mark.promise("risk-limits")

SECTORS = {"AAA": "Energy", "BBB": "Energy", "CCC": "Health"}
MARGIN = {"allow_leverage": True, "max_gross_share": Decimal(3)}
SHORT = {"allow_short": True, "max_gross_share": Decimal(3)}


def limits(**values: object) -> RiskLimits:
    return RiskLimits.model_validate(values)


# Equity is 1000 of cash and 20 AAA at 10: 1200. What passes, what does not, by how much.
@pytest.mark.parametrize(
    ("name", "asked", "inside", "outside", "excess"),
    [
        (
            "max_position_share",
            {"max_position_share": "0.5"},
            wish("buy", "40"),
            wish("buy", "40.01"),
            "0.10",
        ),
        (
            "max_positions",
            {"max_positions": 1},
            wish("buy", "1"),
            wish("buy", "1", "BBB"),
            "1",
        ),
        (
            "max_sector_share",
            {"max_sector_share": "0.5", "sectors": SECTORS},
            wish("buy", "8", "BBB"),
            wish("buy", "9", "BBB"),
            "50.00",
        ),
        (
            "max_gross_share",
            {"max_gross_share": "0.5"},
            wish("buy", "20", "CCC"),
            wish("buy", "20.5", "CCC"),
            "10.00",
        ),
        (
            "max_net_share",
            {"max_net_share": "0.25"},
            wish("buy", "5", "CCC"),
            wish("buy", "6", "CCC"),
            "20.00",
        ),
        (
            "min_cash_share",
            {"min_cash_share": "0.5"},
            wish("buy", "8", "BBB"),
            wish("buy", "9", "BBB"),
            "50.00",
        ),
        (
            "max_order_share",
            {"max_order_share": "0.25"},
            wish("buy", "15", "CCC"),
            wish("buy", "15.5", "CCC"),
            "10.00",
        ),
        (
            "max_order_value",
            {"max_order_value": "300.00"},
            wish("buy", "6", "BBB"),
            wish("buy", "6.5", "BBB"),
            "25.00",
        ),
        (
            "max_order_quantity",
            {"max_order_quantity": 7},
            wish("buy", "7", "CCC"),
            wish("buy", "7.5", "CCC"),
            "0.5",
        ),
        (
            "price_collar",
            {"price_collar": "0.1"},
            wish("buy", "1", order_type="limit", limit_price="11"),
            wish("buy", "1", order_type="limit", limit_price="11.5"),
            "0.05",
        ),
        (
            "price_collar",
            {"price_collar": "0.1"},
            wish("sell", "1", order_type="stop", stop_price="9"),
            wish("sell", "1", order_type="stop", stop_price="8"),
            "0.1",
        ),
        (
            "price_collar",
            {"price_collar": "0.1"},
            wish("sell", "1", order_type="trailing_stop", trail_amount="1"),
            wish("sell", "1", order_type="trailing_stop", trail_amount="2"),
            "0.1",
        ),
        (
            "price_collar",
            {"price_collar": "0.1"},
            wish("sell", "1", order_type="trailing_stop", trail_share="0.1"),
            wish("sell", "1", order_type="trailing_stop", trail_share="0.2"),
            "0.1",
        ),
    ],
)
def test_a_limit_holds_to_the_cent(
    name: str, asked: dict[str, object], inside: OrderIntent, outside: OrderIntent, excess: str
) -> None:
    book = opened(limits(**asked), {"AAA": "20"})
    denial = refused(outside, book)
    assert (denial.limit, denial.excess) == (name, Decimal(excess))
    assert check(inside, book) is None


def test_an_order_may_be_no_larger_than_the_session_s_volume_allows() -> None:
    risk = past({"AAA": [0.0] * 30, "BBB": [0.0] * 30}, {"AAA": 200.0})
    asked = limits(max_volume_share="0.05")
    book = opened(asked, {"AAA": "20"}, risk=risk)
    assert check(wish("buy", "10"), book) is None
    denial = refused(wish("buy", "12"), book)
    assert (denial.limit, denial.excess) == ("max_volume_share", Decimal("0.01"))
    # Slices of an order add up, on each side of the market.
    assert refused(wish("buy", "1"), book.with_order(wish("buy", "10"))).excess == Decimal("0.005")
    assert check(wish("sell", "10"), book.with_order(wish("buy", "10"))) is None
    assert refused(wish("sell", "11"), book).limit == "max_volume_share"
    assert "not known" in refused(wish("buy", "1", "BBB"), book).message
    assert "not known" in refused(wish("buy", "1"), opened(asked)).message


def test_orders_are_counted_by_session_and_by_minute() -> None:
    asked = limits(max_orders_per_session=3, max_orders_per_minute=2)
    at = Moment(session=SESSION, now=NOON)
    times = [NOON - timedelta(seconds=s) for s in (90, 59, 60)]
    orders = [
        working("sell", "1", name=str(n), status="denied", placed=placed)
        for n, placed in enumerate(times)
    ]
    book = opened(asked, {"AAA": "20"}, orders[:2], moment=at)
    assert (book.orders, book.recent) == (2, 1)
    assert check(wish("buy", "1"), book) is None
    denial = refused(wish("buy", "1"), opened(asked, {"AAA": "20"}, orders, moment=at))
    assert (denial.limit, denial.excess) == ("max_orders_per_session", Decimal(1))
    quick = opened(asked, {"AAA": "20"}, [orders[1]], moment=at).with_denial()
    denial = refused(wish("sell", "1"), quick)
    assert (denial.limit, denial.excess) == ("max_orders_per_minute", Decimal(1))
    older = working("buy", "1", name="old", session=date(2020, 2, 28), placed=times[0])
    assert opened(asked, (), [older], moment=at).orders == 0


def test_a_stale_close_is_no_price_to_trade_on() -> None:
    asked = limits(max_price_age_sessions=2)
    for age, passes in ((2, True), (3, False)):
        book = opened(asked, moment=Moment(ages={"AAA": age}))
        if passes:
            assert check(wish("buy", "1"), book) is None
        else:
            denial = refused(wish("buy", "1"), book)
            assert (denial.limit, denial.excess) == ("max_price_age_sessions", Decimal(1))
    assert "not known" in refused(wish("buy", "1"), opened(asked)).message


@pytest.mark.parametrize(("is_open", "says"), [(False, "is closed"), (None, "not known")])
def test_outside_of_market_hours_nothing_passes(is_open: bool | None, says: str) -> None:
    asked = limits(market_hours="session_only")
    book = opened(asked, {"AAA": "20"}, moment=Moment(is_open=is_open))
    for side in ("buy", "sell"):
        denial = refused(wish(side, "1"), book)
        assert denial.limit == "market_hours"
        assert says in denial.message
    assert check(wish("buy", "1"), opened(asked, moment=Moment(is_open=True))) is None


def test_what_is_restricted_may_be_sold_and_never_bought() -> None:
    asked = limits(restricted=["AAA"], **SHORT)
    book = opened(asked, {"AAA": "20"})
    assert refused(wish("buy", "1"), book).limit == "restricted"
    assert check(wish("sell", "20"), book) is None
    assert refused(wish("sell", "21"), book).limit == "restricted"
    assert check(wish("buy", "1", "BBB"), book) is None
    assert check(wish("buy", "20"), opened(asked, {"AAA": "-20"})) is None


def test_a_symbol_that_the_exchange_has_halted_is_traded_neither_way() -> None:
    book = opened(None, {"AAA": "20"}, moment=Moment(suspended=frozenset({"AAA"})))
    for side in ("buy", "sell"):
        assert refused(wish(side, "1"), book).limit == "symbol"
    assert check(wish("buy", "1", "BBB"), book) is None


@pytest.mark.parametrize(
    ("name", "history"),
    [
        ("max_day_loss", EquityHistory(previous=Decimal(1250), peak=Decimal(1200))),
        ("max_drawdown", EquityHistory(previous=Decimal(1200), peak=Decimal(1250))),
    ],
)
def test_beyond_a_loss_only_what_reduces_a_position_passes(
    name: str, history: EquityHistory
) -> None:
    # Equity is 1200: a loss of 4 % of 1250.
    for bound, passes in (("0.04", True), ("0.03", False)):
        book = opened(limits(**{name: bound}), {"AAA": "20"}, moment=Moment(equity=history))
        if passes:
            assert check(wish("buy", "1"), book) is None
            continue
        denial = refused(wish("buy", "1"), book)
        assert (denial.limit, denial.excess) == (name, Decimal("0.01"))
        assert "4.00 %" in denial.message
        verdict = examine(wish("sell", "20"), book)
        assert verdict.denial is None
        assert f"passes what is broken: {name}" in verdict.remark
    blind = opened(limits(**{name: "0.5"}), {"AAA": "20"})
    assert "not known" in refused(wish("buy", "1"), blind).message
    assert check(wish("sell", "1"), blind) is None


def test_what_is_paid_in_or_out_is_no_gain_and_no_loss() -> None:
    def marks(*rows: tuple[str, str, str]) -> EquityHistory:
        return equity_history(
            Mark(SESSION + timedelta(days=n), Decimal(worth), Decimal(into), Decimal(out))
            for n, (worth, into, out) in enumerate(rows)
        )

    # Put in 1000, lost a tenth, put in 900 more, lost a tenth again, taken out half.
    history = marks(("1000", "1000", "0"), ("900", "0", "0"), ("1620", "900", "0"))
    assert history.day_loss(Decimal(1620)) == Decimal("0.1")
    assert history.drawdown(Decimal(1620)) == Decimal("0.19")
    history = marks(("1000", "1000", "0"), ("450", "0", "450"))
    assert history.day_loss(Decimal(450)) == Decimal("0.1")
    assert history.drawdown(Decimal(450)) == Decimal("0.1")
    assert history.drawdown(Decimal(1000)) == 0
    assert equity_history([]).day_loss(Decimal(1)) == 0


def test_what_losses_are_measured_from_is_kept_mark_by_mark() -> None:
    day = date(2026, 1, 5)
    path = [
        ("100", "100", "0"),
        ("90", "0", "0"),
        ("145", "50", "0"),
        ("70", "0", "75"),
        ("0", "0", "70"),
    ]
    marks = [
        Mark(day + timedelta(days=n), Decimal(equity), Decimal(paid_in), Decimal(paid_out))
        for n, (equity, paid_in, paid_out) in enumerate(path)
    ]
    fold = EquityFold()
    for n, mark in enumerate(marks, 1):
        fold = fold.fed(mark)
        assert fold.history == equity_history(marks[:n])
    first = EquityFold().fed(marks[0]).fed(marks[1])
    assert first.history == EquityHistory(Decimal(100), Decimal(100))


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_kill_switch_lets_nothing_pass_and_says_who_pulled_it(side: str) -> None:
    halt = Halt(by="Ada", reason="prices look wrong", since=NOON, source="cli")
    book = opened(None, {"AAA": "20"}, moment=Moment(halt=halt))
    denial = refused(wish(side, "1"), book)
    assert denial.limit == "halted"
    assert "Ada: prices look wrong" in denial.message


# --- credit ------------------------------------------------------------------------------------


def test_leverage_buys_beyond_the_cash_up_to_the_gross_limit() -> None:
    asked = limits(allow_leverage=True, max_gross_share="1.5")
    book = opened(asked, {"AAA": "20"}).with_order(wish("buy", "20", "BBB"))
    assert check(wish("buy", "30", "CCC"), book) is None
    denial = refused(wish("buy", "30.5", "CCC"), book)
    assert (denial.limit, denial.excess) == ("max_gross_share", Decimal("10.00"))


def test_the_margin_is_asked_for_what_is_bought_on_credit() -> None:
    asked = limits(allow_leverage=True, max_gross_share=3, initial_margin_share="0.8")
    book = opened(asked, {"AAA": "20"}).with_order(wish("buy", "20", "BBB"))
    # 0.8 × (1200 + 300) is all of the equity of 1200.
    assert check(wish("buy", "15", "CCC"), book) is None
    denial = refused(wish("buy", "16", "CCC"), book)
    assert (denial.limit, denial.excess) == ("initial_margin_share", Decimal("16.00"))


def test_shorts_are_sold_against_margin_and_their_proceeds_buy_nothing() -> None:
    asked = limits(allow_short=True, max_gross_share=3, max_order_share=3, max_position_share=1)
    book = opened(asked, cash="1000.00")
    assert check(wish("sell", "20", "BBB"), book) is None
    denial = refused(wish("sell", "20.5", "BBB"), book)
    assert (denial.limit, denial.excess) == ("max_position_share", Decimal("25.00"))
    short = book.with_order(wish("sell", "20", "BBB"))
    assert short.cash == 2000
    # Of the 1000 of equity 500 are margin: what the sale brought is no money to spend.
    assert check(wish("buy", "25", "CCC"), short) is None
    assert refused(wish("buy", "26", "CCC"), short).limit == "initial_margin_share"
    assert refused(wish("buy", "51", "CCC"), short).limit == "allow_leverage"


def test_a_short_position_may_be_covered_and_no_more_without_being_an_addition() -> None:
    asked = limits(allow_short=True, max_gross_share=3, max_position_share="0.1")
    book = opened(asked, {"AAA": "-50"}, cash="1500.00")  # equity 1000, short 500
    assert refused(wish("sell", "1"), book).limit == "max_position_share"
    verdict = examine(wish("buy", "20"), book)
    assert verdict.denial is None
    assert "only reduces a position" in verdict.remark
    assert check(wish("buy", "50"), book) is None
    assert check(wish("buy", "60"), book) is None  # 10 long are 0.1 of equity
    assert refused(wish("buy", "61"), book).limit == "max_position_share"


def test_a_limit_that_is_broken_lets_pass_what_makes_it_smaller_only() -> None:
    asked = limits(max_position_share="0.1")
    book = opened(asked, {"AAA": "50"})  # 500 of 1500
    assert refused(wish("buy", "0.01"), book).limit == "max_position_share"
    verdict = examine(wish("sell", "10"), book)
    assert verdict.denial is None
    assert "passes what is broken: max_position_share" in verdict.remark
    assert "broken" not in examine(wish("sell", "40"), book).remark


def test_a_reduction_that_breaks_a_limit_itself_is_denied() -> None:
    # 500 long, 500 short: nothing net. Selling the long side makes it net short.
    asked = limits(allow_short=True, max_gross_share=3, max_net_share="0.2")
    book = opened(asked, {"AAA": "50", "BBB": "-10"})
    assert check(wish("sell", "20"), book) is None
    denial = refused(wish("sell", "21"), book)
    assert (denial.limit, denial.excess) == ("max_net_share", Decimal("10.00"))


def test_without_equity_nothing_is_bought_and_what_is_held_may_go() -> None:
    book = opened(limits(**MARGIN), {"AAA": "20"}, cash="-300.00")
    assert book.equity == -100
    assert refused(wish("buy", "1"), book).limit == "max_order_share"
    assert check(wish("sell", "20"), book) is None


# --- what moves together, and tails --------------------------------------------------------------

DAYS = 300
GENERATOR = np.random.default_rng(11)
COMMON = GENERATOR.normal(0, 0.02, DAYS)
RETURNS = {
    "AAA": COMMON + GENERATOR.normal(0, 0.002, DAYS),
    "BBB": COMMON + GENERATOR.normal(0, 0.002, DAYS),
    "CCC": GENERATOR.normal(0, 0.02, DAYS),
}


def test_names_that_move_together_count_as_one() -> None:
    asked = limits(correlation={"above": "0.7", "max_share": "0.5"})
    book = opened(asked, {"AAA": "20"}, risk=past(RETURNS))  # 200 of 1200
    assert check(wish("buy", "8", "BBB"), book) is None
    denial = refused(wish("buy", "9", "BBB"), book)
    assert (denial.limit, denial.excess) == ("correlation", Decimal("50.00"))
    assert check(wish("buy", "30", "CCC"), book) is None
    assert refused(wish("buy", "31", "CCC"), book).limit == "correlation"


def test_a_hedge_is_not_what_moves_together_and_two_opposite_bets_on_opposites_are() -> None:
    asked = limits(allow_short=True, max_gross_share=3, correlation={"max_share": "0.5"})
    book = opened(asked, {"AAA": "50"}, cash="500.00", risk=past(RETURNS))
    assert check(wish("sell", "10", "BBB"), book) is None
    mirrored = past({**RETURNS, "BBB": -RETURNS["BBB"]})
    book = opened(asked, {"AAA": "50"}, cash="500.00", risk=mirrored)
    assert refused(wish("sell", "10", "BBB"), book).limit == "correlation"
    assert check(wish("buy", "10", "BBB"), book) is None


def test_an_order_may_not_swell_the_cluster_of_another_name() -> None:
    # BBB moves with AAA and with CCC, which do not move with one another.
    one, other = GENERATOR.normal(0, 0.02, (2, DAYS))
    risk = past({"AAA": one, "BBB": one + other, "CCC": other})
    asked = limits(correlation={"above": "0.6", "max_share": "0.5"})
    book = opened(asked, {"AAA": "20", "BBB": "4"}, cash="600.00", risk=risk)  # 200 + 200 of 1000
    assert check(wish("buy", "5", "CCC"), book) is None
    denial = refused(wish("buy", "6", "CCC"), book)
    assert denial.excess == Decimal("20.00")
    assert "BBB with what moves with it" in denial.message


def test_what_is_not_known_to_be_apart_counts_as_together() -> None:
    asked = limits(correlation={"max_share": "0.5"})
    young = {**RETURNS, "BBB": np.where(np.arange(DAYS) < DAYS - 10, np.nan, RETURNS["BBB"])}
    book = opened(asked, {"CCC": "20"}, risk=past(young))  # 400 of 1400
    assert refused(wish("buy", "7", "BBB"), book).limit == "correlation"
    assert "no returns of DDD" in refused(wish("buy", "1", "DDD"), book).message
    assert refused(wish("buy", "1"), opened(asked)).limit == "correlation"
    strange = opened(asked, {"DDD": "5"}, risk=past(RETURNS))  # 500 of 1500
    assert check(wish("buy", "25"), strange) is None
    assert refused(wish("buy", "26"), strange).limit == "correlation"


@pytest.mark.parametrize("method", ["historical", "gaussian", "cornish_fisher"])
@pytest.mark.parametrize("confidence", ["0.95", "0.99"])
@pytest.mark.parametrize("measure", ["max_var", "max_cvar"])
def test_the_portfolio_after_the_order_may_lose_no_more_than_the_limit(
    method: Method, confidence: str, measure: str
) -> None:
    window = 252
    weights = {"AAA": 200 / 1200, "CCC": 500 / 1200}
    outcomes = sum(RETURNS[name][-window:] * weight for name, weight in weights.items())
    loss = tail_loss(outcomes, confidence=float(confidence), method=method)
    value = loss.var if measure == "max_var" else loss.expected_shortfall
    order = wish("buy", "25", "CCC")
    for factor, passes in ((1.001, True), (0.999, False)):
        bound = Decimal(repr(value * factor))
        tail = TailLimit.model_validate(
            {"confidence": confidence, "method": method, measure: bound, "window": window}
        )
        book = opened(limits(tail=[tail]), {"AAA": "20"}, risk=past(RETURNS))
        if passes:
            assert check(order, book) is None
            continue
        denial = refused(order, book)
        assert denial.limit == measure
        assert float(denial.excess or 0) == pytest.approx(value - float(bound), rel=1e-6)


def test_a_tail_that_cannot_be_told_denies_all_but_reductions() -> None:
    tail = limits(tail=[{"max_var": "0.9"}])
    short = {name: values[:59] for name, values in RETURNS.items()}
    for risk, says in ((past(short), "only 59 common sessions"), (None, "no past returns")):
        book = opened(tail, {"AAA": "20"}, risk=risk)
        denial = refused(wish("buy", "1"), book)
        assert denial.limit == "max_var"
        assert says in denial.message
        assert check(wish("sell", "1"), book) is None
    assert (
        "returns of DDD"
        in refused(wish("buy", "1", "DDD"), opened(tail, risk=past(RETURNS))).message
    )
    wild = past({name: values * 1e200 for name, values in RETURNS.items()})
    with np.errstate(over="ignore", invalid="ignore"):
        assert refused(wish("buy", "1"), opened(tail, risk=wild)).limit == "max_var"


def test_where_the_expansion_does_not_hold_the_sentence_says_so() -> None:
    fallen = np.full(DAYS, 0.001)
    fallen[-1] = -0.5
    tail = limits(tail=[{"method": "cornish_fisher", "max_cvar": "0.01"}])
    book = opened(tail, risk=past({"AAA": fallen}))
    denial = refused(wish("buy", "50"), book)
    assert "historical, as the returns lie outside of what" in denial.message


def test_the_past_is_loaded_once_and_only_for_a_limit_that_asks() -> None:
    loads: list[int] = []

    def load() -> RiskHistory:
        loads.append(1)
        matrix = np.column_stack(list(RETURNS.values()))
        return RiskHistory(tuple(RETURNS), matrix, np.full(matrix.shape, 1e6))

    risk = SessionRisk(load)
    assert check(wish("buy", "1"), opened(None, risk=risk)) is None
    assert loads == []
    all_on = limits(
        tail=[{"max_var": "0.5"}],
        correlation=CorrelationLimit(max_share=Decimal(1)),
        max_volume_share="0.1",
    )
    for _ in range(3):
        assert check(wish("buy", "1"), opened(all_on, risk=risk)) is None
    assert loads == [1]


# --- words ---------------------------------------------------------------------------------------


def test_the_nearest_limit_is_told_for_the_order_s_history() -> None:
    asked = limits(max_position_share="0.5", max_order_share="0.5", min_cash_share="0.1")
    verdict = examine(wish("buy", "30"), opened(asked, {"AAA": "20"}))
    assert (verdict.denial, verdict.quantity) == (None, Decimal(30))
    assert verdict.remark == ("nearest limit: max_position_share, 83.33 % of it used (500 of 600)")


def test_no_sentence_tells_prices_or_units_of_an_instrument() -> None:
    # Whoever sees masked prices must not learn the real ones from a denial.
    asked = limits(
        max_order_quantity=7, price_collar="0.1", max_volume_share="0.01", max_order_share=3
    )
    risk = past({"AAA": [0.0] * 30}, {"AAA": 314.0})
    book = opened(asked, {"AAA": "20"}, risk=risk)
    for order in (
        wish("buy", "7.77"),
        wish("buy", "1", order_type="limit", limit_price="12.77"),
        wish("buy", "5.77"),
        wish("sell", "1", order_type="stop", stop_price="12.77"),
    ):
        message = refused(order, book).message
        for number in ("7.77", "12.77", "5.77", plain(PRICES["AAA"]) + " ", "314"):
            assert number not in message, message


def test_checking_twice_is_checking_once() -> None:
    asked = limits(tail=[{"max_var": "0.5"}], correlation={"max_share": 1}, max_positions=3)
    book: Book = opened(asked, {"AAA": "20"}, risk=past(RETURNS))
    before = replace(book)
    first = examine(wish("buy", "3", "CCC"), book)
    assert examine(wish("buy", "3", "CCC"), book) == first
    assert book == before
