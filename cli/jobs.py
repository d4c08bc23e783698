"""`jobs`: what is stored, where it stands, stopping it, going on, taking its files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.doors import Doors, opened
from cli.output import Json, print_json, print_line, print_table, progress
from cli.outputs import prepare, write
from cli.running import exit_code_of, run_here
from cli.simulate import deliver
from cli.standing import as_committed
from cli.verdict import print_loans

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from schemas.api import JobView
    from schemas.jobs import Job

app = typer.Typer(help="List, watch, stop and resume jobs, and take their files.")
_POLL_SECONDS = 0.5
_RESULTS = "results.json"
JobId = Annotated[str, typer.Argument(metavar="JOB_ID", help="As `jobs list` shows it.")]


@app.command("list")
def list_jobs(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """List jobs, newest first."""
    from pydantic import TypeAdapter, ValidationError

    from schemas.api import JobView
    from schemas.errors import InvalidRequest
    from schemas.jobs import JobState

    try:
        wanted = TypeAdapter[JobState | None](JobState | None).validate_python(state)
    except ValidationError as error:
        raise InvalidRequest(f"'{state}' is no state of a job") from error
    with opened(context) as doors:
        views = [JobView.of(job) for job in doors.jobs.list(state=wanted, limit=limit)]
    if as_json:
        print_json({"jobs": views})
        return
    print_table(
        "",
        ("job", "state", "mode", "models", "dates", ">sessions"),
        (
            (
                view.job_id,
                view.state,
                view.mode,
                ", ".join(view.models),
                f"{view.start_date}..{view.end_date}",
                f"{view.sessions_done}/{view.sessions_total}",
            )
            for view in views
        ),
    )


@app.command()
def show(context: typer.Context, job_id: JobId, as_json: Json = False) -> None:
    """Show where a job and each of its runs stand."""
    from schemas.api import JobView

    with opened(context) as doors:
        job = as_committed(doors.jobs.get(job_id), doors.ticks)
        told = job.request.mode == "loan" and _RESULTS in doors.artifacts.names(job_id)
        results = doors.artifacts.get(job_id, _RESULTS) if told and not as_json else None
    if as_json:
        print_json(JobView.of(job))
        return
    _print_job(JobView.of(job))
    if results is not None:
        from schemas.results import ResultsBundle

        for each in ResultsBundle.model_validate_json(results).jobs:
            print_loans(each)


@app.command()
def watch(context: typer.Context, job_id: JobId, as_json: Json = False) -> None:
    """Follow a job until it has ended; its state is the exit code."""
    from schemas.api import JobView
    from schemas.jobs import ENDED

    with opened(context) as doors:
        job = doors.jobs.get(job_id)
        with progress(job, quiet=as_json) as update:
            while job.state not in ENDED and job.state != "paused":
                for run in job.runs:
                    update(run)
                time.sleep(_POLL_SECONDS)
                job = doors.jobs.get(job_id)
    if as_json:
        print_json(JobView.of(job))
    else:
        _print_job(JobView.of(job))
    raise typer.Exit(exit_code_of(job))


@app.command()
def cancel(context: typer.Context, job_id: JobId, as_json: Json = False) -> None:
    """Stop a job: a queued one at once, a running one after its current session."""
    with opened(context) as doors:
        job = doors.jobs.request_cancel(job_id, now=doors.wall.now())
    _say_state(job, as_json=as_json)


@app.command()
def resume(
    context: typer.Context,
    job_id: JobId,
    *,
    queue: Annotated[
        bool, typer.Option("--queue", help="Leave it to a worker instead of running it here.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the files.")] = None,
    as_json: Json = False,
) -> None:
    """Go on with a job that was stopped, where it stood."""
    with opened(context) as doors:
        job = doors.jobs.get(job_id)
        # A job that Ctrl-C or a crash left behind is queued, or still marked as running.
        if job.state not in {"queued", "running"}:
            job = doors.jobs.resume(job_id, now=doors.wall.now())
        if queue:
            _say_state(job, as_json=as_json)
            return
        folder = out or Path("out") / job_id
        prepare(folder)
        deliver(doors, run_here(doors, job, quiet=as_json, follow=False), folder, as_json=as_json)


@app.command()
def export(
    context: typer.Context,
    job_id: JobId,
    out: Annotated[Path | None, typer.Option(help="Folder; default out/JOB_ID.")] = None,
    as_json: Json = False,
) -> None:
    """Write all files of a finished job to a folder."""
    folder = out or Path("out") / job_id
    with opened(context) as doors:
        files = _files(doors, job_id)
    prepare(folder)
    write(folder, files)
    if as_json:
        print_json({"folder": str(folder), "files": sorted(files)})
    else:
        print_line(f"{folder}: {', '.join(sorted(files))}")


@app.command()
def report(
    context: typer.Context,
    job_id: JobId,
    out: Annotated[Path | None, typer.Option(help="File; default out/JOB_ID/report.html.")] = None,
    as_json: Json = False,
) -> None:
    """Write the report of a finished job, and say where it is."""
    path = out or Path("out") / job_id / "report.html"
    with opened(context) as doors:
        content = _files(doors, job_id)["report.html"]
    prepare(path.parent)
    write(path.parent, {path.name: content})
    if as_json:
        print_json({"report": str(path)})
    else:
        print_line(f"Report: {path}")


def _files(doors: Doors, job_id: str) -> dict[str, bytes]:
    from schemas.errors import Conflict

    job = doors.jobs.get(job_id)
    names = doors.artifacts.names(job_id)
    if not names:
        raise Conflict(f"the job is {job.state} and has no files")
    return {name: doors.artifacts.get(job_id, name) for name in names}


def _say_state(job: Job, *, as_json: bool) -> None:
    from schemas.api import JobView

    if as_json:
        print_json(JobView.of(job))
    else:
        asked = " (asked to stop)" if job.cancel_requested and job.state == "running" else ""
        print_line(f"job {job.job_id} is {job.state}{asked}")


def _print_job(view: JobView) -> None:
    print_line(
        f"job {view.job_id}: {view.state}, {view.mode}, {view.start_date}..{view.end_date}, "
        f"data '{view.data}'" + (f", {view.error}" if view.error else "")
    )
    print_table(
        "",
        ("run", "model", "state", ">sessions", "last session", "error"),
        (
            (
                run.run_id,
                run.model,
                run.state,
                f"{run.sessions_done}/{run.sessions_total}",
                run.last_session,
                run.error,
            )
            for run in view.runs
        ),
    )
