"""The embedded server's process: nx-27017 on a socket that its supervisor listens on.

`python -m adapters.store.server HOME DESCRIPTOR`. It says `ready` on its standard output once it
answers, and ends when its standard input does: with its supervisor, however that ends. SQLite runs
with a write-ahead log: what was acknowledged survives the death of this process at any moment; a
loss of power may cost the last writes, never the consistency.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

from nx_27017.handler import NeoSQLiteHandler
from nx_27017.server import handle_client

from adapters.store.locks import Files, hold

_PREDECESSOR_SECONDS = 10.0
_INPUT, _OUTPUT, _ERRORS = 0, 1, 2


def main(home: str, descriptor: str) -> None:
    """Serve until standard input ends; never returns."""
    files = Files(Path(home))
    ready = os.dup(_OUTPUT)
    os.dup2(_ERRORS, _OUTPUT)  # the library may print; the pipe is for one word
    if hold(files.server, patience=_PREDECESSOR_SECONDS) is None:
        sys.exit("an earlier server still runs on these files")
    handler = NeoSQLiteHandler(data_dir=str(files.data))
    asyncio.run(_serve(handler, socket.socket(fileno=int(descriptor)), ready))


async def _serve(handler: NeoSQLiteHandler, listener: socket.socket, ready: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handle_client(reader, writer, handler)

    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(_INPUT, over.set)
    await asyncio.start_server(answer, sock=listener)
    os.write(ready, b"ready\n")
    await over.wait()
    if os.read(_INPUT, 1):  # asked to stop, nobody is connected: tidy up
        handler.close_all()
    os._exit(0)  # requests in flight were not acknowledged: nothing waits for their threads


if __name__ == "__main__":
    main(*sys.argv[1:])
