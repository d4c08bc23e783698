"""One report for several finished jobs."""

from __future__ import annotations

from collections.abc import Sequence

from interfaces.store import ArtifactStore, TickStore
from orchestrator.report.files import render_files
from schemas.jobs import Job
from schemas.results import Execution, Manifest, ResultsBundle


def publish_jointly(
    jobs: Sequence[Job], *, artifacts: ArtifactStore, ticks: TickStore, repeat: str
) -> dict[str, bytes]:
    """Return the files of several finished jobs as those of one, by name; `repeat` repeats all."""
    bundles = [
        ResultsBundle.model_validate_json(artifacts.get(job.job_id, "results.json")) for job in jobs
    ]
    manifests = [
        Manifest.model_validate_json(artifacts.get(job.job_id, "manifest.json")) for job in jobs
    ]
    bundle = bundles[0].model_copy(
        update={"jobs": tuple(results for each in bundles for results in each.jobs)}
    )
    transactions = [
        (run.model, transaction)
        for job in jobs
        for run in job.runs
        for tick in ticks.ticks(run.run_id)
        for transaction in tick.transactions
    ]
    return render_files(bundle, _joined(manifests, repeat), transactions)


def _joined(manifests: Sequence[Manifest], repeat: str) -> Manifest:
    executions = [each.execution for each in manifests]
    first = manifests[0]
    return first.model_copy(
        update={
            "requests": tuple(request for each in manifests for request in each.requests),
            "data_hashes": {k: v for each in manifests for k, v in each.data_hashes.items()},
            "runs": tuple(run for each in manifests for run in each.runs),
            "files": {},
            "repeat": repeat,
            "execution": Execution(
                job_ids=tuple(job for each in executions for job in each.job_ids),
                run_ids=tuple(run for each in executions for run in each.run_ids),
                started_at=min(each.started_at for each in executions),
                finished_at=max(each.finished_at for each in executions),
                host_python=first.execution.host_python,
                platform=first.execution.platform,
            ),
        }
    )
