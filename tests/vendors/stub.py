"""A vendor on loopback: answers by path, and misbehaves as it is told."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """A whole answer, or a part of one: `cut` ends the connection with a reset before the end."""

    body: bytes
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    endless: bool = False


Fault = Callable[[Asked, Reply], Reply]
"""Given the request and the true answer, return what is sent instead."""
Answer = Callable[[Asked], object]
"""Return what is sent as JSON, or a whole `Reply`."""


class VendorStub:
    """Serves while it is entered. `answers` maps a path to what it says; else it says 404."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = dict(answers)
        self.asked: list[Asked] = []
        self.always: Fault | None = None
        self._next: list[Fault | None] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                asked = Asked(parts.path, query, dict(self.headers.items()))
                with suppress(OSError):  # whoever asked may have left
                    _send(self, stub.reply(asked))

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def next(self, *faults: Fault | None) -> None:
        """Answer the next requests with these faults; None answers truly."""
        self._next += faults

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        answer = self.answers.get(asked.path)
        said = Reply(b"{}", 404) if answer is None else answer(asked)
        reply = said if isinstance(said, Reply) else Reply(json.dumps(said).encode())
        fault = self._next.pop(0) if self._next else self.always
        return reply if fault is None else fault(asked, reply)

    def stop(self) -> None:
        """Close the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> VendorStub:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()


def _send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    handler.send_response(reply.status)
    handler.send_header("Content-Type", reply.kind)
    if not reply.endless:
        handler.send_header("Content-Length", str(len(reply.body)))
    handler.send_header("Connection", "close")
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.close_connection = True
    while reply.endless:
        handler.wfile.write(b" ")
    if not reply.cut:
        handler.wfile.write(reply.body)
        return
    handler.wfile.write(reply.body[: len(reply.body) // 2])
    handler.wfile.flush()
    # To linger for no time at all is to reset instead of closing.
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()


def key_of(asked: Asked) -> str:
    """Return the key a request came with, for vendors that repeat it in what they say."""
    headers = {name.lower(): value for name, value in asked.headers.items()}
    for name in ("apikey", "api_key"):
        if name in asked.query:
            return asked.query[name]
    return headers.get("apca-api-key-id", "")


def status(code: int, **headers: str) -> Fault:
    """Refuse with a status, and repeat the key."""

    def fault(asked: Asked, _reply: Reply) -> Reply:
        said = {"message": f"key {key_of(asked)} of {asked.query} is refused"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Reply(json.dumps(said).encode(), code, headers=named)

    return fault


def says(text: str) -> Fault:
    """Send these bytes as JSON; `{key}` in them becomes the key."""
    return lambda asked, _reply: Reply(text.replace("{key}", key_of(asked)).encode())


def body(content: bytes, **changes: Any) -> Fault:
    """Send these bytes with status 200."""
    return lambda _asked, _reply: Reply(content, **changes)


def html(asked: Asked, _reply: Reply) -> Reply:
    page = f"<!doctype html><title>Be right back</title><a href='?{asked.query}'>again</a>"
    return Reply(page.encode(), kind="text/html; charset=utf-8")


def truncated(_asked: Asked, reply: Reply) -> Reply:
    """Send half of the true answer as if it were all."""
    return Reply(reply.body[: len(reply.body) // 2])


def cut(_asked: Asked, reply: Reply) -> Reply:
    """Reset the connection in the middle of the true answer."""
    return Reply(reply.body, cut=True)


def endless(_asked: Asked, _reply: Reply) -> Reply:
    """Drip blanks for ever."""
    return Reply(b"", endless=True)


def bomb(_asked: Asked, _reply: Reply) -> Reply:
    """Pack 70 MB of blanks into some KB."""
    return Reply(_bomb(), headers={"Content-Encoding": "gzip"})


def packed(_asked: Asked, reply: Reply) -> Reply:
    """Send the true answer with gzip."""
    return Reply(gzip.compress(reply.body), headers={"Content-Encoding": "gzip"})


@cache
def _bomb() -> bytes:
    return gzip.compress(b"{" + b" " * (70 << 20), compresslevel=1)
