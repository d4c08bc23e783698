"""`doctor --canaries`: the suite that runs before every job, alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator import worker
from schemas.canaries import CanaryReport

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
