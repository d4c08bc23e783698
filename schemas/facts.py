"""What is known of a market beside its prices, each record with the moment it became known.

A record has three times. When it happened: the kind's own date (`ex_date`, `first_session`,
`period`, `published_at`). When it was published: `known_time`; a view at a moment shows what was
known strictly before it. When we stored it: `stored_time`. A later record of the same thing is a
new vintage beside the old one; nothing is overwritten.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Instant, Message, Quantity, Symbol
from schemas.documents import DocumentKind

InstrumentId = Symbol
"""The first ticker an instrument had; `FOO.2` where another one had borne it before."""

ActionKind = Literal[
    "split", "stock_dividend", "cash_dividend", "ticker_change", "delisting", "cash_merger"
]
UniverseName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
SeriesId = Annotated[str, Field(pattern=r"^[A-Z0-9_.\-]{1,40}$", examples=["UNRATE"])]


class Fact(Message):
    """One record with its provenance."""

    known_time: Instant = Field(description="when it was published")
    stored_time: Instant = Field(description="when it was stored here")
    provider: str = Field(description="who said so, e.g. `files`, `alpaca`", max_length=40)


class CorporateAction(Fact):
    """One corporate action. A correction has the same `action_id` and a later `known_time`."""

    action_id: str = Field(max_length=80, description="stays the same through corrections")
    instrument: InstrumentId
    kind: ActionKind
    ex_date: date = Field(description="from the open of that session on, or of the next one")
    new_units: Quantity | None = Field(default=None, gt=0, description="that many new units ...")
    old_units: Quantity | None = Field(default=None, gt=0, description="... for that many old ones")
    cash: Annotated[Quantity, Field(ge=0)] | None = Field(
        None, description="per unit held at the open of the ex-date, in the data set's currency"
    )
    pay_date: date | None = Field(
        default=None, description="of a cash dividend: when the money comes; None: on the ex-date"
    )
    new_symbol: Symbol | None = None
    withdrawn: bool = Field(default=False, description="it was called off")
    inferred: bool = Field(default=False, description="derived from prices; no source states it")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        wants = {
            "split": (True, False, False),
            "stock_dividend": (True, False, False),
            "cash_dividend": (False, True, False),
            "ticker_change": (False, False, True),
            "delisting": (False, None, False),
            "cash_merger": (False, True, False),
        }[self.kind]
        has = (
            self.new_units is not None and self.old_units is not None,
            self.cash is not None,
            self.new_symbol is not None,
        )
        for wanted, there, what in zip(wants, has, ("ratio", "cash", "new symbol"), strict=True):
            if wanted is not None and wanted is not there:
                raise ValueError(f"a {self.kind} {'needs a' if wanted else 'has no'} {what}")
        return self

    @property
    def ratio(self) -> Decimal | None:
        """New units for one old, as near as decimals come; None without a ratio."""
        if self.new_units is None or self.old_units is None:
            return None
        return self.new_units / self.old_units


class Listing(Fact):
    """A ticker that an instrument bears from one session to another."""

    instrument: InstrumentId
    symbol: Symbol
    name: str | None = Field(
        default=None, max_length=200, description="of the company, where known"
    )
    first_session: date
    last_session: date | None = Field(
        default=None, description="None: still, for all that is known"
    )


class Membership(Fact):
    """A stay of an instrument in a universe."""

    universe: UniverseName
    instrument: InstrumentId
    enters: date = Field(description="a member from the open of that session on")
    leaves: date | None = Field(
        default=None, description="no member from the open of that session on"
    )


class UniverseStay(Message):
    """A stay of a symbol in a universe, as a definition gives it."""

    symbol: Symbol
    enters: date | None = Field(
        default=None, description="a member from that day on; None: always was"
    )
    leaves: date | None = Field(
        default=None, description="no member from that day on; None: still is"
    )

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.enters is not None and self.leaves is not None and self.leaves <= self.enters:
            raise ValueError(f"{self.symbol} leaves on {self.leaves} before it has entered")
        return self


class MacroValue(Fact):
    """One value of a macro series in one vintage."""

    series: SeriesId
    period: date = Field(description="the first day of what the value is about")
    value: float | None = Field(description="None: published as missing")


class Fundamental(Fact):
    """One reported figure of a company in one vintage."""

    instrument: InstrumentId
    field: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$", examples=["eps_diluted"])]
    period_end: date
    value: float
    unit: str = Field(default="", max_length=20, description="e.g. `USD`, `USD/shares`")


class StoredDocument(Fact):
    """A text of somebody else's. Without `published_at` it is kept and never shown in the past."""

    document_id: str = Field(max_length=200)
    kind: DocumentKind = "news"
    title: str = Field(max_length=500)
    text: str
    published_at: Instant | None = Field(
        None, description="to the second, with a zone; None for undated or relatively dated texts"
    )
    symbols: tuple[Symbol, ...] = ()
    source: str | None = Field(default=None, max_length=200)


class MacroSeriesInfo(Message):
    """A macro series that is known at a moment."""

    series: SeriesId
    first_period: date
    last_period: date
    values: int = Field(ge=1)
