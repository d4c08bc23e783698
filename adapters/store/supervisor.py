"""The process that keeps one embedded server alive for as long as anybody uses it.

`python -m adapters.store.supervisor HOME` detaches itself. It listens on the loopback port itself
and hands the socket to the server: while a dead server is replaced, the port stays ours and
clients wait instead of being refused. It ends, and the server with it, when it could take
`users.lock` exclusively for a while: every user has gone, however it went. A supervisor that was
killed is replaced by any user; the new one takes the same port if it can.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, cast

from adapters.store.locks import Endpoint, Files, hold, try_lock, unlock

ROOT = Path(__file__).resolve().parents[2]
"""The repository: the one place our rooms can be imported from."""

_PROBES_SECONDS = 2.0  # users look at the lock now and then; another supervisor holds it for good
_POLL_SECONDS = 0.25
_LINGER_SECONDS = 1.0
_STOP_SECONDS = 5.0
_OLD_PORT_SECONDS = 2.0
_QUICK_DEATHS = 3
_BACKLOG = 512


class _Asked(BaseException):
    """Somebody asked the supervisor to end."""


def main(home: str) -> None:
    """Detach, then supervise; a second supervisor of the same home ends at once."""
    if os.fork():
        os._exit(0)
    os.setsid()
    files = Files(Path(home))
    if hold(files.supervisor, patience=_PROBES_SECONDS) is None:
        return
    signal.signal(signal.SIGTERM, _ask)
    _Supervisor(files, _listen(files)).run()


@dataclass(slots=True)
class _Supervisor:
    files: Files
    listener: socket.socket
    quick_deaths: int = 0
    idle_since: float | None = None

    def run(self) -> None:
        """Replace dead servers until nobody is left, or until none will start."""
        users = hold(self.files.users, shared=True)
        users = users if users is not None else os.open(self.files.users, os.O_RDWR)
        unlock(users)
        self._say("starting")
        while self.quick_deaths < _QUICK_DEATHS:
            server = self._start()
            try:
                if self._watch(server, users):
                    self.files.forget_endpoint()
                    _end(server)
                    return
            except _Asked:
                return
            finally:
                _stop(server)
        self._say("failed", reason=_last_words(self.files.log))

    def _start(self) -> subprocess.Popen[bytes]:
        descriptor = self.listener.fileno()
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "adapters.store.server", str(self.files.home), str(descriptor)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[descriptor],
        )

    def _watch(self, server: subprocess.Popen[bytes], users: int) -> bool:
        """Return True when nobody is left, holding the users' lock; False when the server died."""
        output = cast("IO[bytes]", server.stdout)
        while True:
            if select.select([output], [], [], _POLL_SECONDS)[0]:
                if not os.read(output.fileno(), 64):
                    self.quick_deaths += 1
                    self._say("starting")
                    return False
                self.quick_deaths = 0
                self._say("ready", server=server.pid)
            elif self._deserted(users):
                return True

    def _deserted(self, users: int) -> bool:
        if not try_lock(users):
            self.idle_since = None
            return False
        now = time.monotonic()
        self.idle_since = self.idle_since or now
        if now - self.idle_since >= _LINGER_SECONDS:
            return True
        unlock(users)
        return False

    def _say(self, state: str, *, server: int = 0, reason: str = "") -> None:
        port = self.listener.getsockname()[1]
        self.files.write_endpoint(
            Endpoint(port, os.getpid(), state, server, reason)  # pyright: ignore[reportArgumentType]
        )


def _listen(files: Files) -> socket.socket:
    """Listen on the port of the supervisor before us, whose users still know it, or on any."""
    before = files.read_endpoint()
    listener = _bind(before.port, patience=_OLD_PORT_SECONDS) if before else None
    listener = listener or _bind(0, patience=0.0)
    if listener is None:
        sys.exit("no loopback port is free")
    listener.listen(_BACKLOG)
    return listener


def _bind(port: int, *, patience: float) -> socket.socket | None:
    deadline = time.monotonic() + patience
    while True:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.close()
            if time.monotonic() >= deadline:
                return None
            time.sleep(_POLL_SECONDS / 5)
        else:
            return listener


def _end(server: subprocess.Popen[bytes]) -> None:
    """Let the server tidy its files up before it goes."""
    with contextlib.suppress(BrokenPipeError):
        os.write(cast("IO[bytes]", server.stdin).fileno(), b".")


def _stop(server: subprocess.Popen[bytes]) -> None:
    cast("IO[bytes]", server.stdin).close()
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    cast("IO[bytes]", server.stdout).close()


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "no reason was given"


def _ask(_signal: int, _frame: FrameType | None) -> None:
    raise _Asked


if __name__ == "__main__":
    main(*sys.argv[1:])
