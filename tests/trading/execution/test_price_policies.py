"""Spread, slippage and impact are what the papers say, computed here a second time."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.account import AccountMark, PositionMark
from schemas.base import ZERO
from schemas.execution import (
    AlmgrenChrissImpact,
    CorwinSchultzSpread,
    ExecutionModel,
    Financing,
    FixedSpread,
    NoImpact,
    Participation,
    SquareRootImpact,
    VolumeShareSlippage,
)
from tests.trading.execution.bars import DAY, bar, before
from trading.execution.bars import Daily, daily_figures
from trading.execution.financing import Financier
from trading.execution.impacts import impact_of, impact_policy
from trading.execution.latency import Latency
from trading.execution.policies import Policies
from trading.execution.pricing import Offer, Pricer
from trading.execution.slippage import slippage_policy
from trading.execution.spreads import spread_policy


def bps(share: Decimal) -> float:
    return float(share) * 1e4


# --- Almgren, Thum, Hauptmann & Li (2005), the table of examples ---


@pytest.mark.parametrize(
    ("volume", "volatility", "inverse_turnover", "days", "cost_bps"),
    [
        (6_561_000, 0.0157, 263, "0.1", 32),  # IBM, a tenth of a day's volume
        (6_561_000, 0.0157, 263, "0.2", 25),
        (6_561_000, 0.0157, 263, "0.5", 18),
        (1_929_000, 0.0226, 87, "0.1", 43),  # DRI
        (1_929_000, 0.0226, 87, "0.2", 32),
        (1_929_000, 0.0226, 87, "0.5", 23),
    ],
)
def test_impact_is_the_published_table_of_2005(
    volume: int, volatility: float, inverse_turnover: int, days: str, cost_bps: int
) -> None:
    policy = impact_policy(
        AlmgrenChrissImpact(inverse_turnover=Decimal(inverse_turnover), days=Decimal(days))
    )
    found = impact_of(policy, Decimal(volume) / 10, Daily(float(volume), volatility))
    assert round(bps(found)) == cost_bps


@given(
    units=st.integers(1, 10**7),
    volume=st.integers(10**4, 10**9),
    volatility=st.floats(0.001, 0.1),
)
def test_impact_is_the_formula(units: int, volume: int, volatility: float) -> None:
    daily = Daily(float(volume), volatility)
    part = units / volume
    linear = impact_policy(AlmgrenChrissImpact(exponent=Decimal(1), days=Decimal("0.5")))
    expected = volatility * (0.314 * part / 2 + 0.142 * part / 0.5)
    assert float(impact_of(linear, Decimal(units), daily)) == pytest.approx(
        expected, rel=1e-9, abs=1e-9
    )
    root = impact_policy(SquareRootImpact(gamma=Decimal("0.3"), y=Decimal("0.8")))
    expected = volatility * (0.3 * part / 2 + 0.8 * math.sqrt(part))
    assert float(impact_of(root, Decimal(units), daily)) == pytest.approx(
        expected, rel=1e-9, abs=1e-9
    )
    assert impact_of(impact_policy(NoImpact()), Decimal(units), daily) == 0


@given(parts=st.lists(st.integers(1, 10**5), min_size=2, max_size=6))
def test_an_order_in_pieces_pays_the_impact_of_the_whole(parts: list[int]) -> None:
    policy = impact_policy(AlmgrenChrissImpact())
    daily, done, paid = Daily(1e6, 0.02), Decimal(), 0.0
    for units in parts:
        paid += units * float(impact_of(policy, Decimal(units), daily, before=done))
        done += units
    whole = float(done) * float(impact_of(policy, done, daily))
    assert paid == pytest.approx(whole, rel=1e-9, abs=1e-9 * float(done))


def test_daily_figures_are_the_mean_volume_and_the_sample_deviation_of_log_returns() -> None:
    closes = [100.0, 101.0, 99.5, 102.0, 101.0]
    past = before(closes, volumes=[math.nan, 100.0, math.nan, 300.0, 200.0])
    returns = [math.log(b / a) for a, b in pairwise(closes)]
    found = daily_figures(past, 3)
    assert found is not None
    assert found.volume == 250.0
    assert found.volatility == pytest.approx(stdev(returns[-3:]))
    assert daily_figures(before(closes[:2], volumes=[1.0, 1.0]), 3) is None
    assert daily_figures(before(closes), 3) is None
    assert daily_figures(before(closes, volumes=[0.0] * 5), 3) is None


# --- Corwin & Schultz (2012) ---


def estimate(high: tuple[float, float], low: tuple[float, float], close: float) -> float:
    """Compute one estimate by the paper's equations 14 and 18, in scalars."""
    gap = max(low[1] - close, 0.0) or min(high[1] - close, 0.0)
    tops, bottoms = (high[0], high[1] - gap), (low[0], low[1] - gap)
    beta = sum(math.log(h / l) ** 2 for h, l in zip(tops, bottoms, strict=True))  # noqa: E741
    gamma = math.log(max(tops) / min(bottoms)) ** 2
    root = 3 - 2 * math.sqrt(2)
    alpha = (math.sqrt(2 * beta) - math.sqrt(beta)) / root - math.sqrt(gamma / root)
    return max(2 * (math.exp(alpha) - 1) / (1 + math.exp(alpha)), 0.0)


HIGHS = [101.2, 102.0, 100.9, 103.4, 104.1]
LOWS = [99.1, 100.2, 98.7, 101.9, 101.3]
CLOSES = [100.3, 100.6, 100.4, 103.0, 101.8]


def test_the_estimated_spread_is_the_mean_of_the_papers_estimates() -> None:
    terms = CorwinSchultzSpread(sessions=3, floor_half_bps=Decimal(0), cap_half_bps=Decimal(5000))
    expected = fmean(
        estimate((HIGHS[i], HIGHS[i + 1]), (LOWS[i], LOWS[i + 1]), CLOSES[i]) for i in (1, 2, 3)
    )
    half = spread_policy(terms).half(before(CLOSES, highs=HIGHS, lows=LOWS))
    assert expected > 0
    assert float(half) == pytest.approx(expected / 2, abs=5e-7)


def test_the_estimate_keeps_within_floor_and_cap_and_is_the_floor_without_data() -> None:
    past = before(CLOSES, highs=HIGHS, lows=LOWS)
    low = CorwinSchultzSpread(floor_half_bps=Decimal(400), cap_half_bps=Decimal(500))
    assert bps(spread_policy(low).half(past)) == 400
    high = CorwinSchultzSpread(floor_half_bps=Decimal(1), cap_half_bps=Decimal(2))
    assert bps(spread_policy(high).half(past)) == 2
    for nothing in (None, before([1.0]), before(CLOSES, close_only=True)):
        assert bps(spread_policy(high).half(nothing)) == 1
    assert bps(spread_policy(FixedSpread(half_bps=Decimal("2.5"))).half(None)) == 2.5


# --- zipline's volume share: its own test has 3.0001875 for 5 of 200 units at 3.0 ---


def test_volume_share_is_ziplines_figure_and_its_limit() -> None:
    execution = ExecutionModel(
        spread=FixedSpread(half_bps=Decimal(0)),
        slippage=VolumeShareSlippage(),
        fractional=False,
    )
    pricer = Pricer(Policies(execution), bar("3 3 3 3", "200"), None)
    assert pricer.room == 5
    assert pricer.shares("buy", Decimal(5)).total * 3 == Decimal("0.0001875")
    assert pricer.price(Offer("buy", Decimal(3)), Decimal(5)).price == Decimal("3.000188")
    pricer.take("buy", Decimal(5))
    assert pricer.room == 0


@given(units=st.integers(0, 10**6), volume=st.integers(1, 10**7))
def test_volume_share_slippage_is_the_square_of_the_share(units: int, volume: int) -> None:
    policy = slippage_policy(
        VolumeShareSlippage(price_impact=Decimal("0.2"), volume_limit=Decimal("0.1"))
    )
    share = min(units / volume, 0.1)
    found = policy.share(Decimal(units), Decimal(volume))
    assert float(found) == pytest.approx(0.2 * share**2, rel=1e-12, abs=1e-18)
    assert policy.most(Decimal(volume)) == Decimal(volume) / 10


def test_the_smaller_of_two_caps_on_volume_holds_for_all_orders_together() -> None:
    execution = ExecutionModel(
        slippage=VolumeShareSlippage(volume_limit=Decimal("0.05")),
        participation=Participation(max_share=Decimal("0.02")),
    )
    pricer = Pricer(Policies(execution), bar("10 10 10 10", "1000"), None)
    assert pricer.room == 20
    pricer.take("buy", Decimal("12.5"))
    assert pricer.room == Decimal("7.5")
    pricer.take("sell", Decimal("7.5"))
    assert pricer.room == 0


def test_what_is_not_known_is_said() -> None:
    capped = Policies(ExecutionModel(participation=Participation()))
    assert Pricer(capped, bar("10"), None).missing == "its volume in the session is not known"
    moved = Policies(ExecutionModel(impact=SquareRootImpact()))
    found = Pricer(moved, bar("10", "5"), before([10.0, 11.0], volumes=[1.0, 1.0])).missing
    assert found is not None
    assert "too little is known" in found


# --- interest and borrow fees ---


def mark(cash: str, short: str = "0.00", on: date = DAY) -> AccountMark:
    position = PositionMark(
        symbol="AAA",
        quantity=Decimal(-1),
        cost=Decimal("-1.00"),
        price=Decimal(1),
        market_value=-Decimal(short),
    )
    return AccountMark(
        session=on,
        currency="USD",
        cash=Decimal(cash),
        market_value=-Decimal(short),
        equity=Decimal(cash) - Decimal(short),
        positions=(position,) if Decimal(short) else (),
    )


def test_interest_is_simple_by_calendar_days_over_the_day_count() -> None:
    terms = Financing(
        cash_rate_annual=Decimal("0.036"),
        debit_rate_annual=Decimal("0.072"),
        borrow_fee_annual=Decimal("0.012"),
    )
    friday, monday = date(2020, 1, 3), date(2020, 1, 6)
    # Three days over 360: 10 000 × 0.036 × 3 ÷ 360 = 3.00.
    assert Financier(terms).due(mark("10000.00", on=friday), monday) == (Decimal("3.00"), ZERO)
    assert Financier(terms).due(mark("-10000.00", on=friday), monday)[0] == Decimal("-6.00")
    assert Financier(terms).due(mark("0.00", "30000.00", friday), monday)[1] == Decimal("3.00")
    by_365 = terms.model_copy(update={"day_count": 365})
    # 10 000 × 0.036 × 3 ÷ 365 = 2.9589…
    assert Financier(by_365).interest(Decimal("10000.00"), 3) == Decimal("2.96")
    assert Financier(terms).due(None, monday) == (ZERO, ZERO)


# --- latency ---


def test_an_order_under_way_for_a_minute_makes_the_open_and_a_slower_one_the_rest() -> None:
    opened = datetime(2020, 1, 2, 14, 30, tzinfo=UTC)
    closed = opened + timedelta(hours=6.5)

    def presence(seconds: int) -> str:
        return Latency(seconds).presence(opened, opened=opened, closed=closed)

    assert [presence(seconds) for seconds in (0, 60, 61, 23_459, 23_460, 90_000)] == [
        "whole",
        "whole",
        "rest",
        "rest",
        "none",
        "none",
    ]
    assert [Latency(seconds).is_felt for seconds in (60, 61)] == [False, True]
