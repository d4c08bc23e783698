"""Whole trading runs, everything persisted, one core for this process and the embedded store.

Reach: at least 100 model-days a second on 20 symbols at each baseline's own cadence, and memory
that does not grow over 10 000 ticks of generated data. A published arena server does 2.3 to 3.0
model-days a second on a machine of this kind with a mock model.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import psutil

from adapters.wiring import System, calendar, open_system
from config.settings import load_settings
from orchestrator.installation import admission_of
from orchestrator.submission import submit
from orchestrator.worker import Worker
from schemas.jobs import RunProgress, SimulationRequest

REACH_PER_S = 100.0
RIVAL_PER_S = 3.0
TICKS = 10_000
GROWTH_MB = 20.0
BASELINES = ("buy-and-hold", "equal-weight", "momentum", "min-variance")
ROUNDS = 3


def main() -> int:
    """Print the figures; fail when a reach is missed."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the store's process inherits it
    with tempfile.TemporaryDirectory() as home:
        first, last = _generate(Path(home))
        with open_system(load_settings(home=Path(home))) as system:
            grew = _memory(system, first, last)  # first: nothing is resident yet
            slow = _speed(system, last)
    return 1 if slow or grew else 0


def _speed(system: System, last: date) -> bool:
    """Run each baseline over three years, interleaved, and compare medians with the reach."""
    rates: dict[str, list[float]] = {name: [] for name in BASELINES}
    start = last.replace(year=last.year - 3)
    for _ in range(ROUNDS):
        for name in BASELINES:
            seconds, ticks, _ = _run(system, name, start, last)
            rates[name].append(ticks / seconds)
    missed = False
    for name, found in rates.items():
        middle = statistics.median(found)
        missed |= middle < REACH_PER_S
        print(
            f"baseline:{name:13s} {middle:6.0f} model-days/s"
            f" (from {min(found):.0f} to {max(found):.0f});"
            f" {middle / RIVAL_PER_S:.0f} times a published arena's best"
        )
    return missed


def _memory(system: System, first: date, last: date) -> bool:
    """Run 10 000 ticks and compare resident memory after 1 000 and after the last."""
    _, ticks, resident = _run(system, "equal-weight", first, last)
    early, late = resident[1_000], resident[-1]
    after = psutil.Process().memory_info().rss / 2**20
    print(
        f"resident after 1 000 ticks {early:.0f} MB, after {ticks} ticks {late:.0f} MB;"
        f" with results and report written {after:.0f} MB"
    )
    return late - early > GROWTH_MB


def _run(system: System, name: str, start: date, end: date) -> tuple[float, int, list[float]]:
    """Run one baseline; return the seconds of its ticks, their number, and memory at each."""
    request = SimulationRequest(
        models=(f"baseline:{name}",), start_date=start, end_date=end, data="generated"
    )
    job = submit(request, admission_of(system, calendar), jobs=system.store.jobs, wall=system.wall)
    process = psutil.Process()
    times: list[float] = []
    resident: list[float] = []

    def watch(run: RunProgress) -> None:
        times.append(time.perf_counter())
        if not run.sessions_done % 100 or not resident:
            size = process.memory_info().rss / 2**20
            resident.extend([size] * (run.sessions_done - len(resident)))

    began = time.perf_counter()
    done = Worker(system, name="benchmark").run_job(job.job_id, watch)
    if done.state != "completed":
        raise SystemExit(f"baseline:{name} ended {done.state}: {done.error}")
    return times[-1] - began, done.runs[0].sessions_done, resident


def _generate(home: Path) -> tuple[date, date]:
    """Write 20 random walks over 10 000 sessions as a CSV and import it as `generated`."""
    from adapters.market.files import import_dataset

    sessions = calendar("XNYS").sessions(date(1980, 1, 2), date(2023, 1, 1))[:TICKS]
    random = np.random.Generator(np.random.PCG64(7))
    moves = random.normal(0.0003, 0.012, size=(len(sessions), 20))
    closes = 50.0 * np.exp(np.cumsum(moves, axis=0))
    lines = ["date,symbol,open,high,low,close,volume"]
    for t, session in enumerate(sessions):
        for n in range(20):
            close = round(float(closes[t, n]), 4)
            lines.append(f"{session},S{n:02d},{close},{close},{close},{close},1000000")
    source = home / "generated.csv"
    source.write_text("\n".join(lines))
    import_dataset(source, "generated", home=home)
    return sessions[0], sessions[-1]


if __name__ == "__main__":
    sys.exit(main())
