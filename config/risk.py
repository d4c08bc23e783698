"""Limits of the risk gate, per portfolio and per strategy; rules from a file of one's own.

What cannot be understood refuses to start: the error names the file, the rule or strategy, and the
field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from schemas.base import Message, Symbol
from schemas.errors import BadConfiguration
from schemas.risk import RiskLimits, Rule, Sector

_HERE = Path(__file__).parent
DEFAULT = "default"
_MERGED = frozenset({"breakers", "correlation", "sizing", "sectors"})
_MOST_BYTES = 1_000_000


class RiskBook(Message):
    """What the gate enforces for each strategy."""

    portfolio: RiskLimits = RiskLimits()
    strategies: dict[str, RiskLimits] = Field(
        default_factory=dict[str, RiskLimits],
        description="by the model's name, the portfolio's limits merged in; `default`: all others",
    )

    def limits_for(self, model: str) -> RiskLimits:
        """Return the limits of a model, of `default`, or the portfolio's."""
        return self.strategies.get(model) or self.strategies.get(DEFAULT) or self.portfolio


def load_risk(
    path: Path = _HERE / "risk.yaml",
    *,
    rules_file: Path | None = None,
    sectors_file: Path = _HERE / "sectors.yaml",
) -> RiskBook:
    """Return the limits of a file, with the rules of another one for every strategy.

    A strategy's section says what differs from `default`, that one what differs from the
    portfolio. Raises `BadConfiguration`.
    """
    content = _mapping(_read(path), path.name, "")
    unknown = sorted(set(content) - {"portfolio", "strategies"})
    if unknown:
        raise BadConfiguration(
            f"{path.name}: {unknown[0]} is no section; there are portfolio and strategies"
        )
    rules = [] if rules_file is None else [_plain(rule) for rule in load_rules(rules_file)]
    given = _mapping(content.get("portfolio"), path.name, "portfolio")
    portfolio = _merged(given, {"rules": rules})
    sectors = load_sectors(sectors_file)
    sections = _mapping(content.get("strategies"), path.name, "strategies")
    common = _merged(portfolio, _mapping(sections.get(DEFAULT), path.name, "strategies.default"))
    strategies: dict[str, RiskLimits] = {}
    for name, section in sections.items():
        where = f"strategies.{name}"
        own = common if name == DEFAULT else _merged(common, _mapping(section, path.name, where))
        strategies[name] = with_sectors(_limits(own, f"{path.name}: {where}"), sectors)
    limits = _limits(portfolio, f"{path.name}: portfolio")
    return RiskBook(portfolio=with_sectors(limits, sectors), strategies=strategies)


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Return the rules of a YAML or JSON file: a list, or `{"rules": [...]}`.

    Raises `BadConfiguration`, which names the file, the rule (by its id, or its number) and the
    field.
    """
    content = _read(path)
    if isinstance(content, dict):
        content = _mapping(cast("object", content), path.name, "").get("rules")
    if not isinstance(content, list):
        raise BadConfiguration(f"{path.name}: a list of rules is wanted")
    rules: list[Rule] = []
    for number, raw in enumerate(cast("list[object]", content), start=1):
        try:
            rules.append(Rule.model_validate(raw))
        except ValidationError as error:
            name = _id_of(raw) or number
            raise BadConfiguration(f"{path.name}: rule {name}: {_first(error)}") from error
    names = [rule.id for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadConfiguration(f"{path.name}: rule {twice[0]}: id is given twice")
    return tuple(rules)


def load_sectors(path: Path = _HERE / "sectors.yaml") -> dict[str, str]:
    """Return which sector each bundled stock belongs to."""
    try:
        return TypeAdapter(dict[Symbol, Sector]).validate_python(_read(path))
    except ValidationError as error:
        raise BadConfiguration(f"{path.name}: {_first(error)}") from error


def with_sectors(limits: RiskLimits, sectors: Mapping[str, str]) -> RiskLimits:
    """Return the limits with that map where they ask for sectors and bring none."""
    asks = limits.max_sector_share is not None or any(
        rule.sectors or rule.measure == "sector_share" for rule in limits.rules
    )
    if not asks or limits.sectors:
        return limits
    return limits.model_copy(update={"sectors": dict(sectors)})


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = {**base, **over}
    for name in _MERGED & base.keys() & over.keys():
        if isinstance(base[name], dict) and isinstance(over[name], dict):
            result[name] = {**base[name], **over[name]}
    if isinstance(base.get("rules"), list) and isinstance(over.get("rules"), list):
        result["rules"] = _added(base["rules"], over["rules"])
    return result


def _added(before: list[Any], after: list[Any]) -> list[Any]:
    """Add rules to others; one with a known id takes that one's place."""
    ours = {_id_of(rule) for rule in after} - {None}
    return [*(rule for rule in before if _id_of(rule) not in ours), *after]


def _id_of(rule: object) -> str | None:
    if not isinstance(rule, dict):
        return None
    name = cast("dict[object, object]", rule).get("id")
    return name if isinstance(name, str) else None


def _limits(values: Mapping[str, Any], where: str) -> RiskLimits:
    try:
        return RiskLimits.model_validate(values)
    except ValidationError as error:
        raise BadConfiguration(f"{where}: {_first(error, values)}") from error


def _first(error: ValidationError, values: Mapping[str, Any] | None = None) -> str:
    """Say the first thing that is wrong; a rule among others is named by its id."""
    found = error.errors(include_url=False, include_context=False)[0]
    parts = [str(part) for part in found["loc"]]
    if values is not None and len(parts) > 1 and parts[0] == "rules":
        name = _id_of(values["rules"][int(parts[1])]) or int(parts[1]) + 1
        parts = [f"rule {name}", *parts[2:]]
    return f"{'.'.join(parts)} {found['msg']}".strip()


def _plain(rule: Rule) -> dict[str, Any]:
    return rule.model_dump(exclude_unset=True)


def _mapping(value: object, file: str, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        told = f"{where} " if where else ""
        raise BadConfiguration(f"{file}: {told}holds no settings by name")
    return {str(name): each for name, each in cast("dict[object, Any]", value).items()}


class _Once(yaml.SafeLoader):
    """YAML in which a name that is given twice is a mistake: the first of two limits counts for
    nothing otherwise.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 -- yaml's signature
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(
                problem=f"{twice[0]} is given twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _read(path: Path) -> object:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadConfiguration(f"{path.name} is too large to be read")
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":  # by its own reader: YAML takes 1e-3 for a word
            return json.loads(text, object_pairs_hook=_pairs)
        return yaml.load(text, Loader=_Once)  # noqa: S506 -- a SafeLoader
    except OSError as error:
        raise BadConfiguration(f"{path.name} cannot be read: {error.strerror}") from error
    except yaml.constructor.ConstructorError as error:
        raise BadConfiguration(f"{path.name}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadConfiguration(f"{path.name} is neither YAML nor JSON") from error
