"""What is said about a data set and its rows."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from schemas.base import Message, Sha256, Symbol


class SuspectedSplit(Message):
    """An overnight move that looks like a split nobody adjusted for."""

    symbol: Symbol
    session: date = Field(description="the first session after the split")
    ratio: float = Field(
        gt=0, description="4 is four new for one old (prices fall), 0.1 one new for ten old"
    )

    def said(self) -> str:
        """Write the ratio as markets do: `4:1`, `1:10`, `2.5:1`."""
        return f"{self.ratio:g}:1" if self.ratio >= 1 else f"1:{1 / self.ratio:g}"


class DatasetInfo(Message):
    """A data set as a reader of results must know it."""

    name: str = Field(description="the name to ask for it by")
    description: str
    data_hash: Sha256 = Field(
        description="SHA-256 over every symbol, session, value and fact, storing times left out"
    )
    calendar: str = Field(description="exchange calendar, e.g. XNYS")
    currency: str = Field(description="ISO 4217", pattern=r"^[A-Z]{3}$")
    interval: Literal["1m", "5m", "1h", "1d", "1w"] = "1d"
    close_only: bool = Field(description="true when the source has closes only: fills at the close")
    adjustment: Literal["raw", "split", "split_dividend", "unknown"]
    symbols: tuple[Symbol, ...] = Field(
        description="tradable symbols, sorted: every ticker that a tradable instrument ever bore"
    )
    benchmarks: tuple[Symbol, ...] = Field(description="index series: shown, never traded")
    caveats: tuple[str, ...] = Field(description="honest limits, said in every report")
    suspected_splits: tuple[SuspectedSplit, ...] = Field(
        default=(), description="neither adjusted nor accepted: no run may cross them"
    )
    actions: int = Field(default=0, ge=0, description="how many corporate actions are known")
    universes: tuple[str, ...] = Field(default=(), description="with known members, sorted")
    macro: tuple[str, ...] = Field(default=(), description="macro series, sorted")
    documents: int = Field(default=0, ge=0, description="how many texts")
    providers: tuple[str, ...] = Field(default=(), description="where the rows came from, sorted")


class RejectedRow(Message):
    """One row that was quarantined, and why."""

    source: str = Field(description="file name")
    line: int = Field(ge=1, description="line in that file, the header being 1")
    symbol: str
    session: str
    reason: str


class RefusedRows(Message):
    """How many rows were refused for one reason."""

    reason: str
    rows: int = Field(ge=1)


class ImportReport(Message):
    """What an import kept, and what it refused."""

    name: str
    rows_read: int
    rows_kept: int
    rows_rejected: int
    notes: tuple[str, ...] = Field(
        default=(), description="what was done with the rows, and what is odd"
    )
    caveats: tuple[str, ...] = Field(default=(), description="those of the data set")
    suspected_splits: tuple[SuspectedSplit, ...] = Field(
        default=(), description="those of the data set"
    )
    reasons: tuple[RefusedRows, ...] = Field(
        default=(), description="of all refusals, commonest first"
    )
    rejected: tuple[RejectedRow, ...] = Field(description="the first 1 000 rejected rows")
    symbols: tuple[str, ...]
    data_hash: Sha256
