"""The documents' tables are what the code says, and every command in them would be understood."""

import re
import shlex
from pathlib import Path

import pytest
import typer
import typer.main
from typer.core import TyperGroup

from cli.main import app
from tests.house import documents, tools_table

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("page", "name", "table"),
    [
        (tools_table.MCP_PAGE, "tools", tools_table.tools_table),
        (tools_table.SETTINGS_PAGE, "settings", tools_table.settings_table),
    ],
)
def test_a_table_in_the_documents_is_what_the_code_says(page, name, table):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert tools_table.between(text, name) == table(), "run `python -m tests.house.tools_table`"


def test_a_table_without_its_place_is_named():
    with pytest.raises(LookupError, match="tools"):
        tools_table.between("<!-- tools -->\nno end", "tools")


def fenced_commands() -> list[str]:
    """Return every `alphashield …` line of a fenced block, joined and without its comment."""
    found: set[str] = set()
    for path in documents.documents(ROOT):
        for block in documents.FENCE.findall(path.read_text(encoding="utf-8")):
            lines = block.replace("\\\n", " ").splitlines()
            found |= {line.strip() for line in lines if re.match(r"\s*alphashield ", line)}
    return sorted(found)


def parse(words: list[str]) -> None:
    """Have the command line read the words, needed options and choices too, and run nothing."""
    command, context = typer.main.get_command(app), None
    while True:
        context = command.make_context(words[0], words[1:], parent=context)
        if not isinstance(command, TyperGroup):
            return
        words = [*context._protected_args, *context.args]
        if not words and command.invoke_without_command:  # a group that says something by itself
            return
        _, command, _ = command.resolve_command(context, words)


@pytest.mark.parametrize("line", fenced_commands())
def test_a_command_in_the_documents_parses(line):
    parse(shlex.split(line, comments=True))


@pytest.mark.parametrize(
    "line",
    [
        "alphashield simulate --start 2020-01-02 --end 2020-02-03",
        "alphashield jobs show",
        "alphashield jobs list --limit many",
        "alphashield worker now",
    ],
)
def test_a_command_that_lacks_something_does_not_parse(line):
    with pytest.raises(typer.TyperException):
        parse(shlex.split(line))
