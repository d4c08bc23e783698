"""Texts in the order in which they become known: searched as of a moment, alone or together.

What is known at a moment is a prefix, less the texts that newer versions have replaced by then.
Nothing behind the prefix is looked at, so a later text changes neither rank nor score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from itertools import islice
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from adapters.documents.postings import Postings, Rows
from adapters.documents.ranking import K1, B, Query, Tally, best_passage
from schemas.base import canonical_json
from schemas.documents import DocumentKind, FoundDocument

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXCERPT = 600

NEVER = 2**62
"""A moment, in microseconds since 1970, that does not come."""


@dataclass(frozen=True, slots=True)
class Label:
    """What one version of a text is found by; moments in microseconds since 1970.

    It is shown from strictly after `since` until (and including) `until`.
    """

    name: str
    kind: DocumentKind
    published: int
    since: int
    symbols: tuple[str, ...]
    until: int = NEVER


@dataclass(frozen=True, slots=True)
class Body:
    """What one version of a text says."""

    title: str
    text: str
    source: str | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A text that answers a query; hits sort best first, then newest, then by name."""

    score: float
    published: int
    name: str
    row: int

    def key(self) -> tuple[float, int, str]:
        """Return what hits are sorted by."""
        return -self.score, -self.published, self.name


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which of the known texts are meant; `rows` None: whatever they are about."""

    kind: DocumentKind | None = None
    rows: NDArray[np.int64] | None = None
    accepts: Callable[[Label], bool] | None = None


class Corpus:
    """A collection of texts that never changes; words are counted at the first query.

    `read` gives the body of the label at a place.
    """

    def __init__(self, labels: Sequence[Label], read: Callable[[int], Body]) -> None:
        shown = [place for place, label in enumerate(labels) if label.since < label.until]
        shown.sort(key=lambda place: (labels[place].since, labels[place].name, place))
        self.labels = [labels[place] for place in shown]
        self._places = shown
        self._read = read
        self._lock = Lock()
        self._since = self._moments(lambda label: label.since)
        self._until = self._moments(lambda label: label.until)
        self._ends = np.sort(self._until)

    @cached_property
    def published(self) -> NDArray[np.int64]:
        """When each text was published; shape (T,)."""
        return self._moments(lambda label: label.published)

    def naming(self, symbol: str) -> NDArray[np.int64]:
        """Return the texts that name a ticker, ascending."""
        return self._naming.get(symbol, np.empty(0, dtype=np.int64))

    def tally(self, query: Query, now: int) -> Tally:
        """Count what weights are made of, among what is known."""
        known, gone = self._known(now)
        having: list[int] = []
        for word in query.words:
            rows, _ = self._posted(word, known)
            replaced = np.count_nonzero(self._until[rows] < now) if gone else 0
            having.append(len(rows) - int(replaced))
        return Tally(known - gone, self._words(known, gone) if having else 0, tuple(having))

    def hits(
        self, query: Query, now: int, *, tally: Tally, within: Narrowing, limit: int
    ) -> list[Hit]:
        """Return the best known texts that have one of the words and every phrase, best first."""
        scores = self._scores(query, now, tally)
        rows = self._candidates(query, scores, now, within)
        lazy = bool(query.phrases) or within.accepts is not None
        if not lazy and len(rows) > limit:
            least = np.partition(scores[rows], len(rows) - limit)[len(rows) - limit]
            rows = rows[scores[rows] >= least]
        rows = rows[np.lexsort((self._newest[rows], -scores[rows]))]
        fitting = self._fitting(rows, query, within) if lazy else iter(rows.tolist())
        return [self._hit(row, float(scores[row])) for row in islice(fitting, limit)]

    def show(self, row: int, query: Query, score: float) -> FoundDocument:
        """Return a text as it is told to whoever asked the query."""
        label, body = self.labels[row], self._body(row)
        return FoundDocument(
            document_id=label.name,
            kind=label.kind,
            title=body.title,
            published_at=instant_of(label.published),
            symbols=label.symbols,
            source=body.source,
            excerpt=best_passage(body.text, query.words, _EXCERPT),
            score=round(score, 6),
        )

    def digest(self, before: int) -> str:
        """Return the SHA-256 over all that could be shown before a moment, in its order."""
        found = sha256()
        for row in range(self._known(before)[0]):
            label, body = self.labels[row], self._body(row)
            told = (label.name, label.kind, label.published, label.since, label.symbols)
            found.update(canonical_json((*told, body.title, body.source, body.text)) + b"\n")
        return found.hexdigest()

    def _body(self, row: int) -> Body:
        return self._read(self._places[row])

    def _text(self, row: int) -> str:
        body = self._body(row)
        return f"{body.title} {body.text}"

    def _known(self, now: int) -> tuple[int, int]:
        """Return how many texts are known strictly before now, and how many of these replaced."""
        return int(self._since.searchsorted(now)), int(self._ends.searchsorted(now))

    def _scores(self, query: Query, now: int, tally: Tally) -> NDArray[np.float64]:
        known, _ = self._known(now)
        scores = np.zeros(known)
        if not query.words:
            return scores
        lengths = self._postings.lengths
        for word, weight in zip(query.words, tally.weights, strict=True):
            rows, counts = self._posted(word, known)
            pace = K1 * (1 - B + B * lengths[rows] / tally.mean)
            scores[rows] += weight * counts * (K1 + 1) / (counts + pace)
        return scores

    def _candidates(
        self, query: Query, scores: NDArray[np.float64], now: int, within: Narrowing
    ) -> NDArray[np.int64]:
        known = len(scores)
        keep = self._until[:known] >= now
        if query.words:
            keep &= scores > 0
        if within.kind is not None:
            keep &= self._news[:known] == (within.kind == "news")
        for phrase in query.phrases:
            for word in phrase:
                keep &= _mask(known, self._posted(word, known)[0])
        if within.rows is not None:
            keep &= _mask(known, within.rows[within.rows < known])
        return np.flatnonzero(keep)

    def _fitting(self, rows: NDArray[np.int64], query: Query, within: Narrowing) -> Iterator[int]:
        for row in rows.tolist():
            if within.accepts is not None and not within.accepts(self.labels[row]):
                continue
            if query.phrases and not query.fits(self._text(row)):
                continue
            yield row

    def _hit(self, row: int, score: float) -> Hit:
        label = self.labels[row]
        return Hit(score, label.published, label.name, row)

    def _posted(self, word: str, known: int) -> tuple[Rows, Rows]:
        rows, counts = self._postings.of_word(word)
        count = int(rows.searchsorted(known))
        return rows[:count], counts[:count]

    def _moments(self, of: Callable[[Label], int]) -> NDArray[np.int64]:
        return np.fromiter(map(of, self.labels), dtype=np.int64, count=len(self.labels))

    @property
    def _postings(self) -> Postings:
        with self._lock:  # several threads may ask at once, and counting takes seconds
            return self._counted

    @cached_property
    def _counted(self) -> Postings:
        return Postings.of(len(self.labels), self._text)

    def _words(self, known: int, gone: int) -> int:
        """Return how many words the known texts have, of which some were replaced."""
        begun, ended = self._sums
        return int(begun[known] - ended[gone])

    @cached_property
    def _sums(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The words of the first texts to be known, and of the first to be replaced."""
        lengths = self._postings.lengths
        return _summed(lengths), _summed(lengths[np.argsort(self._until, kind="stable")])

    @cached_property
    def _newest(self) -> NDArray[np.int64]:
        """The place of each text among all by date, newest first, then by name."""
        labels = self.labels
        order = sorted(
            range(len(labels)), key=lambda row: (-labels[row].published, labels[row].name)
        )
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        return place

    @cached_property
    def _news(self) -> NDArray[np.bool_]:
        return np.array([label.kind == "news" for label in self.labels], dtype=np.bool_)

    @cached_property
    def _naming(self) -> dict[str, NDArray[np.int64]]:
        found: dict[str, list[int]] = {}
        for row, label in enumerate(self.labels):
            for symbol in dict.fromkeys(label.symbols):
                found.setdefault(symbol, []).append(row)
        return {symbol: np.array(rows, dtype=np.int64) for symbol, rows in found.items()}


@dataclass(frozen=True, slots=True)
class Question:
    """What a search asks for: `about` picks a corpus's texts that are about what was named."""

    query: Query
    as_of: int
    limit: int
    kind: DocumentKind | None = None
    about: Callable[[Corpus], NDArray[np.int64]] | None = None


def search_all(corpora: Sequence[Corpus], asked: Question) -> tuple[FoundDocument, ...]:
    """Search several collections as if they were one: the same weights, one order."""
    query, now = asked.query, asked.as_of
    tally = Tally(0, 0, (0,) * len(query.words))
    for corpus in corpora:
        tally += corpus.tally(query, now)
    found: list[tuple[Hit, Corpus]] = []
    for corpus in corpora:
        rows = None if asked.about is None else asked.about(corpus)
        within = Narrowing(asked.kind, rows)
        hits = corpus.hits(query, now, tally=tally, within=within, limit=asked.limit)
        found += [(hit, corpus) for hit in hits]
    found.sort(key=lambda pair: pair[0].key())  # stable: of equals the first collection's first
    return tuple(corpus.show(hit.row, query, hit.score) for hit, corpus in found[: asked.limit])


def naming(symbol: str) -> Callable[[Corpus], NDArray[np.int64]]:
    """Return what picks the texts that name a ticker, whatever it means."""
    return lambda corpus: corpus.naming(symbol)


def _summed(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])


def instant_of(microseconds: int) -> datetime:
    """Return the moment, in UTC, that lies that many microseconds after the first of 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def micros_of(moment: datetime) -> int:
    """Return a moment (aware) in microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _mask(size: int, rows: NDArray[np.int64] | Rows) -> NDArray[np.bool_]:
    mask = np.zeros(size, dtype=np.bool_)
    mask[rows] = True
    return mask
