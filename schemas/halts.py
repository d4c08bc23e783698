"""Halting and releasing all trading, and what is kept of it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from schemas.base import Instant, Message
from schemas.errors import InvalidRequest
from schemas.persons import PersonName, one_line
from schemas.risk import Halt
from schemas.validation import sentence_of

LONGEST_REASON = 500


def _worded(text: str) -> str:
    words = one_line(text)
    if not words:
        raise ValueError("must say something")
    return words


_PERSON: TypeAdapter[str] = TypeAdapter(PersonName)

Why = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST_REASON), AfterValidator(_worded)
]
"""A reason in one line."""


class HaltOrder(Message):
    """A request to halt all trading."""

    by: PersonName = Field(description="who halts")
    reason: Why = Field(description="why, for whoever is to release it")


class ReleaseOrder(Message):
    """A request to release the kill switch."""

    by: PersonName = Field(description="who releases")


class HaltRecord(Message):
    """One halt and, once it is over, its release. The newest one without a release is in force."""

    number: int = Field(ge=1, description="halts of an installation are counted")
    halt: Halt
    released_by: PersonName | None = None
    released_at: Instant | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.released_by is None) != (self.released_at is None):
            raise ValueError("a release has a name and a moment")
        return self

    @property
    def in_force(self) -> bool:
        """Whether nobody has released it."""
        return self.released_at is None


class HaltState(Message):
    """Whether trading is halted, and what was halted and released before."""

    halted: bool
    halt: Halt | None = Field(description="what is in force; null: trading is not halted")
    history: tuple[HaltRecord, ...] | None = Field(
        description="newest first; null: it cannot be read"
    )


def person(by: str) -> str:
    """Return the name of who releases, as it is kept; `InvalidRequest` when it is none."""
    try:
        return _PERSON.validate_python(by)
    except ValidationError as error:
        raise InvalidRequest(f"only a named person releases; by: {sentence_of(error)}") from error


def sentence(halt: Halt) -> str:
    """Say that trading is halted, by whom, since when and why."""
    return f"trading is halted by {halt.by} since {halt.since:%Y-%m-%d %H:%M:%S %Z}: {halt.reason}"
