"""`doctor --canaries`: the suite that runs before every job, alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator import worker
from schemas.canaries import CanaryReport
from tests.orchestrator.test_canaries import Restates, viewed_by

Run = Callable[..., Any]


def test_the_canaries_can_be_asked_alone(run: Run) -> None:
    said = run("doctor", "--canaries")
    assert said.code == 0
    assert "9 of 9 canaries silent." in said.out
    assert "OPENAI_API_KEY" not in said.out  # nothing else is looked at
    report = CanaryReport.model_validate(run("doctor", "--canaries", "--json").json)
    assert report.alarm is None


def test_a_failed_canary_is_shown_and_ends_with_5(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = CanaryReport.model_validate(run("doctor", "--canaries", "--json").json)
    first, *others = report.canaries
    loud = first.model_copy(update={"passed": False, "says": "it sang."})
    failed = report.model_copy(update={"canaries": (loud, *others)})
    monkeypatch.setattr(worker, "check_canaries", lambda *_: failed)
    said = run("doctor", "--canaries")
    assert said.code == 5
    assert "8 of 9 canaries silent." in said.out
    assert "it sang." in said.out
    assert run("doctor", "--canaries", "--json").code == 5


def test_it_sings_over_a_view_that_shows_restated_values_early(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, spoil = worker.run_ports, viewed_by(Restates)
    monkeypatch.setattr(worker, "run_ports", lambda *a, **k: spoil(honest(*a, **k)))
    said = run("doctor", "--canaries", "--json")
    assert said.code == 5
    report = CanaryReport.model_validate(said.json)
    assert "restated-values" in [each.name for each in report.canaries if not each.passed]
