"""`mcp`: the tool servers, and plugging them into a client."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.doors import root_of
from cli.output import Json, note, print_json, print_table

app = typer.Typer(help="Tool servers for Claude Desktop, Claude Code, Cursor or any MCP client.")
SERVERS = {
    "prices": "bars, quotes, returns, symbols, calendar and clock, as known at the moment",
    "search": "dated news and documents of this installation",
    "trading": "a paper account: orders through the risk gate, positions, rebalancing",
    "memory": "remember and recall, by meaning",
    "quantum": "portfolio optimisation and asset selection, classical and annealed, compared",
    "lending": "schedules, APR, affordability, coverage, contract terms, tax",
}
Name = Annotated[str, typer.Argument(metavar="NAME", help="One of those `mcp list` shows.")]


@app.command("list")
def list_servers(as_json: Json = False) -> None:
    """List the tool servers."""
    if as_json:
        print_json({"servers": [{"name": n, "about": about} for n, about in SERVERS.items()]})
    else:
        print_table("", ("server", "tools for"), SERVERS.items())


@app.command()
def serve(
    name: Name,
    *,
    transport: Annotated[str, typer.Option(help="`stdio` or `http`.")] = "stdio",
    host: Annotated[str, typer.Option(help="HTTP: where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="HTTP: port.")] = 8100,
    run: Annotated[str | None, typer.Option(help="Look at a finished run of this id.")] = None,
    as_json: Json = False,
) -> None:
    """Serve one server, as `python -m mcp_servers NAME` does."""
    words = [sys.executable, "-m", "mcp_servers", _known(name), "--transport", transport]
    words += ["--host", host, "--port", str(port)]
    words += ["--run", run] if run else []
    words += ["--json"] if as_json else []
    # The protocol's stdin and stdout, and signals, go to the server itself.
    os.execv(sys.executable, words)  # noqa: S606  # no shell, and every word is ours or checked


@app.command()
def config(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Default: all.")] = None,
    as_json: Json = False,
) -> None:
    """Print the JSON that plugs servers into Claude Desktop, Claude Code or Cursor."""
    top = Path(__file__).resolve().parent.parent
    home = root_of(context).setup().home.resolve()
    names = [_known(name)] if name else list(SERVERS)
    print_json(
        {
            "mcpServers": {
                f"alphashield-{each}": {
                    "command": sys.executable,
                    "args": ["-m", "mcp_servers", each],
                    # Clients start servers in a folder of their own choice.
                    "env": {"PYTHONPATH": str(top), "ALPHASHIELD_HOME": str(home)},
                }
                for each in names
            }
        }
    )
    if not as_json:
        note(
            "Claude Desktop: claude_desktop_config.json · Claude Code: .mcp.json in a project · "
            "Cursor: .cursor/mcp.json"
        )


def _known(name: str) -> str:
    from schemas.errors import NotFound

    if name not in SERVERS:
        raise NotFound(f"unknown server '{name}'; known: {', '.join(SERVERS)}")
    return name
