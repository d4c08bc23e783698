"""Running a stored job in this process, and saying what came of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.group import DONE, FAILED, INTERRUPTED, REFUSED, UNAVAILABLE
from cli.output import note, print_table, progress
from cli.verdict import decision_of, print_loans

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from collections.abc import Generator

    from cli.doors import Doors
    from schemas.jobs import Job
    from schemas.results import JobResults, ResultsBundle, RunResult

DRAINING = "stopping after the session under way ..."
_EXIT_CODES = {
    "completed": DONE,
    "partial": FAILED,
    "failed": FAILED,
    "paused": UNAVAILABLE,
    "cancelled": REFUSED,
    "budget_exhausted": REFUSED,
    "queued": INTERRUPTED,
    "running": INTERRUPTED,
}


def run_here(doors: Doors, job: Job, *, quiet: bool, follow: bool = True) -> Job:
    """Drain a stored job through the worker in this process and return it as it then stands.

    Another worker on the same store may be quicker: then it is followed to its end, or refused
    without `follow`. Ctrl-C and SIGTERM stop after the session under way; the job stays stored.
    """
    drain = threading.Event()
    with draining(drain, DRAINING), progress(job, quiet=quiet) as watch:
        worker = doors.worker(drain)
        if not follow:
            return worker.run_job(job.job_id, watch)
        return worker.see_through(job.job_id, watch, says=note)


@contextmanager
def draining(drain: threading.Event, says: str) -> Generator[None]:
    """Turn the first Ctrl-C or SIGTERM into a drain, and say so; a second Ctrl-C interrupts."""

    def stop(number: int, _frame: object) -> None:
        if drain.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not drain.is_set():
            note(says)
        drain.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code_of(job: Job) -> int:
    """Return what the process ends with when this is how the job stands; says so unless done."""
    code = _EXIT_CODES[job.state]
    if code == INTERRUPTED:
        note(f"job {job.job_id} is stored; go on with `alphashield jobs resume {job.job_id}`")
    elif code != DONE:
        note(f"job {job.job_id} ended as {job.state}" + (f": {job.error}" if job.error else ""))
    return code


def summary(bundle: ResultsBundle) -> list[dict[str, object]]:
    """Return each run's headline figures, for `--json`."""
    return [_headline(run) for results in bundle.jobs for run in results.runs]


def _headline(run: RunResult) -> dict[str, object]:
    decision, reasons = decision_of(run) if run.loan else (None, None)
    return {
        "model": run.model,
        "state": run.state,
        "run_key": run.run_key,
        "ledger_hash": run.ledger_hash,
        "equity": run.curve.equity[-1] if run.curve.equity else None,
        "total_return": run.metrics.total_return if run.metrics else None,
        "sharpe": run.metrics.sharpe if run.metrics else None,
        "max_drawdown": run.metrics.max_drawdown if run.metrics else None,
        "costs": run.costs.total,
        "trades": len(run.trades),
        "loan_status": run.loan.final.status if run.loan else None,
        "loan_decision": decision,
        "loan_reasons": reasons,
    }


def print_results(bundle: ResultsBundle) -> None:
    """Print a table for each job: every run, then the yardsticks beside it."""
    for results in bundle.jobs:
        if results.request.mode == "loan":
            print_loans(results)
        else:
            _print_arena(results)


def _print_arena(results: JobResults) -> None:
    columns = ("", ">end", ">return", ">Sharpe", ">worst fall", ">costs", ">trades")
    rows: list[Sequence[object]] = [_arena_row(run) for run in results.runs]
    for yardstick in results.benchmarks:
        metrics = yardstick.metrics
        rows.append(
            (
                f"({yardstick.name})",
                f"{yardstick.equity[-1]:,.2f}" if yardstick.equity else "",
                _percent(metrics.total_return if metrics else None),
                _figure(metrics.sharpe if metrics else None),
                _percent(metrics.max_drawdown if metrics else None),
                "",
                "",
            )
        )
    print_table(results.title, columns, rows)


def _arena_row(run: RunResult) -> Sequence[object]:
    metrics = run.metrics
    return (
        run.model if run.state == "completed" else f"{run.model} ({run.state})",
        f"{run.curve.equity[-1]:,.2f}" if run.curve.equity else "",
        _percent(metrics.total_return if metrics else None),
        _figure(metrics.sharpe if metrics else None),
        _percent(metrics.max_drawdown if metrics else None),
        f"{run.costs.total:,.2f}",
        len(run.trades),
    )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:,.1f} %"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
