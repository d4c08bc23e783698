"""Jobs over HTTP: ask, watch, stop, go on, read what came of it."""

from __future__ import annotations

from flask import Response

from api.access import caller
from api.parts import answer, answer_file, parts
from orchestrator.submission import submit
from schemas.api import (
    IdempotencyHeader,
    JobFilePath,
    JobPage,
    JobPath,
    JobQuery,
    JobView,
)
from schemas.errors import Conflict, InvalidRequest, NotFound
from schemas.jobs import ENDED, Job, SimulationRequest

REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
"""A report is one file that fetches nothing, and cannot act in its reader's name."""

_TYPES = {
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}


def create_job(header: IdempotencyHeader, body: SimulationRequest) -> Response:
    """Ask for a simulation: models × dates.

    Answers 202 at once; `Location` is where to watch it. With an `Idempotency-Key` the same
    request may be sent again and gives the same job.
    """
    ports = parts()
    key = header.idempotency_key
    try:
        job = submit(
            body,
            ports.admission,
            jobs=ports.jobs,
            wall=ports.wall,
            idempotency_key=f"{caller().name}:{key}" if key else None,
        )
    except NotFound as error:  # the address exists; it is the request that names what does not
        raise InvalidRequest(str(error)) from error
    return _accepted(job)


def list_jobs(query: JobQuery) -> Response:
    """List jobs, newest first, a page at a time."""
    found = parts().jobs.list(state=query.state, limit=query.limit + 1, before=query.before)
    page = found[: query.limit]
    more = len(found) > len(page)
    return answer(
        JobPage(
            jobs=tuple(JobView.of(job) for job in page),
            next_before=page[-1].job_id if more else None,
        )
    )


def show_job(path: JobPath) -> Response:
    """Show where a job and each of its runs stand."""
    return answer(JobView.of(parts().jobs.get(path.job_id)))


def cancel_job(path: JobPath) -> Response:
    """Stop a job: a queued one at once, a running one after its current session."""
    ports = parts()
    return _accepted(ports.jobs.request_cancel(path.job_id, now=ports.wall.now()))


def resume_job(path: JobPath) -> Response:
    """Queue a paused, failed, partial or cancelled job again; it goes on where it stood."""
    ports = parts()
    return _accepted(ports.jobs.resume(path.job_id, now=ports.wall.now()))


def job_results(path: JobPath) -> Response:
    """Return what a finished job came to: equity, trades, decisions, costs, metrics."""
    return answer_file(_file(path.job_id, "results.json"), _TYPES[".json"])


def job_report(path: JobPath) -> Response:
    """Return the report, one self-contained HTML page."""
    response = answer_file(_file(path.job_id, "report.html"), _TYPES[".html"])
    response.headers["Content-Security-Policy"] = REPORT_POLICY
    return response


def job_file(path: JobFilePath) -> Response:
    """Return one file of a finished job, e.g. `equity.csv`, as a download."""
    suffix = f".{path.name.rpartition('.')[2]}"
    content = _file(path.job_id, path.name)
    response = answer_file(content, _TYPES.get(suffix, "application/octet-stream"))
    response.headers["Content-Disposition"] = f'attachment; filename="{path.name}"'
    response.headers["Content-Security-Policy"] = REPORT_POLICY
    return response


def _file(job_id: str, name: str) -> bytes:
    """Return a file of the job, or say whether to wait for it."""
    ports = parts()
    job = ports.jobs.get(job_id)
    try:
        return ports.artifacts.get(job_id, name)
    except NotFound:
        if job.state in ENDED:
            raise NotFound(f"the job ended as {job.state} and has no file '{name}'") from None
        raise Conflict(f"the job is {job.state}: its files are written when it has ended") from None


def _accepted(job: Job) -> Response:
    response = answer(JobView.of(job), 202)
    response.headers["Location"] = f"/api/v1/jobs/{job.job_id}"
    return response
