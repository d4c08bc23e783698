"""API keys: one document a key, found by its keyed hash."""

from __future__ import annotations

from datetime import datetime

from pymongo import IndexModel

from adapters.store.calls import Documents, compare_and_set, insert, repeated
from adapters.store.codec import decode, encode
from schemas.errors import Conflict, NotFound
from schemas.keys import ApiKey

INDEXES = [IndexModel([("digest", 1)], name="digest", unique=True)]


class MongoKeyStore:
    """`interfaces.store.KeyStore` on one collection."""

    def __init__(self, keys: Documents) -> None:
        self._keys = keys

    def add(self, key: ApiKey) -> None:
        """Store a new key; `Conflict` when the id or the digest exists."""
        if not insert(self._keys, {"_id": key.key_id, **encode(key)}):
            raise Conflict("a key with this id exists already")

    def find(self, digest: str) -> ApiKey | None:
        """Return the key with this digest, revoked or not, or None."""
        found = repeated(lambda: self._keys.find_one({"digest": digest}))
        return None if found is None else decode(ApiKey, found)

    def list(self) -> tuple[ApiKey, ...]:
        """Return all keys, oldest first."""
        found = repeated(lambda: list(self._keys.find({})))
        keys = [decode(ApiKey, document) for document in found]
        return tuple(sorted(keys, key=lambda key: (key.created_at, key.key_id)))

    def revoke(self, key_id: str, *, now: datetime) -> ApiKey:
        """Revoke the key; `NotFound`; revoking twice changes nothing."""
        live = {"_id": key_id, "revoked_at": None}
        compare_and_set(self._keys, live, {"revoked_at": now.isoformat()})
        found = repeated(lambda: self._keys.find_one({"_id": key_id}))
        if found is None:
            raise NotFound("there is no such key")
        return decode(ApiKey, found)
