"""The kill switch: halts in the store, and a file `HALT` in the home folder.

Both are asked each time. Whoever can touch the file can halt, with its text as the reason; what is
in the store halts every machine that shares it. Where one of them cannot be asked, trading is
halted: a halt may stand there. Nothing is remembered in the process.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from adapters.halt_file import FILE, HaltFile
from interfaces.clock import WallClock
from interfaces.kill_switch import HaltStore
from schemas.base import Instant
from schemas.errors import AlphaShieldError, Conflict, Unavailable
from schemas.halts import LONGEST_REASON, HaltRecord, person, sentence
from schemas.risk import Halt

log = logging.getLogger(__name__)

NO_HALT = "trading is not halted"


class StoredKillSwitch:
    """`interfaces.kill_switch.KillSwitch` over a store and a home folder."""

    def __init__(self, halts: HaltStore, *, home: Path, wall: WallClock) -> None:
        self._halts = halts
        self._file = HaltFile(home / FILE, wall)
        self._wall = wall

    def halted(self) -> Halt | None:
        """Return why trading is halted, or None; both are asked anew."""
        try:
            record = self._record()
        except AlphaShieldError as error:
            return self._by_file() or self._unknown(error)
        return record.halt if record else None

    def pull(self, halt: Halt) -> Halt:
        """Halt trading and return what is in force; where the store fails, the file is written."""
        try:
            record = self._record(halt)
            held = record.halt if record else halt
        except AlphaShieldError as error:
            log.warning("halting by the file %s, as the store fails: %s", FILE, error)
            held = self._file.write(halt)
        return held

    def release(self, *, by: str, now: Instant) -> Halt:
        """Release it and return what was in force.

        The file goes first: whoever dies then leaves the record, which halts by itself.
        """
        name = person(by)
        record = self._record()
        if record is None:
            raise Conflict(NO_HALT)
        self._file.remove()
        if not self._halts.release(record.number, by=name, now=now):
            raise Conflict("somebody else has released it in this moment: ask again")
        return record.halt

    def history(self, *, limit: int = 50) -> tuple[HaltRecord, ...]:
        """Return the halts so far, newest first."""
        return self._halts.list(limit=limit)

    def _record(self, pulled: Halt | None = None) -> HaltRecord | None:
        """Return the record in force, or make one of the file or of what is pulled.

        The file gets one when it is first seen: so it is in the history, and removing it by hand
        releases nothing. A number that is taken means that somebody halted, or released this very
        file, in this moment: both are asked again.
        """
        while True:
            newest = self._halts.newest()
            if newest is not None and newest.in_force:
                return newest
            halt = self._file.look() if pulled is None else self._by_file() or pulled
            if halt is None:
                return None
            record = HaltRecord(number=newest.number + 1 if newest else 1, halt=halt)
            if self._halts.add(record):
                if halt is not pulled:
                    log.warning("%s", sentence(halt))
                return record

    def _by_file(self) -> Halt | None:
        try:
            return self._file.look()
        except Unavailable:
            return None

    def _unknown(self, error: AlphaShieldError) -> Halt:
        reason = f"it cannot be found out whether trading is halted: {error}"
        return Halt(
            by="the kill switch",
            reason=reason[:LONGEST_REASON],
            since=self._wall.now(),
            source="unknown",
        )


class MemoryKillSwitch:
    """A kill switch that dies with its process: for rehearsals, and for tests of others."""

    def __init__(self) -> None:
        self._records: list[HaltRecord] = []
        self._lock = threading.Lock()

    def halted(self) -> Halt | None:
        """Return why trading is halted, or None."""
        newest = self._records[-1] if self._records else None
        return newest.halt if newest and newest.in_force else None

    def pull(self, halt: Halt) -> Halt:
        """Halt trading and return the halt in force."""
        with self._lock:
            held = self.halted()
            if held is None:
                self._records.append(HaltRecord(number=len(self._records) + 1, halt=halt))
            return held or halt

    def release(self, *, by: str, now: Instant) -> Halt:
        """Release it and return what was in force; `Conflict`, `InvalidRequest`."""
        name = person(by)
        with self._lock:
            held = self.halted()
            if held is None:
                raise Conflict(NO_HALT)
            released = {"released_by": name, "released_at": now}
            self._records[-1] = self._records[-1].model_copy(update=released)
            return held

    def history(self, *, limit: int = 50) -> tuple[HaltRecord, ...]:
        """Return the halts so far, newest first."""
        return tuple(reversed(self._records))[:limit]


class UnreachableHalts:
    """The store of a switch whose database could not be opened: every call says so."""

    def __init__(self, why: AlphaShieldError) -> None:
        self._why = why

    def newest(self) -> HaltRecord | None:
        """Raise `Unavailable`."""
        raise Unavailable(str(self._why)) from self._why

    def list(self, *, limit: int) -> tuple[HaltRecord, ...]:  # noqa: ARG002  # as the port has it
        """Raise `Unavailable`."""
        raise Unavailable(str(self._why)) from self._why

    def add(self, record: HaltRecord) -> bool:  # noqa: ARG002  # as the port has it
        """Raise `Unavailable`."""
        raise Unavailable(str(self._why)) from self._why

    def release(self, number: int, *, by: str, now: Instant) -> bool:  # noqa: ARG002  # likewise
        """Raise `Unavailable`."""
        raise Unavailable(str(self._why)) from self._why
