"""Dated documents from a folder: `.md`, `.txt` and `.json`.

A text file begins with a front matter between two `---` lines (`date: 2020-01-02T09:00:00Z`, and
if wanted `title kind symbols source`); a JSON file is one object with these keys and `text`, or a
list of them. Without a date to the second and with a zone a document is never shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import yaml

from adapters.documents.corpus import Body, Corpus, Label, Question, micros_of, naming, search_all
from adapters.documents.ranking import Query
from schemas.documents import DocumentKind, FoundDocument
from schemas.errors import Unavailable

_SUFFIXES = (".md", ".txt", ".json")
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.\-^=]{0,15}", re.ASCII)
_SECOND = re.compile(r"T\d\d:?\d\d:?\d\d", re.ASCII | re.IGNORECASE)
_LARGEST = 4 << 20


@dataclass(frozen=True, slots=True)
class _Document:
    name: str
    kind: DocumentKind
    title: str
    published_at: datetime
    symbols: tuple[str, ...]
    source: str | None
    text: str


class LocalDocuments:
    """Implement `DocumentSource` over one folder; files are read again when they change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._stamp: tuple[tuple[str, int, int], ...] | None = None
        self._corpus = _corpus(())
        self._digest: tuple[Corpus, datetime, str] | None = None

    def search(
        self,
        query: str,
        *,
        as_of: datetime,
        kind: DocumentKind | None = None,
        symbol: str | None = None,
        limit: int = 10,
    ) -> tuple[FoundDocument, ...]:
        """Return what was published strictly before `as_of` and matches, best first."""
        about = None if symbol is None else naming(symbol)
        asked = Question(Query.of(query), micros_of(as_of), limit, kind, about)
        return search_all([self.corpus()], asked)

    def digest(self, before: datetime) -> str:
        """Return the SHA-256 over all that could be shown before a moment; `Unavailable`."""
        corpus, known = self.corpus(), self._digest
        if known is None or known[0] is not corpus or known[1] != before:
            known = self._digest = (corpus, before, corpus.digest(micros_of(before)))
        return known[2]

    def corpus(self) -> Corpus:
        """Return the documents as the folder has them now; `Unavailable`."""
        with self._lock:
            try:
                files = self._files()
                stamp = tuple(_stamp(path) for path in files)
                if stamp != self._stamp:
                    self._corpus = _corpus(tuple(_read_all(files)))
                    self._stamp = stamp
            except OSError as error:
                raise Unavailable("the documents folder cannot be read") from error
            return self._corpus

    def _files(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(
            path
            for path in self._folder.iterdir()
            if path.suffix.lower() in _SUFFIXES and path.is_file() and path.name[0] != "."
        )


def _corpus(documents: Sequence[_Document]) -> Corpus:
    labels = [
        Label(
            name=document.name,
            kind=document.kind,
            published=micros_of(document.published_at),
            since=micros_of(document.published_at),
            symbols=document.symbols,
        )
        for document in documents
    ]

    def read(place: int) -> Body:
        document = documents[place]
        return Body(document.title, document.text, document.source)

    return Corpus(labels, read)


def _stamp(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return path.name, status.st_mtime_ns, status.st_size


def _read_all(files: list[Path]) -> Iterator[_Document]:
    for path in files:
        if path.stat().st_size > _LARGEST:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        content = _json(text) if path.suffix.lower() == ".json" else _front_matter(text)
        if isinstance(content, list):
            named = [(f"{path.name}#{number}", entry) for number, entry in enumerate(content, 1)]
        else:
            named = [(path.name, content)]
        for name, entry in named:
            document = _document(name, entry) if isinstance(entry, dict) else None
            if document is not None:
                yield document


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _front_matter(text: str) -> dict[str, Any]:
    head, closed, body = text.removeprefix("\ufeff").removeprefix("---\n").partition("\n---")
    if not text.removeprefix("\ufeff").startswith("---\n") or not closed:
        return {}
    try:
        # Every value stays text: YAML would read a date without a zone as one.
        entry: Any = yaml.load(head, Loader=yaml.BaseLoader)  # noqa: S506 - makes strings only
    except yaml.YAMLError:
        return {}
    return {**entry, "text": body.strip("-\n ")} if isinstance(entry, dict) else {}


def _document(name: str, entry: dict[str, Any]) -> _Document | None:
    published = _moment(entry.get("date"))
    text = entry.get("text")
    if published is None or not isinstance(text, str):
        return None
    title = str(entry.get("title") or name)[:200]
    return _Document(
        name=name,
        kind="news" if entry.get("kind", "news") == "news" else "document",
        title=title,
        published_at=published,
        symbols=_symbols(entry.get("symbols")),
        source=str(entry["source"])[:100] if entry.get("source") else None,
        text=text,
    )


def _symbols(value: object) -> tuple[str, ...]:
    """Return the tickers among what the document names; anything else is left out."""
    named = value if isinstance(value, list) else str(value or "").replace(",", " ").split()
    upper = (str(symbol).strip().upper() for symbol in named)
    return tuple(dict.fromkeys(symbol for symbol in upper if _SYMBOL.fullmatch(symbol)))


def _moment(value: object) -> datetime | None:
    """Return a moment to the second, with a zone; a day, an hour or "3 days ago" is none."""
    text = str(value).strip()
    if _SECOND.search(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
