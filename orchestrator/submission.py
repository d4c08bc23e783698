"""How a request becomes a stored job, whoever brings it."""

from __future__ import annotations

import secrets
from datetime import datetime

from interfaces.clock import WallClock
from interfaces.store import JobStore
from orchestrator.jobs import Admission, admit
from schemas.jobs import Job, SimulationRequest


def submit(
    request: SimulationRequest,
    admission: Admission,
    *,
    jobs: JobStore,
    wall: WallClock,
    idempotency_key: str | None = None,
) -> Job:
    """Admit the request and store its job, queued; a known idempotency key gives the first job.

    Raises what `admit` raises, and `Conflict` when the key was used for another request.
    """
    now = wall.now()
    job = admit(request, admission, job_id=new_job_id(now), now=now)
    return jobs.create(job, idempotency_key=idempotency_key)


def new_job_id(now: datetime) -> str:
    """Return a random id that a person can place in time: `20200102-143015-9f86d081`."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
