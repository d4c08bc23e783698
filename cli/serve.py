"""`serve` and `worker`: the API with one worker, or a worker alone."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Annotated

import typer

from cli.doors import opened, root_of
from cli.group import DONE, FAILED
from cli.output import Json, note, print_json
from cli.running import DRAINING, draining

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from cli.doors import Doors

_POLL_SECONDS = 0.2
_PARENT_POLL_SECONDS = 1.0
_START_SECONDS = 60.0
_GRACE_SECONDS = 5.0


def serve(
    context: typer.Context,
    *,
    host: Annotated[str | None, typer.Option(help="Where to listen.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port.")] = None,
    as_json: Json = False,
) -> None:
    """Serve the API, with one worker beside it, until Ctrl-C or SIGTERM."""
    setup = root_of(context).setup()
    host, port = host or setup.host, port or setup.port
    with opened(context) as doors:
        keys_needed = doors.keyring.required(host)
        refuse_taken_port(host, port)
        stop = threading.Event()
        with draining(stop, "stopping ..."):
            api = _start(*_gunicorn(host, port, grace=setup.drain_seconds))
            worker = _start("-m", "cli", "worker", "--parent", str(os.getpid()))
            try:
                url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
                if _wait_until_up(api, host, port, stop=stop):
                    _say(url, keys_needed=keys_needed, as_json=as_json)
                    _say_if_halted(doors)
                died = _watch(stop, api, worker)
            finally:
                _end(api, worker, within=setup.drain_seconds + _GRACE_SECONDS)
    if died:
        note(f"alphashield: the {died} ended by itself; its messages are above")
        raise typer.Exit(FAILED)


def worker(
    context: typer.Context,
    *,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
    as_json: Json = False,
) -> None:
    """Run queued jobs until Ctrl-C or SIGTERM; what runs then is handed back, resumable."""
    drain = threading.Event()
    if parent is not None:
        threading.Thread(target=_drain_without, args=(parent, drain), daemon=True).start()
    with opened(context) as doors, draining(drain, DRAINING):
        if as_json:
            print_json({"worker": "started"})
        else:
            note("worker started")
        doors.worker(drain).run_forever()
    raise typer.Exit(DONE)


def refuse_taken_port(host: str, port: int) -> None:
    """Raise `Unavailable` when nobody can listen there now."""
    from schemas.errors import InvalidRequest, Unavailable

    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise InvalidRequest(f"'{host}' is no address of this machine") from error
    with socket.socket(family, kind, proto) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Unavailable(f"port {port} is in use: choose another with --port") from error
            raise Unavailable(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _drain_without(parent: int, drain: threading.Event) -> None:
    """Drain once the process that started this one is gone, however it went."""
    while not drain.wait(_PARENT_POLL_SECONDS):
        if os.getppid() != parent:
            drain.set()


def _gunicorn(host: str, port: int, *, grace: float) -> list[str]:
    at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return [
        *("-m", "gunicorn", "--config", "python:api.gunicorn", "--bind", at),
        *("--graceful-timeout", str(max(int(grace), 1))),
        f"api.app:from_settings(host={host!r})",
    ]


def _start(*words: str) -> subprocess.Popen[bytes]:
    """Start a process of our own that a Ctrl-C at the terminal does not reach."""
    command = [sys.executable, *words]
    return subprocess.Popen(command, start_new_session=True)  # noqa: S603  # our own words


def _wait_until_up(
    api: subprocess.Popen[bytes], host: str, port: int, *, stop: threading.Event
) -> bool:
    """Wait until the API takes connections; false when it ended or was told to stop."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # read, not bound
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and api.poll() is None and not stop.is_set():
        try:
            with socket.create_connection((target, port), timeout=1):
                return True
        except OSError:
            stop.wait(_POLL_SECONDS)
    return False


def _watch(stop: threading.Event, *children: subprocess.Popen[bytes]) -> str:
    """Wait for the stop, or for a child that ends by itself, and return that one's name."""
    while not stop.wait(_POLL_SECONDS):
        for name, child in zip(("API", "worker"), children, strict=True):
            if child.poll() is not None:
                return name
    return ""


def _end(*children: subprocess.Popen[bytes], within: float) -> None:
    """Ask the children to drain and wait; one that does not end in time is killed."""
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + within
    for child in children:
        try:
            child.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _say_if_halted(doors: Doors) -> None:
    from schemas.halts import sentence

    halt = doors.kill_switch.halted()
    if halt is not None:
        note(f"{sentence(halt)} (`alphashield halt` says more)")


def _say(url: str, *, keys_needed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"url": url, "keys_needed": keys_needed})
        sys.stdout.flush()
        return
    who = (
        "every call needs an API key"
        if keys_needed
        else "open to this machine without a key, as none was made (`alphashield keys create`)"
    )
    note(f"AlphaShield at {url} ({who}); docs at {url}api/docs; Ctrl-C ends it")
