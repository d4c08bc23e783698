"""Limits and rules are read exactly, merged as the file says, and refused by name when wrong."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

import config.risk
from config.catalogue import load_universes
from config.risk import RiskBook, load_risk, load_rules, load_sectors
from schemas.errors import BadConfiguration
from schemas.risk import RiskLimits, Rule


def written(folder: Path, text: str, name: str = "risk.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_defaults_mean_the_same_whichever_door_a_request_came_by() -> None:
    book = load_risk()
    assert book == RiskBook(portfolio=RiskLimits())
    assert book.limits_for("baseline:momentum") == RiskLimits()


def test_the_file_names_every_limit_with_the_value_it_has() -> None:
    shown = yaml.safe_load((Path(config.risk.__file__).parent / "risk.yaml").read_text("utf-8"))
    assert set(RiskLimits.model_fields) - set(shown["portfolio"]) == {"sectors", "sizing"}


def test_the_examples_in_the_file_are_valid(tmp_path: Path) -> None:
    text = (Path(config.risk.__file__).parent / "risk.yaml").read_text("utf-8")
    text = text.replace("  rules: []\n", "  rules:\n").replace("strategies: {}\n", "strategies:\n")
    lines = [
        line.replace("  # ", "  ", 1) if line.startswith(("  # - ", "  #   ")) else line
        for line in text.splitlines()
    ]
    lines = [line[1:] if line.startswith("#  ") else line for line in lines]
    book = load_risk(written(tmp_path, "\n".join(lines)))
    assert [rule.id for rule in book.portfolio.rules] == [
        "no-falling-knives",
        "small-energy",
        "cash-at-the-close",
    ]
    assert book.limits_for("baseline:momentum").max_position_share == Decimal("0.4")
    assert book.limits_for("another").max_position_share == Decimal("0.25")


def test_a_strategy_says_what_differs_and_the_default_is_for_the_others(tmp_path: Path) -> None:
    book = load_risk(
        written(
            tmp_path,
            """
            portfolio:
              max_position_share: 0.5
              breakers: {mode: enforce, losing_days: 5}
              rules: [{id: a, measure: order_value, max: 10}]
            strategies:
              default: {max_positions: 7}
              "baseline:momentum":
                max_position_share: 0.2
                breakers: {losing_days: 3}
                rules:
                  - {id: a, measure: order_value, max: 20}
                  - {id: b, measure: gross_share, max: 1}
            """,
        )
    )
    own, other = book.limits_for("baseline:momentum"), book.limits_for("openai:any")
    assert (own.max_position_share, own.max_positions) == (Decimal("0.2"), 7)
    assert (own.breakers.mode, own.breakers.losing_days) == ("enforce", 3)
    assert [(rule.id, rule.max) for rule in own.rules] == [("a", 20), ("b", 1)]
    assert (other.max_position_share, other.max_positions) == (Decimal("0.5"), 7)
    assert other.breakers.losing_days == 5
    assert book.portfolio.max_positions is None


def test_an_empty_section_changes_nothing(tmp_path: Path) -> None:
    assert load_risk(written(tmp_path, "portfolio:\nstrategies:\n")) == RiskBook()
    book = load_risk(written(tmp_path, "strategies: {default: }\nportfolio: {max_positions: 3}"))
    assert book.limits_for("x").max_positions == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("portfolio: {max_position_share: 2}", "portfolio: max_position_share .*less than"),
        ("portfolio: {max_position_share: .nan}", "portfolio: max_position_share"),
        ("portfolio: {max_positon_share: 1}", "portfolio: max_positon_share"),
        ("portfolio: {tail: [{confidence: '0.99'}]}", "portfolio: tail.0 .*max_var"),
        ("strategies: {x: {max_positions: 0}}", "strategies.x: max_positions"),
        ("portfolio: {rules: [{id: a, measure: size, max: 1}]}", "portfolio: rule a.measure"),
        ("portfolio: {rules: [{id: a, measure: gross_share}]}", "rule a: give either max or min"),
        ("portfolio: {rules: [7]}", "portfolio: rule 1"),
        ("max_position_share: 1", "max_position_share is no section"),
        ("portfolio: [1]", "portfolio holds no settings"),
        ("strategies: {x: 1}", "strategies.x holds no settings"),
        ("portfolio: {max_positions: 1, max_positions: 2}", "max_positions is given twice"),
        ("portfolio: {max_gross_share: 2}", "allow_leverage or allow_short"),
        ("[", "neither YAML nor JSON"),
        ("\x00", "neither YAML nor JSON"),
    ],
)
def test_limits_that_cannot_be_are_refused_by_file_and_field(
    text: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(BadConfiguration, match=f"^risk.yaml.*{says}"):
        load_risk(written(tmp_path, text))


def test_a_file_that_is_not_there_refuses_to_start(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"none\.yaml cannot be read: No such file"):
        load_risk(tmp_path / "none.yaml")


RULES = [
    {"id": "small", "action": "trim", "measure": "position_share", "max": 0.1},
    {"id": "cash", "when": "post_trade", "action": "check", "measure": "cash_share", "min": "0.02"},
]


def test_rules_are_the_same_from_yaml_and_json_and_with_or_without_a_name(tmp_path: Path) -> None:
    expected = tuple(Rule.model_validate(rule) for rule in RULES)
    for name, content in (
        ("rules.json", json.dumps(RULES)),
        ("rules.json", json.dumps({"rules": RULES})),
        ("rules.yaml", yaml.safe_dump(RULES)),
        ("rules.yml", yaml.safe_dump({"rules": RULES})),
    ):
        assert load_rules(written(tmp_path, content, name)) == expected
    assert expected[0].max == Decimal("0.1")


def test_a_rules_file_adds_to_every_strategy(tmp_path: Path) -> None:
    rules = written(tmp_path, json.dumps(RULES), "rules.json")
    limits = written(
        tmp_path,
        "strategies: {x: {rules: [{id: small, measure: gross_share, max: 1}]}}",
    )
    book = load_risk(limits, rules_file=rules)
    assert [rule.id for rule in book.limits_for("y").rules] == ["small", "cash"]
    assert [rule.id for rule in book.limits_for("x").rules] == ["cash", "small"]
    assert book.limits_for("x").rules[1].measure == "gross_share"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([{"id": "a", "measure": "order_value", "max": 1, "sides": ["hold"]}], "rule a: sides.0"),
        ([{"id": "a", "measure": "order_value"}], "rule a: .*give either max or min"),
        ([{"id": "A!", "measure": "order_value", "max": 1}], "rule A!: id"),
        ([{"measure": "order_value", "max": 1}], "rule 1: id"),
        ([*RULES, RULES[0]], "rule small: id is given twice"),
        ([{**RULES[0], "measure": "gross_share"}], "rule small: .*can be trimmed"),
        ([{**RULES[0], "max": None, "min": 1}], "rule small: .*can be trimmed"),
        ([{**RULES[1], "action": "reject"}], "rule cash: .*post_trade rule checks"),
        ([{**RULES[1], "measure": "order_value"}], "rule cash: .*after a trade"),
        ({"rule": RULES}, "a list of rules"),
        ("text", "a list of rules"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_file_rule_and_field(
    content: object, says: str, tmp_path: Path
) -> None:
    for name in ("rules.json", "rules.yaml"):
        with pytest.raises(BadConfiguration, match=f"^{name}: {says}"):
            load_rules(written(tmp_path, json.dumps(content), name))


@pytest.mark.parametrize("text", ['[{"id": "a", "id": "b"}]', '[{"max": NaN', "{" * 100_000])
def test_json_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="neither YAML nor JSON"):
        load_rules(written(tmp_path, text, "rules.json"))


def test_a_bound_that_is_no_number_is_refused(tmp_path: Path) -> None:
    text = '[{"id": "a", "measure": "gross_share", "max": NaN}]'
    with pytest.raises(BadConfiguration, match=r"rule a: max"):
        load_rules(written(tmp_path, text, "rules.json"))


def test_every_bundled_stock_has_a_sector() -> None:
    assert set(load_sectors()) == set(load_universes()["bundled-20"].symbols)


def test_the_sectors_of_the_bundled_stocks_are_used_where_a_limit_asks_for_them(
    tmp_path: Path,
) -> None:
    book = load_risk(
        written(
            tmp_path,
            """
            portfolio: {max_sector_share: 0.3}
            strategies:
              own: {sectors: {AAPL: Fruit}}
              rule: {max_sector_share: null, rules: [{id: a, measure: sector_share, max: 1}]}
              none: {max_sector_share: null}
            """,
        )
    )
    assert book.portfolio.sectors["XOM"] == "Energy"
    assert book.limits_for("own").sectors == {"AAPL": "Fruit"}
    assert book.limits_for("rule").sectors == load_sectors()
    assert book.limits_for("none").sectors == {}
