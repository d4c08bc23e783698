"""What was checked before a job ran: can its own tools see the future?"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from schemas.base import Message

CanaryName = Literal[
    "future-prices",
    "current-session",
    "restated-values",
    "later-facts",
    "ticker-reuse",
    "documents",
    "error-horizon",
    "memory",
    "settlement",
]


class Canary(Message):
    """One canary: silent when nothing from the future reached it."""

    name: CanaryName
    title: str
    passed: bool
    says: str = Field(description="one sentence: what was held against what, or what leaked")


class CanaryReport(Message):
    """What the canaries said before a job's runs; the same for every run of one request."""

    session: date = Field(description="the session of the made-up market it was asked before")
    canaries: tuple[Canary, ...] = Field(min_length=1)

    @property
    def alarm(self) -> str | None:
        """The first canary that failed, in a sentence; None when all are silent."""
        failed = next((canary for canary in self.canaries if not canary.passed), None)
        if failed is None:
            return None
        return f"the canary '{failed.name}' failed before the run: {failed.says}"
