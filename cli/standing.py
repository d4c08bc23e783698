"""Where a job truly stands: its committed sessions, also where nobody came to report them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from interfaces.store import TickStore
    from schemas.jobs import Job, RunProgress


def as_committed(job: Job, ticks: TickStore) -> Job:
    """Return the job with its unfinished runs at their committed heads.

    A worker reports now and then, and one that was killed not any more.
    """
    runs = (run if run.state == "completed" else _caught_up(run, ticks) for run in job.runs)
    return job.model_copy(update={"runs": tuple(runs)})


def _caught_up(run: RunProgress, ticks: TickStore) -> RunProgress:
    """Find the head by halving: reading every tick would take seconds on a long run."""
    done, end, last = run.sessions_done, run.sessions_total, run.last_session
    probe = done  # usually nothing was committed after the report
    while done < end:
        tick = next(ticks.ticks(run.run_id, start=probe), None)
        if tick is None:
            end = probe
        else:
            done, last = probe + 1, tick.session
        probe = (done + end) // 2
    return run.model_copy(update={"sessions_done": done, "last_session": last})
