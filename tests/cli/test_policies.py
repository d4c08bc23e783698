"""How orders fill and what the gate enforces: from the home folder, or from a file of one's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.store.connect import Store
from api.app import from_settings
from tests.cli.conftest import Outcome

Run = Callable[..., Outcome]
MONTH = ("--start", "2020-01-02", "--end", "2020-01-10", "--universe", "AAPL,KO")
WORDS = ("simulate", "--models", "baseline:equal-weight", *MONTH, "--json", "--out", "out")
TINY = "- {id: tiny, description: none above a dollar, measure: order_value, max: 1}\n"


@pytest.fixture
def house_rules(home: Path) -> Iterator[Path]:
    path = home / "rules.yaml"
    path.write_text(TINY)
    yield path
    path.unlink()


def results(folder: Path) -> Any:
    return json.loads((folder / "out" / "results.json").read_text())["jobs"][0]


@pytest.mark.promise("risk-limits")
def test_a_rule_of_the_house_denies_orders_of_every_run(
    run: Run, house_rules: Path, tmp_path: Path
) -> None:
    done = run(*WORDS)
    assert done.code == 0, done.err
    found = results(tmp_path)
    assert [rule["id"] for rule in found["request"]["limits"]["rules"]] == ["tiny"]
    (only,) = found["runs"]
    assert only["trades"] == []
    assert {order["status"] for order in only["refused_orders"]} == {"denied"}
    assert all("tiny" in order["status_reason"] for order in only["refused_orders"])


@pytest.mark.promise("risk-limits")
def test_a_rule_of_the_house_counts_over_http_as_well(
    home: Path, store: Store, house_rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPHASHIELD_HOME", str(home))
    body = {
        "models": ["baseline:equal-weight"],
        "start_date": "2020-01-02",
        "end_date": "2020-01-10",
    }
    answer = from_settings().test_client().post("/api/v1/jobs", json=body)
    assert answer.status_code == 202
    stored = store.jobs.get(answer.get_json()["job_id"])
    assert [rule.id for rule in stored.request.limits.rules] == ["tiny"]


def test_execution_and_limits_come_from_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "execution.yaml").write_text(
        "commission: {kind: per_order, fee: '3.00'}\nspread: {kind: fixed, half_bps: 0}\n"
    )
    (tmp_path / "limits.json").write_text('{"max_position_share": 0.3}')
    done = run(*WORDS, "--execution", "execution.yaml", "--limits", "limits.json")
    assert done.code == 0, done.err
    asked = results(tmp_path)["request"]
    assert asked["execution"]["commission"] == {"kind": "per_order", "fee": "3.00"}
    assert asked["limits"]["max_position_share"] == 0.3


@pytest.mark.parametrize(
    ("option", "content", "says"),
    [
        ("--execution", "fills: {kind: guess}", "fills"),
        ("--execution", "commission: {kind: bps, bps: -1}", "bps"),
        ("--execution", "impact: {kind: square_root}", "has closes only, no volume"),
        ("--execution", "spread: {kind: corwin_schultz}", "no highs and lows"),
        (
            "--execution",
            "spread: {kind: corwin_schultz, floor_half_bps: 5, cap_half_bps: 1}",
            "floor_half_bps lies above cap_half_bps",
        ),
        ("--limits", "max_position_share: .nan", "max_position_share"),
        ("--limits", "max_gross_share: 2", "allow_leverage"),
        ("--limits", "rules: [{id: a, measure: order_value}]", "give either max or min"),
        ("--limits", "restricted: [ZZZZ]", "ZZZZ"),
        ("--limits", "rules: [{id: a, measure: order_value, max: 1, symbols: [NOPE]}]", "NOPE"),
        ("--limits", "- one", "holds no settings by name"),
        ("--limits", "{", "neither YAML nor JSON"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_in_a_sentence(
    run: Run, tmp_path: Path, option: str, content: str, says: str
) -> None:
    (tmp_path / "policy.yaml").write_text(content)
    done = run(*WORDS, option, "policy.yaml")
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()
