"""What commands print: JSON for machines, tables and lines for people."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from collections.abc import Generator

    from schemas.jobs import Job, RunProgress

_PIPE_WIDTH = 160
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def print_json(value: object) -> None:
    """Print a value, or messages within it, as JSON."""
    from pydantic_core import to_json

    sys.stdout.write(to_json(value, indent=2).decode() + "\n")


def print_line(text: str) -> None:
    """Print one line to stdout."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Say something beside the result: on stderr, so that stdout stays the result's."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def counted(number: int, noun: str) -> str:
    """Say how many: `1 symbol`, `2 symbols`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; a column whose name begins with `>` is aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        header_style="bold",
        show_header=any(column.removeprefix(">") for column in columns),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for column in columns:
        right = column.startswith(">")
        table.add_column(
            column.removeprefix(">"),
            justify="right" if right else "left",
            no_wrap=right,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    # A file or a pipe has no width of its own: nothing is folded there.
    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)


@contextmanager
def progress(job: Job, *, quiet: bool) -> Generator[Callable[[RunProgress], None]]:
    """Show how far each run of a job is: a bar on a terminal, a line now and then otherwise."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bars(job) as update:
            yield update
    else:
        yield _lines()


@contextmanager
def _bars(job: Job) -> Generator[Callable[[RunProgress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[session]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {
            run.run_id: bars.add_task(
                run.model, total=run.sessions_total, completed=run.sessions_done, session=""
            )
            for run in job.runs
        }

        def update(run: RunProgress) -> None:
            bars.update(
                tasks[run.run_id],
                completed=run.sessions_done,
                session=str(run.last_session or ""),
            )

        yield update


def _lines() -> Callable[[RunProgress], None]:
    """Print a line for each tenth of a run, and for its end."""
    said: dict[str, tuple[int, str]] = {}

    def update(run: RunProgress) -> None:
        tenth = 10 * run.sessions_done // max(run.sessions_total, 1)
        if said.get(run.run_id) == (tenth, run.state):
            return
        said[run.run_id] = tenth, run.state
        note(
            f"{run.model}: {run.sessions_done} of {run.sessions_total} sessions, {run.state}"
            + (f", {run.last_session}" if run.last_session else "")
        )

    return update
