"""The files by which users, supervisor and server of one home folder find and wait for each other.

All locks are `flock`s: they end with the process that holds them, however it ends, so none can be
stale. `users.lock` is shared by every user and taken exclusively to stop; `supervisor.lock` and
`server.lock` see to it that there is one of each.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

_RETRY_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server is, as its supervisor last said."""

    port: int
    supervisor: int
    state: Literal["starting", "ready", "failed"]
    server: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Files:
    """What lies in the `db` folder of a home folder."""

    home: Path

    @property
    def folder(self) -> Path:
        """Everything below, readable by its owner alone."""
        return self.home / "db"

    @property
    def data(self) -> Path:
        """One SQLite file a database."""
        return self.folder / "data"

    @property
    def users(self) -> Path:
        """Shared by users."""
        return self.folder / "users.lock"

    @property
    def supervisor(self) -> Path:
        """Held by the one supervisor."""
        return self.folder / "supervisor.lock"

    @property
    def server(self) -> Path:
        """Held by the one server."""
        return self.folder / "server.lock"

    @property
    def log(self) -> Path:
        """What the server and its supervisor had to complain about."""
        return self.folder / "server.log"

    @property
    def reserve(self) -> Path:
        """Disk that is given up when no other is left."""
        return self.folder / "reserve"

    def read_endpoint(self) -> Endpoint | None:
        """Return what was last said, or None when nothing readable was."""
        try:
            return Endpoint(**json.loads((self.folder / "endpoint.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write_endpoint(self, endpoint: Endpoint) -> None:
        """Say it, whole or not at all."""
        draft = self.folder / "endpoint.draft"
        draft.write_text(json.dumps(asdict(endpoint)))
        draft.replace(self.folder / "endpoint.json")

    def forget_endpoint(self) -> None:
        """Say nothing any more."""
        (self.folder / "endpoint.json").unlink(missing_ok=True)


def hold(path: Path, *, shared: bool = False, patience: float = 0.0) -> int | None:
    """Return a descriptor that holds the lock until it is closed; None when patience runs out."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    while not try_lock(descriptor, shared=shared):
        if time.monotonic() >= deadline:
            os.close(descriptor)
            return None
        time.sleep(_RETRY_SECONDS)
    return descriptor


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock now or not at all."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Give the lock back and keep the descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def is_held(path: Path) -> bool:
    """Say whether somebody holds the lock exclusively."""
    descriptor = hold(path, shared=True)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def is_alive(pid: int) -> bool:
    """Say whether such a process exists."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
