"""Sessions agree with the exchange's published holidays and half days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.calendar import ExchangeCalendar
from schemas.errors import InvalidRequest

# From the exchange's own notices: regular holidays, observed days, and unscheduled closures.
CLOSED = (
    "1997-07-04 2001-09-11 2001-09-14 2004-06-11 2007-01-02 2011-12-26 2012-10-29 2012-10-30 "
    "2014-04-18 2017-01-02 2018-12-05 2020-04-10 2020-07-03 2020-09-07 2020-11-26 2020-12-25 "
    "2021-01-01 2021-01-18 2021-02-15 2021-04-02 2021-05-31 2021-07-05 2021-12-24 2022-06-20 "
    "2022-12-26 2023-01-02 2023-06-19 2024-03-29 2024-06-19 2025-01-09 2025-12-25 "
)
OPEN = "2000-02-29 2020-02-28 2020-12-31 2021-06-18 2021-12-31 2022-11-11 2023-10-09"
HALF_DAYS = (
    "2002-07-05 2012-07-03 2013-07-03 2017-11-24 2018-12-24 2019-07-03 2019-11-29 2019-12-24 "
    "2020-11-27 2020-12-24 2021-11-26 2022-11-25 2023-07-03 2024-07-03 2024-12-24 "
)
SESSIONS_A_YEAR = {2001: 248, 2012: 250, 2018: 251, 2019: 252, 2020: 253, 2021: 252, 2022: 251}


@pytest.fixture(scope="module")
def nyse() -> ExchangeCalendar:
    return ExchangeCalendar("XNYS")


@pytest.mark.promise("calendar")
def test_published_holidays_are_no_sessions(nyse: ExchangeCalendar) -> None:
    assert [day for day in CLOSED.split() if nyse.is_session(date.fromisoformat(day))] == []
    assert all(nyse.is_session(date.fromisoformat(day)) for day in OPEN.split())


@pytest.mark.promise("calendar")
def test_half_days_close_at_one_o_clock_in_new_york(nyse: ExchangeCalendar) -> None:
    for text in HALF_DAYS.split():
        day = date.fromisoformat(text)
        summer = 3 < day.month < 11
        assert nyse.closes_at(day).hour == (17 if summer else 18), text


@pytest.mark.promise("calendar")
def test_years_have_as_many_sessions_as_the_exchange_counted(nyse: ExchangeCalendar) -> None:
    for year, count in SESSIONS_A_YEAR.items():
        assert len(nyse.sessions(date(year, 1, 1), date(year, 12, 31))) == count


def test_opening_follows_new_york_through_daylight_saving(nyse: ExchangeCalendar) -> None:
    assert nyse.opens_at(date(2020, 3, 6)) == datetime(2020, 3, 6, 14, 30, tzinfo=UTC)
    assert nyse.opens_at(date(2020, 3, 9)) == datetime(2020, 3, 9, 13, 30, tzinfo=UTC)
    assert nyse.closes_at(date(2020, 3, 9)) == datetime(2020, 3, 9, 20, 0, tzinfo=UTC)


@given(st.dates(date(1990, 1, 1), date(2040, 12, 31)))
def test_every_day_moves_to_a_session_and_back(day: date) -> None:
    calendar = _shared()
    session = calendar.on_or_after(day)
    assert session >= day
    assert calendar.is_session(session)
    before = calendar.previous(session)
    assert before < session
    assert calendar.sessions(before, session) == (before, session)
    assert calendar.opens_at(session) < calendar.closes_at(session)
    assert calendar.closes_at(before) < calendar.opens_at(session)


@pytest.mark.promise("calendar")
def test_scheduled_sessions_ignore_what_was_declared_ad_hoc_and_nothing_else(
    nyse: ExchangeCalendar,
) -> None:
    ad_hoc = {"2001-09-11", "2001-09-14", "2004-06-11", "2007-01-02", "2012-10-29", "2012-10-30"}
    ad_hoc |= {"2018-12-05", "2025-01-09"}
    scheduled = {
        str(session.day): session
        for session in nyse.scheduled(date(1997, 1, 1), date(2025, 12, 31))
    }
    assert [day for day in CLOSED.split() if day in scheduled] == sorted(ad_hoc)
    assert all(day in scheduled for day in OPEN.split())
    assert all(
        scheduled[day].closes_at == nyse.closes_at(date.fromisoformat(day))
        for day in HALF_DAYS.split()
    )
    assert nyse.closes_at(date(1999, 12, 31)).hour == 18  # declared that year
    assert scheduled["1999-12-31"].closes_at.hour == 21


@given(st.dates(date(1990, 1, 1), date(2040, 12, 31)), st.integers(0, 400))
def test_every_session_held_was_scheduled_to_open_as_it_did(start: date, days: int) -> None:
    calendar = _shared()
    end = start + timedelta(days=days)
    scheduled = {session.day: session for session in calendar.scheduled(start, end)}
    assert list(scheduled) == sorted(scheduled)
    for day in calendar.sessions(start, end):
        assert scheduled[day].opens_at == calendar.opens_at(day)
        assert scheduled[day].closes_at >= calendar.closes_at(day)
    assert all(start <= day <= end and day.weekday() < 5 for day in scheduled)


def test_nothing_is_scheduled_backwards_or_outside_the_calendar(nyse: ExchangeCalendar) -> None:
    assert nyse.scheduled(date(2020, 7, 5), date(2020, 7, 4)) == ()
    with pytest.raises(InvalidRequest, match="outside the calendar of XNYS"):
        nyse.scheduled(date(2049, 12, 1), date(2050, 1, 3))


def test_sessions_are_in_order_and_both_ends_are_included(nyse: ExchangeCalendar) -> None:
    days = nyse.sessions(date(2020, 1, 2), date(2020, 12, 31))
    assert (days[0], days[-1]) == (date(2020, 1, 2), date(2020, 12, 31))
    assert all(one < two for one, two in pairwise(days))
    assert nyse.sessions(date(2020, 7, 4), date(2020, 7, 5)) == ()
    assert nyse.sessions(date(2020, 7, 5), date(2020, 7, 4)) == ()


def test_a_weekend_has_no_opening(nyse: ExchangeCalendar) -> None:
    with pytest.raises(InvalidRequest, match=r"2020-07-04 is no trading session of XNYS"):
        nyse.opens_at(date(2020, 7, 4))


@pytest.mark.parametrize("day", [date(1890, 1, 1), date(2190, 1, 1)])
def test_days_outside_the_calendar_are_refused(nyse: ExchangeCalendar, day: date) -> None:
    for ask in (nyse.is_session, nyse.on_or_after, nyse.previous, nyse.opens_at, nyse.closes_at):
        with pytest.raises(InvalidRequest, match="outside the calendar of XNYS"):
            ask(day)


def test_an_unknown_exchange_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="'NOWHERE'"):
        ExchangeCalendar("NOWHERE")


def test_a_market_that_never_closes_trades_on_sundays() -> None:
    always = ExchangeCalendar("24/7")
    assert always.is_session(date(2021, 8, 1))
    assert always.opens_at(date(2021, 8, 2)) - always.opens_at(date(2021, 8, 1)) == timedelta(1)


def test_an_alias_gives_the_exchange_its_proper_name() -> None:
    assert ExchangeCalendar("NYSE").name == "XNYS"


_CACHE: list[ExchangeCalendar] = []


def _shared() -> ExchangeCalendar:
    if not _CACHE:
        _CACHE.append(ExchangeCalendar("XNYS"))
    return _CACHE[0]
