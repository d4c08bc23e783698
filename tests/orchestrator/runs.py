"""Small jobs on real prices, workers for them, and everything that two runs may not differ in."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.clock import SystemClock
from adapters.wiring import System, calendar, open_system
from config.settings import load_settings
from lending.apr import loan_apr
from lending.schedule import build_schedule, terms_of
from orchestrator.installation import admission_of
from orchestrator.jobs import admit
from orchestrator.submission import new_job_id
from orchestrator.worker import Worker, check_canaries
from schemas.base import canonical_json
from schemas.canaries import CanaryReport
from schemas.jobs import Job, RunProgress, SimulationRequest
from schemas.loan import BorrowerFile
from schemas.tick import Tick

ROOT = Path(__file__).resolve().parents[2]
UNIVERSE = ("AAPL", "JPM", "KO")
MARIA = BorrowerFile.model_validate_json(
    (ROOT / "examples" / "borrowers" / "maria-santos.json").read_bytes()
)


CODE = "0.1.0+tested"
"""One code version for every process of a test."""


class Later(SystemClock):
    """The machine's time some hours ahead: to it, leases that others hold have ended."""

    def __init__(self, hours: int) -> None:
        self._ahead = timedelta(hours=hours)

    def now(self) -> datetime:
        return super().now() + self._ahead


def trading(*models: str, **changes: Any) -> SimulationRequest:
    """Two models over six sessions and a month's turn, unless told otherwise."""
    values: dict[str, Any] = {
        "models": models or ("baseline:equal-weight", "baseline:momentum"),
        "start_date": date(2020, 1, 29),
        "end_date": date(2020, 2, 5),
        "universe": UNIVERSE,
    }
    return SimulationRequest(**{**values, **changes})


def lending(*, file: BorrowerFile | None = None, **changes: Any) -> SimulationRequest:
    """A loan from before the year's end until after its first instalment."""
    values: dict[str, Any] = {
        "models": ("baseline:rules",),
        "start_date": date(2019, 12, 30),
        "end_date": date(2020, 1, 7),
        "universe": UNIVERSE,
        "mode": "loan",
        "application": file or small_loan(),
    }
    return SimulationRequest(**{**values, **changes})


def small_loan(**changes: Any) -> BorrowerFile:
    """Ask for 1 500 over three months from 2019-12-30, with a contract that says the same."""
    values = {
        "principal": Decimal("1500.00"),
        "term_months": 3,
        "disbursed_on": date(2019, 12, 30),
        "first_due_on": date(2020, 1, 6),
    }
    application = MARIA.application.model_copy(update={**values, **changes})
    terms = terms_of(application)
    schedule = build_schedule(terms)
    apr = loan_apr(terms, schedule).apr_annual
    level = schedule.instalments[0].payment
    text = MARIA.contract_text.replace("$10,000.00", f"${application.principal:,.2f}")
    text = text.replace("(APR) is 8.00 %", f"(APR) is {apr * 100:.2f} %")
    text = text.replace(
        "36 monthly payments of $313.36", f"{application.term_months} monthly payments of ${level}"
    )
    return MARIA.model_copy(update={"application": application, "contract_text": text})


@contextmanager
def opened(home: Path, uri: str, database: str, **changes: Any) -> Iterator[System]:
    """Open a system on a database of the tests' server, with some of its parts changed."""
    settings = load_settings(home=home, mongodb_uri=uri, database=database)
    with open_system(settings) as system:
        yield replace(system, **{"code_version": CODE, **changes})


_SEEN: dict[tuple[str, str], CanaryReport] = {}


def look(system: System, request: SimulationRequest) -> CanaryReport:
    """Return what the canaries see, asked once for a request: it takes as long as a small job."""
    key = (request.model_dump_json(), system.catalog.open(request.data).info().model_dump_json())
    if key not in _SEEN:
        _SEEN[key] = check_canaries(system, request)
    return _SEEN[key]


def queue(system: System, request: SimulationRequest) -> Job:
    """Admit and store a job."""
    now = system.wall.now()
    job = admit(request, admission_of(system, calendar), job_id=new_job_id(now), now=now)
    return system.store.jobs.create(job)


def finish(system: System, job_id: str) -> Job:
    """Run a job to its end in this thread, as a worker to whom every other's lease has ended."""
    worker = Worker(replace(system, wall=Later(9999)), name=f"later-{secrets.token_hex(2)}")
    return worker.run_job(job_id, _unwatched)


def run(system: System, request: SimulationRequest) -> Job:
    """Queue a job and run it undisturbed."""
    return finish(system, queue(system, request).job_id)


def _unwatched(_: RunProgress) -> None:
    return


@dataclass(frozen=True)
class Outcome:
    """What is the same for every run of one request, however it came about."""

    state: str
    ledgers: tuple[str, ...]
    ticks: tuple[bytes, ...]
    order_ids: tuple[str, ...]
    files: dict[str, bytes]

    @classmethod
    def of(cls, system: System, job_id: str) -> Outcome:
        job = system.store.jobs.get(job_id)
        files = {
            name: system.store.artifacts.get(job_id, name)
            for name in system.store.artifacts.names(job_id)
        }
        if "manifest.json" in files:
            files["manifest.json"] = lasting(files["manifest.json"])
        done = [tick for each in job.runs for tick in system.store.ticks.ticks(each.run_id)]
        return cls(
            state=job.state,
            ledgers=tuple(
                [t.ledger_hash for t in system.store.ticks.ticks(each.run_id)][-1]
                for each in job.runs
            ),
            ticks=tuple(canonical_json(tick) for tick in done),
            order_ids=tuple(order.client_order_id for tick in done for order in tick.orders),
            files=files,
        )


def lasting(manifest: bytes) -> bytes:
    """Return a manifest without the one part that may differ between two runs."""
    content = json.loads(manifest)
    del content["execution"]
    return canonical_json(content)


def ticks_of(system: System, job: Job) -> list[tuple[Tick, ...]]:
    """Return each run's committed ticks."""
    return [tuple(system.store.ticks.ticks(each.run_id)) for each in job.runs]
