"""`demo`: the main job, from nothing to one report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Outcome


def test_the_demo_ends_with_one_report_on_a_loan_and_an_arena(
    run: Callable[..., Outcome], tmp_path: Path
) -> None:
    done = run("demo")
    assert done.code == 0, done.err
    assert "Report: out/demo/report.html" in done.out
    folder = tmp_path / "out" / "demo"
    loan, arena = json.loads((folder / "results.json").read_text())["jobs"]
    assert loan["runs"][0]["loan"]["final"]["instalments_paid"] == 36
    assert [run["model"] for run in arena["runs"]] == [
        "baseline:buy-and-hold",
        "baseline:equal-weight",
        "baseline:momentum",
        "baseline:min-variance",
    ]
    assert len(arena["benchmarks"]) == 2
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["repeat"] == "alphashield demo"
    assert len(manifest["requests"]) == 2
    assert len(manifest["runs"]) == 5
    assert (folder / "report.html").read_text().count("<html") == 1
