"""What the prices server answers about actions, universes and macro series, as known by now."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from schemas.base import Instant, Message, Symbol
from schemas.facts import ActionKind, MacroSeriesInfo, SeriesId, UniverseName
from schemas.prices import Sessions, Texts


class ActionRow(Message):
    """One corporate action."""

    symbol: Symbol = Field(description="the ticker of the instrument now")
    kind: ActionKind
    ex_date: date = Field(description="in effect from the open of that session on, or of the next")
    new_units: str | None = Field(description="that many new units ...")
    old_units: str | None = Field(description="... for that many old ones")
    cash: str | None = Field(description="per unit held at the open of the ex-date")
    pay_date: date | None = Field(
        default=None, description="of a dividend: when the money comes; none: on the ex-date"
    )
    new_symbol: Symbol | None
    known_time: Instant = Field(description="when it was announced")
    inferred: bool = Field(description="true: no source states it, it was derived from prices")


class ActionsAnswer(Message):
    """Corporate actions announced by now, by ex-date; those to come are among them."""

    as_of: Instant
    currency: str
    actions: tuple[ActionRow, ...]


class UniverseAnswer(Message):
    """The members of a universe at this moment."""

    as_of: Instant
    universe: UniverseName
    members: tuple[Symbol, ...]


class MacroAnswer(Message):
    """A macro series as published by now, oldest period first; all lists are as long."""

    as_of: Instant
    series: SeriesId
    periods: Sessions = Field(description="the first day of what a value is about")
    values: Texts = Field(description="decimal strings in the series' own unit; null: missing")
    published: Sessions = Field(description="the day on which each value became known, UTC")


class MacroListAnswer(Message):
    """The macro series of which something is published by now."""

    as_of: Instant
    series: tuple[MacroSeriesInfo, ...]
