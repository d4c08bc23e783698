"""A TCP proxy between a client and a database that loses acknowledgements on demand."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from types import TracebackType
from typing import Self


class LossyProxy:
    """Forwards everything but the answer to the first request with a certain word.

    The request reaches the database; instead of its answer the client sees the connection break.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._word: bytes | None = None
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lost = 0
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def lose(self, word: str) -> None:
        """Lose the answer to the next request that contains the word."""
        self._word = word.encode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        self._listener.settimeout(0.05)
        while not self._closed.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            while not self._closed.is_set():
                readable, _, _ = select.select([client, server], [], [], 0.05)
                if client in readable and not self._request(client, server):
                    return
                if server in readable:
                    answer = _message(server)
                    if answer is None:
                        return
                    client.sendall(answer)

    def _request(self, client: socket.socket, server: socket.socket) -> bool:
        request = _message(client)
        if request is None:
            return False
        server.sendall(request)
        if self._word is None or self._word not in request:
            return True
        self._word = None
        _message(server)  # the database has done it
        self.lost += 1
        return False


def _message(connection: socket.socket) -> bytes | None:
    """Read one message of the wire protocol; its length comes first."""
    with contextlib.suppress(OSError):
        head = _exactly(connection, 4)
        return head + _exactly(connection, struct.unpack("<i", head)[0] - 4)
    return None


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionResetError
        data += part
    return data
