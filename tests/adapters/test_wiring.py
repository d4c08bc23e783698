"""What one installation sets up once: its limits and rules, and its kill switch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.wiring import open_kill_switch, open_system
from config.settings import Settings
from schemas.errors import BadConfiguration
from tests.contracts.kill_switch import LATER, a_halt

RULE = {"id": "no-giants", "measure": "order_value", "max": "10000"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "home").mkdir()
    return Settings.model_construct(home=tmp_path / "home")


def test_rules_of_ones_own_are_in_force_and_named_with_their_file(settings: Settings) -> None:
    (settings.home / "rules.json").write_text(json.dumps([RULE]))
    with open_system(settings) as system:
        shown = system.risk_in_force()
        assert "no-giants" in [rule.id for rule in system.risk.limits_for("anybody").rules]
        assert shown.limits.default == system.risk.limits_for("anybody")
    (rule,) = [each for each in shown.rules.rules if each.rule.id == "no-giants"]
    assert rule.file == "rules.json"
    assert rule.strategies == ("default", *shown.limits.strategies)
    assert "default" not in shown.limits.strategies


def test_rules_that_cannot_be_understood_refuse_to_start_but_not_the_kill_switch(
    settings: Settings,
) -> None:
    (settings.home / "rules.yaml").write_text("- id: no-giants\n  measure: hope\n  max: 1\n")
    with pytest.raises(BadConfiguration, match=r"rules\.yaml"), open_system(settings):
        pass
    with open_kill_switch(settings) as (switch, _):
        assert switch.pull(a_halt()) == a_halt()
        assert switch.release(by="Grace Hopper", now=LATER) == a_halt()


def test_two_files_of_rules_refuse_to_start(settings: Settings) -> None:
    for name in ("rules.yaml", "rules.json"):
        (settings.home / name).write_text(json.dumps([RULE]))
    with pytest.raises(BadConfiguration, match="keep one"), open_system(settings):
        pass
