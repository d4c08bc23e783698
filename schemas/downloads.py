"""What is fetched from providers, and where it stands."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Instant, Message, Symbol
from schemas.facts import SeriesId, UniverseName
from schemas.market import ImportReport

FactKind = Literal["bars", "actions", "macro", "news"]
ProviderName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$", examples=["alpaca"])]
DownloadState = Literal[
    "queued", "running", "paused", "completed", "partial", "failed", "cancelled"
]
DatasetName = UniverseName
UNDER_WAY: tuple[DownloadState, ...] = ("queued", "running", "paused")
"""The states of a download that has not ended."""
MOST_CHUNKS = 10_000
"""What one download may be split into: it is one document of the store."""


class DownloadRequest(Message):
    """What to fetch, for whom, and into which data set; an existing one is extended."""

    data: DatasetName
    kinds: tuple[FactKind, ...] = Field(default=("bars", "actions"), min_length=1)
    symbols: tuple[Symbol, ...] = Field(default=(), max_length=10_000)
    series: tuple[SeriesId, ...] = Field(default=(), max_length=500, description="of macro data")
    start_date: date
    end_date: date
    providers: tuple[ProviderName, ...] | None = Field(
        default=None, description="in order of preference; the configured order when left out"
    )
    macro_start_date: date | None = Field(
        default=None, description="macro data from another day on than the rest"
    )
    splits: Literal["adjust", "accept"] | None = Field(
        default=None,
        description="what to do about moves of the data set that look like a split nobody states: "
        "record splits, or take the moves for real; left out, runs over them are refused",
    )
    calendar: str = Field(default="XNYS", max_length=20)
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.end_date < self.start_date:
            raise ValueError("end_date lies before start_date")
        if {"bars", "actions", "news"} & set(self.kinds) and not self.symbols:
            raise ValueError("bars, actions and news need symbols")
        if "macro" in self.kinds and not self.series:
            raise ValueError("macro data needs series")
        if self.macro_start_date is not None and self.end_date < self.macro_start_date:
            raise ValueError("end_date lies before macro_start_date")
        return self

    def starts(self, kind: FactKind) -> date:
        """Return the first day that is asked for."""
        return self.macro_start_date or self.start_date if kind == "macro" else self.start_date


class ChunkProgress(Message):
    """One piece of a download: one kind for one symbol or series."""

    kind: FactKind
    item: str
    state: Literal["waiting", "done", "failed"] = "waiting"
    provider: str | None = Field(default=None, description="who answered in the end")
    rows: int = Field(default=0, ge=0)
    error: str | None = Field(
        default=None, description="why each provider that was asked could not"
    )
    published: bool = Field(default=False, description="its rows are in the data set")

    @property
    def key(self) -> str:
        """What names the chunk within its download."""
        return f"{self.kind}:{self.item}"


class Download(Message):
    """A stored download with its state; `fence` grows with every claim."""

    download_id: str
    request: DownloadRequest
    state: DownloadState = "queued"
    chunks: tuple[ChunkProgress, ...]
    created_at: Instant
    updated_at: Instant
    cancel_requested: bool = False
    worker: str | None = None
    lease_until: Instant | None = None
    fence: int = Field(default=0, ge=0)
    report: ImportReport | None = None
    error: str | None = None
