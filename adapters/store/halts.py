"""The kill switch's halts: one document a halt, numbered from 1; its `_id` is its number.

The number is written with leading zeros, because the embedded store sorts by `_id` as by text: the
tenth halt would come before the second, and would not be seen. Only the newest one can be in force,
as the next is added only where the one before was seen released and a release is for good. So of
two that halt at once one adds and the other finds it.
"""

from __future__ import annotations

from pymongo import DESCENDING

from adapters.store.calls import Documents, compare_and_set, insert, repeated
from adapters.store.codec import decode, encode
from schemas.base import Instant
from schemas.halts import HaltRecord


class MongoHaltStore:
    """`interfaces.kill_switch.HaltStore` on one collection."""

    def __init__(self, halts: Documents) -> None:
        self._halts = halts

    def newest(self) -> HaltRecord | None:
        """Return the record with the highest number, or None."""
        found = repeated(lambda: self._halts.find_one({}, sort=[("_id", DESCENDING)]))
        return None if found is None else decode(HaltRecord, found)

    def list(self, *, limit: int) -> tuple[HaltRecord, ...]:
        """Return records, newest first."""
        found = repeated(lambda: list(self._halts.find({}).sort("_id", DESCENDING).limit(limit)))
        return tuple(decode(HaltRecord, document) for document in found)

    def add(self, record: HaltRecord) -> bool:
        """Store it unless its number is taken; False then."""
        return insert(self._halts, {"_id": _identity(record.number), **encode(record)})

    def release(self, number: int, *, by: str, now: Instant) -> bool:
        """Write who released it and when; False, and nothing, when it is released or unknown."""
        held = {"_id": _identity(number), "released_at": None}
        return compare_and_set(
            self._halts, held, {"released_by": by, "released_at": now.isoformat()}
        )


def _identity(number: int) -> str:
    return f"{number:012d}"
