"""The report: one HTML file that needs no network, no font and no JavaScript.

Everything in a bundle is untrusted text and is escaped. A content security policy allows exactly
this file's own style sheet and script, by their hashes, and nothing else.
"""

from __future__ import annotations

from orchestrator.report.page import render_page
from orchestrator.report.views import job_view
from orchestrator.report.words import MONTHS, count
from schemas.market import DatasetInfo
from schemas.results import ResultsBundle

PRICES_ENDED = "no price after"
"""How an assumption on symbols whose prices end before the run does is told from the others."""


def render_report(bundle: ResultsBundle, *, manifest_repeat: str) -> str:
    """Write the report of a bundle; `manifest_repeat` is the command that repeats it.

    Pure: the same bundle gives the same text.
    """
    jobs = [job_view(job, n) for n, job in enumerate(bundle.jobs, 1)]
    datasets = {job.dataset.name: job.dataset for job in bundle.jobs}
    return render_page(
        "report.html.j2",
        styles=("report.css",),
        script="report.js",
        bundle=bundle,
        jobs=jobs,
        datasets=[
            (dataset, [*caveats(dataset), *_ended(bundle, name)])
            for name, dataset in datasets.items()
        ],
        repeat=manifest_repeat,
        months=MONTHS,
        title=_title(bundle),
    )


def caveats(dataset: DatasetInfo) -> list[str]:
    """Return what the data set says of its limits, and what it should have said."""
    said = list(dataset.caveats)
    told = " ".join(said).lower()
    if dataset.close_only and "close" not in told:
        said.append("There are closing prices only: every order fills at the close of its session.")
    if dataset.adjustment not in ("raw", "unknown") and "adjusted" not in told:
        said.append(
            "Prices are adjusted backwards from the end of the data, so their level carries a "
            "little of the future."
        )
    if dataset.adjustment == "unknown" and "adjust" not in told:
        said.append("Whether prices are adjusted for splits and dividends is not known.")
    return said


def _ended(bundle: ResultsBundle, dataset: str) -> list[str]:
    """Return the assumptions on symbols whose prices ended early: they bear on every figure."""
    said = (text for job in bundle.jobs if job.dataset.name == dataset for text in job.assumptions)
    return list(dict.fromkeys(text for text in said if PRICES_ENDED in text.lower()))


def _title(bundle: ResultsBundle) -> str:
    if len(bundle.jobs) == 1:
        return bundle.jobs[0].title
    return f"Report on {count(len(bundle.jobs), 'simulation')}"
