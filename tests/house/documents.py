"""Every link and every command in the documents leads somewhere."""

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import typer.main
from typer.core import TyperGroup

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`((?:make|alphashield|python -m) [^`\n]+)`(?!`)")


def documents(root: Path) -> list[Path]:
    """List the documents a user reads."""
    return [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _dead_links(path: Path, text: str, root: Path) -> Iterator[str]:
    name = path.relative_to(root).as_posix()
    for link in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists():
            yield f"{name} links to {link}, which does not exist"
        elif anchor and target.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            if anchor not in {_anchor(heading) for heading in headings}:
                yield f"{name} links to {link}, but there is no such heading"


def _commands(text: str) -> Iterator[str]:
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            command = line.removeprefix("$ ").split(" #")[0].strip()
            if command and not command.startswith("#"):
                yield command
    yield from INLINE.findall(text)


def _unknown_alphashield(words: list[str]) -> str | None:
    from cli.main import app  # not before a document speaks of it

    command = typer.main.get_command(app)
    for depth, word in enumerate(words):
        if isinstance(command, TyperGroup) and not word.startswith("-"):
            if word not in command.commands:
                return f"`alphashield {' '.join(words[: depth + 1])}` is no command"
            command = command.commands[word]
    options = {opt for param in command.params for opt in (*param.opts, *param.secondary_opts)}
    for word in words:
        if word.startswith("-") and word.split("=")[0] not in {*options, "--help"}:
            return f"{word} is no option of `alphashield {words[0]}`"
    return None


def unknown_command(command: str, targets: set[str]) -> str | None:
    """Say what a command line names that is not there; programs that are not ours pass."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        return f"`{command}` leaves a quote open: keep what is quoted on one line"
    while words and re.match(r"^[A-Z_]+=", words[0]):
        words = words[1:]
    if not words:
        return None
    program = words[0].rsplit("/", 1)[-1]
    if program == "make":
        goals = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        missing = [goal for goal in goals if goal not in targets]
        return f"`make {missing[0]}` is no target" if missing else None
    if program == "alphashield":
        return _unknown_alphashield(words[1:])
    if program.startswith("python") and words[1:2] == ["-m"]:
        module = words[2].split(".")[0]
        return None if find_spec(module) else f"there is no module {module}"
    return None


def problems(root: Path) -> list[str]:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    found: list[str] = []
    for path in documents(root):
        text = path.read_text(encoding="utf-8")
        found += _dead_links(path, text, root)
        name = path.relative_to(root).as_posix()
        found += [
            f"{name}: {what}" for c in _commands(text) if (what := unknown_command(c, targets))
        ]
    return found
