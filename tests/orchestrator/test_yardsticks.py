"""Yardsticks are plain: an index held, and equal weights renewed monthly, without costs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from adapters.market.table import PriceTable
from orchestrator.yardsticks import equal_weight_yardstick, index_yardstick, levels_of
from tests.orchestrator.markets import BENCHMARK, DAYS, EXCHANGE, NYSE, SYMBOLS, market, table

CAPITAL = Decimal("100000.00")
SESSIONS = NYSE.sessions(date(2020, 1, 15), date(2020, 4, 15))
VIEW_AT = NYSE.closes_at(DAYS[-1]).replace(year=2021)


def frame(prices: PriceTable, field: str) -> pd.DataFrame:
    view = prices.view(VIEW_AT)
    columns = {}
    for symbol in (*SYMBOLS, BENCHMARK):
        bars = view.bars(symbol)
        columns[symbol] = pd.Series(getattr(bars, field), index=bars.sessions)
    return pd.DataFrame(columns).reindex(np.array(SESSIONS, "datetime64[D]"))


@pytest.mark.parametrize("close_only", [True, False])
def test_the_index_is_bought_once_and_held(close_only: bool) -> None:
    prices = market(close_only=close_only)
    found = index_yardstick(prices.view(VIEW_AT), BENCHMARK, SESSIONS, CAPITAL)
    assert found is not None
    entry = frame(prices, "close" if close_only else "open")[BENCHMARK].iloc[0]
    expected = float(CAPITAL) * frame(prices, "close")[BENCHMARK] / entry
    assert [float(each) for each in found.equity] == pytest.approx(list(expected), abs=0.005001)
    assert found.sessions == SESSIONS
    assert found.metrics is not None
    assert found.metrics.total_return == pytest.approx(expected.iloc[-1] / 100_000 - 1, abs=1e-7)


@pytest.mark.parametrize("close_only", [True, False])
def test_equal_weights_are_renewed_at_the_fill_price_of_each_months_first_session(
    close_only: bool,
) -> None:
    prices = market(close_only=close_only)
    symbols = SYMBOLS[:4]
    found = equal_weight_yardstick(prices.view(VIEW_AT), symbols, SESSIONS, CAPITAL)
    assert found is not None
    closes = frame(prices, "close")[list(symbols)]
    fills = frame(prices, "close" if close_only else "open")[list(symbols)]
    entry = fills.iloc[0]
    firsts = [
        s for s, before in zip(SESSIONS[1:], SESSIONS, strict=False) if s.month != before.month
    ]
    expected, value = [], float(CAPITAL)
    for session in SESSIONS:
        now = pd.Timestamp(session)
        if session in firsts:
            value = float((value / len(symbols) * fills.loc[now] / entry).sum())
            entry = fills.loc[now]
        expected.append(float((value / len(symbols) * closes.loc[now] / entry).sum()))
    assert [float(each) for each in found.equity] == pytest.approx(expected, abs=0.005001)


def test_a_symbol_joins_at_the_first_renewal_after_its_listing() -> None:
    prices = market()
    with_, without = (
        equal_weight_yardstick(prices.view(VIEW_AT), symbols, SESSIONS, CAPITAL)
        for symbols in (SYMBOLS, SYMBOLS[:4])
    )
    assert with_ is not None
    assert without is not None
    same = [a == b for a, b in zip(with_.equity, without.equity, strict=True)]
    renewal = SESSIONS.index(date(2020, 3, 2))
    assert SESSIONS[renewal] > EXCHANGE > SESSIONS[0]
    assert all(same[:renewal])
    assert not any(same[renewal:])


def test_a_symbol_that_ended_leaves_at_the_next_renewal_for_its_last_close() -> None:
    prices = np.column_stack([frame(market(), "close")[name] for name in (*SYMBOLS, BENCHMARK)])
    closes = np.full((len(DAYS), len(SYMBOLS) + 1), np.nan)
    closes[[DAYS.index(session) for session in SESSIONS]] = prices
    last = SESSIONS.index(date(2020, 1, 21))
    closes[DAYS.index(SESSIONS[last]) + 1 :, 1] = np.nan
    ended = table(closes, closes, close_only=True)
    found = equal_weight_yardstick(ended.view(VIEW_AT), SYMBOLS[:2], SESSIONS, CAPITAL)
    assert found is not None
    renewal = next(n for n, session in enumerate(SESSIONS) if session.month == 2)
    growth = prices[:, :2] / prices[0, :2]
    worth = 50_000 * (growth[renewal, 0] + growth[last, 1])
    alone = worth * growth[-1, 0] / growth[renewal, 0]
    assert float(found.equity[renewal]) == pytest.approx(worth, abs=0.01)
    assert float(found.equity[-1]) == pytest.approx(alone, abs=0.01)


def test_without_a_price_at_the_start_there_is_no_yardstick() -> None:
    prices = market()
    assert index_yardstick(prices.view(VIEW_AT), "FUTR", SESSIONS, CAPITAL) is None
    assert equal_weight_yardstick(prices.view(VIEW_AT), ["FUTR"], SESSIONS, CAPITAL) is None


def test_levels_are_the_equity_over_the_capital() -> None:
    found = index_yardstick(market().view(VIEW_AT), BENCHMARK, SESSIONS, CAPITAL)
    assert found is not None
    levels = levels_of(found, CAPITAL)
    assert set(levels) == set(SESSIONS)
    assert levels[SESSIONS[-1]] == pytest.approx(float(found.equity[-1]) / 100_000)


def test_gaps_are_carried_at_the_last_close() -> None:
    prices = market()
    some = SESSIONS[:10]
    closed = date(2020, 1, 20)
    view = prices.view(VIEW_AT)
    whole = index_yardstick(view, BENCHMARK, some, CAPITAL)
    wider = index_yardstick(view, BENCHMARK, (*some[:3], closed, *some[3:]), CAPITAL)
    assert whole is not None
    assert wider is not None
    assert wider.sessions[3] == closed
    assert wider.equity == (*whole.equity[:3], whole.equity[2], *whole.equity[3:])
