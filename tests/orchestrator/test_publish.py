"""What a job's results say of their prices."""

import json
from datetime import date
from pathlib import Path

from adapters.market.files import import_dataset
from adapters.wiring import System
from tests.orchestrator.markets import NYSE
from tests.orchestrator.runs import run, trading


def test_symbols_whose_prices_end_before_the_run_are_named(
    system: System, home: Path, tmp_path: Path
) -> None:
    days = NYSE.sessions(date(2020, 1, 2), date(2020, 3, 31))
    rows = ["date,symbol,open,high,low,close,volume"]
    for n, day in enumerate(days):
        close = 10 + n % 7 / 10
        rows.append(f"{day},LIVE,10,11,9.5,{close},{1000 + n}")
        if day <= date(2020, 2, 3):
            rows.append(f"{day},GONE,20,21,19.5,{close + 10},{1000 + n}")
    source = tmp_path / "prices.csv"
    source.write_text("\n".join(rows))
    import_dataset(source, "ended", home=home)
    request = trading(
        "baseline:equal-weight",
        data="ended",
        universe=("GONE", "LIVE"),
        start_date=date(2020, 1, 6),
        end_date=date(2020, 3, 31),
    )
    job = run(system, request)
    results = json.loads(system.store.artifacts.get(job.job_id, "results.json"))
    said = [each for each in results["jobs"][0]["assumptions"] if "no price after" in each]
    assert len(said) == 1
    assert said[0].startswith("GONE has no price after 2020-02-03")
