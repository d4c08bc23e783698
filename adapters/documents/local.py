"""Dated documents from a folder: `.md`, `.txt` and `.json`.

A text file begins with a front matter between two `---` lines (`date: 2020-01-02T09:00:00Z`, and
if wanted `title kind symbols source`); a JSON file is one object with these keys and `text`, or a
list of them. Without a full date and time with a zone a document is never shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import yaml

from adapters.documents.ranking import Passage, best_passage, bm25, words
from schemas.documents import DocumentKind, FoundDocument
from schemas.errors import Unavailable

_SUFFIXES = (".md", ".txt", ".json")
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.\-^=]{0,15}", re.ASCII)
_LARGEST = 4 << 20
_EXCERPT = 600


@dataclass(frozen=True, slots=True)
class _Document:
    name: str
    kind: DocumentKind
    title: str
    published_at: datetime
    symbols: tuple[str, ...]
    source: str | None
    text: str
    words: Passage


class LocalDocuments:
    """Implement `DocumentSource` over one folder; files are read again when they change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._stamp: tuple[tuple[str, int, int], ...] | None = None
        self._documents: tuple[_Document, ...] = ()

    def search(
        self,
        query: str,
        *,
        as_of: datetime,
        kind: DocumentKind | None = None,
        symbol: str | None = None,
        limit: int = 10,
    ) -> tuple[FoundDocument, ...]:
        """Return what was published strictly before `as_of` and matches, best first.

        Word weights come from what was known at `as_of` alone, so later documents change no rank.
        """
        known = [
            document
            for document in self._all()
            if document.published_at < as_of
            and (kind is None or document.kind == kind)
            and (symbol is None or symbol in document.symbols)
        ]
        asked = words(query)
        scores = bm25(asked, [document.words for document in known])
        hits = [pair for pair in zip(scores, known, strict=True) if pair[0] > 0 or not asked]
        hits.sort(key=lambda hit: (-hit[0], -hit[1].published_at.timestamp(), hit[1].name))
        return tuple(_found(document, asked, score) for score, document in hits[:limit])

    def _all(self) -> tuple[_Document, ...]:
        with self._lock:
            try:
                stamp = tuple(_stamp(path) for path in self._files())
                if stamp != self._stamp:
                    self._documents = tuple(_read_all(self._files()))
                    self._stamp = stamp
            except OSError as error:
                raise Unavailable("the documents folder cannot be read") from error
            return self._documents

    def _files(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(
            path
            for path in self._folder.iterdir()
            if path.suffix.lower() in _SUFFIXES and path.is_file() and path.name[0] != "."
        )


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
        words=Passage.of(f"{title} {text}"),
    )


def _symbols(value: object) -> tuple[str, ...]:
    """Return the tickers among what the document names; anything else is left out."""
    named = value if isinstance(value, list) else str(value or "").replace(",", " ").split()
    upper = (str(symbol).strip().upper() for symbol in named)
    return tuple(dict.fromkeys(symbol for symbol in upper if _SYMBOL.fullmatch(symbol)))


def _moment(value: object) -> datetime | None:
    """Return a full moment with a zone; a bare day or "3 days ago" is none."""
    try:
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.astimezone(UTC)


def _found(document: _Document, asked: tuple[str, ...], score: float) -> FoundDocument:
    return FoundDocument(
        document_id=document.name,
        kind=document.kind,
        title=document.title,
        published_at=document.published_at,
        symbols=document.symbols,
        source=document.source,
        excerpt=best_passage(document.text, asked, _EXCERPT),
        score=round(score, 6),
    )
