"""Names with one home, where import-linter cannot see: parts of packages, standard library."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.house.rooms import modules


@dataclass(frozen=True)
class Home:
    """`name` (dotted) may be used only in files whose path starts with one of `allowed`."""

    name: str
    allowed: tuple[str, ...]
    instead: str


HOMES = (
    Home("os.environ", ("config/",), "settings come in as arguments, read by config.settings"),
    Home("os.getenv", ("config/",), "settings come in as arguments, read by config.settings"),
    Home("datetime.datetime.now", ("adapters/clock.py",), "time is an argument"),
    Home("datetime.datetime.utcnow", (), "time is an argument"),
    Home("datetime.datetime.today", (), "time is an argument"),
    Home("datetime.date.today", (), "time is an argument"),
    Home("mcp.server", ("mcp_servers/",), "servers are built in mcp_servers"),
    Home("mcp.client", ("adapters/",), "tools are called through interfaces"),
    Home("mcp.Client", ("adapters/",), "tools are called through interfaces"),
    Home("numpy.random.seed", (), "randomness is a generator that comes in as an argument"),
)


def _imported(tree: ast.Module) -> dict[str, str]:
    """Map each name a module binds by import to what it stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _used(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield every dotted name a module imports or reads, resolved through its imports."""
    names = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            top, _, rest = dotted.partition(".")
            if top in names:
                yield f"{names[top]}.{rest}", node.lineno


def problems(root: Path) -> list[str]:
    found: set[str] = set()
    for path in modules(root):
        name = path.relative_to(root).as_posix()
        for used, line in _used(ast.parse(path.read_text(encoding="utf-8"))):
            for home in HOMES:
                inside = used == home.name or used.startswith(f"{home.name}.")
                if inside and not name.startswith(home.allowed or ("nowhere/",)):
                    found.add(f"{name}:{line} uses {home.name}; {home.instead}")
    return sorted(found)
