"""Twenty-one years of sessions equal those of a second library with rules of its own."""

from __future__ import annotations

from datetime import date, datetime

import pandas_market_calendars as peer
import pytest

from adapters.calendar import ExchangeCalendar

FIRST, LAST = date(2004, 1, 1), date(2024, 12, 31)

# Where the second library notes what the first leaves out: two minutes of silence at the open (for
# Presidents Reagan and Ford), and a failure of the exchange's systems four minutes before a close.
ODD_MINUTES = {date(2004, 6, 7), date(2006, 12, 27), date(2005, 6, 1)}


@pytest.mark.promise("calendar")
# The second library reads its tables in a way that the installed pandas has deprecated.
@pytest.mark.filterwarnings("ignore:Series.dt.weekday is deprecated")
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("XNYS", "NYSE"), ("XNAS", "NASDAQ"), ("XLON", "LSE"), ("XTKS", "JPX"), ("XTSE", "TSX")],
)
def test_sessions_and_their_hours_equal_a_second_library(ours: str, theirs: str) -> None:
    calendar = ExchangeCalendar(ours)
    held = peer.get_calendar(theirs).schedule(FIRST.isoformat(), LAST.isoformat())
    sessions = calendar.sessions(FIRST, LAST)
    assert list(sessions) == [stamp.date() for stamp in held.index]
    hours: dict[date, tuple[datetime, datetime]] = {
        day: (opened.to_pydatetime(), closed.to_pydatetime())
        for day, opened, closed in zip(sessions, held.market_open, held.market_close, strict=True)
    }
    odd = {
        day: hours[day]
        for day in sessions
        if hours[day] != (calendar.opens_at(day), calendar.closes_at(day))
    }
    assert set(odd) == (ODD_MINUTES if theirs in {"NYSE", "NASDAQ"} else set())
    for day, (opened, closed) in odd.items():  # by minutes, within the hours we have
        assert calendar.opens_at(day) <= opened < closed <= calendar.closes_at(day)


@pytest.mark.promise("calendar")
def test_half_days_leap_days_and_clock_changes_are_among_what_was_compared() -> None:
    calendar = ExchangeCalendar("XNYS")
    sessions = calendar.sessions(FIRST, LAST)
    hours = [
        (calendar.closes_at(day) - calendar.opens_at(day)).total_seconds() / 3600
        for day in sessions
    ]
    assert hours.count(3.5) > 40
    assert set(hours) == {6.5, 3.5}
    assert {date(2008, 2, 29), date(2012, 2, 29), date(2016, 2, 29)} <= set(sessions)
    assert {calendar.opens_at(day).hour for day in sessions} == {13, 14}
