"""What is asked of the data sets: downloads, refreshes, deletions; and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from interfaces.calendar import TradingCalendar
from interfaces.clock import WallClock
from interfaces.market import STALE_AFTER, DataLibrary
from interfaces.sources import Sources
from interfaces.store import DownloadStore, JobStore
from orchestrator.submission import new_job_id
from schemas.api import (
    DataCoverage,
    ProviderList,
    ProviderView,
    RefreshRequest,
    SymbolCoverage,
    Validation,
)
from schemas.downloads import (
    MOST_CHUNKS,
    UNDER_WAY,
    ChunkProgress,
    Download,
    DownloadRequest,
    FactKind,
)
from schemas.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    UntrustworthyData,
)
from schemas.jobs import Job, JobState
from schemas.market import DatasetInfo, ImportReport
from schemas.quality import CoverageReport

BUNDLED = "bundled"
OVERLAP = 5
"""A refresh asks again for so many sessions on hand: they may have been restated."""
MACRO_START = date(1776, 7, 4)
"""A refresh asks for a macro series from there on: benchmark revisions reach back to its start."""
_PAGE = 200
JOB_STATES: tuple[JobState, ...] = ("queued", "running", "paused")
"""The states of a job that has not ended."""


@dataclass(frozen=True, slots=True)
class DataDesk:
    """What requests about data are checked against and stored in.

    `check` reads every file of a set against its checksum, `quality` says month by month what is
    there and sound, `told` what its import or last download kept and refused (`NotFound` for the
    bundled set).
    """

    library: DataLibrary
    downloads: DownloadStore
    jobs: JobStore
    sources: Sources
    check: Callable[[str], None]
    quality: Callable[[str], CoverageReport]
    told: Callable[[str], ImportReport]
    calendar: Callable[[str], TradingCalendar]
    wall: WallClock


@dataclass(frozen=True, slots=True)
class Range:
    """Which bars of a data set: of these symbols (None: all), in `start..end`, both included."""

    data: str
    symbols: tuple[str, ...] | None = None
    start: date | None = None
    end: date | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing would be left."""
        return self.symbols is None and self.start is None and self.end is None


def submit_download(request: DownloadRequest, desk: DataDesk) -> Download:
    """Admit the request and store its download, queued.

    An equal one that has not ended is returned instead; a paused one is queued again. Raises
    `InvalidRequest`, `NotFound` or `Conflict` with one sentence that says what to change.
    """
    admit_download(request, desk)
    for other in _under_way(desk):
        if other.request == request:
            if other.state == "paused":
                return desk.downloads.resume(other.download_id, now=desk.wall.now())
            return other
    now = desk.wall.now()
    return desk.downloads.create(
        Download(
            download_id=new_job_id(now),
            request=request,
            chunks=_chunks(request),
            created_at=now,
            updated_at=now,
        )
    )


def admit_download(request: DownloadRequest, desk: DataDesk) -> None:
    """Refuse what cannot be fetched or has no place to go."""
    _writable(request.data)
    if request.end_date > desk.wall.now().date():
        raise InvalidRequest(f"end_date {request.end_date} lies in the future")
    many = len(_chunks(request))
    if many > MOST_CHUNKS:
        raise InvalidRequest(
            f"that is {many} pieces, {MOST_CHUNKS} are allowed: split it into several downloads"
        )
    for kind in request.kinds:
        _offered(kind, request.providers, desk)
    if request.data in desk.library.names():
        _same_conventions(request, desk.library.open(request.data).info())
    else:
        desk.calendar(request.calendar)


def refresh_request(wanted: RefreshRequest, desk: DataDesk) -> DownloadRequest:
    """Return what brings a data set up to yesterday.

    Bars and actions of every symbol from a few sessions before the last one on hand, and every
    macro series as a whole, unless fewer kinds are wanted. Symbols that stopped trading are left
    out; news is asked for where the set has texts and somebody offers them.
    """
    name, providers = wanted.data, wanted.providers
    _writable(name)
    info = desk.library.open(name).info()
    reach = desk.library.coverage(name)
    if not reach:
        raise InvalidRequest(f"the data set '{name}' has no bars to go on from: download them")
    newest = max(last for _, _, last, _ in reach)
    sessions = desk.calendar(info.calendar).sessions(newest - timedelta(days=60), newest)
    stale = sessions[-STALE_AFTER - 1] if len(sessions) > STALE_AFTER else newest
    start = sessions[-OVERLAP] if len(sessions) >= OVERLAP else newest
    end = desk.wall.now().date() - timedelta(days=1)
    if end < start:
        raise InvalidRequest(f"the data set '{name}' reaches {newest}: there is nothing to refresh")
    kinds: list[FactKind] = ["bars", "actions"]
    if info.macro:
        kinds.append("macro")
    if info.documents and desk.sources.asked("news", providers):
        kinds.append("news")
    return DownloadRequest(
        data=name,
        kinds=wanted.kinds or tuple(kinds),
        symbols=tuple(sorted(symbol for symbol, _, last, _ in reach if last >= stale)),
        series=info.macro,
        start_date=start,
        end_date=end,
        macro_start_date=MACRO_START if info.macro else None,
        providers=providers,
        calendar=info.calendar,
        currency=info.currency,
    )


def cancel_download(download_id: str, desk: DataDesk) -> Download:
    """Stop a download: a waiting one at once, a running one after its chunk; `Conflict`."""
    download = desk.downloads.request_cancel(download_id, now=desk.wall.now())
    if download.state == "cancelled":
        desk.library.discard(download_id)
    return download


def delete_range(which: Range, desk: DataDesk) -> ImportReport | None:
    """Delete bars, or the whole set; returns what is left.

    `Conflict` names the job or download that uses the set.
    """
    _writable(which.data)
    if which.data not in desk.library.names():
        raise NotFound(f"there is no data set '{which.data}'")
    if which.start and which.end and which.end < which.start:
        raise InvalidRequest("end lies before start")
    refuse_used(which.data, desk)
    return desk.library.delete(which.data, symbols=which.symbols, start=which.start, end=which.end)


def job_using(name: str, jobs: JobStore) -> Job | None:
    """Return a job that has not ended and would not go on if the data set were another one."""
    for state in JOB_STATES:
        before = None
        while page := jobs.list(state=state, limit=_PAGE, before=before):
            for job in page:
                if job.request.data == name:
                    return job
            before = page[-1].job_id
    return None


def coverage_of(name: str, desk: DataDesk, *, detail: bool) -> DataCoverage:
    """Say how far each symbol's bars reach; with `detail` their quality and months as well."""
    info = desk.library.open(name).info()
    return DataCoverage(
        data=info.name,
        description=info.description,
        data_hash=info.data_hash,
        calendar=info.calendar,
        currency=info.currency,
        close_only=info.close_only,
        adjustment=info.adjustment,
        caveats=info.caveats,
        symbols=tuple(
            SymbolCoverage(symbol=symbol, first_session=first, last_session=last, bars=bars)
            for symbol, first, last, bars in desk.library.coverage(name)
        ),
        data_sets=desk.library.names(),
        detail=desk.quality(name) if detail else None,
    )


def validate_dataset(name: str, desk: DataDesk) -> Validation:
    """Read a data set against its checksums, look for what is odd, and say both; `NotFound`."""
    if name not in desk.library.names():
        desk.library.open(name)  # says which there are
    try:
        if name != BUNDLED:
            desk.check(name)
        info = desk.library.open(name).info()
    except UntrustworthyData as broken:
        return Validation(data=name, whole=False, problem=str(broken))
    return Validation(
        data=name,
        whole=True,
        data_hash=info.data_hash,
        quality=tuple(each.quality for each in desk.quality(name).instruments),
        caveats=info.caveats,
        report=None if name == BUNDLED else desk.told(name),
    )


def provider_list(desk: DataDesk) -> ProviderList:
    """Return every provider with its limits, without asking any, and never a key."""
    configured = tuple(
        ProviderView(
            name=name,
            configured=True,
            offers=tuple(sorted(provider.offers)),
            per_minute=quota.per_minute,
            per_day=quota.per_day,
            left_today=quota.left_today,
        )
        for name, provider in desk.sources.providers.items()
        for quota in (provider.quota(),)
    )
    missing = tuple(
        ProviderView(name=name, configured=False, missing=what)
        for name, what in desk.sources.unset.items()
    )
    return ProviderList(providers=(*configured, *missing))


def _writable(name: str) -> None:
    if name == BUNDLED:
        raise InvalidRequest("the data set 'bundled' comes with the program: choose another name")


def _chunks(request: DownloadRequest) -> tuple[ChunkProgress, ...]:
    return tuple(
        ChunkProgress(kind=kind, item=item)
        for kind in dict.fromkeys(request.kinds)
        for item in dict.fromkeys(request.series if kind == "macro" else request.symbols)
    )


def _offered(kind: FactKind, names: Sequence[str] | None, desk: DataDesk) -> None:
    """Refuse a kind that none of the providers to be asked has."""
    sources = desk.sources
    for name in names or ():
        if name in sources.unset:
            raise Conflict(sources.unset[name])
        if name not in sources.providers:
            known = ", ".join((*sources.providers, *sources.unset)) or "none"
            raise InvalidRequest(f"unknown provider '{name}'; known: {known}")
    if sources.asked(kind, names):
        return
    if names:
        raise InvalidRequest(f"no {kind} from {', '.join(names)}: name another provider")
    wanted = sources.order.get(kind, ())
    hints = "; ".join(sources.unset[name] for name in wanted if name in sources.unset)
    raise Conflict(
        f"no provider that is set up offers {kind}"
        + (f" ({hints})" if hints else "")
        + ": set one up, or leave that kind out"
    )


def _same_conventions(request: DownloadRequest, info: DatasetInfo) -> None:
    """Refuse to add to a set what would not fit into it."""
    for what, wanted, there in (
        ("calendar", request.calendar, info.calendar),
        ("currency", request.currency, info.currency),
    ):
        if wanted != there:
            raise InvalidRequest(f"the data set '{info.name}' has the {what} {there}, not {wanted}")


def _under_way(desk: DataDesk) -> Iterator[Download]:
    for state in UNDER_WAY:
        before = None
        while page := desk.downloads.list(state=state, limit=_PAGE, before=before):
            yield from page
            before = page[-1].download_id


def refuse_used(name: str, desk: DataDesk) -> None:
    """Raise `Conflict` that names a job or download that has not ended and uses the data set."""
    job = job_using(name, desk.jobs)
    if job is not None:
        raise Conflict(
            f"job {job.job_id} ({job.state}) uses the data set '{name}': cancel it, or wait for "
            "its end"
        )
    for download in _under_way(desk):
        if download.request.data == name:
            raise Conflict(
                f"download {download.download_id} ({download.state}) writes the data set "
                f"'{name}': cancel it, or wait for its end"
            )
