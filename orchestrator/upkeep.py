"""Upkeep: beside a worker every data set is checked now and then, and the outcome is kept."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from interfaces.clock import WallClock
from orchestrator.datasets import BUNDLED
from schemas.errors import AlphaShieldError, NotFound, UntrustworthyData
from schemas.quality import CoverageReport, DataCheck

log = logging.getLogger(__name__)

POLL_S = 60.0
_FOLDER = ".checks"


class Checkable(Protocol):
    """Data sets, and the check of one's files."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all data sets."""
        ...

    def check(self, name: str) -> None:
        """Read every file of the set against its checksum; `UntrustworthyData`, `NotFound`."""
        ...


@dataclass(frozen=True, slots=True)
class DataSets:
    """What is checked, and how; outcomes are kept in the data folder of `home`."""

    library: Checkable
    quality: Callable[[str], CoverageReport]
    wall: WallClock
    home: Path

    def outcome(self, name: str) -> Path:
        """Return the file of a set's last outcome."""
        return self.home / "data" / _FOLDER / f"{name}.json"


class Upkeep:
    """Checks every data set once `every` so often, by the last outcome on disk; zero is never.

    So workers that share a home share the work, and one that is started again begins nothing anew.
    The bundled set comes with the program and is left out.
    """

    def __init__(self, sets: DataSets, *, every: timedelta, drain: threading.Event) -> None:
        self._sets = sets
        self._every = every
        self._drain = drain

    @contextmanager
    def beside(self) -> Generator[None]:
        """Check on a thread of its own; the first look comes a minute after the start."""
        thread = threading.Thread(target=self.run_forever, name="upkeep", daemon=True)
        if self._every:
            thread.start()
        yield

    def run_forever(self) -> None:
        """Check what is due, look again after a while, until drained."""
        while not self._drain.wait(POLL_S):
            try:
                self.check_due()
            except Exception:  # the top of a thread: the next look may succeed
                log.exception("the check of the data sets failed")

    def check_due(self) -> tuple[DataCheck, ...]:
        """Check the sets whose last outcome is old, or that have none, and return the outcomes."""
        done: list[DataCheck] = []
        names = [name for name in self._sets.library.names() if name != BUNDLED]
        self._forget_all_but(names)
        for name in names:
            if self._drain.is_set():
                break
            if not self._is_due(name):
                continue
            try:
                found = self._check(name)
            except NotFound:  # deleted in this moment
                continue
            except AlphaShieldError as error:
                log.warning("the data set '%s' cannot be checked now: %s", name, error)
                continue
            _keep(self._sets.outcome(name), found)
            _tell(found)
            done.append(found)
        return tuple(done)

    def _is_due(self, name: str) -> bool:
        """Judge by the last outcome; one of a time to come is of a clock that was set back."""
        try:
            last = DataCheck.model_validate_json(self._sets.outcome(name).read_bytes())
        except (FileNotFoundError, ValidationError):
            return True
        age = self._sets.wall.now() - last.checked_at
        return age >= self._every or age < timedelta(0)

    def _check(self, name: str) -> DataCheck:
        now = self._sets.wall.now()
        try:
            self._sets.library.check(name)
            report = self._sets.quality(name)
        except UntrustworthyData as broken:
            return DataCheck(data=name, checked_at=now, whole=False, problem=str(broken))
        each = [instrument.quality for instrument in report.instruments]
        return DataCheck(
            data=name,
            checked_at=now,
            whole=True,
            data_hash=report.dataset.data_hash,
            bars=sum(one.bars for one in each),
            rejected=sum(one.rejected for one in each),
            warned=sum(one.warned for one in each),
            missing=sum(one.missing for one in each),
        )

    def _forget_all_but(self, names: list[str]) -> None:
        for path in self._sets.outcome("any").parent.glob("*.json"):
            if path.stem not in names:
                with suppress(FileNotFoundError):
                    path.unlink()


def _keep(path: Path, found: DataCheck) -> None:
    """Write the outcome whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(found.model_dump_json(indent=1), encoding="utf-8")
    draft.replace(path)


def _tell(found: DataCheck) -> None:
    if not found.whole:
        log.warning("the data set '%s' is damaged: %s", found.data, found.problem)
    elif found.rejected:
        log.warning(
            "the data set '%s' has bars that cannot be true, %d of them: see `data validate %s`",
            found.data,
            found.rejected,
            found.data,
        )
