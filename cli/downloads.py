"""`data download|refresh|downloads`: fetching rows from providers, here or by a worker."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from cli.doors import Doors, opened
from cli.group import DONE, FAILED, INTERRUPTED, REFUSED, UNAVAILABLE
from cli.output import Json, counted, note, print_json, print_line, print_table
from cli.running import draining

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from collections.abc import Callable, Generator

    from schemas.base import Message
    from schemas.downloads import Download

_M = TypeVar("_M", bound="Message")
_STOPPING = "stopping; what was fetched is kept ..."
_EXIT_CODES = {
    "completed": DONE,
    "partial": FAILED,
    "failed": FAILED,
    "paused": UNAVAILABLE,
    "cancelled": REFUSED,
    "queued": INTERRUPTED,
    "running": INTERRUPTED,
}
_OPTIONS = {
    "data": "NAME",
    "kinds": "--kinds",
    "symbols": "--symbols",
    "series": "--series",
    "start_date": "--start",
    "end_date": "--end",
    "providers": "--provider",
    "splits": "--splits",
    "calendar": "--calendar",
    "currency": "--currency",
}
_SHOWN_FAILURES = 12
Provider = Annotated[str | None, typer.Option(help="Whom to ask, in this order, comma-separated.")]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Store it and leave it to a worker (`serve` has one).")
]


def download(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="The data set that is made or extended.")
    ] = None,
    *,
    symbols: Annotated[str, typer.Option(help="Symbols, comma-separated.")] = "",
    series: Annotated[str, typer.Option(help="Macro series, comma-separated: `UNRATE`.")] = "",
    start: Annotated[str | None, typer.Option(help="First day, as 2020-01-02.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day; default: yesterday.")] = None,
    kinds: Annotated[
        str | None,
        typer.Option(
            help="Of `bars,actions,macro,news`. Default: bars and actions of the symbols, macro "
            "data of the series."
        ),
    ] = None,
    provider: Provider = None,
    splits: Annotated[
        str | None,
        typer.Option(
            help="What to do about moves that look like a split nobody states: `adjust` records "
            "splits, `accept` takes the moves for real. Without it, runs over them are refused."
        ),
    ] = None,
    calendar: Annotated[str, typer.Option(help="Exchange calendar of a new set.")] = "XNYS",
    currency: Annotated[str, typer.Option(help="ISO 4217, of a new set.")] = "USD",
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with a download that stopped.")
    ] = None,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Fetch prices, actions, macro data or news from providers into a data set.

    What is fetched is kept as it comes and published at the end, all at once. A download that was
    stopped goes on when the same command is given again, or with `--resume ID`; with that, chunks
    that failed are tried again.
    """
    with opened(context) as doors:
        if resume is not None:
            _refuse_with_resume(name, symbols, series)
            found = _resumed(doors, resume)
        else:
            found = _submitted(
                doors,
                {
                    "data": name,
                    "kinds": _listed(kinds) if kinds else _kinds(symbols, series),
                    "symbols": _listed(symbols),
                    "series": _listed(series),
                    "start_date": start,
                    "end_date": end or _yesterday(doors),
                    "providers": _listed(provider) if provider else None,
                    "splits": splits,
                    "calendar": calendar,
                    "currency": currency,
                },
            )
        _run(doors, found, wait=not no_wait, as_json=as_json)


def refresh(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The data set.")],
    *,
    kinds: Annotated[
        str | None, typer.Option(help="Only these of `bars,actions,macro,news`.")
    ] = None,
    provider: Provider = None,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Bring a data set up to yesterday: every symbol and series, restated values too."""
    from schemas.api import RefreshRequest

    wanted = _checked(
        RefreshRequest,
        {
            "data": name,
            "kinds": _listed(kinds) if kinds else None,
            "providers": _listed(provider) if provider else None,
        },
    )
    with opened(context) as doors:
        from orchestrator.datasets import refresh_request, submit_download

        found = submit_download(refresh_request(wanted, doors.data), doors.data)
        _run(doors, found, wait=not no_wait, as_json=as_json)


def downloads(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 20,
    cancel: Annotated[
        str | None, typer.Option(metavar="ID", help="Stop this one and give up what it fetched.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List downloads, newest first; or stop one."""
    from schemas.api import DownloadView

    with opened(context) as doors:
        if cancel is not None:
            from orchestrator.datasets import cancel_download

            found = [cancel_download(cancel, doors.data)]
        else:
            found = [*doors.data.downloads.list(limit=limit)]
    views = [DownloadView.of(each) for each in found]
    if as_json:
        print_json({"downloads": views})
        return
    print_table(
        "",
        ("download", "state", "data", "kinds", "dates", ">chunks", ">rows", "error"),
        (
            (
                view.download_id,
                view.state,
                view.request.data,
                ", ".join(view.request.kinds),
                f"{view.request.start_date}..{view.request.end_date}",
                f"{view.chunks_done}/{view.chunks_total}",
                view.rows,
                view.error,
            )
            for view in views
        ),
    )


def _listed(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]


def _kinds(symbols: str, series: str) -> list[str]:
    return [*(["bars", "actions"] if symbols or not series else []), *(["macro"] if series else [])]


def _yesterday(doors: Doors) -> str:
    from datetime import timedelta

    return (doors.wall.now().date() - timedelta(days=1)).isoformat()


def _refuse_with_resume(*given: str | None) -> None:
    from schemas.errors import InvalidRequest

    if any(given):
        raise InvalidRequest("--resume ID goes on with what was asked for: leave the rest out")


def _resumed(doors: Doors, download_id: str) -> Download:
    found = doors.data.downloads.get(download_id)
    # One that Ctrl-C or a crash left behind is queued, or still marked as running.
    if found.state in {"queued", "running"}:
        return found
    return doors.data.downloads.resume(download_id, now=doors.wall.now())


def _submitted(doors: Doors, fields: dict[str, Any]) -> Download:
    from orchestrator.datasets import submit_download
    from schemas.downloads import DownloadRequest
    from schemas.errors import InvalidRequest

    for field in ("data", "start_date"):
        if fields[field] is None:
            raise InvalidRequest(f"{_OPTIONS[field]} is missing")
    return submit_download(_checked(DownloadRequest, fields), doors.data)


def _checked(kind: type[_M], fields: dict[str, Any]) -> _M:
    from pydantic import ValidationError

    from schemas.errors import InvalidRequest
    from schemas.validation import sentence_of

    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise InvalidRequest(sentence_of(error, _OPTIONS)) from error


def _run(doors: Doors, download: Download, *, wait: bool, as_json: bool) -> None:
    """Drain the download in this process, say what came of it, and exit with its code."""
    if not wait:
        _tell(download, as_json=as_json)
        raise typer.Exit(DONE)
    drain = threading.Event()
    with draining(drain, _STOPPING), _progress(quiet=as_json) as watch:
        ended = doors.downloader(drain).see_through(download.download_id, watch)
    _tell(ended, as_json=as_json)
    raise typer.Exit(_exit_code_of(ended))


def _exit_code_of(download: Download) -> int:
    code = _EXIT_CODES[download.state]
    if code in {INTERRUPTED, UNAVAILABLE} or download.state in {"partial", "failed"}:
        note(f"go on with `alphashield data download --resume {download.download_id}`")
    return code


def _tell(download: Download, *, as_json: bool) -> None:
    from schemas.api import DownloadView

    view = DownloadView.of(download)
    if as_json:
        print_json(view)
        return
    print_line(
        f"download {view.download_id} into '{view.request.data}' is {view.state}: "
        f"{view.chunks_done} of {counted(view.chunks_total, 'chunk')}, {counted(view.rows, 'row')}"
        + (f", from {', '.join(view.providers)}" if view.providers else "")
        + (f"; {view.error}" if view.error and view.state != "partial" else "")
    )
    for chunk in view.failures[:_SHOWN_FAILURES]:
        print_line(f"- {chunk.kind} of {chunk.item} failed: {chunk.error}")
    hidden = view.chunks_failed - min(len(view.failures), _SHOWN_FAILURES)
    if hidden > 0:
        print_line(f"  and {counted(hidden, 'more failed chunk')}")
    for said in view.report.notes if view.report else ():
        print_line(f"- {said}")


@contextmanager
def _progress(*, quiet: bool) -> Generator[Callable[[Download], None]]:
    """Show how far a download is: a bar on a terminal, a line for each tenth otherwise."""
    import sys

    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar() as update:
            yield update
    else:
        yield _lines()


@contextmanager
def _bar() -> Generator[Callable[[Download], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[now]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("download", total=None, now="")

        def update(download: Download) -> None:
            ended, item = _reach(download)
            bars.update(task, completed=ended, total=len(download.chunks), now=item)

        yield update


def _lines() -> Callable[[Download], None]:
    said = -1

    def update(download: Download) -> None:
        nonlocal said
        ended, _ = _reach(download)
        tenth = 10 * ended // max(len(download.chunks), 1)
        if tenth != said:
            said = tenth
            note(f"{ended} of {counted(len(download.chunks), 'chunk')}, {download.state}")

    return update


def _reach(download: Download) -> tuple[int, str]:
    """Return how many chunks are settled, and which comes next."""
    waiting = [chunk for chunk in download.chunks if chunk.state == "waiting"]
    item = f"{waiting[0].kind} of {waiting[0].item}" if waiting else ""
    return len(download.chunks) - len(waiting), item
