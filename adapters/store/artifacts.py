"""Finished files: compressed pieces, and one document that names them.

A file exists once that document does; replacing a file changes the document by one
compare-and-set, so a reader sees the old file or the new one, whole. GridFS is not used: the
embedded server only imitates its collections, and it replaces no file in one step.
"""

from __future__ import annotations

import hashlib
import uuid
import zlib
from contextlib import suppress
from typing import Any

from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from adapters.store.calls import Documents, compare_and_set, insert, repeated
from schemas.errors import AlphaShieldError, Conflict, InvalidRequest, NotFound, UntrustworthyData

INDEXES = [IndexModel([("job_id", 1)], name="job")]

MAX_FILE_BYTES = 256 * 1024 * 1024
_PIECE_BYTES = 512 * 1024
_READS = 5


class MongoArtifactStore:
    """`interfaces.store.ArtifactStore` on two collections."""

    def __init__(self, files: Documents, pieces: Documents) -> None:
        self._files = files
        self._pieces = pieces

    def put(self, job_id: str, name: str, content: bytes, *, fence: int = 0) -> None:
        """Store or replace a file; `Conflict` when a higher fence has written it."""
        if len(content) > MAX_FILE_BYTES:
            raise InvalidRequest(f"a file of {len(content)} bytes is too large to be stored")
        packed = zlib.compress(content, 1)
        digest = hashlib.sha256(content).hexdigest()
        file = uuid.uuid4().hex
        count = -(-len(packed) // _PIECE_BYTES)
        version: dict[str, Any] = {
            "file": file,
            "pieces": count,
            "bytes": len(content),
            "sha256": digest,
        }
        version["fence"] = fence
        try:
            for number in range(count):
                piece = packed[number * _PIECE_BYTES : (number + 1) * _PIECE_BYTES]
                self._write_piece(_piece(version, number), piece)
        except AlphaShieldError:  # a full disk: what nobody names should not fill it further
            with suppress(AlphaShieldError):
                self._drop(version)
            raise
        try:
            replaced = self._name(job_id, name, version)
        except Conflict:
            self._drop(version)
            raise
        if replaced is not None:
            self._drop(replaced)

    def get(self, job_id: str, name: str) -> bytes:
        """Return the file; `NotFound`."""
        for _ in range(_READS):
            named = self._find(job_id, name)
            if named is None:
                raise NotFound("there is no such file")
            content = self._read(named)
            if content is not None:
                return content
        raise UntrustworthyData("a stored file is damaged")

    def names(self, job_id: str) -> tuple[str, ...]:
        """Return the names of the job's files, sorted."""
        found = repeated(lambda: list(self._files.find({"job_id": job_id}, {"name": 1})))
        return tuple(sorted(document["name"] for document in found))

    def _write_piece(self, identity: str, piece: bytes) -> None:
        document = {"_id": identity, "content": piece}

        def write() -> None:
            try:
                self._pieces.insert_one(document)
            except DuplicateKeyError:  # it had arrived
                return

        repeated(write)

    def _name(self, job_id: str, name: str, version: dict[str, Any]) -> dict[str, Any] | None:
        """Let the name mean this version, and return what it meant before."""
        identity = _identity(job_id, name)
        while True:
            named = self._find(job_id, name)
            if named is None:
                fresh = {"_id": identity, "job_id": job_id, "name": name, **version}
                if insert(self._files, fresh):
                    return None
            elif named.get("fence", 0) > version["fence"]:
                raise Conflict("another worker has written this file")
            elif compare_and_set(self._files, {"_id": identity, "file": named["file"]}, version):
                return named

    def _drop(self, version: dict[str, Any]) -> None:
        pieces = [_piece(version, number) for number in range(version["pieces"])]
        repeated(lambda: self._pieces.delete_many({"_id": {"$in": pieces}}))

    def _find(self, job_id: str, name: str) -> dict[str, Any] | None:
        return repeated(lambda: self._files.find_one({"_id": _identity(job_id, name)}))

    def _read(self, named: dict[str, Any]) -> bytes | None:
        """Return the content, or None when it is not whole: replaced as we read, or damaged."""
        packed = bytearray()
        for number in range(named["pieces"]):
            identity = _piece(named, number)
            piece = repeated(lambda identity=identity: self._pieces.find_one({"_id": identity}))
            if piece is None:
                return None
            packed += piece["content"]
        try:
            content = zlib.decompress(packed)
        except zlib.error:
            return None
        return content if hashlib.sha256(content).hexdigest() == named["sha256"] else None


def _identity(job_id: str, name: str) -> str:
    return f"{job_id}/{name}"


def _piece(version: dict[str, Any], number: int) -> str:
    return f"{version['file']}/{number}"
