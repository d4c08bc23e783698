"""What the HTTP API says that is stored nowhere: views, pages, problems."""

from __future__ import annotations

from datetime import date
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from schemas.base import Instant, Message, Money, Sha256, Symbol
from schemas.downloads import (
    ChunkProgress,
    DatasetName,
    Download,
    DownloadRequest,
    DownloadState,
    FactKind,
    ProviderName,
)
from schemas.jobs import Cadence, Job, JobState, Mode, RunProgress
from schemas.keys import ApiKey, Role
from schemas.market import ImportReport
from schemas.quality import CoverageReport, InstrumentQuality

_SHOWN_FAILURES = 100


class Problem(Message):
    """RFC 9457: what went wrong, in one sentence; `type` ends in a stable code."""

    type: str = Field(examples=["urn:alphashield:problem:not-found"])
    title: str
    status: int = Field(ge=400, le=599)
    detail: str


class JobView(Message):
    """A job without the borrower's papers and without the worker's lease."""

    job_id: str
    state: JobState
    mode: Mode
    models: tuple[str, ...]
    start_date: date
    end_date: date
    data: str
    universe: tuple[Symbol, ...] | None
    cash: Money
    cadence: Cadence
    seed: int
    mask: bool
    application_id: str | None = Field(description="loan mode: which application")
    sessions_done: int
    sessions_total: int
    runs: tuple[RunProgress, ...]
    created_at: Instant
    updated_at: Instant
    cancel_requested: bool
    error: str | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Show a stored job."""
        request = job.request
        borrower = request.application
        return cls(
            job_id=job.job_id,
            state=job.state,
            mode=request.mode,
            models=request.models,
            start_date=request.start_date,
            end_date=request.end_date,
            data=request.data,
            universe=request.universe,
            cash=request.cash,
            cadence=request.cadence,
            seed=request.seed,
            mask=request.mask,
            application_id=borrower.application.application_id if borrower else None,
            sessions_done=sum(run.sessions_done for run in job.runs),
            sessions_total=sum(run.sessions_total for run in job.runs),
            runs=job.runs,
            created_at=job.created_at,
            updated_at=job.updated_at,
            cancel_requested=job.cancel_requested,
            error=job.error,
        )


class JobPage(Message):
    """Jobs, newest first; ask again with `before` = `next_before` until it is null."""

    jobs: tuple[JobView, ...]
    next_before: str | None


class ModelList(Message):
    """The contestants a request may name."""

    models: tuple[str, ...]


class SymbolList(Message):
    """The tradable symbols of a data set."""

    data: str
    symbols: tuple[Symbol, ...]


class SymbolCoverage(Message):
    """How far one symbol's bars reach."""

    symbol: Symbol
    first_session: date
    last_session: date
    bars: int = Field(ge=0)


class DataCoverage(Message):
    """How far a data set reaches, and its honest limits."""

    data: str
    description: str
    data_hash: Sha256
    calendar: str
    currency: str
    close_only: bool
    adjustment: str
    caveats: tuple[str, ...]
    symbols: tuple[SymbolCoverage, ...]
    data_sets: tuple[str, ...] = Field(description="the names of all data sets")
    detail: CoverageReport | None = Field(
        default=None, description="quality and months of every instrument, with `detail=true`"
    )


class ProviderView(Message):
    """A provider of data: whether it can be asked, and how much of it is left."""

    name: str
    configured: bool
    missing: str | None = Field(default=None, description="what to set, where it is not configured")
    offers: tuple[FactKind, ...] = ()
    per_minute: int | None = Field(default=None, description="requests; null: no limit, or unknown")
    per_day: int | None = None
    left_today: int | None = None


class ProviderList(Message):
    """Every provider, those that are configured first and in the order they are asked."""

    providers: tuple[ProviderView, ...]


class DownloadView(Message):
    """A download with its counts, without its worker's lease."""

    download_id: str
    state: DownloadState
    request: DownloadRequest
    chunks_total: int
    chunks_done: int
    chunks_failed: int
    rows: int = Field(description="that were fetched so far")
    providers: tuple[str, ...] = Field(description="who answered")
    failures: tuple[ChunkProgress, ...] = Field(description="the first 100 chunks that failed")
    created_at: Instant
    updated_at: Instant
    cancel_requested: bool
    report: ImportReport | None
    error: str | None

    @classmethod
    def of(cls, download: Download) -> Self:
        """Show a stored download."""
        chunks = download.chunks
        failed = tuple(chunk for chunk in chunks if chunk.state == "failed")
        return cls(
            download_id=download.download_id,
            state=download.state,
            request=download.request,
            chunks_total=len(chunks),
            chunks_done=sum(chunk.state == "done" for chunk in chunks),
            chunks_failed=len(failed),
            rows=sum(chunk.rows for chunk in chunks),
            providers=tuple(sorted({chunk.provider for chunk in chunks if chunk.provider})),
            failures=failed[:_SHOWN_FAILURES],
            created_at=download.created_at,
            updated_at=download.updated_at,
            cancel_requested=download.cancel_requested,
            report=download.report,
            error=download.error,
        )


class DownloadPage(Message):
    """Downloads, newest first; ask again with `before` = `next_before` until it is null."""

    downloads: tuple[DownloadView, ...]
    next_before: str | None


class RefreshRequest(Message):
    """Which data set to bring up to yesterday."""

    data: DatasetName
    kinds: tuple[FactKind, ...] | None = Field(
        default=None, min_length=1, description="all that the set has when left out"
    )
    providers: tuple[ProviderName, ...] | None = Field(
        default=None, description="in order of preference; the configured order when left out"
    )


class ValidateRequest(Message):
    """Which data set to read against its checksums."""

    data: DatasetName = "bundled"


class Validation(Message):
    """What reading a whole data set came to."""

    data: str
    whole: bool = Field(description="every file has the checksum that vouches for it")
    problem: str | None = Field(default=None, description="what is broken, where it is not whole")
    data_hash: Sha256 | None = None
    quality: tuple[InstrumentQuality, ...] = Field(default=(), description="by instrument")
    caveats: tuple[str, ...] = ()
    report: ImportReport | None = Field(
        default=None, description="what the last import or download kept and refused"
    )


class Deletion(Message):
    """What is left of a data set."""

    data: str
    left: ImportReport | None = Field(description="null: the whole set is gone")


class NewKey(Message):
    """A request for an API key."""

    name: str = Field(min_length=1, max_length=80, description="what it is for")
    role: Role = "read_write"


class KeyView(Message):
    """A key as it may be shown: without its digest."""

    key_id: str
    name: str
    role: Role
    created_at: Instant
    revoked_at: Instant | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Show a stored key."""
        return cls(**key.model_dump(exclude={"digest"}))


class KeyList(Message):
    """All keys, oldest first."""

    keys: tuple[KeyView, ...]


class KeyCreated(Message):
    """A new key with its secret, which is shown this once."""

    key: KeyView
    secret: str


class Health(Message):
    """Whether the service lives, and whether it can work."""

    status: str


class JobPath(Message):
    """Which job."""

    job_id: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$")


class JobFilePath(JobPath):
    """Which file of a job."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$", description="e.g. equity.csv")


class KeyPath(Message):
    """Which key."""

    key_id: str = Field(pattern=r"^[a-z0-9]{8,16}$")


class JobQuery(Message):
    """Which jobs, newest first."""

    state: JobState | None = None
    limit: int = Field(default=50, ge=1, le=200)
    before: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9-]{1,64}$",
        description="`next_before` of the page before",
    )


class DataQuery(Message):
    """Which data set."""

    data: str = Field(default="bundled", pattern=r"^[a-z0-9-]{1,40}$")


class CoverageQuery(DataQuery):
    """Which data set, and how much of it."""

    detail: bool = Field(default=False, description="with quality and months of each instrument")


class RangeQuery(Message):
    """Which bars are to go."""

    data: DatasetName
    symbols: str | None = Field(
        default=None,
        max_length=2000,
        pattern=r"^[A-Z0-9.\-^=]+(,[A-Z0-9.\-^=]+)*$",
        description="comma-separated; all when left out",
    )
    start: date | None = Field(default=None, description="from that session on")
    end: date | None = Field(default=None, description="up to that session")
    everything: bool = Field(
        default=False, description="needed when neither symbols nor dates are given"
    )


class DownloadName(Message):
    """Which download."""

    id: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$")


class DownloadQuery(Message):
    """One download, or a page of them, newest first."""

    id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]{1,64}$")
    state: DownloadState | None = None
    limit: int = Field(default=50, ge=1, le=200)
    before: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9-]{1,64}$",
        description="`next_before` of the page before",
    )


class IdempotencyHeader(BaseModel):
    """The request's own id: sent again with the same body it makes no second job."""

    # The framework hands over all headers of the request; the others are not ours to judge.
    model_config = ConfigDict(frozen=True, extra="ignore")

    idempotency_key: str | None = Field(
        default=None, alias="Idempotency-Key", pattern=r"^[\x21-\x7e]{1,200}$"
    )
