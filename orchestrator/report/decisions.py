"""Every decision of a run as rows to read; runs of identical quiet ones share a row, openly."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from pydantic import BaseModel

from orchestrator.report.words import NONE, count, date_list, human, listing, number, percent
from schemas.agents import AgentDecision, AgentOutput, Reason, TradingDecision
from schemas.results import DecisionRecord

QUIET = frozenset({"hold", "clear", "none"})
"""Actions that change nothing: the only ones whose repetitions share a row."""
_SAID_ELSEWHERE = {*AgentOutput.model_fields, "kind", "action"}
_DIGITS = re.compile(r"\d[\d.,]*")


@dataclass(frozen=True)
class DecisionRow:
    """One decision, or a run of quiet ones that differ at most in their figures."""

    first: date
    last: date
    sessions: int
    agent: str
    action: str
    rationale: str
    facts: tuple[tuple[str, str], ...]
    reasons: tuple[Reason, ...]
    features: tuple[tuple[str, str], ...]
    basis: str
    dates: tuple[tuple[str, str], ...]
    each: tuple[tuple[date, str], ...]
    abstained: bool


def _parts(value: object) -> tuple[object, ...]:
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else ()


def decision_rows(records: Sequence[DecisionRecord]) -> list[DecisionRow]:
    """Group per agent, in time, and sort by the first session."""
    groups: list[list[DecisionRecord]] = []
    newest: dict[str, list[DecisionRecord]] = {}
    for record in records:
        agent = record.decision.agent
        group = newest.get(agent)
        if group is None or not _alike(group[0], record):
            group = list[DecisionRecord]()
            groups.append(group)
            newest[agent] = group
        group.append(record)
    return [_row(group) for group in groups]


def _alike(one: DecisionRecord, other: DecisionRecord) -> bool:
    mine, theirs = _quiet_key(one.decision), _quiet_key(other.decision)
    return mine is not None and mine == theirs


def _quiet_key(decision: AgentDecision) -> tuple[object, ...] | None:
    """Say what two quiet decisions must share; None for one that stands alone."""
    output = decision.output
    if output is None or output.action not in QUIET:
        return None
    if isinstance(output, TradingDecision) and output.order_ids:
        return None
    rest = {
        name: value
        for name, value in output.model_dump(mode="json").items()
        if name not in {"rationale", "features"}
    }
    errors = tuple((call.tool, call.is_error) for call in decision.tool_calls)
    said = _DIGITS.sub("#", output.rationale)
    return (decision.model, said, decision.propensity, repr(rest), errors)


def _row(group: Sequence[DecisionRecord]) -> DecisionRow:
    first, decision = group[0], group[0].decision
    output = decision.output
    days = [record.session for record in group]
    said = [r.decision.output.rationale for r in group if r.decision.output]
    varied = len(set(said)) > 1
    return DecisionRow(
        first=first.session,
        last=days[-1],
        sessions=len(group),
        agent=human(decision.agent),
        action=human(output.action) if output else "abstained",
        rationale=output.rationale if output else decision.abstention or "no reason was given",
        facts=_facts(output) if output else (),
        reasons=tuple(_reasons(output)) if output else (),
        features=_features([r.decision.output for r in group if r.decision.output]),
        basis=_basis([record.decision for record in group]),
        dates=tuple(date_list(days)) if len(group) > 1 else (),
        each=tuple(zip(days, said, strict=True)) if varied else (),
        abstained=output is None,
    )


def _reasons(output: AgentOutput) -> Iterable[Reason]:
    for name in type(output).model_fields:
        parts = _parts(getattr(output, name))
        yield from (part for part in parts if isinstance(part, Reason))


def _facts(output: AgentOutput) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for name in type(output).model_fields:
        value = getattr(output, name)
        if name in _SAID_ELSEWHERE or value is None or value == ():
            continue
        if name == "order_ids":
            found.append(("orders", f"{len(value)} placed"))
        elif name == "target_weights":
            found.append(("target", _weights(output)))
        elif parts := _parts(value):
            plain = [str(part) for part in parts if not isinstance(part, BaseModel)]
            if plain:
                found.append((human(name), ", ".join(plain)))
        else:
            found.append((human(name), str(value)))
    return tuple(found)


def _weights(output: AgentOutput) -> str:
    if not isinstance(output, TradingDecision):
        return NONE
    targets = output.target_weights
    levels = {target.weight for target in targets}
    if len(levels) == 1 and len(targets) > 3:
        weight = percent(targets[0].weight)
        return f"{weight} each of {listing(t.symbol for t in targets)}"
    return ", ".join(f"{t.symbol} {percent(t.weight)}" for t in targets)


def _features(outputs: Sequence[AgentOutput]) -> tuple[tuple[str, str], ...]:
    """Write each feature, or the range it took over a group."""
    names = sorted({name for output in outputs for name in output.features})
    found: list[tuple[str, str]] = []
    for name in names:
        values = [output.features[name] for output in outputs if name in output.features]
        low, high = _figure(min(values)), _figure(max(values))
        found.append((human(name), low if low == high else f"{low} to {high}"))
    return tuple(found)


def _figure(value: float) -> str:
    if value == round(value) and abs(value) < 1e12:
        return number(value, 0)
    return number(value, 2) if abs(value) >= 100 else f"{value:.4g}".replace("-", "\u2212")


def _basis(decisions: Sequence[AgentDecision]) -> str:
    """Say what the decisions rest on: evidence, tool calls, confidence; steps and tokens in all."""
    one = decisions[0]
    parts: list[str] = []
    if one.output:
        parts.append(f"confidence {one.output.confidence:.2f}")
        if one.output.evidence:
            parts.append("evidence: " + ", ".join(one.output.evidence))
    calls = [call.tool + (" (error)" if call.is_error else "") for call in one.tool_calls]
    if calls:
        parts.append("called " + ", ".join(dict.fromkeys(calls)))
    parts.append(count(sum(d.steps for d in decisions), "step"))
    if one.propensity != 1:
        parts.append(f"propensity {one.propensity:.3g}")
    asked = sum(d.usage.input_tokens for d in decisions)
    answered = sum(d.usage.output_tokens for d in decisions)
    if asked or answered:
        parts.append(f"{asked:,} tokens in, {answered:,} out")
    return "; ".join(parts)
