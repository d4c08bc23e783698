"""How log records become lines: one handler, JSON or console, secrets struck out.

Every room logs by the standard library, `logging.getLogger(__name__)`, with fields in `extra`; only
the composition roots call `configure_logging`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

STRUCK = "[redacted]"
_SECRET_NAME = re.compile(
    r"(?i)(api_?key|secret|token|passw|authorization|cookie|credential|private_?key|dsn)"
)
_USERINFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s@]+@")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_SHORTEST_SECRET = 6
"""Shorter values are not struck out by value: they would eat ordinary words."""


class Redact:
    """Strike out known secret values, and whatever is named or shaped like a secret."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        longest_first = sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len)[::-1]
        self._values = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Clean one event; structlog's processor signature."""
        return {
            key: value if key.startswith("_") else self._clean(key, value)
            for key, value in event.items()
        }

    def _clean(self, key: str, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if _SECRET_NAME.search(key):
            return STRUCK
        if isinstance(value, Mapping):
            fields = cast("Mapping[object, object]", value)
            return {str(k): self._clean(str(k), v) for k, v in fields.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean("", each) for each in cast("Iterable[object]", value)]
        return self.text(str(value))

    def text(self, text: str) -> str:
        """Return `text` with secrets struck out."""
        text = self._values.sub(STRUCK, text)
        text = _USERINFO.sub(rf"\g<scheme>{STRUCK}@", text)
        return _BEARER.sub(rf"\1 {STRUCK}", text)


def configure_logging(
    *,
    level: str = "WARNING",
    style: Literal["console", "json"] = "console",
    secrets: tuple[str, ...] = (),
    stream: TextIO | None = None,
) -> None:
    """Send every record of the process to `stream` (default stderr) as one line each."""
    target = stream or sys.stderr
    renderer: Processor = (
        structlog.processors.JSONRenderer(sort_keys=True)
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                Redact(secrets),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
