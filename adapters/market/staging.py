"""What a download has fetched so far: one durable file a chunk, until all of it is published."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from adapters.market.segments import sync
from adapters.market.stored import disk_errors
from interfaces.market import Staged
from schemas.base import Instant, Message, Sha256
from schemas.errors import InvalidRequest, UntrustworthyData

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_BODY = TypeAdapter(Staged)
_log = logging.getLogger(__name__)


class _Head(Message):
    """The first line of a chunk's file."""

    chunk: str
    rows: int
    fetched_at: Instant
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk as it was staged, and when."""

    name: str
    fetched_at: datetime
    rows: Staged


class Staging:
    """Chunks below one folder, by download; what is damaged counts as never staged."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, download_id: str, chunk: str, rows: Staged, *, now: datetime) -> None:
        """Keep a chunk; once this returns, no crash loses it."""
        folder = self._of(download_id)
        body = _BODY.dump_json(rows)
        count = sum(len(bars.columns["date"]) for bars in rows.bars) + len(rows.facts)
        head = _Head(
            chunk=chunk, rows=count, fetched_at=now, sha256=hashlib.sha256(body).hexdigest()
        )
        name = hashlib.sha256(chunk.encode()).hexdigest()[:32]
        draft, path = folder / f"{name}.part", folder / f"{name}.json"
        with disk_errors("staged"):
            folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(head.model_dump_json().encode() + b"\n" + body)
            sync(draft)
            draft.replace(path)
            for changed in (folder, folder.parent, folder.parent.parent):
                sync(changed)

    def counts(self, download_id: str) -> dict[str, int]:
        """Return how many rows each chunk kept so far has."""
        found = [_read(path) for path in self._files(download_id)]
        return {head.chunk: head.rows for head, _ in filter(None, found)}

    def read(self, download_id: str) -> tuple[Chunk, ...]:
        """Return the chunks in the order of their names; `UntrustworthyData` for a damaged one."""
        chunks: list[Chunk] = []
        for path in self._files(download_id):
            found = _read(path)
            if found is None:
                raise UntrustworthyData(
                    "what the download fetched is damaged in part: resume it to fetch that again"
                )
            head, body = found
            chunks.append(Chunk(head.chunk, head.fetched_at, _BODY.validate_json(body)))
        return tuple(sorted(chunks, key=lambda chunk: chunk.name))

    def drop(self, download_id: str) -> None:
        """Give up all chunks of a download; none is fine."""
        shutil.rmtree(self._of(download_id), ignore_errors=True)

    def _of(self, download_id: str) -> Path:
        if not _ID.fullmatch(download_id):
            raise InvalidRequest(f"{download_id[:80]!r} is no id of a download")
        return self._folder / download_id

    def _files(self, download_id: str) -> list[Path]:
        return sorted(self._of(download_id).glob("*.json"))


def _read(path: Path) -> tuple[_Head, bytes] | None:
    first, _, body = path.read_bytes().partition(b"\n")
    try:
        head = _Head.model_validate(json.loads(first), strict=False)
    except (ValueError, ValidationError):
        head = None
    if head is None or hashlib.sha256(body).hexdigest() != head.sha256:
        _log.warning("a staged chunk is damaged and counts as not fetched: %s", path.name)
        return None
    return head, body
