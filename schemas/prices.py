"""What the prices server answers. Many rows come in columns; prices are decimal strings."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from schemas.base import Instant, Message, Symbol

BarField = Literal["open", "high", "low", "close", "volume"]

# The item types are said in words: a client checks every item against a schema that names them,
# which takes longer than all the rest of the call.
Texts = Annotated[
    tuple[str | None, ...],
    WithJsonSchema({"type": "array", "description": "decimal strings, oldest first"}),
]
Sessions = Annotated[
    tuple[str, ...],
    WithJsonSchema({"type": "array", "description": "dates YYYY-MM-DD, oldest first"}),
]
Numbers = Annotated[
    tuple[float, ...], WithJsonSchema({"type": "array", "description": "numbers, oldest first"})
]


class BarColumns(Message):
    """One symbol's bars; every list is as long as its sessions."""

    symbol: Symbol
    sessions: Sessions | None = Field(
        None, description="only where they differ from the answer's `sessions`"
    )
    open: Texts | None = None
    high: Texts | None = None
    low: Texts | None = None
    close: Texts | None = None
    volume: Texts | None = Field(None, description="units; null where the source has none")


class BarsAnswer(Message):
    """Completed daily bars, known before the simulated moment."""

    as_of: Instant
    interval: Literal["1m", "5m", "1h", "1d", "1w"]
    currency: str
    close_only: bool = Field(description="true: open, high and low are not known, only closes")
    adjusted: bool = Field(
        description="true: for the splits and dividends known by now; false: as the source has them"
    )
    sessions: Sessions
    columns: tuple[BarColumns, ...]


class QuoteAnswer(Message):
    """The last known close; never a live price."""

    as_of: Instant
    symbol: Symbol
    session: date = Field(description="the completed session this is the close of")
    close: str = Field(description="decimal string")
    previous_close: str | None
    change: float | None = Field(description="close ÷ previous close − 1")
    currency: str
    sessions_old: int | None = Field(
        default=None,
        description="sessions completed since, when more than 10: the symbol may trade no more",
    )


class ReturnColumn(Message):
    """One symbol's daily returns."""

    symbol: Symbol
    returns: Numbers = Field(description="close ÷ close of the session before − 1")


class ReturnsAnswer(Message):
    """Daily returns over the sessions that all the symbols have in common."""

    as_of: Instant
    sessions: Sessions
    columns: tuple[ReturnColumn, ...]


class SymbolsAnswer(Message):
    """What has prices by now."""

    as_of: Instant
    symbols: tuple[Symbol, ...] = Field(
        description="tradable, sorted; without those that had no price for more than 10 sessions"
    )
    benchmarks: tuple[Symbol, ...] = Field(description="for comparison only")
    currency: str
    close_only: bool


class CalendarAnswer(Message):
    """Sessions of the exchange, as published; says nothing about which prices exist."""

    exchange: str
    sessions: Sessions
    opens_at: Sessions = Field(description="UTC")
    closes_at: Sessions = Field(description="UTC; half days close early")


class ClockAnswer(Message):
    """What time it is for data."""

    as_of: Instant
    session: date = Field(description="the current session, or the next one")
    session_opens_at: Instant
    session_closes_at: Instant
    previous_session: date = Field(description="the newest session that can be seen")
