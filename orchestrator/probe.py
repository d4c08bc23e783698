"""One question of the canary suite."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from schemas.canaries import CanaryName

FAR = date(9999, 12, 31)
FIELDS = ["open", "high", "low", "close", "volume"]
HUGE = 20_000


@dataclass(frozen=True, slots=True)
class Probe:
    """One call, the canary it belongs to, and what it has to answer for its silence to count."""

    canary: CanaryName
    tool: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    shows: str | None = None
    """Stands in every honest answer; None when the call may as well be refused."""
    hides: str | None = None
    """Stands in no honest answer."""
    refused: bool = False
    """Whether that answer is a refusal."""
    plans: bool = False
    """Whether its answer may name later dates: a published calendar, a schedule of payments."""
