"""A results bundle for tests: a loan and an arena on prices that do not exist."""

from __future__ import annotations

from datetime import UTC, date, datetime

from schemas.base import sha256_of
from schemas.ledger import Entry, Transaction
from schemas.results import (
    Execution,
    JobResults,
    Manifest,
    ManifestRun,
    ResultsBundle,
)
from tests.orchestrator.report_arena_sample import CASH, DATASET, START, arena_job
from tests.orchestrator.report_loan_sample import loan_job


def bundle(*jobs: JobResults) -> ResultsBundle:
    return ResultsBundle(code_version="test-0", jobs=jobs or (loan_job(), arena_job()))


def small_bundle() -> ResultsBundle:
    """The loan and two models over a fifth of the sessions: quick to render."""
    return bundle(loan_job(), arena_job(("buy-and-hold", "momentum"), date(2020, 8, 31)))


def manifest(results: ResultsBundle, *, second: int = 0) -> Manifest:
    moment = datetime(2030, 1, 1, 12, 0, second, tzinfo=UTC)
    return Manifest(
        code_version=results.code_version,
        requests=tuple(job.request for job in results.jobs),
        data_hashes={"invented": DATASET.data_hash},
        versions={"numpy": "0"},
        runs=tuple(
            ManifestRun(model=run.model, run_key=run.run_key, ledger_hash=run.ledger_hash)
            for job in results.jobs
            for run in job.runs
        ),
        files={},
        repeat="alphashield simulate --models baseline:buy-and-hold --data invented",
        execution=Execution(
            job_ids=("j",), run_ids=("r",), started_at=moment, finished_at=moment,
            host_python="3", platform="test",
        ),
    )  # fmt: skip


def ledger(results: ResultsBundle) -> list[tuple[str, Transaction]]:
    """One chained deposit and one trade a model."""
    found: list[tuple[str, Transaction]] = []
    for run in (run for job in results.jobs for run in job.runs):
        previous = "0" * 64
        for k, kind in enumerate(("deposit", "trade")):
            entries: list[Entry] = []
            for account, sign in (("assets:cash", 1), ("equity:capital", -1)):
                digest = sha256_of([previous, account])
                entries.append(
                    Entry(account=account, amount=CASH * sign, currency="USD", previous=previous,
                          hash=digest)
                )  # fmt: skip
                previous = digest
            found.append(
                (run.model, Transaction(transaction_id=f"t{k}", sequence=k, kind=kind,
                                        session=START, description="=1+1 looks like a formula",
                                        entries=tuple(entries)))
            )  # fmt: skip
    return found
