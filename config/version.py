"""Which code this is: part of every run's identity."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

VERSION = "0.1.0"
ROOMS = (
    "adapters",
    "agents",
    "config",
    "interfaces",
    "lending",
    "mcp_servers",
    "orchestrator",
    "quant",
    "schemas",
    "trading",
)
"""Rooms whose code can change a result; the faces (`api`, `cli`) cannot."""
_KINDS = frozenset({".py", ".md", ".yaml", ".json", ".j2", ".css", ".js"})


@functools.cache
def code_version(root: Path | None = None) -> str:
    """Return `VERSION+HASH`, the hash being over every file of the rooms that shape results."""
    top = root or Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((top / room).rglob("*")):
            if path.suffix in _KINDS and "__pycache__" not in path.parts:
                digest.update(path.relative_to(top).as_posix().encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"{VERSION}+{digest.hexdigest()[:12]}"
