"""How the repositories call the database: errors translated, lost acknowledgements settled.

A connection that breaks leaves open whether a write arrived. Reads and idempotent writes are
repeated; a compare-and-set is repeated and, when it then no longer matches, its own mark is looked
for in the document.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from bson.errors import InvalidDocument
from pymongo.collection import Collection
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from schemas.errors import (
    AlphaShieldError,
    BadConfiguration,
    Conflict,
    InvalidRequest,
    Unavailable,
)

T = TypeVar("T")
Documents = Collection[dict[str, Any]]

WRITE = "_write"
"""The field that names the last compare-and-set of a document."""

NO_ADDRESS = "MONGODB_URI is no valid MongoDB address"

_ATTEMPTS = 4
_REFUSED_CREDENTIALS = {13, 18, 8000}


class DiskFull(Unavailable):
    """The database takes no more until there is room on its disk."""


@contextmanager
def translated() -> Generator[None]:
    """Turn the driver's errors into ours, from their cause; no message shows a URI."""
    try:
        yield
    except (PyMongoError, InvalidDocument, OverflowError) as error:
        raise translate(error) from error


def translate(error: Exception) -> AlphaShieldError:
    """Return what a driver's error means to a caller."""
    if isinstance(error, InvalidURI | ConfigurationError):
        return BadConfiguration(NO_ADDRESS)
    if isinstance(error, DuplicateKeyError):
        return Conflict("it exists already")
    if isinstance(error, DocumentTooLarge | InvalidDocument | OverflowError):
        return InvalidRequest("it is too large for the database")
    if isinstance(error, OperationFailure):
        return _refusal(error)
    if isinstance(error, ConnectionFailure):
        return Unavailable("the database does not answer")
    return Unavailable(f"the database failed: {type(error).__name__}")


def _refusal(error: OperationFailure) -> AlphaShieldError:
    if error.code in _REFUSED_CREDENTIALS:
        return BadConfiguration("the database refuses the credentials of MONGODB_URI")
    if "disk is full" in str(error):
        return DiskFull("the database's disk is full")
    if "disk I/O error" in str(error):
        return Unavailable("the database cannot write to its disk")
    return Unavailable(f"the database refused an operation (code {error.code})")


def repeated(action: Callable[[], T]) -> T:
    """Run a read or an idempotent write, again while the connection breaks under it."""
    with translated():
        return _repeat(lambda _broken: action())


def _repeat(action: Callable[[bool], T]) -> T:
    """Tell the action whether an attempt before it may have arrived."""
    for attempt in range(_ATTEMPTS):
        try:
            return action(attempt > 0)
        except ServerSelectionTimeoutError:  # it has waited long enough already
            raise
        except AutoReconnect:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def compare_and_set(
    collection: Documents, expected: Mapping[str, Any], change: Mapping[str, Any]
) -> bool:
    """Set the fields of the one document that matches, or return False and write nothing.

    `expected` names the document by `_id`. An acknowledgement that was lost is settled by the
    mark that this write left.
    """
    mark = uuid.uuid4().hex
    fields = {**change, WRITE: mark}

    def attempt(broken: bool) -> bool:  # noqa: FBT001 - called by _repeat alone
        if collection.update_one(expected, {"$set": fields}).matched_count == 1:
            return True
        landed = {"_id": expected["_id"], WRITE: mark}
        return broken and collection.find_one(landed, {"_id": 1}) is not None

    with translated():
        return _repeat(attempt)


def insert(collection: Documents, document: Mapping[str, Any]) -> bool:
    """Insert a document with an `_id`; False when one like it exists already, not written by us."""
    mark = uuid.uuid4().hex
    marked = {**document, WRITE: mark}

    def attempt(broken: bool) -> bool:  # noqa: FBT001 - called by _repeat alone
        try:
            collection.insert_one(dict(marked))
        except DuplicateKeyError:
            landed = {"_id": document["_id"], WRITE: mark}
            return broken and collection.find_one(landed, {"_id": 1}) is not None
        return True

    with translated():
        return _repeat(attempt)
