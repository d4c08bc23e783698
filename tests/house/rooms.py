"""What belongs to the house: its rooms and their modules."""

from collections.abc import Iterator
from pathlib import Path

ROOMS = (
    "schemas",
    "quant",
    "lending",
    "trading",
    "interfaces",
    "config",
    "adapters",
    "agents",
    "mcp_servers",
    "orchestrator",
    "api",
    "cli",
)


def modules(root: Path, *folders: str) -> Iterator[Path]:
    """Yield every Python file of these folders (of all rooms when none is named), sorted."""
    for folder in folders or ROOMS:
        yield from sorted((root / folder).rglob("*.py"))
