"""How gunicorn serves the API under `alphashield serve`: `--config python:api.gunicorn`."""

from __future__ import annotations

import os
import signal
import threading
import time

# One process: rate limits and metrics are counted within it.
workers = 1
worker_class = "gthread"
threads = 16
loglevel = "warning"
_POLL_SECONDS = 1.0


def when_ready(server: object) -> None:
    """Stop serving once the process that started this one is gone, however it went."""
    del server
    parent = os.getppid()
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
