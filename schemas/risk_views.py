"""What the HTTP API says of risk: the limits in force and the rules of one's own."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Message
from schemas.risk import RiskLimits, Rule


class LimitsInForce(Message):
    """What the gate enforces where a request says nothing else."""

    default: RiskLimits = Field(description="of every strategy that is not listed")
    strategies: dict[str, RiskLimits] = Field(
        default_factory=dict[str, RiskLimits], description="limits of their own, by strategy"
    )


class RuleInForce(Message):
    """A rule of one's own, whom it binds and the file it comes from."""

    rule: Rule
    strategies: tuple[str, ...] = Field(description="whom it binds; `default`: all others")
    file: str = Field(description="the file's name", examples=["rules.yaml"])


class RuleList(Message):
    """The rules of one's own, in the order they are applied to each strategy."""

    rules: tuple[RuleInForce, ...]


class RiskInForce(Message):
    """Everything about risk that is set up once for an installation."""

    limits: LimitsInForce
    rules: RuleList = RuleList(rules=())
