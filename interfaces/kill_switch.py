"""The kill switch: one for a whole installation, pulled by anybody, released by a named person."""

from __future__ import annotations

from typing import Protocol

from schemas.base import Instant
from schemas.halts import HaltRecord
from schemas.risk import Halt


class HaltQuestion(Protocol):
    """As much of the switch as whoever hands over orders needs."""

    def halted(self) -> Halt | None:
        """Return why trading is halted, or None. Asked before every order, never remembered.

        When it cannot be found out, trading is halted: the answer says so, its source is `unknown`.
        """
        ...


class KillSwitch(HaltQuestion, Protocol):
    """Whether trading is halted. What is pulled stays pulled, whatever restarts or dies.

    When a call returns, every order that is asked about afterwards, in any process, meets it.
    """

    def pull(self, halt: Halt) -> Halt:
        """Halt trading and return the halt in force: the first one, when it is halted already.

        `Unavailable` when it can be kept nowhere; nothing is halted then.
        """
        ...

    def release(self, *, by: str, now: Instant) -> Halt:
        """Release it and return what was in force; `Conflict` when trading is not halted.

        `InvalidRequest` without a name. The release is kept beside the halt, with who and when:
        where that cannot be written, `Unavailable`, and trading stays halted. `Conflict` also when
        somebody else halts or releases in the same moment.
        """
        ...

    def history(self, *, limit: int = 50) -> tuple[HaltRecord, ...]:
        """Return the halts so far, released or not, newest first; `Unavailable`."""
        ...


class HaltStore(Protocol):
    """The halts of an installation, each written once and released once."""

    def newest(self) -> HaltRecord | None:
        """Return the record with the highest number, or None."""
        ...

    def list(self, *, limit: int) -> tuple[HaltRecord, ...]:
        """Return records, newest first."""
        ...

    def add(self, record: HaltRecord) -> bool:
        """Store it unless its number is taken; False then."""
        ...

    def release(self, number: int, *, by: str, now: Instant) -> bool:
        """Write who released it and when; False, and nothing, when it is released or unknown."""
        ...
