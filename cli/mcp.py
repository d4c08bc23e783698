"""`mcp`: the tool servers, and plugging them into a client."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.borrower import read_borrower
from cli.doors import Setup, opened, root_of
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
BUNDLED = "bundled"
URI_FILE = "/path/to/a/file/that/holds/MONGODB_URI"
Name = Annotated[str, typer.Argument(metavar="NAME", help="One of those `mcp list` shows.")]
Data = Annotated[str, typer.Option(help="Data set: see `data coverage`.")]
Borrower = Annotated[
    Path | None, typer.Option(help="`lending`: the borrower's JSON file that its tools look at.")
]


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
    run: Annotated[str | None, typer.Option(help="Look at a run of this id.")] = None,
    data: Data = BUNDLED,
    borrower: Borrower = None,
    as_json: Json = False,
) -> None:
    """Serve one server, as `python -m mcp_servers NAME` does."""
    words = [sys.executable, "-m", "mcp_servers", _known(name), "--transport", transport]
    words += ["--host", host, "--port", str(port), "--data", data]
    words += ["--borrower", str(borrower)] if borrower else []
    words += ["--run", run] if run else []
    words += ["--json"] if as_json else []
    # The protocol's stdin and stdout, and signals, go to the server itself.
    os.execv(sys.executable, words)  # noqa: S606  # no shell, and every word is ours or checked


@app.command()
def config(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Default: all.")] = None,
    *,
    data: Data = BUNDLED,
    borrower: Borrower = None,
    as_json: Json = False,
) -> None:
    """Print the JSON that plugs servers into Claude Desktop, Claude Code or Cursor."""
    names = [_known(name)] if name else list(SERVERS)
    setup = root_of(context).setup()
    words = _checked(context, names, data=data, borrower=borrower)
    print_json(
        {
            "mcpServers": {
                f"alphashield-{each}": {
                    "command": sys.executable,
                    "args": ["-m", "mcp_servers", each, *words[each]],
                    "env": _environment(setup),
                }
                for each in names
            }
        }
    )
    if not setup.embedded and setup.uri_file is None:
        note(
            "MONGODB_URI is a secret and is not printed: write it to a file that only you can "
            f"read (mode 600), and put that file's path where {URI_FILE} stands"
        )
    if not as_json:
        note(
            "Claude Desktop: claude_desktop_config.json · Claude Code: .mcp.json in a project · "
            "Cursor: .cursor/mcp.json"
        )


def _checked(
    context: typer.Context, names: list[str], *, data: str, borrower: Path | None
) -> dict[str, list[str]]:
    """Return each server's further arguments, once what they name was found to be there."""
    from schemas.errors import InvalidRequest

    if data != BUNDLED:
        with opened(context) as doors:
            doors.catalog.open(data)
    if borrower is not None:
        if "lending" not in names:
            raise InvalidRequest(
                "only the server 'lending' looks at a borrower: leave --borrower out"
            )
        read_borrower(borrower)
    told = [] if data == BUNDLED else ["--data", data]
    file = ["--borrower", str(borrower.resolve())] if borrower else []
    return {each: [*told, *(file if each == "lending" else [])] for each in names}


def _environment(setup: Setup) -> dict[str, str]:
    """Return what a server needs to find this installation from a folder of the client's choice."""
    top = Path(__file__).resolve().parent.parent
    found = {"PYTHONPATH": str(top), "ALPHASHIELD_HOME": str(setup.home.resolve())}
    for setting in setup.settings:
        if setting.variable == "ALPHASHIELD_DATABASE" and setting.is_set:
            found[setting.variable] = setting.shown
    if not setup.embedded:
        found["MONGODB_URI_FILE"] = str(setup.uri_file.resolve()) if setup.uri_file else URI_FILE
    return found


def _known(name: str) -> str:
    from schemas.errors import NotFound

    if name not in SERVERS:
        raise NotFound(f"unknown server '{name}'; known: {', '.join(SERVERS)}")
    return name
