"""One chunk of a download: providers are asked one after the other until one answers."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from interfaces.clock import WallClock
from interfaces.market import Staged
from interfaces.providers import DataProvider, RawBars
from interfaces.sources import Sources
from schemas.downloads import ChunkProgress, DownloadRequest
from schemas.errors import (
    AlphaShieldError,
    BadConfiguration,
    NotFound,
    Unavailable,
    UntrustworthyData,
)
from schemas.facts import CorporateAction, Listing, MacroValue, StoredDocument

log = logging.getLogger(__name__)

ANSWER_S = 900.0
"""A provider that has not answered by then is given up."""
_POLL_S = 0.1
_LONGEST_REASON = 300

Row = RawBars | CorporateAction | Listing | MacroValue | StoredDocument


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider said for a chunk."""

    provider: str
    rows: Staged
    count: int


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why each provider that was asked could not answer; `outage`: one of them was not there."""

    why: str
    outage: bool


class ChunkFetcher:
    """Asks for the chunks of one request; a provider whose key is refused is asked once.

    Each question is asked on a thread of its own, so that one that is never answered holds nobody:
    `stop` is heard within a tenth of a second.
    """

    def __init__(
        self,
        sources: Sources,
        request: DownloadRequest,
        wall: WallClock,
        *,
        stop: Callable[[], bool],
    ) -> None:
        self._sources = sources
        self._request = request
        self._wall = wall
        self._stop = stop
        self._refused: dict[str, BadConfiguration] = {}

    def fetch(self, chunk: ChunkProgress) -> Answer | Unanswered | None:
        """Return the first good answer, or why there is none; None when stopped."""
        reasons: list[tuple[str, AlphaShieldError]] = []
        for provider in self._sources.asked(chunk.kind, self._request.providers):
            try:
                rows = self._ask(provider, chunk)
            except AlphaShieldError as error:
                if isinstance(error, BadConfiguration):
                    self._refused[provider.name] = error
                reasons.append((provider.name, error))
                continue
            return None if rows is None else _answer(provider.name, rows)
        why = "; ".join(f"{name}: {error}" for name, error in reasons)
        return Unanswered(
            (why or f"no provider that is set up offers {chunk.kind}")[:_LONGEST_REASON],
            outage=any(isinstance(error, Unavailable) for _, error in reasons),
        )

    def _ask(self, provider: DataProvider, chunk: ChunkProgress) -> list[Row] | None:
        if provider.name in self._refused:
            raise self._refused[provider.name]
        question = _Question(provider, chunk, self._request)
        deadline = self._wall.monotonic() + ANSWER_S
        while True:
            said = question.answer(_POLL_S)
            if isinstance(said, AlphaShieldError):
                raise said
            if said is not None:
                return said
            if self._stop():
                question.give_up()
                return None
            if self._wall.monotonic() > deadline:
                question.give_up()
                raise Unavailable(f"did not answer within {ANSWER_S / 60:.0f} minutes")


class _Question:
    """One question, asked on a thread; what comes after it was given up is dropped."""

    def __init__(
        self, provider: DataProvider, chunk: ChunkProgress, request: DownloadRequest
    ) -> None:
        self._provider = provider
        self._chunk = chunk
        self._request = request
        self._given_up = threading.Event()
        self._said: queue.SimpleQueue[list[Row] | AlphaShieldError] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="download", daemon=True).start()

    def answer(self, seconds: float) -> list[Row] | AlphaShieldError | None:
        """Return what was said, None when that takes longer."""
        try:
            return self._said.get(timeout=seconds)
        except queue.Empty:
            return None

    def give_up(self) -> None:
        """Read no further page."""
        self._given_up.set()

    def _run(self) -> None:
        try:
            self._said.put(self._collect())
        except AlphaShieldError as error:
            self._said.put(error)
        except Exception as bug:  # the top of a thread: the download goes on
            log.warning("provider %s failed", self._provider.name, exc_info=bug)
            self._said.put(UntrustworthyData(f"failed to understand it ({type(bug).__name__})"))

    def _collect(self) -> list[Row]:
        rows: list[Row] = []
        for row in _pages(self._provider, self._chunk, self._request):
            if self._given_up.is_set():
                return []
            _check(row, self._chunk)
            rows.append(row)
        if self._chunk.kind in {"bars", "macro"} and not _count(rows):
            raise NotFound(
                f"has nothing between {self._request.starts(self._chunk.kind)} "
                f"and {self._request.end_date}"
            )
        return rows


def _pages(provider: DataProvider, chunk: ChunkProgress, request: DownloadRequest) -> Iterable[Row]:
    start, end = request.starts(chunk.kind), request.end_date
    match chunk.kind:
        case "bars":
            return provider.bars(chunk.item, start, end)
        case "actions":
            return provider.actions(chunk.item, start, end)
        case "macro":
            return provider.macro(chunk.item, start, end)
        case "news":
            return provider.news(chunk.item, start, end)


def _check(row: Row, chunk: ChunkProgress) -> None:
    """Refuse what was not asked for; what the values are worth is for the screening to say."""
    kinds: dict[str, type[Row] | tuple[type[Row], ...]] = {
        "bars": RawBars,
        "actions": (CorporateAction, Listing),
        "macro": MacroValue,
        "news": StoredDocument,
    }
    if not isinstance(row, kinds[chunk.kind]):
        raise UntrustworthyData(f"answers {type(row).__name__} when asked for {chunk.kind}")
    if isinstance(row, RawBars):
        if row.symbol != chunk.item:
            raise UntrustworthyData("answers with another symbol")
        if not {"date", "close"} <= row.columns.keys():
            raise UntrustworthyData("answers bars without dates and closes")
        if len({len(cells) for cells in row.columns.values()}) != 1:
            raise UntrustworthyData("answers columns of unequal length")
    elif isinstance(row, MacroValue) and row.series != chunk.item:
        raise UntrustworthyData("answers with another series")


def _count(rows: Iterable[Row]) -> int:
    return sum(len(row.columns["close"]) if isinstance(row, RawBars) else 1 for row in rows)


def _answer(provider: str, rows: list[Row]) -> Answer:
    bars = tuple(row for row in rows if isinstance(row, RawBars))
    facts = tuple(row for row in rows if not isinstance(row, RawBars))
    return Answer(provider, Staged(bars=bars, facts=facts), _count(rows))
