"""People who are named in what is kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints


def one_line(text: str) -> str:
    """Return the words without what a terminal or a log would take for more than words."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _named(text: str) -> str:
    name = one_line(text)
    if not any(each.isalpha() for each in name):
        raise ValueError("must be a person's name")
    return name


PersonName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=80),
    AfterValidator(_named),
    Field(examples=["Ada Lovelace"]),
]
"""Who did it: one line with at least one letter."""
