"""`ledger`: checking that the books are as they were written."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.doors import opened
from cli.group import FAILED
from cli.output import Json, counted, print_json, print_line

app = typer.Typer(help="The hash-chained books of every run.")


@app.callback()
def ledger() -> None:
    """The hash-chained books of every run."""


@app.command()
def verify(
    context: typer.Context,
    job_id: Annotated[str, typer.Argument(metavar="JOB_ID")],
    as_json: Json = False,
) -> None:
    """Recompute every entry's hash from the store and name the first altered one."""
    from orchestrator.audit import audit_run

    with opened(context) as doors:
        job = doors.jobs.get(job_id)
        found = [(run, audit_run(run.run_id, doors.ticks)) for run in job.runs]
    if as_json:
        runs = [
            {"run_id": run.run_id, "model": run.model, "verification": result}
            for run, result in found
        ]
        print_json({"job_id": job_id, "runs": runs})
    else:
        for run, result in found:
            said = (
                f"sound, {counted(result.transactions, 'transaction')}, "
                f"newest hash {result.ledger_hash}"
                if result.fault is None
                else f"ALTERED at transaction {result.fault.transaction}: {result.fault.what}"
            )
            print_line(f"{run.model}: {said}")
    if any(result.fault for _, result in found):
        raise typer.Exit(FAILED)
