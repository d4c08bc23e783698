"""A share in the embedded server of a home folder: started by its first user, left by its last.

Users may be many processes; a killed one leaves nothing behind. Each looks now and then whether
the supervisor is alive and starts another when it is not.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.store.locks import Files, hold, is_alive, is_held
from adapters.store.reserve import Reserve
from adapters.store.supervisor import ROOT
from schemas.errors import AlphaShieldError, BadConfiguration, Unavailable

_START_SECONDS = 20.0
_STOPPING_SECONDS = 15.0
_LOOK_SECONDS = 0.02
_GUARD_SECONDS = 0.25
_RESPAWN_SECONDS = 2.0
_SILENT_SECONDS = 3.0  # what a supervisor has to take its lock, and a failed one to say so
_FULL = "the disk of the home folder is full: make some room there and try again"


class EmbeddedServer:
    """A MongoDB on loopback with its data under `home/db`, alive until the last user leaves.

    `uri` stays valid while this share is held: a server or supervisor that dies is replaced on
    the same port.
    """

    def __init__(self, files: Files, share: int, port: int) -> None:
        self.uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        self._files = files
        self._share = share
        self._reserve = Reserve(files)
        self._left = threading.Event()
        self._guard = threading.Thread(target=self._keep, name="store-guard", daemon=True)
        self._guard.start()

    @classmethod
    def open(cls, home: Path) -> Self:
        """Join the server of this home, starting it if need be, and return once it answers.

        `BadConfiguration` when the folder cannot be used, `Unavailable` when no server will start.
        """
        files = Files(home.absolute())
        try:
            files.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.folder.chmod(0o700)
            share = hold(files.users, shared=True, patience=_STOPPING_SECONDS)
        except OSError as error:
            raise _unusable(error) from error
        if share is None:
            raise Unavailable("the embedded database is stopping and does not come to an end")
        try:
            return cls(files, share, _wait_for_port(files))
        except OSError as error:
            os.close(share)
            raise _unusable(error) from error
        except BaseException:
            os.close(share)
            raise

    def make_room(self) -> bool:
        """Give the disk's last reserve up for what must be written; False when none is left."""
        return self._reserve.give_up()

    def close(self) -> None:
        """Leave; the last one to leave ends the server. Leaving twice changes nothing."""
        if not self._left.is_set():
            self._left.set()
            self._guard.join()
            os.close(self._share)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _keep(self) -> None:
        pause = 0.0
        while not self._left.wait(pause):
            pause = _GUARD_SECONDS
            try:
                self._reserve.lay_by()
                if not is_held(self._files.supervisor):
                    _spawn(self._files)
                    pause = _RESPAWN_SECONDS
            except OSError:  # a full disk, no process to spare: try again; callers see Unavailable
                pause = _RESPAWN_SECONDS


def _wait_for_port(files: Files) -> int:
    deadline = time.monotonic() + _START_SECONDS
    reserve = Reserve(files)
    started: float | None = None
    while (now := time.monotonic()) < deadline:
        endpoint = files.read_endpoint()
        if not is_held(files.supervisor):
            if started is None:
                if reserve.is_full():
                    reserve.give_up()
                files.log.unlink(missing_ok=True)
                _spawn(files)
                started = time.monotonic()
            elif reserve.is_full() and now - started > _SILENT_SECONDS:
                raise Unavailable(_FULL)
            elif endpoint and endpoint.state == "failed":
                raise Unavailable(f"the embedded database does not start: {endpoint.reason}")
        elif endpoint and endpoint.state == "ready" and is_alive(endpoint.supervisor):
            return endpoint.port
        time.sleep(_LOOK_SECONDS)
    raise Unavailable(
        _FULL if reserve.is_full() else "the embedded database does not start in time"
    )


def _spawn(files: Files) -> None:
    """Start a supervisor; it detaches itself, and ends at once when there already is one."""
    with files.log.open("ab") as log:
        subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "adapters.store.supervisor", str(files.home)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
        )


def _unusable(error: OSError) -> AlphaShieldError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(_FULL)
    return BadConfiguration(f"the home folder cannot be used: {os.strerror(error.errno or 0)}")
