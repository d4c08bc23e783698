"""Exchanges whose sessions open on the day before their date, in UTC."""

from datetime import date
from pathlib import Path

import pytest

from adapters.calendar import ExchangeCalendar
from adapters.market.files import ImportOptions, import_dataset
from adapters.wiring import System
from tests.orchestrator.runs import run, ticks_of, trading


@pytest.mark.parametrize("exchange", ["XASX", "XTKS"])
def test_a_run_starts_on_the_first_session_asked_for(
    system: System, home: Path, tmp_path: Path, exchange: str
) -> None:
    days = ExchangeCalendar(exchange).sessions(date(2019, 12, 2), date(2020, 1, 31))
    rows = [
        f"{day},BHP,{40 + n / 10},{41 + n / 10},{39 + n / 10},{40.5 + n / 10},1000"
        for n, day in enumerate(days)
    ]
    source = tmp_path / "prices.csv"
    source.write_text("\n".join(["date,symbol,open,high,low,close,volume", *rows]))
    name = exchange.lower()
    import_dataset(source, name, home=home, options=ImportOptions(calendar=exchange))
    request = trading(
        "baseline:buy-and-hold",
        data=name,
        universe=("BHP",),
        start_date=date(2020, 1, 6),
        end_date=date(2020, 1, 17),
    )
    job = run(system, request)
    assert job.state == "completed", job.error
    ticks = ticks_of(system, job)[0]
    assert ticks[0].session == date(2020, 1, 6)
    assert ticks[0].fills
