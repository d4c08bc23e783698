"""How often the trading agent is asked, and that monthly policies lose no month to it."""

from datetime import date

import pytest

from adapters.wiring import System
from schemas.jobs import Cadence
from schemas.tick import Tick
from tests.orchestrator.runs import lending, run, ticks_of, trading


def quarter(system: System, cadence: Cadence) -> tuple[Tick, ...]:
    request = trading(
        "baseline:equal-weight",
        cadence=cadence,
        start_date=date(2020, 1, 2),
        end_date=date(2020, 6, 30),
    )
    return ticks_of(system, run(system, request))[0]


def asked(ticks: tuple[Tick, ...]) -> list[date]:
    return [tick.session for tick in ticks if tick.decisions]


@pytest.mark.parametrize("cadence", ["daily", "weekly", "monthly"])
def test_equal_weight_is_renewed_in_every_month_whatever_the_cadence(
    system: System, cadence: Cadence
) -> None:
    ticks = quarter(system, cadence)
    renewed = {(t.session.year, t.session.month) for t in ticks if t.orders}
    assert renewed == {(2020, month) for month in range(1, 7)}


def test_a_weekly_cadence_asks_on_the_first_session_of_each_week(system: System) -> None:
    sessions = asked(quarter(system, "weekly"))
    assert sessions[0] == date(2020, 1, 2)
    assert date(2020, 1, 21) in sessions  # Martin Luther King day closes the Monday
    assert len({day.isocalendar()[:2] for day in sessions}) == len(sessions) == 27


def test_every_session_is_marked_even_when_nobody_is_asked(system: System) -> None:
    ticks = quarter(system, "monthly")
    assert len(asked(ticks)) == 6
    assert len(ticks) == 125


def test_a_loan_is_decided_and_serviced_whatever_the_cadence(system: System) -> None:
    ticks = ticks_of(system, run(system, lending(cadence="monthly")))[0]
    assert [t.session for t in ticks if t.loan and t.loan.payment] == [date(2020, 1, 6)]
    assert asked(ticks) == [
        date(2019, 12, 30),
        date(2019, 12, 31),
        date(2020, 1, 2),
        date(2020, 1, 6),
    ]
