"""The kill switch: one for a whole installation, pulled by anybody, released by a named person."""

from __future__ import annotations

from typing import Protocol

from schemas.base import Instant
from schemas.risk import Halt


class KillSwitch(Protocol):
    """Whether trading is halted. What is pulled stays pulled, whatever restarts or dies."""

    def halted(self) -> Halt | None:
        """Return why trading is halted, or None. Asked before every order, never remembered.

        When it cannot be found out, trading is halted: the answer says so.
        """
        ...

    def pull(self, halt: Halt) -> Halt:
        """Halt trading and return the halt in force: the first one, when it is halted already."""
        ...

    def release(self, *, by: str, now: Instant) -> Halt:
        """Release it and return what was in force; `Conflict` when trading is not halted.

        `InvalidRequest` without a name. The release is kept beside the halt, with who and when.
        """
        ...
