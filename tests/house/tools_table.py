"""The tables of tools and settings in the documents, written from the code itself.

`python -m tests.house.tools_table` writes them anew; a test holds the documents to them.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import mcp
from mcp.types import Tool

from adapters.wiring import System, open_system
from config.settings import Settings, describe
from mcp_servers.__main__ import BUILDERS, build_server

MCP_PAGE = Path("docs/mcp.md")
SETTINGS_PAGE = Path("docs/operations.md")


def tools_table() -> str:
    """Return the table of every server's tools, in the order of the servers."""
    with (
        tempfile.TemporaryDirectory() as home,
        open_system(Settings.model_construct(home=Path(home))) as system,
    ):
        tools = asyncio.run(_tools(system))
    rows = [(f"`{tool.name}`", _does(tool), _arguments(tool), _first(tool)) for tool in tools]
    return _table(("tool", "", "arguments", "what it does"), rows)


def settings_table() -> str:
    """Return the table of every setting with its default."""
    states = describe(Settings.model_construct())
    rows = [(f"`{s.variable}`", _plain(s.shown), _plain(s.meaning)) for s in states]
    return _table(("variable", "default", "for"), rows)


def between(text: str, name: str) -> str:
    """Return what stands between a page's `<!-- NAME -->` and `<!-- /NAME -->`."""
    return text[_place(text, name)]


def replaced(text: str, name: str, table: str) -> str:
    """Return the page with that part replaced."""
    place = _place(text, name)
    return text[: place.start] + table + text[place.stop :]


def _place(text: str, name: str) -> slice:
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    if found is None:
        raise LookupError(f"the page has no place for the table of {name}")
    return slice(*found.span(1))


async def _tools(system: System) -> list[Tool]:
    found: list[Tool] = []
    for name in BUILDERS:
        server = build_server(name, system, run_id=None, data="bundled")
        async with mcp.Client(server) as client:
            found += (await client.list_tools()).tools
    return found


def _does(tool: Tool) -> str:
    notes = tool.annotations
    if notes is None or notes.read_only_hint:
        return "reads"
    return "removes" if notes.destructive_hint else "writes"


def _arguments(tool: Tool) -> str:
    needed = set(tool.input_schema.get("required", ()))
    names = tool.input_schema.get("properties", {})
    return ", ".join(f"**{name}**" if name in needed else name for name in names)


def _first(tool: Tool) -> str:
    """Return the description's first sentence: what stands before its first blank line."""
    return _plain((tool.description or "").split("\n\n")[0])


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Write both tables into their pages."""
    for page, name, table in (
        (MCP_PAGE, "tools", tools_table()),
        (SETTINGS_PAGE, "settings", settings_table()),
    ):
        page.write_text(replaced(page.read_text(encoding="utf-8"), name, table), encoding="utf-8")


if __name__ == "__main__":
    main()
