"""`mcp`: what is printed for a client starts the same server from wherever the client stands."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from adapters.store.connect import Store
from tests.cli.conftest import ROOT, Outcome

Run = Callable[..., Outcome]
MARIA = ROOT / "examples" / "borrowers" / "maria-santos.json"
CSV = "date,symbol,open,high,low,close,volume\n2020-01-02,OWN,10,11,9,10.5,100\n"


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a client happens to start its servers."""
    return tmp_path_factory.mktemp("elsewhere")


def ask(command: StdioServerParameters, tool: str) -> Any:
    async def call() -> Any:
        async with Client(stdio_client(command)) as client:
            return (await client.call_tool(tool, {})).structured_content

    return asyncio.run(call())


def test_a_printed_entry_brings_data_set_and_borrower_to_any_folder(
    run: Run, home: Path, tmp_path: Path, elsewhere: Path
) -> None:
    (tmp_path / "own.csv").write_text(CSV)
    shutil.copy(MARIA, tmp_path / "mine.json")
    assert run("data", "import", "own.csv", "--name", "own").code == 0
    printed = run(
        *("mcp", "config", "--data", "own", "--borrower", "mine.json"),
        ALPHASHIELD_HOME=os.path.relpath(home, tmp_path),
    )
    entries = printed.json["mcpServers"]
    assert "--borrower" not in entries["alphashield-prices"]["args"]
    for server, tool, field, wanted in (
        ("prices", "prices_list_symbols", "symbols", ["OWN"]),
        ("lending", "lending_get_application", "borrower_name", "Maria Santos"),
    ):
        command = StdioServerParameters(**entries[f"alphashield-{server}"], cwd=elsewhere)
        assert ask(command, tool)[field] == wanted
    assert list(elsewhere.iterdir()) == []


def test_serve_hands_data_set_and_borrower_on(
    run: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    shutil.copy(MARIA, tmp_path / "mine.json")
    words = ["-m", "cli", "mcp", "serve", "lending", "--borrower", "mine.json"]
    command = StdioServerParameters(
        command=sys.executable, args=words, env=environment, cwd=tmp_path
    )
    assert ask(command, "lending_get_application")["borrower_name"] == "Maria Santos"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("config", "--data", "nowhere"), "there is no imported data set 'nowhere'"),
        (("config", "prices", "--borrower", str(MARIA)), "only the server 'lending'"),
        (("config", "--borrower", "none.json"), "none.json cannot be read"),
        (("config", "--borrower", "empty.json"), "empty.json: "),
    ],
)
def test_an_entry_that_could_not_start_is_not_printed(
    run: Run, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "empty.json").write_text("{}")
    refused = run("mcp", *words)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("serve", "prices", "--data", "nowhere"), "there is no imported data set 'nowhere'"),
        (("serve", "prices", "--borrower", str(MARIA)), "only the server 'lending'"),
        (("serve", "lending", "--borrower", "none.json"), "none.json cannot be read"),
        (("serve", "lending", "--borrower", "empty.json"), "empty.json: "),
        (("serve", "lending", "--borrower", str(MARIA), "--run", "x-0"), "not both"),
    ],
)
def test_a_server_that_cannot_have_what_it_was_told_says_so(
    start: Callable[..., Any], tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "empty.json").write_text("{}")
    process = start("mcp", *words)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.promise("secrets")
def test_a_mongodb_of_ones_own_is_named_by_file_and_its_uri_is_never_printed(run: Run) -> None:
    uri = "mongodb://ops:hunter2@127.0.0.1:9/"
    printed = run("mcp", "config", "prices", MONGODB_URI=uri, ALPHASHIELD_DATABASE="funds")
    assert "hunter2" not in printed.out + printed.err
    variables = printed.json["mcpServers"]["alphashield-prices"]["env"]
    assert variables["ALPHASHIELD_DATABASE"] == "funds"
    assert variables["MONGODB_URI_FILE"] in printed.err
    assert "mode 600" in printed.err


def test_a_mongodb_that_a_file_names_is_found_from_any_folder(
    run: Run, store: Store, tmp_path: Path, elsewhere: Path
) -> None:
    (tmp_path / "uri").write_text(store.uri)
    printed = run("mcp", "config", "prices", MONGODB_URI_FILE="uri", ALPHASHIELD_HOME="apart")
    assert "MONGODB_URI" not in printed.err
    entry = printed.json["mcpServers"]["alphashield-prices"]
    assert entry["env"]["MONGODB_URI_FILE"] == str(tmp_path / "uri")
    command = StdioServerParameters(**entry, cwd=elsewhere)
    assert "AAPL" in ask(command, "prices_list_symbols")["symbols"]
    assert not (tmp_path / "apart" / "db").exists()
    assert list(elsewhere.iterdir()) == []
