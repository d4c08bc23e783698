"""What every `MarketData` must do; an adapter's test subclasses the suite and gives the data."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from interfaces.calendar import TradingCalendar
from interfaces.market import AS_TRADED, MarketData
from schemas.errors import InvalidRequest, LookAhead, NotFound
from schemas.facts import Fact

SECOND = timedelta(seconds=1)


class MarketDataContract:
    """Subclasses give the fixtures `market`, `calendar` and `session` (one with bars around it)."""

    @pytest.fixture
    def market(self) -> MarketData:
        raise NotImplementedError

    @pytest.fixture
    def calendar(self) -> TradingCalendar:
        raise NotImplementedError

    @pytest.fixture
    def session(self) -> date:
        raise NotImplementedError

    def test_a_bar_is_known_only_after_its_session_has_closed(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        symbol = market.info().symbols[0]
        closes = calendar.closes_at(session)
        at_close = market.view(closes).last_close(symbol)
        later = market.view(closes + timedelta(microseconds=1)).last_close(symbol)
        assert at_close is not None
        assert later is not None
        assert at_close[0] == calendar.previous(session)
        assert later[0] == session

    def test_before_the_open_neither_open_nor_close_of_the_session_is_seen(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.opens_at(session))
        for symbol in view.symbols():
            assert view.bars(symbol).sessions[-1] < np.datetime64(session)
        assert view.closes(view.symbols(), 5).sessions[-1] < np.datetime64(session)

    @pytest.mark.promise("no-look-ahead")
    def test_asking_for_later_data_names_the_simulated_date_and_nothing_else(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.opens_at(session))
        symbol = market.info().symbols[0]
        messages: set[str] = set()
        for late in (session, session + timedelta(days=9), date(2040, 1, 3), date(9999, 12, 31)):
            for start, end in ((None, late), (late, None), (late, late), (date(2000, 1, 3), late)):
                with pytest.raises(LookAhead) as refusal:
                    view.bars(symbol, start=start, end=end)
                messages.add(str(refusal.value))
        (message,) = messages
        assert view.as_of.date().isoformat() in message
        assert sum(character.isdigit() for character in message) == len("20200102")

    def test_a_range_is_inclusive_and_lookback_keeps_its_end(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.closes_at(session) + SECOND)
        symbol = market.info().symbols[0]
        before = calendar.previous(session)
        both = view.bars(symbol, start=before, end=session)
        assert both.sessions.tolist() == [before, session]
        assert view.bars(symbol, lookback=1).sessions.tolist() == [session]
        assert view.bars(symbol, lookback=1, end=before).sessions.tolist() == [before]
        assert view.bars(symbol, start=before, lookback=9).sessions.tolist() == [before, session]

    def test_weekends_and_times_before_the_data_are_empty_not_errors(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.closes_at(session) + SECOND)
        symbol = market.info().symbols[0]
        saturday = session - timedelta(days=session.weekday() + 2)
        assert len(view.bars(symbol, start=saturday, end=saturday).close) == 0
        early = market.view(datetime(1971, 1, 5, tzinfo=UTC))
        assert early.symbols() == ()
        assert early.last_close(symbol) is None
        assert len(early.bars(symbol, lookback=5).close) == 0
        assert early.closes([symbol], 5).values.shape == (0, 1)

    def test_arrays_are_views_that_nobody_can_write(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.closes_at(session) + SECOND)
        bars = view.bars(market.info().symbols[0], lookback=3)
        for values in (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.sessions):
            assert not values.flags.writeable
            assert not values.flags.owndata

    def test_closes_agree_with_bars_and_keep_the_order_asked(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.closes_at(session) + SECOND)
        asked = tuple(reversed(view.symbols()))
        closes = view.closes(asked, 4)
        assert closes.symbols == asked
        assert closes.values.shape == (4, len(asked))
        for column, symbol in enumerate(asked):
            bars = view.bars(symbol)
            rows = np.searchsorted(bars.sessions, closes.sessions)
            assert np.array_equal(bars.close[rows], closes.values[:, column])

    def test_prices_are_positive_and_a_high_is_the_highest(self, market: MarketData) -> None:
        info = market.info()
        view = market.view(datetime(2045, 1, 1, tzinfo=UTC))
        for symbol in (*info.symbols, *info.benchmarks):
            bars = view.bars(symbol)
            assert bars.close_only == info.close_only
            assert (np.diff(bars.sessions.astype(np.int64)) > 0).all()
            assert (bars.low > 0).all()
            assert (bars.low <= np.minimum(bars.open, bars.close) * (1 + 1e-6)).all()
            assert (bars.high >= np.maximum(bars.open, bars.close) * (1 - 1e-6)).all()

    def test_a_symbol_is_listed_while_its_newest_bar_is_at_most_10_sessions_old(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.opens_at(session))
        closes = {name: view.last_close(name) for name in market.info().symbols}
        days = sorted({day for name in closes for day in view.bars(name).sessions.tolist()})
        fresh = days[-11]
        assert view.symbols() == tuple(
            name for name, last in closes.items() if last is not None and last[0] >= fresh
        )

    def test_nonsense_is_refused(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.opens_at(session))
        symbol = market.info().symbols[0]
        with pytest.raises(NotFound, match="NOSUCH"):
            view.bars("NOSUCH")
        with pytest.raises(NotFound, match="NOSUCH"):
            view.closes([symbol, "NOSUCH"], 5)
        with pytest.raises(NotFound, match="NOSUCH"):
            view.last_close("NOSUCH")
        with pytest.raises(InvalidRequest, match="before the start"):
            view.bars(symbol, start=date(2000, 1, 4), end=date(2000, 1, 3))
        for lookback in (0, -1):
            with pytest.raises(InvalidRequest, match="at least 1"):
                view.bars(symbol, lookback=lookback)
        with pytest.raises(InvalidRequest, match="time zone"):
            market.view(datetime(2020, 1, 2))  # noqa: DTZ001 - the mistake under test

    def test_a_quote_is_the_last_close_and_the_instant_it_was_made(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.opens_at(session))
        for symbol in view.symbols():
            quote, last = view.quote(symbol), view.last_close(symbol)
            assert quote is not None
            assert (quote.symbol, quote.session, quote.price) == (symbol, *(last or ()))
            assert quote.at == calendar.closes_at(quote.session) < view.as_of

    def test_the_newest_bar_is_as_traded_and_earlier_ones_differ_by_known_actions_alone(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.closes_at(session) + SECOND)
        for symbol in view.symbols():
            raw, bars = view.bars(symbol, how=AS_TRADED), view.bars(symbol)
            assert np.array_equal(raw.sessions, bars.sessions)
            known = [one.ex_date for one in view.actions(symbol, end=session)]
            since = np.datetime64(max(known, default=date(1, 1, 1)), "D")
            assert np.array_equal(
                raw.close[raw.sessions >= since], bars.close[bars.sessions >= since]
            )

    @pytest.mark.promise("no-look-ahead")
    def test_every_fact_was_known_before_the_moment(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.opens_at(session))
        facts: list[Fact] = [*view.actions()]
        for symbol in view.symbols():
            facts += [*view.listings(symbol), *view.actions(symbol), *view.fundamentals(symbol)]
        assert all(fact.known_time < view.as_of for fact in facts)
        for series in view.macro_series():
            known = view.macro(series.series).known
            assert (known < np.datetime64(view.as_of.replace(tzinfo=None), "us")).all()
        assert all(found.published_at < view.as_of for found in view.documents("", limit=1000))

    def test_actions_are_in_order_and_each_is_applied_once(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.closes_at(session))
        days = [one.ex_date for one in view.actions()]
        assert days == sorted(days)
        assert view.actions(start=session, end=session) == tuple(
            one for one in view.actions() if one.ex_date == session
        )
        start = calendar.opens_at(calendar.sessions(session - timedelta(days=45), session)[0])
        applied = view.applied(start)
        identities = [one.action_id for _, one in applied]
        assert len(identities) == len(set(identities))
        middle = market.view(calendar.opens_at(calendar.previous(session)))
        assert (*middle.applied(start), *view.applied(middle.as_of)) == applied
        assert view.applied(view.as_of) == ()

    def test_the_newest_listing_is_the_ticker_it_is_asked_by(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.opens_at(session))
        for symbol in view.symbols():
            listings = view.listings(symbol)
            assert listings[-1].symbol == symbol
            assert len({one.instrument for one in listings}) == 1
            first = [one.first_session for one in listings]
            assert first == sorted(first)
            assert first[-1] <= session

    def test_facts_nobody_has_are_not_found_or_empty(
        self, market: MarketData, calendar: TradingCalendar, session: date
    ) -> None:
        view = market.view(calendar.opens_at(session))
        for ask in (view.quote, view.listings, view.actions, view.fundamentals):
            with pytest.raises(NotFound, match="NOSUCH"):
                ask("NOSUCH")
        with pytest.raises(NotFound, match="NOSUCH"):
            view.documents("", symbol="NOSUCH")
        with pytest.raises(NotFound, match="nosuch"):
            view.members("nosuch")
        with pytest.raises(NotFound, match="NOSUCH"):
            view.macro("NOSUCH")
        assert view.documents("xyzzy") == ()
        early = market.view(datetime(1971, 1, 5, tzinfo=UTC))
        assert early.actions() == early.macro_series() == early.documents("") == ()
        for stay in (one for stays in market.universes().values() for one in stays):
            assert stay.enters is None or stay.leaves is None or stay.enters < stay.leaves

    def test_covers_says_yes_only_where_prices_exist(
        self, market: MarketData, session: date
    ) -> None:
        assert market.covers(session, session)
        assert not market.covers(session, date(2044, 1, 4))
        assert not market.covers(date(1971, 1, 5), session)
        assert not market.covers(session, date(9999, 12, 31))

    def test_symbols_are_sorted_and_benchmarks_are_not_among_them(self, market: MarketData) -> None:
        info = market.info()
        assert list(info.symbols) == sorted(info.symbols)
        assert not set(info.symbols) & set(info.benchmarks)
