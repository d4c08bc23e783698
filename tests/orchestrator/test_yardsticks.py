"""Yardsticks are plain: an index held, and equal weights renewed monthly, without costs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from adapters.market.table import PriceTable
from interfaces.market import AS_TRADED
from orchestrator.yardsticks import (
    equal_weight_yardstick,
    index_yardstick,
    levels_of,
    tickers_at_the_end,
)
from schemas.facts import ActionKind, CorporateAction
from tests.adapters.acted import action, smooth, split, traded
from tests.adapters.acted import market as acting
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


def test_members_join_and_leave_at_the_first_renewal_after_they_do() -> None:
    prices = market()
    first, second = SYMBOLS[:2]
    stays = {
        first: [(SESSIONS[0], date(2020, 3, 10))],
        second: [(date(2020, 2, 12), SESSIONS[-1])],
    }
    view = prices.view(VIEW_AT)
    found = equal_weight_yardstick(view, [first, second], SESSIONS, CAPITAL, stays=stays)
    assert found is not None
    opens, closes = frame(prices, "open"), frame(prices, "close")
    march, april = (pd.Timestamp(2020, month, day) for month, day in ((3, 2), (4, 1)))
    units = {first: float(CAPITAL) / opens[first].iloc[0], second: 0.0}
    expected: list[float] = []
    for session in map(pd.Timestamp, SESSIONS):
        if session in (march, april):  # February's first session has the first alone
            worth = sum(units[one] * opens[one][session] for one in units)
            shares = (0.5, 0.5) if session == march else (0.0, 1.0)
            units = {
                one: worth * share / opens[one][session]
                for one, share in zip(units, shares, strict=True)
            }
        expected.append(sum(units[one] * closes[one][session] for one in units))
    assert [float(each) for each in found.equity] == pytest.approx(expected, abs=0.006)
    assert "members of the moment" in found.description


def test_a_universe_that_has_lost_all_members_is_cash_until_one_enters() -> None:
    view = market().view(VIEW_AT)
    stays = {
        SYMBOLS[0]: [(SESSIONS[0], date(2020, 2, 14)), (date(2020, 4, 1), SESSIONS[-1])],
    }
    found = equal_weight_yardstick(view, SYMBOLS[:1], SESSIONS, CAPITAL, stays=stays)
    assert found is not None
    march = [n for n, session in enumerate(SESSIONS) if session.month == 3]
    assert len({found.equity[n] for n in march}) == 1
    opens, closes = (frame(market(), field)[SYMBOLS[0]] for field in ("open", "close"))
    held = float(found.equity[march[0]])
    assert held == pytest.approx(float(CAPITAL) * opens.iloc[march[0]] / opens.iloc[0], abs=0.006)
    after = held * closes.iloc[-1] / opens.iloc[march[-1] + 1]
    assert float(found.equity[-1]) == pytest.approx(after, abs=0.02)
    nobody = {SYMBOLS[0]: [(SESSIONS[5], SESSIONS[-1])]}
    assert equal_weight_yardstick(view, SYMBOLS[:1], SESSIONS, CAPITAL, stays=nobody) is None


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


# --- on prices as traded, with corporate actions ---

ACTED = ("AAA", "BBB", "CCC")
START = NYSE.opens_at(SESSIONS[0])


def acted(actions: Sequence[CorporateAction]) -> PriceTable:
    start, close = (traded(each, ACTED, actions, DAYS) for each in smooth(ACTED, DAYS))
    return acting(start, close, ACTED, actions=actions, days=DAYS)


def raw(prices: PriceTable, field: str) -> pd.DataFrame:
    view = prices.view(VIEW_AT)
    bars = {symbol: view.bars(symbol, how=AS_TRADED) for symbol in ACTED}
    columns = {name: pd.Series(getattr(each, field), each.sessions) for name, each in bars.items()}
    return pd.DataFrame(columns).loc[np.datetime64(SESSIONS[0]) : np.datetime64(SESSIONS[-1])]


@pytest.mark.promise("corporate-actions")
def test_splits_leave_the_yardsticks_as_they_are_without_them() -> None:
    splits = [split("AAA", date(2020, 2, 12), "15:1"), split("CCC", date(2020, 3, 2), "1:10")]
    ones = [acted(actions).view(VIEW_AT) for actions in ((), splits)]
    for yardstick in (
        [equal_weight_yardstick(view, ACTED, SESSIONS, CAPITAL) for view in ones],
        [index_yardstick(view, "AAA", SESSIONS, CAPITAL) for view in ones],
    ):
        plain, over_splits = yardstick
        assert plain is not None
        assert over_splits is not None
        values = zip(plain.equity, over_splits.equity, strict=True)
        assert max(abs(a - b) for a, b in values) <= Decimal("0.01")


@pytest.mark.promise("corporate-actions")
def test_equal_weights_on_raw_prices_reinvest_dividends_on_the_ex_date() -> None:
    paid = {date(2020, 2, 5): 0.61, date(2020, 3, 2): 0.45, date(2020, 3, 20): 0.5}
    dividends = [action("cash_dividend", "BBB", day, cash=str(cash)) for day, cash in paid.items()]
    prices = acted([*dividends, split("BBB", date(2020, 2, 26), "3:2")])
    found = equal_weight_yardstick(prices.view(VIEW_AT), ACTED, SESSIONS, CAPITAL)
    assert found is not None
    opens, closes = raw(prices, "open"), raw(prices, "close")
    units = float(CAPITAL) / 3 / opens.iloc[0]
    expected: list[float] = []
    for row, session in enumerate(SESSIONS):
        if session == date(2020, 2, 26):
            units["BBB"] *= 1.5
        if session in paid:  # buys more at the close before, less the dividend
            units["BBB"] *= 1 + paid[session] / (closes["BBB"].iloc[row - 1] - paid[session])
        if row and session.month != SESSIONS[row - 1].month:
            units = float((units * opens.iloc[row]).sum()) / 3 / opens.iloc[row]
        expected.append(float((units * closes.iloc[row]).sum()))
    assert [float(each) for each in found.equity] == pytest.approx(expected, abs=0.006)


def test_a_symbol_that_is_bought_out_leaves_for_the_cash_it_paid() -> None:
    gone = date(2020, 2, 20)
    prices = acted([action("cash_merger", "CCC", gone, cash="150.5")])
    found = equal_weight_yardstick(prices.view(VIEW_AT), ACTED, SESSIONS, CAPITAL)
    assert found is not None
    opens, closes = raw(prices, "open"), raw(prices, "close")
    third = float(CAPITAL) / 3
    first = third / opens.iloc[0]
    renewal = next(row for row, each in enumerate(SESSIONS) if each.month == 2)
    units = float((first * opens.iloc[renewal]).sum()) / 3 / opens.iloc[renewal]
    day = SESSIONS.index(gone)
    others = ["AAA", "BBB"]
    held = float((units * closes.iloc[day])[others].sum()) + units["CCC"] * 150.5
    assert float(found.equity[day]) == pytest.approx(held, abs=0.006)
    march = next(row for row, each in enumerate(SESSIONS) if each.month == 3)
    value = float((units * opens.iloc[march])[others].sum()) + units["CCC"] * 150.5
    new = value / 2 / opens.iloc[march][others]
    after = float((new * closes.iloc[march][others]).sum())
    assert float(found.equity[march]) == pytest.approx(after, abs=0.006)


@pytest.mark.parametrize("kind", ["cash_merger", "delisting"])
def test_bars_after_the_end_of_a_company_change_no_yardstick(kind: ActionKind) -> None:
    """Some sources go on with quotes for a while: whoever held it has been paid."""
    end = [action(kind, "CCC", date(2020, 2, 20), cash="1.25")]
    going_on = acting(*smooth(ACTED, DAYS), ACTED, actions=end, days=DAYS)
    found, expected = (
        equal_weight_yardstick(prices.view(VIEW_AT), ACTED, SESSIONS, CAPITAL)
        for prices in (going_on, acted(end))
    )
    assert found is not None
    assert expected is not None
    assert found.equity == expected.equity


def test_tickers_are_followed_to_the_end() -> None:
    actions = [
        action("ticker_change", "BBB", date(2020, 2, 12), new_symbol="AAA"),
        action("ticker_change", "CCC", date(2020, 2, 20), new_symbol="NEW"),
        action("ticker_change", "CCC", date(2020, 3, 4), new_symbol="NEWER"),
    ]
    view = acted(actions).view(VIEW_AT)
    found = tickers_at_the_end(view, ("AAA", "BBB", "CCC", "NEW", "NEWER"), START)
    assert found == {
        "AAA": ("AAA", "AAA.1"),
        "BBB": ("AAA",),
        "CCC": ("NEWER",),
        "NEW": ("NEWER",),
        "NEWER": ("NEWER",),
    }
    later = tickers_at_the_end(view, ("AAA", "BBB", "CCC"), NYSE.opens_at(date(2020, 4, 1)))
    assert later == {"AAA": ("AAA",), "BBB": (), "CCC": ()}
    assert equal_weight_yardstick(view, (), SESSIONS, CAPITAL) is None
