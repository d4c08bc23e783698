"""How much of an order is filled: never beyond cash, holding, volume or its limit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import MILLIONTH
from schemas.execution import (
    ExecutionModel,
    LotMethod,
    Participation,
    PerOrderCommission,
    PerShareCommission,
    SquareRootImpact,
    VolumeShareSlippage,
    flat_costs,
)
from schemas.orders import MARKET_DAY, Order, Side, Terms
from schemas.risk import RiskLimits
from tests.trading.execution.bars import DAY, bar, before, order
from tests.trading.samples import FREE
from trading.account import CASH, AccountState, Holding, MarginTerms
from trading.execution.commissions import UNTRADED, Traded
from trading.execution.matching import Meeting
from trading.execution.policies import Policies
from trading.execution.pricing import Offer, Pricer, most_within
from trading.fills import AccountTerms, Desk, Outcome, Power, fill_order, gross_room, terms_of
from trading.lots import Lot

WHOLE = FREE.model_copy(update={"fractional": False})
CASH_ONLY = AccountTerms()
SHORT = AccountTerms(MarginTerms(allow_short=True))


def lots(*units_and_costs: tuple[str, str]) -> Holding:
    return Holding(
        tuple(
            Lot(f"20190102-{n}", DAY.replace(year=2019), Decimal(units), Decimal(cost))
            for n, (units, cost) in enumerate(units_and_costs)
        )
    )


def state(cash: str, *held: tuple[str, str], terms: AccountTerms = CASH_ONLY) -> AccountState:
    holdings = {"AAA": lots(*held)} if held else {}
    return AccountState("USD", {CASH: Decimal(cash)}, holdings, terms.margin)


def filled(
    asked: Order,
    account: AccountState,
    *,
    execution: ExecutionModel = FREE,
    price: str = "10",
    volume: str | None = None,
    terms: AccountTerms = CASH_ONLY,
    gross: str | None = None,
    traded: Traded = UNTRADED,
) -> Outcome:
    policies = Policies(execution)
    closes = [10.0, 10.5, 10.1, 10.4]
    past = before(closes, volumes=[1000.0] * 4)
    pricer = Pricer(policies, bar(f"{price} 12 8 11", volume), past)
    power = Power(account, terms, None if gross is None else Decimal(gross))
    meeting = Meeting(Decimal(price), "open", asked.terms.limit_price)
    desk = Desk(DAY, policies, pricer)
    return fill_order(asked, meeting, desk=desk, power=power, before=traded)


def test_a_covered_order_fills_whole_with_its_costs() -> None:
    paid = flat_costs(commission="20", half_spread="20", slippage="30")
    found = filled(order("buy", "100"), state("2000"), execution=paid)
    fill = found.fill
    assert fill is not None
    assert (found.cut, found.reason) == (None, None)
    assert (fill.reference_price, fill.price) == (Decimal(10), Decimal("10.05"))
    # 100 × 10.05 × 20 bps is 2.01.
    assert (fill.amount, fill.commission) == (Decimal("1005.00"), Decimal("2.01"))
    assert (fill.spread_cost, fill.slippage_cost) == (Decimal("2.00"), Decimal("3.00"))
    assert (fill.convention, fill.realised_gain) == ("open", None)


def test_a_buy_beyond_cash_is_cut_to_what_cash_buys_and_says_so() -> None:
    found = filled(order("buy", "100"), state("333.33"))
    assert found.fill is not None
    assert found.fill.amount == Decimal("333.33")
    assert found.cut == "account"
    told = "cut from 100 to 33.333499: 333.33 USD of cash at 10 plus costs"
    assert found.reason == told


def test_whole_units_are_cut_to_whole_units() -> None:
    found = filled(order("buy", "100"), state("333.33"), execution=WHOLE)
    assert found.fill is not None
    assert (found.fill.quantity, found.cut) == (Decimal(33), "account")
    found = filled(order("buy", "2.5"), state("333.33"), execution=WHOLE)
    assert found.fill is not None
    assert found.fill.quantity == 2
    assert found.reason == "cut from 2.50 to 2: whole units only"


@pytest.mark.parametrize("cash", ["0", "0.001"])
def test_a_buy_without_cash_is_not_filled(cash: str) -> None:
    found = filled(order("buy", "1"), state(cash))
    assert (found.fill, found.cut) == (None, "account")
    assert found.reason


def test_nothing_is_bought_for_less_than_a_cent() -> None:
    found = filled(order("buy", "0.0004"), state("100"))
    assert found.fill is None
    assert found.reason == "what can be bought is worth less than a cent"


@pytest.mark.parametrize(
    ("method", "cost"),
    # 4 units of lots at 5, 15 and 7.50 each; of the dearest lot there are 2.
    [("fifo", "20.00"), ("lifo", "30.00"), ("highest_cost", "45.00"), ("specific", "20.00")],
)
def test_a_gain_is_against_the_lots_that_the_method_picks(method: LotMethod, cost: str) -> None:
    execution = FREE.model_copy(
        update={"commission": PerShareCommission(per_share=Decimal("0.10")), "lots": method}
    )
    held = state("0", ("4", "20.00"), ("2", "30.00"), ("4", "30.00"))
    found = filled(order("sell", "4"), held, execution=execution)
    assert found.fill is not None
    assert found.fill.realised_gain == Decimal("40.00") - Decimal("0.40") - Decimal(cost)


def test_a_lot_that_is_named_goes_first_and_one_that_is_not_there_refuses_the_order() -> None:
    held = state("0", ("4", "30.00"), ("4", "50.00"))
    found = filled(order("sell", "4", Terms(lots=("20190102-1",))), held)
    assert found.fill is not None
    assert found.fill.realised_gain == Decimal("-10.00")
    found = filled(order("sell", "4", Terms(lots=("20190102-7",))), held)
    assert (found.fill, found.cut) == (None, "account")
    assert "no lot '20190102-7'" in str(found.reason)


def test_a_sale_beyond_the_holding_is_cut_to_it() -> None:
    found = filled(order("sell", "9"), state("0", ("4", "30.00")))
    assert found.fill is not None
    assert (found.fill.quantity, found.cut) == (Decimal(4), "account")
    assert found.reason == "cut from 9 to 4: 4 held"
    assert filled(order("sell", "1"), state("5")).fill is None


def test_a_fraction_left_by_a_split_can_be_sold_where_only_whole_units_trade() -> None:
    held = state("0", ("4.5", "30.00"))
    found = filled(order("sell", "4.5"), held, execution=WHOLE)
    assert found.fill is not None
    assert found.fill.quantity == Decimal("4.5")
    found = filled(order("sell", "2.5"), held, execution=WHOLE)
    assert found.fill is not None
    assert found.fill.quantity == 2


def test_a_sale_whose_costs_nobody_can_pay_is_refused_not_owed() -> None:
    execution = FREE.model_copy(update={"commission": PerOrderCommission(fee=Decimal(50))})
    found = filled(order("sell", "1"), state("9.99", ("1", "10.00")), execution=execution)
    assert found.fill is None
    assert "exceed its proceeds" in str(found.reason)


def test_costs_never_push_a_price_through_its_limit_and_are_told_apart_as_far_as_paid() -> None:
    costly = flat_costs(commission="0", half_spread="30", slippage="40")
    near = order("buy", "100", Terms(order_type="limit", limit_price=Decimal("10.05")))
    fill = filled(near, state("2000"), execution=costly).fill
    assert fill is not None
    assert fill.price == Decimal("10.05")  # not 10.07
    assert (fill.spread_cost, fill.slippage_cost) == (Decimal("3.00"), Decimal("2.00"))
    at_limit = order("buy", "100", Terms(order_type="limit", limit_price=Decimal(10)))
    fill = filled(at_limit, state("2000"), execution=costly).fill
    assert fill is not None
    assert (fill.price, fill.spread_cost, fill.slippage_cost) == (Decimal(10), 0, 0)
    sale = order("sell", "100", Terms(order_type="limit", limit_price=Decimal("9.98")))
    fill = filled(sale, state("0", ("100", "1.00")), execution=costly).fill
    assert fill is not None
    assert (fill.price, fill.spread_cost) == (Decimal("9.98"), Decimal("2.00"))


def test_what_the_volume_does_not_hold_waits() -> None:
    capped = FREE.model_copy(update={"participation": Participation(max_share=Decimal("0.1"))})
    found = filled(order("buy", "100"), state("2000"), execution=capped, volume="400")
    assert found.fill is not None
    assert (found.fill.quantity, found.cut) == (Decimal(40), "volume")
    assert found.reason == "only 40 of 100 units fit the session's volume"
    for volume in (None, "0"):
        found = filled(order("buy", "100"), state("2000"), execution=capped, volume=volume)
        assert (found.fill, found.cut) == (None, "volume")
        assert found.reason
    # The cash is the narrower gate: then it is that which cut.
    found = filled(order("buy", "100"), state("100"), execution=capped, volume="400")
    assert found.cut == "account"


def test_fill_or_kill_needs_the_whole_quantity_of_volume_and_cash() -> None:
    asked = order("buy", "100", Terms(time_in_force="fok"))
    capped = FREE.model_copy(update={"participation": Participation(max_share=Decimal("0.1"))})
    assert filled(asked, state("999.99")).fill is None
    assert filled(asked, state("1000")).fill is not None
    assert filled(asked, state("1000"), execution=capped, volume="999").fill is None
    assert filled(asked, state("1000"), execution=capped, volume="1000").fill is not None


def test_money_buys_its_units_at_the_fill_price() -> None:
    paid = flat_costs(commission="0", half_spread="100", slippage="0")
    asked = order("buy", "99", Terms(notional=Decimal("505.00")))
    found = filled(asked, state("2000"), execution=paid)
    assert found.fill is not None
    assert (found.fill.quantity, found.cut) == (Decimal(50), None)
    rest = Traded(Decimal(30), Decimal("303.00"), Decimal(), 1)
    found = filled(asked, state("2000"), execution=paid, traded=rest)
    assert found.fill is not None
    assert (found.fill.quantity, found.fill.fill_id) == (Decimal(20), "a0-1")
    small = order("buy", "1", Terms(notional=Decimal("5.00")))
    found = filled(small, state("2000"), execution=WHOLE)
    assert (found.fill, found.reason) == (None, "the money does not buy a unit")


@pytest.mark.parametrize("y", ["1", "10", "100"])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_money_is_never_exceeded_however_the_order_moves_the_price(side: Side, y: str) -> None:
    moved = FREE.model_copy(update={"impact": SquareRootImpact(y=Decimal(y))})
    asked = order(side, "500", Terms(notional=Decimal("5000.00")))
    account = state("1000000", ("100000", "1000.00"))
    fill = filled(asked, account, execution=moved, volume="1000").fill
    assert fill is not None
    assert fill.amount <= Decimal("5000.00")
    assert fill.quantity <= 1000  # twice what the money is worth at the market's price


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("terms", [CASH_ONLY, SHORT])
def test_a_lot_that_is_not_there_fills_nothing_and_says_so(side: Side, terms: AccountTerms) -> None:
    asked = order(side, "5", Terms(lots=("20190102-7",)))
    found = filled(asked, state("1000", terms=terms), terms=terms)
    assert found.fill is None
    assert found.reason is not None


def test_impact_is_paid_by_price_and_named() -> None:
    moved = FREE.model_copy(update={"impact": SquareRootImpact()})
    fill = filled(order("buy", "10"), state("2000"), execution=moved, volume="5").fill
    assert fill is not None
    assert fill.price > fill.reference_price
    assert fill.impact_cost == fill.amount - Decimal("100.00")


def test_short_sales_need_leave_and_stay_within_the_gross_limit() -> None:
    account = state("1000", terms=SHORT)
    assert filled(order("sell", "30"), account).fill is None
    found = filled(order("sell", "30"), account, terms=SHORT, gross="1000")
    assert found.fill is not None
    assert found.fill.quantity == 30
    found = filled(order("sell", "300"), account, terms=SHORT, gross="1000")
    assert found.fill is not None
    assert (found.fill.quantity, found.cut) == (Decimal(100), "account")
    assert "positions are worth 1 times the equity at most" in str(found.reason)


def test_what_reduces_a_position_passes_whatever_the_gross_value() -> None:
    held = state("0", ("50", "500.00"), terms=SHORT)
    found = filled(order("sell", "50"), held, terms=SHORT, gross="-400")
    assert found.fill is not None
    assert found.fill.quantity == 50
    # Selling 50 frees 500; with 400 too much already 10 may be sold short.
    found = filled(order("sell", "90"), held, terms=SHORT, gross="-400")
    assert found.fill is not None
    assert found.fill.quantity == 60


def test_a_short_position_bought_back_realises_what_it_gained() -> None:
    short = AccountState(
        "USD",
        {CASH: Decimal(1500)},
        {"AAA": lots(("-50", "-600.00"))},
        SHORT.margin,
    )
    found = filled(order("buy", "50"), short, terms=SHORT, gross="0")
    assert found.fill is not None
    assert found.fill.realised_gain == Decimal("100.00")


def test_gross_room_is_the_multiple_of_equity_less_long_and_short_value() -> None:
    account = AccountState(
        "USD",
        {CASH: Decimal(400)},
        {"AAA": lots(("10", "1.00")), "BBB": lots(("-4", "-1.00"))},
        SHORT.margin,
    )
    prices = {"AAA": Decimal(100), "BBB": Decimal(50)}
    # Equity 400 + 1000 − 200 = 1200; gross 1200.
    twice = AccountTerms(SHORT.margin, Decimal(2))
    assert gross_room(account, twice, prices) == 1200
    limits = RiskLimits(allow_short=True, max_gross_share=Decimal(2))
    assert terms_of(limits) == twice
    assert terms_of(None) == CASH_ONLY


EXECUTIONS = st.builds(
    ExecutionModel,
    commission=st.sampled_from(
        [
            PerShareCommission(per_share=Decimal("0.005"), minimum=Decimal(1)),
            PerOrderCommission(fee=Decimal("3.50")),
            flat_costs().commission,
        ]
    ),
    slippage=st.sampled_from([flat_costs().slippage, VolumeShareSlippage()]),
    impact=st.sampled_from([FREE.impact, SquareRootImpact()]),
    participation=st.none() | st.just(Participation()),
    fractional=st.booleans(),
)


@given(
    execution=EXECUTIONS,
    side=st.sampled_from(["buy", "sell"]),
    quantity=st.decimals("0.000001", "5000", places=6),
    cash=st.decimals("0", "20000", places=2),
    held=st.decimals("0.000001", "3000", places=6),
    limit=st.none() | st.decimals("9", "11", places=2),
)
def test_a_fill_is_within_quantity_cash_holding_volume_and_limit(
    execution: ExecutionModel,
    side: Side,
    quantity: Decimal,
    cash: Decimal,
    held: Decimal,
    limit: Decimal | None,
) -> None:
    good = limit is not None and (limit >= 10 if side == "buy" else limit <= 10)
    asked = MARKET_DAY if not good else Terms(order_type="limit", limit_price=limit)
    account = state(str(cash), (str(held), "100.00"))
    found = filled(order(side, str(quantity), asked), account, execution=execution, volume="10000")
    fill = found.fill
    if fill is None:
        assert found.reason
        return
    sign = 1 if side == "buy" else -1
    assert 0 < fill.quantity <= quantity
    assert (fill.quantity == quantity) == (found.cut is None)
    assert cash - sign * fill.amount - fill.commission >= 0
    assert side == "buy" or fill.quantity <= held
    assert execution.participation is None or fill.quantity <= 1000
    assert execution.slippage.kind == "bps" or fill.quantity <= 250
    if good and limit is not None:
        assert (fill.price - limit) * sign <= 0
    told = fill.spread_cost + fill.slippage_cost + fill.impact_cost
    lost = (fill.price - fill.reference_price) * fill.quantity * sign
    assert abs(told - lost) <= Decimal("0.02") + fill.quantity * MILLIONTH


@given(
    execution=EXECUTIONS,
    cash=st.decimals("0", "20000", places=2),
)
def test_a_cut_buy_takes_all_that_cash_covers(execution: ExecutionModel, cash: Decimal) -> None:
    uncapped = execution.model_copy(
        update={"participation": None, "slippage": flat_costs().slippage}
    )
    found = filled(order("buy", "999999"), state(str(cash)), execution=uncapped, volume="10000")
    if found.fill is None:
        return
    policies = Policies(uncapped)
    past = before([10.0, 10.5, 10.1, 10.4], volumes=[1000.0] * 4)
    pricer = Pricer(policies, bar("10 12 8 11", "10000"), past)
    more = found.fill.quantity + policies.step
    assert pricer.price(Offer("buy", Decimal(10)), more).charge.outlay > cash


@given(
    slope=st.integers(1, 10**6),
    fixed=st.integers(0, 10**6),
    bend=st.integers(0, 1000),
    most=st.integers(0, 10**9),
    money=st.integers(0, 10**12),
)
def test_the_largest_count_within_the_money_is_found(
    slope: int, fixed: int, bend: int, most: int, money: int
) -> None:
    def cost(count: int) -> Decimal:
        return Decimal(fixed + slope * count + bend * count * count // 1000 if count else 0)

    found = most_within(cost, most, Decimal(money))
    assert 0 <= found <= most
    assert cost(found) <= money
    assert found == most or cost(found + 1) > money
