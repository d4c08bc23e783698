"""Opening the store: a MongoDB that is named, or the embedded one of the home folder."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import IndexModel, MongoClient
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, OperationFailure

from adapters.store import artifacts, downloads, jobs, keys, memories, orders
from adapters.store.artifacts import MongoArtifactStore
from adapters.store.calls import NO_ADDRESS, repeated, translated
from adapters.store.claims import no_room
from adapters.store.downloads import MongoDownloadStore
from adapters.store.embedded import EmbeddedServer
from adapters.store.halts import MongoHaltStore
from adapters.store.jobs import MongoJobStore
from adapters.store.keys import MongoKeyStore
from adapters.store.memories import MongoMemoryStore
from adapters.store.orders import MongoOrderStore
from adapters.store.ticks import MongoTickStore
from schemas.errors import BadConfiguration

_SELECTION_MS = 5_000
_SOCKET_MS = 60_000
_NAMESPACE_EXISTS = 48

INDEXES: dict[str, list[IndexModel]] = {
    "jobs": jobs.INDEXES,
    "downloads": downloads.INDEXES,
    "run_heads": [],
    "ticks": [],
    "artifacts": artifacts.INDEXES,
    "artifact_pieces": [],
    "keys": keys.INDEXES,
    "halts": [],
    "memories": memories.INDEXES,
    "order_accounts": [],
    "orders": orders.ORDER_INDEXES,
    "order_fills": orders.FILL_INDEXES,
}
"""Every collection with the indexes its repository declares."""


@dataclass(frozen=True, slots=True)
class Store:
    """The repositories of one database. `uri` is for other clients of the same database."""

    jobs: MongoJobStore
    downloads: MongoDownloadStore
    ticks: MongoTickStore
    artifacts: MongoArtifactStore
    keys: MongoKeyStore
    halts: MongoHaltStore
    memories: MongoMemoryStore
    orders: MongoOrderStore
    database: str
    uri: str = field(repr=False)  # it may hold a password
    _client: MongoClient[dict[str, Any]] = field(repr=False)
    _leaving: contextlib.ExitStack = field(repr=False)

    def close(self) -> None:
        """Close the connections and leave the embedded server; closing twice changes nothing."""
        self._leaving.close()

    def ping(self) -> None:
        """Return once the database answered; `Unavailable` when it does not."""
        repeated(lambda: self._client.admin.command("ping"))


def open_store(uri: str | None, home: Path, *, database: str = "alphashield") -> Store:
    """Open the database of this URI or, without one, the embedded one under `home`.

    Collections and indexes are created when they are missing. A MongoDB that is not there raises
    `Unavailable` within about five seconds; a URI that is none, or refused credentials,
    `BadConfiguration`. No message shows the URI.
    """
    with contextlib.ExitStack() as leaving:
        embedded = None if uri else leaving.enter_context(EmbeddedServer.open(home))
        address = uri or (embedded.uri if embedded else "")
        make_room = embedded.make_room if embedded else no_room
        client = _connect(address)
        leaving.callback(client.close)
        tables = client[database]
        repeated(lambda: prepare(tables))
        return Store(
            jobs=MongoJobStore(tables["jobs"], make_room=make_room),
            downloads=MongoDownloadStore(tables["downloads"], make_room=make_room),
            ticks=MongoTickStore(tables["run_heads"], tables["ticks"]),
            artifacts=MongoArtifactStore(tables["artifacts"], tables["artifact_pieces"]),
            keys=MongoKeyStore(tables["keys"]),
            halts=MongoHaltStore(tables["halts"]),
            memories=MongoMemoryStore(tables["memories"]),
            orders=MongoOrderStore(
                tables["order_accounts"], tables["orders"], tables["order_fills"]
            ),
            uri=address,
            database=database,
            _client=client,
            _leaving=leaving.pop_all(),
        )


def _connect(address: str) -> MongoClient[dict[str, Any]]:
    """Return a client, which has not connected yet."""
    if not address.startswith(("mongodb://", "mongodb+srv://")):
        raise BadConfiguration("MONGODB_URI must begin with mongodb:// or mongodb+srv://")
    try:
        with translated():
            return MongoClient(
                address,
                serverSelectionTimeoutMS=_SELECTION_MS,
                connectTimeoutMS=_SELECTION_MS,
                socketTimeoutMS=_SOCKET_MS,
                retryWrites=True,
                appname="alphashield",
            )
    except ValueError as error:  # a port that is no number
        raise BadConfiguration(NO_ADDRESS) from error


def prepare(tables: Database[dict[str, Any]]) -> None:
    """Create what is missing: first collections, then indexes; again changes nothing."""
    existing = set(tables.list_collection_names())
    for name, indexes in INDEXES.items():
        if name not in existing:
            _create(tables, name)
        if indexes:
            tables[name].create_indexes(indexes)


def _create(tables: Database[dict[str, Any]], name: str) -> None:
    try:
        tables.create_collection(name)
    except CollectionInvalid:  # another process was quicker
        return
    except OperationFailure as error:  # the same, noticed by the server
        if error.code != _NAMESPACE_EXISTS:
            raise
